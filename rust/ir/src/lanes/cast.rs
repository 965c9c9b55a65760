//! Conversions between element types, straight-line so that loops of them widen.
//!
//! Floats round to nearest even, once; floats to integers saturate and NaN gives 0; integers wrap; anything but
//! zero, NaN included, is true.

use half::{bf16, f16};

use crate::Boolean;

/// The conversion of an element to another type.
pub trait Cast<To>: Copy {
    /// `self` in the type `To`.
    fn cast(self) -> To;
}

/// f16 to f32, exact.
#[inline(always)]
pub fn f16_to_f32(x: f16) -> f32 {
    let bits = x.to_bits() as u32;
    let shifted = (bits & 0x7fff) << 13;
    let special = shifted >= 0x0f80_0000;
    // The exponent's bias grows by 112; infinity and NaN go up to the top exponent.
    let normal = f32::from_bits(shifted + if special { 224 << 23 } else { 112 << 23 });
    // A subnormal becomes the mantissa of a number at 2⁻¹⁴, from which 2⁻¹⁴ is taken.
    let subnormal = f32::from_bits(shifted + (113 << 23)) - f32::from_bits(113 << 23);
    let magnitude = if shifted < 0x0080_0000 { subnormal } else { normal };
    f32::from_bits(magnitude.to_bits() | ((bits & 0x8000) << 16))
}

/// f32 to f16, rounded to nearest even.
#[inline(always)]
pub fn f32_to_f16(x: f32) -> f16 {
    let bits = x.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    let odd = (magnitude >> 13) & 1;
    let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0xfff + odd) >> 13;
    // Adding 0.5 rounds at the last place of a subnormal f16.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let finite = if magnitude < 113 << 23 { subnormal } else { normal };
    let limit = if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 };
    let result = if magnitude >= 143 << 23 { limit } else { finite };
    f16::from_bits(result as u16 | ((bits >> 16) & 0x8000) as u16)
}

/// bf16 to f32, exact.
#[inline(always)]
pub fn bf16_to_f32(x: bf16) -> f32 {
    f32::from_bits((x.to_bits() as u32) << 16)
}

/// f32 to bf16, rounded to nearest even.
#[inline(always)]
pub fn f32_to_bf16(x: f32) -> bf16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let nan = (bits >> 16) | 0x40;
    bf16::from_bits(if (bits & 0x7fff_ffff) > 0x7f80_0000 { nan } else { rounded } as u16)
}

/// f64 to f32, rounded to odd: a second rounding to at most 22 bits then gives what one rounding would.
#[inline(always)]
fn f64_to_f32_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let wide = nearest as f64;
    let bits = nearest.to_bits();
    let truncated = if wide.abs() > x.abs() { bits.wrapping_sub(1) } else { bits };
    let inexact = (wide != x) & !x.is_nan();
    f32::from_bits(if inexact { truncated | 1 } else { bits })
}

/// f64 to f16, rounded once.
#[inline(always)]
pub fn f64_to_f16(x: f64) -> f16 {
    f32_to_f16(f64_to_f32_odd(x))
}

/// f64 to bf16, rounded once.
#[inline(always)]
pub fn f64_to_bf16(x: f64) -> bf16 {
    f32_to_bf16(f64_to_f32_odd(x))
}

/// A magnitude and sign as a number that has the same roundings to 22 bits and fits f64 exactly.
///
/// Up to 53 bits nothing changes; above, the low bits are gathered into one that keeps ties apart.
#[inline(always)]
fn wide_integer(negative: bool, magnitude: u64) -> f64 {
    let sticky = (magnitude & 0x7ff != 0) as u64;
    let gathered = (magnitude & !0x7ff) | (sticky << 11);
    let kept = if magnitude >> 53 == 0 { magnitude } else { gathered };
    if negative { -(kept as f64) } else { kept as f64 }
}

macro_rules! casts {
    ($from:ident => $($to:ident)*: |$x:ident| $value:expr) => {
        $(impl Cast<$to> for $from {
            #[inline(always)]
            fn cast(self) -> $to {
                let $x = self;
                $value as $to
            }
        })*
    };
}

macro_rules! from_integers {
    ($($from:ident)*) => { $(
        casts!($from => i8 i16 i32 i64 u8 u16 u32 u64 f32 f64: |x| x);
        impl Cast<f16> for $from {
            #[inline(always)]
            fn cast(self) -> f16 {
                f64_to_f16(wide_integer(self < 0 as $from, self.abs_diff(0) as u64))
            }
        }
        impl Cast<bf16> for $from {
            #[inline(always)]
            fn cast(self) -> bf16 {
                f64_to_bf16(wide_integer(self < 0 as $from, self.abs_diff(0) as u64))
            }
        }
        impl Cast<Boolean> for $from {
            #[inline(always)]
            fn cast(self) -> Boolean {
                Boolean((self != 0) as u8)
            }
        }
    )* };
}
#[allow(unused_comparisons, reason = "one body serves signed and unsigned types")]
mod integers {
    use super::*;
    from_integers!(i8 i16 i32 i64 u8 u16 u32 u64);
}

/// The low 32 bits of an integer of magnitude below 2⁵¹, in two's complement: 1.5 · 2⁵² moves them to the low end
/// of the mantissa. The compiler does not widen Rust's own saturating conversion, but it does this.
#[inline(always)]
fn low_bits(x: f64) -> u32 {
    (x + 6_755_399_441_055_744.0).to_bits() as u32
}

const TWO_32: f64 = 4_294_967_296.0;

/// An integer of magnitude at most 2⁶⁴, wrapped, in two halves.
#[inline(always)]
fn wide_bits(x: f64) -> u64 {
    let high = (x * (1.0 / TWO_32)).floor();
    ((low_bits(high) as u64) << 32) | low_bits(x - high * TWO_32) as u64
}

#[inline(always)]
fn f64_to_i64(x: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let bounded = if x < -LIMIT { -LIMIT } else { x };
    let value = wide_bits(bounded.trunc()) as i64;
    let value = if x >= LIMIT { i64::MAX } else { value };
    if x.is_nan() { 0 } else { value }
}

#[inline(always)]
fn f64_to_u64(x: f64) -> u64 {
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    let value = wide_bits(x.trunc());
    let value = if x >= LIMIT { u64::MAX } else { value };
    if x > 0.0 { value } else { 0 }
}

macro_rules! saturating {
    ($from:ident, $wide:expr => $($to:ident)*) => {
        $(impl Cast<$to> for $from {
            #[inline(always)]
            fn cast(self) -> $to {
                let x = $wide(self) as f64;
                let x = if x < $to::MIN as f64 { $to::MIN as f64 } else { x };
                let x = if x > $to::MAX as f64 { $to::MAX as f64 } else { x };
                if x.is_nan() { 0 } else { low_bits(x.trunc()) as $to }
            }
        })*
    };
}

macro_rules! from_floats {
    ($($from:ident, $wide:expr, $f16:expr, $bf16:expr;)*) => { $(
        casts!($from => f32 f64: |x| $wide(x));
        saturating!($from, $wide => i8 i16 i32 u8 u16 u32);
        impl Cast<i64> for $from {
            #[inline(always)]
            fn cast(self) -> i64 {
                f64_to_i64($wide(self) as f64)
            }
        }
        impl Cast<u64> for $from {
            #[inline(always)]
            fn cast(self) -> u64 {
                f64_to_u64($wide(self) as f64)
            }
        }
        impl Cast<f16> for $from {
            #[inline(always)]
            fn cast(self) -> f16 {
                $f16(self)
            }
        }
        impl Cast<bf16> for $from {
            #[inline(always)]
            fn cast(self) -> bf16 {
                $bf16(self)
            }
        }
        impl Cast<Boolean> for $from {
            #[inline(always)]
            fn cast(self) -> Boolean {
                Boolean(($wide(self) != 0.0) as u8)
            }
        }
    )* };
}
from_floats! {
    f16, f16_to_f32, |x: f16| x, |x: f16| f32_to_bf16(f16_to_f32(x));
    bf16, bf16_to_f32, |x: bf16| f32_to_f16(bf16_to_f32(x)), |x: bf16| x;
    f32, |x: f32| x, f32_to_f16, f32_to_bf16;
    f64, |x: f64| x, f64_to_f16, f64_to_bf16;
}

casts!(Boolean => i8 i16 i32 i64 u8 u16 u32 u64: |x| (x.0 != 0) as u8);
casts!(Boolean => f32 f64: |x| (x.0 != 0) as u8);
impl Cast<f16> for Boolean {
    #[inline(always)]
    fn cast(self) -> f16 {
        if self.0 != 0 { f16::ONE } else { f16::ZERO }
    }
}
impl Cast<bf16> for Boolean {
    #[inline(always)]
    fn cast(self) -> bf16 {
        if self.0 != 0 { bf16::ONE } else { bf16::ZERO }
    }
}
impl Cast<Boolean> for Boolean {
    #[inline(always)]
    fn cast(self) -> Boolean {
        Boolean((self.0 != 0) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_convert_exactly_to_f32_and_back() {
        for bits in 0..=u16::MAX {
            let (a, b) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert!(f16_to_f32(a).to_bits() == a.to_f32().to_bits() || a.is_nan() && f16_to_f32(a).is_nan());
            assert!(
                bf16_to_f32(b).to_bits() == b.to_f32().to_bits() || b.is_nan() && bf16_to_f32(b).is_nan()
            );
            assert!(a.is_nan() || f32_to_f16(f16_to_f32(a)) == a);
            assert!(b.is_nan() || f32_to_bf16(bf16_to_f32(b)) == b);
        }
    }

    #[test]
    fn rounding_to_halves_agrees_with_the_half_crate() {
        for index in 0..1u32 << 16 {
            // Ties and their neighbours for both formats, and a pattern in between.
            for low in [0, 1, 0x0fff, 0x1000, 0x1001, 0x3000, 0x7fff, 0x8000, 0x8001, 0xb123, 0xffff] {
                let x = f32::from_bits((index << 16) | low);
                let (a, b): (f16, bf16) = (x.cast(), x.cast());
                assert!(a.to_bits() == f16::from_f32_const(x).to_bits() || a.is_nan() && x.is_nan(), "{x:e}");
                assert!(b.to_bits() == bf16::from_f32(x).to_bits() || b.is_nan() && x.is_nan(), "{x:e}");
            }
        }
    }

    #[test]
    fn f64_rounds_once_to_halves() {
        for index in 0..1u32 << 16 {
            for low in [0, 0x0fff, 0x1000, 0x3000, 0x8000, 0xb123] {
                let x = f32::from_bits((index << 16) | low);
                if x == 0.0 || !x.is_finite() {
                    continue;
                }
                for nudge in [-1, 0, 1] {
                    let wide = f64::from_bits((x as f64).to_bits().wrapping_add_signed(nudge));
                    let (a, b): (f16, bf16) = (wide.cast(), wide.cast());
                    // The differences are exact, being multiples of the last place of `wide`.
                    let distance =
                        |near: f64| if near.is_finite() { (near - wide).abs() } else { f64::INFINITY };
                    for step in [-1, 1] {
                        let beside = f16::from_bits(a.to_bits().wrapping_add_signed(step)).to_f64();
                        assert!(a.is_infinite() || distance(a.to_f64()) <= distance(beside), "{wide:e}");
                        let beside = bf16::from_bits(b.to_bits().wrapping_add_signed(step)).to_f64();
                        assert!(b.is_infinite() || distance(b.to_f64()) <= distance(beside), "{wide:e}");
                    }
                    assert_eq!(a.is_infinite(), wide.abs() >= 65520.0);
                }
            }
        }
    }

    #[test]
    fn floats_become_integers_as_in_rust() {
        for index in 0..1u64 << 16 {
            for low in [0, 1, 0x7fff_ffff_ffff, 0xffff_ffff_ffff] {
                let x = f64::from_bits((index << 48) | low);
                assert_eq!(Cast::<i8>::cast(x), x as i8, "{x:e}");
                assert_eq!(Cast::<u8>::cast(x), x as u8, "{x:e}");
                assert_eq!(Cast::<i16>::cast(x), x as i16, "{x:e}");
                assert_eq!(Cast::<u16>::cast(x), x as u16, "{x:e}");
                assert_eq!(Cast::<i32>::cast(x), x as i32, "{x:e}");
                assert_eq!(Cast::<u32>::cast(x), x as u32, "{x:e}");
                assert_eq!(Cast::<i64>::cast(x), x as i64, "{x:e}");
                assert_eq!(Cast::<u64>::cast(x), x as u64, "{x:e}");
            }
        }
    }

    #[test]
    fn floats_saturate_and_integers_wrap() {
        assert_eq!(Cast::<i8>::cast(300.0f32), 127);
        assert_eq!(Cast::<u8>::cast(-1.0f64), 0);
        assert_eq!(Cast::<i64>::cast(f32::NAN), 0);
        assert_eq!(Cast::<i64>::cast(f64::INFINITY), i64::MAX);
        assert_eq!(Cast::<i8>::cast(f16::from_f32(-1e4)), -128);
        assert_eq!(Cast::<u8>::cast(-1i64), 255);
        assert_eq!(Cast::<i8>::cast(200u8), -56);
        assert_eq!(Cast::<Boolean>::cast(f32::NAN).0, 1);
        assert_eq!(Cast::<Boolean>::cast(-0.0f32).0, 0);
        assert_eq!(Cast::<f32>::cast(Boolean(7)), 1.0);
    }

    #[test]
    fn large_integers_round_once() {
        let above_tie = (1i64 << 62) + (1 << 54) + 1;
        assert_eq!(Cast::<bf16>::cast(above_tie).to_bits(), Cast::<bf16>::cast(1i64 << 62).to_bits() + 1);
        assert_eq!(Cast::<bf16>::cast(above_tie - 1).to_bits(), Cast::<bf16>::cast(1i64 << 62).to_bits());
        assert_eq!(Cast::<f16>::cast(i64::MIN), f16::NEG_INFINITY);
        assert_eq!(Cast::<f16>::cast(2049u32), f16::from_f32(2048.0));
    }
}
