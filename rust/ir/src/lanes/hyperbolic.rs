//! Hyperbolic functions from `expm1`, their inverses from `log1p`.

use super::exponential::{exp_parts, expm1_polynomial, expm1_scaled, reduced};
use super::kernel::Kernel;
use super::logarithm::log1p;

/// Beyond it the 1 under the root of asinh and acosh is lost, and squares below it do not overflow.
const LARGE: f64 = 1_073_741_824.0;

/// tanh(x) = t / (t + 2) with t = exp(2 |x|) − 1: 2.5 ULP.
#[inline(always)]
pub(super) fn tanh<T: Kernel>(x: T) -> T {
    let a = x.abs();
    let (r, shifted) = reduced(T::select(a > T::SATURATION, T::SATURATION, a), 2.0);
    let q = expm1_polynomial(r);
    let power = T::shifted_power_of_two(shifted, 0);
    // 2ⁿ − 1 is exact as long as the 1 counts, so that only the sum with 2ⁿ q is rounded.
    let t = q.mul_add(power, power - T::constant(1.0));
    (t / (t + T::constant(2.0))).copysign(x)
}

/// sinh(x) = h + h / (2 h + 1) with h = expm1(|x|) / 2, which overflows only where sinh does: 2 ULP.
#[inline(always)]
pub(super) fn sinh<T: Kernel>(x: T) -> T {
    let h = expm1_scaled(x.abs(), T::constant(-1.0));
    let rest = h / h.mul_add(T::constant(2.0), T::constant(1.0));
    let value = h + T::select(h == T::INFINITY, T::constant(0.0), rest);
    // expm1(a) / 2 would round subnormal numbers.
    let tiny = x.abs() < T::EPSILON * T::EPSILON;
    T::select(tiny, x, value.copysign(x))
}

/// cosh(x) = h + 1 / (4 h) with h = exp(|x|) / 2, which overflows only where cosh does: 1.5 ULP.
#[inline(always)]
pub(super) fn cosh<T: Kernel>(x: T) -> T {
    // One above the argument at which exp overflows: its half overflows within.
    let limit = T::EXP_RANGE.1 + T::constant(1.0);
    let (q, shifted) = exp_parts(x.abs().clamp((T::constant(0.0), limit)));
    let h = (T::constant(1.0) + q).scale(shifted - T::SHIFT - T::constant(1.0));
    h + T::constant(0.25) / h
}

/// asinh(x) = log1p(a + a² / (1 + √(a² + 1))), a = |x|: 2.5 ULP.
#[inline(always)]
pub(super) fn asinh<T: Kernel>(x: T) -> T {
    let a = x.abs();
    let one = T::constant(1.0);
    let large = a > T::constant(LARGE);
    let square = a * a;
    let grown = a + square / (one + (square + one).sqrt());
    let value = log1p(T::select(large, a - one, grown)) + ln2_if::<T>(large);
    value.copysign(x)
}

/// acosh(x) = log1p(t + √(2 t + t²)), t = x − 1: 2.5 ULP.
#[inline(always)]
pub(super) fn acosh<T: Kernel>(x: T) -> T {
    let one = T::constant(1.0);
    let large = x > T::constant(LARGE);
    let t = x - one;
    let grown = t + t.mul_add(t, t + t).sqrt();
    let value = log1p(T::select(large, t, grown)) + ln2_if::<T>(large);
    T::select(x < one, T::NAN, value)
}

/// atanh(x) = log1p(2 a / (1 − a)) / 2, a = |x|: 2.5 ULP.
#[inline(always)]
pub(super) fn atanh<T: Kernel>(x: T) -> T {
    let a = x.abs();
    let value = T::constant(0.5) * log1p((a + a) / (T::constant(1.0) - a));
    value.copysign(x)
}

#[inline(always)]
fn ln2_if<T: Kernel>(condition: bool) -> T {
    T::select(condition, T::constant(std::f64::consts::LN_2), T::constant(0.0))
}
