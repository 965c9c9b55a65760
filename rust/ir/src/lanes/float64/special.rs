//! Error, gamma and Bessel functions of `f64`: scalar code, for these are rare.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use crate::lanes::exponential::exp;
use crate::lanes::kernel::polynomial;

/// The distribution function of the standard normal distribution, erfc(−x / √2) / 2: 2.5 ULP. What the argument of erfc
/// loses to rounding comes back by the derivative.
pub fn ndtr(x: f64) -> f64 {
    /// 1 / √2 − [`FRAC_1_SQRT_2`].
    const REST: f64 = -4.833646656726457e-17;
    let argument = -x * FRAC_1_SQRT_2;
    let lost = if argument.is_finite() { (-x).mul_add(FRAC_1_SQRT_2, -argument) - x * REST } else { 0.0 };
    let density = 0.5 * FRAC_2_SQRT_PI * libm::exp(-argument * argument);
    lost.mul_add(-density, 0.5 * libm::erfc(argument))
}

/// The density of the standard normal distribution: 2.5 ULP. What x² loses to rounding comes back by the derivative.
pub fn normal_pdf(x: f64) -> f64 {
    // The density is 0 from here on, and the square finite.
    let a = if x.abs() > 40.0 { 40.0 } else { x.abs() };
    let square = a * a;
    let lost = a.mul_add(a, -square);
    let decay = exp(-0.5 * square);
    (0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI) * decay.mul_add(-0.5 * lost, decay)
}

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
/// Infinite at 0, at the negative integers and at −∞.
pub fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        let fraction = x - x.round_ties_even();
        if fraction == 0.0 || x.is_infinite() {
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

/// From here on the Bessel functions are exp(|x|) / √|x| times a polynomial in 16 / |x| − 1.
const BESSEL_LARGE: f64 = 8.0;

/// The modified Bessel function I₀: 3 ULP. A polynomial in x² below 8, in 16 / |x| − 1 beyond, both interpolated at
/// Chebyshev nodes with 60 digits to an error of 2⁻⁵⁶ (before the coefficients were rounded).
pub fn i0(x: f64) -> f64 {
    let a = x.abs();
    if a < BESSEL_LARGE {
        return polynomial!(a * a;
            7.1563841038704715e-40, 4.596006867582227e-37, 5.566132785039442e-34, 4.888364886932104e-31,
            3.8439551522008304e-28, 2.5977414368153943e-25, 1.4963370838452556e-22, 7.242257588753194e-20,
            2.896903414473123e-17, 9.385966986098854e-15, 2.402807549583671e-12, 4.7095027970619e-10,
            6.781684027778203e-08, 6.781684027777758e-06, 0.0004340277777777778, 0.015625, 0.25, 1.0);
    }
    let decay = polynomial!(2.0 * BESSEL_LARGE / a - 1.0;
        -2.4421972688131832e-11, 9.114760157514253e-11, 1.7698085539456536e-10, -6.494591114401118e-10,
        -6.327909921997027e-10, 2.163681278413876e-09, 1.6084886155781772e-09, -4.5305710768621196e-09,
        -3.5862834111582305e-09, 6.522264862032271e-09, 7.600254486433509e-09, -5.0175940345046716e-09,
        -1.3427511481900905e-08, -6.856484545962442e-09, 7.559364098665437e-09, 2.156780676115673e-08,
        3.932512321137824e-08, 8.872014585661555e-08, 2.9735992084667734e-07, 1.4838476780922646e-06,
        1.114303378845176e-05, 0.00013621607438951463, 0.0033605519836678913, 0.4021765094450081);
    bessel_growth(a, decay)
}

/// The modified Bessel function I₁, as [`i0`].
pub fn i1(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < BESSEL_LARGE {
        a * polynomial!(a * a;
            1.9429054278018938e-41, 1.3769047940227915e-38, 1.7329954717086137e-35, 1.630447729545268e-32,
            1.3727374047117812e-29, 9.991390632392436e-27, 6.234733594318706e-24, 3.2919354425983547e-21,
            1.4484517018212629e-18, 5.214426104646516e-16, 1.5017547184680642e-13, 3.3639305693326665e-11,
            5.651403356481591e-09, 6.781684027777773e-07, 5.4253472222222226e-05, 0.0026041666666666665,
            0.0625, 0.5)
    } else {
        let decay = polynomial!(2.0 * BESSEL_LARGE / a - 1.0;
            2.2421768596847442e-11, -9.491890392992048e-11, -1.6283264322621244e-10, 6.7727478454462e-10,
            5.870664618471487e-10, -2.2624401109204446e-09, -1.5218214060680734e-09, 4.763780078020254e-09,
            3.501765193290176e-09, -6.9444186339873875e-09, -7.687251308765992e-09, 5.5720183980930355e-09,
            1.4051746928735543e-08, 6.84757829926934e-09, -8.432168972932417e-09, -2.3394122958362557e-08,
            -4.3128498031006734e-08, -1.0001075046243961e-07, -3.4838563464253135e-07, -1.8349102493990178e-06,
            -1.5038547198221758e-05, -0.00021923576383137776, -0.009749577193235765, 0.38939845902587233);
        bessel_growth(a, decay)
    };
    value.copysign(x)
}

/// exp(a) / √a · `decay`
fn bessel_growth(a: f64, decay: f64) -> f64 {
    if a.is_infinite() {
        return a;
    }
    // exp(a) in two factors: it overflows before the quotient does.
    let half = libm::exp(0.5 * a);
    half / a.sqrt() * decay * half
}
