//! Adadelta, and averaged stochastic gradient descent.

use tenfold_ir::Result;

use super::{check, outputs, start};
use crate::Tensor;
use crate::formula::Formula;

/// The settings of [`adadelta_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdadeltaSettings {
    /// A factor of the step.
    pub learning_rate: f64,
    /// The share of the running means that is kept.
    pub rho: f64,
    /// Added below the roots.
    pub eps: f64,
    /// Times the parameter, added to the gradient.
    pub weight_decay: f64,
    /// Climbs instead of descending.
    pub maximize: bool,
}

/// The new parameter and state: the running means of the squares of gradients and of steps, both zeros at first.
///
/// Zeiler 2012, "ADADELTA: an adaptive learning rate method".
pub fn adadelta_step(
    parameter: &Tensor,
    gradient: &Tensor,
    state: [&Tensor; 2],
    settings: &AdadeltaSettings,
) -> Result<(Tensor, [Tensor; 2])> {
    check("adadelta", parameter, &[Some(gradient), Some(state[0]), Some(state[1])])?;
    let formula = Formula::new(parameter.shape(), parameter.dtype().compute());
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, settings.weight_decay);
    let (squares, steps) = (formula.load(state[0]), formula.load(state[1]));
    let (keep, eps) = (settings.rho, settings.eps);
    let squares = squares * keep + gradient * gradient * (1.0 - keep);
    let step = (steps + eps).sqrt() / (squares + eps).sqrt() * gradient;
    let steps = steps * keep + step * step * (1.0 - keep);
    formula.output(value - step * settings.learning_rate, parameter.dtype());
    formula.output(squares, state[0].dtype());
    formula.output(steps, state[1].dtype());
    outputs(formula)
}

/// The settings of [`asgd_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsgdSettings {
    /// The length of the first step.
    pub learning_rate: f64,
    /// The share by which a step of length 1 shrinks the parameter.
    pub lambda: f64,
    /// The power with which steps become shorter.
    pub alpha: f64,
    /// The step after which the average begins.
    pub t0: f64,
    /// Times the parameter, added to the gradient.
    pub weight_decay: f64,
    /// Climbs instead of descending.
    pub maximize: bool,
}

/// The numbers of [`asgd_step`]: the length of the next step, and the weight of its result in the average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsgdNumbers {
    /// The length of the step; the learning rate at first.
    pub eta: f64,
    /// The weight of the newest value; 1 at first.
    pub mu: f64,
}

/// The new parameter, the new average of parameters (zeros at first) and the numbers for the next step, for step number
/// `step` (from 1).
///
/// Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging".
pub fn asgd_step(
    parameter: &Tensor,
    gradient: &Tensor,
    average: &Tensor,
    numbers: AsgdNumbers,
    step: u64,
    settings: &AsgdSettings,
) -> Result<(Tensor, [Tensor; 1], AsgdNumbers)> {
    check("asgd", parameter, &[Some(gradient), Some(average)])?;
    let formula = Formula::new(parameter.shape(), parameter.dtype().compute());
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, settings.weight_decay);
    let value = value * (1.0 - settings.lambda * numbers.eta) - gradient * numbers.eta;
    let old = formula.load(average);
    let new = if numbers.mu == 1.0 { value } else { old + (value - old) * numbers.mu };
    formula.output(value, parameter.dtype());
    formula.output(new, average.dtype());
    let (value, state) = outputs(formula)?;
    let step = step as f64;
    let shrunk = (1.0 + settings.lambda * settings.learning_rate * step).powf(settings.alpha);
    let next = AsgdNumbers { eta: settings.learning_rate / shrunk, mu: 1.0 / (step - settings.t0).max(1.0) };
    Ok((value, state, next))
}
