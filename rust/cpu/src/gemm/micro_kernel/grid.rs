//! The micro-kernel of a single row of weights with a grid of windows of an image.
//!
//! There are no rows of weights that could share what is read of the image; neighbouring rows of windows share the
//! weights instead, and are so many chains of sums side by side.

use super::Vector;

/// Rows of windows that are summed side by side, two vectors of each: as many sums as hide the latency of a fused
/// multiply-add.
const ROWS: usize = 4;

/// One call of the kernel.
pub(crate) struct Grid<T> {
    /// A number a tap.
    pub weights: *const T,
    /// Each tap's distance from a window's first pixel.
    pub offsets: *const usize,
    /// Taps.
    pub depth: usize,
    /// The first window's first pixel.
    pub b: *const T,
    /// Distance of rows of windows.
    pub b_row_stride: usize,
    /// Rows and columns of windows.
    pub extents: [usize; 2],
    /// The first window's sum; those of a row are contiguous.
    pub c: *mut T,
    /// Distance of rows of sums.
    pub c_row_stride: usize,
}

/// The body. Each sum is a chain of `mul_add` in the order of the taps that begins at +0, as in [`super::micro_kernel`].
///
/// # Safety
/// The CPU has `V`'s instructions, and all elements that the grid names are valid.
#[inline(always)]
pub(super) unsafe fn grid_kernel<V: Vector>(grid: &Grid<V::Element>) {
    let rows = grid.extents[0];
    let mut row = 0;
    while row < rows {
        // SAFETY: the caller's; the rows are within the grid.
        unsafe {
            if rows < ROWS {
                sum_rows::<V, 1>(grid, row);
                row += 1;
            } else {
                // The last ones are summed twice rather than one by one.
                sum_rows::<V, ROWS>(grid, row.min(rows - ROWS));
                row += ROWS;
            }
        }
    }
}

/// # Safety
/// As for [`grid_kernel`]; the grid has `R` rows from `row` on.
#[inline(always)]
unsafe fn sum_rows<V: Vector, const R: usize>(grid: &Grid<V::Element>, row: usize) {
    let columns = grid.extents[1];
    let mut column = 0;
    // SAFETY: the caller's; the columns are within the grid.
    unsafe {
        while columns - column >= 2 * V::LANES {
            sum_tile::<V, R, 2, false>(grid, row, column, V::LANES);
            column += 2 * V::LANES;
        }
        match columns - column {
            0 => {}
            left if left > V::LANES && columns >= 2 * V::LANES => {
                sum_tile::<V, R, 2, false>(grid, row, columns - 2 * V::LANES, V::LANES);
            }
            left if left > V::LANES => sum_tile::<V, R, 2, true>(grid, row, column, left - V::LANES),
            _ if columns >= V::LANES => {
                sum_tile::<V, R, 1, false>(grid, row, columns - V::LANES, V::LANES);
            }
            left => sum_tile::<V, R, 1, true>(grid, row, column, left),
        }
    }
}

/// # Safety
/// As for [`grid_kernel`]; the grid has the tile, whose last vector has `last_columns` columns.
#[expect(clippy::needless_range_loop, reason = "iterators are calls that keep the sums out of registers")]
#[inline(always)]
unsafe fn sum_tile<V: Vector, const R: usize, const VECTORS: usize, const MASKED: bool>(
    grid: &Grid<V::Element>,
    row: usize,
    column: usize,
    last_columns: usize,
) {
    // SAFETY: the caller vouches for every element of the tile.
    unsafe {
        let mask = V::mask(last_columns);
        let b = grid.b.add(row * grid.b_row_stride + column);
        let mut sums = [[V::zero(); VECTORS]; R];
        for tap in 0..grid.depth {
            let weight = V::splat(grid.weights.add(tap));
            let b = b.add(grid.offsets.add(tap).read());
            for r in 0..R {
                for vector in 0..VECTORS {
                    let source = b.add(r * grid.b_row_stride + vector * V::LANES);
                    let whole = !MASKED || vector + 1 < VECTORS;
                    let pixels = if whole { V::load(source) } else { V::load_masked(source, mask) };
                    sums[r][vector] = weight.mul_add(pixels, sums[r][vector]);
                }
            }
        }
        let c = grid.c.add(row * grid.c_row_stride + column);
        for r in 0..R {
            for vector in 0..VECTORS {
                let target = c.add(r * grid.c_row_stride + vector * V::LANES);
                match !MASKED || vector + 1 < VECTORS {
                    true => sums[r][vector].store(target),
                    false => sums[r][vector].store_masked(target, mask),
                }
            }
        }
    }
}
