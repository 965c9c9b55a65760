//! Relatives of Adam: Adamax, NAdam and RAdam.

use tenfold_ir::Result;

use super::{check, outputs, start};
use crate::Tensor;
use crate::formula::Formula;

/// The settings of [`adamax_step`], [`nadam_step`] and [`radam_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MomentSettings {
    /// The length of a step.
    pub learning_rate: f64,
    /// The shares of the running means of gradients and of their sizes that are kept.
    pub betas: (f64, f64),
    /// Added to the denominator.
    pub eps: f64,
    /// Times the parameter, added to the gradient; or the share by which a step of length 1 shrinks the parameter.
    pub weight_decay: f64,
    /// The weight decay shrinks the parameter itself (not in Adamax).
    pub decoupled: bool,
    /// Climbs instead of descending.
    pub maximize: bool,
}

impl MomentSettings {
    /// What the parameter is multiplied by, and the share of it that is added to the gradient.
    fn decay(&self) -> (f64, f64) {
        if self.decoupled {
            (1.0 - self.learning_rate * self.weight_decay, 0.0)
        } else {
            (1.0, self.weight_decay)
        }
    }
}

/// The new parameter and state (the running mean of gradients and their largest decayed size, zeros at first), for step
/// number `step` (from 1).
///
/// Kingma and Ba 2014, "Adam: a method for stochastic optimization", section 7.
pub fn adamax_step(
    parameter: &Tensor,
    gradient: &Tensor,
    state: [&Tensor; 2],
    step: u64,
    settings: &MomentSettings,
) -> Result<(Tensor, [Tensor; 2])> {
    check("adamax", parameter, &[Some(gradient), Some(state[0]), Some(state[1])])?;
    let formula = Formula::new(parameter.shape(), parameter.dtype().compute());
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, settings.weight_decay);
    let (beta1, beta2) = settings.betas;
    let average = formula.load(state[0]).lerp(gradient, 1.0 - beta1);
    let size = (formula.load(state[1]) * beta2).maximum(gradient.maximum(-gradient) + settings.eps);
    let rate = settings.learning_rate / (1.0 - beta1.powf(step as f64));
    formula.output(value - average * rate / size, parameter.dtype());
    formula.output(average, state[0].dtype());
    formula.output(size, state[1].dtype());
    outputs(formula)
}

/// The new parameter, the new state (the running means of gradients and of their squares, zeros at first) and the new
/// product of momenta (1 at first), for step number `step` (from 1). The momentum grows with the steps, by
/// `momentum_decay`.
///
/// Dozat 2016, "Incorporating Nesterov momentum into Adam".
pub fn nadam_step(
    parameter: &Tensor,
    gradient: &Tensor,
    state: [&Tensor; 2],
    momentum_product: f64,
    step: u64,
    momentum_decay: f64,
    settings: &MomentSettings,
) -> Result<(Tensor, [Tensor; 2], f64)> {
    check("nadam", parameter, &[Some(gradient), Some(state[0]), Some(state[1])])?;
    let formula = Formula::new(parameter.shape(), parameter.dtype().compute());
    let (shrink, decay) = settings.decay();
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, decay);
    let (beta1, beta2) = settings.betas;
    let count = step as f64;
    let momentum = |count: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(count * momentum_decay));
    let (now, next) = (momentum(count), momentum(count + 1.0));
    let product = momentum_product * now;
    let average = formula.load(state[0]).lerp(gradient, 1.0 - beta1);
    let squares = formula.load(state[1]) * beta2 + gradient * gradient * (1.0 - beta2);
    let denominator = (squares / (1.0 - beta2.powf(count))).sqrt() + settings.eps;
    let of_gradient = settings.learning_rate * (1.0 - now) / (1.0 - product);
    let of_average = settings.learning_rate * next / (1.0 - product * next);
    let new = value * shrink - gradient * of_gradient / denominator - average * of_average / denominator;
    formula.output(new, parameter.dtype());
    formula.output(average, state[0].dtype());
    formula.output(squares, state[1].dtype());
    let (value, state) = outputs(formula)?;
    Ok((value, state, product))
}

/// The new parameter and state (the running means of gradients and of their squares, zeros at first), for step number
/// `step` (from 1). The sizes count only once enough steps are behind for their variance to be known.
///
/// Liu et al. 2019, "On the variance of the adaptive learning rate and beyond".
pub fn radam_step(
    parameter: &Tensor,
    gradient: &Tensor,
    state: [&Tensor; 2],
    step: u64,
    settings: &MomentSettings,
) -> Result<(Tensor, [Tensor; 2])> {
    check("radam", parameter, &[Some(gradient), Some(state[0]), Some(state[1])])?;
    let formula = Formula::new(parameter.shape(), parameter.dtype().compute());
    let (shrink, decay) = settings.decay();
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, decay);
    let (beta1, beta2) = settings.betas;
    let count = step as f64;
    let (correction1, correction2) = (1.0 - beta1.powf(count), 1.0 - beta2.powf(count));
    let average = formula.load(state[0]).lerp(gradient, 1.0 - beta1);
    let squares = formula.load(state[1]) * beta2 + gradient * gradient * (1.0 - beta2);
    // The length of a simple moving average that would be as uncertain: in the end, and now.
    let longest = 2.0 / (1.0 - beta2) - 1.0;
    let length = longest - 2.0 * count * beta2.powf(count) / correction2;
    let step = average * (settings.learning_rate / correction1);
    let step = if length > 5.0 {
        let rectified =
            (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
        step * (rectified.sqrt() * correction2.sqrt()) / (squares.sqrt() + settings.eps)
    } else {
        step
    };
    formula.output(value * shrink - step, parameter.dtype());
    formula.output(average, state[0].dtype());
    formula.output(squares, state[1].dtype());
    outputs(formula)
}
