//! Modified Bessel functions of the first kind, orders 0 and 1.

use super::constants::PI;
use super::exponential::exp_parts;
use super::{DoubleDouble, Lane};

/// From here on the asymptotic series is accurate to 1e-33.
const FAR: f64 = 45.0;

/// Where both functions have overflowed.
const OVERFLOWED: f64 = 720.0;

/// I of the order for 0 ≤ x < 45, without its factor (x/2)^order: Σ (x²/4)^k / (k! (k + order)!).
fn series(x: DoubleDouble, order: f64) -> DoubleDouble {
    let quarter_square = x.square().times(0.25);
    let mut term = DoubleDouble::ONE;
    let mut sum = DoubleDouble::ONE;
    let mut k = 0.0;
    while term.hi > sum.hi * 1e-34 {
        k += 1.0;
        term = term * quarter_square.over(k * (k + order));
        sum = sum + term;
    }
    sum
}

/// I of the order for large x: e^x/√(2πx) · Σ (−1)^k Π((2order)² − (2j−1)²) / (k! (8x)^k).
fn asymptotic(x: DoubleDouble, order: f64) -> DoubleDouble {
    let eightfold = x.times(8.0);
    let mut term = DoubleDouble::ONE;
    let mut sum = DoubleDouble::ONE;
    let mut k = 0.0;
    while term.hi.abs() > 1e-34 && k < 90.0 {
        k += 1.0;
        let odd = 2.0 * k - 1.0;
        term = term * DoubleDouble::from(odd * odd - 4.0 * order * order) / eightfold.times(k);
        sum = sum + term;
    }
    let (mantissa, exponent) = exp_parts(x);
    (mantissa * sum / (PI * x.times(2.0)).sqrt()).times_power_of_two(exponent)
}

pub(super) fn i0(x: DoubleDouble) -> DoubleDouble {
    let magnitude = x.abs();
    if x.is_nan() {
        return x;
    }
    if magnitude.hi > OVERFLOWED {
        return DoubleDouble::INFINITY;
    }
    if magnitude.hi < FAR { series(magnitude, 0.0) } else { asymptotic(magnitude, 0.0) }
}

pub(super) fn i1(x: DoubleDouble) -> DoubleDouble {
    let magnitude = x.abs();
    if x.is_nan() || x.is_zero() {
        return x;
    }
    let result = if magnitude.hi > OVERFLOWED {
        DoubleDouble::INFINITY
    } else if magnitude.hi < FAR {
        series(magnitude, 1.0) * magnitude.times(0.5)
    } else {
        asymptotic(magnitude, 1.0)
    };
    result.copysign(x)
}
