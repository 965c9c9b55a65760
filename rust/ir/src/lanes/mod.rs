//! The numbers that bodies of the operation table compute with.
//!
//! A body is straight-line code over one [`Lane`]: no branch, no table, no call that does not inline.
//! `cpu` instantiates each body in a plain loop per SIMD tier, and the compiler widens the loop to whole
//! vectors. Every operation is a correctly rounded IEEE one and a fused multiply-add happens only where
//! `mul_add` is written, so the widened loop gives the same bits on every tier.

pub mod cast;
pub mod complex;
mod exponential;
mod float32;
mod float64;
mod hyperbolic;
pub mod integer;
mod kernel;
mod logarithm;

use std::ops::{Add, Div, Mul, Neg, Sub};

/// One lane of a vector of real numbers: `f32` or `f64`.
///
/// Transcendental functions state their accuracy in ULP beside their code in `float32` and `float64`.
pub trait Lane:
    Copy
    + PartialEq
    + PartialOrd
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// Positive infinity.
    const INFINITY: Self;
    /// A quiet NaN.
    const NAN: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The largest finite number.
    const MAX: Self;

    /// The constant nearest to `value`.
    fn constant(value: f64) -> Self;
    /// `if condition { yes } else { no }`, written so that it compiles to a blend.
    fn select(condition: bool, yes: Self, no: Self) -> Self;
    /// `self * factor + term` with one rounding.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The magnitude (clears the sign bit, of NaN too).
    fn abs(self) -> Self;
    /// The magnitude of `self` with the sign bit of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// True where the sign bit is set (−0 and negative NaN included).
    fn sign_bit(self) -> bool;
    /// True for NaN.
    fn is_nan(self) -> bool;
    /// True for neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Rounds down.
    fn floor(self) -> Self;
    /// Rounds up.
    fn ceil(self) -> Self;
    /// Rounds towards zero.
    fn trunc(self) -> Self;
    /// Rounds to nearest, ties to even.
    fn round(self) -> Self;
    /// The square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// The next representable number after `self` in the direction of `towards`.
    fn nextafter(self, towards: Self) -> Self;
    /// C's `fmod`: `self - trunc(self / divisor) * divisor`, exact, sign of `self`.
    fn fmod(self, divisor: Self) -> Self;

    /// e to the power `self`.
    fn exp(self) -> Self;
    /// e to the power `self` ≤ 40, the same bits as `exp` with fewer instructions.
    fn exp_decay(self) -> Self {
        self.exp()
    }
    /// 2 to the power `self`.
    fn exp2(self) -> Self;
    /// e to the power `self`, minus 1, accurate near 0.
    fn expm1(self) -> Self;
    /// Natural logarithm.
    fn log(self) -> Self;
    /// Logarithm to base 2.
    fn log2(self) -> Self;
    /// Logarithm to base 10.
    fn log10(self) -> Self;
    /// Natural logarithm of 1 + `self`, accurate near 0.
    fn log1p(self) -> Self;
    /// `self` to the power `exponent`, with C's `pow` special cases.
    fn pow(self, exponent: Self) -> Self;
    /// The cube root.
    fn cbrt(self) -> Self;
    /// `sqrt(self² + other²)` without overflow or underflow.
    fn hypot(self, other: Self) -> Self;
    /// Sine of an angle in radians.
    fn sin(self) -> Self;
    /// Cosine of an angle in radians.
    fn cos(self) -> Self;
    /// Tangent of an angle in radians.
    fn tan(self) -> Self;
    /// Inverse sine.
    fn asin(self) -> Self;
    /// Inverse cosine.
    fn acos(self) -> Self;
    /// Inverse tangent.
    fn atan(self) -> Self;
    /// The angle of the point (`x`, `self`), with C's `atan2` special cases.
    fn atan2(self, x: Self) -> Self;
    /// Hyperbolic sine.
    fn sinh(self) -> Self;
    /// Hyperbolic cosine.
    fn cosh(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Inverse hyperbolic sine.
    fn asinh(self) -> Self;
    /// Inverse hyperbolic cosine.
    fn acosh(self) -> Self;
    /// Inverse hyperbolic tangent.
    fn atanh(self) -> Self;
    /// The logistic function 1 / (1 + exp(−x)).
    fn sigmoid(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// 1 − erf(x), accurate for large x.
    fn erfc(self) -> Self;
    /// The distribution function of the standard normal distribution.
    fn ndtr(self) -> Self;
    /// The density of the standard normal distribution.
    fn normal_pdf(self) -> Self;
    /// The inverse of the error function.
    fn erfinv(self) -> Self;
    /// The logarithm of the magnitude of the gamma function.
    fn lgamma(self) -> Self;
    /// The derivative of `lgamma`.
    fn digamma(self) -> Self;
    /// The derivative of `digamma`.
    fn trigamma(self) -> Self;
    /// The modified Bessel function of the first kind and order 0.
    fn i0(self) -> Self;
    /// The modified Bessel function of the first kind and order 1.
    fn i1(self) -> Self;
}
