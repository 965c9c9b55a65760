//! Negative log-likelihoods of distributions whose parameters are predicted.

use std::f64::consts::TAU;

use tenfold_ir::{Error, Result};

use super::loss::{LossReduction, promoted};
use crate::{Tensor, autocast, autograd};

/// The settings of [`poisson_nll_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoissonOptions {
    /// The input is the logarithm of the rate.
    pub log_input: bool,
    /// Adds Stirling's approximation of log(target!) for targets above 1.
    pub full: bool,
    /// Added to the rate before its logarithm is taken.
    pub eps: f64,
    /// What becomes of the elements.
    pub reduction: LossReduction,
}

impl Default for PoissonOptions {
    fn default() -> PoissonOptions {
        PoissonOptions { log_input: true, full: false, eps: 1e-8, reduction: LossReduction::Mean }
    }
}

/// `exp(x) − t · x` for logarithms of rates, `x − t · log(x + eps)` for rates.
pub fn poisson_nll_loss(input: &Tensor, target: &Tensor, options: &PoissonOptions) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "poisson_nll_loss";
    let (dtype, wide) = promoted(name, &[input, target])?;
    let compute = || {
        let (x, t) = (input.cast(wide)?, target.cast(wide)?);
        let mut elements = if options.log_input {
            x.exp()?.subtract(&t.multiply(&x)?)?
        } else {
            x.subtract(&t.multiply(&x.add(options.eps)?.log()?)?)?
        };
        if options.full {
            let large = t.greater(1.0)?;
            // Where it does not count, the logarithm must not give a NaN for a gradient to carry on.
            let safe = large.where_(&t, 1.0)?;
            let stirling = safe.multiply(&safe.log()?)?.subtract(&safe)?;
            let stirling = stirling.add(&safe.multiply(TAU)?.log()?.multiply(0.5)?)?;
            elements = elements.add(&large.where_(&stirling, 0.0)?)?;
        }
        options.reduction.apply(&elements)?.cast(dtype)
    };
    compute().map_err(|error: Error| error.in_operation(name))
}

/// `½ (log v + (x − t)² / v)` with v the variance, held at `eps` at least (gradients pass as if it were not held);
/// with `full`, plus `½ log 2π`. The variance has the shape of the input, or one number for each row of it.
///
/// Nix and Weigend 1994, "Estimating the mean and variance of the target probability distribution".
pub fn gaussian_nll_loss(
    input: &Tensor,
    target: &Tensor,
    variance: &Tensor,
    full: bool,
    eps: f64,
    reduction: LossReduction,
) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let variance = &*autocast::raised(variance)?;
    let name = "gaussian_nll_loss";
    let (dtype, wide) = promoted(name, &[input, target, variance])?;
    let rows = input.shape().split_last().map(|(_, outer)| outer);
    let variance = if variance.shape() == input.shape() || variance.rank() == 0 {
        variance.clone()
    } else if rows == Some(&variance.shape()[..]) {
        variance.unsqueeze(-1)?
    } else if variance.shape().split_last().is_some_and(|(&last, outer)| last == 1 && Some(outer) == rows) {
        variance.clone()
    } else {
        return Err(Error::value(
            name,
            format!("an input of shape {} with variances of shape {}", input.shape(), variance.shape()),
        ));
    };
    if autograd::no_grad(|| variance.detach().every_sample().less(0.0)?.any(None, false)?.item())?.to_bool() {
        return Err(Error::value(name, "variances must not be negative"));
    }
    let compute = || {
        let (x, t, v) = (input.cast(wide)?, target.cast(wide)?, variance.cast(wide)?);
        let held = v.subtract(&v.detach())?.add(eps)?;
        let v = v.less(eps)?.where_(&held, &v)?;
        let mut elements = v.log()?.add(&x.subtract(&t)?.square()?.divide(&v)?)?.multiply(0.5)?;
        if full {
            elements = elements.add(0.5 * TAU.ln())?;
        }
        reduction.apply(&elements)?.cast(dtype)
    };
    compute().map_err(|error: Error| error.in_operation(name))
}
