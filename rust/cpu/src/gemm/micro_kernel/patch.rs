//! The micro-kernel of a convolution's weight gradient: rows of A are an image's pixels, found through a table.
//!
//! The depth are pixels of the output; a row of A is a channel and a tap of the filter, whose pixels are read
//! where they lie. B is the packed gradient.

use super::{TURN, Vector, add_step, for_each_step, store_sums};

/// One call of the kernel. `rows` and `vectors` are the kernel's.
pub(crate) struct PatchTile<T> {
    /// Rows of pixels in the depth.
    pub lines: usize,
    /// Pixels in such a row.
    pub steps: usize,
    /// The first pixel, before any shift.
    pub a: *const T,
    /// Row `r` of A is read at this distance from `a`.
    pub offsets: *const usize,
    /// Distance of rows of pixels.
    pub line_stride: usize,
    /// A packed panel with the columns of whole vectors.
    pub b: *const T,
    /// The tile of C.
    pub c: *mut T,
    /// Distance of rows of C.
    pub c_row_stride: isize,
    /// Columns in the last vector, 1 to the number of lanes.
    pub last_columns: usize,
    /// Add to C instead of storing.
    pub accumulate: bool,
}

/// The body, with the order of [`super::micro_kernel`].
///
/// # Safety
/// The CPU has `V`'s instructions, and all elements that the tile names are valid.
#[expect(clippy::needless_range_loop, reason = "iterators are calls that keep the sums out of registers")]
#[inline(always)]
pub(super) unsafe fn patch_kernel<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &PatchTile<V::Element>,
) {
    // SAFETY: the caller vouches for every element of the tile.
    unsafe {
        let mask = V::mask(V::LANES);
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        let mut b = tile.b;
        for line in 0..tile.lines {
            let mut rows = [tile.a; ROWS];
            for row in 0..ROWS {
                rows[row] = tile.a.add(line * tile.line_stride + tile.offsets.add(row).read());
            }
            let mut step = 0;
            for_each_step!(tile.steps, TURN, {
                add_step::<V, ROWS, VECTORS, false>(&mut sums, |row| rows[row].add(step), b, mask);
                step += 1;
                b = b.add(VECTORS * V::LANES);
            });
        }
        store_sums(&sums, tile.c, tile.c_row_stride, tile.last_columns, tile.accumulate);
    }
}
