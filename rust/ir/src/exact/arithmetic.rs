//! The four operations, roots, remainders and scaling by powers of two.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::DoubleDouble;
use crate::lanes::Lane;

/// Products below this lose bits of their error term to underflow.
const SMALL: f64 = f64::from_bits((1023 - 900) << 52);

/// 2^exponent, for exponents of normal numbers.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The exact sum as the rounded one and its error.
pub(super) fn two_sum(a: f64, b: f64) -> DoubleDouble {
    let hi = a + b;
    let shadow = hi - a;
    DoubleDouble { hi, lo: (a - (hi - shadow)) + (b - shadow) }
}

/// As [`two_sum`], where a is the larger or 0.
fn quick_two_sum(a: f64, b: f64) -> DoubleDouble {
    let hi = a + b;
    DoubleDouble { hi, lo: b - (hi - a) }
}

/// The exact product.
pub(super) fn two_product(a: f64, b: f64) -> DoubleDouble {
    let hi = a * b;
    DoubleDouble { hi, lo: a.mul_add(b, -hi) }
}

/// A result whose parts are settled; infinities, NaN and zeros have no second part.
fn settled(plain: f64, exact: impl FnOnce() -> DoubleDouble) -> DoubleDouble {
    if plain == 0.0 || !plain.is_finite() {
        return DoubleDouble::from(plain);
    }
    let result = exact();
    if result.hi.is_finite() && result.hi != 0.0 { result } else { DoubleDouble::from(result.hi) }
}

impl Neg for DoubleDouble {
    type Output = DoubleDouble;
    fn neg(self) -> DoubleDouble {
        DoubleDouble { hi: -self.hi, lo: -self.lo }
    }
}

impl Add for DoubleDouble {
    type Output = DoubleDouble;
    fn add(self, other: DoubleDouble) -> DoubleDouble {
        let plain = self.hi + other.hi;
        if !plain.is_finite() || (plain == 0.0 && self.lo == 0.0 && other.lo == 0.0) {
            return DoubleDouble::from(plain);
        }
        let high = two_sum(self.hi, other.hi);
        let low = two_sum(self.lo, other.lo);
        let sum = quick_two_sum(high.hi, high.lo + low.hi);
        quick_two_sum(sum.hi, sum.lo + low.lo)
    }
}

impl Sub for DoubleDouble {
    type Output = DoubleDouble;
    fn sub(self, other: DoubleDouble) -> DoubleDouble {
        self + -other
    }
}

impl Mul for DoubleDouble {
    type Output = DoubleDouble;
    fn mul(self, other: DoubleDouble) -> DoubleDouble {
        let plain = self.hi * other.hi;
        if plain.abs() < SMALL && !self.is_zero() && !other.is_zero() {
            let ((a, a_exponent), (b, b_exponent)) = (self.split_exponent(), other.split_exponent());
            return multiply(a, b).times_power_of_two(a_exponent + b_exponent);
        }
        settled(plain, || multiply(self, other))
    }
}

fn multiply(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    let product = two_product(a.hi, b.hi);
    quick_two_sum(product.hi, product.lo + (a.hi * b.lo + a.lo * b.hi))
}

impl Div for DoubleDouble {
    type Output = DoubleDouble;
    fn div(self, other: DoubleDouble) -> DoubleDouble {
        let plain = self.hi / other.hi;
        let degenerate = self.is_zero() || other.is_zero() || !self.is_finite() || !other.is_finite();
        if degenerate {
            return DoubleDouble::from(plain);
        }
        let in_range = |x: f64| x.abs() > SMALL && x.abs() < 1.0 / SMALL;
        if in_range(plain) && in_range(self.hi) && in_range(other.hi) {
            return divide(self, other);
        }
        let ((a, a_exponent), (b, b_exponent)) = (self.split_exponent(), other.split_exponent());
        divide(a, b).times_power_of_two(a_exponent - b_exponent)
    }
}

fn divide(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    let first = a.hi / b.hi;
    let rest = a - multiply(b, DoubleDouble::from(first));
    let second = rest.hi / b.hi;
    let rest = rest - multiply(b, DoubleDouble::from(second));
    let third = rest.hi / b.hi;
    quick_two_sum(first, second) + DoubleDouble::from(third)
}

impl DoubleDouble {
    /// A product with an `f64`.
    pub(super) fn times(self, factor: f64) -> DoubleDouble {
        self * DoubleDouble::from(factor)
    }

    /// A sum with an `f64`.
    pub(super) fn plus(self, term: f64) -> DoubleDouble {
        self + DoubleDouble::from(term)
    }

    /// A quotient by an `f64`.
    pub(super) fn over(self, divisor: f64) -> DoubleDouble {
        self / DoubleDouble::from(divisor)
    }

    /// One divided by the number.
    pub(super) fn reciprocal(self) -> DoubleDouble {
        DoubleDouble::ONE / self
    }

    /// The square.
    pub(super) fn square(self) -> DoubleDouble {
        self * self
    }

    /// The number as m · 2^e with m from 1 to 2; it must be finite and not 0.
    pub(super) fn split_exponent(self) -> (DoubleDouble, i32) {
        let (normal, shift) = if self.hi.abs() < SMALL {
            let up = power_of_two(200);
            (DoubleDouble { hi: self.hi * up, lo: self.lo * up }, -200)
        } else {
            (self, 0)
        };
        let exponent = ((normal.hi.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        // The largest exponents have no reciprocal power among normal numbers: two factors.
        let (first, second) = (power_of_two(-(exponent / 2)), power_of_two(exponent / 2 - exponent));
        let mantissa = DoubleDouble { hi: normal.hi * first * second, lo: normal.lo * first * second };
        (mantissa, exponent + shift)
    }

    /// The number times 2^exponent, rounded once where the result is subnormal.
    pub(super) fn times_power_of_two(self, exponent: i32) -> DoubleDouble {
        if self.is_zero() || !self.is_finite() {
            return self;
        }
        let (mantissa, own_exponent) = self.split_exponent();
        let total = own_exponent + exponent;
        if total > 1024 {
            return DoubleDouble::INFINITY.copysign(self);
        }
        if total < -1080 {
            return DoubleDouble::ZERO.copysign(self);
        }
        if total >= -1022 {
            let (first, second) = (power_of_two(total / 2), power_of_two(total - total / 2));
            let hi = mantissa.hi * first * second;
            return DoubleDouble { hi, lo: if hi.is_finite() { mantissa.lo * first * second } else { 0.0 } };
        }
        // Round at 2^-1074 while there are bits to see where the rest lies.
        let units = mantissa.hi * power_of_two(total + 1074);
        let mut whole = units.round_ties_even();
        if (units - units.trunc()).abs() == 0.5 && mantissa.lo != 0.0 {
            whole = if mantissa.lo > 0.0 { units.ceil() } else { units.floor() };
        }
        DoubleDouble::from((whole * f64::from_bits(1)).copysign(self.hi))
    }

    /// The square root.
    pub(super) fn square_root(self) -> DoubleDouble {
        if self.is_zero() || !self.is_finite() || self.sign_bit() {
            return DoubleDouble::from(self.hi.sqrt());
        }
        let (mantissa, exponent) = self.split_exponent();
        let odd = exponent.rem_euclid(2);
        let scaled = mantissa.times(f64::from(1 + odd));
        let root = scaled.hi.sqrt();
        let rest = scaled - two_product(root, root);
        let correction = rest.hi / (2.0 * root);
        let first = quick_two_sum(root, correction);
        // A second step of Newton's method, for the bits that an f64 correction cannot hold.
        let rest = scaled - first.square();
        (first + rest.over(2.0 * root)).times_power_of_two((exponent - odd) / 2)
    }

    /// The cube root.
    pub(super) fn cube_root(self) -> DoubleDouble {
        if self.is_zero() || !self.is_finite() {
            return self;
        }
        let (mantissa, exponent) = self.split_exponent();
        let remainder = exponent.rem_euclid(3);
        let scaled = mantissa.times(f64::from(1 << remainder));
        let root = DoubleDouble::from(libm::cbrt(scaled.hi));
        let step = (scaled - root.square() * root) / root.square().times(3.0);
        // Newton's step and the next term of its series: step²/root.
        let refined = root + step - step.square() / root;
        refined.times_power_of_two((exponent - remainder) / 3)
    }

    /// `sqrt(self² + other²)`.
    pub(super) fn hypotenuse(self, other: DoubleDouble) -> DoubleDouble {
        if self.hi.is_infinite() || other.hi.is_infinite() {
            return DoubleDouble::INFINITY;
        }
        let (a, b) = (self.abs(), other.abs());
        if a.is_zero() || b.is_zero() || a.is_nan() || b.is_nan() {
            return a + b;
        }
        let (larger, smaller) = if a > b { (a, b) } else { (b, a) };
        let (mantissa, exponent) = larger.split_exponent();
        let scaled = smaller.times_power_of_two(-exponent);
        (mantissa.square() + scaled.square()).square_root().times_power_of_two(exponent)
    }

    /// C's `fmod`: exact for operands that are `f64`, else to within the rounding of the subtractions.
    pub(super) fn remainder(self, divisor: DoubleDouble) -> DoubleDouble {
        if (self.lo == 0.0 && divisor.lo == 0.0) || !self.is_finite() || !divisor.is_finite() {
            return if self.is_finite() && divisor.hi.is_infinite() {
                self
            } else {
                DoubleDouble::from(self.hi % divisor.hi)
            };
        }
        let divisor = divisor.abs();
        let mut rest = self.abs();
        while rest >= divisor {
            let (_, rest_exponent) = rest.split_exponent();
            let (_, divisor_exponent) = divisor.split_exponent();
            let mut multiple = divisor.times_power_of_two(rest_exponent - divisor_exponent);
            if multiple > rest {
                multiple = multiple.times(0.5);
            }
            rest = rest - multiple;
        }
        rest.copysign(self)
    }
}
