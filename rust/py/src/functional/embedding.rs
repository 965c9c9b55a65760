//! Look-ups in tables.

use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use tenfold::functional::{self, BagMode, BagOptions};
use tenfold::{Error, autograd};

use super::{optional, wrapped};
use crate::convert::TensorArgument;
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// Shortens the rows of the weight that are asked for and longer than `max_norm`, in place.
fn shorten(
    operation: &'static str,
    weight: &Bound<'_, PyTensor>,
    input: &TensorArgument,
    max_norm: Option<f64>,
    norm_type: f64,
) -> PyResult<()> {
    let Some(max_norm) = max_norm else { return Ok(()) };
    let value = weight.get().value()?;
    let assign = || {
        let shortened = functional::embedding_renorm(&value, &input.0, max_norm, norm_type)?;
        autograd::no_grad(|| weight.get().cell.assign(operation, shortened))
    };
    assign().map_err(|error| to_python(error.in_operation(operation)))
}

fn refuse_sparse(operation: &str, sparse: bool) -> PyResult<()> {
    if !sparse {
        return Ok(());
    }
    Err(PyNotImplementedError::new_err(format!("{operation}: sparse is not offered: gradients are dense")))
}

/// The rows of `weight` `(V, D)` at `input` (integers): `(..., D)`. The row `padding_idx` gets no gradient.
///
/// With `max_norm` the rows asked for that are longer (in the `norm_type`-norm) are shortened to it first, in place.
/// `scale_grad_by_freq` divides the gradient of a row by how often it was asked for.
#[pyfunction]
#[pyo3(signature = (
    input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=false, sparse=false
))]
fn embedding(
    input: TensorArgument,
    weight: &Bound<'_, PyTensor>,
    padding_idx: Option<i64>,
    max_norm: Option<f64>,
    norm_type: f64,
    scale_grad_by_freq: bool,
    sparse: bool,
) -> PyResult<PyTensor> {
    refuse_sparse("embedding", sparse)?;
    shorten("embedding", weight, &input, max_norm, norm_type)?;
    wrapped(functional::embedding(&input.0, &weight.get().value()?, padding_idx, scale_grad_by_freq))
}

/// Bags of rows of `weight` `(V, D)`, each reduced to one: `(bags, D)`.
///
/// `input` is `(bags, length)`, or one list of indices where `offsets` says where each bag begins (with
/// `include_last_offset` the last one says where all end). `mode` is `'sum'`, `'mean'` or `'max'`; `per_sample_weights`
/// are factors for a sum. The row `padding_idx` belongs to no bag. An empty bag gives zeros.
#[pyfunction]
#[pyo3(signature = (
    input, weight, offsets=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=false, mode="mean", sparse=false,
    per_sample_weights=None, include_last_offset=false, padding_idx=None
))]
#[allow(clippy::too_many_arguments)]
fn embedding_bag(
    input: TensorArgument,
    weight: &Bound<'_, PyTensor>,
    offsets: Option<TensorArgument>,
    max_norm: Option<f64>,
    norm_type: f64,
    scale_grad_by_freq: bool,
    mode: &str,
    sparse: bool,
    per_sample_weights: Option<TensorArgument>,
    include_last_offset: bool,
    padding_idx: Option<i64>,
) -> PyResult<PyTensor> {
    let name = "embedding_bag";
    refuse_sparse(name, sparse)?;
    let mode = match mode {
        "sum" => BagMode::Sum,
        "mean" => BagMode::Mean,
        "max" => BagMode::Max,
        other => {
            return Err(to_python(
                Error::value(name, format!("no such mode; got {other:?}")).hint("sum, mean or max"),
            ));
        }
    };
    shorten(name, weight, &input, max_norm, norm_type)?;
    let options = BagOptions {
        mode,
        offsets: optional(&offsets),
        include_last_offset,
        per_sample_weights: optional(&per_sample_weights),
        padding_idx,
        scale_grad_by_freq,
    };
    wrapped(functional::embedding_bag(&input.0, &weight.get().value()?, &options))
}

/// Adds the functions to the module.
pub(super) fn add_embedding(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(embedding, module)?)?;
    module.add_function(wrap_pyfunction!(embedding_bag, module)?)
}
