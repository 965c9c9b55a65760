//! Dropout.

use tenfold_ir::{Error, Result, Shape};

use super::check_floating;
use crate::Tensor;
use crate::random::Generator;

fn check_probability(operation: &'static str, p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) {
        return Ok(());
    }
    Err(Error::value(operation, format!("the probability must be from 0 to 1; got {p}")))
}

/// Elements kept by a mask of this shape, scaled by `1 / (1 − p)`; the others are 0.
fn masked(input: &Tensor, p: f64, shape: &Shape, generator: Option<&mut Generator>) -> Result<Tensor> {
    let keep = Tensor::dropout_mask(shape, p, generator)?;
    let scale = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
    keep.where_(&input.multiply(scale)?, 0.0)
}

/// In training each element is 0 with probability `p`, and the others are scaled by `1 / (1 − p)`; else the input.
///
/// Hinton et al. 2012. Draws from the default generator of the thread, where none is given.
pub fn dropout(input: &Tensor, p: f64, training: bool, generator: Option<&mut Generator>) -> Result<Tensor> {
    let name = "dropout";
    check_probability(name, p)?;
    if !training || p == 0.0 {
        return Ok(input.clone());
    }
    check_floating(name, input)?;
    masked(input, p, input.shape(), generator)
}

/// As [`dropout`], for whole channels of `(N, C, …)`, or of `(C, …)` where `batched` is false.
pub fn feature_dropout(
    input: &Tensor,
    p: f64,
    training: bool,
    batched: bool,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let name = "feature_dropout";
    check_probability(name, p)?;
    if !training || p == 0.0 {
        return Ok(input.clone());
    }
    check_floating(name, input)?;
    let kept = if batched { 2 } else { 1 };
    if input.rank() < kept {
        return Err(Error::shape(name, format!("needs at least {kept} axes; got shape {}", input.shape())));
    }
    masked(input, p, &channel_shape(input, kept), generator)
}

/// The shape with one element for each channel, whose axes are the first ones.
fn channel_shape(input: &Tensor, kept: usize) -> Shape {
    let extents = input.shape().iter().enumerate();
    extents.map(|(axis, &extent)| if axis < kept { extent } else { 1 }).collect()
}

/// Dropout that keeps the mean and variance of what [`super::selu`] gives (Klambauer et al. 2017).
pub fn alpha_dropout(
    input: &Tensor,
    p: f64,
    training: bool,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    alpha_masked("alpha_dropout", input, p, training, input.shape(), generator)
}

/// As [`alpha_dropout`], for whole channels of `(N, C, …)`.
pub fn feature_alpha_dropout(
    input: &Tensor,
    p: f64,
    training: bool,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let name = "feature_alpha_dropout";
    if input.rank() < 2 {
        return Err(Error::shape(
            name,
            format!("needs at least 2 axes (N, C, …); got shape {}", input.shape()),
        ));
    }
    let channels = channel_shape(input, 2);
    alpha_masked(name, input, p, training, &channels, generator)
}

/// Alpha dropout by a mask of this shape.
fn alpha_masked(
    name: &'static str,
    input: &Tensor,
    p: f64,
    training: bool,
    shape: &Shape,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    /// What selu saturates at, negated.
    const SATURATION: f64 = 1.758_099_340_847_376_6;
    check_probability(name, p)?;
    if !training || p == 0.0 {
        return Ok(input.clone());
    }
    check_floating(name, input)?;
    if p == 1.0 {
        return input.multiply(0.0);
    }
    let scale = 1.0 / ((SATURATION * SATURATION * p + 1.0) * (1.0 - p)).sqrt();
    let keep = Tensor::dropout_mask(shape, p, generator)?;
    let shifted = input.multiply(scale)?.add(SATURATION * scale * p)?;
    keep.where_(&shifted, SATURATION * scale * (p - 1.0))
}
