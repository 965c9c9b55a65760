//! Trigonometric functions of `f32`, in double precision and rounded once: 0.6 ULP for every argument.

use crate::lanes::kernel::polynomial;
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// 1 / 2π in parts of 29 bits (computed with 120 digits): the product of each with an f32 is exact in f64.
const INVERSE_TAU: [f64; 7] = [
    0.15915494272485375,
    3.6704158115630214e-10,
    5.690025167992954e-19,
    1.4703036846932608e-27,
    2.5867171752090537e-36,
    9.458140877728297e-46,
    9.301187196294348e-54,
];

/// The angle in turns, within ±0.5: Payne and Hanek's reduction with exact products in place of a table look-up.
/// Whole turns leave each product exactly; the last two products never reach one turn.
#[inline(always)]
fn turns(x: f32) -> f64 {
    let x = x as f64;
    let mut sum = 0.0;
    for part in &INVERSE_TAU[..5] {
        let product = x * part;
        sum += product - product.round_ties_even();
    }
    sum -= sum.round_ties_even();
    sum += x * INVERSE_TAU[5] + x * INVERSE_TAU[6];
    sum - sum.round_ties_even()
}

/// Sine and cosine of `turns` · 2π for |turns| ≤ 0.5: polynomials (fitted at Chebyshev nodes, error 2⁻⁴⁷) on the
/// eighth of a turn around the nearest quarter.
#[inline(always)]
pub(super) fn sin_cos(turns: f64) -> (f64, f64) {
    let quarter = (turns * 4.0).round_ties_even();
    let r = (turns - quarter * 0.25) * TAU;
    let z = r * r;
    let sine = r * polynomial!(z;
        -2.4756264849559612e-08, 2.7555267811628643e-06, -0.00019841263278795547, 0.008333333323840354,
        -0.16666666666616434, 0.9999999999999957);
    let cosine = polynomial!(z;
        2.06302094218755e-09, -2.7555229727213816e-07, 2.480157851231878e-05, -0.0013888888869903067,
        0.041666666666471334, -0.49999999999999245, 1.0);
    let odd = quarter.abs() == 1.0;
    let (a, b) = if odd { (cosine, sine) } else { (sine, cosine) };
    let half = quarter.abs() == 2.0;
    let a = if half | (quarter == -1.0) { -a } else { a };
    let b = if half | (quarter == 1.0) { -b } else { b };
    (a, b)
}

#[inline(always)]
pub(super) fn sin(x: f32) -> f32 {
    let value = sin_cos(turns(x.abs())).0 as f32;
    if x.is_sign_negative() { -value } else { value }
}

#[inline(always)]
pub(super) fn cos(x: f32) -> f32 {
    sin_cos(turns(x.abs())).1 as f32
}

#[inline(always)]
pub(super) fn tan(x: f32) -> f32 {
    let (sine, cosine) = sin_cos(turns(x.abs()));
    let value = (sine / cosine) as f32;
    if x.is_sign_negative() { -value } else { value }
}

/// The angle of the point (x, y): atan of the smaller by the larger coordinate (polynomial fitted at Chebyshev
/// nodes, error 2⁻³³), then the octant.
#[inline(always)]
fn angle(y: f64, x: f64) -> f64 {
    let (vertical, horizontal) = (y.abs(), x.abs());
    let steep = vertical > horizontal;
    let ratio = if steep { horizontal / vertical } else { vertical / horizontal };
    let equal = if vertical == 0.0 { 0.0 } else { 1.0 };
    let t = if vertical == horizontal { equal } else { ratio };
    let a = t * polynomial!(t * t;
        -0.0006633954571104787, 0.00473248419342192, -0.015828322749149415, 0.033826218952786875,
        -0.05395668057137172, 0.07228278345377252, -0.08974171958363882, 0.11091922963683302,
        -0.14283813255743194, 0.19999901102171555, -0.3333333129088999, 0.9999999999293037);
    let a = if steep { FRAC_PI_2 - a } else { a };
    let a = if x.is_sign_negative() { PI - a } else { a };
    a.copysign(y)
}

#[inline(always)]
pub(super) fn atan2(y: f32, x: f32) -> f32 {
    angle(y as f64, x as f64) as f32
}

#[inline(always)]
pub(super) fn atan(x: f32) -> f32 {
    angle(x as f64, 1.0) as f32
}

#[inline(always)]
pub(super) fn asin(x: f32) -> f32 {
    let x = x as f64;
    angle(x, ((1.0 - x) * (1.0 + x)).sqrt()) as f32
}

#[inline(always)]
pub(super) fn acos(x: f32) -> f32 {
    let x = x as f64;
    angle(((1.0 - x) * (1.0 + x)).sqrt(), x) as f32
}
