//! Normalisation over neighbouring channels.

use tenfold_ir::{Error, Result};

use super::check_floating;
use crate::{Padding, Tensor};

/// `x / (k + alpha · m)^beta` with m the mean of squares over `size` neighbouring channels of `(N, C, …)`; channels
/// beyond the first and the last count as 0.
///
/// Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional neural networks".
pub fn local_response_norm(input: &Tensor, size: usize, alpha: f64, beta: f64, k: f64) -> Result<Tensor> {
    let name = "local_response_norm";
    check_floating(name, input)?;
    if input.rank() < 3 {
        return Err(Error::shape(
            name,
            format!("needs at least 3 axes (N, C, …); got shape {}", input.shape()),
        ));
    }
    if size == 0 {
        return Err(Error::value(name, "size must be positive; got 0"));
    }
    if input.elements() == 0 {
        return Ok(input.clone());
    }
    let wide = input.cast(input.dtype().compute())?;
    let mut widths = vec![(0, 0); input.rank()];
    widths[1] = ((size / 2) as i64, ((size - 1) / 2) as i64);
    let windows = wide.square()?.pad(&widths, Padding::Constant(0.0.into()))?.unfold(1, size, 1)?;
    let means = windows.sum(Some(&[-1]), false, None)?.multiply(alpha / size as f64)?;
    wide.divide(&means.add(k)?.pow(beta)?)?.cast(input.dtype())
}
