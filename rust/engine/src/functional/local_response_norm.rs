//! Normalisation over neighbouring channels.

use tenfold_ir::{Error, Result};

use super::check_floating;
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};
use crate::{Padding, Tensor};

/// The settings of [`local_response_norm`].
#[derive(Clone, Copy, Debug)]
struct Response {
    size: usize,
    /// What the sum of squares is multiplied by: alpha over the size.
    share: f64,
    beta: f64,
    k: f64,
}

impl Response {
    /// The sums over windows along axis 1 that begin so many channels before.
    fn windows(self, x: &Tensor, before: usize) -> Result<Tensor> {
        let mut widths = vec![(0, 0); x.rank()];
        widths[1] = (before as i64, (self.size - 1 - before) as i64);
        let padded = x.pad(&widths, Padding::Constant(0.0.into()))?;
        let channels = x.shape()[1];
        let mut sum = padded.slice(1, 0, 1, channels)?;
        for offset in 1..self.size {
            sum = sum.add(&padded.slice(1, offset, 1, channels)?)?;
        }
        Ok(sum)
    }

    /// What squares are made to: `k + alpha · m`.
    fn scale(self, x: &Tensor) -> Result<Tensor> {
        self.windows(&x.square()?, self.size / 2)?.multiply(self.share)?.add(self.k)
    }

    /// `scale^beta`; roots for the usual exponent, which cost a tenth of a power.
    fn divisor(self, scale: &Tensor) -> Result<Tensor> {
        if self.beta == 0.75 {
            let root = scale.sqrt()?;
            return root.multiply(&root.sqrt()?);
        }
        scale.pow(self.beta)
    }
}

/// The gradient: `g / scale^beta`, and through the scales of the windows that the channel stands in.
impl Derivative for Response {
    fn name(&self) -> &str {
        "local_response_norm"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, gradient) = (context.saved(0), context.gradient(0));
        let scale = self.scale(x)?;
        let direct = gradient.divide(&self.divisor(&scale)?)?;
        // A window that begins `size / 2` channels before its own holds this channel when its own is so many after.
        let through = self.windows(&direct.multiply(x)?.divide(&scale)?, (self.size - 1) / 2)?;
        let through = x.multiply(&through.multiply(2.0 * self.beta * self.share)?)?;
        Ok(Gradients::from_iter([Some(direct.subtract(&through)?)]))
    }
}

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
        return Err(Error::state(name, "size must be positive; got 0"));
    }
    if input.elements() == 0 {
        return Ok(input.clone());
    }
    let wide = input.cast(input.dtype().compute())?;
    let response = Response { size, share: alpha / size as f64, beta, k };
    let x = wide.detach();
    let mut results = [x.divide(&response.divisor(&response.scale(&x)?)?)?];
    record_gradient(&mut results, &[&wide], response, &[Saved::Input(0)]);
    let [normalized] = results;
    normalized.cast(input.dtype())
}
