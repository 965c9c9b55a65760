//! Logarithms: x = 2ᵏ (1 + f), and log(1 + f) = f − (f²/2 − s (f²/2 + R)) with s = f / (2 + f), the form of
//! FreeBSD's msun (`e_log.c`), in which every large term is exact.

use super::kernel::Kernel;

/// s (f²/2 + R) and f²/2.
#[inline(always)]
fn series<T: Kernel>(f: T) -> (T, T) {
    let s = f / (T::constant(2.0) + f);
    let z = s * s;
    let half_square = T::constant(0.5) * f * f;
    (s * z.mul_add(T::log_polynomial(z), half_square), half_square)
}

/// Puts in the limits at 0, infinity and below 0; NaN stays.
#[inline(always)]
fn limits<T: Kernel>(x: T, value: T) -> T {
    let value = T::select(x == T::INFINITY, x, value);
    let value = T::select(x == T::constant(0.0), -T::INFINITY, value);
    T::select(x >= T::constant(0.0), value, T::NAN)
}

/// The natural logarithm: 1.0 ULP.
#[inline(always)]
pub(super) fn log<T: Kernel>(x: T) -> T {
    let (f, k) = x.split();
    let (rest, half_square) = series(f);
    let low = k.mul_add(T::LN2_LOW, rest);
    limits(x, k.mul_add(T::LN2_HIGH, f - (half_square - low)))
}

/// k · (upper + lower) + log(1 + f) · (inverse.0 + inverse.1) with log(1 + f) in two parts.
#[inline(always)]
fn log_to_base<T: Kernel>(x: T, inverse: (T, T), unit: (T, T)) -> T {
    let (f, k) = x.split();
    let (rest, half_square) = series(f);
    let high = f - half_square;
    let low = ((f - high) - half_square) + rest;
    let product = high * inverse.0;
    let error = high.mul_add(inverse.0, -product);
    let low = (low + high).mul_add(inverse.1, low.mul_add(inverse.0, k.mul_add(unit.1, error)));
    let whole = k * unit.0;
    // |whole| ≥ |product| unless k is 0, so that Fast2Sum's error term is exact.
    let sum = whole + product;
    limits(x, sum + (((whole - sum) + product) + low))
}

/// The logarithm to base 2: 1.0 ULP; exact for powers of two.
#[inline(always)]
pub(super) fn log2<T: Kernel>(x: T) -> T {
    log_to_base(x, T::INVERSE_LN2, (T::constant(1.0), T::constant(0.0)))
}

/// The logarithm to base 10: 1.0 ULP.
#[inline(always)]
pub(super) fn log10<T: Kernel>(x: T) -> T {
    log_to_base(x, T::INVERSE_LN10, (T::LOG10_2_HIGH, T::LOG10_2_LOW))
}

/// log(1 + x): 1.0 ULP. The rounding error of 1 + x goes into the low part.
#[inline(always)]
pub(super) fn log1p<T: Kernel>(x: T) -> T {
    let (zero, one) = (T::constant(0.0), T::constant(1.0));
    let u = one + x;
    let (f, k) = u.split();
    let near = k == zero;
    let lost = T::select(x > one, one - (u - x), x - (u - one));
    let correction = T::select(near, zero, lost / u);
    let f = T::select(near, x, f);
    let (rest, half_square) = series(f);
    let low = k.mul_add(T::LN2_LOW, rest + correction);
    let value = limits(u, k.mul_add(T::LN2_HIGH, f - (half_square - low)));
    T::select(x == zero, x, value)
}
