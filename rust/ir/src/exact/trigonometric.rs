//! Sine, cosine, tangent and their inverses.

use super::constants::{HALF_PI, INVERSE_FACTORIAL, PI, TWO_OVER_PI};
use super::{DoubleDouble, Lane};

/// An angle as `quarters · π/2 + rest`, with |rest| at most about π/4.
struct Reduced {
    quarters: u32,
    rest: DoubleDouble,
}

/// 2/π times a finite number of at least 2^-10, modulo 4: the nearest quarter turn, and the fraction beyond it.
///
/// After Payne and Hanek (1983): of the product with a long binary fraction of 2/π only the bits from 2^1 down to
/// 2^-254 are computed. The fraction of an f64 angle is never below 2^-62, so that more than 106 bits of it remain.
fn quarter_turns(x: f64) -> (u32, DoubleDouble) {
    const WORDS: usize = 4;
    let bits = x.abs().to_bits();
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let exponent = (bits >> 52) as i32 - 1075;
    // Bit p of 2/π weighs 2^(−p−1): bits before this one give multiples of 4.
    let first_bit = exponent - 2;
    let word = |number: i32| usize::try_from(number).map_or(0, |index| TWO_OVER_PI[index]);
    let window = |index: usize| -> u64 {
        let position = first_bit + 64 * index as i32;
        let (number, shift) = (position.div_euclid(64), position.rem_euclid(64) as u32);
        let pair = u128::from(word(number)) << 64 | u128::from(word(number + 1));
        (pair >> (64 - shift)) as u64
    };
    // The product modulo 4, most significant word first: two bits before the point, the others behind it.
    let mut product = [0u64; WORDS];
    let mut carry = 0u64;
    for index in (0..WORDS).rev() {
        let partial = u128::from(window(index)) * u128::from(mantissa) + u128::from(carry);
        product[index] = partial as u64;
        carry = (partial >> 64) as u64;
    }
    // A fraction of a half or more counts from the next quarter turn backwards.
    let round_up = product[0] & (1 << 61) != 0;
    let mut quarters = (product[0] >> 62) as u32 + u32::from(round_up);
    product[0] &= (1 << 62) - 1;
    let mut weight = 4.0 / (1u128 << 64) as f64;
    let mut scales = [0.0; WORDS];
    for scale in &mut scales {
        *scale = weight;
        weight /= (1u128 << 64) as f64;
    }
    if round_up {
        // 2^254 − fraction, as the complement: exact before the conversion to floating point.
        let mut borrow = 1u64;
        for index in (0..WORDS).rev() {
            let (value, overflow) = (!product[index]).overflowing_add(borrow);
            product[index] = value;
            borrow = u64::from(overflow);
        }
        product[0] &= (1 << 62) - 1;
    }
    let mut fraction = DoubleDouble::ZERO;
    for (&word, &scale) in product.iter().zip(&scales).rev() {
        let (high, low) = ((word >> 32) as f64 * 4_294_967_296.0, (word & 0xffff_ffff) as f64);
        fraction = fraction + DoubleDouble::from(low * scale);
        fraction = fraction + DoubleDouble::from(high * scale);
    }
    if round_up {
        fraction = -fraction;
    }
    if x < 0.0 {
        quarters = 4u32.wrapping_sub(quarters);
        fraction = -fraction;
    }
    (quarters & 3, fraction)
}

/// The angle without its whole quarter turns.
fn reduce(x: DoubleDouble) -> Reduced {
    if x.hi.abs() < 0.78 {
        return Reduced { quarters: 0, rest: x };
    }
    let (mut quarters, mut fraction) = quarter_turns(x.hi);
    if x.lo.abs() < 0.5 {
        fraction = fraction + DoubleDouble::from(x.lo) / HALF_PI;
    } else {
        let (more_quarters, more) = quarter_turns(x.lo);
        quarters += more_quarters;
        fraction = fraction + more;
    }
    let whole = fraction.hi.round_ties_even();
    quarters = quarters.wrapping_add_signed(whole as i32);
    Reduced { quarters: quarters & 3, rest: fraction.plus(-whole) * HALF_PI }
}

/// Sine and cosine by their Taylor series, for |x| ≤ 0.8.
fn sine_and_cosine(x: DoubleDouble) -> (DoubleDouble, DoubleDouble) {
    let square = x.square();
    let series = |first: usize| {
        let mut sum = DoubleDouble::ZERO;
        for &coefficient in INVERSE_FACTORIAL[first..first + 28].iter().step_by(2).rev() {
            sum = coefficient - sum * square;
        }
        sum
    };
    // The leading term apart, so that its bits are not touched by the rounding of the others.
    let sine = x - x * square * series(3);
    let cosine = DoubleDouble::ONE - square * series(2);
    (sine, cosine)
}

/// Sine and cosine of a finite angle.
fn sin_cos(x: DoubleDouble) -> (DoubleDouble, DoubleDouble) {
    let Reduced { quarters, rest } = reduce(x);
    let (sine, cosine) = sine_and_cosine(rest);
    match quarters {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

pub(super) fn sin(x: DoubleDouble) -> DoubleDouble {
    match (x.is_finite(), x.is_zero()) {
        (false, _) => DoubleDouble::NAN,
        (_, true) => x,
        _ => sin_cos(x).0,
    }
}

pub(super) fn cos(x: DoubleDouble) -> DoubleDouble {
    if x.is_finite() { sin_cos(x).1 } else { DoubleDouble::NAN }
}

pub(super) fn tan(x: DoubleDouble) -> DoubleDouble {
    match (x.is_finite(), x.is_zero()) {
        (false, _) => DoubleDouble::NAN,
        (_, true) => x,
        _ => {
            let (sine, cosine) = sin_cos(x);
            sine / cosine
        }
    }
}

pub(super) fn asin(x: DoubleDouble) -> DoubleDouble {
    if x.is_zero() {
        return x;
    }
    atan2(x, leg(x))
}

pub(super) fn acos(x: DoubleDouble) -> DoubleDouble {
    if x == DoubleDouble::ONE { DoubleDouble::ZERO } else { atan2(leg(x), x) }
}

/// sqrt(1 − x²): the other leg of the triangle; NaN beyond ±1.
fn leg(x: DoubleDouble) -> DoubleDouble {
    ((DoubleDouble::ONE - x) * x.plus(1.0)).sqrt()
}

pub(super) fn atan2(y: DoubleDouble, x: DoubleDouble) -> DoubleDouble {
    if x.is_nan() || y.is_nan() {
        return DoubleDouble::NAN;
    }
    let angle = if y.is_zero() {
        if x.sign_bit() { PI } else { DoubleDouble::ZERO }
    } else if x.is_zero() {
        HALF_PI
    } else if y.hi.is_infinite() || x.hi.is_infinite() {
        match (y.hi.is_infinite(), x.hi.is_infinite(), x.sign_bit()) {
            (true, false, _) => HALF_PI,
            (true, true, false) => HALF_PI.times(0.5),
            (true, true, true) => HALF_PI.times(1.5),
            (_, _, false) => DoubleDouble::ZERO,
            (_, _, true) => PI,
        }
    } else {
        let acute = acute_angle(y.abs(), x.abs());
        if x.sign_bit() { PI - acute } else { acute }
    };
    angle.copysign(y)
}

/// The angle of a point of the first quadrant, by one step from the f64 result.
fn acute_angle(y: DoubleDouble, x: DoubleDouble) -> DoubleDouble {
    /// Where the square of the slope no longer counts.
    const FLAT: i32 = 56;
    let ((y_mantissa, y_exponent), (x_mantissa, x_exponent)) = (y.split_exponent(), x.split_exponent());
    let difference = y_exponent - x_exponent;
    if difference < -FLAT {
        return y / x;
    }
    if difference > FLAT {
        return HALF_PI - x / y;
    }
    let y = y_mantissa.times_power_of_two(difference);
    let start = DoubleDouble::from(libm::atan2(y.hi, x_mantissa.hi));
    let (sine, cosine) = sin_cos(start);
    // tan(angle − start); the cube of its 1e-16 is nothing.
    start + (y * cosine - x_mantissa * sine) / (x_mantissa * cosine + y * sine)
}

/// sin(πx) and cos(πx), exact at multiples of a half.
pub(super) fn sin_cos_of_pi(x: DoubleDouble) -> (DoubleDouble, DoubleDouble) {
    // Whole turns drop out exactly; then halves of the turn.
    let turn = x - (x.times(0.5)).round().times(2.0);
    let quarters = turn.times(2.0).round();
    let rest = turn - quarters.times(0.5);
    let (sine, cosine) = sine_and_cosine(rest * PI);
    match (quarters.hi as i32).rem_euclid(4) {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}
