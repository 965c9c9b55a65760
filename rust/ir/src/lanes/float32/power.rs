//! Powers of `f32` from logarithm and exponential in double precision: 0.6 ULP.

use crate::lanes::{exponential::exp2, logarithm::log2};

/// C's `pow` (Annex F).
#[inline(always)]
pub(super) fn pow(x: f32, y: f32) -> f32 {
    let logarithm = log2(x.abs() as f64);
    let magnitude = exp2(logarithm * y as f64) as f32;
    // ±1 to an infinite power.
    let magnitude = if (logarithm == 0.0) & !y.is_nan() { 1.0 } else { magnitude };
    let integer = y.trunc() == y;
    let half = y * 0.5;
    let odd = integer & (half.trunc() != half);
    let signed = if odd & x.is_sign_negative() { -magnitude } else { magnitude };
    let undefined = (x < 0.0) & (x > f32::NEG_INFINITY) & !integer & !y.is_nan();
    let value = if undefined { f32::NAN } else { signed };
    if (x == 1.0) | (y == 0.0) { 1.0 } else { value }
}

/// The cube root.
#[inline(always)]
pub(super) fn cbrt(x: f32) -> f32 {
    (exp2(log2(x.abs() as f64) * (1.0 / 3.0)) as f32).copysign(x)
}

/// The length of (x, y): squares of f32 neither overflow nor underflow in f64.
#[inline(always)]
pub(super) fn hypot(x: f32, y: f32) -> f32 {
    let infinite = (x.abs() == f32::INFINITY) | (y.abs() == f32::INFINITY);
    let (x, y) = (x as f64, y as f64);
    let length = (x * x + y * y).sqrt() as f32;
    if infinite { f32::INFINITY } else { length }
}
