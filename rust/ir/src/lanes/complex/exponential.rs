//! Exponentials, logarithms, powers and the functions made of them.

use super::super::Lane;
use super::{Complex, half_range, is_infinite, signed, two_sum};

/// cos(angle) + sin(angle) j.
#[inline(always)]
fn cis<T: Lane>(angle: T) -> Complex<T> {
    Complex::new(angle.cos(), angle.sin())
}

/// e to the power `exponent`, as two factors neither of which overflows or vanishes before their product does.
#[inline(always)]
fn exp_factors<T: Lane>(exponent: T) -> (T, T) {
    let whole = exponent.exp();
    if whole < T::INFINITY && whole * half_range() > T::constant(1.0) {
        (whole, T::constant(1.0))
    } else {
        let half = (exponent * T::constant(0.5)).exp();
        (half, half)
    }
}

/// What the nearest number to ln 2 in this lane misses.
#[inline(always)]
fn ln_2_rest<T: Lane>() -> T {
    let single = std::f64::consts::LN_2 - std::f64::consts::LN_2 as f32 as f64;
    let double = 2.319_046_813_846_299_6e-17;
    if T::EPSILON > T::constant(1e-10) {
        T::constant(single)
    } else if T::EPSILON > T::constant(1e-20) {
        T::constant(double)
    } else {
        T::constant(0.0)
    }
}

impl<T: Lane> Complex<T> {
    /// e to the power `self`.
    #[inline(always)]
    pub fn exp(self) -> Complex<T> {
        self.exp_with(|b| cis(b))
    }

    /// 2 to the power `self`.
    #[inline(always)]
    pub fn exp2(self) -> Complex<T> {
        let ln_2 = T::constant(std::f64::consts::LN_2);
        // The angle b ln 2 with what its rounding loses: an error in it would grow with b.
        let turned = |b: T| {
            let angle = b * ln_2;
            let rest = b.mul_add(ln_2, -angle) + b * ln_2_rest();
            let near = cis(angle);
            Complex::new(near.re - rest * near.im, near.im + rest * near.re)
        };
        let whole = self.re.exp2();
        let in_range = whole < T::INFINITY && whole * half_range() > T::constant(1.0);
        if in_range && self.is_finite() && self.im != T::constant(0.0) {
            return turned(self.im).scale(whole);
        }
        if self.im == T::constant(0.0) {
            return Complex::new(whole, self.im);
        }
        self.scale(ln_2).exp_with(|_| turned(self.im))
    }

    /// `exp`, with cos(b) + sin(b) j from the caller.
    #[inline(always)]
    fn exp_with(self, cis_of: impl Fn(T) -> Complex<T>) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        let zero = T::constant(0.0);
        if b == zero {
            return Complex::new(a.exp(), b);
        }
        if !b.is_finite() && is_infinite(a) {
            return match a > zero {
                true => Complex::new(a, T::NAN),
                false => Complex::new(zero, signed(zero, b)),
            };
        }
        if !b.is_finite() || a.is_nan() {
            return Complex::new(T::NAN, T::NAN);
        }
        let (first, second) = exp_factors(a);
        cis_of(b).scale(first).scale(second)
    }

    /// e to the power `self`, minus 1, accurate near 0.
    ///
    /// The real part loses digits where `exp(a) cos(b)` is near 1 and `self` is not near 0.
    #[inline(always)]
    pub fn expm1(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        let (zero, one) = (T::constant(0.0), T::constant(1.0));
        if b == zero {
            // The sum with 0 makes +0 of −0.
            return Complex::new(a.expm1() + zero, b);
        }
        if !b.is_finite() || !a.is_finite() {
            let exp = self.exp();
            return Complex::new(exp.re - one, exp.im);
        }
        let (first, second) = exp_factors(a);
        let im = b.sin() * first * second;
        if a > T::constant(1.0) {
            return Complex::new(b.cos() * first * second - one, im);
        }
        let half_sine = (b * T::constant(0.5)).sin();
        Complex::new(a.expm1() * b.cos() - (half_sine + half_sine) * half_sine, im)
    }

    /// The natural logarithm; the branch cut is the negative real axis.
    #[inline(always)]
    pub fn log(self) -> Complex<T> {
        Complex::new(self.log_magnitude(T::log, T::constant(1.0)), self.angle())
    }

    /// The logarithm to base 2.
    #[inline(always)]
    pub fn log2(self) -> Complex<T> {
        let factor = T::constant(std::f64::consts::LOG2_E);
        Complex::new(self.log_magnitude(T::log2, factor), self.angle() * factor)
    }

    /// The logarithm to base 10.
    #[inline(always)]
    pub fn log10(self) -> Complex<T> {
        let factor = T::constant(std::f64::consts::LOG10_E);
        Complex::new(self.log_magnitude(T::log10, factor), self.angle() * factor)
    }

    /// The logarithm of the magnitude; `factor` is that logarithm of e.
    #[inline(always)]
    fn log_magnitude(self, log: impl Fn(T) -> T, factor: T) -> T {
        let (a, b) = (self.re, self.im);
        let largest = self.larger_part();
        if largest > T::constant(0.5) && largest < T::constant(1.5) && b.abs() < T::constant(1.5) {
            // |z|² − 1 with the rounding errors of the squares: near the unit circle nothing else would be left.
            let (x, y) = (largest, T::select(a.abs() > b.abs(), b, a).abs());
            let (x_square, y_square) = (x * x, y * y);
            let errors = x.mul_add(x, -x_square) + y.mul_add(y, -y_square);
            let (first, first_rest) = two_sum(x_square, -T::constant(1.0));
            let (excess, second_rest) = two_sum(first, y_square);
            let excess = excess + (errors + first_rest + second_rest);
            if excess > T::constant(-0.5) {
                return excess.log1p() * T::constant(0.5) * factor;
            }
        }
        if self.is_finite() && largest > half_range() {
            return log(self.scale(T::constant(1.0) / half_range()).abs()) + log(half_range());
        }
        if largest * half_range() < T::constant(1.0) {
            return log(self.scale(half_range()).abs()) - log(half_range());
        }
        log(self.abs())
    }

    /// The natural logarithm of 1 + `self`, accurate near 0.
    #[inline(always)]
    pub fn log1p(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        let one = T::constant(1.0);
        let shifted = Complex::new(one + a, b);
        if a.abs() < T::constant(3.0) && b.abs() < T::constant(2.0) {
            // |1 + z|² − 1 = 2a + a² + b² with the rounding errors of the squares.
            let (a_square, b_square) = (a * a, b * b);
            let errors = a.mul_add(a, -a_square) + b.mul_add(b, -b_square);
            let (first, first_rest) = two_sum(a + a, a_square);
            let (excess, second_rest) = two_sum(first, b_square);
            let excess = excess + (errors + first_rest + second_rest);
            if excess > T::constant(-0.5) && excess < T::constant(2.0) {
                return Complex::new(excess.log1p() * T::constant(0.5), shifted.angle());
            }
        }
        shifted.log()
    }

    /// `self` to the power `exponent`: `exp(exponent * log(self))`, and 1 where the exponent is 0.
    ///
    /// Accurate relative to the magnitude of the result; the smaller part may have fewer digits.
    #[inline(always)]
    pub fn pow(self, exponent: Complex<T>) -> Complex<T> {
        let (zero, one) = (T::constant(0.0), T::constant(1.0));
        let (c, d) = (exponent.re, exponent.im);
        if c == zero && d == zero {
            return Complex::real(one);
        }
        let ordinary = self.is_finite() && exponent.is_finite() && !(self.re == zero && self.im == zero);
        if ordinary && d == zero && c == c.trunc() && c.abs() <= T::constant(32.0) {
            let power = self.integer_power(c.abs());
            let result = if c.sign_bit() { power.reciprocal() } else { power };
            // Where squares overflow or vanish, the logarithm finds the way.
            if result.is_finite() && power.larger_part() * half_range() > one {
                return result;
            }
        }
        if ordinary {
            let (modulus, angle) = (self.abs(), self.angle());
            let magnitude = modulus.pow(c) * (-(d * angle)).exp();
            let phase = T::select(d == zero, c * angle, c.mul_add(angle, d * self.log().re));
            if magnitude < T::INFINITY && magnitude * half_range() > one && modulus < T::INFINITY {
                return Complex::new(zero, phase).exp().scale(magnitude);
            }
        }
        (exponent * self.log()).exp()
    }

    /// A power with a whole exponent from 1 to 32, by squaring.
    #[inline(always)]
    fn integer_power(self, exponent: T) -> Complex<T> {
        let half = T::constant(0.5);
        let (mut rest, mut base) = (exponent, self);
        let mut result = Complex::real(T::constant(1.0));
        let mut started = false;
        while rest > T::constant(0.0) {
            let halved = (rest * half).trunc();
            if halved + halved != rest {
                result = if started { result * base } else { base };
                started = true;
            }
            rest = halved;
            base = base.square();
        }
        result
    }

    /// The hyperbolic sine.
    #[inline(always)]
    pub fn sinh(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        let zero = T::constant(0.0);
        if b == zero {
            return Complex::new(a.sinh(), b);
        }
        if !b.is_finite() {
            let keeps = a == zero || is_infinite(a);
            return Complex::new(T::select(keeps, a, T::NAN), T::NAN);
        }
        let (sinh, cosh) = (a.sinh(), a.cosh());
        if a.is_finite() && cosh == T::INFINITY {
            let half = (a.abs() * T::constant(0.5)).exp();
            let small = half * T::constant(0.5);
            return Complex::new(b.cos() * small.copysign(a) * half, b.sin() * small * half);
        }
        Complex::new(sinh * b.cos(), cosh * b.sin())
    }

    /// The hyperbolic cosine.
    #[inline(always)]
    pub fn cosh(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        let zero = T::constant(0.0);
        let signed_zero = signed(zero, signed(T::constant(1.0), a) * b);
        if b == zero {
            return Complex::new(a.cosh(), signed_zero);
        }
        if !b.is_finite() {
            let re = T::select(is_infinite(a), T::INFINITY, T::NAN);
            return Complex::new(re, T::select(a == zero, signed_zero, T::NAN));
        }
        let (sinh, cosh) = (a.sinh(), a.cosh());
        if a.is_finite() && cosh == T::INFINITY {
            let half = (a.abs() * T::constant(0.5)).exp();
            let small = half * T::constant(0.5);
            return Complex::new(b.cos() * small * half, b.sin() * small.copysign(a) * half);
        }
        Complex::new(cosh * b.cos(), sinh * b.sin())
    }

    /// The hyperbolic tangent (Kahan 1987).
    #[inline(always)]
    pub fn tanh(self) -> Complex<T> {
        let (a, b) = (self.re, self.im);
        let (zero, one) = (T::constant(0.0), T::constant(1.0));
        if is_infinite(a) {
            // The standard has the sign of b here, where C99 has that of sin(2b).
            return Complex::new(one.copysign(a), signed(zero, b));
        }
        if b == zero {
            return Complex::new(a.tanh(), b);
        }
        if !b.is_finite() || a.is_nan() {
            return Complex::new(T::select(a == zero, a, T::NAN), T::NAN);
        }
        let decay = (a.abs() * T::constant(-2.0)).exp();
        if decay < T::EPSILON * T::constant(0.125) {
            return Complex::new(one.copysign(a), T::constant(4.0) * b.sin() * b.cos() * decay);
        }
        let (tangent, sinh) = (b.tan(), a.sinh());
        let beta = one + tangent * tangent;
        let cosh = a.cosh();
        let denominator = one + beta * sinh * sinh;
        Complex::new(beta * cosh * sinh / denominator, tangent / denominator)
    }

    /// The sine: `-j sinh(j x)`.
    #[inline(always)]
    pub fn sin(self) -> Complex<T> {
        self.times_j().sinh().times_minus_j()
    }

    /// The cosine: `cosh(j x)`.
    #[inline(always)]
    pub fn cos(self) -> Complex<T> {
        self.times_j().cosh()
    }

    /// The tangent: `-j tanh(j x)`.
    #[inline(always)]
    pub fn tan(self) -> Complex<T> {
        self.times_j().tanh().times_minus_j()
    }

    /// The logistic function 1 / (1 + exp(−x)).
    #[inline(always)]
    pub fn sigmoid(self) -> Complex<T> {
        let one = Complex::real(T::constant(1.0));
        // The exponential of the half-plane in which it does not overflow.
        if self.re < T::constant(0.0) {
            let exp = self.exp();
            exp / (one + exp)
        } else {
            one / (one + (-self).exp())
        }
    }
}
