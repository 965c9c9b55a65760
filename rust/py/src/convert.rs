//! Arguments from Python.

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyList, PyTuple};
use tenfold::{Argument, Complex, Scalar, Tensor};

use crate::errors::to_python;
use crate::tensor::PyTensor;

/// A tensor, a Python number, or what NumPy makes of either.
pub enum PyArgument {
    /// A tensor's value.
    Tensor(Tensor),
    /// A number that takes the dtype of the tensors it meets.
    Scalar(Scalar),
}

impl PyArgument {
    /// An argument that is no tensor.
    pub fn of_other(object: &Bound<'_, PyAny>) -> PyResult<PyArgument> {
        if let Some(scalar) = scalar_of(object)? {
            return Ok(PyArgument::Scalar(scalar));
        }
        if object.hasattr("__array_interface__")? {
            return Ok(PyArgument::Tensor(crate::interchange::tensor_of_buffer(object, false)?));
        }
        Err(PyTypeError::new_err(format!(
            "argument: needs a tensor or a number; got {}",
            object.get_type().name()?
        )))
    }

    /// As the engine takes it.
    pub fn as_argument(&self) -> Argument<'_> {
        match self {
            PyArgument::Tensor(tensor) => Argument::Tensor(tensor),
            PyArgument::Scalar(scalar) => Argument::Scalar(*scalar),
        }
    }
}

/// An `int` of 64 bits or a `float`, of these very classes: what nearly all numbers are. `None` for anything else.
#[inline]
pub fn plain_number(object: &Bound<'_, PyAny>) -> Option<Scalar> {
    if object.is_exact_instance_of::<PyInt>() {
        return object.extract::<i64>().ok().map(Scalar::from);
    }
    if object.is_exact_instance_of::<PyFloat>() {
        return object.extract::<f64>().ok().map(Scalar::from);
    }
    None
}

/// A Python number, also one of NumPy's; `None` for anything else.
pub fn scalar_of(object: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    if object.is_instance_of::<PyBool>() {
        return Ok(Some(Scalar::Bool(object.is_truthy()?)));
    }
    if object.is_instance_of::<PyInt>() {
        // Nearly all fit, and wider ones take ten times as long.
        if let Ok(number) = object.extract::<i64>() {
            return Ok(Some(Scalar::Int(number.into())));
        }
        let wide = object.extract::<i128>().map_err(|_| {
            PyOverflowError::new_err("integer: does not fit any dtype. Hint: int64 and uint64 are the widest")
        })?;
        return Ok(Some(Scalar::Int(wide)));
    }
    if object.is_instance_of::<PyFloat>() {
        return Ok(Some(Scalar::Float(object.extract()?)));
    }
    if object.is_instance_of::<PyComplex>() {
        return Ok(Some(Scalar::Complex(object.extract::<Complex<f64>>()?)));
    }
    // NumPy's scalars are numbers with a dtype of their own; a number of another class may only have `__index__`, and
    // arrays have it without being numbers.
    if object.hasattr("dtype")? && object.hasattr("item")? {
        if object.getattr("shape")?.len()? != 0 {
            return Ok(None);
        }
        let item = object.call_method0("item")?;
        return if item.is(object) { Ok(None) } else { scalar_of(&item) };
    }
    if object.hasattr("__index__")? {
        return scalar_of(&object.call_method0("__index__")?);
    }
    Ok(None)
}

impl<'py> FromPyObject<'_, 'py> for PyArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<PyArgument> {
        if let Some(number) = plain_number(&object) {
            return Ok(PyArgument::Scalar(number));
        }
        match object.cast::<PyTensor>() {
            Ok(tensor) => Ok(PyArgument::Tensor(tensor.get().value()?)),
            Err(_) => PyArgument::of_other(&object),
        }
    }
}

/// A tensor as an argument; arrays of NumPy are taken too.
pub struct TensorArgument(pub Tensor);

impl<'py> FromPyObject<'_, 'py> for TensorArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<TensorArgument> {
        match object.extract::<PyArgument>()? {
            PyArgument::Tensor(tensor) => Ok(TensorArgument(tensor)),
            PyArgument::Scalar(scalar) => {
                Tensor::scalar(scalar, scalar.default_dtype()).map(TensorArgument).map_err(to_python)
            }
        }
    }
}

/// A Python number as an argument.
#[derive(Clone, Copy)]
pub struct ScalarArgument(pub Scalar);

impl<'py> FromPyObject<'_, 'py> for ScalarArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<ScalarArgument> {
        if let Some(scalar) = scalar_of(&object)? {
            return Ok(ScalarArgument(scalar));
        }
        if let Ok(tensor) = object.cast::<PyTensor>() {
            return tensor.get().value()?.item().map(ScalarArgument).map_err(to_python);
        }
        Err(PyTypeError::new_err(format!("argument: needs a number; got {}", object.get_type().name()?)))
    }
}

/// One integer or several: an axis or axes, an extent or extents.
#[derive(Clone)]
pub struct Integers(pub Vec<i64>);

impl<'py> FromPyObject<'_, 'py> for Integers {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Integers> {
        if let Ok(list) = object.cast::<PyList>() {
            return list.iter().map(|item| item.extract::<i64>()).collect::<PyResult<_>>().map(Integers);
        }
        if let Ok(tuple) = object.cast::<PyTuple>() {
            return tuple.iter().map(|item| item.extract::<i64>()).collect::<PyResult<_>>().map(Integers);
        }
        if let Ok(one) = object.extract::<i64>() {
            return Ok(Integers(vec![one]));
        }
        if object.is_instance_of::<PyFloat>() || object.is_instance_of::<pyo3::types::PyString>() {
            return Err(PyTypeError::new_err(format!(
                "argument: needs an integer or a tuple of them; got {}",
                object.get_type().name()?
            )));
        }
        let items: Vec<i64> =
            object.try_iter()?.map(|item| item?.extract::<i64>()).collect::<PyResult<_>>()?;
        Ok(Integers(items))
    }
}

impl Integers {
    /// As extents, none of them negative.
    pub fn extents(&self, operation: &'static str) -> PyResult<Vec<usize>> {
        self.0
            .iter()
            .map(|&extent| {
                usize::try_from(extent).map_err(|_| {
                    to_python(tenfold::Error::shape(
                        operation,
                        format!("extents are not negative; got {:?}", self.0),
                    ))
                })
            })
            .collect()
    }
}

/// The number of a diagonal: all those beyond a matrix are the same.
pub fn diagonal_of(number: i128) -> i64 {
    /// Beyond every matrix, and far from overflow.
    const FAR: i128 = 1 << 62;
    number.clamp(-FAR, FAR) as i64
}

/// Extents given one by one or as one tuple: `x.view(2, 3)`, `x.view((2, 3))`.
pub fn integers_of(arguments: &Bound<'_, PyTuple>) -> PyResult<Vec<i64>> {
    if arguments.len() == 1 {
        return Ok(arguments.get_item(0)?.extract::<Integers>()?.0);
    }
    arguments.iter().map(|item| item.extract::<i64>()).collect()
}

/// The same argument under torch's name and the array API's: at most one may be given.
pub fn either<T>(
    operation: &'static str,
    names: [&str; 2],
    first: Option<T>,
    second: Option<T>,
) -> PyResult<Option<T>> {
    match (first, second) {
        (Some(_), Some(_)) => {
            Err(PyTypeError::new_err(format!("{operation}: give {} or {}, not both", names[0], names[1])))
        }
        (first, second) => Ok(first.or(second)),
    }
}
