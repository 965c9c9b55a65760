//! Inverse trigonometric and hyperbolic functions.
//!
//! asin and acos after Hull, Fairgrieve and Tang, "Implementing the complex arcsine and arccosine functions using
//! exception handling" (ACM TOMS 23, 1997); atanh after Kahan, "Branch cuts for complex elementary functions" (1987).

use std::f64::consts::{FRAC_PI_2, LN_2};

use super::super::Lane;
use super::{Complex, half_range, is_infinite, larger, signed};

/// What asin and acos of a point of the first quadrant have in common.
struct Inverse<T> {
    /// The real part of the arcsine.
    sine: T,
    /// The real part of the arccosine.
    cosine: T,
    /// The magnitude of both imaginary parts.
    imaginary: T,
}

/// The parts of asin and acos at x + yj, for finite x ≥ 0 and y ≥ 0.
#[inline(always)]
fn inverse_in_first_quadrant<T: Lane>(x: T, y: T) -> Inverse<T> {
    let (zero, one, half) = (T::constant(0.0), T::constant(1.0), T::constant(0.5));
    let (x_plus, x_minus) = (x + one, (x - one).abs());
    let eighth_range = half_range::<T>() * T::constant(0.125);
    let large = larger(x, y) > eighth_range;
    if large || y * eighth_range < one {
        return inverse_at_the_edges(x, y, large);
    }
    let (r, s) = (x_plus.hypot(y), x_minus.hypot(y));
    let a = (r + s) * half;
    let b = x / a;
    let (sine, cosine) = if b <= T::constant(0.6417) {
        (b.asin(), b.acos())
    } else {
        // sqrt(a² − x²) without the cancellation.
        let a_plus_x = a + x;
        let root = if x <= one {
            (half * a_plus_x * (y * y / (r + x_plus) + (s + x_minus))).sqrt()
        } else {
            y * (half * (a_plus_x / (r + x_plus) + a_plus_x / (s + x_minus))).sqrt()
        };
        (x.atan2(root), root.atan2(x))
    };
    let imaginary = if a <= T::constant(1.5) {
        let side = if x < one { y * y / (s + x_minus) } else { s + x_minus };
        let a_minus_one = half * (y * y / (r + x_plus) + side);
        (a_minus_one + (a_minus_one * (a + one)).sqrt()).log1p()
    } else {
        (a + (a * a - one).sqrt()).log()
    };
    let imaginary = T::select(y == zero && x <= one, zero, imaginary);
    Inverse { sine, cosine, imaginary }
}

/// As [`inverse_in_first_quadrant`], where a square would overflow (`large`) or y is so small that its square vanishes.
#[inline(always)]
fn inverse_at_the_edges<T: Lane>(x: T, y: T, large: bool) -> Inverse<T> {
    let (one, half_pi) = (T::constant(1.0), T::constant(FRAC_PI_2));
    if large {
        // asin z ≈ −j log(2jz): further terms are below 1/|z|².
        let angle = y.atan2(x);
        let scaled = Complex::new(x, y).scale(one / half_range());
        let imaginary = scaled.abs().log() + half_range::<T>().log() + T::constant(LN_2);
        return Inverse { sine: x.atan2(y), cosine: angle, imaginary };
    }
    let x_minus = x - one;
    if x_minus.abs() * T::EPSILON >= y {
        let (sine, cosine, imaginary) = if x < one {
            (x.asin(), x.acos(), y / ((one - x) * (one + x)).sqrt())
        } else {
            let root = (x_minus * (x + one)).sqrt();
            (half_pi, y / root, (x_minus + root).log1p())
        };
        return Inverse { sine, cosine, imaginary };
    }
    // x is 1 to within rounding: asin(1 + yj) ≈ π/2 − sqrt(y) + sqrt(y) j.
    let root = y.sqrt();
    Inverse { sine: half_pi - root, cosine: root, imaginary: root }
}

impl<T: Lane> Complex<T> {
    /// The inverse sine; branch cuts beyond ±1 on the real axis.
    #[inline(always)]
    pub fn asin(self) -> Complex<T> {
        self.times_j().asinh().times_minus_j()
    }

    /// The inverse cosine; branch cuts beyond ±1 on the real axis.
    #[inline(always)]
    pub fn acos(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        if self.is_finite() {
            let parts = inverse_in_first_quadrant(a.abs(), b.abs());
            let re = if a.sign_bit() {
                // π − acos(|a| + …), from the arcsine: nothing cancels.
                T::constant(FRAC_PI_2) + parts.sine
            } else {
                parts.cosine
            };
            return Complex::new(re, -parts.imaginary.copysign(b));
        }
        let infinity = -signed(T::INFINITY, b);
        if b.is_nan() {
            return if is_infinite(a) {
                Complex::new(T::NAN, infinity)
            } else if a == T::constant(0.0) {
                Complex::new(T::constant(FRAC_PI_2), T::NAN)
            } else {
                Complex::new(T::NAN, T::NAN)
            };
        }
        if a.is_nan() {
            return Complex::new(T::NAN, T::select(is_infinite(b), infinity, T::NAN));
        }
        Complex::new(b.abs().atan2(a), infinity)
    }

    /// The inverse tangent; branch cuts beyond ±j on the imaginary axis.
    #[inline(always)]
    pub fn atan(self) -> Complex<T> {
        self.times_j().atanh().times_minus_j()
    }

    /// The inverse hyperbolic sine; branch cuts beyond ±j on the imaginary axis.
    #[inline(always)]
    pub fn asinh(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        if self.is_finite() {
            let parts = inverse_in_first_quadrant(b.abs(), a.abs());
            return Complex::new(parts.imaginary.copysign(a), parts.sine.copysign(b));
        }
        if is_infinite(a) || (is_infinite(b) && a.is_nan()) {
            let infinity = signed(T::INFINITY, a);
            let angle = T::select(a.is_nan() || b.is_nan(), T::NAN, b.atan2(a.abs()));
            return Complex::new(infinity, angle);
        }
        if is_infinite(b) {
            return Complex::new(T::INFINITY.copysign(a), T::constant(FRAC_PI_2).copysign(b));
        }
        Complex::new(T::NAN, T::select(b == T::constant(0.0), b, T::NAN))
    }

    /// The inverse hyperbolic cosine; the branch cut is the real axis below 1.
    #[inline(always)]
    pub fn acosh(self) -> Complex<T> {
        let angle = self.acos();
        Complex::new(angle.im.abs(), signed(angle.re, self.im))
    }

    /// The inverse hyperbolic tangent; branch cuts beyond ±1 on the real axis.
    #[inline(always)]
    pub fn atanh(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        let (zero, one) = (T::constant(0.0), T::constant(1.0));
        let half_pi = signed(T::constant(FRAC_PI_2), b);
        let signed_zero = signed(zero, a);
        if !self.is_finite() {
            if is_infinite(b) {
                return Complex::new(signed_zero, half_pi);
            }
            if is_infinite(a) {
                return Complex::new(signed_zero, T::select(b.is_nan(), T::NAN, half_pi));
            }
            return Complex::new(T::select(a == zero, a, T::NAN), T::NAN);
        }
        let (x, y) = (a.abs(), b.abs());
        if larger(x, y) > half_range::<T>() * T::constant(0.125) {
            // 1/z, and π/2 to within rounding.
            let re = if x > y {
                let ratio = y / x;
                one / (x * (one + ratio * ratio))
            } else {
                let ratio = x / y;
                ratio / (y * (one + ratio * ratio))
            };
            return Complex::new(re.copysign(a), half_pi);
        }
        let quarter = T::constant(0.25);
        if x == one {
            let (re, im) = if y == zero {
                (T::INFINITY, zero)
            } else {
                // ln(sqrt(4 + y²) / y) / 2, accurate for large y and where the square of a small one vanishes.
                let ratio = T::constant(2.0) / y;
                let re = if ratio < one {
                    (ratio * ratio).log1p() * quarter
                } else {
                    (T::constant(2.0).hypot(y).log() - y.log()) * T::constant(0.5)
                };
                (re, (y + y).atan2(-(y * y)) * T::constant(0.5))
            };
            return Complex::new(re.copysign(a), im.copysign(b));
        }
        let distance = one - x;
        let re = (T::constant(4.0) * x / (distance * distance + y * y)).log1p() * quarter;
        let im = (y + y).atan2(distance * (one + x) - y * y) * T::constant(0.5);
        Complex::new(re.copysign(a), im.copysign(b))
    }
}
