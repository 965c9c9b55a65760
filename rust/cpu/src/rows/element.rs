//! The dtypes of rows and the wide ones that they are computed in.

use tenfold_ir::lanes::Lane;
use tenfold_ir::lanes::cast::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
use tenfold_ir::{Element, bf16, f16};

/// The element of a row: a real floating dtype.
pub trait RowElement: Element {
    /// What it is computed in.
    type Wide: Lane + Element;
    /// The value in the wide dtype.
    fn widen(self) -> Self::Wide;
    /// The value rounded to this dtype.
    fn narrow(value: Self::Wide) -> Self;
    /// Widens a whole slice.
    fn widen_slice(from: &[Self], to: &mut [Self::Wide]);
    /// Rounds a whole slice.
    fn narrow_slice(from: &[Self::Wide], to: &mut [Self]);
    /// The slice itself, where it is wide already.
    fn as_wide(slice: &[Self]) -> Option<&[Self::Wide]>;
    /// The slice itself, to be written, where it is wide already.
    fn as_wide_mut(slice: &mut [Self]) -> Option<&mut [Self::Wide]>;
}

macro_rules! wide {
    ($($type:ty),*) => {
        $(impl RowElement for $type {
            type Wide = $type;
            #[inline(always)]
            fn widen(self) -> $type {
                self
            }
            #[inline(always)]
            fn narrow(value: $type) -> $type {
                value
            }
            #[inline(always)]
            fn widen_slice(from: &[$type], to: &mut [$type]) {
                to.copy_from_slice(from);
            }
            #[inline(always)]
            fn narrow_slice(from: &[$type], to: &mut [$type]) {
                to.copy_from_slice(from);
            }
            #[inline(always)]
            fn as_wide(slice: &[$type]) -> Option<&[$type]> {
                Some(slice)
            }
            #[inline(always)]
            fn as_wide_mut(slice: &mut [$type]) -> Option<&mut [$type]> {
                Some(slice)
            }
        })*
    };
}
wide!(f32, f64);

macro_rules! half {
    ($($type:ty, $widen:path, $narrow:path);*) => {
        $(impl RowElement for $type {
            type Wide = f32;
            #[inline(always)]
            fn widen(self) -> f32 {
                $widen(self)
            }
            #[inline(always)]
            fn narrow(value: f32) -> $type {
                $narrow(value)
            }
            #[inline(always)]
            fn widen_slice(from: &[$type], to: &mut [f32]) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = from.widen();
                }
            }
            #[inline(always)]
            fn narrow_slice(from: &[f32], to: &mut [$type]) {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = <$type>::narrow(from);
                }
            }
            #[inline(always)]
            fn as_wide(_: &[$type]) -> Option<&[f32]> {
                None
            }
            #[inline(always)]
            fn as_wide_mut(_: &mut [$type]) -> Option<&mut [f32]> {
                None
            }
        })*
    };
}
half!(f16, f16_to_f32, f32_to_f16; bf16, bf16_to_f32, f32_to_bf16);
