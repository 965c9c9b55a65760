//! The module `tenfold._core._optim`: optimizer steps over lists of parameters, in place.

use pyo3::prelude::*;
use tenfold::optim::{
    AdagradSettings, AdamSettings, AdamState, RmspropSettings, RmspropState, SgdSettings, adagrad_step,
    adam_step, rmsprop_step, sgd_step,
};
use tenfold::{Error, Tensor, autograd};

use crate::errors::Outcome;
use crate::tensor::PyTensor;

/// Tensor objects, changed in place.
type Objects<'py> = Vec<Bound<'py, PyTensor>>;

/// An error unless a list is as long as that of the parameters (or empty, where it may be).
fn check_length(
    operation: &'static str,
    name: &str,
    given: usize,
    parameters: usize,
    optional: bool,
) -> Outcome<()> {
    if given == parameters || (optional && given == 0) {
        return Ok(());
    }
    Err(Error::value(operation, format!("{name} needs one tensor a parameter ({parameters}); got {given}"))
        .into())
}

fn value(object: &Bound<'_, PyTensor>) -> Outcome<Tensor> {
    Ok(object.get().cell.value()?)
}

fn assign(operation: &'static str, object: &Bound<'_, PyTensor>, value: Tensor) -> Outcome<()> {
    Ok(object.get().cell.assign(operation, value)?)
}

/// One SGD step. Changes `params` in place, and returns the new momentum buffers (None each without momentum; pass None
/// for a parameter's first step). Old buffers are changed in place too.
#[pyfunction]
#[pyo3(name = "sgd_step", signature = (
    params, grads, momentum_buffers, *, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=false,
    maximize=false
))]
#[allow(clippy::too_many_arguments)]
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
    let name = "sgd_step";
    check_length(name, "grads", grads.len(), params.len(), false)?;
    check_length(name, "momentum_buffers", momentum_buffers.len(), params.len(), false)?;
    let settings = SgdSettings { learning_rate: lr, momentum, dampening, weight_decay, nesterov, maximize };
    let _mode = autograd::Guard::new(false);
    let mut buffers = Vec::with_capacity(params.len());
    for ((parameter, gradient), object) in params.iter().zip(&grads).zip(momentum_buffers) {
        let before = object.as_ref().map(value).transpose()?;
        let results = sgd_step(&value(parameter)?, &value(gradient)?, before.as_ref(), &settings);
        let (new_value, buffer) = results.map_err(crate::errors::to_python)?;
        assign(name, parameter, new_value)?;
        buffers.push(match (object, buffer) {
            (Some(object), Some(buffer)) => {
                assign(name, &object, buffer)?;
                Some(object)
            }
            (None, Some(buffer)) => Some(Bound::new(py, PyTensor::from(buffer))?),
            (_, None) => None,
        });
    }
    Ok(buffers)
}

/// One Adagrad step: changes `params` and `state_sums` in place. `steps` are the numbers of this step, from 1.
#[pyfunction]
#[pyo3(name = "adagrad_step", signature = (
    params, grads, state_sums, steps, *, lr, lr_decay=0.0, weight_decay=0.0, eps=1e-10, maximize=false
))]
#[allow(clippy::too_many_arguments)]
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
    let name = "adagrad_step";
    check_length(name, "grads", grads.len(), params.len(), false)?;
    check_length(name, "state_sums", state_sums.len(), params.len(), false)?;
    check_length(name, "steps", steps.len(), params.len(), false)?;
    let settings =
        AdagradSettings { learning_rate: lr, learning_rate_decay: lr_decay, weight_decay, eps, maximize };
    let _mode = autograd::Guard::new(false);
    for (index, parameter) in params.iter().enumerate() {
        let (gradient, sum) = (value(&grads[index])?, value(&state_sums[index])?);
        let (new_value, sum) = adagrad_step(&value(parameter)?, &gradient, &sum, steps[index], &settings)?;
        assign(name, parameter, new_value)?;
        assign(name, &state_sums[index], sum)?;
    }
    Ok(())
}

/// One RMSprop step: changes `params` and the state in place. `grad_avgs` (centered) and `momentum_buffers` (momentum)
/// are empty where they are not used.
#[pyfunction]
#[pyo3(name = "rmsprop_step", signature = (
    params, grads, square_avgs, grad_avgs, momentum_buffers, *, lr, alpha=0.99, eps=1e-8, weight_decay=0.0,
    momentum=0.0, maximize=false
))]
#[allow(clippy::too_many_arguments)]
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
    let name = "rmsprop_step";
    check_length(name, "grads", grads.len(), params.len(), false)?;
    check_length(name, "square_avgs", square_avgs.len(), params.len(), false)?;
    check_length(name, "grad_avgs", grad_avgs.len(), params.len(), true)?;
    check_length(name, "momentum_buffers", momentum_buffers.len(), params.len(), true)?;
    let settings = RmspropSettings { learning_rate: lr, alpha, eps, weight_decay, momentum, maximize };
    let _mode = autograd::Guard::new(false);
    for (index, parameter) in params.iter().enumerate() {
        let state = RmspropState {
            square_average: value(&square_avgs[index])?,
            gradient_average: grad_avgs.get(index).map(value).transpose()?,
            momentum_buffer: momentum_buffers.get(index).map(value).transpose()?,
        };
        let (new_value, state) = rmsprop_step(&value(parameter)?, &value(&grads[index])?, &state, &settings)?;
        assign(name, parameter, new_value)?;
        assign(name, &square_avgs[index], state.square_average)?;
        if let (Some(object), Some(new)) = (grad_avgs.get(index), state.gradient_average) {
            assign(name, object, new)?;
        }
        if let (Some(object), Some(new)) = (momentum_buffers.get(index), state.momentum_buffer) {
            assign(name, object, new)?;
        }
    }
    Ok(())
}

/// One Adam step (AdamW where `decoupled_weight_decay`): changes `params` and the state in place. `max_exp_avg_sqs` is
/// empty without AMSGrad. `steps` are the numbers of this step, from 1.
#[pyfunction]
#[pyo3(name = "adam_step", signature = (
    params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, *, lr, beta1=0.9, beta2=0.999, eps=1e-8,
    weight_decay=0.0, decoupled_weight_decay=false, maximize=false
))]
#[allow(clippy::too_many_arguments)]
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
    let name = "adam_step";
    check_length(name, "grads", grads.len(), params.len(), false)?;
    check_length(name, "exp_avgs", exp_avgs.len(), params.len(), false)?;
    check_length(name, "exp_avg_sqs", exp_avg_sqs.len(), params.len(), false)?;
    check_length(name, "max_exp_avg_sqs", max_exp_avg_sqs.len(), params.len(), true)?;
    check_length(name, "steps", steps.len(), params.len(), false)?;
    let settings = AdamSettings {
        learning_rate: lr,
        betas: (beta1, beta2),
        eps,
        weight_decay,
        decoupled: decoupled_weight_decay,
        maximize,
    };
    let _mode = autograd::Guard::new(false);
    for (index, parameter) in params.iter().enumerate() {
        let state = AdamState {
            average: value(&exp_avgs[index])?,
            square_average: value(&exp_avg_sqs[index])?,
            largest_square_average: max_exp_avg_sqs.get(index).map(value).transpose()?,
        };
        let gradient = value(&grads[index])?;
        let (new_value, state) = adam_step(&value(parameter)?, &gradient, &state, steps[index], &settings)?;
        assign(name, parameter, new_value)?;
        assign(name, &exp_avgs[index], state.average)?;
        assign(name, &exp_avg_sqs[index], state.square_average)?;
        if let (Some(object), Some(new)) = (max_exp_avg_sqs.get(index), state.largest_square_average) {
            assign(name, object, new)?;
        }
    }
    Ok(())
}

/// Adds the module.
pub fn add_optim(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "_optim")?;
    module.add_function(wrap_pyfunction!(sgd, &module)?)?;
    module.add_function(wrap_pyfunction!(adagrad, &module)?)?;
    module.add_function(wrap_pyfunction!(rmsprop, &module)?)?;
    module.add_function(wrap_pyfunction!(adam, &module)?)?;
    parent.add_submodule(&module)
}
