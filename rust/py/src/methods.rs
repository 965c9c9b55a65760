//! Methods that read and write by index, assemble, convert and fill, with torch's arguments.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tenfold::ir::kernel::ScatterMode;
use tenfold::{DType, Error, Tensor};

use crate::convert::{Integers, PyArgument, ScalarArgument, TensorArgument, integers_of};
use crate::create::{check_device, finished, tensor_of};
use crate::dtype::{DTypeArgument, PyDType};
use crate::errors::{Named, Outcome, to_python};
use crate::random::PyGenerator;
use crate::tensor::PyTensor;

macro_rules! conversions {
    ($($(#[$doc:meta])* $name:ident => $dtype:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
                converted(slf, stringify!($name), DType::$dtype)
            })*
        }
    };
}
conversions! {
    /// In float32.
    float => Float32;
    /// In float64.
    double => Float64;
    /// In float16.
    half => Float16;
    /// In bfloat16.
    bfloat16 => Bfloat16;
    /// In int32.
    int => Int32;
    /// In int64.
    long => Int64;
    /// In int16.
    short => Int16;
    /// In uint8.
    byte => Uint8;
    /// In int8.
    char => Int8;
    /// In bool: true where not zero.
    bool => Bool;
    /// In complex64.
    cfloat => Complex64;
    /// In complex128.
    cdouble => Complex128;
}

/// The tensor itself where it has the dtype.
fn converted<'py>(
    slf: &Bound<'py, PyTensor>,
    method: &'static str,
    dtype: DType,
) -> PyResult<Bound<'py, PyTensor>> {
    let value = slf.get().value()?;
    if value.dtype() == dtype {
        Ok(slf.clone())
    } else {
        finished(slf.py(), method, value.cast(dtype), false)
    }
}

/// A matrix product of operands with the numbers of axes that torch's special products ask for.
fn product(name: &'static str, ranks: [usize; 2], a: &Tensor, b: &Tensor) -> tenfold::Result<Tensor> {
    if [a.rank(), b.rank()] != ranks {
        return Err(Error::shape(
            name,
            format!(
                "needs tensors with {} and {} axes; got {} and {}",
                ranks[0],
                ranks[1],
                a.shape(),
                b.shape()
            ),
        ));
    }
    a.matmul(b).map_err(|error| error.in_operation(name))
}

fn scatter_mode(reduce: &str) -> PyResult<ScatterMode> {
    match reduce {
        "add" => Ok(ScatterMode::Add),
        "multiply" => Ok(ScatterMode::Multiply),
        other => {
            Err(to_python(Error::value("scatter", format!("reduce is 'add' or 'multiply'; got '{other}'"))))
        }
    }
}

/// What scatter writes: a tensor, or a number everywhere.
fn source_of(value: &Tensor, index: &Tensor, source: &PyArgument) -> tenfold::Result<Tensor> {
    match source {
        PyArgument::Tensor(source) => source.cast(value.dtype()),
        PyArgument::Scalar(number) => Tensor::full(index.shape(), *number, value.dtype()),
    }
}

fn scattered(
    value: &Tensor,
    dim: i64,
    index: &Tensor,
    source: &PyArgument,
    mode: ScatterMode,
) -> tenfold::Result<Tensor> {
    value.scatter(dim, index, &source_of(value, index, source)?, mode)
}

#[pymethods]
impl PyTensor {
    /// A copy of a tensor's value in an object of its own.
    #[new]
    #[pyo3(signature = (data, /))]
    fn new(data: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        match data.cast::<PyTensor>() {
            Ok(tensor) => Ok(tensor.get().value()?.detach().into()),
            Err(_) => Ok(tensor_of("Tensor", data, None)?.into()),
        }
    }

    /// In another dtype, or the tensor itself: `x.to(tf.float64)`, `x.to(other)`, `x.to("cpu")`.
    #[pyo3(signature = (*args, dtype=None, device=None, non_blocking=false, copy=false))]
    fn to<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        dtype: Option<DTypeArgument>,
        device: Option<&Bound<'py, PyAny>>,
        non_blocking: bool,
        copy: bool,
    ) -> PyResult<Bound<'py, Self>> {
        // Nothing is asynchronous between devices here: with or without, the result is there.
        let _same_either_way = non_blocking;
        check_device("to", device)?;
        let value = slf.get().value()?;
        let mut wanted = dtype.map(|dtype| dtype.0);
        for argument in args.iter() {
            if let Ok(other) = argument.cast::<PyTensor>() {
                wanted = Some(other.get().value()?.dtype());
            } else if let Ok(dtype) = argument.cast::<PyDType>() {
                wanted = Some(dtype.get().0);
            } else if argument.is_instance_of::<pyo3::types::PyString>() {
                check_device("to", Some(&argument))?;
            } else if !argument.is_none() {
                wanted = Some(argument.extract::<DTypeArgument>()?.0);
            }
        }
        let dtype = wanted.unwrap_or(value.dtype());
        if copy && dtype == value.dtype() {
            return finished(slf.py(), "to", value.copy(), false);
        }
        converted(slf, "to", dtype)
    }

    /// The array API's move between devices: there is only "cpu".
    #[pyo3(signature = (device, /, *, stream=None))]
    fn to_device<'py>(
        slf: &Bound<'py, Self>,
        device: &Bound<'py, PyAny>,
        stream: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        if stream.is_some() {
            return Err(to_python(Error::not_implemented("to_device", "a stream")));
        }
        check_device("to_device", Some(device))?;
        Ok(slf.clone())
    }

    /// The tensor itself: it is there already.
    fn cpu<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    /// In the dtype of another tensor.
    fn type_as<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        converted(slf, "type_as", other.get().value()?.dtype())
    }

    /// True for real floating-point dtypes.
    fn is_floating_point(&self) -> PyResult<bool> {
        Ok(self.value()?.dtype().is_floating())
    }

    /// True for complex dtypes.
    fn is_complex(&self) -> PyResult<bool> {
        Ok(self.value()?.dtype().is_complex())
    }

    /// Bytes an element.
    fn element_size(&self) -> PyResult<usize> {
        Ok(self.value()?.dtype().size())
    }

    /// The real part; a real tensor itself.
    #[getter]
    fn get_real(&self) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.real()?.into())
    }

    /// The imaginary part.
    #[getter]
    fn get_imag(&self) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.imag()?.into())
    }

    /// The matrix product over the last two axes; batch axes broadcast.
    fn matmul(&self, other: TensorArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.matmul(&other.0).map_err(to_python)?.into())
    }

    /// The product of two matrices.
    fn mm(&self, mat2: TensorArgument) -> PyResult<PyTensor> {
        Ok(product("mm", [2, 2], &self.value()?, &mat2.0).map_err(to_python)?.into())
    }

    /// The products of two batches of matrices.
    fn bmm(&self, mat2: TensorArgument) -> PyResult<PyTensor> {
        Ok(product("bmm", [3, 3], &self.value()?, &mat2.0).map_err(to_python)?.into())
    }

    /// The product of a matrix and a vector.
    fn mv(&self, vec: TensorArgument) -> PyResult<PyTensor> {
        Ok(product("mv", [2, 1], &self.value()?, &vec.0).map_err(to_python)?.into())
    }

    /// The inner product of two vectors.
    fn dot(&self, other: TensorArgument) -> PyResult<PyTensor> {
        Ok(product("dot", [1, 1], &self.value()?, &other.0).map_err(to_python)?.into())
    }

    /// The products of all pairs of two vectors' elements.
    fn outer(&self, vec2: TensorArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.outer(&vec2.0).map_err(to_python)?.into())
    }

    /// `out[i][j] = self[index[i][j]][j]` for `dim=0`, and so on.
    fn gather(&self, dim: i64, index: TensorArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.gather(dim, &index.0).map_err(to_python)?.into())
    }

    /// With the elements of `src` (or a number) written where `index` points along `dim`.
    #[pyo3(signature = (dim, index, src, *, reduce=None))]
    fn scatter(
        &self,
        dim: i64,
        index: TensorArgument,
        src: PyArgument,
        reduce: Option<&str>,
    ) -> PyResult<PyTensor> {
        let mode = reduce.map_or(Ok(ScatterMode::Assign), scatter_mode)?;
        Ok(scattered(&self.value()?, dim, &index.0, &src, mode).map_err(to_python)?.into())
    }

    /// In place: see `scatter`.
    #[pyo3(signature = (dim, index, src, *, reduce=None))]
    fn scatter_<'py>(
        slf: &Bound<'py, Self>,
        dim: i64,
        index: TensorArgument,
        src: PyArgument,
        reduce: Option<&str>,
    ) -> PyResult<Bound<'py, Self>> {
        let mode = reduce.map_or(Ok(ScatterMode::Assign), scatter_mode)?;
        Ok(PyTensor::update(slf, "scatter", |value| scattered(value, dim, &index.0, &src, mode))?)
    }

    /// With the elements of `src` added where `index` points along `dim`.
    fn scatter_add(&self, dim: i64, index: TensorArgument, src: PyArgument) -> PyResult<PyTensor> {
        Ok(scattered(&self.value()?, dim, &index.0, &src, ScatterMode::Add).map_err(to_python)?.into())
    }

    /// In place: see `scatter_add`.
    fn scatter_add_<'py>(
        slf: &Bound<'py, Self>,
        dim: i64,
        index: TensorArgument,
        src: PyArgument,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "scatter_add", |value| scattered(value, dim, &index.0, &src, ScatterMode::Add))
    }

    /// The places of an axis that a vector of integers names.
    fn index_select(&self, dim: i64, index: TensorArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.index_select(dim, &index.0).map_err(to_python)?.into())
    }

    /// With `alpha` times the slices of `source` added to the places of an axis that `index` names.
    #[pyo3(signature = (dim, index, source, *, alpha=None))]
    fn index_add(
        &self,
        dim: i64,
        index: TensorArgument,
        source: TensorArgument,
        alpha: Option<ScalarArgument>,
    ) -> PyResult<PyTensor> {
        Ok(index_added(&self.value()?, dim, &index.0, &source.0, alpha).map_err(to_python)?.into())
    }

    /// In place: see `index_add`.
    #[pyo3(signature = (dim, index, source, *, alpha=None))]
    fn index_add_<'py>(
        slf: &Bound<'py, Self>,
        dim: i64,
        index: TensorArgument,
        source: TensorArgument,
        alpha: Option<ScalarArgument>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "index_add", |value| index_added(value, dim, &index.0, &source.0, alpha))
    }

    /// With the slices of `source` written to the places of an axis that `index` names.
    fn index_copy(&self, dim: i64, index: TensorArgument, source: TensorArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.index_copy(dim, &index.0, &source.0).map_err(to_python)?.into())
    }

    /// In place: see `index_copy`.
    fn index_copy_<'py>(
        slf: &Bound<'py, Self>,
        dim: i64,
        index: TensorArgument,
        source: TensorArgument,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "index_copy", |value| value.index_copy(dim, &index.0, &source.0))
    }

    /// With a number written to the places of an axis that `index` names.
    fn index_fill(&self, dim: i64, index: TensorArgument, value: ScalarArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.index_fill(dim, &index.0, value.0).map_err(to_python)?.into())
    }

    /// In place: see `index_fill`.
    fn index_fill_<'py>(
        slf: &Bound<'py, Self>,
        dim: i64,
        index: TensorArgument,
        value: ScalarArgument,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "index_fill", |before| before.index_fill(dim, &index.0, value.0))
    }

    /// With `value` where the mask is true.
    fn masked_fill(&self, mask: TensorArgument, value: PyArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.masked_fill(&mask.0, value.as_argument()).map_err(to_python)?.into())
    }

    /// In place: see `masked_fill`.
    fn masked_fill_<'py>(
        slf: &Bound<'py, Self>,
        mask: TensorArgument,
        value: PyArgument,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update_beside(slf, "masked_fill", &[(&mask.0).into(), value.as_argument()], |before| {
            before.masked_fill(&mask.0, value.as_argument())
        })
    }

    /// The elements where the mask is true, as a vector.
    fn masked_select(&self, mask: TensorArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.masked_select(&mask.0).map_err(to_python)?.into())
    }

    /// With the elements of `source` in turn where the mask is true.
    fn masked_scatter(&self, mask: TensorArgument, source: TensorArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.masked_scatter(&mask.0, &source.0).map_err(to_python)?.into())
    }

    /// The elements of the flattened tensor that integers name.
    fn take(&self, index: TensorArgument) -> PyResult<PyTensor> {
        Ok(self.value()?.take(&index.0, None).map_err(to_python)?.into())
    }

    /// The elements of each row that integers along `dim` name.
    #[pyo3(signature = (indices, dim=None))]
    fn take_along_dim(&self, indices: TensorArgument, dim: Option<i64>) -> PyResult<PyTensor> {
        let value = self.value()?;
        let result = match dim {
            Some(dim) => value.take_along_axis(&indices.0, dim),
            None => value.take(&indices.0, None),
        };
        Ok(result.named("take_along_dim")?.into())
    }

    /// The indices of the elements that are not zero, a row each; a tuple of vectors with `as_tuple`.
    #[pyo3(signature = (*, as_tuple=false))]
    fn nonzero<'py>(&self, py: Python<'py>, as_tuple: bool) -> PyResult<Bound<'py, PyAny>> {
        let rows = self.value()?.nonzero().map_err(to_python)?;
        if !as_tuple {
            return Ok(PyTensor::from(rows).into_object(py)?.into_any());
        }
        let columns = rows.unbind(1).map_err(to_python)?;
        Ok(PyTuple::new(py, columns.into_iter().map(PyTensor::from))?.into_any())
    }

    /// Elements on and below diagonal `diagonal`, zeros above.
    #[pyo3(signature = (diagonal=0))]
    fn tril(&self, diagonal: i64) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.tril(diagonal)?.into())
    }

    /// Elements on and above diagonal `diagonal`, zeros below.
    #[pyo3(signature = (diagonal=0))]
    fn triu(&self, diagonal: i64) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.triu(diagonal)?.into())
    }

    /// The diagonal of a matrix, or a matrix with this diagonal.
    #[pyo3(signature = (diagonal=0))]
    fn diag(&self, diagonal: i64) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.diag(diagonal).named("diag")?.into())
    }

    /// Reversed along axes: a copy.
    #[pyo3(signature = (*dims))]
    fn flip(&self, dims: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
        let dims = integers_of(dims)?;
        Ok(self.value()?.flip(&dims).and_then(|flipped| flipped.copy()).map_err(to_python)?.into())
    }

    /// Elements moved along axes, around the end to the beginning.
    #[pyo3(signature = (shifts, dims=None))]
    fn roll(&self, shifts: Integers, dims: Option<Integers>) -> PyResult<PyTensor> {
        let dims = dims.map(|dims| dims.0);
        Ok(self.value()?.roll(&shifts.0, dims.as_deref()).map_err(to_python)?.into())
    }

    /// Repeated as a whole along the axes (new ones in front).
    #[pyo3(signature = (*repeats))]
    fn repeat(&self, repeats: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
        let repeats = Integers(integers_of(repeats)?).extents("repeat")?;
        let value = self.value()?;
        if repeats.len() < value.rank() {
            return Err(to_python(Error::value(
                "repeat",
                format!("needs a number for each of the {} axes; got {repeats:?}", value.rank()),
            )));
        }
        Ok(value.tile(&repeats).named("repeat")?.into())
    }

    /// Repeated as a whole along the last axes.
    #[pyo3(signature = (*dims))]
    fn tile(&self, dims: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
        let repeats = Integers(integers_of(dims)?).extents("tile")?;
        Ok(self.value()?.tile(&repeats).map_err(to_python)?.into())
    }

    /// True where both are equal up to `atol + rtol * |other|`.
    #[pyo3(signature = (other, rtol=1e-5, atol=1e-8, equal_nan=false))]
    fn isclose(&self, other: TensorArgument, rtol: f64, atol: f64, equal_nan: bool) -> PyResult<PyTensor> {
        Ok(self.value()?.isclose(&other.0, rtol, atol, equal_nan).named("isclose")?.into())
    }

    /// True if all elements are equal up to `atol + rtol * |other|`.
    #[pyo3(signature = (other, rtol=1e-5, atol=1e-8, equal_nan=false))]
    fn allclose(&self, other: TensorArgument, rtol: f64, atol: f64, equal_nan: bool) -> PyResult<bool> {
        self.value()?.allclose(&other.0, rtol, atol, equal_nan).map_err(to_python)
    }

    /// NaN and infinities replaced by numbers.
    #[pyo3(signature = (nan=0.0, posinf=None, neginf=None))]
    fn nan_to_num(&self, nan: f64, posinf: Option<f64>, neginf: Option<f64>) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.nan_to_num(nan, posinf, neginf)?.into())
    }

    /// In place: zeros everywhere.
    fn zero_<'py>(slf: &Bound<'py, Self>) -> Outcome<Bound<'py, Self>> {
        let cell = &slf.get().cell;
        cell.assign_uniform("zero_", cell.value()?.detach().zeros_like()?)?;
        Ok(slf.clone())
    }

    /// In place: a number everywhere.
    fn fill_<'py>(slf: &Bound<'py, Self>, value: ScalarArgument) -> Outcome<Bound<'py, Self>> {
        let cell = &slf.get().cell;
        cell.assign_uniform("fill_", cell.value()?.detach().full_like(value.0).named("fill_")?)?;
        Ok(slf.clone())
    }

    /// In place: uniform random numbers from `from` to `to`.
    #[pyo3(signature = (from_=0.0, to=1.0, *, generator=None))]
    fn uniform_<'py>(
        slf: &Bound<'py, Self>,
        from_: f64,
        to: f64,
        generator: Option<&Bound<'py, PyGenerator>>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "uniform_", |value| {
            PyGenerator::with(generator, |generator| {
                Tensor::uniform(from_, to, value.shape(), value.dtype(), generator)
            })
        })
    }

    /// In place: normal random numbers.
    #[pyo3(signature = (mean=0.0, std=1.0, *, generator=None))]
    fn normal_<'py>(
        slf: &Bound<'py, Self>,
        mean: f64,
        std: f64,
        generator: Option<&Bound<'py, PyGenerator>>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "normal_", |value| {
            PyGenerator::with(generator, |generator| {
                Tensor::normal(mean, std, value.shape(), value.dtype(), generator)
            })
        })
    }

    /// In place: 1 with probability `p`, else 0.
    #[pyo3(signature = (p=0.5, *, generator=None))]
    fn bernoulli_<'py>(
        slf: &Bound<'py, Self>,
        p: f64,
        generator: Option<&Bound<'py, PyGenerator>>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "bernoulli_", |value| {
            PyGenerator::with(generator, |generator| {
                Tensor::bernoulli(p, value.shape(), value.dtype(), generator)
            })
        })
    }

    /// Zeros in this dtype.
    #[pyo3(signature = (*size, dtype=None, requires_grad=false))]
    fn new_zeros<'py>(
        slf: &Bound<'py, Self>,
        size: &Bound<'py, PyTuple>,
        dtype: Option<DTypeArgument>,
        requires_grad: bool,
    ) -> PyResult<Bound<'py, Self>> {
        new_full(slf, "new_zeros", &integers_of(size)?, 0.into(), dtype, requires_grad)
    }

    /// Ones in this dtype.
    #[pyo3(signature = (*size, dtype=None, requires_grad=false))]
    fn new_ones<'py>(
        slf: &Bound<'py, Self>,
        size: &Bound<'py, PyTuple>,
        dtype: Option<DTypeArgument>,
        requires_grad: bool,
    ) -> PyResult<Bound<'py, Self>> {
        new_full(slf, "new_ones", &integers_of(size)?, 1.into(), dtype, requires_grad)
    }

    /// A number everywhere, in this dtype.
    #[pyo3(signature = (size, fill_value, *, dtype=None, requires_grad=false))]
    fn new_full<'py>(
        slf: &Bound<'py, Self>,
        size: Integers,
        fill_value: ScalarArgument,
        dtype: Option<DTypeArgument>,
        requires_grad: bool,
    ) -> PyResult<Bound<'py, Self>> {
        new_full(slf, "new_full", &size.0, fill_value.0, dtype, requires_grad)
    }

    /// A tensor of these numbers in this dtype.
    #[pyo3(signature = (data, *, dtype=None, requires_grad=false))]
    fn new_tensor<'py>(
        slf: &Bound<'py, Self>,
        data: &Bound<'py, PyAny>,
        dtype: Option<DTypeArgument>,
        requires_grad: bool,
    ) -> PyResult<Bound<'py, Self>> {
        let dtype = dtype.map_or(slf.get().value()?.dtype(), |dtype| dtype.0);
        finished(slf.py(), "new_tensor", Ok(tensor_of("new_tensor", data, Some(dtype))?), requires_grad)
    }
}

fn new_full<'py>(
    slf: &Bound<'py, PyTensor>,
    method: &'static str,
    size: &[i64],
    value: tenfold::Scalar,
    dtype: Option<DTypeArgument>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    let dtype = dtype.map_or(slf.get().value()?.dtype(), |dtype| dtype.0);
    let extents = Integers(size.to_vec()).extents(method)?;
    finished(slf.py(), method, Tensor::full(&extents, value, dtype), requires_grad)
}

fn index_added(
    value: &Tensor,
    dim: i64,
    index: &Tensor,
    source: &Tensor,
    alpha: Option<ScalarArgument>,
) -> tenfold::Result<Tensor> {
    value.index_add(dim, index, source, alpha.map_or(1.into(), |alpha| alpha.0))
}
