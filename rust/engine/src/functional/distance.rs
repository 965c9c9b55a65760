//! Lengths, angles and distances of vectors.

use tenfold_ir::{Error, Result};

use super::check_floating;
use crate::Tensor;

/// `(Σ |x|^p)^(1/p)` along an axis, which is kept. The gradient at a vector of zeros is 0.
fn length(x: &Tensor, p: f64, axis: i64) -> Result<Tensor> {
    let axes = [axis];
    if p == f64::INFINITY {
        return x.abs()?.amax(Some(&axes), true);
    }
    if p == 1.0 {
        return x.abs()?.sum(Some(&axes), true, None);
    }
    let powers = if p == 2.0 { x.square()? } else { x.abs()?.pow(p)? };
    let sum = powers.sum(Some(&axes), true, None)?;
    // The root has no slope at 0.
    let zero = sum.equal(0.0)?;
    let safe = zero.where_(1.0, &sum)?;
    let root = if p == 2.0 { safe.sqrt()? } else { safe.pow(1.0 / p)? };
    zero.where_(0.0, &root)
}

/// x over its length along `dim`, which counts as `eps` at least.
pub fn normalize(input: &Tensor, p: f64, dim: i64, eps: f64) -> Result<Tensor> {
    let name = "normalize";
    check_floating(name, input)?;
    if p.is_nan() || p <= 0.0 {
        return Err(Error::value(name, format!("p must be positive; got {p}")));
    }
    let wide = input.cast(input.dtype().compute())?;
    let length = length(&wide, p, dim).map_err(|error| error.in_operation(name))?;
    wide.divide(&length.maximum(eps)?)?.cast(input.dtype())
}

/// The cosine of the angle between vectors along `dim`, whose lengths count as `eps` at least.
pub fn cosine_similarity(x1: &Tensor, x2: &Tensor, dim: i64, eps: f64) -> Result<Tensor> {
    let name = "cosine_similarity";
    check_floating(name, x1)?;
    check_floating(name, x2)?;
    let dtype = tenfold_ir::promote_types(x1.dtype(), x2.dtype())?;
    let shape = tenfold_ir::broadcast_shapes(name, [x1.shape(), x2.shape()].into_iter())?;
    let unit = |x: &Tensor| {
        let wide = x.cast(dtype.compute())?.broadcast(&shape).expect("shapes broadcast");
        let length = length(&wide, 2.0, dim).map_err(|error| error.in_operation(name))?;
        wide.divide(&length.maximum(eps)?)
    };
    unit(x1)?.multiply(&unit(x2)?)?.sum(Some(&[dim]), false, None)?.cast(dtype)
}

/// The p-norm of `x1 − x2 + eps` along the last axis.
pub fn pairwise_distance(x1: &Tensor, x2: &Tensor, p: f64, eps: f64, keepdim: bool) -> Result<Tensor> {
    let name = "pairwise_distance";
    check_floating(name, x1)?;
    check_floating(name, x2)?;
    if p.is_nan() || p <= 0.0 {
        return Err(Error::value(name, format!("p must be positive; got {p}")));
    }
    let dtype = tenfold_ir::promote_types(x1.dtype(), x2.dtype())?;
    let wide = dtype.compute();
    let difference =
        x1.cast(wide)?.subtract(&x2.cast(wide)?).map_err(|error| error.in_operation(name))?.add(eps)?;
    let length = length(&difference, p, -1).map_err(|error| error.in_operation(name))?.cast(dtype)?;
    if keepdim { Ok(length) } else { length.squeeze(&[-1]) }
}

/// The p-norms of the differences of all pairs of rows of `(N, D)`, in the order (0, 1), (0, 2), …, (1, 2), …
/// (`p = 0` counts the differences).
pub fn pdist(input: &Tensor, p: f64) -> Result<Tensor> {
    let name = "pdist";
    check_floating(name, input)?;
    if input.rank() != 2 {
        return Err(Error::shape(name, format!("needs a matrix (N, D); got shape {}", input.shape())));
    }
    if p.is_nan() || p < 0.0 {
        return Err(Error::state(name, format!("p must not be negative; got {p}")));
    }
    let rows = input.shape()[0] as i64;
    let pairs = (0..rows).flat_map(|a| (a + 1..rows).map(move |b| (a, b)));
    let (first, second): (Vec<i64>, Vec<i64>) = pairs.unzip();
    let wide = input.cast(input.dtype().compute())?;
    let of = |indices: &[i64]| wide.take(&Tensor::from_slice(indices, &[indices.len()])?, Some(0));
    let difference = of(&first)?.subtract(&of(&second)?)?;
    if p == 0.0 {
        return difference.not_equal(0.0)?.cast(input.dtype())?.sum(Some(&[1]), false, None);
    }
    length(&difference, p, 1)?.squeeze(&[1])?.cast(input.dtype())
}
