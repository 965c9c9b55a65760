//! `Tensor.explain()` and the module `tenfold._core._profile`: what would run, and what ran.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use tenfold::{Explanation, profile};

use crate::errors::Outcome;
use crate::tensor::PyTensor;

/// What computing a tensor would run; printed, a list of kernels with what was fused into each.
#[pyclass(name = "Explanation", module = "tenfold", frozen)]
pub struct PyExplanation(Explanation);

#[pymethods]
impl PyExplanation {
    /// The kernels in the order in which they run, a line each: the core and the operations that share its kernel,
    /// what is stored, bytes and floating-point operations, and why others stay apart.
    #[getter]
    fn kernels(&self) -> Vec<String> {
        self.0.kernels.iter().map(ToString::to_string).collect()
    }

    fn __len__(&self) -> usize {
        self.0.kernels.len()
    }

    fn __repr__(&self) -> String {
        self.0.to_string()
    }
}

#[pymethods]
impl PyTensor {
    /// What computing the tensor would run, without running it: everything that this thread has recorded and somebody
    /// still holds.
    fn explain(&self) -> Outcome<PyExplanation> {
        Ok(PyExplanation(self.cell.value()?.explain()?))
    }
}

/// Starts recording kernels; what was recorded before is forgotten.
#[pyfunction]
#[pyo3(name = "start")]
fn start_profile() {
    profile::set_site_hook(site);
    profile::start();
}

/// Stops recording. For each kernel that ran: name, start and duration in nanoseconds, bytes, floating-point operations,
/// thread, and the line that recorded its first operation.
#[pyfunction]
#[pyo3(name = "stop")]
#[expect(clippy::type_complexity, reason = "the rows as Python unpacks them")]
fn stop_profile() -> Vec<(String, u64, u64, usize, usize, u64, Option<String>)> {
    let row = |event: profile::Event| {
        let site = event.site.map(|site| site.to_string());
        (event.name, event.start, event.duration, event.bytes, event.flops, event.thread, site)
    };
    profile::stop().into_iter().map(row).collect()
}

/// The innermost line of Python outside this package.
fn site() -> Option<Arc<str>> {
    Python::attach(|py| find_site(py).ok().flatten())
}

fn find_site(py: Python<'_>) -> PyResult<Option<Arc<str>>> {
    static PACKAGE: PyOnceLock<String> = PyOnceLock::new();
    let package = PACKAGE.get_or_try_init(py, || {
        let file: String = py.import("tenfold")?.getattr("__file__")?.extract()?;
        Ok::<_, PyErr>(file.trim_end_matches("__init__.py").to_owned())
    })?;
    let mut frame = py.import("sys")?.call_method0("_getframe")?;
    while !frame.is_none() {
        let file = frame.getattr("f_code")?.getattr("co_filename")?;
        let file = file.cast::<PyString>()?.to_string_lossy().into_owned();
        if !file.starts_with(package) {
            let line: u32 = frame.getattr("f_lineno")?.extract()?;
            return Ok(Some(format!("{file}:{line}").into()));
        }
        frame = frame.getattr("f_back")?;
    }
    Ok(None)
}

/// Adds the class and the module.
pub fn add_profile(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    parent.add_class::<PyExplanation>()?;
    let module = PyModule::new(parent.py(), "_profile")?;
    module.add_function(wrap_pyfunction!(start_profile, &module)?)?;
    module.add_function(wrap_pyfunction!(stop_profile, &module)?)?;
    parent.add_submodule(&module)
}
