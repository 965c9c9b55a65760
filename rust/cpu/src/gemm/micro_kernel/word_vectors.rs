//! Products of words by vectors: AVX512-BF16 for bfloat16, AVX512-VNNI, AVX-512 or AVX2 for int8 as pairs of int16.
//!
//! `vdpbf16ps` counts subnormal numbers as zero. Sums of integers wrap; a product of int8 and a sum of two of them are
//! exact.

use std::arch::x86_64::*;
use std::mem::transmute;

use super::words::{EDGE, PANEL, ROW_BYTES, TILE_BYTES, Tiles, WordKernel};

/// Words in a row of a tile.
const WORDS: usize = ROW_BYTES / 4;

/// A register of words of the depth, one a column, and one of their sums. Sound where the processor has the instructions.
trait WordVector: Copy {
    /// Sums, one a column.
    type Sums: Copy;
    /// One of them.
    type Sum;
    /// Columns.
    const LANES: usize;

    /// Sums of zero.
    unsafe fn zero() -> Self::Sums;
    /// The sums at `source`.
    unsafe fn load_sums(source: *const Self::Sum) -> Self::Sums;
    /// Stores the sums.
    unsafe fn store_sums(sums: Self::Sums, target: *mut Self::Sum);
    /// The words at `source`.
    unsafe fn load(source: *const u8) -> Self;
    /// A word in all lanes.
    unsafe fn splat(word: i32) -> Self;
    /// The sums and the products of the steps of two words.
    unsafe fn add_products(self, other: Self, sums: Self::Sums) -> Self::Sums;
}

macro_rules! word_vector {
    ($(#[$comment:meta])* $name:ident($words:ty), $sums:ty, $sum:ty, $lanes:literal, $zero:ident, $load_sums:ident,
     $store_sums:ident, $load:ident, $splat:ident, |$first:ident, $second:ident, $total:ident| $add_products:expr) => {
        $(#[$comment])*
        #[derive(Clone, Copy)]
        struct $name($words);

        // SAFETY (all methods): the trait's caller has the instructions and gives valid addresses.
        impl WordVector for $name {
            type Sums = $sums;
            type Sum = $sum;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn zero() -> $sums {
                // SAFETY: as above.
                unsafe { $zero() }
            }
            #[inline(always)]
            unsafe fn load_sums(source: *const $sum) -> $sums {
                // SAFETY: as above.
                unsafe { $load_sums(source.cast()) }
            }
            #[inline(always)]
            unsafe fn store_sums(sums: $sums, target: *mut $sum) {
                // SAFETY: as above.
                unsafe { $store_sums(target.cast(), sums) }
            }
            #[inline(always)]
            unsafe fn load(source: *const u8) -> Self {
                // SAFETY: as above.
                $name(unsafe { $load(source.cast()) })
            }
            #[inline(always)]
            unsafe fn splat(word: i32) -> Self {
                // SAFETY: as above.
                $name(unsafe { $splat(word) })
            }
            #[inline(always)]
            unsafe fn add_products(self, other: Self, $total: $sums) -> $sums {
                let ($first, $second) = (self.0, other.0);
                // SAFETY: as above.
                unsafe { $add_products }
            }
        }
    };
}

word_vector!(
/// Pairs of bfloat16.
Bfloat16s(__m512i), __m512, f32, 16, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_loadu_si512,
_mm512_set1_epi32, |a, b, sums| {
    _mm512_dpbf16_ps(sums, transmute::<__m512i, __m512bh>(a), transmute::<__m512i, __m512bh>(b))
});
word_vector!(
    /// Pairs of int16, multiplied and added by one instruction.
    Int16sByVnni(__m512i), __m512i, i32, 16, _mm512_setzero_si512, _mm512_loadu_si512, _mm512_storeu_si512,
    _mm512_loadu_si512, _mm512_set1_epi32, |a, b, sums| _mm512_dpwssd_epi32(sums, a, b));
word_vector!(
    /// Pairs of int16.
    Int16sOf512(__m512i), __m512i, i32, 16, _mm512_setzero_si512, _mm512_loadu_si512, _mm512_storeu_si512,
    _mm512_loadu_si512, _mm512_set1_epi32, |a, b, sums| _mm512_add_epi32(sums, _mm512_madd_epi16(a, b)));
word_vector!(
    /// Pairs of int16.
    Int16sOf256(__m256i), __m256i, i32, 8, _mm256_setzero_si256, _mm256_loadu_si256, _mm256_storeu_si256,
    _mm256_loadu_si256, _mm256_set1_epi32, |a, b, sums| _mm256_add_epi32(sums, _mm256_madd_epi16(a, b)));

/// Multiplies all tiles, `ROWS` rows by `VECTORS` vectors at a time.
///
/// # Safety
/// The processor has the vector's instructions, and all that the tiles name is valid.
#[inline(always)]
unsafe fn multiply<V: WordVector, const ROWS: usize, const VECTORS: usize>(tiles: &Tiles<V::Sum>) {
    let (rows, columns) = (tiles.row_tiles * EDGE, tiles.column_tiles * EDGE);
    for column in (0..columns).step_by(VECTORS * V::LANES) {
        for row in (0..rows).step_by(ROWS) {
            // SAFETY: the caller's; rows and columns are whole tiles.
            unsafe { multiply_rows::<V, ROWS, VECTORS>(tiles, row, column) }
        }
    }
}

/// The sums of `ROWS` rows from `row` on, `VECTORS` vectors from `column` on.
///
/// # Safety
/// As for [`multiply`], and the tiles have so many rows and columns.
#[inline(always)]
unsafe fn multiply_rows<V: WordVector, const ROWS: usize, const VECTORS: usize>(
    tiles: &Tiles<V::Sum>,
    row: usize,
    column: usize,
) {
    // SAFETY: the caller vouches for every element of the tiles.
    unsafe {
        let place =
            |index: usize, vector: usize| tiles.sums.add((row + index) * PANEL + column + vector * V::LANES);
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        if tiles.accumulate {
            for index in 0..ROWS {
                for vector in 0..VECTORS {
                    sums[index][vector] = V::load_sums(place(index, vector));
                }
            }
        }
        for group in 0..tiles.groups {
            let a_tile = tiles.a.add((group * tiles.row_tiles + row / EDGE) * TILE_BYTES);
            let a = a_tile.add(row % EDGE * ROW_BYTES).cast::<i32>();
            let b = tiles.b.add(group * tiles.column_tiles * TILE_BYTES);
            for word in 0..WORDS {
                let mut factors = [V::splat(0); VECTORS];
                for vector in 0..VECTORS {
                    let first = column + vector * V::LANES;
                    let tile = b.add(first / EDGE * TILE_BYTES);
                    factors[vector] = V::load(tile.add(word * ROW_BYTES + first % EDGE * 4));
                }
                for index in 0..ROWS {
                    let both = V::splat(a.add(index * WORDS + word).read_unaligned());
                    for vector in 0..VECTORS {
                        sums[index][vector] = both.add_products(factors[vector], sums[index][vector]);
                    }
                }
            }
        }
        for index in 0..ROWS {
            for vector in 0..VECTORS {
                V::store_sums(sums[index][vector], place(index, vector));
            }
        }
    }
}

/// A kernel of vectors that cover a tile of columns, or both.
macro_rules! vector_kernel {
    ($name:ident, $available:ident, $vector:ty, $packed:ty, $sum:ty, $products:literal, $rows:literal, $vectors_of_two:literal,
     $vectors_of_one:literal, $features:literal, [$($feature:tt),*]) => {
        /// True where the processor has the instructions.
        pub(crate) fn $available() -> bool {
            $(is_x86_feature_detected!($feature))&&*
        }

        #[doc = concat!("Products by ", $features, ".")]
        pub(crate) struct $name(());

        impl WordKernel for $name {
            type Packed = $packed;
            type Sum = $sum;
            const PRODUCTS_PER_NANOSECOND: u64 = $products;

            unsafe fn begin() -> $name {
                $name(())
            }

            unsafe fn multiply(&self, tiles: &Tiles<$sum>) {
                /// # Safety
                /// The processor has the instructions, and all that the tiles name is valid.
                #[target_feature(enable = $features)]
                unsafe fn on_features(tiles: &Tiles<$sum>) {
                    // SAFETY: the caller's; the vectors cover the tiles of columns.
                    unsafe {
                        match tiles.column_tiles {
                            2 => multiply::<$vector, $rows, $vectors_of_two>(tiles),
                            _ => multiply::<$vector, $rows, $vectors_of_one>(tiles),
                        }
                    }
                }
                // SAFETY: the processor has the instructions, or there would be no value; the rest is the caller's.
                unsafe { on_features(tiles) }
            }
        }
    };
}

// Rows by vectors: 16 sums in registers, 8 where there are but 16 registers, which cover the instructions' latency.
vector_kernel!(
    Avx512Bfloat16,
    has_bfloat16,
    Bfloat16s,
    u16,
    f32,
    100,
    8,
    2,
    1,
    "avx512f,avx512bf16",
    ["avx512f", "avx512bf16"]
);
vector_kernel!(
    Avx512Vnni,
    has_vnni,
    Int16sByVnni,
    i16,
    i32,
    150,
    8,
    2,
    1,
    "avx512f,avx512vnni",
    ["avx512f", "avx512vnni"]
);
vector_kernel!(
    Avx512Int16,
    has_int16_of_512,
    Int16sOf512,
    i16,
    i32,
    80,
    8,
    2,
    1,
    "avx512f,avx512bw",
    ["avx512f", "avx512bw"]
);
vector_kernel!(Avx2Int16, has_int16_of_256, Int16sOf256, i16, i32, 50, 4, 2, 2, "avx2", ["avx2"]);
