//! Positions in sequences: sinusoidal and rotary.

use tenfold_ir::{DType, Error, Result};

use super::check_floating;
use crate::Tensor;

/// `position · base^(−2i / dim)` for i in `0..dim / 2`: positions of shape B give float64 `(B…, dim / 2)`.
fn angles(positions: &Tensor, dim: usize, base: f64) -> Result<Tensor> {
    let rates: Vec<f64> = (0..dim / 2).map(|i| base.powf(-2.0 * i as f64 / dim as f64)).collect();
    let rates = Tensor::from_slice(&rates, &[dim / 2])?;
    positions.cast(DType::Float64)?.unsqueeze(-1)?.multiply(&rates)
}

fn check(operation: &'static str, dim: usize, base: f64) -> Result<()> {
    if dim == 0 || !dim.is_multiple_of(2) {
        return Err(Error::shape(operation, format!("the width must be even and positive; got {dim}")));
    }
    if !(base.is_finite() && base > 0.0) {
        return Err(Error::value(operation, format!("base must be a positive number; got {base}")));
    }
    Ok(())
}

/// The sinusoidal encoding of positions 0 to `length − 1`: `(length, dim)` with `sin(p · base^(−2i/dim))` in column 2i
/// and the cosine in column 2i + 1.
///
/// Vaswani et al. 2017, "Attention is all you need", section 3.5.
pub fn sinusoidal_positions(length: usize, dim: usize, base: f64, dtype: DType) -> Result<Tensor> {
    let name = "sinusoidal_positions";
    check(name, dim, base)?;
    let positions = Tensor::arange(0.into(), length.into(), 1.into(), DType::Int64)?;
    let angles = angles(&positions, dim, base)?;
    Tensor::stack(&[&angles.sin()?, &angles.cos()?], -1)?
        .reshaped(&[length, dim].into_iter().collect())?
        .cast(dtype)
}

/// `x` `(…, L, D)` with each pair of features turned by an angle that grows with the position.
///
/// Pair i turns by `position · base^(−2i / D)`. A pair is features i and i + D/2, or 2i and 2i + 1 where
/// `interleaved`. `positions` (integers) broadcast to `(…, L)`; by default they count from 0.
///
/// Su et al. 2021, "RoFormer: enhanced transformer with rotary position embedding".
pub fn rotary_embedding(
    x: &Tensor,
    positions: Option<&Tensor>,
    base: f64,
    interleaved: bool,
) -> Result<Tensor> {
    let name = "rotary_embedding";
    check_floating(name, x)?;
    if x.rank() < 2 {
        return Err(Error::shape(name, format!("needs (…, L, D); got shape {}", x.shape())));
    }
    let (length, dim) = (x.shape()[x.rank() - 2], x.shape()[x.rank() - 1]);
    check(name, dim, base)?;
    let positions = match positions {
        Some(positions) => positions.clone(),
        None => Tensor::arange(0.into(), length.into(), 1.into(), DType::Int64)?,
    };
    if !positions.dtype().is_integer() {
        return Err(Error::dtype(name, format!("positions must be integers; got {}", positions.dtype())));
    }
    let places = &x.shape()[..x.rank() - 1];
    if positions.broadcast_to(places).is_err() {
        return Err(Error::shape(
            name,
            format!("positions must broadcast to {places:?}; got shape {}", positions.shape()),
        ));
    }
    let (dtype, compute) = (x.dtype(), x.dtype().compute());
    let angles = angles(&positions, dim, base)?;
    let (sine, cosine) = (angles.sin()?.cast(compute)?, angles.cos()?.cast(compute)?);
    let x = x.cast(compute)?;
    let (step, start) = if interleaved { (2, 1) } else { (1, dim / 2) };
    let (a, b) = (x.slice(-1, 0, step, dim / 2)?, x.slice(-1, start, step, dim / 2)?);
    let first = a.multiply(&cosine)?.subtract(&b.multiply(&sine)?)?;
    let second = b.multiply(&cosine)?.add(&a.multiply(&sine)?)?;
    let turned = if interleaved {
        Tensor::stack(&[&first, &second], -1)?.reshaped(x.shape())?
    } else {
        Tensor::concatenate(&[&first, &second], Some(-1))?
    };
    turned.cast(dtype)
}
