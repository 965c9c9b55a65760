//! The running statistics of instance norm.

use tenfold_ir::{Error, Result};

use super::normalization::check_parameter;
use crate::{Tensor, autograd};

/// Running means and variances (one number a channel) moved by `momentum` towards those of the samples of
/// `(N, C, …)`: the mean over the samples of each one's mean and unbiased variance.
pub fn instance_statistics(
    input: &Tensor,
    running: (&Tensor, &Tensor),
    momentum: f64,
) -> Result<(Tensor, Tensor)> {
    let name = "instance_norm";
    if input.rank() < 3 {
        return Err(Error::shape(
            name,
            format!("needs at least 3 axes (N, C, …); got shape {}", input.shape()),
        ));
    }
    let channels = [input.shape()[1]];
    check_parameter(name, "running_mean", Some(running.0), &channels)?;
    check_parameter(name, "running_var", Some(running.1), &channels)?;
    autograd::no_grad(|| {
        let x = input.detach().cast(input.dtype().compute())?;
        let spatial: Vec<i64> = (2..input.rank() as i64).collect();
        let moved = |old: &Tensor, new: Tensor| {
            let new = new.mean(Some(&[0]), false)?.multiply(momentum)?;
            old.cast(x.dtype())?.multiply(1.0 - momentum)?.add(&new)?.cast(old.dtype())
        };
        let mean = moved(running.0, x.mean(Some(&spatial), false)?)?;
        let variance = moved(running.1, x.var(Some(&spatial), 1.0, false)?)?;
        Ok((mean, variance))
    })
}
