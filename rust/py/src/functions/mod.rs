//! Functions of the top level: those of the Python array API standard, and torch's where the standard has none.

mod over_axes;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tenfold::ir::kernel::Side;
use tenfold::{Error, Tensor};

use crate::cell::make_view;
use crate::convert::{Integers, PyArgument, TensorArgument, diagonal_of, either};
use crate::dtype::DTypeArgument;
use crate::errors::{Named, to_python};
use crate::reductions::pair;
use crate::tensor::PyTensor;
use crate::views::{expanded, permuted, reshaped, unbound, viewed};

type Object<'py> = Bound<'py, PyTensor>;

/// The tensor object of a function's result; its errors begin with the name of the function that was called.
fn wrapped(function: &'static str, value: tenfold::Result<Tensor>) -> PyResult<PyTensor> {
    Ok(value.map_err(|error| to_python(error.in_operation(function)))?.into())
}

fn values(tensors: &[TensorArgument]) -> Vec<&Tensor> {
    tensors.iter().map(|tensor| &tensor.0).collect()
}

/// The elements in order along an axis; with `dim` as the method: also the indices. Always stable; NaN last.
#[pyfunction]
#[pyo3(signature = (x, /, dim=None, descending=false, *, axis=None, stable=true))]
pub fn sort<'py>(
    x: &Object<'py>,
    dim: Option<i64>,
    descending: bool,
    axis: Option<i64>,
    stable: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let along = either("sort", ["dim", "axis"], dim, axis)?.unwrap_or(-1);
    let (values, indices) = x.get().value()?.sort(along, descending, stable).named("sort")?;
    if dim.is_some() {
        return pair(x.py(), "sort", values, indices);
    }
    Ok(PyTensor::from(values).into_object(x.py())?.into_any())
}

/// The indices that put an axis in order. Always stable; NaN last.
#[pyfunction]
#[pyo3(signature = (x, /, dim=None, descending=false, *, axis=None, stable=true))]
pub fn argsort(
    x: &Object<'_>,
    dim: Option<i64>,
    descending: bool,
    axis: Option<i64>,
    stable: bool,
) -> PyResult<PyTensor> {
    let along = either("argsort", ["dim", "axis"], dim, axis)?.unwrap_or(-1);
    wrapped("argsort", x.get().value()?.argsort(along, descending, stable))
}

/// Where each element of `x2` would have to be inserted into the sorted vector `x1`.
#[pyfunction]
#[pyo3(signature = (x1, x2, /, *, side="left", sorter=None))]
pub fn searchsorted(
    x1: TensorArgument,
    x2: TensorArgument,
    side: &str,
    sorter: Option<TensorArgument>,
) -> PyResult<PyTensor> {
    let side = match side {
        "left" => Side::Left,
        "right" => Side::Right,
        other => {
            return Err(PyValueError::new_err(format!(
                "searchsorted: side is 'left' or 'right'; got '{other}'"
            )));
        }
    };
    wrapped("searchsorted", x1.0.searchsorted(&x2.0, side, sorter.as_ref().map(|sorter| &sorter.0)))
}

/// The indices of the elements that are not zero: a vector an axis.
#[pyfunction]
#[pyo3(signature = (x, /))]
pub fn nonzero<'py>(x: &Object<'py>) -> PyResult<Bound<'py, PyTuple>> {
    let value = x.get().value()?;
    if value.rank() == 0 {
        return Err(PyValueError::new_err("nonzero: a 0-dimensional tensor has no indices"));
    }
    let columns = value.nonzero().and_then(|rows| rows.unbind(1)).named("nonzero")?;
    PyTuple::new(x.py(), columns.into_iter().map(PyTensor::from))
}

/// The slices of an axis that a vector of integers names.
#[pyfunction]
#[pyo3(signature = (x, indices, /, *, axis=None))]
pub fn take(x: &Object<'_>, indices: TensorArgument, axis: Option<i64>) -> PyResult<PyTensor> {
    let value = x.get().value()?;
    if axis.is_none() && value.rank() != 1 {
        return Err(PyValueError::new_err(format!(
            "take: needs axis for a tensor with {} axes",
            value.rank()
        )));
    }
    wrapped("take", value.take(&indices.0, axis.or(Some(0))))
}

/// The elements of each row that integers along an axis name.
#[pyfunction]
#[pyo3(signature = (x, indices, /, *, axis=-1))]
pub fn take_along_axis(x: &Object<'_>, indices: TensorArgument, axis: i64) -> PyResult<PyTensor> {
    wrapped("take_along_axis", x.get().value()?.take_along_axis(&indices.0, axis))
}

/// The elements limited to `min` and `max`: numbers or tensors.
#[pyfunction]
#[pyo3(signature = (x, /, min=None, max=None))]
pub fn clip(x: &Object<'_>, min: Option<PyArgument>, max: Option<PyArgument>) -> PyResult<PyTensor> {
    let value = x.get().value()?;
    if min.is_none() && max.is_none() {
        return wrapped("clip", value.positive());
    }
    wrapped(
        "clip",
        value.clamp(min.as_ref().map(PyArgument::as_argument), max.as_ref().map(PyArgument::as_argument)),
    )
}

/// The matrix product over the last two axes; batch axes broadcast.
#[pyfunction]
#[pyo3(signature = (x1, x2, /))]
pub fn matmul(x1: &Object<'_>, x2: &Object<'_>) -> PyResult<PyTensor> {
    wrapped("matmul", x1.get().value()?.matmul(&x2.get().value()?))
}

/// The product of int8, summed in int32.
#[pyfunction]
#[pyo3(signature = (input, mat2, /))]
pub fn _int_mm(input: &Object<'_>, mat2: &Object<'_>) -> PyResult<PyTensor> {
    wrapped("_int_mm", input.get().value()?.wide_matmul(&mat2.get().value()?))
}

/// Matrices transposed: the last two axes exchanged.
#[pyfunction]
#[pyo3(signature = (x, /))]
pub fn matrix_transpose(x: &Object<'_>) -> PyResult<PyTensor> {
    Ok(PyTensor::matrices_transposed(x).named("matrix_transpose")?)
}

/// Sums of products over pairs of axes: the last `axes` of `x1` with the first of `x2`, or two sequences of axes.
#[pyfunction]
#[pyo3(signature = (x1, x2, /, dims=None, *, axes=None))]
pub fn tensordot<'py>(
    x1: &Object<'py>,
    x2: &Object<'py>,
    dims: Option<&Bound<'py, PyAny>>,
    axes: Option<&Bound<'py, PyAny>>,
) -> PyResult<PyTensor> {
    let axes = either("tensordot", ["dims", "axes"], dims, axes)?;
    let (a, b) = (x1.get().value()?, x2.get().value()?);
    let count = match axes {
        None => Some(2),
        Some(axes) => axes.extract::<usize>().ok(),
    };
    let (first, second): (Vec<i64>, Vec<i64>) = match (count, axes) {
        (Some(count), _) => {
            if count > a.rank().min(b.rank()) {
                return Err(to_python(Error::shape(
                    "tensordot",
                    format!("{count} axes do not fit shapes {} and {}", a.shape(), b.shape()),
                )));
            }
            ((a.rank() - count..a.rank()).map(|axis| axis as i64).collect(), (0..count as i64).collect())
        }
        (None, Some(axes)) => {
            let (first, second): (Integers, Integers) = axes.extract()?;
            (first.0, second.0)
        }
        (None, None) => return Err(PyTypeError::new_err("tensordot: needs axes")),
    };
    wrapped("tensordot", a.tensordot(&b, (&first, &second)))
}

/// Inner products along an axis (the first operand conjugated); other axes broadcast.
#[pyfunction]
#[pyo3(signature = (x1, x2, /, *, axis=-1))]
pub fn vecdot(x1: &Object<'_>, x2: &Object<'_>, axis: i64) -> PyResult<PyTensor> {
    wrapped("vecdot", x1.get().value()?.vecdot(&x2.get().value()?, axis))
}

/// Sums of products by Einstein's convention: `einsum("ij,jk->ik", a, b)`.
#[pyfunction]
#[pyo3(signature = (equation, *operands))]
pub fn einsum(equation: &str, operands: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
    let operands = match operands.len() {
        1 if operands.get_item(0)?.cast::<PyTensor>().is_err() => {
            operands.get_item(0)?.extract::<Vec<TensorArgument>>()?
        }
        _ => operands.iter().map(|operand| operand.extract()).collect::<PyResult<Vec<TensorArgument>>>()?,
    };
    wrapped("einsum", Tensor::einsum(equation, &values(&operands)))
}

/// Tensors joined along an axis that they have; flattened first where `axis` is None.
#[pyfunction]
#[pyo3(signature = (arrays, /, axis=Some(0), *, dim=None))]
pub fn concat(arrays: Vec<TensorArgument>, axis: Option<i64>, dim: Option<i64>) -> PyResult<PyTensor> {
    wrapped("concat", Tensor::concatenate(&values(&arrays), dim.or(axis)))
}

/// Tensors joined along an axis that they have.
#[pyfunction]
#[pyo3(signature = (tensors, dim=0))]
pub fn cat(tensors: Vec<TensorArgument>, dim: i64) -> PyResult<PyTensor> {
    // An empty vector joins anything, as in PyTorch.
    let kept: Vec<&Tensor> =
        values(&tensors).into_iter().filter(|tensor| tensor.shape()[..] != [0]).collect();
    wrapped(
        "cat",
        if kept.is_empty() {
            Tensor::concatenate(&values(&tensors), Some(dim))
        } else {
            Tensor::concatenate(&kept, Some(dim))
        },
    )
}

/// Tensors of one shape joined along a new axis.
#[pyfunction]
#[pyo3(signature = (arrays, /, dim=None, *, axis=None))]
pub fn stack(arrays: Vec<TensorArgument>, dim: Option<i64>, axis: Option<i64>) -> PyResult<PyTensor> {
    let axis = either("stack", ["dim", "axis"], dim, axis)?.unwrap_or(0);
    wrapped("stack", Tensor::stack(&values(&arrays), axis))
}

/// The elements along an axis, one tensor (view) each.
#[pyfunction]
#[pyo3(signature = (x, /, *, axis=0))]
pub fn unstack<'py>(x: &Object<'py>, axis: i64) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(x.py(), unbound(x, axis).named("unstack")?)
}

/// A new axis of extent 1.
#[pyfunction]
#[pyo3(signature = (x, /, axis=0))]
pub fn expand_dims(x: &Object<'_>, axis: i64) -> PyResult<PyTensor> {
    Ok(PyTensor::unsqueeze(x, axis).named("expand_dims")?)
}

/// Without these axes, which must have extent 1; with `dim` as the method, which leaves other extents as they are.
#[pyfunction]
#[pyo3(signature = (x, /, axis=None, *, dim=None))]
pub fn squeeze(x: &Object<'_>, axis: Option<Integers>, dim: Option<Integers>) -> PyResult<PyTensor> {
    let Some(axis) = axis else { return Ok(PyTensor::squeeze(x, dim).named("squeeze")?) };
    if dim.is_some() {
        return Err(PyTypeError::new_err("squeeze: give dim or axis, not both"));
    }
    let checked = x.get().value()?.squeeze(&axis.0).map_err(to_python)?;
    let axes = tenfold::ir::normalize_axes("squeeze", &axis.0, x.get().value()?.rank()).map_err(to_python)?;
    let region = crate::cell::region_of(x.get()).map_err(to_python)?;
    let region = axes.iter().rev().fold(region, |region, &axis| region.select(axis, 0));
    Ok(make_view(x, checked, region, false))
}

/// Axes in a new order.
#[pyfunction]
#[pyo3(signature = (x, /, axes))]
pub fn permute_dims(x: &Object<'_>, axes: Integers) -> PyResult<PyTensor> {
    Ok(permuted(x, &axes.0).named("permute_dims")?)
}

/// Axes moved to other places.
#[pyfunction]
#[pyo3(signature = (x, source, destination, /))]
pub fn moveaxis(x: &Object<'_>, source: Integers, destination: Integers) -> PyResult<PyTensor> {
    Ok(PyTensor::movedim(x, source, destination).named("moveaxis")?)
}

/// The elements under another shape. `copy` forces a copy (True) or forbids it (False).
#[pyfunction]
#[pyo3(signature = (x, /, shape, *, copy=None))]
pub fn reshape(x: &Object<'_>, shape: Integers, copy: Option<bool>) -> PyResult<PyTensor> {
    let name = "reshape";
    match copy {
        None => Ok(reshaped(x, &shape.0).named(name)?),
        Some(false) => Ok(viewed(x, &shape.0).named(name)?),
        Some(true) => wrapped(name, x.get().value()?.reshape(&shape.0).and_then(|result| result.copy())),
    }
}

/// Repeated along axes of extent 1 to a shape, without a copy.
#[pyfunction]
#[pyo3(signature = (x, /, shape))]
pub fn broadcast_to(x: &Object<'_>, shape: Integers) -> PyResult<PyTensor> {
    Ok(expanded(x, &shape.0).named("broadcast_to")?)
}

/// All tensors broadcast to their common shape: views.
#[pyfunction]
#[pyo3(signature = (*arrays))]
pub fn broadcast_arrays(arrays: &Bound<'_, PyTuple>) -> PyResult<Vec<PyTensor>> {
    let arrays =
        arrays.iter().map(|array| Ok(array.cast_into::<PyTensor>()?)).collect::<PyResult<Vec<_>>>()?;
    let tensors = arrays.iter().map(|array| array.get().value()).collect::<PyResult<Vec<_>>>()?;
    let wide = Tensor::broadcast_tensors(&tensors.iter().collect::<Vec<_>>()).named("broadcast_arrays")?;
    let Some(first) = wide.first() else { return Ok(Vec::new()) };
    let extents: Vec<i64> = first.shape().iter().map(|&extent| extent as i64).collect();
    arrays.iter().map(|array| Ok(expanded(array, &extents).named("broadcast_arrays")?)).collect()
}

/// Reversed along axes (all of them by default).
#[pyfunction]
#[pyo3(signature = (x, /, dims=None, *, axis=None))]
pub fn flip(x: &Object<'_>, dims: Option<Integers>, axis: Option<Integers>) -> PyResult<PyTensor> {
    let value = x.get().value()?;
    let axes = either("flip", ["dims", "axis"], dims, axis)?
        .map_or_else(|| (0..value.rank() as i64).collect(), |axis| axis.0);
    wrapped("flip", value.flip(&axes).and_then(|flipped| flipped.copy()))
}

/// Elements moved along axes, around the end to the beginning.
#[pyfunction]
#[pyo3(signature = (x, /, shift=None, dims=None, *, axis=None, shifts=None))]
pub fn roll(
    x: &Object<'_>,
    shift: Option<Integers>,
    dims: Option<Integers>,
    axis: Option<Integers>,
    shifts: Option<Integers>,
) -> PyResult<PyTensor> {
    let axes = either("roll", ["dims", "axis"], dims, axis)?.map(|axes| axes.0);
    let shifts = either("roll", ["shift", "shifts"], shift, shifts)?;
    let mut shifts = shifts.ok_or_else(|| PyTypeError::new_err("roll: needs shifts"))?.0;
    if let (Some(axes), [one]) = (&axes, shifts.as_slice()) {
        shifts = vec![*one; axes.len()];
    }
    wrapped("roll", x.get().value()?.roll(&shifts, axes.as_deref()))
}

/// Repeated as a whole along the last axes.
#[pyfunction]
#[pyo3(signature = (x, repetitions, /))]
pub fn tile(x: &Object<'_>, repetitions: Integers) -> PyResult<PyTensor> {
    wrapped("tile", x.get().value()?.tile(&repetitions.extents("tile")?))
}

/// Each element (or slice along an axis) repeated: the same number of times, or each its own.
#[pyfunction]
#[pyo3(signature = (x, repeats, /, *, axis=None))]
pub fn repeat(x: &Object<'_>, repeats: &Bound<'_, PyAny>, axis: Option<i64>) -> PyResult<PyTensor> {
    wrapped("repeat", repeated(&x.get().value()?, repeats, axis)?)
}

/// Copies side by side: `repeats` is a number, or has one for each slice.
pub fn repeated(
    value: &Tensor,
    repeats: &Bound<'_, PyAny>,
    axis: Option<i64>,
) -> PyResult<tenfold::Result<Tensor>> {
    if let Ok(count) = repeats.extract::<usize>()
        && repeats.cast::<PyTensor>().is_err()
    {
        return Ok(value.repeat_interleave(tenfold::Repeats::Each(count), axis));
    }
    let counts = crate::create::tensor_of("repeat", repeats, None)?;
    Ok(value.repeat_interleave(tenfold::Repeats::List(&counts), axis))
}

/// Coordinates from vectors: `indexing` "xy" (the first two axes exchanged) or "ij".
#[pyfunction]
#[pyo3(signature = (*arrays, indexing="xy"))]
pub fn meshgrid(arrays: &Bound<'_, PyTuple>, indexing: &str) -> PyResult<Vec<PyTensor>> {
    let tensors = arrays.iter().map(|array| array.extract()).collect::<PyResult<Vec<TensorArgument>>>()?;
    let matrix = match indexing {
        "ij" => true,
        "xy" => false,
        other => {
            return Err(PyValueError::new_err(format!("meshgrid: indexing is 'xy' or 'ij'; got '{other}'")));
        }
    };
    let grids = Tensor::meshgrid(&values(&tensors), matrix).named("meshgrid")?;
    Ok(grids.into_iter().map(PyTensor::from).collect())
}

/// Elements on and below a diagonal of matrices, zeros above.
#[pyfunction]
#[pyo3(signature = (x, /, diagonal=None, *, k=None))]
pub fn tril(x: &Object<'_>, diagonal: Option<i128>, k: Option<i128>) -> PyResult<PyTensor> {
    let diagonal = either("tril", ["diagonal", "k"], diagonal, k)?.unwrap_or(0);
    wrapped("tril", x.get().value()?.tril(diagonal_of(diagonal)))
}

/// Elements on and above a diagonal of matrices, zeros below.
#[pyfunction]
#[pyo3(signature = (x, /, diagonal=None, *, k=None))]
pub fn triu(x: &Object<'_>, diagonal: Option<i128>, k: Option<i128>) -> PyResult<PyTensor> {
    let diagonal = either("triu", ["diagonal", "k"], diagonal, k)?.unwrap_or(0);
    wrapped("triu", x.get().value()?.triu(diagonal_of(diagonal)))
}

/// Differences of neighbours along an axis, `n` times.
#[pyfunction]
#[pyo3(signature = (x, /, *, axis=-1, n=1, prepend=None, append=None))]
pub fn diff(
    x: &Object<'_>,
    axis: i64,
    n: usize,
    prepend: Option<TensorArgument>,
    append: Option<TensorArgument>,
) -> PyResult<PyTensor> {
    let (prepend, append) = (prepend.map(|tensor| tensor.0), append.map(|tensor| tensor.0));
    wrapped("diff", x.get().value()?.diff(n, axis, prepend.as_ref(), append.as_ref()))
}

/// In another dtype; a copy unless `copy` is False and the dtype is the same.
#[pyfunction]
#[pyo3(signature = (x, dtype, /, *, copy=true, device=None))]
pub fn astype<'py>(
    x: &Object<'py>,
    dtype: DTypeArgument,
    copy: bool,
    device: Option<&Bound<'py, PyAny>>,
) -> PyResult<Object<'py>> {
    crate::create::check_device("astype", device)?;
    let value = x.get().value()?;
    if value.dtype().is_complex() && !dtype.0.is_complex() {
        return Err(to_python(
            Error::dtype("astype", format!("{} does not convert to {}", value.dtype(), dtype.0))
                .hint("take real() or imag() first"),
        ));
    }
    if value.dtype() == dtype.0 {
        return if copy { wrapped("astype", value.copy())?.into_object(x.py()) } else { Ok(x.clone()) };
    }
    wrapped("astype", value.cast(dtype.0))?.into_object(x.py())
}

/// Runs everything that this thread has recorded. Nobody needs this but a stopwatch.
#[pyfunction]
pub fn synchronize() -> PyResult<()> {
    tenfold::synchronize().map_err(to_python)
}

/// Adds the functions to the module.
pub fn add_functions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    macro_rules! add {
        ($($name:ident)*) => { $(module.add_function(wrap_pyfunction!($name, module)?)?;)* };
    }
    add! {
        sort argsort searchsorted nonzero take take_along_axis clip matmul _int_mm matrix_transpose tensordot
        vecdot einsum concat cat stack unstack expand_dims squeeze permute_dims moveaxis reshape broadcast_to
        broadcast_arrays flip roll tile repeat meshgrid tril triu diff astype synchronize
    }
    over_axes::add(module)
}
