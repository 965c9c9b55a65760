//! The module `tenfold._core._optim`: the step of an optimizer for one parameter, in place.

use pyo3::prelude::*;
use tenfold::optim::{
    AdagradSettings, AdamSettings, AdamState, RmspropSettings, RmspropState, SgdSettings, adagrad_step,
    adam_step, rmsprop_step, sgd_step,
};
use tenfold::{Tensor, autograd};

use crate::errors::{Outcome, to_python};
use crate::tensor::PyTensor;

type Object<'a, 'py> = &'a Bound<'py, PyTensor>;

fn value(object: Object<'_, '_>) -> Outcome<Tensor> {
    Ok(object.get().cell.value()?)
}

fn optional_value(object: Option<Object<'_, '_>>) -> Outcome<Option<Tensor>> {
    object.map(value).transpose()
}

/// Replaces the values of tensors, those that are there.
fn assign<const N: usize>(
    operation: &'static str,
    pairs: [(Option<Object<'_, '_>>, Option<Tensor>); N],
) -> Outcome<()> {
    for (object, new) in pairs {
        if let (Some(object), Some(new)) = (object, new) {
            object.get().cell.assign(operation, new)?;
        }
    }
    Ok(())
}

/// One step of SGD: changes `param` and `momentum_buffer` in place and returns the buffer. None begins a new one, and is
/// returned without momentum.
#[pyfunction]
#[pyo3(signature = (
    param, grad, momentum_buffer, *, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=false,
    maximize=false
))]
#[allow(clippy::too_many_arguments)]
fn sgd_<'py>(
    param: &Bound<'py, PyTensor>,
    grad: &Bound<'py, PyTensor>,
    momentum_buffer: Option<Bound<'py, PyTensor>>,
    lr: f64,
    momentum: f64,
    dampening: f64,
    weight_decay: f64,
    nesterov: bool,
    maximize: bool,
) -> PyResult<Option<Bound<'py, PyTensor>>> {
    let settings = SgdSettings { learning_rate: lr, momentum, dampening, weight_decay, nesterov, maximize };
    let _mode = autograd::Guard::new(false);
    let before = optional_value(momentum_buffer.as_ref())?;
    let results = sgd_step(&value(param)?, &value(grad)?, before.as_ref(), &settings);
    let (new_value, buffer) = results.map_err(to_python)?;
    assign("sgd", [(Some(param), Some(new_value)), (momentum_buffer.as_ref(), buffer.clone())])?;
    match (momentum_buffer, buffer) {
        (Some(object), Some(_)) => Ok(Some(object)),
        (None, Some(buffer)) => Ok(Some(Bound::new(param.py(), PyTensor::from(buffer))?)),
        (_, None) => Ok(None),
    }
}

/// One step of Adagrad: changes `param` and `state_sum` in place. `step` is the number of this step, from 1.
#[pyfunction]
#[pyo3(signature = (
    param, grad, state_sum, *, step, lr, lr_decay=0.0, weight_decay=0.0, eps=1e-10, maximize=false
))]
#[allow(clippy::too_many_arguments)]
fn adagrad_(
    param: &Bound<'_, PyTensor>,
    grad: &Bound<'_, PyTensor>,
    state_sum: &Bound<'_, PyTensor>,
    step: u64,
    lr: f64,
    lr_decay: f64,
    weight_decay: f64,
    eps: f64,
    maximize: bool,
) -> Outcome<()> {
    let settings =
        AdagradSettings { learning_rate: lr, learning_rate_decay: lr_decay, weight_decay, eps, maximize };
    let _mode = autograd::Guard::new(false);
    let (new_value, sum) = adagrad_step(&value(param)?, &value(grad)?, &value(state_sum)?, step, &settings)?;
    assign("adagrad", [(Some(param), Some(new_value)), (Some(state_sum), Some(sum))])
}

/// One step of RMSprop: changes `param` and the state in place. `grad_avg` is None unless centered, `momentum_buffer`
/// without momentum.
#[pyfunction]
#[pyo3(signature = (
    param, grad, square_avg, grad_avg, momentum_buffer, *, lr, alpha=0.99, eps=1e-8, weight_decay=0.0,
    momentum=0.0, maximize=false
))]
#[allow(clippy::too_many_arguments)]
fn rmsprop_<'py>(
    param: &Bound<'py, PyTensor>,
    grad: &Bound<'py, PyTensor>,
    square_avg: &Bound<'py, PyTensor>,
    grad_avg: Option<&Bound<'py, PyTensor>>,
    momentum_buffer: Option<&Bound<'py, PyTensor>>,
    lr: f64,
    alpha: f64,
    eps: f64,
    weight_decay: f64,
    momentum: f64,
    maximize: bool,
) -> Outcome<()> {
    let settings = RmspropSettings { learning_rate: lr, alpha, eps, weight_decay, momentum, maximize };
    let _mode = autograd::Guard::new(false);
    let state = RmspropState {
        square_average: value(square_avg)?,
        gradient_average: optional_value(grad_avg)?,
        momentum_buffer: optional_value(momentum_buffer)?,
    };
    let (new_value, state) = rmsprop_step(&value(param)?, &value(grad)?, &state, &settings)?;
    assign(
        "rmsprop",
        [
            (Some(param), Some(new_value)),
            (Some(square_avg), Some(state.square_average)),
            (grad_avg, state.gradient_average),
            (momentum_buffer, state.momentum_buffer),
        ],
    )
}

/// One step of Adam (AdamW where `decoupled`): changes `param` and the state in place. `max_exp_avg_sq` is None without
/// AMSGrad. `step` is the number of this step, from 1.
#[pyfunction]
#[pyo3(signature = (
    param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, *, step, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0,
    decoupled=false, maximize=false
))]
#[allow(clippy::too_many_arguments)]
fn adam_<'py>(
    param: &Bound<'py, PyTensor>,
    grad: &Bound<'py, PyTensor>,
    exp_avg: &Bound<'py, PyTensor>,
    exp_avg_sq: &Bound<'py, PyTensor>,
    max_exp_avg_sq: Option<&Bound<'py, PyTensor>>,
    step: u64,
    lr: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    decoupled: bool,
    maximize: bool,
) -> Outcome<()> {
    let settings = AdamSettings { learning_rate: lr, betas, eps, weight_decay, decoupled, maximize };
    let _mode = autograd::Guard::new(false);
    let state = AdamState {
        average: value(exp_avg)?,
        square_average: value(exp_avg_sq)?,
        largest_square_average: optional_value(max_exp_avg_sq)?,
    };
    let (new_value, state) = adam_step(&value(param)?, &value(grad)?, &state, step, &settings)?;
    assign(
        "adam",
        [
            (Some(param), Some(new_value)),
            (Some(exp_avg), Some(state.average)),
            (Some(exp_avg_sq), Some(state.square_average)),
            (max_exp_avg_sq, state.largest_square_average),
        ],
    )
}

/// Adds the module.
pub fn add_optim(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "_optim")?;
    module.add_function(wrap_pyfunction!(sgd_, &module)?)?;
    module.add_function(wrap_pyfunction!(adagrad_, &module)?)?;
    module.add_function(wrap_pyfunction!(rmsprop_, &module)?)?;
    module.add_function(wrap_pyfunction!(adam_, &module)?)?;
    parent.add_submodule(&module)
}
