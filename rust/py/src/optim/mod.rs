//! The module `tenfold._core._optim`: the step of an optimizer for lists of parameters, in place.

mod more;

use pyo3::prelude::*;
use tenfold::optim::{
    AdagradSettings, AdamSettings, AdamState, RmspropSettings, RmspropState, SgdSettings, adagrad_step,
    adam_step, rmsprop_step, sgd_step,
};
use tenfold::{Error, Tensor, autograd};

use crate::errors::Outcome;
use crate::tensor::PyTensor;

type Objects<'py> = Vec<Bound<'py, PyTensor>>;

fn value(object: &Bound<'_, PyTensor>) -> Outcome<Tensor> {
    Ok(object.get().cell.value()?)
}

/// The value of a state that only some settings have: its list is empty without it.
fn value_if_any(objects: &Objects<'_>, index: usize) -> Outcome<Option<Tensor>> {
    objects.get(index).map(value).transpose()
}

fn assign(operation: &'static str, object: &Bound<'_, PyTensor>, new: Tensor) -> Outcome<()> {
    Ok(object.get().cell.assign(operation, new)?)
}

fn assign_if_any(
    operation: &'static str,
    objects: &Objects<'_>,
    index: usize,
    new: Option<Tensor>,
) -> Outcome<()> {
    match (objects.get(index), new) {
        (Some(object), Some(new)) => assign(operation, object, new),
        _ => Ok(()),
    }
}

/// An error unless each parameter has its gradient and state; states that the settings do not need may be left out.
fn check_lengths(
    operation: &'static str,
    params: usize,
    needed: &[usize],
    optional: &[usize],
) -> Outcome<()> {
    let fits = needed.iter().all(|&length| length == params)
        && optional.iter().all(|&length| length == params || length == 0);
    if fits {
        return Ok(());
    }
    Err(Error::value(
        operation,
        format!("{params} parameters with {needed:?} and {optional:?} gradients and states"),
    )
    .into())
}

/// One step of SGD: changes parameters and momentum buffers in place and returns the buffers. None begins a new one,
/// and is returned without momentum.
#[pyfunction]
#[pyo3(name = "sgd_step", signature = (
    params, grads, momentum_buffers, *, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=false,
    maximize=false
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn sgd<'py>(
    py: Python<'py>,
    params: Objects<'py>,
    grads: Objects<'py>,
    momentum_buffers: Vec<Option<Bound<'py, PyTensor>>>,
    lr: f64,
    momentum: f64,
    dampening: f64,
    weight_decay: f64,
    nesterov: bool,
    maximize: bool,
) -> PyResult<Vec<Option<Bound<'py, PyTensor>>>> {
    check_lengths("sgd", params.len(), &[grads.len(), momentum_buffers.len()], &[])?;
    let settings = SgdSettings { learning_rate: lr, momentum, dampening, weight_decay, nesterov, maximize };
    let _mode = autograd::Guard::new(false);
    let mut buffers = Vec::with_capacity(params.len());
    for ((param, grad), object) in params.iter().zip(&grads).zip(momentum_buffers) {
        let before = object.as_ref().map(value).transpose()?;
        let (new_value, buffer) = sgd_step(&value(param)?, &value(grad)?, before.as_ref(), &settings)
            .map_err(crate::errors::to_python)?;
        assign("sgd", param, new_value)?;
        buffers.push(match (object, buffer) {
            (Some(object), Some(buffer)) => {
                assign("sgd", &object, buffer)?;
                Some(object)
            }
            (None, Some(buffer)) => Some(PyTensor::from(buffer).into_object(py)?),
            (_, None) => None,
        });
    }
    finish()?;
    Ok(buffers)
}

/// One step of Adagrad: changes parameters and sums in place. `steps` are the numbers of this step, from 1.
#[pyfunction]
#[pyo3(name = "adagrad_step", signature = (
    params, grads, state_sums, steps, *, lr, lr_decay=0.0, weight_decay=0.0, eps=1e-10, maximize=false
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn adagrad(
    params: Objects<'_>,
    grads: Objects<'_>,
    state_sums: Objects<'_>,
    steps: Vec<u64>,
    lr: f64,
    lr_decay: f64,
    weight_decay: f64,
    eps: f64,
    maximize: bool,
) -> Outcome<()> {
    check_lengths("adagrad", params.len(), &[grads.len(), state_sums.len(), steps.len()], &[])?;
    let settings =
        AdagradSettings { learning_rate: lr, learning_rate_decay: lr_decay, weight_decay, eps, maximize };
    let _mode = autograd::Guard::new(false);
    for (((param, grad), sum), step) in params.iter().zip(&grads).zip(&state_sums).zip(steps) {
        let (new_value, new_sum) =
            adagrad_step(&value(param)?, &value(grad)?, &value(sum)?, step, &settings)?;
        assign("adagrad", param, new_value)?;
        assign("adagrad", sum, new_sum)?;
    }
    finish()
}

/// One step of RMSprop: changes parameters and state in place. `grad_avgs` is empty unless centered,
/// `momentum_buffers` without momentum.
#[pyfunction]
#[pyo3(name = "rmsprop_step", signature = (
    params, grads, square_avgs, grad_avgs, momentum_buffers, *, lr, alpha=0.99, eps=1e-8, weight_decay=0.0,
    momentum=0.0, maximize=false
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn rmsprop(
    params: Objects<'_>,
    grads: Objects<'_>,
    square_avgs: Objects<'_>,
    grad_avgs: Objects<'_>,
    momentum_buffers: Objects<'_>,
    lr: f64,
    alpha: f64,
    eps: f64,
    weight_decay: f64,
    momentum: f64,
    maximize: bool,
) -> Outcome<()> {
    let optional = [grad_avgs.len(), momentum_buffers.len()];
    check_lengths("rmsprop", params.len(), &[grads.len(), square_avgs.len()], &optional)?;
    let settings = RmspropSettings { learning_rate: lr, alpha, eps, weight_decay, momentum, maximize };
    let _mode = autograd::Guard::new(false);
    for (index, ((param, grad), square)) in params.iter().zip(&grads).zip(&square_avgs).enumerate() {
        let state = RmspropState {
            square_average: value(square)?,
            gradient_average: value_if_any(&grad_avgs, index)?,
            momentum_buffer: value_if_any(&momentum_buffers, index)?,
        };
        let (new_value, state) = rmsprop_step(&value(param)?, &value(grad)?, &state, &settings)?;
        assign("rmsprop", param, new_value)?;
        assign("rmsprop", square, state.square_average)?;
        assign_if_any("rmsprop", &grad_avgs, index, state.gradient_average)?;
        assign_if_any("rmsprop", &momentum_buffers, index, state.momentum_buffer)?;
    }
    finish()
}

/// One step of Adam (AdamW where the weight decay is decoupled): changes parameters and state in place.
/// `max_exp_avg_sqs` is empty without AMSGrad. `steps` are the numbers of this step, from 1.
#[pyfunction]
#[pyo3(name = "adam_step", signature = (
    params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, *, lr, beta1=0.9, beta2=0.999, eps=1e-8,
    weight_decay=0.0, decoupled_weight_decay=false, maximize=false
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn adam(
    params: Objects<'_>,
    grads: Objects<'_>,
    exp_avgs: Objects<'_>,
    exp_avg_sqs: Objects<'_>,
    max_exp_avg_sqs: Objects<'_>,
    steps: Vec<u64>,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> Outcome<()> {
    let needed = [grads.len(), exp_avgs.len(), exp_avg_sqs.len(), steps.len()];
    check_lengths("adam", params.len(), &needed, &[max_exp_avg_sqs.len()])?;
    let settings = AdamSettings {
        learning_rate: lr,
        betas: (beta1, beta2),
        eps,
        weight_decay,
        decoupled: decoupled_weight_decay,
        maximize,
    };
    let _mode = autograd::Guard::new(false);
    for (index, (param, grad)) in params.iter().zip(&grads).enumerate() {
        let state = AdamState {
            average: value(&exp_avgs[index])?,
            square_average: value(&exp_avg_sqs[index])?,
            largest_square_average: value_if_any(&max_exp_avg_sqs, index)?,
        };
        let (new_value, state) = adam_step(&value(param)?, &value(grad)?, &state, steps[index], &settings)?;
        assign("adam", param, new_value)?;
        assign("adam", &exp_avgs[index], state.average)?;
        assign("adam", &exp_avg_sqs[index], state.square_average)?;
        assign_if_any("adam", &max_exp_avg_sqs, index, state.largest_square_average)?;
    }
    finish()
}

/// A step runs everything that is pending: a training loop that looks at nothing must not pile up work.
fn finish() -> Outcome<()> {
    Ok(tenfold::synchronize()?)
}

/// Adds the module.
pub fn add_optim(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "_optim")?;
    module.add_function(wrap_pyfunction!(sgd, &module)?)?;
    module.add_function(wrap_pyfunction!(adagrad, &module)?)?;
    module.add_function(wrap_pyfunction!(rmsprop, &module)?)?;
    module.add_function(wrap_pyfunction!(adam, &module)?)?;
    more::add_more(&module)?;
    parent.add_submodule(&module)
}
