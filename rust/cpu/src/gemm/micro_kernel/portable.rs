//! Micro-kernels of the portable tier: short arrays that the compiler may widen.

use super::grid::{Grid, grid_kernel};
use super::patch::{PatchTile, patch_kernel};
use super::stencil::{Stencil, stencil_kernel};
use super::taps::{self, Taps, taps_kernel};
use super::window::{WindowPanel, WindowTile, pack_windows, window_kernel};
use super::{
    MicroKernels, ROW_VECTORS, Tile, Vector, all_kernels, kernel_table, micro_kernel, tier_functions,
};

/// A vector of `LANES` numbers as the compiler likes to keep it.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<T, const LANES: usize>([T; LANES]);

macro_rules! portable_vector {
    ($type:ty, $lanes:literal) => {
        impl Vector for Lanes<$type, $lanes> {
            type Element = $type;
            type Mask = (usize, usize);
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn zero() -> Self {
                Lanes([0.0; $lanes])
            }
            #[inline(always)]
            unsafe fn splat(source: *const $type) -> Self {
                // SAFETY: the caller gives a valid address.
                Lanes([unsafe { source.read() }; $lanes])
            }
            #[inline(always)]
            unsafe fn load(source: *const $type) -> Self {
                // SAFETY: the caller gives `LANES` valid numbers.
                Lanes(unsafe { source.cast::<[$type; $lanes]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn store(self, target: *mut $type) {
                // SAFETY: the caller gives room for `LANES` numbers.
                unsafe { target.cast::<[$type; $lanes]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn mask(count: usize) -> (usize, usize) {
                (0, count)
            }
            #[inline(always)]
            unsafe fn mask_between(first: usize, end: usize) -> (usize, usize) {
                (first, end)
            }
            #[inline(always)]
            unsafe fn load_masked(source: *const $type, mask: (usize, usize)) -> Self {
                // SAFETY: the caller's.
                unsafe { Self::zero().merge_masked(source, mask) }
            }
            #[inline(always)]
            unsafe fn merge_masked(mut self, source: *const $type, (first, end): (usize, usize)) -> Self {
                for (index, lane) in self.0.iter_mut().enumerate().take(end).skip(first) {
                    // SAFETY: the caller gives valid numbers for these lanes.
                    *lane = unsafe { source.wrapping_add(index).read() };
                }
                self
            }
            #[inline(always)]
            unsafe fn store_masked(self, target: *mut $type, (first, end): (usize, usize)) {
                for (index, &lane) in self.0.iter().enumerate().take(end).skip(first) {
                    // SAFETY: the caller gives room for these lanes.
                    unsafe { target.wrapping_add(index).write(lane) };
                }
            }
            #[inline(always)]
            unsafe fn mul_add(mut self, factor: Self, addend: Self) -> Self {
                for lane in 0..$lanes {
                    self.0[lane] = self.0[lane].mul_add(factor.0[lane], addend.0[lane]);
                }
                self
            }
            #[inline(always)]
            unsafe fn add(mut self, other: Self) -> Self {
                for lane in 0..$lanes {
                    self.0[lane] += other.0[lane];
                }
                self
            }
        }
    };
}

portable_vector!(f32, 4);
portable_vector!(f64, 2);

/// The vector of f32.
pub(crate) type SingleLanes = Lanes<f32, 4>;

tier_functions! {}

macro_rules! kernels {
    ($module:ident, $type:ty, $lanes:literal) => {
        pub(super) mod $module {
            use super::*;
            type V = Lanes<$type, $lanes>;
            /// 4 rows of 2 vectors: 8 sums in registers, which leaves room for the factors where
            /// there are 16.
    pub static KERNELS: MicroKernels<$type> = all_kernels!(V, [1 2 3 4], 4, [1 2], 2);
        }
    };
}

kernels!(single, f32, 4);
kernels!(double, f64, 2);
