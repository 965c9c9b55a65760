//! Stochastic gradient descent.

use tenfold_ir::Result;
use tenfold_ir::formulas::{self, MomentumNumbers};

use super::{check, start};
use crate::Tensor;
use crate::formula::Formula;

/// The settings of [`sgd_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdSettings {
    /// The length of a step.
    pub learning_rate: f64,
    /// The share of the last direction that is kept.
    pub momentum: f64,
    /// The share of the gradient that the momentum does not take.
    pub dampening: f64,
    /// Times the parameter, added to the gradient.
    pub weight_decay: f64,
    /// Looks ahead along the momentum (Nesterov 1983).
    pub nesterov: bool,
    /// Climbs instead of descending.
    pub maximize: bool,
}

impl Default for SgdSettings {
    fn default() -> SgdSettings {
        SgdSettings {
            learning_rate: 1e-3,
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            maximize: false,
        }
    }
}

/// The new parameter and, with momentum, the new momentum buffer (the first one is the gradient).
pub fn sgd_step(
    parameter: &Tensor,
    gradient: &Tensor,
    momentum_buffer: Option<&Tensor>,
    settings: &SgdSettings,
) -> Result<(Tensor, Option<Tensor>)> {
    check("sgd", parameter, &[Some(gradient), momentum_buffer])?;
    let dtype = parameter.dtype();
    let formula = Formula::new(parameter.shape(), dtype.compute());
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, settings.weight_decay);
    if settings.momentum == 0.0 {
        formula.output(value - gradient * settings.learning_rate, dtype);
        return Ok((formula.record()?.remove(0), None));
    }
    let (value, buffer) = match momentum_buffer {
        Some(buffer) => {
            let numbers = MomentumNumbers {
                momentum: formula.number(settings.momentum),
                gradient_fraction: formula.number(1.0 - settings.dampening),
                nesterov: settings.nesterov,
                learning_rate: formula.number(settings.learning_rate),
            };
            formulas::momentum(value, gradient, formula.load(buffer), &numbers)
        }
        None => {
            let direction =
                if settings.nesterov { gradient + gradient * settings.momentum } else { gradient };
            (value - direction * settings.learning_rate, gradient)
        }
    };
    formula.output(value, dtype);
    formula.output(buffer, dtype);
    let mut results = formula.record()?;
    let buffer = results.pop();
    Ok((results.remove(0), buffer))
}
