//! The dtypes of rows and the wide ones that they are computed in.

use half::slice::HalfFloatSliceExt;
use tenfold_ir::lanes::Lane;
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
            fn widen_slice(from: &[$type], to: &mut [$type]) {
                to.copy_from_slice(from);
            }
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
    ($($type:ty),*) => {
        $(impl RowElement for $type {
            type Wide = f32;
            #[inline(always)]
            fn widen(self) -> f32 {
                self.to_f32()
            }
            #[inline(always)]
            fn narrow(value: f32) -> $type {
                <$type>::from_f32(value)
            }
            fn widen_slice(from: &[$type], to: &mut [f32]) {
                from.convert_to_f32_slice(to);
            }
            fn narrow_slice(from: &[f32], to: &mut [$type]) {
                to.convert_from_f32_slice(from);
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
half!(f16, bf16);
