//! Functions that make tensors.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use tenfold::{Complex, DType, Error, Scalar, Tensor, promote_types};

use crate::convert::{Integers, ScalarArgument, diagonal_of, scalar_of};
use crate::dtype::DTypeArgument;
use crate::errors::{Named, to_python};
use crate::interchange::tensor_of_buffer;
use crate::tensor::PyTensor;

/// An error unless the device is one there is.
pub fn check_device(operation: &str, device: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match device {
        None => Ok(()),
        Some(device) if device.str()? == "cpu" => Ok(()),
        Some(device) => Err(PyValueError::new_err(format!(
            "{operation}: no such device; got {}. Hint: the devices are 'cpu'",
            device.repr()?
        ))),
    }
}

/// The tensor object of a new value, as a leaf where it requires a gradient; `function` is what the user called.
pub fn finished<'py>(
    py: Python<'py>,
    function: &'static str,
    value: tenfold::Result<Tensor>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    let tensor = PyTensor::from(value.named(function)?).into_object(py)?;
    if requires_grad {
        tensor.call_method1("requires_grad_", (true,))?;
    }
    Ok(tensor)
}

/// Numbers in nested sequences: their shape and the numbers in row-major order.
struct Nested {
    /// The function that the user called, for messages.
    function: &'static str,
    shape: Vec<usize>,
    numbers: Vec<Scalar>,
    /// What the tensors and NumPy scalars among them meet in; plain numbers have no dtype.
    dtype: Option<DType>,
}

/// Deeper lists are a mistake (most often one that contains itself).
const MAX_DEPTH: usize = 64;

impl Nested {
    fn add(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        let sequence = object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>();
        if depth > MAX_DEPTH {
            return Err(self.wrong(format!("sequences are nested more than {MAX_DEPTH} deep")));
        }
        if sequence {
            let length = object.len()?;
            self.enter(depth, length)?;
            for item in object.try_iter()? {
                self.add(&item?, depth + 1)?;
            }
            return Ok(());
        }
        if let Some(tensor) = copied_array(object)? {
            for (axis, &extent) in tensor.shape().iter().enumerate() {
                self.enter(depth + axis, extent)?;
            }
            self.leaf(depth + tensor.rank())?;
            let promoted = match self.dtype {
                Some(so_far) => promote_types(so_far, tensor.dtype()).named(self.function)?,
                None => tensor.dtype(),
            };
            self.dtype = Some(promoted);
            return self.add_elements(&tensor);
        }
        match scalar_of(object)? {
            Some(number) => {
                self.leaf(depth)?;
                self.numbers.push(number);
                Ok(())
            }
            None => Err(no_numbers(self.function, object)),
        }
    }

    fn wrong(&self, detail: impl Into<String>) -> PyErr {
        to_python(Error::value(self.function, detail))
    }

    fn add_elements(&mut self, tensor: &Tensor) -> PyResult<()> {
        let numbers: tenfold::Result<Vec<Scalar>> = tenfold::ir::with_element!(tensor.dtype(), T => {
            tensor.to_vec::<T>().map(|elements| elements.into_iter().map(tenfold::Element::to_scalar).collect())
        });
        self.numbers.extend(numbers.map_err(to_python)?);
        Ok(())
    }

    /// A sequence of `length` at `depth`: as long as the others there.
    fn enter(&mut self, depth: usize, length: usize) -> PyResult<()> {
        match self.shape.get(depth) {
            Some(&extent) if extent == length => Ok(()),
            None if self.numbers.is_empty() && self.shape.len() == depth => {
                self.shape.push(length);
                Ok(())
            }
            _ => Err(self.ragged()),
        }
    }

    /// A number at `depth`: as deep as the others.
    fn leaf(&self, depth: usize) -> PyResult<()> {
        if self.shape.len() == depth { Ok(()) } else { Err(self.ragged()) }
    }

    fn ragged(&self) -> PyErr {
        self.wrong("sequences at the same depth have different lengths")
    }
}

fn no_numbers(function: &'static str, object: &Bound<'_, PyAny>) -> PyErr {
    match object.get_type().name() {
        Ok(name) => {
            to_python(Error::type_(function, format!("needs numbers in (nested) sequences; got {name}")))
        }
        Err(failure) => failure,
    }
}

/// A tensor, or a copy of what has a buffer or NumPy's interface; `None` for anything else.
fn copied_array(object: &Bound<'_, PyAny>) -> PyResult<Option<Tensor>> {
    if let Ok(tensor) = object.cast::<PyTensor>() {
        return Ok(Some(tensor.get().value()?.detach()));
    }
    let has_buffer = object.hasattr("__array_interface__")?
        || object.is_instance_of::<pyo3::types::PyMemoryView>()
        || object.hasattr("typecode")?;
    if has_buffer { tensor_of_buffer(object, false).map(Some) } else { Ok(None) }
}

/// The tensor of numbers, nested sequences of them, arrays or tensors: always a copy. Errors begin with `function`.
pub fn tensor_of(
    function: &'static str,
    object: &Bound<'_, PyAny>,
    dtype: Option<DType>,
) -> PyResult<Tensor> {
    if let Some(tensor) = copied_array(object)? {
        return match dtype {
            Some(dtype) if dtype != tensor.dtype() => tensor.cast(dtype),
            _ => tensor.copy(),
        }
        .map_err(to_python);
    }
    let mut nested = Nested { function, shape: Vec::new(), numbers: Vec::new(), dtype: None };
    let is_number = scalar_of(object)?.is_some();
    if !is_number && !object.is_instance_of::<PyList>() && !object.is_instance_of::<PyTuple>() {
        // Ranges, generators and other iterables, but neither text nor mappings.
        let text = object.is_instance_of::<pyo3::types::PyString>()
            || object.is_instance_of::<pyo3::types::PyBytes>();
        if text || object.hasattr("keys")? || object.try_iter().is_err() {
            return Err(no_numbers(function, object));
        }
        let items = PyList::new(object.py(), object.try_iter()?.collect::<PyResult<Vec<_>>>()?)?;
        nested.add(items.as_any(), 0)?;
    } else {
        nested.add(object, 0)?;
    }
    let category = nested.numbers.iter().map(|number| number.category()).max();
    let inferred = match (nested.dtype, category) {
        (Some(dtype), _) => dtype,
        (None, Some(_)) => nested
            .numbers
            .iter()
            .max_by_key(|number| number.category())
            .map_or(DType::Float32, |number| number.default_dtype()),
        (None, None) => DType::Float32,
    };
    let explicit = dtype.is_some();
    let dtype = dtype.unwrap_or(inferred);
    for number in &nested.numbers {
        number.check_fits(function, dtype).map_err(to_python)?;
        if explicit && matches!(number, Scalar::Complex(_)) && !dtype.is_complex() {
            return Err(to_python(Error::type_(
                function,
                format!("a complex number cannot be stored in {dtype}"),
            )));
        }
    }
    tenfold::ir::with_element!(dtype, T => {
        let elements: Vec<T> = nested.numbers.iter().map(|&number| <T as tenfold::Element>::from_scalar(number)).collect();
        Tensor::from_slice(&elements, &nested.shape)
    })
    .map_err(to_python)
}

/// A tensor of the given numbers: nested sequences, NumPy arrays, tensors. Always copies.
///
/// Integers give int64, floats float32, unless `dtype` says otherwise.
#[pyfunction]
#[pyo3(signature = (data, *, dtype=None, device=None, requires_grad=false))]
pub fn tensor<'py>(
    data: &Bound<'py, PyAny>,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device("tensor", device)?;
    finished(data.py(), "tensor", Ok(tensor_of("tensor", data, dtype.map(|dtype| dtype.0))?), requires_grad)
}

/// The array API's conversion: a tensor as it is, other objects as a tensor. Copies only where it must, unless `copy`
/// says otherwise.
#[pyfunction]
#[pyo3(signature = (obj, /, *, dtype=None, device=None, copy=None))]
pub fn asarray<'py>(
    obj: &Bound<'py, PyAny>,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    copy: Option<bool>,
) -> PyResult<Bound<'py, PyTensor>> {
    converted("asarray", obj, dtype, device, copy)
}

fn converted<'py>(
    function: &'static str,
    obj: &Bound<'py, PyAny>,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    copy: Option<bool>,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device(function, device)?;
    let dtype = dtype.map(|dtype| dtype.0);
    let refuse = || to_python(Error::value(function, "a copy is needed, and copy=False forbids it"));
    if let Ok(tensor) = obj.cast::<PyTensor>() {
        let value = tensor.get().value()?;
        let same = dtype.is_none_or(|dtype| dtype == value.dtype());
        return match (same, copy) {
            (true, None | Some(false)) => Ok(tensor.clone()),
            (false, Some(false)) => Err(refuse()),
            (true, Some(true)) => finished(obj.py(), function, value.copy(), false),
            (false, _) => finished(obj.py(), function, value.cast(dtype.unwrap_or(value.dtype())), false),
        };
    }
    if copy == Some(false) {
        if obj.hasattr("__array_interface__")? {
            let shared = tensor_of_buffer(obj, true)?;
            if dtype.is_none_or(|dtype| dtype == shared.dtype()) {
                return finished(obj.py(), function, Ok(shared), false);
            }
        }
        return Err(refuse());
    }
    finished(obj.py(), function, Ok(tensor_of(function, obj, dtype)?), false)
}

/// As `asarray`.
#[pyfunction]
#[pyo3(signature = (data, dtype=None, device=None))]
pub fn as_tensor<'py>(
    data: &Bound<'py, PyAny>,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTensor>> {
    converted("as_tensor", data, dtype, device, None)
}

/// Extents given as one tuple (array API) or one by one (torch).
fn extents_of(operation: &'static str, shape: Integers, sizes: &Bound<'_, PyTuple>) -> PyResult<Vec<usize>> {
    let mut extents = shape.0;
    for size in sizes.iter() {
        extents.push(size.extract()?);
    }
    Integers(extents).extents(operation)
}

macro_rules! filled {
    ($($(#[$doc:meta])* $name:ident $like:ident = $value:expr;)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (shape, *sizes, dtype=None, device=None, requires_grad=false))]
            pub fn $name<'py>(
                py: Python<'py>,
                shape: Integers,
                sizes: &Bound<'py, PyTuple>,
                dtype: Option<DTypeArgument>,
                device: Option<&Bound<'py, PyAny>>,
                requires_grad: bool,
            ) -> PyResult<Bound<'py, PyTensor>> {
                check_device(stringify!($name), device)?;
                let extents = extents_of(stringify!($name), shape, sizes)?;
                let dtype = dtype.map_or(DType::Float32, |dtype| dtype.0);
                finished(py, stringify!($name), Tensor::full(&extents, $value, dtype), requires_grad)
            }

            /// The same in the shape (and, unless given, the dtype) of `x`.
            #[pyfunction]
            #[pyo3(signature = (x, /, *, dtype=None, device=None, requires_grad=false))]
            pub fn $like<'py>(
                x: &Bound<'py, PyTensor>,
                dtype: Option<DTypeArgument>,
                device: Option<&Bound<'py, PyAny>>,
                requires_grad: bool,
            ) -> PyResult<Bound<'py, PyTensor>> {
                check_device(stringify!($like), device)?;
                let value = x.get().value()?;
                let dtype = dtype.map_or(value.dtype(), |dtype| dtype.0);
                finished(x.py(), stringify!($like), Tensor::full(value.shape(), $value, dtype), requires_grad)
            }
        )*
    };
}
filled! {
    /// Zeros of a shape, given as a tuple or extent by extent.
    zeros zeros_like = 0;
    /// Ones of a shape, given as a tuple or extent by extent.
    ones ones_like = 1;
    /// A tensor of a shape whose elements are not specified (here: zeros).
    empty empty_like = 0;
}

/// `fill_value` everywhere. Its own dtype is the default: bool, int64, float32 or complex64.
#[pyfunction]
#[pyo3(signature = (shape, fill_value, *, dtype=None, device=None, requires_grad=false))]
pub fn full<'py>(
    py: Python<'py>,
    shape: Integers,
    fill_value: ScalarArgument,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device("full", device)?;
    let dtype = dtype.map_or(fill_value.0.default_dtype(), |dtype| dtype.0);
    finished(py, "full", Tensor::full(&shape.extents("full")?, fill_value.0, dtype), requires_grad)
}

/// `fill_value` everywhere, in the shape and (unless given) the dtype of `x`.
#[pyfunction]
#[pyo3(signature = (x, /, fill_value, *, dtype=None, device=None, requires_grad=false))]
pub fn full_like<'py>(
    x: &Bound<'py, PyTensor>,
    fill_value: ScalarArgument,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device("full_like", device)?;
    let value = x.get().value()?;
    let dtype = dtype.map_or(value.dtype(), |dtype| dtype.0);
    finished(x.py(), "full_like", Tensor::full(value.shape(), fill_value.0, dtype), requires_grad)
}

/// `start, start + step, …` before `stop`. With one bound it counts from 0.
#[pyfunction]
#[pyo3(signature = (start, /, stop=None, step=None, *, dtype=None, device=None, requires_grad=false))]
pub fn arange<'py>(
    py: Python<'py>,
    start: ScalarArgument,
    stop: Option<ScalarArgument>,
    step: Option<ScalarArgument>,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device("arange", device)?;
    let (start, stop) = match stop {
        Some(stop) => (start.0, stop.0),
        None => (Scalar::Int(0), start.0),
    };
    let step = step.map_or(Scalar::Int(1), |step| step.0);
    let widest = [start, stop, step].into_iter().max_by_key(|number| number.category()).unwrap_or(start);
    if widest.category() == tenfold::ir::Category::Complex {
        return Err(to_python(Error::type_("arange", "bounds and step are real numbers")));
    }
    let inferred =
        if widest.category() == tenfold::ir::Category::Floating { DType::Float32 } else { DType::Int64 };
    finished(
        py,
        "arange",
        Tensor::arange(start, stop, step, dtype.map_or(inferred, |dtype| dtype.0)),
        requires_grad,
    )
}

/// `num` numbers from `start` to `stop` in equal steps; the last one is `stop` if `endpoint`.
#[pyfunction]
#[pyo3(signature = (start, stop, /, num, *, dtype=None, device=None, endpoint=true, requires_grad=false))]
#[allow(clippy::too_many_arguments, reason = "the array API's arguments")]
pub fn linspace<'py>(
    py: Python<'py>,
    start: ScalarArgument,
    stop: ScalarArgument,
    num: i64,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    endpoint: bool,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device("linspace", device)?;
    let count = usize::try_from(num)
        .map_err(|_| to_python(Error::value("linspace", format!("num is not negative; got {num}"))))?;
    if let (Scalar::Complex(_), _) | (_, Scalar::Complex(_)) = (start.0, stop.0) {
        let dtype = dtype.map_or(DType::Complex64, |dtype| dtype.0);
        return finished(
            py,
            "linspace",
            complex_linspace(start.0.to_complex(), stop.0.to_complex(), count, endpoint, dtype),
            requires_grad,
        );
    }
    let dtype = dtype.map_or(DType::Float32, |dtype| dtype.0);
    finished(
        py,
        "linspace",
        Tensor::linspace(start.0.to_f64(), stop.0.to_f64(), count, endpoint, dtype),
        requires_grad,
    )
}

fn complex_linspace(
    start: Complex<f64>,
    stop: Complex<f64>,
    count: usize,
    endpoint: bool,
    dtype: DType,
) -> tenfold::Result<Tensor> {
    let real = Tensor::linspace(start.re, stop.re, count, endpoint, DType::Float64)?;
    let imaginary = Tensor::linspace(start.im, stop.im, count, endpoint, DType::Float64)?;
    real.add(&imaginary.multiply(Complex::new(0.0, 1.0))?)?.cast(dtype)
}

/// Ones on diagonal `k` of a matrix, zeros elsewhere.
#[pyfunction]
#[pyo3(signature = (n_rows, n_cols=None, /, *, k=0, dtype=None, device=None, requires_grad=false))]
pub fn eye<'py>(
    py: Python<'py>,
    n_rows: usize,
    n_cols: Option<usize>,
    k: i128,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device("eye", device)?;
    let dtype = dtype.map_or(DType::Float32, |dtype| dtype.0);
    finished(py, "eye", Tensor::eye(n_rows, n_cols.unwrap_or(n_rows), diagonal_of(k), dtype), requires_grad)
}

/// Adds the functions to the module.
pub fn add_creation(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(tensor, module)?)?;
    module.add_function(wrap_pyfunction!(asarray, module)?)?;
    module.add_function(wrap_pyfunction!(as_tensor, module)?)?;
    module.add_function(wrap_pyfunction!(zeros, module)?)?;
    module.add_function(wrap_pyfunction!(zeros_like, module)?)?;
    module.add_function(wrap_pyfunction!(ones, module)?)?;
    module.add_function(wrap_pyfunction!(ones_like, module)?)?;
    module.add_function(wrap_pyfunction!(empty, module)?)?;
    module.add_function(wrap_pyfunction!(empty_like, module)?)?;
    module.add_function(wrap_pyfunction!(full, module)?)?;
    module.add_function(wrap_pyfunction!(full_like, module)?)?;
    module.add_function(wrap_pyfunction!(arange, module)?)?;
    module.add_function(wrap_pyfunction!(linspace, module)?)?;
    module.add_function(wrap_pyfunction!(eye, module)?)
}
