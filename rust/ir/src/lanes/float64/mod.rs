//! [`Lane`] of `f64`.
//!
//! Trigonometric functions, powers, roots and the error and gamma functions call the `libm` crate: portable Rust
//! with errors below 1 ULP (2 for `lgamma` away from its zeros), at the cost of running one lane at a time.

mod special;

use super::{Lane, exponential, hyperbolic, logarithm};

macro_rules! functions {
    ($($name:ident = $path:path;)*) => {
        $(
            #[inline(always)]
            fn $name(self) -> f64 {
                $path(self)
            }
        )*
    };
}

impl Lane for f64 {
    const INFINITY: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    const EPSILON: f64 = f64::EPSILON;
    const MAX: f64 = f64::MAX;

    #[inline(always)]
    fn constant(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn select(condition: bool, yes: f64, no: f64) -> f64 {
        if condition { yes } else { no }
    }
    #[inline(always)]
    fn mul_add(self, factor: f64, term: f64) -> f64 {
        f64::mul_add(self, factor, term)
    }
    #[inline(always)]
    fn copysign(self, sign: f64) -> f64 {
        f64::copysign(self, sign)
    }
    #[inline(always)]
    fn sign_bit(self) -> bool {
        self.is_sign_negative()
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
    #[inline(always)]
    fn fmod(self, divisor: f64) -> f64 {
        self % divisor
    }
    #[inline(always)]
    fn nextafter(self, towards: f64) -> f64 {
        // The bits of a positive number count upwards; from 0 the step is to the least subnormal.
        let away = (towards > self) == (self > 0.0);
        let bits = self.to_bits();
        let moved = f64::from_bits(if away { bits.wrapping_add(1) } else { bits.wrapping_sub(1) });
        let moved = Self::select(self == 0.0, f64::from_bits(1).copysign(towards), moved);
        let moved = Self::select(self == towards, towards, moved);
        Self::select(self.is_nan() | towards.is_nan(), f64::NAN, moved)
    }
    #[inline(always)]
    fn pow(self, exponent: f64) -> f64 {
        libm::pow(self, exponent)
    }
    #[inline(always)]
    fn hypot(self, other: f64) -> f64 {
        libm::hypot(self, other)
    }
    #[inline(always)]
    fn atan2(self, x: f64) -> f64 {
        libm::atan2(self, x)
    }
    functions! {
        abs = f64::abs;
        floor = f64::floor;
        ceil = f64::ceil;
        trunc = f64::trunc;
        round = f64::round_ties_even;
        sqrt = f64::sqrt;
        exp = exponential::exp;
        exp_decay = exponential::exp_decay;
        exp2 = exponential::exp2;
        expm1 = exponential::expm1;
        log = logarithm::log;
        log2 = logarithm::log2;
        log10 = logarithm::log10;
        log1p = logarithm::log1p;
        cbrt = libm::cbrt;
        sin = libm::sin;
        cos = libm::cos;
        tan = libm::tan;
        asin = libm::asin;
        acos = libm::acos;
        atan = libm::atan;
        sinh = hyperbolic::sinh;
        cosh = hyperbolic::cosh;
        tanh = hyperbolic::tanh;
        asinh = hyperbolic::asinh;
        acosh = hyperbolic::acosh;
        atanh = hyperbolic::atanh;
        sigmoid = exponential::sigmoid;
        erf = libm::erf;
        erfc = libm::erfc;
        ndtr = special::ndtr;
        normal_pdf = special::normal_pdf;
        erfinv = special::erfinv;
        lgamma = libm::lgamma;
        digamma = special::digamma;
        trigamma = special::trigamma;
        i0 = special::i0;
        i1 = special::i1;
    }
}
