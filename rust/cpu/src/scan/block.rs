//! A few rows by a few columns, transposed so that the elements of a column are a vector.

use tenfold_ir::Element;

use crate::backend::transpose::transpose_here;
use crate::simd::stream_to;

/// Rows of a block: with twice as many their cache lines, a power of two apart, drive each other out of the first-level
/// cache.
pub const ROWS: usize = 8;

/// Columns of a block: a cache line of 4-byte elements. While a short block is worked on, the processor fetches the next.
pub const COLUMNS: usize = 16;

/// Element `(row, column)` stands at `[column][row]`.
pub type Block<E> = [[E; ROWS]; COLUMNS];

/// Where a block lies in memory: so many rows and columns, and the elements between neighbouring ones.
#[derive(Clone, Copy)]
pub struct Extent {
    pub rows: usize,
    pub row_step: isize,
    pub columns: usize,
    pub column_step: isize,
}

impl Extent {
    /// True where all rows and columns are there, and columns are neighbours in memory, in either order.
    #[inline(always)]
    fn is_whole(self) -> bool {
        self.rows == ROWS && self.columns == COLUMNS && self.column_step.abs() == 1
    }
}

/// Reads a block, the element in its corner from `from`.
///
/// # Safety
/// All elements of the extent can be read.
#[inline(always)]
pub unsafe fn read<E: Element>(block: &mut Block<E>, from: *const E, extent: Extent) {
    let Extent { rows, row_step, columns, column_step } = extent;
    // SAFETY: the caller's promise.
    unsafe {
        if extent.is_whole() {
            let lines = block.as_mut_ptr().cast::<E>();
            let backwards = column_step < 0;
            let from = if backwards { from.sub(COLUMNS - 1) } else { from };
            transpose_here(from, row_step, ROWS, COLUMNS, lines, ROWS as isize);
            if backwards {
                block.reverse();
            }
        } else {
            for (column, line) in block[..columns].iter_mut().enumerate() {
                for (row, element) in line[..rows].iter_mut().enumerate() {
                    let distance = row as isize * row_step + column as isize * column_step;
                    *element = from.offset(distance).read();
                }
            }
        }
    }
}

/// Writes a block, the element in its corner to `to`; `streamed` past the caches, where it is of whole lines.
///
/// # Safety
/// All elements of the extent can be written.
#[inline(always)]
pub unsafe fn write<E: Element>(block: &mut Block<E>, to: *mut E, extent: Extent, streamed: bool) {
    let Extent { rows, row_step, columns, column_step } = extent;
    // SAFETY: the caller's promise.
    unsafe {
        if extent.is_whole() {
            let backwards = column_step < 0;
            if backwards {
                block.reverse();
            }
            let to = if backwards { to.sub(COLUMNS - 1) } else { to };
            let lines = block.as_ptr().cast::<E>();
            let is_of_lines = to.addr().is_multiple_of(64) && (row_step * size_of::<E>() as isize) % 64 == 0;
            let mut turned = [[E::zeroed(); COLUMNS]; ROWS];
            let pitch = COLUMNS as isize;
            transpose_here(lines, ROWS as isize, COLUMNS, ROWS, turned.as_mut_ptr().cast(), pitch);
            for (row, elements) in turned.iter().enumerate() {
                let to = to.offset(row as isize * row_step);
                if streamed && is_of_lines {
                    stream_to(elements.as_ptr(), to, COLUMNS);
                } else {
                    to.cast::<[E; COLUMNS]>().write(*elements);
                }
            }
        } else {
            for (column, line) in block[..columns].iter().enumerate() {
                for (row, &element) in line[..rows].iter().enumerate() {
                    let distance = row as isize * row_step + column as isize * column_step;
                    to.offset(distance).write(element);
                }
            }
        }
    }
}
