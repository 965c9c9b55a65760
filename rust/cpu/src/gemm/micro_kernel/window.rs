//! The micro-kernel of convolution: rows of B are windows of an image, found through a table.
//!
//! A step of the depth is a channel and a tap of the filter; its row of B are neighbouring pixels of that
//! channel, shifted by the tap. They are read where they lie, so nothing is packed nine times.

use super::{Vector, store_sums};

/// One call of the kernel. `rows` and `vectors` are the kernel's.
pub(crate) struct WindowTile<T> {
    /// Steps of the depth.
    pub depth: usize,
    /// A packed panel: row `r` of step `d` at `d · rows + r`.
    pub a: *const T,
    /// The first pixel of the tile, before any shift.
    pub b: *const T,
    /// Step `d` reads its row of B at this distance from `b`.
    pub offsets: *const usize,
    /// The tile of C.
    pub c: *mut T,
    /// Distance of rows of C.
    pub c_row_stride: isize,
    /// Columns in the last vector, 1 to the number of lanes; B is not read beyond them.
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
pub(super) unsafe fn window_kernel<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &WindowTile<V::Element>,
) {
    // SAFETY: the caller vouches for every element of the tile.
    unsafe {
        let mask = V::mask(tile.last_columns);
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        for step in 0..tile.depth {
            let a = tile.a.add(step * ROWS);
            let b = tile.b.add(tile.offsets.add(step).read());
            let mut factors = [V::zero(); VECTORS];
            for vector in 0..VECTORS {
                let source = b.add(vector * V::LANES);
                factors[vector] =
                    if vector + 1 < VECTORS { V::load(source) } else { V::load_masked(source, mask) };
            }
            for row in 0..ROWS {
                let factor = V::splat(a.add(row));
                for vector in 0..VECTORS {
                    sums[row][vector] = factor.mul_add(factors[vector], sums[row][vector]);
                }
            }
        }
        store_sums(&sums, tile.c, tile.c_row_stride, tile.last_columns, tile.accumulate);
    }
}

/// Windows that lie side by side.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// The distance of the first one.
    pub first: usize,
    pub windows: usize,
}

/// Packs the windows of a tile for kernels that read packed panels.
pub(crate) struct WindowPanel<'a, T> {
    /// The distance of each step's row of B.
    pub offsets: &'a [usize],
    pub b: *const T,
    pub runs: &'a [Run],
    /// Numbers of a step in the panel, which has room for a vector behind the last step.
    pub width: usize,
    pub panel: *mut T,
}

/// # Safety
/// The CPU has `V`'s instructions, all windows are valid, and the panel has room.
#[inline(always)]
pub(super) unsafe fn pack_windows<V: Vector>(tile: &WindowPanel<'_, V::Element>) {
    for (step, &offset) in tile.offsets.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe {
            let b = tile.b.add(offset);
            let mut target = tile.panel.add(step * tile.width);
            for run in tile.runs {
                let (b, mut done) = (b.add(run.first), 0);
                while run.windows - done >= V::LANES {
                    V::load(b.add(done)).store(target.add(done));
                    done += V::LANES;
                }
                if done < run.windows {
                    // What the store writes too much is where the next run goes, or the next step.
                    V::load_masked(b.add(done), V::mask(run.windows - done)).store(target.add(done));
                }
                target = target.add(run.windows);
            }
        }
    }
}
