//! Adam and AdamW.

use tenfold_ir::Result;
use tenfold_ir::formulas::{self, AdamNumbers};

use super::{check, start};
use crate::Tensor;
use crate::formula::Formula;

/// The settings of [`adam_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// The length of a step.
    pub learning_rate: f64,
    /// The shares of the running means of gradients and of their squares that are kept.
    pub betas: (f64, f64),
    /// Added to the denominator.
    pub eps: f64,
    /// Times the parameter, added to the gradient (or taken off the parameter, where decoupled).
    pub weight_decay: f64,
    /// Weight decay shrinks the parameter itself (AdamW, Loshchilov and Hutter 2017).
    pub decoupled: bool,
    /// Climbs instead of descending.
    pub maximize: bool,
}

impl Default for AdamSettings {
    fn default() -> AdamSettings {
        AdamSettings {
            learning_rate: 1e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            maximize: false,
        }
    }
}

/// What [`adam_step`] keeps from step to step; all of it starts as zeros.
#[derive(Clone)]
pub struct AdamState {
    /// The running mean of gradients.
    pub average: Tensor,
    /// The running mean of squares.
    pub square_average: Tensor,
    /// The largest running mean of squares so far: AMSGrad (Reddi, Kale and Kumar 2018).
    pub largest_square_average: Option<Tensor>,
}

/// The new parameter and state, for step number `step` (from 1). Kingma and Ba 2014.
pub fn adam_step(
    parameter: &Tensor,
    gradient: &Tensor,
    state: &AdamState,
    step: u64,
    settings: &AdamSettings,
) -> Result<(Tensor, AdamState)> {
    let largest = state.largest_square_average.as_ref();
    check("adam", parameter, &[Some(gradient), Some(&state.average), Some(&state.square_average), largest])?;
    let dtype = parameter.dtype();
    let formula = Formula::new(parameter.shape(), dtype.compute());
    let coupled_decay = if settings.decoupled { 0.0 } else { settings.weight_decay };
    let (value, gradient) = start(&formula, parameter, gradient, settings.maximize, coupled_decay);
    let value = if settings.decoupled && settings.weight_decay != 0.0 {
        value * (1.0 - settings.learning_rate * settings.weight_decay)
    } else {
        value
    };
    let (first, second) = settings.betas;
    let step = step as f64;
    let numbers = AdamNumbers {
        average_fraction: formula.number(1.0 - first),
        squares_kept: formula.number(second),
        squares_fraction: formula.number(1.0 - second),
        step_size: formula.number(settings.learning_rate / (1.0 - first.powf(step))),
        // Multiplied: a division an element is dear.
        correction: formula.number(1.0 / (1.0 - second.powf(step)).sqrt()),
        eps: formula.number(settings.eps),
    };
    let old = formulas::AdamState {
        average: formula.load(&state.average),
        squares: formula.load(&state.square_average),
        largest: largest.map(|largest| formula.load(largest)),
    };
    let (value, new) = formulas::adam(value, gradient, old, &numbers);
    formula.output(value, dtype);
    formula.output(new.average, state.average.dtype());
    formula.output(new.squares, state.square_average.dtype());
    if let (Some(new), Some(old)) = (new.largest, largest) {
        formula.output(new, old.dtype());
    }
    let mut results = formula.record()?.into_iter();
    let mut next = || results.next().expect("one result an output");
    let new_value = next();
    let state = AdamState {
        average: next(),
        square_average: next(),
        largest_square_average: largest.map(|_| next()),
    };
    Ok((new_value, state))
}
