//! Conversions between dtypes, as tile functions.
//!
//! In tiles half precisions are float32: [`widen`] reads them, [`narrow`] writes them, and [`round`] leaves a tile of
//! float32 with values that the half precision holds.

use std::marker::PhantomData;

use tenfold_ir::lanes::cast::Cast;
use tenfold_ir::{Boolean, Complex, DType, Element, Scalar, bf16, f16};

use super::body::{Body, Copying, TileFunction, TileValue, function_below_avx512};
use crate::simd::{Tier, stream_to};

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident<$($parameter:ident),*>($value:ident: $from:ty) -> $to:ty
        where { $($bound:tt)* } $body:block)*) => {
        $(
            $(#[$doc])*
            struct $name<$($parameter),*>(PhantomData<($($parameter,)*)>);
            impl<$($parameter: Copy),*> Body for $name<$($parameter),*>
            where
                $from: TileValue,
                $to: TileValue,
                $($bound)*
            {
                type Arguments = ($from,);
                type Result = $to;
                #[inline(always)]
                fn call(($value,): ($from,)) -> $to $body
            }
        )*
    };
}
bodies! {
    /// From a real type or bool to another.
    Real<From, To>(value: From) -> To where { From: Cast<To> } {
        value.cast()
    }
    /// To a half precision and back into a tile of float32; rounds once.
    Rounded<From, Half>(value: From) -> f32 where { From: Cast<Half>, Half: Cast<f32> } {
        value.cast().cast()
    }
    /// To a complex type, with an imaginary part of 0.
    ToComplex<From, Part>(value: From) -> Complex<Part> where { From: Cast<Part>, f32: Cast<Part> } {
        Complex::new(value.cast(), 0.0_f32.cast())
    }
    /// The real part, converted.
    FromComplex<Part, To>(value: Complex<Part>) -> To where { Part: Cast<To> } {
        value.re.cast()
    }
    /// The real part, rounded to a half precision in a tile of float32.
    RoundedFromComplex<Part, Half>(value: Complex<Part>) -> f32 where { Part: Cast<Half>, Half: Cast<f32> } {
        value.re.cast().cast()
    }
    /// True where either part is not 0.
    TruthOfComplex<Part>(value: Complex<Part>) -> Boolean where { Part: Cast<Boolean> } {
        Boolean(value.re.cast().0 | value.im.cast().0)
    }
    /// Between complex types.
    BetweenComplex<From, To>(value: Complex<From>) -> Complex<To> where { From: Cast<To> } {
        Complex::new(value.re.cast(), value.im.cast())
    }
}

/// Runs an expression with a type parameter bound to the type that tiles of a real dtype hold; complex dtypes give
/// `$other`.
macro_rules! with_real_type {
    ($dtype:expr, $T:ident => $body:expr, complex => $other:expr) => {
        match $dtype {
            DType::Bool => {
                type $T = Boolean;
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
            DType::Complex64 | DType::Complex128 => $other,
        }
    };
}

/// Converts tiles of `from` to tiles of `to`, rounded to `to` where that is a half precision.
pub fn convert(from: DType, to: DType, tier: Tier) -> TileFunction {
    use DType::{Bfloat16, Bool, Complex64, Complex128, Float16};
    macro_rules! select {
        ($body:ty) => {
            function_below_avx512::<$body>(tier)
        };
    }
    with_real_type!(
        from,
        From => match to {
            Float16 => select!(Rounded<From, f16>),
            Bfloat16 => select!(Rounded<From, bf16>),
            Complex64 => select!(ToComplex<From, f32>),
            Complex128 => select!(ToComplex<From, f64>),
            _ => with_real_type!(to, To => select!(Real<From, To>), complex => select!(ToComplex<From, f64>)),
        },
        complex => {
            macro_rules! from_parts {
                ($part:ty) => {
                    match to {
                        Bool => select!(TruthOfComplex<$part>),
                        Float16 => select!(RoundedFromComplex<$part, f16>),
                        Bfloat16 => select!(RoundedFromComplex<$part, bf16>),
                        Complex64 => select!(BetweenComplex<$part, f32>),
                        _ => with_real_type!(
                            to,
                            To => select!(FromComplex<$part, To>),
                            complex => select!(BetweenComplex<$part, f64>)
                        ),
                    }
                };
            }
            if from == Complex64 { from_parts!(f32) } else { from_parts!(f64) }
        }
    )
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

/// From a tile to memory of the same dtype, past the caches; `None` for dtypes that are seldom large.
pub fn stream(dtype: DType) -> Option<TileFunction> {
    match dtype.size() {
        4 => Some(stream_of::<u32>),
        8 => Some(stream_of::<u64>),
        _ => None,
    }
}

unsafe fn stream_of<T: Copy>(first: *const u8, _: *const u8, _: *const u8, target: *mut u8, count: usize) {
    // SAFETY: the promise of whoever calls a tile function; a step's target is none of its arguments.
    unsafe { stream_to::<T>(first.cast(), target.cast(), count) }
}

/// From a half precision in memory to a tile of float32.
pub fn widen(dtype: DType, tier: Tier) -> TileFunction {
    match dtype {
        DType::Float16 => function_below_avx512::<Real<f16, f32>>(tier),
        _ => function_below_avx512::<Real<bf16, f32>>(tier),
    }
}

/// From a tile of float32 to a half precision in memory.
pub fn narrow(dtype: DType, tier: Tier) -> TileFunction {
    match dtype {
        DType::Float16 => function_below_avx512::<Real<f32, f16>>(tier),
        _ => function_below_avx512::<Real<f32, bf16>>(tier),
    }
}

/// Rounds a tile of float32 to what a half precision holds.
pub fn round(dtype: DType, tier: Tier) -> TileFunction {
    convert(DType::Float32, dtype, tier)
}

/// The bytes of an element in a tile.
pub fn tile_size(dtype: DType) -> usize {
    dtype.compute().size()
}

/// Fills a tile of `dtype` with a scalar, rounded to the dtype.
///
/// # Safety
/// `target` is aligned for the dtype and holds `count` elements of its tile type.
pub unsafe fn fill(scalar: Scalar, dtype: DType, target: *mut u8, count: usize) {
    /// # Safety
    /// As above.
    unsafe fn repeat<T: Copy>(value: T, target: *mut u8, count: usize) {
        for index in 0..count {
            // SAFETY: the caller's promise.
            unsafe { target.cast::<T>().add(index).write(value) };
        }
    }
    // SAFETY: the caller's promise.
    unsafe {
        match dtype {
            DType::Float16 => repeat(f16::from_scalar(scalar).to_f32(), target, count),
            DType::Bfloat16 => repeat(bf16::from_scalar(scalar).to_f32(), target, count),
            _ => tenfold_ir::with_element!(dtype, T => repeat(T::from_scalar(scalar), target, count)),
        }
    }
}
