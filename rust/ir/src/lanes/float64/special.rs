//! Error, gamma and Bessel functions of `f64`: scalar code, for these are rare.

use std::f64::consts::PI;

/// The inverse of the error function: Giles, *Approximating the erfinv function* (2010), as the first guess, then
/// two steps of Halley's method on erf or, beyond 0.5, on erfc.
pub fn erfinv(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude.is_nan() || magnitude > 1.0 {
        return f64::NAN;
    }
    if magnitude == 1.0 {
        return f64::INFINITY.copysign(x);
    }
    if magnitude < 1e-9 {
        return x * (PI.sqrt() / 2.0);
    }
    let w = -libm::log((1.0 - magnitude) * (1.0 + magnitude));
    let (argument, coefficients) =
        if w < 5.0 { (w - 2.5, GILES_CENTRE) } else { (w.sqrt() - 3.0, GILES_TAIL) };
    let mut y = coefficients.iter().fold(0.0, |sum, c| sum * argument + c) * magnitude;
    for _ in 0..2 {
        let error =
            if magnitude < 0.5 { libm::erf(y) - magnitude } else { (1.0 - magnitude) - libm::erfc(y) };
        let step = error * (PI.sqrt() / 2.0) * libm::exp(y * y);
        y -= step / (1.0 + y * step);
    }
    y.copysign(x)
}

const GILES_CENTRE: [f64; 9] = [
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
];
const GILES_TAIL: [f64; 9] = [
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
];

/// The digamma function: recurrence up to 10, then the asymptotic series (DLMF 5.11.2); reflection below 0.
/// ∓infinite at ±0, NaN at the negative integers.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        let fraction = x - x.floor();
        if fraction == 0.0 || x.is_infinite() {
            return f64::NAN;
        }
        return digamma_positive(1.0 - x) - PI / libm::tan(PI * (x - x.round_ties_even()));
    }
    digamma_positive(x)
}

fn digamma_positive(x: f64) -> f64 {
    if x.is_infinite() {
        return x;
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    // The Bernoulli numbers B(2k) / 2k, highest first.
    let series =
        [1.0 / 12.0, -691.0 / 32760.0, 1.0 / 132.0, -1.0 / 240.0, 1.0 / 252.0, -1.0 / 120.0, 1.0 / 12.0]
            .iter()
            .fold(0.0, |sum, c| sum * z + c);
    sum + libm::log(x) - 0.5 / x - z * series
}

/// The trigamma function: recurrence up to 10, then the asymptotic series (DLMF 5.15.8); reflection below 0.
/// Infinite at 0 and the negative integers.
pub fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        let fraction = x - x.round_ties_even();
        if fraction == 0.0 {
            return f64::INFINITY;
        }
        let sine = libm::sin(PI * fraction);
        return PI * PI / (sine * sine) - trigamma(1.0 - x);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    // The Bernoulli numbers B(2k), highest first.
    let series = [7.0 / 6.0, -691.0 / 2730.0, 5.0 / 66.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 1.0 / 6.0]
        .iter()
        .fold(0.0, |sum, c| sum * z + c);
    sum + 1.0 / x + 0.5 * z + series * z / x
}

/// The modified Bessel function I₀: power series (DLMF 10.25.2) to 30, Hankel's expansion (DLMF 10.40.1) beyond.
pub fn i0(x: f64) -> f64 {
    bessel(x.abs(), 0.0)
}

/// The modified Bessel function I₁, as [`i0`].
pub fn i1(x: f64) -> f64 {
    bessel(x.abs(), 1.0).copysign(x)
}

fn bessel(x: f64, order: f64) -> f64 {
    if x.is_infinite() || x.is_nan() {
        return x;
    }
    if x <= 30.0 {
        let quarter = 0.25 * x * x;
        let mut term = if order == 0.0 { 1.0 } else { 0.5 * x };
        let (mut sum, mut k) = (term, 1.0);
        while term > sum * 1e-18 {
            term *= quarter / (k * (k + order));
            sum += term;
            k += 1.0;
        }
        return sum;
    }
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while k < 30.0 && f64::abs(term) > 1e-18 {
        let odd = 2.0 * k - 1.0;
        term *= -(4.0 * order * order - odd * odd) / (8.0 * k * x);
        sum += term;
        k += 1.0;
    }
    // exp(x) in two factors: it overflows before the quotient does.
    let half = libm::exp(0.5 * x);
    half / (2.0 * PI * x).sqrt() * sum * half
}
