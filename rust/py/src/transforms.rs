//! What the function transforms of `tenfold.func` and `tenfold.utils.checkpoint` are made of.

use std::sync::Mutex;
use std::sync::{Arc, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tenfold::Tensor;
use tenfold::autograd::{self, Checkpoint};
use tenfold::batch::{self, Level, Randomness, Stack};

use crate::errors::{Outcome, from_python};
use crate::tensor::PyTensor;

/// The values of tensor objects.
fn values(tensors: &[Py<PyTensor>]) -> PyResult<Vec<Tensor>> {
    tensors.iter().map(|tensor| tensor.get().value()).collect()
}

/// One `vmap`: active from its making until `leave`.
#[pyclass(name = "_Level", module = "tenfold", frozen)]
pub struct PyLevel(Level);

#[pymethods]
impl PyLevel {
    /// Begins a level of `extent` samples, where random numbers are an "error", "different" for each or the "same".
    #[new]
    fn new(extent: usize, randomness: &str) -> PyResult<PyLevel> {
        let randomness = match randomness {
            "error" => Randomness::Error,
            "different" => Randomness::Different,
            "same" => Randomness::Same,
            other => {
                return Err(PyValueError::new_err(format!(
                    "vmap: randomness is 'error', 'different' or 'same'; got '{other}'"
                )));
            }
        };
        Ok(PyLevel(batch::enter(extent, randomness)))
    }

    /// Ends the level.
    fn leave(&self) {
        batch::leave(self.0);
    }

    /// How many samples there are.
    #[getter]
    fn extent(&self) -> usize {
        self.0.extent()
    }

    /// What random numbers are.
    #[getter]
    fn randomness(&self) -> &'static str {
        match batch::stack().iter().find(|entry| entry.0 == self.0).map(|entry| entry.1) {
            Some(Randomness::Different) => "different",
            Some(Randomness::Same) => "same",
            Some(Randomness::Error) | None => "error",
        }
    }

    /// The tensor of one sample, of which `dim` counts the samples.
    fn batched(&self, tensor: &Bound<'_, PyTensor>, dim: i64) -> Outcome<PyTensor> {
        Ok(tensor.get().cell.value()?.batched(self.0, dim)?.into())
    }

    /// The tensor of all samples, of which a new `dim` counts them.
    fn unbatched(&self, tensor: &Bound<'_, PyTensor>, dim: i64) -> Outcome<PyTensor> {
        Ok(tensor.get().cell.value()?.unbatched(self.0, dim)?.into())
    }

    /// True for a tensor that has a value for each sample of this level.
    fn maps(&self, tensor: &Bound<'_, PyTensor>) -> PyResult<bool> {
        Ok(tensor.get().value()?.levels().contains(&self.0))
    }
}

/// The outermost level that some of the tensors have a value for each sample of.
#[pyfunction]
#[pyo3(name = "_level_of")]
pub fn level_of(tensors: Vec<Py<PyTensor>>) -> PyResult<Option<PyLevel>> {
    Ok(values(&tensors)?.iter().flat_map(Tensor::levels).min().map(PyLevel))
}

/// The active levels of a thread.
#[pyclass(name = "_Levels", module = "tenfold", frozen)]
pub struct PyLevels(Stack);

/// The active levels of this thread.
#[pyfunction]
#[pyo3(name = "_levels")]
pub fn levels() -> PyLevels {
    PyLevels(batch::stack())
}

/// Sets the active levels of this thread, to compute something again as it was computed first; returns those before.
#[pyfunction]
#[pyo3(name = "_set_levels")]
pub fn set_levels(levels: &PyLevels) -> PyLevels {
    PyLevels(batch::replace_stack(levels.0.clone()))
}

/// The same tensor at a place of its own in the record of gradients, to differentiate with respect to.
#[pyfunction]
#[pyo3(name = "_alias")]
pub fn alias(tensor: &Bound<'_, PyTensor>) -> Outcome<PyTensor> {
    Ok(tensor.get().cell.value()?.alias()?.into())
}

/// True where some of the tensors depend on a leaf other than those of `own`.
#[pyfunction]
#[pyo3(name = "_depend_on_others")]
pub fn depend_on_others(tensors: Vec<Py<PyTensor>>, own: Vec<Py<PyTensor>>) -> PyResult<bool> {
    let (tensors, own) = (values(&tensors)?, values(&own)?);
    Ok(autograd::depend_on_others(&tensors.iter().collect::<Vec<_>>(), &own.iter().collect::<Vec<_>>()))
}

/// A region whose saved values are computed again in backward: `with` it, the first run records. `recompute(tensors)` runs
/// it again with the values that the tensors had.
#[pyclass(name = "_Checkpoint", module = "tenfold", frozen)]
pub struct PyCheckpoint {
    region: Mutex<Option<Arc<Checkpoint>>>,
}

#[pymethods]
impl PyCheckpoint {
    #[new]
    fn new(recompute: Py<PyAny>, tensors: Vec<Py<PyTensor>>, check: bool) -> PyResult<PyCheckpoint> {
        let run = move |inputs: Vec<Tensor>| {
            Python::attach(|py| -> PyResult<()> {
                let inputs: Vec<PyTensor> = inputs.into_iter().map(PyTensor::from).collect();
                recompute.call1(py, (inputs,))?;
                Ok(())
            })
            .map_err(|error| from_python("checkpoint", error))
        };
        let region = Checkpoint::new(&values(&tensors)?, Box::new(run), check);
        Ok(PyCheckpoint { region: Mutex::new(Some(region)) })
    }

    fn __enter__(&self) {
        if let Some(region) = &*self.region.lock().unwrap_or_else(PoisonError::into_inner) {
            region.enter();
        }
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, _error: &Bound<'_, pyo3::types::PyTuple>) {
        // From here on the recorded edges alone hold the region.
        let region = self.region.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(region) = region {
            region.leave();
        }
    }
}

/// Adds the functions and classes to the module.
pub fn add_transforms(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyLevel>()?;
    module.add_class::<PyLevels>()?;
    module.add_class::<PyCheckpoint>()?;
    module.add_function(wrap_pyfunction!(level_of, module)?)?;
    module.add_function(wrap_pyfunction!(levels, module)?)?;
    module.add_function(wrap_pyfunction!(set_levels, module)?)?;
    module.add_function(wrap_pyfunction!(alias, module)?)?;
    module.add_function(wrap_pyfunction!(depend_on_others, module)?)
}
