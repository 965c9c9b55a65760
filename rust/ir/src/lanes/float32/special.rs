//! Error, gamma and Bessel functions of `f32`, all but erf and erfc in double precision and rounded once. Fitted coefficients
//! interpolate at Chebyshev nodes, computed with 60 digits.
#![allow(clippy::excessive_precision, reason = "coefficients keep the digits of their fit")]

use super::trigonometric::sin_cos;
use crate::lanes::kernel::{Kernel, polynomial};
use crate::lanes::{
    exponential::{exp, exp_decay, exp_parts},
    logarithm::log,
};
use std::f64::consts::PI;

/// The error function: 1.5 ULP, in single precision. An odd polynomial below 1 (error 2⁻²⁹),
/// beyond 1 − exp(−a Q(a)) with a polynomial Q (error 2⁻²⁵ of erfc).
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let a = x.abs();
    let small = a.mul_add(
        polynomial!(x * x;
            7.875875062685488e-05f32, -0.000801686428716587, 0.005189087423433974, -0.026854212010626412,
            0.11283594715160218, -0.37612626666720334, 0.12837916584835093),
        a,
    );
    let bounded = if a > 4.0 { 4.0 } else { a };
    let decay = polynomial!(bounded;
        1.4845215964857814e-07f32, -3.5925389475130477e-06, 3.661280386816312e-05, -0.0001895663933189076,
        0.0003319336289644783, 0.0023152235835389684, -0.02207567315525963, 0.10493259818836916,
        0.6357118536081589, 1.1285459637956088);
    let large = 1.0 - exp_decay(-bounded * decay);
    (if a < 1.0 { small } else { large }).copysign(x)
}

/// The complementary error function: 3.6 ULP, in single precision. For a ≥ 0 it is
/// exp(−a²) / (a + 2) times a polynomial in (a − 2) / (a + 2) (error 2⁻²⁷), after Shepherd and Laframboise,
/// *Chebyshev approximation of (1 + 2x) exp(x²) erfc x* (1981). What a² and the reciprocal lose to rounding goes into
/// the exponential.
#[inline(always)]
pub(super) fn erfc(x: f32) -> f32 {
    let a = x.abs();
    // 0 is chosen: products that underflow are slow.
    let vanishes = a > 10.1;
    let a = if vanishes { 1.0 } else { a };
    let square = a * a;
    let lost_by_square = a.mul_add(a, -square);
    let sum = a + 2.0;
    let inverse = 1.0 / sum;
    let lost_by_inverse = inverse.mul_add(-sum, 1.0);
    let (q, shifted) = exp_parts(-square);
    let decay = (1.0 + q).mul_add(lost_by_inverse - lost_by_square, q);
    let quotient = (a - 2.0) * inverse;
    let ratio = 2.0
        * inverse
        * polynomial!(quotient.mul_add(lost_by_inverse, quotient);
            3.207765565060611e-05f32, 1.9712649757791e-05, -0.00029395627925324965, -0.00041170008371874974,
            0.001530702807484868, 0.003236229795578768, -0.010752811697677849, -0.018220635501510533,
            0.13973588294076877, -0.3435803590665767, 0.5107913544316037);
    let lifted = f32::shifted_power_of_two(shifted, f32::LIFT);
    let value = ratio.mul_add(decay, ratio) * lifted * f32::lowered();
    let value = if vanishes { 0.0 } else { value };
    if x < 0.0 { 2.0 - value } else { value }
}

/// The inverse of the error function: 0.6 ULP. Giles, *Approximating the erfinv function* (2010): a polynomial in
/// w = −log(1 − x²), or in √w in the tail, here fitted to an error of 2⁻³⁰.
#[inline(always)]
pub(super) fn erfinv(x: f32) -> f32 {
    let x = x as f64;
    let w = -log((1.0 - x) * (1.0 + x));
    let centre = polynomial!(w - 2.5;
        1.2346577114502573e-10, 4.340626803853993e-10, -1.0861761271594343e-08, 1.650364404121373e-08,
        4.786897084558858e-07, -3.426266209734268e-06, -4.996000110143956e-06, 0.0002182641252155226,
        -0.0012527079573557702, -0.004177325080457763, 0.24664027674858424, 1.5014093517481764);
    let tail = polynomial!(w.sqrt() - 3.0;
        -7.603337366253229e-06, -1.9727388592645793e-05, 0.00017263210575117839, -0.0002935127336917932,
        -0.0001275586609508694, 0.0014843926920903663, -0.003564736955668509, 0.005685501954696138,
        -0.00764312468878151, 0.009445481403591534, 1.001675254480953, 2.832976799290247);
    let value = x * if w < 5.0 { centre } else { tail };
    (if x.abs() == 1.0 { f64::INFINITY.copysign(x) } else { value }) as f32
}

/// The logarithm of |Γ|: 0.6 ULP, or an absolute 10⁻¹⁴ near its zeros. Stirling's series (DLMF 5.11.1) at the
/// argument + 8, less the logarithm of the product in between; reflection below 0.
#[inline(always)]
pub(super) fn lgamma(x: f32) -> f32 {
    let x = x as f64;
    let a = x.abs();
    let near = a < 8.0;
    let base = if near { a } else { 8.0 };
    let mut product = base;
    for k in 1..8 {
        product *= base + k as f64;
    }
    let product = if near { product } else { 1.0 };
    let z = if near { a + 8.0 } else { a };
    let inverse = 1.0 / z;
    // B(2k) / (2k (2k − 1)).
    let series = inverse
        * polynomial!(inverse * inverse;
            1.0 / 156.0, -691.0 / 360360.0, 1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0);
    const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;
    let positive = (z - 0.5) * log(z) - z + HALF_LOG_TAU + series - log(product);
    let sine = sin_cos(0.5 * (a - a.round_ties_even())).0;
    let negative = log(PI / (sine.abs() * a)) - positive;
    let value = if x < 0.0 { negative } else { positive };
    (if a == f64::INFINITY { a } else { value }) as f32
}

/// ψ: 0.6 ULP, or an absolute 10⁻¹⁴ near its zeros. The asymptotic series (DLMF 5.11.2) at the argument + 8,
/// less the reciprocals in between as one fraction; reflection below 0. ∓infinite at ±0, NaN at negative integers.
#[inline(always)]
pub(super) fn digamma(x: f32) -> f32 {
    let x = x as f64;
    let reflect = x < 0.0;
    let argument = if reflect { 1.0 - x } else { x };
    let near = argument < 8.0;
    let base = if near { argument } else { 8.0 };
    let (mut numerator, mut denominator) = (1.0, base);
    for k in 1..8 {
        let next = base + k as f64;
        numerator = numerator * next + denominator;
        denominator *= next;
    }
    let between = if near { numerator / denominator } else { 0.0 };
    let z = if near { argument + 8.0 } else { argument };
    let inverse = 1.0 / z;
    let square = inverse * inverse;
    // B(2k) / 2k.
    let series = square
        * polynomial!(square;
            1.0 / 12.0, -691.0 / 32760.0, 1.0 / 132.0, -1.0 / 240.0, 1.0 / 252.0, -1.0 / 120.0, 1.0 / 12.0);
    let value = log(z) - 0.5 * inverse - series - between;
    let fraction = x - x.round_ties_even();
    let (sine, cosine) = sin_cos(0.5 * fraction);
    let reflected = value - PI * (cosine / sine);
    let reflected = if fraction == 0.0 { f64::NAN } else { reflected };
    (if reflect { reflected } else { value }) as f32
}

/// ψ′: 0.6 ULP. The asymptotic series (DLMF 5.15.8) as for [`digamma`]. Infinite at 0, at the negative integers and
/// at −∞.
#[inline(always)]
pub(super) fn trigamma(x: f32) -> f32 {
    let x = x as f64;
    let reflect = x < 0.0;
    let argument = if reflect { 1.0 - x } else { x };
    let near = argument < 8.0;
    let base = if near { argument } else { 8.0 };
    let (mut numerator, mut denominator) = (1.0, base * base);
    for k in 1..8 {
        let next = (base + k as f64) * (base + k as f64);
        numerator = numerator * next + denominator;
        denominator *= next;
    }
    let between = if near { numerator / denominator } else { 0.0 };
    let z = if near { argument + 8.0 } else { argument };
    let inverse = 1.0 / z;
    let square = inverse * inverse;
    // B(2k).
    let series = square
        * polynomial!(square;
            7.0 / 6.0, -691.0 / 2730.0, 5.0 / 66.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 1.0 / 6.0);
    let value = inverse + 0.5 * square + series * inverse + between;
    let sine = sin_cos(0.5 * (x - x.round_ties_even())).0;
    let reflected = PI * PI / (sine * sine) - value;
    let reflected = if x == f64::NEG_INFINITY { f64::INFINITY } else { reflected };
    (if reflect { reflected } else { value }) as f32
}

/// exp(a) / √a times a polynomial in 1 / a for a ≥ 8, infinite in f32 long before the bound.
macro_rules! bessel_large {
    ($a:expr; $($coefficient:expr),*) => {{
        let a = if $a < 8.0 { 8.0 } else { $a };
        let a = if a > 100.0 { 100.0 } else { a };
        exp(a) / a.sqrt() * polynomial!(1.0 / a; $($coefficient),*)
    }};
}

/// I₀: 0.6 ULP. Polynomials in x² below 8 (error 2⁻⁴³), in 1 / |x| beyond (error 2⁻³²).
#[inline(always)]
pub(super) fn i0(x: f32) -> f32 {
    let a = x.abs() as f64;
    let small = polynomial!(a * a;
        6.766620312697323e-28, 1.9604322484279707e-25, 1.574621386877568e-22, 7.180455851777184e-20,
        2.900224692549785e-17, 9.384720979538419e-15, 2.4028403679402042e-12, 4.70949678755302e-10,
        6.781684773388695e-08, 6.781683967928255e-06, 0.0004340277780652326, 0.01562499999928022,
        0.2500000000007093, 0.9999999999998842);
    let large = bessel_large!(a;
        12.295723878534702, 2.392166388882876, -0.66541587011137, 0.20712121338657485, 0.03766948152121871,
        0.029436138603293527, 0.028047453725184218, 0.04986780342610092, 0.39894228037623286);
    (if a < 8.0 { small } else { large }) as f32
}

/// I₁: 0.6 ULP. x times a polynomial in x² below 8 (error 2⁻⁴⁷), in 1 / |x| beyond (error 2⁻³²).
#[inline(always)]
pub(super) fn i1(x: f32) -> f32 {
    let a = x.abs() as f64;
    let small = a * polynomial!(a * a;
        2.32934729628083e-29, 7.91595456507104e-27, 6.489053857515616e-24, 3.271886730116591e-21,
        1.4495281281367151e-18, 5.21402253781992e-16, 1.5017653429068616e-13, 3.363928624530091e-11,
        5.651403597713453e-09, 6.781684008418054e-07, 5.425347223151933e-05, 0.002604166666643389,
        0.06250000000002294, 0.4999999999999963);
    let large = bessel_large!(a;
        -16.67920992066687, -1.3185070645691739, 0.47359137956901115, -0.21688908867114592,
        -0.05086282009216226, -0.041114712027777466, -0.046747981314660514, -0.14960337297521592,
        0.3989422804259083);
    (if a < 8.0 { small } else { large }).copysign(x as f64) as f32
}
