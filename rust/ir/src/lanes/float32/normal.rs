//! The normal distribution in single precision, for the sake of GELU.
#![allow(clippy::excessive_precision, reason = "coefficients keep the digits of their fit")]

use crate::lanes::exponential::{expm1_polynomial, reduced};
use crate::lanes::kernel::{Kernel, polynomial};

/// 1 / √(2π).
const PEAK: f32 = 0.3989422804014327;

/// Beyond it the density is 0: it would be subnormal, and so would be what it is multiplied by. An operation that makes or
/// multiplies a subnormal number costs some processors a hundred others.
const VANISHED: f32 = 13.14668;

/// Below minus this the distribution function is 0 for the same reason.
const VANISHED_BELOW: f32 = 12.949952;

/// |x|, held within [`VANISHED`], and the density. What x² loses to rounding goes into the exponential.
#[inline(always)]
fn magnitude_and_density(x: f32) -> (f32, f32) {
    let vanishes = x.abs() > VANISHED;
    let a = if vanishes { VANISHED } else { x.abs() };
    let square = a * a;
    let lost = a.mul_add(a, -square);
    let (r, shifted) = reduced(square, -0.5);
    let q = expm1_polynomial(lost.mul_add(-0.5, r));
    // A product with the power of two, by its bits.
    let power = f32::shifted_power_of_two(shifted, f32::LIFT).to_bits();
    let scaled = f32::from_bits(power.wrapping_add(PEAK.to_bits()).wrapping_sub(1f32.to_bits()));
    (a, q.mul_add(scaled, scaled) * if vanishes { 0.0 } else { f32::lowered() })
}

/// The density of the standard normal distribution: 1.4 ULP; 0 where it would be subnormal.
#[inline(always)]
pub(super) fn normal_pdf(x: f32) -> f32 {
    magnitude_and_density(x).1
}

/// The distribution function of the standard normal distribution: 3.6 ULP; 0 where it would be subnormal. For −a ≤ 0 it
/// is the density times Mills' ratio 1 / (a + g(a)), where g, whose continued fraction is 1 / (a + 2 / (a + 3 / (a + …))),
/// is a rational function fitted to an error of the ratio of 2⁻²⁵·⁹. So written, nothing that is rounded in g counts for
/// large a.
#[inline(always)]
pub(super) fn ndtr(x: f32) -> f32 {
    let (a, density) = magnitude_and_density(x);
    let density = if a > VANISHED_BELOW { 0.0 } else { density };
    let numerator = polynomial!(a;
        1.845149313339789e-06f32, 0.018314290791749954, 0.1740722954273224, 0.6942372918128967, 1.5122820138931274);
    let denominator = polynomial!(a;
        0.018397457897663116f32, 0.17246924340724945, 0.7486391663551331, 1.7333003282546997, 1.8953644037246704);
    let below = denominator / a.mul_add(denominator, numerator) * density;
    if x > 0.0 { 1.0 - below } else { below }
}
