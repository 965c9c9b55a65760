//! Conversions between dtypes, as tile functions.
//!
//! In tiles half precisions are float32, so that conversions exist between thirteen types; float16 and bfloat16
//! are made from float32 by [`narrow`] and read by [`widen`], and [`round`] leaves a tile of float32 with values
//! that the half precision holds.

use std::marker::PhantomData;

use tenfold_ir::{Boolean, Complex, DType, Element};

use super::body::{Body, Copying, TileFunction, function_below_avx512};
use super::half;
use crate::simd::Tier;

/// A conversion between two types of tiles: floats to integers saturate with NaN as 0, integers wrap, complex
/// numbers lose their imaginary part on the way to real ones, everything but 0 is true.
trait Convert<To> {
    fn convert(self) -> To;
}

macro_rules! convert_reals {
    ($from:ty => $($to:ty),*) => {
        $(impl Convert<$to> for $from {
            #[inline(always)]
            fn convert(self) -> $to {
                self as $to
            }
        })*
        impl Convert<bool> for $from {
            #[inline(always)]
            fn convert(self) -> bool {
                self != 0 as $from
            }
        }
        convert_reals!(@complex $from => f32, f64);
    };
    (@complex $from:ty => $($part:ty),*) => {
        $(impl Convert<Complex<$part>> for $from {
            #[inline(always)]
            fn convert(self) -> Complex<$part> {
                Complex::new(self as $part, 0.0)
            }
        })*
    };
}
macro_rules! convert_all_reals {
    ($($from:ty),*) => {
        $(convert_reals!($from => i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);)*
    };
}
convert_all_reals!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

macro_rules! convert_bool {
    ($($to:ty),*) => {
        $(impl Convert<$to> for bool {
            #[inline(always)]
            fn convert(self) -> $to {
                self as u8 as $to
            }
        })*
    };
}
convert_bool!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

impl Convert<bool> for bool {
    #[inline(always)]
    fn convert(self) -> bool {
        self
    }
}

macro_rules! convert_complex {
    ($($part:ty),*) => {
        $(
            impl<To> Convert<To> for Complex<$part>
            where
                ($part, $part): FromParts<To>,
            {
                #[inline(always)]
                fn convert(self) -> To {
                    (self.re, self.im).real_or_both()
                }
            }
            impl Convert<Complex<$part>> for bool {
                #[inline(always)]
                fn convert(self) -> Complex<$part> {
                    Complex::new(self as u8 as $part, 0.0)
                }
            }
        )*
    };
}
convert_complex!(f32, f64);

/// The conversion of a complex number, given its parts.
trait FromParts<To> {
    fn real_or_both(self) -> To;
}

macro_rules! from_parts {
    ($part:ty => $($to:ty),*) => {
        $(impl FromParts<$to> for ($part, $part) {
            #[inline(always)]
            fn real_or_both(self) -> $to {
                self.0 as $to
            }
        })*
        impl FromParts<bool> for ($part, $part) {
            #[inline(always)]
            fn real_or_both(self) -> bool {
                (self.0 != 0.0) | (self.1 != 0.0)
            }
        }
        impl FromParts<Complex<f32>> for ($part, $part) {
            #[inline(always)]
            fn real_or_both(self) -> Complex<f32> {
                Complex::new(self.0 as f32, self.1 as f32)
            }
        }
        impl FromParts<Complex<f64>> for ($part, $part) {
            #[inline(always)]
            fn real_or_both(self) -> Complex<f64> {
                Complex::new(self.0 as f64, self.1 as f64)
            }
        }
    };
}
from_parts!(f32 => i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);
from_parts!(f64 => i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

struct Converting<From, To>(PhantomData<(From, To)>);

impl<From, To> Body for Converting<From, To>
where
    From: super::body::TileValue + Convert<To>,
    To: super::body::TileValue,
{
    type Arguments = (From,);
    type Result = To;
    #[inline(always)]
    fn call((value,): (From,)) -> To {
        value.convert()
    }
}

/// Runs an expression with a type parameter bound to the type that a dtype's tiles hold.
macro_rules! with_tile_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            DType::Bool => {
                type $T = bool;
                $body
            }
            DType::Int8 => {
                type $T = i8;
                $body
            }
            DType::Int16 => {
                type $T = i16;
                $body
            }
            DType::Int32 => {
                type $T = i32;
                $body
            }
            DType::Int64 => {
                type $T = i64;
                $body
            }
            DType::Uint8 => {
                type $T = u8;
                $body
            }
            DType::Uint16 => {
                type $T = u16;
                $body
            }
            DType::Uint32 => {
                type $T = u32;
                $body
            }
            DType::Uint64 => {
                type $T = u64;
                $body
            }
            DType::Float16 | DType::Bfloat16 | DType::Float32 => {
                type $T = f32;
                $body
            }
            DType::Float64 => {
                type $T = f64;
                $body
            }
            DType::Complex64 => {
                type $T = Complex<f32>;
                $body
            }
            DType::Complex128 => {
                type $T = Complex<f64>;
                $body
            }
        }
    };
}

/// Converts tiles of `from` to tiles of `to`. Rounding to a half precision is a step of its own, see [`round`].
pub fn convert(from: DType, to: DType, tier: Tier) -> TileFunction {
    with_tile_type!(from, From => with_tile_type!(to, To => function_below_avx512::<Converting<From, To>>(tier)))
}

/// Copies tiles as they are in memory.
pub fn copy(dtype: DType, tier: Tier) -> TileFunction {
    match dtype.size() {
        1 => function_below_avx512::<Copying<u8>>(tier),
        2 => function_below_avx512::<Copying<u16>>(tier),
        4 => function_below_avx512::<Copying<u32>>(tier),
        8 => function_below_avx512::<Copying<u64>>(tier),
        _ => function_below_avx512::<Copying<Complex<f64>>>(tier),
    }
}

macro_rules! half_bodies {
    ($($(#[$doc:meta])* $name:ident($from:ty) -> $to:ty = $function:path;)*) => {
        $($(#[$doc])*
        struct $name;
        impl Body for $name {
            type Arguments = ($from,);
            type Result = $to;
            #[inline(always)]
            fn call((value,): ($from,)) -> $to {
                $function(value)
            }
        })*
    };
}
half_bodies! {
    WidenFloat16(u16) -> f32 = half::float16_to_float32;
    WidenBfloat16(u16) -> f32 = half::bfloat16_to_float32;
    NarrowFloat16(f32) -> u16 = half::float32_to_float16;
    NarrowBfloat16(f32) -> u16 = half::float32_to_bfloat16;
    RoundFloat16(f32) -> f32 = half::round_to_float16;
    RoundBfloat16(f32) -> f32 = half::round_to_bfloat16;
    NarrowToOdd(f64) -> f32 = half::float64_to_float32_odd;
}

/// From a half precision in memory to a tile of float32.
pub fn widen(dtype: DType, tier: Tier) -> TileFunction {
    match dtype {
        DType::Float16 => function_below_avx512::<WidenFloat16>(tier),
        _ => function_below_avx512::<WidenBfloat16>(tier),
    }
}

/// From a tile of float32 to a half precision in memory.
pub fn narrow(dtype: DType, tier: Tier) -> TileFunction {
    match dtype {
        DType::Float16 => function_below_avx512::<NarrowFloat16>(tier),
        _ => function_below_avx512::<NarrowBfloat16>(tier),
    }
}

/// Rounds a tile of float32 to what a half precision holds.
pub fn round(dtype: DType, tier: Tier) -> TileFunction {
    match dtype {
        DType::Float16 => function_below_avx512::<RoundFloat16>(tier),
        _ => function_below_avx512::<RoundBfloat16>(tier),
    }
}

/// From float64 to float32 rounding to odd, after which rounding to a half precision is as if done at once.
pub fn narrow_to_odd(tier: Tier) -> TileFunction {
    function_below_avx512::<NarrowToOdd>(tier)
}

/// The bytes of an element in a tile.
pub fn tile_size(dtype: DType) -> usize {
    dtype.compute().size()
}

/// Fills a tile of `dtype` with a scalar, rounded to the dtype.
///
/// # Safety
/// `target` is aligned for the dtype and holds `count` elements of its tile type.
pub unsafe fn fill(scalar: tenfold_ir::Scalar, dtype: DType, target: *mut u8, count: usize) {
    macro_rules! fill_as {
        ($type:ty, $value:expr) => {{
            let value: $type = $value;
            for index in 0..count {
                // SAFETY: the caller's promise.
                unsafe { target.cast::<$type>().add(index).write(value) };
            }
        }};
    }
    match dtype {
        DType::Float16 => fill_as!(f32, tenfold_ir::f16::from_scalar(scalar).to_f32()),
        DType::Bfloat16 => fill_as!(f32, tenfold_ir::bf16::from_scalar(scalar).to_f32()),
        DType::Bool => fill_as!(u8, Boolean::from_scalar(scalar).0),
        _ => tenfold_ir::with_element!(dtype, T => fill_as!(T, T::from_scalar(scalar))),
    }
}
