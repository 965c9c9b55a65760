//! Products of bfloat16 by AVX512-BF16: `vdpbf16ps` takes a pair of steps for 16 columns at once.
//!
//! Subnormal numbers count as zero.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_set1_epi32,
    _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::mem::transmute;

use super::pairs::{EDGE, PairKernel, PairTile, STEPS, TILE};

/// Rows whose sums are in registers: 16 of them with two vectors each, which cover the instruction's latency.
const ROWS: usize = 8;

/// True where the processor has the instruction.
pub(crate) fn is_available() -> bool {
    is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512f")
}

/// The instruction needs no state of a thread.
pub(crate) struct Avx512Bfloat16(());

impl PairKernel for Avx512Bfloat16 {
    const PRODUCTS_PER_NANOSECOND: u64 = 100;

    unsafe fn begin() -> Avx512Bfloat16 {
        Avx512Bfloat16(())
    }

    unsafe fn multiply(&self, tile: &PairTile) {
        for first in (0..tile.row_tiles * EDGE).step_by(ROWS) {
            // SAFETY: the processor has the instruction, or there would be no value; the rest is the caller's.
            unsafe {
                match tile.column_tiles {
                    1 => multiply_rows::<1>(tile, first),
                    2 => multiply_rows::<2>(tile, first),
                    other => unreachable!("1 or 2 tiles of columns; got {other}"),
                }
            }
        }
    }
}

/// # Safety
/// The processor has AVX512-BF16, all elements that the tile names are valid, and it has `COLUMN_TILES` tiles of columns
/// and [`ROWS`] rows from `first` on.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn multiply_rows<const COLUMN_TILES: usize>(tile: &PairTile, first: usize) {
    // SAFETY: the caller vouches for every element of the tiles; a pair of A is read as one word of 32 bits.
    unsafe {
        let c = |row: usize, column: usize| {
            tile.c.offset((first + row) as isize * tile.c_row_stride).add(column * EDGE)
        };
        let mut sums: [[__m512; COLUMN_TILES]; ROWS] = [[_mm512_setzero_ps(); COLUMN_TILES]; ROWS];
        if tile.accumulate {
            for row in 0..ROWS {
                for column in 0..COLUMN_TILES {
                    sums[row][column] = _mm512_loadu_ps(c(row, column));
                }
            }
        }
        for group in 0..tile.groups {
            let a = tile.a.add((group * tile.row_tiles + first / EDGE) * TILE + first % EDGE * STEPS);
            let b = tile.b.add(group * COLUMN_TILES * TILE);
            for pair in 0..STEPS / 2 {
                let mut factors = [_mm512_loadu_si512(b.cast()); COLUMN_TILES];
                for column in 0..COLUMN_TILES {
                    factors[column] = _mm512_loadu_si512(b.add(column * TILE + pair * 2 * EDGE).cast());
                }
                for row in 0..ROWS {
                    let both = a.add(row * STEPS + pair * 2).cast::<i32>().read_unaligned();
                    let both = transmute::<__m512i, __m512bh>(_mm512_set1_epi32(both));
                    for column in 0..COLUMN_TILES {
                        let factor = transmute::<__m512i, __m512bh>(factors[column]);
                        sums[row][column] = _mm512_dpbf16_ps(sums[row][column], both, factor);
                    }
                }
            }
        }
        for row in 0..ROWS {
            for column in 0..COLUMN_TILES {
                _mm512_storeu_ps(c(row, column), sums[row][column]);
            }
        }
    }
}
