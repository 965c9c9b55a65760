//! Micro-kernels on 512-bit vectors.

use std::arch::x86_64::*;

use super::grid::{Grid, grid_kernel};
use super::patch::{PatchTile, patch_kernel};
use super::stencil::{Stencil, stencil_kernel};
use super::taps::{self, Taps, taps_kernel};
use super::window::{WindowPanel, WindowTile, pack_windows, window_kernel};
use super::{
    MicroKernels, ROW_VECTORS, Tile, Vector, all_kernels, kernel_table, micro_kernel, tier_functions,
};

macro_rules! avx512_vector {
    ($vector:ty, $type:ty, $lanes:literal, $mask:ty, $zero:ident, $splat:ident, $load:ident, $store:ident,
     $load_masked:ident, $merge_masked:ident, $store_masked:ident, $mul_add:ident, $add:ident) => {
        // SAFETY (all methods): the trait's caller has AVX-512 and gives valid addresses.
        impl Vector for $vector {
            type Element = $type;
            type Mask = $mask;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: as above.
                unsafe { $zero() }
            }
            #[inline(always)]
            unsafe fn splat(source: *const $type) -> Self {
                // SAFETY: as above.
                unsafe { $splat(source.read()) }
            }
            #[inline(always)]
            unsafe fn load(source: *const $type) -> Self {
                // SAFETY: as above.
                unsafe { $load(source) }
            }
            #[inline(always)]
            unsafe fn store(self, target: *mut $type) {
                // SAFETY: as above.
                unsafe { $store(target, self) }
            }
            #[inline(always)]
            unsafe fn mask(count: usize) -> $mask {
                ((1u32 << count) - 1) as $mask
            }
            #[inline(always)]
            unsafe fn mask_between(first: usize, end: usize) -> $mask {
                // SAFETY: as above.
                unsafe { Self::mask(end) & !Self::mask(first) }
            }
            #[inline(always)]
            unsafe fn load_masked(source: *const $type, mask: $mask) -> Self {
                // SAFETY: as above.
                unsafe { $load_masked(mask, source) }
            }
            #[inline(always)]
            unsafe fn merge_masked(self, source: *const $type, mask: $mask) -> Self {
                // SAFETY: as above.
                unsafe { $merge_masked(self, mask, source) }
            }
            #[inline(always)]
            unsafe fn store_masked(self, target: *mut $type, mask: $mask) {
                // SAFETY: as above.
                unsafe { $store_masked(target, mask, self) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                // SAFETY: as above.
                unsafe { $mul_add(self, factor, addend) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { $add(self, other) }
            }
        }
    };
}

avx512_vector!(
    __m512,
    f32,
    16,
    __mmask16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_mask_loadu_ps,
    _mm512_mask_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps
);
avx512_vector!(
    __m512d,
    f64,
    8,
    __mmask8,
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_mask_loadu_pd,
    _mm512_mask_storeu_pd,
    _mm512_fmadd_pd,
    _mm512_add_pd
);

tier_functions! {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
}

macro_rules! kernels {
    ($module:ident, $type:ty, $vector:ty) => {
        pub(super) mod $module {
            use super::*;
            /// 6 rows of 4 vectors (6×64 f32): 24 sums, 4 factors of B and one of A in 32 registers.
    pub static KERNELS: MicroKernels<$type> = all_kernels!($vector, [1 2 3 4 5 6], 6, [1 2 3 4], 4);
        }
    };
}

kernels!(single, f32, __m512);
kernels!(double, f64, __m512d);
