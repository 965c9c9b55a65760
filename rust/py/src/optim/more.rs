//! The steps of the optimizers beyond SGD, Adagrad, RMSprop and Adam, in the module `tenfold._core._optim`.

use pyo3::prelude::*;
use tenfold::optim::{
    AdadeltaSettings, AdafactorSettings, AdafactorState, AsgdNumbers, AsgdSettings, LionSettings,
    MomentSettings, MuonSettings, RpropSettings, adadelta_step, adafactor_step, adamax_step, asgd_step,
    lion_step, muon_step, nadam_step, radam_step, rprop_step,
};
use tenfold::{Error, Tensor, autograd};

use crate::errors::Outcome;
use crate::tensor::PyTensor;

type Object<'py> = Bound<'py, PyTensor>;
type Objects<'py> = Vec<Object<'py>>;

fn value(object: &Object<'_>) -> Outcome<Tensor> {
    Ok(object.get().cell.value()?)
}

/// Gives each parameter and its state the values that `step` finds for its number, value, gradient and state; then runs
/// everything that is pending.
fn update<const N: usize>(
    operation: &'static str,
    params: &Objects<'_>,
    grads: &Objects<'_>,
    states: [&Objects<'_>; N],
    mut step: impl FnMut(usize, &Tensor, &Tensor, [&Tensor; N]) -> tenfold::Result<(Tensor, [Tensor; N])>,
) -> Outcome<()> {
    if grads.len() != params.len() || states.iter().any(|state| state.len() != params.len()) {
        let detail = format!("{} parameters need as many gradients and states", params.len());
        return Err(Error::value(operation, detail).into());
    }
    let _mode = autograd::Guard::new(false);
    for (index, (param, grad)) in params.iter().zip(grads).enumerate() {
        let before = states.iter().map(|state| value(&state[index])).collect::<Outcome<Vec<_>>>()?;
        let (new_value, after) =
            step(index, &value(param)?, &value(grad)?, std::array::from_fn(|place| &before[place]))?;
        drop(before);
        param.get().cell.assign(operation, new_value)?;
        for (state, new) in states.iter().zip(after) {
            state[index].get().cell.assign(operation, new)?;
        }
    }
    Ok(tenfold::synchronize()?)
}

/// The number of the step of a parameter.
fn count(operation: &'static str, steps: &[u64], index: usize) -> tenfold::Result<u64> {
    steps.get(index).copied().ok_or_else(|| Error::value(operation, "a parameter has no number of its step"))
}

/// One step of Adadelta: changes parameters and state in place.
#[pyfunction]
#[pyo3(name = "adadelta_step", signature = (
    params, grads, square_avgs, acc_deltas, *, lr, rho, eps, weight_decay, maximize
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn adadelta(
    params: Objects<'_>,
    grads: Objects<'_>,
    square_avgs: Objects<'_>,
    acc_deltas: Objects<'_>,
    lr: f64,
    rho: f64,
    eps: f64,
    weight_decay: f64,
    maximize: bool,
) -> Outcome<()> {
    let settings = AdadeltaSettings { learning_rate: lr, rho, eps, weight_decay, maximize };
    update("adadelta", &params, &grads, [&square_avgs, &acc_deltas], |_, param, grad, state| {
        adadelta_step(param, grad, state, &settings)
    })
}

/// One step of averaged SGD: changes parameters and averages in place and returns the new pairs of eta and mu.
#[pyfunction]
#[pyo3(name = "asgd_step", signature = (
    params, grads, axs, etas, mus, steps, *, lr, lambd, alpha, t0, weight_decay, maximize
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn asgd(
    params: Objects<'_>,
    grads: Objects<'_>,
    axs: Objects<'_>,
    etas: Vec<f64>,
    mus: Vec<f64>,
    steps: Vec<u64>,
    lr: f64,
    lambd: f64,
    alpha: f64,
    t0: f64,
    weight_decay: f64,
    maximize: bool,
) -> Outcome<Vec<(f64, f64)>> {
    let settings = AsgdSettings { learning_rate: lr, lambda: lambd, alpha, t0, weight_decay, maximize };
    let mut numbers: Vec<(f64, f64)> = etas.into_iter().zip(mus).collect();
    update("asgd", &params, &grads, [&axs], |index, param, grad, [average]| {
        let step = count("asgd", &steps, index)?;
        let (eta, mu) =
            *numbers.get(index).ok_or_else(|| Error::value("asgd", "a parameter has no eta and mu"))?;
        let (value, state, next) = asgd_step(param, grad, average, AsgdNumbers { eta, mu }, step, &settings)?;
        numbers[index] = (next.eta, next.mu);
        Ok((value, state))
    })?;
    Ok(numbers)
}

/// One step of Adamax: changes parameters and state in place. `steps` are the numbers of this step, from 1.
#[pyfunction]
#[pyo3(name = "adamax_step", signature = (
    params, grads, exp_avgs, exp_infs, steps, *, lr, beta1, beta2, eps, weight_decay, maximize
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn adamax(
    params: Objects<'_>,
    grads: Objects<'_>,
    exp_avgs: Objects<'_>,
    exp_infs: Objects<'_>,
    steps: Vec<u64>,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    maximize: bool,
) -> Outcome<()> {
    let betas = (beta1, beta2);
    let settings = MomentSettings { learning_rate: lr, betas, eps, weight_decay, decoupled: false, maximize };
    update("adamax", &params, &grads, [&exp_avgs, &exp_infs], |index, param, grad, state| {
        adamax_step(param, grad, state, count("adamax", &steps, index)?, &settings)
    })
}

/// One step of NAdam: changes parameters and state in place and returns the new products of momenta.
#[pyfunction]
#[pyo3(name = "nadam_step", signature = (
    params, grads, exp_avgs, exp_avg_sqs, mu_products, steps, *, lr, beta1, beta2, eps, weight_decay, momentum_decay,
    decoupled_weight_decay, maximize
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn nadam(
    params: Objects<'_>,
    grads: Objects<'_>,
    exp_avgs: Objects<'_>,
    exp_avg_sqs: Objects<'_>,
    mu_products: Vec<f64>,
    steps: Vec<u64>,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    momentum_decay: f64,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> Outcome<Vec<f64>> {
    let settings = MomentSettings {
        learning_rate: lr,
        betas: (beta1, beta2),
        eps,
        weight_decay,
        decoupled: decoupled_weight_decay,
        maximize,
    };
    let mut products = mu_products;
    update("nadam", &params, &grads, [&exp_avgs, &exp_avg_sqs], |index, param, grad, state| {
        let step = count("nadam", &steps, index)?;
        let before = *products
            .get(index)
            .ok_or_else(|| Error::value("nadam", "a parameter has no product of momenta"))?;
        let (value, state, product) =
            nadam_step(param, grad, state, before, step, momentum_decay, &settings)?;
        products[index] = product;
        Ok((value, state))
    })?;
    Ok(products)
}

/// One step of RAdam: changes parameters and state in place. `steps` are the numbers of this step, from 1.
#[pyfunction]
#[pyo3(name = "radam_step", signature = (
    params, grads, exp_avgs, exp_avg_sqs, steps, *, lr, beta1, beta2, eps, weight_decay, decoupled_weight_decay,
    maximize
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn radam(
    params: Objects<'_>,
    grads: Objects<'_>,
    exp_avgs: Objects<'_>,
    exp_avg_sqs: Objects<'_>,
    steps: Vec<u64>,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> Outcome<()> {
    let settings = MomentSettings {
        learning_rate: lr,
        betas: (beta1, beta2),
        eps,
        weight_decay,
        decoupled: decoupled_weight_decay,
        maximize,
    };
    update("radam", &params, &grads, [&exp_avgs, &exp_avg_sqs], |index, param, grad, state| {
        radam_step(param, grad, state, count("radam", &steps, index)?, &settings)
    })
}

/// One step of Rprop: changes parameters and state in place.
#[pyfunction]
#[pyo3(name = "rprop_step", signature = (
    params, grads, prevs, step_sizes, *, etaminus, etaplus, step_size_min, step_size_max, maximize
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn rprop(
    params: Objects<'_>,
    grads: Objects<'_>,
    prevs: Objects<'_>,
    step_sizes: Objects<'_>,
    etaminus: f64,
    etaplus: f64,
    step_size_min: f64,
    step_size_max: f64,
    maximize: bool,
) -> Outcome<()> {
    let settings =
        RpropSettings { etas: (etaminus, etaplus), step_sizes: (step_size_min, step_size_max), maximize };
    update("rprop", &params, &grads, [&prevs, &step_sizes], |_, param, grad, state| {
        rprop_step(param, grad, state, &settings)
    })
}

/// One step of Lion: changes parameters and averages in place.
#[pyfunction]
#[pyo3(name = "lion_step", signature = (params, grads, exp_avgs, *, lr, beta1, beta2, weight_decay, maximize))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names elsewhere")]
fn lion(
    params: Objects<'_>,
    grads: Objects<'_>,
    exp_avgs: Objects<'_>,
    lr: f64,
    beta1: f64,
    beta2: f64,
    weight_decay: f64,
    maximize: bool,
) -> Outcome<()> {
    let settings = LionSettings { learning_rate: lr, betas: (beta1, beta2), weight_decay, maximize };
    update("lion", &params, &grads, [&exp_avgs], |_, param, grad, [average]| {
        lion_step(param, grad, average, &settings)
    })
}

/// One step of Muon: changes parameters and averages in place. `length_factors` come from the shapes of the parameters.
#[pyfunction]
#[pyo3(name = "muon_step", signature = (
    params, grads, momentum_buffers, length_factors, *, lr, weight_decay, momentum, nesterov, ns_coefficients, eps,
    ns_steps
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn muon(
    params: Objects<'_>,
    grads: Objects<'_>,
    momentum_buffers: Objects<'_>,
    length_factors: Vec<f64>,
    lr: f64,
    weight_decay: f64,
    momentum: f64,
    nesterov: bool,
    ns_coefficients: (f64, f64, f64),
    eps: f64,
    ns_steps: usize,
) -> Outcome<()> {
    update("muon", &params, &grads, [&momentum_buffers], |index, param, grad, [average]| {
        let length_factor = *length_factors
            .get(index)
            .ok_or_else(|| Error::value("muon", "a parameter has no factor of its step"))?;
        let settings = MuonSettings {
            learning_rate: lr,
            length_factor,
            weight_decay,
            momentum,
            nesterov,
            coefficients: ns_coefficients,
            eps,
            iterations: ns_steps,
        };
        muon_step(param, grad, average, &settings)
    })
}

/// One step of Adafactor on one parameter, in place: with two states (of rows and columns) or with one.
#[pyfunction]
#[pyo3(name = "adafactor_step", signature = (
    param, grad, states, step, *, lr, beta2_decay, eps1, eps2, d, weight_decay, maximize
))]
#[expect(clippy::too_many_arguments, reason = "the settings by their names in torch")]
fn adafactor(
    param: Object<'_>,
    grad: Object<'_>,
    states: Objects<'_>,
    step: u64,
    lr: f64,
    beta2_decay: f64,
    eps1: Option<f64>,
    eps2: f64,
    d: f64,
    weight_decay: f64,
    maximize: bool,
) -> Outcome<()> {
    let settings = AdafactorSettings {
        learning_rate: lr,
        beta2_decay,
        eps: (eps1, eps2),
        clipping: d,
        weight_decay,
        maximize,
    };
    let before = match &states[..] {
        [rows, columns] => AdafactorState::Factored(value(rows)?, value(columns)?),
        [variance] => AdafactorState::Whole(value(variance)?),
        _ => return Err(Error::value("adafactor", "needs one state or two").into()),
    };
    let _mode = autograd::Guard::new(false);
    let (new_value, after) = adafactor_step(&value(&param)?, &value(&grad)?, &before, step, &settings)?;
    param.get().cell.assign("adafactor", new_value)?;
    let after = match after {
        AdafactorState::Factored(rows, columns) => vec![rows, columns],
        AdafactorState::Whole(variance) => vec![variance],
    };
    for (state, new) in states.iter().zip(after) {
        state.get().cell.assign("adafactor", new)?;
    }
    Ok(())
}

/// Adds the functions to the module of the others.
pub(super) fn add_more(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(adadelta, module)?)?;
    module.add_function(wrap_pyfunction!(asgd, module)?)?;
    module.add_function(wrap_pyfunction!(adamax, module)?)?;
    module.add_function(wrap_pyfunction!(nadam, module)?)?;
    module.add_function(wrap_pyfunction!(radam, module)?)?;
    module.add_function(wrap_pyfunction!(rprop, module)?)?;
    module.add_function(wrap_pyfunction!(lion, module)?)?;
    module.add_function(wrap_pyfunction!(muon, module)?)?;
    module.add_function(wrap_pyfunction!(adafactor, module)?)
}
