//! Complex lanes: bodies of complex64 and complex128, generic over the real lane of the parts.
//!
//! Special cases are those of the Python array API standard (2024.12), which follows C99's Annex G. Unlike real
//! bodies these branch: complex loops need not widen.

mod exponential;
mod inverse;

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Lane;

/// A complex number with parts in a real lane; in memory as `num_complex::Complex`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct Complex<T> {
    /// The real part.
    pub re: T,
    /// The imaginary part.
    pub im: T,
}

impl<T> From<num_complex::Complex<T>> for Complex<T> {
    #[inline(always)]
    fn from(value: num_complex::Complex<T>) -> Complex<T> {
        Complex { re: value.re, im: value.im }
    }
}

impl<T> From<Complex<T>> for num_complex::Complex<T> {
    #[inline(always)]
    fn from(value: Complex<T>) -> num_complex::Complex<T> {
        num_complex::Complex { re: value.re, im: value.im }
    }
}

/// A power of two near the square root of the largest number: scaling by it is exact and keeps squares in range.
#[inline(always)]
fn half_range<T: Lane>() -> T {
    let is_double = T::MAX > T::constant(1e39);
    T::select(is_double, T::constant(f64::from_bits((1023 + 512) << 52)), T::constant((1u128 << 64) as f64))
}

/// `a * b + c * d` with an error below 1.5 ULP although the products may cancel (Kahan; Jeannerod et al. 2013).
#[inline(always)]
fn sum_of_products<T: Lane>(a: T, b: T, c: T, d: T) -> T {
    let product = c * d;
    let error = c.mul_add(d, -product);
    a.mul_add(b, product) + error
}

/// The sum of two numbers, and what its rounding lost (Knuth).
#[inline(always)]
fn two_sum<T: Lane>(a: T, b: T) -> (T, T) {
    let sum = a + b;
    let shadow = sum - a;
    (sum, (a - (sum - shadow)) + (b - shadow))
}

/// The magnitude with the sign of `sign`; positive where that is NaN, because all NaN count as one.
#[inline(always)]
fn signed<T: Lane>(magnitude: T, sign: T) -> T {
    T::select(sign.is_nan(), magnitude, magnitude.copysign(sign))
}

/// ±1 where the part is infinite, ±0 where it is not: infinities as C99 reads them.
#[inline(always)]
fn box_infinity<T: Lane>(part: T) -> T {
    signed(T::select(is_infinite(part), T::constant(1.0), T::constant(0.0)), part)
}

#[inline(always)]
fn is_infinite<T: Lane>(x: T) -> bool {
    x.abs() == T::INFINITY
}

#[inline(always)]
fn larger<T: Lane>(a: T, b: T) -> T {
    T::select(a > b, a, b)
}

impl<T: Lane> Complex<T> {
    /// The number `re + im j`.
    #[inline(always)]
    pub fn new(re: T, im: T) -> Complex<T> {
        Complex { re, im }
    }

    /// A real number.
    #[inline(always)]
    fn real(re: T) -> Complex<T> {
        Complex { re, im: T::constant(0.0) }
    }

    /// Both parts times a real number.
    #[inline(always)]
    fn scale(self, factor: T) -> Complex<T> {
        Complex { re: self.re * factor, im: self.im * factor }
    }

    /// The product with j: a rotation that touches nothing but a sign.
    #[inline(always)]
    fn times_j(self) -> Complex<T> {
        Complex { re: -self.im, im: self.re }
    }

    /// The product with −j.
    #[inline(always)]
    fn times_minus_j(self) -> Complex<T> {
        Complex { re: self.im, im: -self.re }
    }

    /// The larger magnitude of the two parts.
    #[inline(always)]
    fn larger_part(self) -> T {
        larger(self.re.abs(), self.im.abs())
    }

    /// The complex conjugate.
    #[inline(always)]
    pub fn conj(self) -> Complex<T> {
        Complex { re: self.re, im: -self.im }
    }

    /// True where either part is NaN.
    #[inline(always)]
    pub fn is_nan(self) -> bool {
        self.re.is_nan() || self.im.is_nan()
    }

    /// True where either part is infinite, even if the other is NaN.
    #[inline(always)]
    pub fn is_infinite(self) -> bool {
        is_infinite(self.re) || is_infinite(self.im)
    }

    /// True where both parts are finite.
    #[inline(always)]
    pub fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }

    /// The magnitude.
    #[inline(always)]
    pub fn abs(self) -> T {
        self.re.hypot(self.im)
    }

    /// The angle in radians, from −π to π.
    #[inline(always)]
    pub fn angle(self) -> T {
        self.im.atan2(self.re)
    }

    /// `x / abs(x)`, and 0 at 0.
    #[inline(always)]
    pub fn sign(self) -> Complex<T> {
        let zero = T::constant(0.0);
        if self.is_nan() {
            return Complex::new(T::NAN, T::NAN);
        }
        if self.re == zero && self.im == zero {
            return Complex::new(zero, zero);
        }
        // Subnormal magnitudes have few digits, and those beyond MAX none.
        let mut scaled = self;
        if self.is_finite() {
            let largest = self.larger_part();
            if largest * half_range() < T::constant(1.0) {
                scaled = self.scale(half_range());
            } else if largest > half_range() {
                scaled = self.scale(T::constant(1.0) / half_range());
            }
        }
        let magnitude = scaled.abs();
        Complex::new(scaled.re / magnitude, scaled.im / magnitude)
    }

    /// The square `x * x`.
    #[inline(always)]
    pub fn square(self) -> Complex<T> {
        // The sum with 0 makes of −0 the +0 that `x * x` has.
        let re = (self.re - self.im) * (self.re + self.im) + T::constant(0.0);
        let product = self.re * self.im;
        if re.is_nan() { self * self } else { Complex::new(re, product + product) }
    }

    /// One divided by the number.
    #[inline(always)]
    pub fn reciprocal(self) -> Complex<T> {
        Complex::real(T::constant(1.0)) / self
    }

    /// The square root in the right half-plane (Kahan 1987).
    #[inline(always)]
    pub fn sqrt(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        let zero = T::constant(0.0);
        if is_infinite(b) {
            return Complex::new(T::INFINITY, b);
        }
        if a.is_nan() {
            return Complex::new(T::NAN, T::NAN);
        }
        if is_infinite(a) {
            let other = T::select(b.is_nan(), T::NAN, zero.copysign(b));
            return match a > zero {
                true => Complex::new(a, other),
                false => Complex::new(other.abs(), signed(T::INFINITY, b)),
            };
        }
        if b.is_nan() {
            return Complex::new(T::NAN, T::NAN);
        }
        if a == zero && b == zero {
            return Complex::new(zero, b);
        }
        let (mut scaled, mut back) = (self, T::constant(1.0));
        if self.larger_part() > half_range() {
            scaled = self.scale(T::constant(1.0) / half_range());
            back = half_range::<T>().sqrt();
        } else if self.larger_part() * half_range() < T::constant(1.0) {
            scaled = self.scale(half_range());
            back = T::constant(1.0) / half_range::<T>().sqrt();
        }
        let half = T::constant(0.5);
        let root = ((scaled.re.abs() + scaled.abs()) * half).sqrt() * back;
        // From the part as it was: scaled down it could have vanished.
        let other = b / (root + root);
        match a.sign_bit() {
            false => Complex::new(root, other),
            true => Complex::new(other.abs(), root.copysign(b)),
        }
    }
}

impl<T: Lane> Neg for Complex<T> {
    type Output = Complex<T>;
    #[inline(always)]
    fn neg(self) -> Complex<T> {
        Complex { re: -self.re, im: -self.im }
    }
}

impl<T: Lane> Add for Complex<T> {
    type Output = Complex<T>;
    #[inline(always)]
    fn add(self, other: Complex<T>) -> Complex<T> {
        Complex { re: self.re + other.re, im: self.im + other.im }
    }
}

impl<T: Lane> Sub for Complex<T> {
    type Output = Complex<T>;
    #[inline(always)]
    fn sub(self, other: Complex<T>) -> Complex<T> {
        Complex { re: self.re - other.re, im: self.im - other.im }
    }
}

impl<T: Lane> Mul for Complex<T> {
    type Output = Complex<T>;
    #[inline(always)]
    fn mul(self, other: Complex<T>) -> Complex<T> {
        let re = self.re * other.re - self.im * other.im;
        let im = self.re * other.im + self.im * other.re;
        if re.is_nan() && im.is_nan() { recover_product(self, other) } else { Complex { re, im } }
    }
}

/// The product where the textbook formula gives NaN in both parts: an infinite factor still makes it infinite.
#[cold]
fn recover_product<T: Lane>(x: Complex<T>, y: Complex<T>) -> Complex<T> {
    let zero = T::constant(0.0);
    let finite_or_zero = |part: T| T::select(part.is_nan(), zero, part);
    let boxed = |z: Complex<T>| Complex::new(box_infinity(z.re), box_infinity(z.im));
    let cleared = |z: Complex<T>| Complex::new(finite_or_zero(z.re), finite_or_zero(z.im));
    let (mut a, mut b) = (x, y);
    if x.is_infinite() {
        (a, b) = (boxed(a), cleared(b));
    }
    if y.is_infinite() {
        (a, b) = (cleared(a), boxed(b));
    }
    // Finite factors whose partial products overflowed and cancelled.
    let overflowed = x.is_finite() && y.is_finite();
    if !x.is_infinite() && !y.is_infinite() && !overflowed {
        return Complex::new(T::NAN, T::NAN);
    }
    Complex::new(T::INFINITY * (a.re * b.re - a.im * b.im), T::INFINITY * (a.re * b.im + a.im * b.re))
}

impl<T: Lane> Div for Complex<T> {
    type Output = Complex<T>;

    /// The textbook quotient of operands scaled by powers of two, so that no square overflows or vanishes.
    #[inline(always)]
    fn div(self, other: Complex<T>) -> Complex<T> {
        let zero = T::constant(0.0);
        if other.im == zero {
            return Complex::new(self.re / other.re, self.im / other.re);
        }
        if other.re == zero {
            return Complex::new(self.im / other.im, -(self.re / other.im));
        }
        if !(self.is_finite() && other.is_finite()) {
            return divide_special(self, other);
        }
        let (x, x_scale) = self.normalized();
        let (y, y_scale) = other.normalized();
        let square = sum_of_products(y.re, y.re, y.im, y.im);
        let quotient = Complex::new(
            sum_of_products(x.re, y.re, x.im, y.im) / square,
            sum_of_products(x.im, y.re, -x.re, y.im) / square,
        );
        let factor = y_scale / x_scale;
        match factor > zero && factor < T::INFINITY {
            true => quotient.scale(factor),
            false => quotient.scale(y_scale).scale(T::constant(1.0) / x_scale),
        }
    }
}

impl<T: Lane> Complex<T> {
    /// The number times a power of two that brings its larger part near 1, and that power.
    #[inline(always)]
    fn normalized(self) -> (Complex<T>, T) {
        let one = T::constant(1.0);
        // 2^128 in double, 2^16 in single precision.
        let step = half_range::<T>().sqrt().sqrt();
        let (mut value, mut scale) = (self, one);
        // None for ordinary numbers. The power itself must stay finite, which is enough for squares not to vanish.
        while value.larger_part() > step {
            value = value.scale(one / step);
            scale = scale / step;
        }
        while value.larger_part() * step < one && scale * step < T::INFINITY {
            value = value.scale(step);
            scale = scale * step;
        }
        (value, scale)
    }
}

/// The quotient where a part is infinite or NaN and the divisor is neither real nor imaginary.
#[cold]
fn divide_special<T: Lane>(x: Complex<T>, y: Complex<T>) -> Complex<T> {
    let products = |a: Complex<T>, b: Complex<T>| (a.re * b.re + a.im * b.im, a.im * b.re - a.re * b.im);
    if x.is_infinite() && y.is_finite() {
        let (re, im) = products(Complex::new(box_infinity(x.re), box_infinity(x.im)), y);
        return Complex::new(T::INFINITY * re, T::INFINITY * im);
    }
    if x.is_finite() && y.is_infinite() {
        let zero = T::constant(0.0);
        let (re, im) = products(x, Complex::new(box_infinity(y.re), box_infinity(y.im)));
        return Complex::new(zero * re, zero * im);
    }
    Complex::new(T::NAN, T::NAN)
}
