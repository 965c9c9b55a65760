//! `tenfold.float32` and its like.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyString, PyType};
use tenfold::DType;

use crate::convert::ScalarArgument;
use crate::errors::to_python;

/// The type of a tensor's elements, such as `tenfold.float32`.
#[pyclass(name = "dtype", module = "tenfold", frozen, hash, eq)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PyDType(pub DType);

#[pymethods]
impl PyDType {
    /// The name, such as `"float32"`.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Bytes an element.
    #[getter]
    fn itemsize(&self) -> usize {
        self.0.size()
    }

    /// True for real floating-point dtypes.
    #[getter]
    fn is_floating_point(&self) -> bool {
        self.0.is_floating()
    }

    /// True for complex dtypes.
    #[getter]
    fn is_complex(&self) -> bool {
        self.0.is_complex()
    }

    /// True for dtypes that hold negative numbers.
    #[getter]
    fn is_signed(&self) -> bool {
        !self.0.is_unsigned_integer() && self.0 != DType::Bool
    }

    /// The real dtype of a complex dtype's parts; itself for any other.
    #[allow(clippy::wrong_self_convention, reason = "a method of a Python object")]
    fn to_real(&self) -> PyDType {
        PyDType(self.0.real())
    }

    /// The complex dtype whose parts can hold this one's values.
    #[allow(clippy::wrong_self_convention, reason = "a method of a Python object")]
    fn to_complex(&self) -> PyDType {
        PyDType(self.0.complex())
    }

    fn __repr__(&self) -> String {
        format!("tenfold.{}", self.0)
    }

    /// Pickled as its name in the package, so that the same object comes back.
    fn __reduce__(&self) -> &'static str {
        self.0.name()
    }
}

/// The one Python object of a dtype, so that `is` works.
pub fn dtype_object(py: Python<'_>, dtype: DType) -> PyResult<Py<PyDType>> {
    static OBJECTS: PyOnceLock<Vec<Py<PyDType>>> = PyOnceLock::new();
    let objects = OBJECTS.get_or_try_init(py, || {
        DType::ALL.into_iter().map(|dtype| Py::new(py, PyDType(dtype))).collect::<PyResult<_>>()
    })?;
    Ok(objects[dtype as usize].clone_ref(py))
}

/// A dtype as an argument: one of ours, a Python type, a name, or NumPy's dtype or scalar type.
#[derive(Clone, Copy)]
pub struct DTypeArgument(pub DType);

impl<'py> FromPyObject<'_, 'py> for DTypeArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<DTypeArgument> {
        if let Ok(dtype) = object.cast::<PyDType>() {
            return Ok(DTypeArgument(dtype.get().0));
        }
        let wrong = || {
            PyTypeError::new_err(format!(
                "dtype: not a dtype; got {}. Hint: give one such as tenfold.float32",
                object.repr().map(|text| text.to_string()).unwrap_or_default()
            ))
        };
        let py = object.py();
        let named = if let Ok(name) = object.cast::<PyString>() {
            name.to_string()
        } else if object.is(py.get_type::<PyBool>()) {
            return Ok(DTypeArgument(DType::Bool));
        } else if object.is(py.get_type::<PyInt>()) {
            return Ok(DTypeArgument(DType::Int64));
        } else if object.is(py.get_type::<PyFloat>()) {
            return Ok(DTypeArgument(DType::Float32));
        } else if object.is(py.get_type::<PyComplex>()) {
            return Ok(DTypeArgument(DType::Complex64));
        } else if let Ok(class) = object.cast::<PyType>() {
            // NumPy's scalar types: numpy.float32.
            class.name()?.to_string().trim_end_matches('_').to_string()
        } else {
            object.getattr("name").map_err(|_| wrong())?.extract::<String>().map_err(|_| wrong())?
        };
        DType::from_name(&named).map(DTypeArgument).ok_or_else(wrong)
    }
}

/// The dtype that dtypes and numbers meet in.
#[pyfunction(name = "_result_type")]
fn result_type(dtypes: Vec<DTypeArgument>, numbers: Vec<ScalarArgument>) -> PyResult<PyDType> {
    let mut met = dtypes[0].0;
    for dtype in &dtypes[1..] {
        met = tenfold::promote_types(met, dtype.0).map_err(to_python)?;
    }
    Ok(PyDType(numbers.iter().fold(met, |met, number| number.0.meets(met))))
}

/// Adds the class and an object a dtype to the module.
pub fn add_dtypes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyDType>()?;
    for dtype in DType::ALL {
        module.add(dtype.name(), dtype_object(module.py(), dtype)?)?;
    }
    module.add_function(wrap_pyfunction!(result_type, module)?)
}
