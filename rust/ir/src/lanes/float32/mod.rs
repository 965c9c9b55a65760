//! [`Lane`] of `f32`.

mod normal;
mod power;
mod special;
mod trigonometric;

use super::{Lane, exponential, hyperbolic, logarithm};

macro_rules! functions {
    ($($name:ident = $path:path;)*) => {
        $(
            #[inline(always)]
            fn $name(self) -> f32 {
                $path(self)
            }
        )*
    };
}

impl Lane for f32 {
    const INFINITY: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    const EPSILON: f32 = f32::EPSILON;
    const MAX: f32 = f32::MAX;

    #[inline(always)]
    fn constant(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn select(condition: bool, yes: f32, no: f32) -> f32 {
        if condition { yes } else { no }
    }
    #[inline(always)]
    fn mul_add(self, factor: f32, term: f32) -> f32 {
        f32::mul_add(self, factor, term)
    }
    #[inline(always)]
    fn copysign(self, sign: f32) -> f32 {
        f32::copysign(self, sign)
    }
    #[inline(always)]
    fn sign_bit(self) -> bool {
        self.is_sign_negative()
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
    #[inline(always)]
    fn fmod(self, divisor: f32) -> f32 {
        self % divisor
    }
    #[inline(always)]
    fn nextafter(self, towards: f32) -> f32 {
        // The bits of a positive number count upwards; from 0 the step is to the least subnormal.
        let away = (towards > self) == (self > 0.0);
        let bits = self.to_bits();
        let moved = f32::from_bits(if away { bits.wrapping_add(1) } else { bits.wrapping_sub(1) });
        let moved = Self::select(self == 0.0, f32::from_bits(1).copysign(towards), moved);
        let moved = Self::select(self == towards, towards, moved);
        Self::select(self.is_nan() | towards.is_nan(), f32::NAN, moved)
    }
    #[inline(always)]
    fn pow(self, exponent: f32) -> f32 {
        power::pow(self, exponent)
    }
    #[inline(always)]
    fn hypot(self, other: f32) -> f32 {
        power::hypot(self, other)
    }
    #[inline(always)]
    fn atan2(self, x: f32) -> f32 {
        trigonometric::atan2(self, x)
    }
    functions! {
        abs = f32::abs;
        floor = f32::floor;
        ceil = f32::ceil;
        trunc = f32::trunc;
        round = f32::round_ties_even;
        sqrt = f32::sqrt;
        exp = exponential::exp;
        exp_decay = exponential::exp_decay;
        exp2 = exponential::exp2;
        expm1 = exponential::expm1;
        sigmoid = exponential::sigmoid;
        log = logarithm::log;
        log2 = logarithm::log2;
        log10 = logarithm::log10;
        log1p = logarithm::log1p;
        sinh = hyperbolic::sinh;
        cosh = hyperbolic::cosh;
        tanh = hyperbolic::tanh;
        asinh = hyperbolic::asinh;
        acosh = hyperbolic::acosh;
        atanh = hyperbolic::atanh;
        cbrt = power::cbrt;
        sin = trigonometric::sin;
        cos = trigonometric::cos;
        tan = trigonometric::tan;
        asin = trigonometric::asin;
        acos = trigonometric::acos;
        atan = trigonometric::atan;
        erf = special::erf;
        erfc = special::erfc;
        ndtr = normal::ndtr;
        normal_pdf = normal::normal_pdf;
        erfinv = special::erfinv;
        lgamma = special::lgamma;
        digamma = special::digamma;
        trigamma = special::trigamma;
        i0 = special::i0;
        i1 = special::i1;
    }
}
