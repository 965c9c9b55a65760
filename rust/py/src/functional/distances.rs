//! Lengths, angles and distances of vectors.

use pyo3::prelude::*;
use tenfold::{Error, functional};

use super::wrapped;
use crate::convert::TensorArgument;
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// x over its length along `dim`, which counts as `eps` at least.
#[pyfunction]
#[pyo3(signature = (input, p=2.0, dim=1, eps=1e-12, out=None))]
fn normalize(
    input: TensorArgument,
    p: f64,
    dim: i64,
    eps: f64,
    out: Option<Bound<'_, PyAny>>,
) -> PyResult<PyTensor> {
    if out.is_some() {
        return Err(to_python(Error::not_implemented("normalize", "out is not offered")));
    }
    wrapped(functional::normalize(&input.0, p, dim, eps))
}

/// The cosine of the angle between vectors along `dim`.
#[pyfunction]
#[pyo3(signature = (x1, x2, dim=1, eps=1e-8))]
fn cosine_similarity(x1: TensorArgument, x2: TensorArgument, dim: i64, eps: f64) -> PyResult<PyTensor> {
    wrapped(functional::cosine_similarity(&x1.0, &x2.0, dim, eps))
}

/// The p-norm of `x1 - x2 + eps` along the last axis.
#[pyfunction]
#[pyo3(signature = (x1, x2, p=2.0, eps=1e-6, keepdim=false))]
fn pairwise_distance(
    x1: TensorArgument,
    x2: TensorArgument,
    p: f64,
    eps: f64,
    keepdim: bool,
) -> PyResult<PyTensor> {
    wrapped(functional::pairwise_distance(&x1.0, &x2.0, p, eps, keepdim))
}

/// The p-norms of the differences of all pairs of rows of `(N, D)`.
#[pyfunction]
#[pyo3(signature = (input, p=2.0))]
fn pdist(input: TensorArgument, p: f64) -> PyResult<PyTensor> {
    wrapped(functional::pdist(&input.0, p))
}

/// Adds the functions to the module.
pub(super) fn add_distances(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(normalize, module)?)?;
    module.add_function(wrap_pyfunction!(cosine_similarity, module)?)?;
    module.add_function(wrap_pyfunction!(pairwise_distance, module)?)?;
    module.add_function(wrap_pyfunction!(pdist, module)?)
}
