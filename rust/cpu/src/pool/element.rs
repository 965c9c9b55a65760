//! The dtypes that are pooled.

use tenfold_ir::Element;
use tenfold_ir::{bf16, f16};

use super::max::SideBySide;
use crate::rows::element::RowElement;
use crate::simd::on_tier;

/// A number that maxima are taken of.
pub trait Ordered: Element + Default + PartialOrd {
    /// Not larger than any number.
    const LOWEST: Self;
    /// True for NaN.
    fn is_nan(self) -> bool;
    /// True where it takes the place of `best`: larger, or the first NaN.
    #[inline(always)]
    fn wins(self, best: Self) -> bool {
        (self > best) | (self.is_nan() & !best.is_nan())
    }
    /// Takes windows side by side, of any stride: one loop for each dtype but float32.
    fn largest_side_by_side(windows: SideBySide<'_, Self>) {
        windows.strided::<0>();
    }
}

/// An element of a plane, and what it is computed in.
pub trait PoolElement: Element {
    /// What it is computed in.
    type Wide: Ordered;
    /// Widens a whole slice.
    fn widen_slice(from: &[Self], to: &mut [Self::Wide]);
    /// Rounds a whole slice.
    fn narrow_slice(from: &[Self::Wide], to: &mut [Self]);
    /// The slice itself, where it is wide already.
    fn as_wide(slice: &[Self]) -> Option<&[Self::Wide]>;
    /// The slice itself, to be written, where it is wide already.
    fn as_wide_mut(slice: &mut [Self]) -> Option<&mut [Self::Wide]>;
}

macro_rules! integers {
    ($($type:ident),*) => {
        $(impl Ordered for $type {
            const LOWEST: $type = $type::MIN;
            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }
        }
        impl PoolElement for $type {
            type Wide = $type;
            fn widen_slice(from: &[$type], to: &mut [$type]) {
                to.copy_from_slice(from);
            }
            fn narrow_slice(from: &[$type], to: &mut [$type]) {
                to.copy_from_slice(from);
            }
            fn as_wide(slice: &[$type]) -> Option<&[$type]> {
                Some(slice)
            }
            fn as_wide_mut(slice: &mut [$type]) -> Option<&mut [$type]> {
                Some(slice)
            }
        })*
    };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($type:ident),*) => {
        $(impl Ordered for $type {
            const LOWEST: $type = $type::NEG_INFINITY;
            #[inline(always)]
            fn is_nan(self) -> bool {
                $type::is_nan(self)
            }
        })*
    };
}
floats!(f64);

impl Ordered for f32 {
    const LOWEST: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
    // The others make do with the instructions that every processor has.
    fn largest_side_by_side(windows: SideBySide<'_, f32>) {
        on_tier(windows);
    }
}

macro_rules! floating {
    ($($type:ident),*) => {
        $(impl PoolElement for $type {
            type Wide = <$type as RowElement>::Wide;
            fn widen_slice(from: &[$type], to: &mut [Self::Wide]) {
                <$type as RowElement>::widen_slice(from, to);
            }
            fn narrow_slice(from: &[Self::Wide], to: &mut [$type]) {
                <$type as RowElement>::narrow_slice(from, to);
            }
            fn as_wide(slice: &[$type]) -> Option<&[Self::Wide]> {
                <$type as RowElement>::as_wide(slice)
            }
            fn as_wide_mut(slice: &mut [$type]) -> Option<&mut [Self::Wide]> {
                <$type as RowElement>::as_wide_mut(slice)
            }
        })*
    };
}
floating!(f16, bf16, f32, f64);
