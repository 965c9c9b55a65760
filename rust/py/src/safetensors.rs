//! The module `tenfold._core._safetensors`: named tensors in files.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use pyo3::exceptions::PyFileNotFoundError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use tenfold::Tensor;
use tenfold::safetensors::{self, Contents};

use crate::errors::to_python;
use crate::tensor::PyTensor;

fn values(tensors: BTreeMap<String, Bound<'_, PyTensor>>) -> PyResult<BTreeMap<String, Tensor>> {
    tensors.into_iter().map(|(name, tensor)| Ok((name, tensor.get().value()?))).collect()
}

fn dictionary<'py>(py: Python<'py>, contents: Contents) -> PyResult<Bound<'py, PyDict>> {
    let dictionary = PyDict::new(py);
    for (name, tensor) in contents.tensors {
        dictionary.set_item(name, PyTensor::from(tensor).into_object(py)?)?;
    }
    Ok(dictionary)
}

fn contents_of(filename: &PathBuf) -> PyResult<Contents> {
    if !filename.exists() {
        return Err(PyFileNotFoundError::new_err(format!(
            "safetensors.load: no such file; got {}",
            filename.display()
        )));
    }
    safetensors::load(filename).map_err(to_python)
}

/// Writes tensors by name, and texts by name, to a file: the old one stays until the new one is whole.
#[pyfunction]
#[pyo3(signature = (tensors, filename, metadata=None))]
fn save_file(
    tensors: BTreeMap<String, Bound<'_, PyTensor>>,
    filename: PathBuf,
    metadata: Option<HashMap<String, String>>,
) -> PyResult<()> {
    safetensors::save(filename, &values(tensors)?, metadata).map_err(to_python)
}

/// The tensors of a file by name.
#[pyfunction]
fn load_file(py: Python<'_>, filename: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    dictionary(py, contents_of(&filename)?)
}

/// The texts of a file by name.
#[pyfunction]
fn load_metadata(filename: PathBuf) -> PyResult<HashMap<String, String>> {
    Ok(contents_of(&filename)?.metadata)
}

/// The bytes of a file with tensors by name, and texts by name.
#[pyfunction]
#[pyo3(signature = (tensors, metadata=None))]
fn save<'py>(
    py: Python<'py>,
    tensors: BTreeMap<String, Bound<'py, PyTensor>>,
    metadata: Option<HashMap<String, String>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = safetensors::serialize(&values(tensors)?, metadata).map_err(to_python)?;
    Ok(PyBytes::new(py, &bytes))
}

/// The tensors in the bytes of a file by name.
#[pyfunction]
fn load<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    dictionary(py, safetensors::deserialize(data).map_err(to_python)?)
}

/// Adds the module.
pub fn add_safetensors(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "_safetensors")?;
    module.add_function(wrap_pyfunction!(save_file, &module)?)?;
    module.add_function(wrap_pyfunction!(load_file, &module)?)?;
    module.add_function(wrap_pyfunction!(load_metadata, &module)?)?;
    module.add_function(wrap_pyfunction!(save, &module)?)?;
    module.add_function(wrap_pyfunction!(load, &module)?)?;
    parent.add_submodule(&module)
}
