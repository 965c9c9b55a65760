//! The logarithm of the gamma function and its derivatives.
//!
//! Positive arguments are shifted to [`FAR`] or beyond, where the asymptotic series gives every digit; negative ones
//! are reflected. Near 1 and 2, the zeros of ln Γ, a Taylor series keeps the result accurate relative to its size.

use super::constants::{BERNOULLI, HALF_LN_TWO_PI, LOG_GAMMA, ONE_MINUS_EULER, PI};
use super::exponential::{log, log1p};
use super::trigonometric::sin_cos_of_pi;
use super::{DoubleDouble, Lane};

/// From here on the asymptotic series with 18 Bernoulli numbers is accurate to 1e-33.
const FAR: f64 = 28.0;

/// How often 1 must be added to x to come to [`FAR`].
fn steps_to_far(x: DoubleDouble) -> u32 {
    if x.hi < FAR { (FAR - x.hi).ceil() as u32 } else { 0 }
}

/// Σ B(2k) · weight(2k) / z^(2k), from k = 1.
fn bernoulli_series(z: DoubleDouble, weight: impl Fn(f64) -> f64) -> DoubleDouble {
    let inverse_square = z.square().reciprocal();
    let mut sum = DoubleDouble::ZERO;
    for (index, &number) in BERNOULLI.iter().enumerate().rev() {
        let twice_k = 2.0 * (index + 1) as f64;
        sum = (sum + number.over(weight(twice_k))) * inverse_square;
    }
    sum
}

/// ln Γ(2 + t) for |t| ≤ 1/2.
fn log_gamma_near_two(t: DoubleDouble) -> DoubleDouble {
    let mut sum = DoubleDouble::ZERO;
    for &coefficient in LOG_GAMMA.iter().rev() {
        sum = (sum + coefficient) * t;
    }
    (sum + ONE_MINUS_EULER) * t
}

/// ln Γ for x > 0.
fn log_gamma_of_positive(x: DoubleDouble) -> DoubleDouble {
    if x.hi < 0.5 {
        return log_gamma_of_positive(x.plus(1.0)) - log(x);
    }
    if x.hi < 1.5 {
        let t = x.plus(-1.0);
        return log_gamma_near_two(t) - log1p(t);
    }
    if x.hi <= 2.5 {
        return log_gamma_near_two(x.plus(-2.0));
    }
    let mut product = DoubleDouble::ONE;
    let mut z = x;
    for _ in 0..steps_to_far(x) {
        product = product * z;
        z = z.plus(1.0);
    }
    let series = bernoulli_series(z, |n| n * (n - 1.0)) * z;
    let log_z = log(z);
    // z ln z − z, factored so that only a true overflow overflows.
    z * log_z.plus(-1.0) - log_z.times(0.5) + HALF_LN_TWO_PI + series - log(product)
}

pub(super) fn lgamma(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() {
        return x;
    }
    if x.hi.is_infinite() {
        return DoubleDouble::INFINITY;
    }
    if x.hi > 0.0 {
        return log_gamma_of_positive(x);
    }
    if x.trunc() == x {
        return DoubleDouble::INFINITY;
    }
    if x.hi > -0.25 {
        return log_gamma_of_positive(x.plus(1.0)) - log(-x);
    }
    let sine = sin_cos_of_pi(x).0.abs();
    log(PI / sine) - log_gamma_of_positive(DoubleDouble::ONE - x)
}

pub(super) fn digamma(x: DoubleDouble) -> DoubleDouble {
    if x.is_zero() {
        return -DoubleDouble::INFINITY.copysign(x);
    }
    if x.is_nan() || x == -DoubleDouble::INFINITY {
        return DoubleDouble::NAN;
    }
    if x.hi.is_infinite() {
        return x;
    }
    if x.sign_bit() {
        if x.trunc() == x {
            return DoubleDouble::NAN;
        }
        let (sine, cosine) = sin_cos_of_pi(x);
        return digamma(DoubleDouble::ONE - x) - PI * cosine / sine;
    }
    let mut shifted = DoubleDouble::ZERO;
    let mut z = x;
    for _ in 0..steps_to_far(x) {
        shifted = shifted + z.reciprocal();
        z = z.plus(1.0);
    }
    log(z) - z.times(2.0).reciprocal() - bernoulli_series(z, |n| n) - shifted
}

pub(super) fn trigamma(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() {
        return x;
    }
    if x.hi == f64::INFINITY {
        return DoubleDouble::ZERO;
    }
    if x.trunc() == x && x.hi <= 0.0 {
        return DoubleDouble::INFINITY;
    }
    if x.sign_bit() {
        let sine = sin_cos_of_pi(x).0;
        return (PI / sine).square() - trigamma(DoubleDouble::ONE - x);
    }
    let mut shifted = DoubleDouble::ZERO;
    let mut z = x;
    for _ in 0..steps_to_far(x) {
        shifted = shifted + z.square().reciprocal();
        z = z.plus(1.0);
    }
    let inverse = z.reciprocal();
    let tail = bernoulli_series(z, |_| 1.0);
    shifted + inverse * (inverse.times(0.5) + tail).plus(1.0)
}
