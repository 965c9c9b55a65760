//! Adagrad and RMSprop.

use tenfold_ir::Result;

use super::{check, start};
use crate::Tensor;
use crate::formula::Formula;

/// The settings of [`adagrad_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdagradSettings {
    /// The length of a step.
    pub learning_rate: f64,
    /// How fast it shrinks.
    pub learning_rate_decay: f64,
    /// Times the parameter, added to the gradient.
    pub weight_decay: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Climbs instead of descending.
    pub maximize: bool,
}

impl Default for AdagradSettings {
    fn default() -> AdagradSettings {
        AdagradSettings {
            learning_rate: 1e-2,
            learning_rate_decay: 0.0,
            weight_decay: 0.0,
            eps: 1e-10,
            maximize: false,
        }
    }
}

/// The new parameter and the new sum of squares, for step number `step` (from 1). Duchi, Hazan and Singer 2011.
pub fn adagrad_step(
    parameter: &Tensor,
    gradient: &Tensor,
    sum: &Tensor,
    step: u64,
    settings: &AdagradSettings,
) -> Result<(Tensor, Tensor)> {
    check("adagrad", parameter, &[Some(gradient), Some(sum)])?;
    let dtype = parameter.dtype();
    let formula = Formula::new(parameter.shape(), dtype.compute());
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, settings.weight_decay);
    let rate = settings.learning_rate / (1.0 + (step as f64 - 1.0) * settings.learning_rate_decay);
    let new_sum = formula.load(sum) + gradient * gradient;
    formula.output(value - gradient * rate / (new_sum.sqrt() + settings.eps), dtype);
    formula.output(new_sum, sum.dtype());
    let mut results = formula.record()?;
    let sum = results.pop().expect("two results");
    Ok((results.remove(0), sum))
}

/// The settings of [`rmsprop_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmspropSettings {
    /// The length of a step.
    pub learning_rate: f64,
    /// The share of the mean square that is kept.
    pub alpha: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Times the parameter, added to the gradient.
    pub weight_decay: f64,
    /// The share of the last direction that is kept.
    pub momentum: f64,
    /// Climbs instead of descending.
    pub maximize: bool,
}

impl Default for RmspropSettings {
    fn default() -> RmspropSettings {
        RmspropSettings {
            learning_rate: 1e-2,
            alpha: 0.99,
            eps: 1e-8,
            weight_decay: 0.0,
            momentum: 0.0,
            maximize: false,
        }
    }
}

/// What [`rmsprop_step`] keeps from step to step; all of it starts as zeros.
#[derive(Clone)]
pub struct RmspropState {
    /// The running mean of squares.
    pub square_average: Tensor,
    /// The running mean of gradients: the variance is the denominator then.
    pub gradient_average: Option<Tensor>,
    /// The direction, with momentum.
    pub momentum_buffer: Option<Tensor>,
}

/// The new parameter and state. Hinton 2012, "Neural networks for machine learning", lecture 6e.
pub fn rmsprop_step(
    parameter: &Tensor,
    gradient: &Tensor,
    state: &RmspropState,
    settings: &RmspropSettings,
) -> Result<(Tensor, RmspropState)> {
    let (centered, momentum) = (state.gradient_average.as_ref(), state.momentum_buffer.as_ref());
    check("rmsprop", parameter, &[Some(gradient), Some(&state.square_average), centered, momentum])?;
    let dtype = parameter.dtype();
    let formula = Formula::new(parameter.shape(), dtype.compute());
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, settings.weight_decay);
    let keep = settings.alpha;
    let squares = formula.load(&state.square_average) * keep + gradient * gradient * (1.0 - keep);
    let average = centered.map(|average| formula.load(average).lerp(gradient, 1.0 - keep));
    let spread = match average {
        Some(average) => squares - average * average,
        None => squares,
    };
    let denominator = spread.sqrt() + settings.eps;
    let buffer = momentum.map(|buffer| formula.load(buffer) * settings.momentum + gradient / denominator);
    let new_value = match buffer {
        Some(buffer) => value - buffer * settings.learning_rate,
        None => value - gradient * settings.learning_rate / denominator,
    };
    formula.output(new_value, dtype);
    formula.output(squares, state.square_average.dtype());
    for (new, old) in [(average, centered), (buffer, momentum)] {
        if let (Some(new), Some(old)) = (new, old) {
            formula.output(new, old.dtype());
        }
    }
    let mut results = formula.record()?.into_iter();
    let mut next = || results.next().expect("one result an output");
    let new_value = next();
    let state = RmspropState {
        square_average: next(),
        gradient_average: centered.map(|_| next()),
        momentum_buffer: momentum.map(|_| next()),
    };
    Ok((new_value, state))
}
