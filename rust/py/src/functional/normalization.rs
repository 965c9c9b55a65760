//! Normalisation.

use pyo3::prelude::*;
use tenfold::functional;
use tenfold::{Error, autograd};

use super::{optional, wrapped};
use crate::convert::{Integers, TensorArgument};
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// Each channel of `(N, C, ...)` with mean 0 and variance 1, times `weight` plus `bias`: by the statistics of the batch in
/// training (the running ones are updated in place), else by the running ones.
#[pyfunction]
#[pyo3(signature = (
    input, running_mean, running_var, weight=None, bias=None, training=false, momentum=0.1, eps=1e-5
))]
#[allow(clippy::too_many_arguments)]
fn batch_norm(
    input: TensorArgument,
    running_mean: Option<&Bound<'_, PyTensor>>,
    running_var: Option<&Bound<'_, PyTensor>>,
    weight: Option<TensorArgument>,
    bias: Option<TensorArgument>,
    training: bool,
    momentum: f64,
    eps: f64,
) -> PyResult<PyTensor> {
    let running = match (running_mean, running_var) {
        (Some(mean), Some(variance)) => Some((mean, variance)),
        (None, None) => None,
        _ => {
            return Err(to_python(Error::state(
                "batch_norm",
                "needs both running_mean and running_var, or neither",
            )));
        }
    };
    let values = match running {
        Some((mean, variance)) => Some((mean.get().value()?, variance.get().value()?)),
        None => None,
    };
    let values = values.as_ref().map(|(mean, variance)| (mean, variance));
    let (weight, bias) = (optional(&weight), optional(&bias));
    let result =
        functional::batch_norm(&input.0, values, weight, bias, training, momentum, eps).map_err(to_python)?;
    if let (Some((mean, variance)), Some((new_mean, new_variance))) = (running, result.running) {
        let assigned = autograd::no_grad(|| {
            mean.get().cell.assign("batch_norm", new_mean)?;
            variance.get().cell.assign("batch_norm", new_variance)
        });
        assigned.map_err(to_python)?;
    }
    Ok(result.output.into())
}

/// Mean 0 and variance 1 over the trailing axes `normalized_shape`, times `weight` plus `bias`.
#[pyfunction]
#[pyo3(signature = (input, normalized_shape, weight=None, bias=None, eps=1e-5))]
fn layer_norm(
    input: TensorArgument,
    normalized_shape: Integers,
    weight: Option<TensorArgument>,
    bias: Option<TensorArgument>,
    eps: f64,
) -> PyResult<PyTensor> {
    let shape = normalized_shape.extents("layer_norm")?;
    wrapped(functional::layer_norm(&input.0, &shape, optional(&weight), optional(&bias), eps))
}

/// Mean square 1 over the trailing axes `normalized_shape`, times `weight`.
#[pyfunction]
#[pyo3(signature = (input, normalized_shape, weight=None, eps=None))]
fn rms_norm(
    input: TensorArgument,
    normalized_shape: Integers,
    weight: Option<TensorArgument>,
    eps: Option<f64>,
) -> PyResult<PyTensor> {
    let shape = normalized_shape.extents("rms_norm")?;
    wrapped(functional::rms_norm(&input.0, &shape, optional(&weight), eps))
}

/// Mean 0 and variance 1 over each of `num_groups` groups of channels of `(N, C, ...)`, times `weight` plus `bias`.
#[pyfunction]
#[pyo3(signature = (input, num_groups, weight=None, bias=None, eps=1e-5))]
fn group_norm(
    input: TensorArgument,
    num_groups: i64,
    weight: Option<TensorArgument>,
    bias: Option<TensorArgument>,
    eps: f64,
) -> PyResult<PyTensor> {
    let groups = Integers(vec![num_groups]).extents("group_norm")?[0];
    wrapped(functional::group_norm(&input.0, groups, optional(&weight), optional(&bias), eps))
}

/// Mean 0 and variance 1 over the spatial axes of each sample and channel of `(N, C, ...)`, times `weight` plus `bias`; or
/// by running statistics, where `use_input_stats` is false. The running ones are updated in place.
#[pyfunction]
#[pyo3(signature = (
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=true, momentum=0.1, eps=1e-5
))]
#[allow(clippy::too_many_arguments)]
fn instance_norm(
    input: TensorArgument,
    running_mean: Option<&Bound<'_, PyTensor>>,
    running_var: Option<&Bound<'_, PyTensor>>,
    weight: Option<TensorArgument>,
    bias: Option<TensorArgument>,
    use_input_stats: bool,
    momentum: f64,
    eps: f64,
) -> PyResult<PyTensor> {
    if !use_input_stats {
        return batch_norm(input, running_mean, running_var, weight, bias, false, momentum, eps);
    }
    let result = functional::instance_norm(&input.0, optional(&weight), optional(&bias), eps);
    let result = result.map_err(to_python)?;
    match (running_mean, running_var) {
        (Some(mean), Some(variance)) => {
            let values = (mean.get().value()?, variance.get().value()?);
            let moved = functional::instance_statistics(&input.0, (&values.0, &values.1), momentum);
            let (new_mean, new_variance) = moved.map_err(to_python)?;
            let assigned = autograd::no_grad(|| {
                mean.get().cell.assign("instance_norm", new_mean)?;
                variance.get().cell.assign("instance_norm", new_variance)
            });
            assigned.map_err(to_python)?;
        }
        (None, None) => {}
        _ => {
            return Err(to_python(Error::state(
                "instance_norm",
                "needs both running_mean and running_var, or neither",
            )));
        }
    }
    Ok(result.into())
}

/// `x / (k + alpha * m)**beta` with m the mean of squares over `size` neighbouring channels of `(N, C, ...)`.
#[pyfunction]
#[pyo3(signature = (input, size, alpha=1e-4, beta=0.75, k=1.0))]
fn local_response_norm(
    input: TensorArgument,
    size: i64,
    alpha: f64,
    beta: f64,
    k: f64,
) -> PyResult<PyTensor> {
    let size = Integers(vec![size]).extents("local_response_norm")?[0];
    wrapped(functional::local_response_norm(&input.0, size, alpha, beta, k))
}

/// Adds the functions to the module.
pub(super) fn add_normalization(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(batch_norm, module)?)?;
    module.add_function(wrap_pyfunction!(layer_norm, module)?)?;
    module.add_function(wrap_pyfunction!(rms_norm, module)?)?;
    module.add_function(wrap_pyfunction!(group_norm, module)?)?;
    module.add_function(wrap_pyfunction!(instance_norm, module)?)?;
    module.add_function(wrap_pyfunction!(local_response_norm, module)?)
}
