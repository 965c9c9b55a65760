//! The error function, its complement and its inverse.

use super::arithmetic::two_product;
use super::constants::{FRAC_1_SQRT_2, TWO_OVER_SQRT_PI};
use super::exponential::{exp, exp_parts, log};
use super::{DoubleDouble, Lane};

/// From here on erfc comes from a continued fraction, which converges the faster the larger x is.
const TAIL: f64 = 3.0;

/// Where erfc is below the smallest subnormal.
const VANISHED: f64 = 28.0;

/// erf for 0 ≤ x < 3, by a series with positive terms: 2/√π e^(−x²) Σ 2^n x^(2n+1) / (1·3·5 … (2n+1)).
fn series(x: DoubleDouble) -> DoubleDouble {
    let square = x.square();
    let doubled = square.times(2.0);
    let mut term = x;
    let mut sum = x;
    let mut odd = 1.0;
    while term.hi > sum.hi * 1e-34 {
        odd += 2.0;
        term = term * doubled.over(odd);
        sum = sum + term;
    }
    sum * exp(-square) * TWO_OVER_SQRT_PI
}

/// erfc for x ≥ 3: e^(−x²)/√π · 1/(x + (1/2)/(x + (2/2)/(x + …))).
fn tail(x: DoubleDouble) -> DoubleDouble {
    let square = x.square();
    // Enough terms for 1e-34 at this x.
    let terms = 12 + (800.0 / square.hi) as u32;
    let mut fraction = x;
    for term in (1..=terms).rev() {
        fraction = x + DoubleDouble::from(f64::from(term) * 0.5) / fraction;
    }
    let (mantissa, exponent) = exp_parts(-square);
    (mantissa * TWO_OVER_SQRT_PI / fraction).times_power_of_two(exponent - 1)
}

pub(super) fn erf(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() || x.is_zero() {
        return x;
    }
    let magnitude = x.abs();
    let result = if magnitude.hi < TAIL { series(magnitude) } else { DoubleDouble::ONE - erfc(magnitude) };
    result.copysign(x)
}

pub(super) fn erfc(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() {
        return x;
    }
    if x.sign_bit() {
        erf(-x).plus(1.0)
    } else if x.hi < TAIL {
        DoubleDouble::ONE - series(x)
    } else if x.hi < VANISHED {
        tail(x)
    } else {
        DoubleDouble::ZERO
    }
}

pub(super) fn ndtr(x: DoubleDouble) -> DoubleDouble {
    erfc(-x * FRAC_1_SQRT_2).times(0.5)
}

pub(super) fn normal_pdf(x: DoubleDouble) -> DoubleDouble {
    exp(-x.square().times(0.5)) * FRAC_1_SQRT_2 * TWO_OVER_SQRT_PI.times(0.5)
}

/// A step of Halley's method towards erfc(y) = complement or erf(y) = value, as the correction to subtract from y.
///
/// `u` is the step of Newton's method; the second derivative is −2y times the first.
fn halley(y: DoubleDouble, u: DoubleDouble) -> DoubleDouble {
    u / (y * u).plus(1.0)
}

pub(super) fn erfinv(x: DoubleDouble) -> DoubleDouble {
    let magnitude = x.abs();
    if x.is_nan() || magnitude > DoubleDouble::ONE {
        return DoubleDouble::NAN;
    }
    if x.is_zero() {
        return x;
    }
    if magnitude == DoubleDouble::ONE {
        return DoubleDouble::INFINITY.copysign(x);
    }
    // Winitzki's approximation (two digits) begins, one Halley step triples the digits each time.
    let complement = DoubleDouble::ONE - magnitude;
    let log = log(complement * magnitude.plus(1.0)).hi;
    let a = 0.147;
    let first = 2.0 / (std::f64::consts::PI * a) + log / 2.0;
    let radicand = (first * first - log / a).sqrt() - first;
    // For small x the difference cancels; there y ≈ √π/2 x.
    let mut y = if magnitude.hi < 1e-4 { magnitude.hi / TWO_OVER_SQRT_PI.hi } else { radicand.sqrt() };
    let near_one = magnitude.hi > 0.5;
    for _ in 0..3 {
        let error = if near_one { complement.hi - libm::erfc(y) } else { libm::erf(y) - magnitude.hi };
        let u = error / (TWO_OVER_SQRT_PI.hi * libm::exp(-y * y));
        y -= u / (1.0 + y * u);
    }
    let y = DoubleDouble::from(y);
    let error = if near_one { complement - erfc(y) } else { erf(y) - magnitude };
    let u = error / (TWO_OVER_SQRT_PI * exp(-two_product(y.hi, y.hi)));
    (y - halley(y, u)).copysign(x)
}
