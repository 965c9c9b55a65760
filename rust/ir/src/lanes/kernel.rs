//! What the shared algorithms need of a lane beyond arithmetic: its bits and its coefficients.
#![allow(clippy::excessive_precision, reason = "coefficients keep the digits of their fit")]

use super::Lane;

/// A polynomial by Horner's rule with fused multiply-adds, coefficients of the highest power first.
macro_rules! polynomial {
    ($x:expr; $first:expr $(, $rest:expr)* $(,)?) => {{
        let x = $x;
        let sum = $first;
        $(let sum = $crate::lanes::Lane::mul_add(sum, x, $rest);)*
        sum
    }};
}
pub(super) use polynomial;

/// A [`Lane`] with access to its exponent and with polynomials fitted to its precision.
///
/// The polynomials interpolate at Chebyshev nodes (computed with 60 digits, then rounded), which comes within a
/// small factor of the minimax error.
pub(super) trait Kernel: Lane {
    /// The upper bits of ln 2, so few that a product with an exponent is exact.
    const LN2_HIGH: Self;
    /// ln 2 − `LN2_HIGH`.
    const LN2_LOW: Self;
    /// The upper bits of log₁₀ 2, so few that a product with an exponent is exact.
    const LOG10_2_HIGH: Self;
    /// log₁₀ 2 − `LOG10_2_HIGH`.
    const LOG10_2_LOW: Self;
    /// 1 / ln 2 and the part of it that the first lacks.
    const INVERSE_LN2: (Self, Self);
    /// 1 / ln 10 and the part of it that the first lacks.
    const INVERSE_LN10: (Self, Self);
    /// `exp` is 0 below and infinite above.
    const EXP_RANGE: (Self, Self);
    /// `exp2` is 0 below and infinite above.
    const EXP2_RANGE: (Self, Self);
    /// tanh is ±1 beyond, and exp(−x) vanishes beside 1 beyond.
    const SATURATION: Self;
    /// An exponent by which the result of any exponential becomes a normal number.
    const LIFT: i32;
    /// What leaves an integer, added to it, in the low bits with the exponents' bias: 1.5 · 2ᵐ + bias for a mantissa of
    /// m bits.
    const SHIFT: Self;

    /// 2ⁿ⁺ᵏ from `shifted` = n + [`Kernel::SHIFT`]; n + k must be the exponent of a normal number.
    fn shifted_power_of_two(shifted: Self, k: i32) -> Self;
    /// 2 to the power of the integer `n`, which must be the exponent of a normal number.
    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        Self::shifted_power_of_two(n + Self::SHIFT, 0)
    }
    /// A positive finite `self` as (f, k) where self = 2ᵏ (1 + f) and √½ ≤ 1 + f < √2.
    fn split(self) -> (Self, Self);
    /// (exp(r) − 1 − r) / r² for |r| ≤ ln 2 / 2.
    fn exp_polynomial(r: Self) -> Self;
    /// (2 atanh(s) / s − 2) / s² of z = s² for |s| ≤ 3 − 2√2.
    fn log_polynomial(z: Self) -> Self;

    /// `self` · 2ⁿ with one rounding, for an n of twice the exponents' range.
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        let half = (n * Self::constant(0.5)).floor();
        self * Self::power_of_two(half) * Self::power_of_two(n - half)
    }
    /// 2⁻ᴸ for L = [`Kernel::LIFT`].
    #[inline(always)]
    fn lowered() -> Self {
        Self::shifted_power_of_two(Self::SHIFT, -Self::LIFT)
    }
    /// `self` within `range`; NaN stays.
    #[inline(always)]
    fn clamp(self, range: (Self, Self)) -> Self {
        let x = Self::select(self < range.0, range.0, self);
        Self::select(x > range.1, range.1, x)
    }
}

impl Kernel for f32 {
    const LN2_HIGH: f32 = 0.693_138_1;
    const LN2_LOW: f32 = 9.058_000_6e-6;
    const LOG10_2_HIGH: f32 = 0.301_025_4;
    const LOG10_2_LOW: f32 = 4.605_038_981e-6;
    const INVERSE_LN2: (f32, f32) = (std::f32::consts::LOG2_E, 1.9259629911266175e-8);
    const INVERSE_LN10: (f32, f32) = (std::f32::consts::LOG10_E, -1.0103050052231683e-8);
    const EXP_RANGE: (f32, f32) = (-104.0, 89.0);
    const EXP2_RANGE: (f32, f32) = (-151.0, 129.0);
    const SATURATION: f32 = 18.0;
    const LIFT: i32 = 63;
    const SHIFT: f32 = 12_582_912.0 + 127.0;

    #[inline(always)]
    fn shifted_power_of_two(shifted: f32, k: i32) -> f32 {
        // The shift drops all but the low bits.
        f32::from_bits(shifted.to_bits().wrapping_add(k as u32) << 23)
    }
    #[inline(always)]
    fn split(self) -> (f32, f32) {
        const ROOT_HALF: u32 = 0x3f35_04f3;
        let subnormal = self < f32::MIN_POSITIVE;
        let x = Self::select(subnormal, self * 33_554_432.0, self);
        let bits = x.to_bits().wrapping_add(0x3f80_0000 - ROOT_HALF);
        let mantissa = f32::from_bits((bits & 0x007f_ffff) + ROOT_HALF);
        let exponent = f32::from_bits((bits >> 23) | 0x4b00_0000) - (8_388_608.0 + 127.0);
        (mantissa - 1.0, exponent - Self::select(subnormal, 25.0, 0.0))
    }
    #[inline(always)]
    fn exp_polynomial(r: f32) -> f32 {
        // After Estrin: a shorter chain of operations that wait for each other than Horner's.
        let square = r * r;
        let high =
            square.mul_add(0.0013926250831497611f32, r.mul_add(0.008363232883682618, 0.04166655421298415));
        square.mul_add(high, r.mul_add(0.16666576666119928, 0.5))
    }
    #[inline(always)]
    fn log_polynomial(z: f32) -> f32 {
        polynomial!(z; 0.233305624972363f32, 0.2855081731423506, 0.4000012187067328, 0.6666666655445935)
    }
}

impl Kernel for f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const LOG10_2_HIGH: f64 = 0.301029995663157;
    const LOG10_2_LOW: f64 = 8.241712586023572e-13;
    const INVERSE_LN2: (f64, f64) = (std::f64::consts::LOG2_E, 2.0355273740931033e-17);
    const INVERSE_LN10: (f64, f64) = (std::f64::consts::LOG10_E, 1.098319650216765e-17);
    const EXP_RANGE: (f64, f64) = (-746.0, 710.0);
    const EXP2_RANGE: (f64, f64) = (-1076.0, 1025.0);
    const SATURATION: f64 = 38.0;
    const LIFT: i32 = 511;
    const SHIFT: f64 = 6_755_399_441_055_744.0 + 1023.0;

    #[inline(always)]
    fn shifted_power_of_two(shifted: f64, k: i32) -> f64 {
        // The shift drops all but the low bits.
        f64::from_bits(shifted.to_bits().wrapping_add(i64::from(k) as u64) << 52)
    }
    #[inline(always)]
    fn split(self) -> (f64, f64) {
        const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
        let subnormal = self < f64::MIN_POSITIVE;
        let x = Self::select(subnormal, self * 18_014_398_509_481_984.0, self);
        let bits = x.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - ROOT_HALF);
        let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + ROOT_HALF);
        let exponent =
            f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
        (mantissa - 1.0, exponent - Self::select(subnormal, 54.0, 0.0))
    }
    #[inline(always)]
    fn exp_polynomial(r: f64) -> f64 {
        polynomial!(r;
            2.09147553258932e-09, 2.5105312729622103e-08, 2.755727347871858e-07, 2.755725517000089e-06,
            2.480158732567746e-05, 0.0001984126987500228, 0.0013888888888883711, 0.008333333333326084,
            0.04166666666666667, 0.1666666666666667, 0.5)
    }
    #[inline(always)]
    fn log_polynomial(z: f64) -> f64 {
        polynomial!(z;
            0.13086743139119072, 0.13268761951330021, 0.1538624012056702, 0.18181795632452163,
            0.222222223917858, 0.2857142857080329, 0.4000000000000088, 0.6666666666666666)
    }
}
