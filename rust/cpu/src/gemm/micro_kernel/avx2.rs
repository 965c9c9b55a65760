//! Micro-kernels on 256-bit vectors, and the transposition of small blocks in registers.

use std::arch::x86_64::*;

use super::grid::{Grid, grid_kernel};
use super::lines::{LINES, LineTile, STEPS};
use super::patch::{PatchTile, patch_kernel};
use super::stencil::{Stencil, stencil_kernel};
use super::taps::{self, Taps, taps_kernel};
use super::window::{WindowPanel, WindowTile, pack_windows, window_kernel};
use super::{
    MicroKernels, ROW_VECTORS, Tile, Vector, all_kernels, kernel_table, micro_kernel, tier_functions,
};
use crate::backend::transpose::{columns_of_4, columns_of_8};

macro_rules! avx2_vector {
    ($vector:ty, $type:ty, $lanes:literal, $zero:ident, $splat:ident, $load:ident, $store:ident,
     $load_masked:ident, $store_masked:ident, $mul_add:ident, $add:ident, $mask:expr, $select:expr) => {
        // SAFETY (all methods): the trait's caller has AVX2 and FMA and gives valid addresses.
        impl Vector for $vector {
            type Element = $type;
            type Mask = __m256i;
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
            unsafe fn mask(count: usize) -> __m256i {
                // SAFETY: as above.
                unsafe { $mask(count) }
            }
            #[inline(always)]
            unsafe fn mask_between(first: usize, end: usize) -> __m256i {
                // SAFETY: as above.
                unsafe { _mm256_andnot_si256($mask(first), $mask(end)) }
            }
            #[inline(always)]
            unsafe fn load_masked(source: *const $type, mask: __m256i) -> Self {
                // SAFETY: as above.
                unsafe { $load_masked(source, mask) }
            }
            #[inline(always)]
            unsafe fn merge_masked(self, source: *const $type, mask: __m256i) -> Self {
                // SAFETY: as above.
                unsafe { $select(self, $load_masked(source, mask), mask) }
            }
            #[inline(always)]
            unsafe fn store_masked(self, target: *mut $type, mask: __m256i) {
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

/// All ones in the first `count` of 8 lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn mask_of_8(count: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes)
}

/// All ones in the first `count` of 4 lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn mask_of_4(count: usize) -> __m256i {
    _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3))
}

avx2_vector!(
    __m256,
    f32,
    8,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_maskload_ps,
    _mm256_maskstore_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    mask_of_8,
    |own, other, mask| _mm256_blendv_ps(own, other, _mm256_castsi256_ps(mask))
);
avx2_vector!(
    __m256d,
    f64,
    4,
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_maskload_pd,
    _mm256_maskstore_pd,
    _mm256_fmadd_pd,
    _mm256_add_pd,
    mask_of_4,
    |own, other, mask| _mm256_blendv_pd(own, other, _mm256_castsi256_pd(mask))
);

tier_functions! {
    #[target_feature(enable = "avx2,fma")]
}

macro_rules! kernels {
    ($module:ident, $type:ty, $vector:ty, $transpose:item) => {
        pub(super) mod $module {
            use super::*;
            /// 6 rows of 2 vectors (6×16 f32): 12 sums, 2 factors of B and one of A in 16 registers.
            pub static KERNELS: MicroKernels<$type> =
                all_kernels!($vector, [1 2 3 4 5 6], 6, [1 2], 2);
            /// Writes 8 contiguous steps of 1 to 8 lines (4 of 1 to 4 for f64) so that the lines are
            /// contiguous: line `l`, step `s` goes to `target + s · width + l`.
            ///
            /// # Safety
            /// The CPU has AVX2; all those elements are valid.
            #[inline]
            #[target_feature(enable = "avx2")]
            $transpose
        }
    };
}

/// Stores the first `count` of 8 lanes, without the slow masked store.
///
/// # Safety
/// `target` has room for them.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_some(target: *mut f32, count: usize, lanes: __m256) {
    // SAFETY: each store stays below `count`.
    unsafe {
        if count == 8 {
            return _mm256_storeu_ps(target, lanes);
        }
        let (mut target, mut lanes_left) = (target, _mm256_castps256_ps128(lanes));
        if count & 4 != 0 {
            _mm_storeu_ps(target, lanes_left);
            target = target.add(4);
            lanes_left = _mm256_extractf128_ps::<1>(lanes);
        }
        if count & 2 != 0 {
            _mm_storel_pd(target.cast(), _mm_castps_pd(lanes_left));
            target = target.add(2);
            lanes_left = _mm_movehl_ps(lanes_left, lanes_left);
        }
        if count & 1 != 0 {
            _mm_store_ss(target, lanes_left);
        }
    }
}

/// Lines that are gone through side by side: of twice as many, a power of two apart, too little stays in the first-level cache.
const HALF: usize = LINES / 2;

/// See [`super::Real::line_kernel`].
///
/// # Safety
/// The CPU has AVX2 and FMA, and all elements that the tile names are valid.
#[expect(clippy::needless_range_loop, reason = "an iterator takes vectors through memory")]
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn multiply_lines(tile: &LineTile<f32>) {
    // SAFETY: the caller vouches for every element of the tile; lines beyond the last repeat it.
    unsafe {
        let line = |index: usize| tile.b.offset(index.min(tile.lines - 1) as isize * tile.line_stride);
        let factor = |step: usize| tile.a.offset(step as isize * tile.a_stride).read();
        let mut totals = [0.0f32; LINES];
        let whole = tile.depth / 8 * 8;
        let turns = HALF / 8 * whole.div_ceil(STEPS);
        for first in (0..tile.lines).step_by(HALF) {
            let mut sums = [_mm256_setzero_ps(); HALF / 8];
            let groups = (tile.lines - first).div_ceil(8).min(sums.len());
            for step in (0..whole).step_by(STEPS) {
                let end = whole.min(step + STEPS);
                for group in 0..groups {
                    tile.ask((first, HALF), step / STEPS * sums.len() + group, turns);
                    for at in (step..end).step_by(8) {
                        let row = |index: usize| _mm256_loadu_ps(line(first + group * 8 + index).add(at));
                        let rows = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
                        let columns = columns_of_8(rows);
                        for index in 0..8 {
                            let factor = _mm256_set1_ps(factor(at + index));
                            sums[group] = _mm256_fmadd_ps(factor, columns[index], sums[group]);
                        }
                    }
                }
            }
            _mm256_storeu_ps(totals.as_mut_ptr().add(first), sums[0]);
            _mm256_storeu_ps(totals.as_mut_ptr().add(first + 8), sums[1]);
        }
        tile.finish(&totals, whole);
    }
}

/// Stores the first `count` of 4 lanes.
///
/// # Safety
/// `target` has room for them.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_some_double(target: *mut f64, count: usize, lanes: __m256d) {
    // SAFETY: each store stays below `count`.
    unsafe {
        if count == 4 {
            return _mm256_storeu_pd(target, lanes);
        }
        let (mut target, mut lanes_left) = (target, _mm256_castpd256_pd128(lanes));
        if count & 2 != 0 {
            _mm_storeu_pd(target, lanes_left);
            target = target.add(2);
            lanes_left = _mm256_extractf128_pd::<1>(lanes);
        }
        if count & 1 != 0 {
            _mm_store_sd(target, lanes_left);
        }
    }
}

kernels!(
    single,
    f32,
    __m256,
    pub unsafe fn transpose(
        source: *const f32,
        line_stride: isize,
        lines: usize,
        target: *mut f32,
        width: usize,
    ) {
        // Lines beyond the last repeat it; they are not stored.
        let line = |index: usize| {
            let index = index.min(lines - 1) as isize;
            // SAFETY: the caller vouches for the elements.
            unsafe { _mm256_loadu_ps(source.offset(index * line_stride)) }
        };
        let rows = [line(0), line(1), line(2), line(3), line(4), line(5), line(6), line(7)];
        for (step, column) in columns_of_8(rows).into_iter().enumerate() {
            // SAFETY: the caller vouches for the elements.
            unsafe { store_some(target.add(step * width), lines, column) };
        }
    }
);
kernels!(
    double,
    f64,
    __m256d,
    pub unsafe fn transpose(
        source: *const f64,
        line_stride: isize,
        lines: usize,
        target: *mut f64,
        width: usize,
    ) {
        // Lines beyond the last repeat it; they are not stored.
        let line = |index: usize| {
            let index = index.min(lines - 1) as isize;
            // SAFETY: the caller vouches for the elements.
            unsafe { _mm256_loadu_pd(source.offset(index * line_stride)) }
        };
        let rows = [line(0), line(1), line(2), line(3)];
        for (step, column) in columns_of_4(rows).into_iter().enumerate() {
            // SAFETY: the caller vouches for the elements.
            unsafe { store_some_double(target.add(step * width), lines, column) };
        }
    }
);
