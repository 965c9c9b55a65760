//! Micro-kernels on 512-bit vectors.

use std::arch::x86_64::*;

use super::avx2;
use super::grid::{Grid, grid_kernel};
use super::lines::{LINES, LineTile, STEPS};
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

/// Bytes after which addresses fall into the same set of the first-level cache. Quarters of cache lines are read one after the
/// other here, so that 16 of them must stay: more than a set holds.
const SAME_SET: usize = 4096;

/// Vectors of sums, see [`LINES`].
const GROUPS: usize = LINES / 16;

/// See [`super::Real::line_kernel`]. A third of the shuffles of vectors of 256 bits: four lines come together as they are loaded.
///
/// # Safety
/// The CPU has AVX-512, AVX2 and FMA, and all elements that the tile names are valid.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) unsafe fn multiply_lines(tile: &LineTile<f32>) {
    let stride = tile.line_stride;
    if tile.lines < LINES || (stride.unsigned_abs() * size_of::<f32>()).is_multiple_of(SAME_SET) {
        // SAFETY: the caller's.
        return unsafe { avx2::multiply_lines(tile) };
    }
    // SAFETY: the caller vouches for every element of the tile, whose lines are all there.
    unsafe {
        let mut sums = [_mm512_setzero_ps(); GROUPS];
        let whole = tile.depth / 4 * 4;
        let turns = GROUPS * whole.div_ceil(STEPS);
        for step in (0..whole).step_by(STEPS) {
            let end = whole.min(step + STEPS);
            for (group, sum) in sums.iter_mut().enumerate() {
                // What lies in a cache is there in time.
                if tile.following.is_some() {
                    tile.ask((0, LINES), step / STEPS * GROUPS + group, turns);
                }
                for at in (step..end).step_by(4) {
                    let first = tile.b.offset(group as isize * 16 * stride).add(at);
                    // Steps of lines `line`, `line + 4`, `line + 8` and `line + 12`.
                    let four = |line: isize| {
                        let part = |quarter: isize| _mm_loadu_ps(first.offset((line + 4 * quarter) * stride));
                        let lines = _mm512_broadcast_f32x4(part(0));
                        let lines = _mm512_mask_broadcast_f32x4(lines, 0x00f0, part(1));
                        let lines = _mm512_mask_broadcast_f32x4(lines, 0x0f00, part(2));
                        _mm512_mask_broadcast_f32x4(lines, 0xf000, part(3))
                    };
                    let lines = [four(0), four(1), four(2), four(3)];
                    let low = [(0, 1), (2, 3)]
                        .map(|(a, b)| _mm512_castps_pd(_mm512_unpacklo_ps(lines[a], lines[b])));
                    let high = [(0, 1), (2, 3)]
                        .map(|(a, b)| _mm512_castps_pd(_mm512_unpackhi_ps(lines[a], lines[b])));
                    let columns = [
                        _mm512_unpacklo_pd(low[0], low[1]),
                        _mm512_unpackhi_pd(low[0], low[1]),
                        _mm512_unpacklo_pd(high[0], high[1]),
                        _mm512_unpackhi_pd(high[0], high[1]),
                    ];
                    for (index, column) in columns.into_iter().enumerate() {
                        let factor = tile.a.offset((at + index) as isize * tile.a_stride).read();
                        *sum = _mm512_fmadd_ps(_mm512_set1_ps(factor), _mm512_castpd_ps(column), *sum);
                    }
                }
            }
        }
        let mut totals = [0.0f32; LINES];
        for (group, &sum) in sums.iter().enumerate() {
            _mm512_storeu_ps(totals.as_mut_ptr().add(16 * group), sum);
        }
        tile.finish(&totals, whole);
    }
}
