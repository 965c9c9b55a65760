//! [`Lane`] of `f32`.

use super::Lane;

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

/// Functions computed in double precision and rounded once.
macro_rules! through_f64 {
    ($($name:ident)*) => {
        $(
            #[inline(always)]
            fn $name(self) -> f32 {
                Lane::$name(self as f64) as f32
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
        libm::nextafterf(self, towards)
    }
    #[inline(always)]
    fn pow(self, exponent: f32) -> f32 {
        Lane::pow(self as f64, exponent as f64) as f32
    }
    #[inline(always)]
    fn hypot(self, other: f32) -> f32 {
        // Squares of f32 neither overflow nor underflow in f64; the sum's error is below a 2⁻²⁸th of an f32 ULP.
        let (x, y) = (self as f64, other as f64);
        let length = (x * x + y * y).sqrt() as f32;
        let infinite = self.abs() == f32::INFINITY || other.abs() == f32::INFINITY;
        Self::select(infinite, f32::INFINITY, length)
    }
    #[inline(always)]
    fn atan2(self, x: f32) -> f32 {
        Lane::atan2(self as f64, x as f64) as f32
    }
    functions! {
        abs = f32::abs;
        floor = f32::floor;
        ceil = f32::ceil;
        trunc = f32::trunc;
        round = f32::round_ties_even;
        sqrt = f32::sqrt;
    }
    through_f64! {
        exp exp2 expm1 log log2 log10 log1p cbrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
        sigmoid erf erfc erfinv lgamma digamma trigamma i0 i1
    }
}
