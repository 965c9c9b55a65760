//! Python exceptions from the engine's errors.

use pyo3::exceptions::{
    PyIndexError, PyKeyError, PyKeyboardInterrupt, PyMemoryError, PyNotImplementedError, PyOSError,
    PyOverflowError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};
use tenfold::{Error, ErrorKind};

/// `ShapeError(ValueError, RuntimeError)` and `DTypeError(TypeError, RuntimeError)`: what NumPy raises and what
/// PyTorch raises, so that both worlds' handlers catch them.
struct Exceptions {
    shape: Py<PyType>,
    dtype: Py<PyType>,
}

fn exceptions(py: Python<'_>) -> PyResult<&'static Exceptions> {
    static EXCEPTIONS: PyOnceLock<Exceptions> = PyOnceLock::new();
    EXCEPTIONS.get_or_try_init(py, || {
        let runtime = py.get_type::<PyRuntimeError>();
        let make = |name: &str, doc: &str, base: Bound<'_, PyType>| -> PyResult<Py<PyType>> {
            let bases = PyTuple::new(py, [base, runtime.clone()])?;
            let attributes = pyo3::types::PyDict::new(py);
            attributes.set_item("__module__", "tenfold")?;
            attributes.set_item("__doc__", doc)?;
            let class = py.get_type::<PyType>().call1((name, bases, attributes))?;
            Ok(class.cast_into::<PyType>()?.unbind())
        };
        Ok(Exceptions {
            shape: make("ShapeError", "Shapes do not fit the operation.", py.get_type::<PyValueError>())?,
            dtype: make("DTypeError", "Dtypes do not fit the operation.", py.get_type::<PyTypeError>())?,
        })
    })
}

/// Adds the exception classes to the module.
pub fn add_exceptions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let classes = exceptions(module.py())?;
    module.add("ShapeError", classes.shape.bind(module.py()))?;
    module.add("DTypeError", classes.dtype.bind(module.py()))
}

/// An engine's error on its way to Python.
pub struct Failure(Error);

/// The result of everything that Python calls.
pub type Outcome<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure(error)
    }
}

impl From<Failure> for PyErr {
    fn from(Failure(error): Failure) -> PyErr {
        to_python(error)
    }
}

/// Errors said by the function that the user called, whatever operations it is made of.
pub trait Named<T> {
    /// The same result; an error begins with `function`.
    fn named(self, function: &'static str) -> Outcome<T>;
}

impl<T> Named<T> for tenfold::Result<T> {
    fn named(self, function: &'static str) -> Outcome<T> {
        self.map_err(|error| Failure(error.in_operation(function)))
    }
}

impl<T> Named<T> for Outcome<T> {
    fn named(self, function: &'static str) -> Outcome<T> {
        self.map_err(|Failure(error)| Failure(error.in_operation(function)))
    }
}

/// The Python exception for an engine's error.
pub fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Shape | ErrorKind::DType => Python::attach(|py| match exceptions(py) {
            Ok(classes) => {
                let class = if error.kind() == ErrorKind::Shape { &classes.shape } else { &classes.dtype };
                PyErr::from_type(class.bind(py).clone(), message)
            }
            Err(failure) => failure,
        }),
        ErrorKind::Value => PyValueError::new_err(message),
        ErrorKind::Type => PyTypeError::new_err(message),
        ErrorKind::Index => PyIndexError::new_err(message),
        ErrorKind::Key => PyKeyError::new_err(message),
        ErrorKind::Overflow => PyOverflowError::new_err(message),
        ErrorKind::NotImplemented => PyNotImplementedError::new_err(message),
        ErrorKind::State => PyRuntimeError::new_err(message),
        ErrorKind::Memory => PyMemoryError::new_err(message),
        // Python's own handler has noted the signal: run it now, or it would raise a second time.
        ErrorKind::Interrupted => Python::attach(|py| match py.check_signals() {
            Err(raised) => raised,
            Ok(()) => PyKeyboardInterrupt::new_err(message),
        }),
        ErrorKind::Io => PyOSError::new_err(message),
    }
}

/// An error that Python raised, on its way through the engine (a hook, a custom function).
pub fn from_python(operation: &'static str, error: PyErr) -> Error {
    Python::attach(|py| {
        PENDING.with(|pending| *pending.borrow_mut() = Some(error.clone_ref(py)));
    });
    Error::state(operation, "the Python function raised an exception")
}

thread_local! {
    static PENDING: std::cell::RefCell<Option<PyErr>> = const { std::cell::RefCell::new(None) };
}

/// The Python exception behind an error of the engine: the original one, where Python raised it.
pub fn restored(error: Error) -> PyErr {
    PENDING.with(|pending| pending.borrow_mut().take()).unwrap_or_else(|| to_python(error))
}
