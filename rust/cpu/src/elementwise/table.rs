//! The tile function of each row of the operation table.

use std::marker::PhantomData;

use tenfold_ir::lanes::Lane;
use tenfold_ir::lanes::cast::Cast;
use tenfold_ir::lanes::complex::Complex;
use tenfold_ir::lanes::integer::Integer;
use tenfold_ir::operations::body;
use tenfold_ir::{DType, Operation, bf16, f16};

use super::body::{Body, TileFunction, TileValue, function, function_below_avx512};
use crate::simd::Tier;

/// `nextafter` of a half precision on tiles of float32.
struct HalfNeighbour<H>(PhantomData<H>);
impl<H: Cast<f32> + HalfBits> Body for HalfNeighbour<H>
where
    f32: Cast<H>,
{
    type Arguments = (f32, f32);
    type Result = f32;
    #[inline(always)]
    fn call((x, towards): (f32, f32)) -> f32 {
        // As for float32: the bits of a positive number count upwards; from 0 the step is to the least subnormal.
        let away = (towards > x) == (x > 0.0);
        let bits = Cast::<H>::cast(x).bits();
        let moved = H::from_bits(if away { bits.wrapping_add(1) } else { bits.wrapping_sub(1) }).cast();
        let least = H::from_bits(1).cast().copysign(towards);
        let moved = <f32 as Lane>::select(x == 0.0, least, moved);
        let moved = <f32 as Lane>::select(x == towards, towards, moved);
        <f32 as Lane>::select(x.is_nan() | towards.is_nan(), f32::NAN, moved)
    }
}

/// A half precision as its bits.
trait HalfBits {
    fn bits(self) -> u16;
    fn from_bits(bits: u16) -> Self;
}

macro_rules! half_bits {
    ($($type:ty),*) => {
        $(impl HalfBits for $type {
            #[inline(always)]
            fn bits(self) -> u16 {
                self.to_bits()
            }
            #[inline(always)]
            fn from_bits(bits: u16) -> $type {
                <$type>::from_bits(bits)
            }
        })*
    };
}
half_bits!(f16, bf16);

macro_rules! define_lookup {
    ($({
        $(#[doc = $doc:literal])*
        $name:ident ( $($argument:ident),* ) : $rule:ident -> $result:ident ;
        $($field:ident $value:tt)*
    })*) => {
        /// The function of `operation` computing in `dtype`, half precisions in tiles of float32.
        pub fn operation_function(operation: Operation, dtype: DType, tier: Tier) -> Option<TileFunction> {
            // The neighbours of a half precision are its own, not float32's.
            match (operation, dtype) {
                (Operation::nextafter, DType::Float16) => return Some(function::<HalfNeighbour<f16>>(tier)),
                (Operation::nextafter, DType::Bfloat16) => return Some(function::<HalfNeighbour<bf16>>(tier)),
                _ => {}
            }
            match operation {
                $(Operation::$name => {
                    $(find! { $name dtype tier $field $value })*
                    None
                })*
            }
        }
    };
}

/// Returns the function from `operation_function` if this field holds the bodies of the dtype's category.
macro_rules! find {
    ($name:ident $dtype:ident $tier:ident float { fn($($argument:ident: $type:ty),*) -> $result:ty $body:block }) => {{
        struct Row<T>(PhantomData<T>);
        impl<T: Lane + TileValue> Body for Row<T> {
            type Arguments = ($($type,)*);
            type Result = $result;
            #[inline(always)]
            fn call(($($argument,)*): Self::Arguments) -> $result {
                body::$name::float::<T>($($argument),*)
            }
        }
        match $dtype {
            DType::Float16 | DType::Bfloat16 | DType::Float32 => return Some(function::<Row<f32>>($tier)),
            DType::Float64 => return Some(function::<Row<f64>>($tier)),
            _ => {}
        }
    }};
    ($name:ident $dtype:ident $tier:ident integer { fn($($argument:ident: $type:ty),*) -> $result:ty $body:block }) => {{
        struct Row<T>(PhantomData<T>);
        impl<T: Integer + TileValue> Body for Row<T> {
            type Arguments = ($($type,)*);
            type Result = $result;
            #[inline(always)]
            fn call(($($argument,)*): Self::Arguments) -> $result {
                body::$name::integer::<T>($($argument),*)
            }
        }
        match $dtype {
            DType::Int8 => return Some(function_below_avx512::<Row<i8>>($tier)),
            DType::Int16 => return Some(function_below_avx512::<Row<i16>>($tier)),
            DType::Int32 => return Some(function_below_avx512::<Row<i32>>($tier)),
            DType::Int64 => return Some(function_below_avx512::<Row<i64>>($tier)),
            DType::Uint8 => return Some(function_below_avx512::<Row<u8>>($tier)),
            DType::Uint16 => return Some(function_below_avx512::<Row<u16>>($tier)),
            DType::Uint32 => return Some(function_below_avx512::<Row<u32>>($tier)),
            DType::Uint64 => return Some(function_below_avx512::<Row<u64>>($tier)),
            _ => {}
        }
    }};
    ($name:ident $dtype:ident $tier:ident complex { fn($($argument:ident: $type:ty),*) -> $result:ty $body:block }) => {{
        struct Row<T>(PhantomData<T>);
        impl<T: Lane + TileValue> Body for Row<T>
        where
            Complex<T>: TileValue,
        {
            type Arguments = ($($type,)*);
            type Result = $result;
            #[inline(always)]
            fn call(($($argument,)*): Self::Arguments) -> $result {
                body::$name::complex::<T>($($argument),*)
            }
        }
        match $dtype {
            DType::Complex64 => return Some(function_below_avx512::<Row<f32>>($tier)),
            DType::Complex128 => return Some(function_below_avx512::<Row<f64>>($tier)),
            _ => {}
        }
    }};
    ($name:ident $dtype:ident $tier:ident boolean { fn($($argument:ident: $type:ty),*) -> $result:ty $body:block }) => {{
        struct Row;
        impl Body for Row {
            type Arguments = ($($type,)*);
            type Result = $result;
            #[inline(always)]
            fn call(($($argument,)*): Self::Arguments) -> $result {
                body::$name::boolean($($argument),*)
            }
        }
        if $dtype == DType::Bool {
            return Some(function_below_avx512::<Row>($tier));
        }
    }};
    ($name:ident $dtype:ident $tier:ident $field:ident $value:tt) => {};
}

tenfold_ir::for_each_operation! { [define_lookup] }
