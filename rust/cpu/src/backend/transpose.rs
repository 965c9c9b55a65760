//! Transposition of matrices in memory, in blocks that fit registers.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::marker::PhantomData;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Tier, tier};

/// Copies `rows` rows of `columns` elements, which begin `from_pitch` elements apart, so that the columns are rows, which
/// begin `to_pitch` elements apart. A negative pitch goes through them backwards.
///
/// # Safety
/// All those elements can be read and written, and the two matrices do not overlap.
#[inline(never)]
pub unsafe fn transpose<T: Copy>(
    from: *const T,
    from_pitch: isize,
    rows: usize,
    columns: usize,
    to: *mut T,
    to_pitch: isize,
) {
    // SAFETY: the caller's promise; words of the elements' size move their bits, and the tier has AVX2 where it is used.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if tier() >= Tier::Avx2 {
            match size_of::<T>() {
                4 => return on_avx2::<Singles>(from.cast(), from_pitch, rows, columns, to.cast(), to_pitch),
                8 => return on_avx2::<Doubles>(from.cast(), from_pitch, rows, columns, to.cast(), to_pitch),
                _ => {}
            }
        }
        by_blocks::<Moves<T>>(from, from_pitch, rows, columns, to, to_pitch);
    }
}

/// The same, inlined into code for a tier with AVX2, for few elements.
///
/// # Safety
/// As for [`transpose`].
#[inline(always)]
pub unsafe fn transpose_here<T: Copy>(
    from: *const T,
    from_pitch: isize,
    rows: usize,
    columns: usize,
    to: *mut T,
    to_pitch: isize,
) {
    // SAFETY: as above.
    unsafe {
        match size_of::<T>() {
            #[cfg(target_arch = "x86_64")]
            4 if tier() >= Tier::Avx2 => {
                by_blocks::<Singles>(from.cast(), from_pitch, rows, columns, to.cast(), to_pitch);
            }
            #[cfg(target_arch = "x86_64")]
            8 if tier() >= Tier::Avx2 => {
                by_blocks::<Doubles>(from.cast(), from_pitch, rows, columns, to.cast(), to_pitch);
            }
            _ => transpose(from, from_pitch, rows, columns, to, to_pitch),
        }
    }
}

/// A square block that is transposed at once.
trait Block {
    type Element: Copy;
    /// Its rows, and its columns.
    const EDGE: usize;

    /// # Safety
    /// As for [`transpose`], for a block; the CPU has what the block's instructions need.
    unsafe fn transpose(
        from: *const Self::Element,
        from_pitch: isize,
        to: *mut Self::Element,
        to_pitch: isize,
    );
}

/// # Safety
/// As for [`transpose`]; the CPU has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn on_avx2<B: Block>(
    from: *const B::Element,
    from_pitch: isize,
    rows: usize,
    columns: usize,
    to: *mut B::Element,
    to_pitch: isize,
) {
    // SAFETY: the caller's promise.
    unsafe { by_blocks::<B>(from, from_pitch, rows, columns, to, to_pitch) }
}

/// # Safety
/// As for [`transpose`]; the CPU has what the blocks need.
#[inline(always)]
unsafe fn by_blocks<B: Block>(
    from: *const B::Element,
    from_pitch: isize,
    rows: usize,
    columns: usize,
    to: *mut B::Element,
    to_pitch: isize,
) {
    let (whole_rows, whole_columns) = (rows - rows % B::EDGE, columns - columns % B::EDGE);
    // SAFETY: the caller's promise; every row and column is one of the matrix.
    unsafe {
        for row in (0..whole_rows).step_by(B::EDGE) {
            for column in (0..whole_columns).step_by(B::EDGE) {
                let (source, target) = (
                    from.offset(row as isize * from_pitch).add(column),
                    to.offset(column as isize * to_pitch).add(row),
                );
                B::transpose(source, from_pitch, target, to_pitch);
            }
        }
        for row in 0..rows {
            let first = if row < whole_rows { whole_columns } else { 0 };
            for column in first..columns {
                let element = from.offset(row as isize * from_pitch).add(column).read();
                to.offset(column as isize * to_pitch).add(row).write(element);
            }
        }
    }
}

/// Blocks of elements of any size, one by one.
struct Moves<T>(PhantomData<T>);

impl<T: Copy> Block for Moves<T> {
    type Element = T;
    const EDGE: usize = 8;

    #[inline(always)]
    unsafe fn transpose(from: *const T, from_pitch: isize, to: *mut T, to_pitch: isize) {
        const EDGE: usize = 8;
        // SAFETY: the caller's promise.
        unsafe {
            let mut rows = [[from.read(); EDGE]; EDGE];
            for (row, elements) in rows.iter_mut().enumerate() {
                *elements = from.offset(row as isize * from_pitch).cast::<[T; EDGE]>().read_unaligned();
            }
            for column in 0..EDGE {
                let mut turned = [rows[0][0]; EDGE];
                for row in 0..EDGE {
                    turned[row] = rows[row][column];
                }
                to.offset(column as isize * to_pitch).cast::<[T; EDGE]>().write_unaligned(turned);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! register_block {
    ($(#[$doc:meta])* $block:ident: $element:ty, $edge:literal, $zero:ident, $load:ident, $store:ident, $columns:ident) => {
        $(#[$doc])*
        struct $block;

        impl Block for $block {
            type Element = $element;
            const EDGE: usize = $edge;

            #[inline(always)]
            unsafe fn transpose(from: *const $element, from_pitch: isize, to: *mut $element, to_pitch: isize) {
                // SAFETY: the caller's promise.
                unsafe {
                    let mut rows = [$zero(); $edge];
                    for (row, elements) in rows.iter_mut().enumerate() {
                        *elements = $load(from.offset(row as isize * from_pitch));
                    }
                    for (column, elements) in $columns(rows).into_iter().enumerate() {
                        $store(to.offset(column as isize * to_pitch), elements);
                    }
                }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
register_block! {
    /// 8 × 8 elements of 4 bytes.
    Singles: f32, 8, _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, columns_of_8
}
#[cfg(target_arch = "x86_64")]
register_block! {
    /// 4 × 4 elements of 8 bytes.
    Doubles: f64, 4, _mm256_setzero_pd, _mm256_loadu_pd, _mm256_storeu_pd, columns_of_4
}

/// The columns of 8 rows.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn columns_of_8(rows: [__m256; 8]) -> [__m256; 8] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    // Columns 2·half and 2·half + 1 of rows 0–3 and 4–7; columns 4 higher in the upper halves.
    let half = |pairs: [__m256; 4]| {
        [
            _mm256_shuffle_ps::<0x44>(pairs[0], pairs[1]),
            _mm256_shuffle_ps::<0xee>(pairs[0], pairs[1]),
            _mm256_shuffle_ps::<0x44>(pairs[2], pairs[3]),
            _mm256_shuffle_ps::<0xee>(pairs[2], pairs[3]),
        ]
    };
    let [c0_low, c1_low, c0_high, c1_high] = half([
        _mm256_unpacklo_ps(r0, r1),
        _mm256_unpacklo_ps(r2, r3),
        _mm256_unpacklo_ps(r4, r5),
        _mm256_unpacklo_ps(r6, r7),
    ]);
    let [c2_low, c3_low, c2_high, c3_high] = half([
        _mm256_unpackhi_ps(r0, r1),
        _mm256_unpackhi_ps(r2, r3),
        _mm256_unpackhi_ps(r4, r5),
        _mm256_unpackhi_ps(r6, r7),
    ]);
    [
        _mm256_permute2f128_ps::<0x20>(c0_low, c0_high),
        _mm256_permute2f128_ps::<0x20>(c1_low, c1_high),
        _mm256_permute2f128_ps::<0x20>(c2_low, c2_high),
        _mm256_permute2f128_ps::<0x20>(c3_low, c3_high),
        _mm256_permute2f128_ps::<0x31>(c0_low, c0_high),
        _mm256_permute2f128_ps::<0x31>(c1_low, c1_high),
        _mm256_permute2f128_ps::<0x31>(c2_low, c2_high),
        _mm256_permute2f128_ps::<0x31>(c3_low, c3_high),
    ]
}

/// The columns of 4 rows.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn columns_of_4(rows: [__m256d; 4]) -> [__m256d; 4] {
    let [r0, r1, r2, r3] = rows;
    let (even_low, odd_low) = (_mm256_unpacklo_pd(r0, r1), _mm256_unpackhi_pd(r0, r1));
    let (even_high, odd_high) = (_mm256_unpacklo_pd(r2, r3), _mm256_unpackhi_pd(r2, r3));
    [
        _mm256_permute2f128_pd::<0x20>(even_low, even_high),
        _mm256_permute2f128_pd::<0x20>(odd_low, odd_high),
        _mm256_permute2f128_pd::<0x31>(even_low, even_high),
        _mm256_permute2f128_pd::<0x31>(odd_low, odd_high),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Tier, set_tier};

    fn check<T: Copy + PartialEq + std::fmt::Debug>(number: impl Fn(usize) -> T) {
        for (rows, columns) in [(0, 3), (1, 1), (3, 8), (8, 8), (16, 7), (13, 17), (33, 24)] {
            for (backwards, more) in [(false, 0), (true, 0), (false, 5), (true, 3)] {
                let (wide, high) = (columns + more, rows + more);
                let from: Vec<T> = (0..rows * wide).map(&number).collect();
                let untouched = number(1_000_000);
                let mut to = vec![untouched; columns * high];
                let pitch = if backwards { -(high as isize) } else { high as isize };
                let first = if backwards { columns.saturating_sub(1) * high } else { 0 };
                // SAFETY: both hold their matrices.
                unsafe {
                    let target = to.as_mut_ptr().add(first);
                    transpose(from.as_ptr(), wide as isize, rows, columns, target, pitch);
                }
                for (at, &element) in to.iter().enumerate() {
                    let (line, row) = (at / high, at % high);
                    let column = if backwards { columns - 1 - line } else { line };
                    let wanted = if row < rows { from[row * wide + column] } else { untouched };
                    assert_eq!(element, wanted, "{rows}×{columns}, backwards: {backwards}, {more} more");
                }
            }
        }
    }

    #[test]
    fn every_element_arrives_and_nothing_else_is_written() {
        for &tier in Tier::available() {
            set_tier(tier).unwrap();
            check(|at| at as u8);
            check(|at| at as u16);
            check(|at| at as u32);
            check(|at| at as u64);
            check(|at| [at as u64, !at as u64]);
        }
    }
}
