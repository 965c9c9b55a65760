//! Exact functions: what every scalar operation must give, to some 30 digits.
//!
//! A [`DoubleDouble`] is the unevaluated sum of two `f64`, about 106 bits. It is a [`Lane`], so that the reference
//! interpreter evaluates the very bodies of the operation table with it, and rounds the result once. The arithmetic is
//! Dekker's (1971) and Knuth's; see also Hida, Li and Bailey, "Library for double-double and quad-double
//! arithmetic" (2007). Functions take the argument apart exactly, and end in a Taylor series or one step of Newton's
//! method from the f64 result.
//!
//! Accuracy: a relative error of 1e-28 or less, but for `lgamma`, `digamma` and `trigamma` of negative numbers and
//! near the zeros of `digamma`, where that bound is absolute. Below 1e-290 the second `f64` loses its bits to
//! underflow; rounding to f64 stays right to within one step.

mod arithmetic;
mod bessel;
mod constants;
mod error_function;
mod exponential;
mod gamma;
mod rounding;
mod trigonometric;

use crate::lanes::Lane;

/// A number as the unevaluated sum of two `f64`, the second at most half an ULP of the first.
///
/// Infinities, NaN and the sign of zero are those of the first part; the second is then 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct DoubleDouble {
    hi: f64,
    lo: f64,
}

impl DoubleDouble {
    /// Zero.
    pub const ZERO: DoubleDouble = DoubleDouble::from_parts(0.0, 0.0);
    /// One.
    pub const ONE: DoubleDouble = DoubleDouble::from_parts(1.0, 0.0);

    /// A number from its parts, of which the second must be at most half an ULP of the first.
    pub const fn from_parts(hi: f64, lo: f64) -> DoubleDouble {
        DoubleDouble { hi, lo }
    }

    /// The nearest `f64`.
    pub fn hi(self) -> f64 {
        self.hi
    }

    /// What the nearest `f64` lacks.
    pub fn lo(self) -> f64 {
        self.lo
    }

    fn is_zero(self) -> bool {
        self.hi == 0.0
    }
}

impl From<f64> for DoubleDouble {
    fn from(value: f64) -> DoubleDouble {
        DoubleDouble { hi: value, lo: 0.0 }
    }
}

impl From<f32> for DoubleDouble {
    fn from(value: f32) -> DoubleDouble {
        DoubleDouble::from(f64::from(value))
    }
}

impl Lane for DoubleDouble {
    const INFINITY: DoubleDouble = DoubleDouble::from_parts(f64::INFINITY, 0.0);
    const NAN: DoubleDouble = DoubleDouble::from_parts(f64::NAN, 0.0);
    /// 2^-105: smaller steps exist, but results are not accurate to them.
    const EPSILON: DoubleDouble = DoubleDouble::from_parts(f64::from_bits((1023 - 105) << 52), 0.0);
    const MAX: DoubleDouble = DoubleDouble::from_parts(f64::MAX, 0.0);

    /// The number that `value` stands for: π where it is the `f64` nearest to π (likewise multiples of π and
    /// logarithms that bodies use), and `value` itself otherwise.
    fn constant(value: f64) -> DoubleDouble {
        let named = |magnitude: f64| constants::NAMED.iter().find(|named| named.0 == magnitude);
        match named(value.abs()) {
            Some(&(hi, lo)) if value < 0.0 => DoubleDouble { hi: -hi, lo: -lo },
            Some(&(hi, lo)) => DoubleDouble { hi, lo },
            None => DoubleDouble::from(value),
        }
    }

    fn select(condition: bool, yes: DoubleDouble, no: DoubleDouble) -> DoubleDouble {
        if condition { yes } else { no }
    }

    /// Two roundings, each below 2^-104; for `f64` operands the product is exact.
    fn mul_add(self, factor: DoubleDouble, term: DoubleDouble) -> DoubleDouble {
        self * factor + term
    }

    fn abs(self) -> DoubleDouble {
        if self.sign_bit() { -self } else { self }
    }

    fn copysign(self, sign: DoubleDouble) -> DoubleDouble {
        if self.sign_bit() == sign.sign_bit() { self } else { -self }
    }

    fn sign_bit(self) -> bool {
        self.hi.is_sign_negative()
    }

    fn is_nan(self) -> bool {
        self.hi.is_nan()
    }

    fn is_finite(self) -> bool {
        self.hi.is_finite()
    }

    fn floor(self) -> DoubleDouble {
        self.rounded_by(f64::floor)
    }

    fn ceil(self) -> DoubleDouble {
        self.rounded_by(f64::ceil)
    }

    fn trunc(self) -> DoubleDouble {
        if self.sign_bit() { self.ceil() } else { self.floor() }
    }

    fn round(self) -> DoubleDouble {
        self.round_half_even()
    }

    fn sqrt(self) -> DoubleDouble {
        self.square_root()
    }

    /// The next `f64`: neighbours depend on the width, so that other widths have no oracle here.
    fn nextafter(self, towards: DoubleDouble) -> DoubleDouble {
        DoubleDouble::from(libm::nextafter(self.hi, towards.hi))
    }

    fn fmod(self, divisor: DoubleDouble) -> DoubleDouble {
        self.remainder(divisor)
    }

    fn exp(self) -> DoubleDouble {
        exponential::exp(self)
    }
    fn exp2(self) -> DoubleDouble {
        exponential::exp2(self)
    }
    fn expm1(self) -> DoubleDouble {
        exponential::expm1(self)
    }
    fn log(self) -> DoubleDouble {
        exponential::log(self)
    }
    fn log2(self) -> DoubleDouble {
        exponential::log2(self)
    }
    fn log10(self) -> DoubleDouble {
        exponential::log10(self)
    }
    fn log1p(self) -> DoubleDouble {
        exponential::log1p(self)
    }
    fn pow(self, exponent: DoubleDouble) -> DoubleDouble {
        exponential::pow(self, exponent)
    }
    fn cbrt(self) -> DoubleDouble {
        self.cube_root()
    }
    fn hypot(self, other: DoubleDouble) -> DoubleDouble {
        self.hypotenuse(other)
    }
    fn sin(self) -> DoubleDouble {
        trigonometric::sin(self)
    }
    fn cos(self) -> DoubleDouble {
        trigonometric::cos(self)
    }
    fn tan(self) -> DoubleDouble {
        trigonometric::tan(self)
    }
    fn asin(self) -> DoubleDouble {
        trigonometric::asin(self)
    }
    fn acos(self) -> DoubleDouble {
        trigonometric::acos(self)
    }
    fn atan(self) -> DoubleDouble {
        trigonometric::atan2(self, DoubleDouble::ONE)
    }
    fn atan2(self, x: DoubleDouble) -> DoubleDouble {
        trigonometric::atan2(self, x)
    }
    fn sinh(self) -> DoubleDouble {
        exponential::sinh(self)
    }
    fn cosh(self) -> DoubleDouble {
        exponential::cosh(self)
    }
    fn tanh(self) -> DoubleDouble {
        exponential::tanh(self)
    }
    fn asinh(self) -> DoubleDouble {
        exponential::asinh(self)
    }
    fn acosh(self) -> DoubleDouble {
        exponential::acosh(self)
    }
    fn atanh(self) -> DoubleDouble {
        exponential::atanh(self)
    }
    fn sigmoid(self) -> DoubleDouble {
        exponential::sigmoid(self)
    }
    fn erf(self) -> DoubleDouble {
        error_function::erf(self)
    }
    fn erfc(self) -> DoubleDouble {
        error_function::erfc(self)
    }
    fn ndtr(self) -> DoubleDouble {
        error_function::ndtr(self)
    }
    fn normal_pdf(self) -> DoubleDouble {
        error_function::normal_pdf(self)
    }
    fn erfinv(self) -> DoubleDouble {
        error_function::erfinv(self)
    }
    fn lgamma(self) -> DoubleDouble {
        gamma::lgamma(self)
    }
    fn digamma(self) -> DoubleDouble {
        gamma::digamma(self)
    }
    fn trigamma(self) -> DoubleDouble {
        gamma::trigamma(self)
    }
    fn i0(self) -> DoubleDouble {
        bessel::i0(self)
    }
    fn i1(self) -> DoubleDouble {
        bessel::i1(self)
    }
}
