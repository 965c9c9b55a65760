//! Optimizers that see a parameter as a matrix: Adafactor and Muon.

use tenfold_ir::{DType, Error, Result};

use super::check;
use crate::{Tensor, autograd};

/// The settings of [`adafactor_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdafactorSettings {
    /// The longest step, relative to the size of the parameter.
    pub learning_rate: f64,
    /// The power with which the running means become longer (negative).
    pub beta2_decay: f64,
    /// The least that counts: of squares of gradients (its square; by default the dtype's epsilon), and of the size of the
    /// parameter.
    pub eps: (Option<f64>, f64),
    /// The largest size of an update before it is scaled down.
    pub clipping: f64,
    /// The share by which a step of length 1 shrinks the parameter.
    pub weight_decay: f64,
    /// Climbs instead of descending.
    pub maximize: bool,
}

/// What [`adafactor_step`] keeps from step to step; zeros at first.
#[derive(Clone)]
pub enum AdafactorState {
    /// Running means of squares over the columns `(…, rows, 1)` and over the rows `(…, 1, columns)`.
    Factored(Tensor, Tensor),
    /// Running means of squares of a vector or a number.
    Whole(Tensor),
}

/// The root of the mean square, as a tensor.
fn root_mean_square(x: &Tensor) -> Result<Tensor> {
    x.square()?.mean(None, false)?.sqrt()
}

/// The new parameter and state, for step number `step` (from 1).
///
/// Shazeer and Stern 2018, "Adafactor: adaptive learning rates with sublinear memory cost".
pub fn adafactor_step(
    parameter: &Tensor,
    gradient: &Tensor,
    state: &AdafactorState,
    step: u64,
    settings: &AdafactorSettings,
) -> Result<(Tensor, AdafactorState)> {
    let name = "adafactor";
    check(name, parameter, &[Some(gradient)])?;
    autograd::no_grad(|| {
        let wide = parameter.dtype().compute();
        let count = step as f64;
        let new_share = count.powf(settings.beta2_decay);
        let least = settings.eps.0.unwrap_or_else(|| epsilon(parameter.dtype()));
        let gradient = gradient.cast(wide)?;
        let gradient = if settings.maximize { gradient.negative()? } else { gradient };
        let value = parameter.cast(wide)?;
        let moved = |old: &Tensor, new: &Tensor| old.cast(wide)?.lerp(new, new_share);
        let (squares, state) = match state {
            AdafactorState::Factored(rows, columns) => {
                let squares = gradient.square()?;
                let new_rows = moved(rows, &squares.mean(Some(&[-1]), true)?)?;
                let new_columns = moved(columns, &squares.mean(Some(&[-2]), true)?)?;
                let scale = new_rows.mean(Some(&[-2]), true)?.maximum(least)?;
                let estimate = new_rows.multiply(&new_columns)?.divide(&scale)?;
                let kept = AdafactorState::Factored(
                    new_rows.cast(rows.dtype())?,
                    new_columns.cast(columns.dtype())?,
                );
                (estimate, kept)
            }
            AdafactorState::Whole(variance) => {
                let new = moved(variance, &gradient.square()?)?;
                (new.clone(), AdafactorState::Whole(new.cast(variance.dtype())?))
            }
        };
        if squares.shape() != parameter.shape() {
            return Err(Error::shape(
                name,
                format!("a parameter of shape {} with a state of {}", parameter.shape(), squares.shape()),
            ));
        }
        let update = squares.maximum(least * least)?.rsqrt()?.multiply(&gradient)?;
        let relative = settings.learning_rate.min(1.0 / count.sqrt());
        let length = root_mean_square(&value)?.maximum(settings.eps.1)?.multiply(relative)?;
        let clip = root_mean_square(&update)?.divide(settings.clipping)?.maximum(1.0)?;
        let shrunk = value.multiply(1.0 - settings.learning_rate * settings.weight_decay)?;
        let value = shrunk.subtract(&update.multiply(&length.divide(&clip)?)?)?;
        Ok((value.cast(parameter.dtype())?, state))
    })
}

/// The difference between 1 and the next number.
fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::Float64 => f64::EPSILON,
        DType::Float16 => 2f64.powi(-10),
        DType::Bfloat16 => 2f64.powi(-7),
        _ => f32::EPSILON.into(),
    }
}

/// The settings of [`muon_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MuonSettings {
    /// The length of a step.
    pub learning_rate: f64,
    /// The factor of that length, from the shape of the parameter.
    pub length_factor: f64,
    /// The share by which a step of length 1 shrinks the parameter.
    pub weight_decay: f64,
    /// The share of the running mean that is kept.
    pub momentum: f64,
    /// Looks ahead along the momentum.
    pub nesterov: bool,
    /// The coefficients of the iteration's polynomial, of x, x³ and x⁵.
    pub coefficients: (f64, f64, f64),
    /// The least length that the update is divided by.
    pub eps: f64,
    /// How often the iteration is repeated.
    pub iterations: usize,
}

/// A matrix with the singular vectors of another and singular values near 1, by repeating a polynomial of degree 5
/// (Newton and Schulz's iteration).
fn orthogonalized(matrix: &Tensor, settings: &MuonSettings) -> Result<Tensor> {
    let (a, b, c) = settings.coefficients;
    let high = matrix.shape()[0] > matrix.shape()[1];
    let mut x = if high { matrix.transpose(0, 1)? } else { matrix.clone() };
    x = x.divide(&x.square()?.sum(None, false, None)?.sqrt()?.maximum(settings.eps)?)?;
    for _ in 0..settings.iterations {
        let gram = x.matmul(&x.transpose(0, 1)?)?;
        let update = gram.multiply(b)?.add(&gram.matmul(&gram)?.multiply(c)?)?;
        x = x.multiply(a)?.add(&update.matmul(&x)?)?;
    }
    if high { x.transpose(0, 1) } else { Ok(x) }
}

/// The new matrix and the new running mean of gradients (zeros at first). It computes in float32 at least.
///
/// Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
pub fn muon_step(
    parameter: &Tensor,
    gradient: &Tensor,
    average: &Tensor,
    settings: &MuonSettings,
) -> Result<(Tensor, [Tensor; 1])> {
    let name = "muon";
    check(name, parameter, &[Some(gradient), Some(average)])?;
    if parameter.rank() != 2 {
        return Err(Error::value(name, format!("needs matrices; got shape {}", parameter.shape())));
    }
    autograd::no_grad(|| {
        let wide = parameter.dtype().compute();
        let gradient = gradient.cast(wide)?;
        let moved = average.cast(wide)?.lerp(&gradient, 1.0 - settings.momentum)?;
        let update =
            if settings.nesterov { gradient.lerp(&moved, settings.momentum)? } else { moved.clone() };
        let update = orthogonalized(&update, settings)?;
        let value = parameter.cast(wide)?;
        let shrunk = value.multiply(1.0 - settings.learning_rate * settings.weight_decay)?;
        let step = update.multiply(settings.learning_rate * settings.length_factor)?;
        Ok((shrunk.subtract(&step)?.cast(parameter.dtype())?, [moved.cast(average.dtype())?]))
    })
}
