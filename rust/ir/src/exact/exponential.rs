//! Exponentials, logarithms, powers, hyperbolic functions and their inverses.

use super::arithmetic::two_product;
use super::constants::{INVERSE_FACTORIAL, LN_2, LN_2_PARTS, LN_10};
use super::{DoubleDouble, Lane};

/// Where e to this power, and e to the negative of it, leave the exponents of f64 far behind.
const FAR: f64 = 800.0;

/// Beyond this, e to the power −x counts nothing beside e to the power x.
const ONE_SIDED: f64 = 40.0;

/// e^x − 1 for |x| ≤ 1/2, relative to its own size.
fn expm1_near_zero(x: DoubleDouble) -> DoubleDouble {
    const HALVINGS: i32 = 9;
    let small = x.times(1.0 / f64::from(1 << HALVINGS));
    let mut series = DoubleDouble::ZERO;
    for &coefficient in INVERSE_FACTORIAL[2..=10].iter().rev() {
        series = (series + coefficient) * small;
    }
    let mut result = small + series * small;
    for _ in 0..HALVINGS {
        // e^2x − 1 = (e^x − 1)² + 2(e^x − 1)
        result = result.times(2.0) + result.square();
    }
    result
}

/// e^x as m · 2^k, for |x| up to [`FAR`].
pub(super) fn exp_parts(x: DoubleDouble) -> (DoubleDouble, i32) {
    let multiple = (x.hi / LN_2.hi).round_ties_even();
    let mut rest = x;
    for part in LN_2_PARTS {
        rest = rest - two_product(multiple, part);
    }
    (expm1_near_zero(rest).plus(1.0), multiple as i32)
}

/// The exponent pulled in to where e to its power has overflowed or vanished anyhow.
fn clamped(x: DoubleDouble) -> DoubleDouble {
    if x.hi.abs() > FAR { DoubleDouble::from(FAR.copysign(x.hi)) } else { x }
}

pub(super) fn exp(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() {
        return x;
    }
    let (mantissa, exponent) = exp_parts(clamped(x));
    mantissa.times_power_of_two(exponent)
}

pub(super) fn exp2(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() {
        return x;
    }
    let x = if x.hi.abs() > 2000.0 { DoubleDouble::from(2000f64.copysign(x.hi)) } else { x };
    let whole = x.hi.round_ties_even();
    expm1_near_zero(x.plus(-whole) * LN_2).plus(1.0).times_power_of_two(whole as i32)
}

pub(super) fn expm1(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() || x.is_zero() {
        return x;
    }
    if x.hi.abs() < 0.4 {
        return expm1_near_zero(x);
    }
    let (mantissa, exponent) = exp_parts(clamped(x));
    mantissa.times_power_of_two(exponent).plus(-1.0)
}

/// ln(1 + t) for t from about −0.3 to 0.5: one step from the f64 result, relative to its own size.
fn log1p_near_zero(t: DoubleDouble) -> DoubleDouble {
    if t.is_zero() {
        return t;
    }
    let start = DoubleDouble::from(libm::log1p(t.hi));
    let reached = expm1_near_zero(start);
    // What is left is ln(1 + d), with d about 1e-16.
    let d = (t - reached) / reached.plus(1.0);
    start + (d - d.square().times(0.5))
}

/// x as m · 2^k with ln m, for m from √½ to √2.
fn log_parts(x: DoubleDouble) -> (DoubleDouble, f64) {
    let (mut mantissa, mut exponent) = x.split_exponent();
    if mantissa.hi > std::f64::consts::SQRT_2 {
        mantissa = mantissa.times(0.5);
        exponent += 1;
    }
    (log1p_near_zero(mantissa.plus(-1.0)), f64::from(exponent))
}

/// The logarithm of an argument without one in the real numbers, or without digits.
fn log_special(x: DoubleDouble) -> Option<DoubleDouble> {
    if x.is_zero() {
        Some(-DoubleDouble::INFINITY)
    } else if x.is_nan() || x.sign_bit() {
        Some(DoubleDouble::NAN)
    } else if !x.is_finite() {
        Some(x)
    } else {
        None
    }
}

pub(super) fn log(x: DoubleDouble) -> DoubleDouble {
    log_special(x).unwrap_or_else(|| {
        let (log, exponent) = log_parts(x);
        LN_2.times(exponent) + log
    })
}

pub(super) fn log2(x: DoubleDouble) -> DoubleDouble {
    log_special(x).unwrap_or_else(|| {
        let (log, exponent) = log_parts(x);
        (log / LN_2).plus(exponent)
    })
}

pub(super) fn log10(x: DoubleDouble) -> DoubleDouble {
    log(x) / LN_10
}

pub(super) fn log1p(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() || (x.hi > -0.25 && x.hi < 0.4) { log1p_near_zero(x) } else { log(x.plus(1.0)) }
}

pub(super) fn pow(x: DoubleDouble, y: DoubleDouble) -> DoubleDouble {
    let one = DoubleDouble::ONE;
    if y.is_zero() || x == one {
        return one;
    }
    if x.is_nan() || y.is_nan() {
        return DoubleDouble::NAN;
    }
    let y_is_whole = y.trunc() == y;
    let y_is_odd = y_is_whole && y.is_finite() && (y.hi % 2.0 != 0.0) != (y.lo % 2.0 != 0.0);
    let magnitude = x.abs();
    if y.hi.is_infinite() {
        let grows = (magnitude > one) == (y.hi > 0.0);
        return match magnitude == one {
            true => one,
            false => DoubleDouble::from(if grows { f64::INFINITY } else { 0.0 }),
        };
    }
    let negative = x.sign_bit() && y_is_odd;
    let result = if x.is_zero() || x.hi.is_infinite() {
        let large = x.hi.is_infinite() == (y.hi > 0.0);
        DoubleDouble::from(if large { f64::INFINITY } else { 0.0 })
    } else if x.sign_bit() && !y_is_whole {
        return DoubleDouble::NAN;
    } else if y_is_whole && y.hi.abs() <= 64.0 {
        whole_power(magnitude, y.hi as i32)
    } else {
        // Clamped by the exponent, so that the product cannot overflow to NaN.
        exp(log(magnitude) * y)
    };
    if negative { -result } else { result }
}

/// A small whole power by squaring: exact where the result fits.
fn whole_power(x: DoubleDouble, exponent: i32) -> DoubleDouble {
    let (mut base, base_exponent) = x.split_exponent();
    let mut result = DoubleDouble::ONE;
    let mut rest = exponent.unsigned_abs();
    while rest > 0 {
        if rest & 1 == 1 {
            result = result * base;
        }
        base = base.square();
        rest >>= 1;
    }
    let result = if exponent < 0 { result.reciprocal() } else { result };
    result.times_power_of_two(base_exponent * exponent)
}

pub(super) fn sinh(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() || x.is_zero() {
        return x;
    }
    let magnitude = clamped(x.abs());
    let result = if magnitude.hi < ONE_SIDED {
        let grown = expm1(magnitude);
        (grown + grown / grown.plus(1.0)).times(0.5)
    } else {
        let (mantissa, exponent) = exp_parts(magnitude);
        mantissa.times_power_of_two(exponent - 1)
    };
    result.copysign(x)
}

pub(super) fn cosh(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() {
        return x;
    }
    let (mantissa, exponent) = exp_parts(clamped(x.abs()));
    if x.hi.abs() < ONE_SIDED {
        let exp = mantissa.times_power_of_two(exponent);
        return (exp + exp.reciprocal()).times(0.5);
    }
    mantissa.times_power_of_two(exponent - 1)
}

pub(super) fn tanh(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() || x.is_zero() {
        return x;
    }
    if x.hi.abs() > ONE_SIDED {
        return DoubleDouble::ONE.copysign(x);
    }
    let grown = expm1(x.abs().times(2.0));
    (grown / grown.plus(2.0)).copysign(x)
}

pub(super) fn asinh(x: DoubleDouble) -> DoubleDouble {
    if x.is_zero() || !x.is_finite() {
        return x;
    }
    let magnitude = x.abs();
    let result = if magnitude.hi > 1e18 {
        log(magnitude) + LN_2
    } else {
        let square = magnitude.square();
        log1p(magnitude + square / (square.plus(1.0).sqrt().plus(1.0)))
    };
    result.copysign(x)
}

pub(super) fn acosh(x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() || x < DoubleDouble::ONE {
        return DoubleDouble::NAN;
    }
    if x.hi > 1e18 {
        return log(x) + LN_2;
    }
    let t = x.plus(-1.0);
    log1p(t + (t * t.plus(2.0)).sqrt())
}

pub(super) fn atanh(x: DoubleDouble) -> DoubleDouble {
    if x.is_zero() {
        return x;
    }
    let magnitude = x.abs();
    if x.is_nan() || magnitude > DoubleDouble::ONE {
        return DoubleDouble::NAN;
    }
    let ratio = magnitude.times(2.0) / (DoubleDouble::ONE - magnitude);
    log1p(ratio).times(0.5).copysign(x)
}

pub(super) fn sigmoid(x: DoubleDouble) -> DoubleDouble {
    let decay = exp(-x.abs());
    let numerator = if x.sign_bit() { decay } else { DoubleDouble::ONE };
    numerator / decay.plus(1.0)
}
