//! Products of blocks: micro-kernels over operands that lie in place or in panels.

use crate::gemm::blocks::{Target, depth_blocks};
use crate::gemm::micro_kernel::{Real, Tile};
use crate::gemm::pack::{Source, Strided};

/// The left operand of a product.
pub(super) enum Left<T> {
    /// Read where it lies.
    InPlace(Strided<T>),
    /// Panels of as many lines as the micro-kernel has rows, zero beyond the last; a panel has so many steps.
    Panels(*const T, usize),
}

/// Numbers that panels of so many lines and steps take.
pub(super) fn panels_size<T: Real>(lines: usize, steps: usize) -> usize {
    lines.next_multiple_of(T::kernels().rows) * steps
}

/// Where lines lie side by side, so many steps of all panels are packed before the next ones: panels share lines of the
/// cache, which keeps no more of places a power of two apart.
const STEPS_OF_ALL: usize = 8;

/// Writes lines and steps of a matrix as panels for [`Left::Panels`].
///
/// # Safety
/// The matrix has them, and `panels` room for [`panels_size`] numbers.
pub(super) unsafe fn pack_left<T: Real>(matrix: &Strided<T>, lines: usize, steps: usize, panels: *mut T)
where
    Strided<T>: Source<T>,
{
    let rows = T::kernels().rows;
    let along = matrix.depth_stride == 1;
    let some = if along { steps.max(1) } else { STEPS_OF_ALL };
    for start in (0..steps).step_by(some) {
        let end = (start + some).min(steps);
        // What is packed next is asked for: no processor guesses so many short runs.
        if !along {
            matrix.ask(0..lines, end..(end + some).min(steps));
        }
        for first in (0..lines).step_by(rows) {
            let last = (first + rows).min(lines);
            if along {
                matrix.ask(last..(last + rows).min(lines), start..end);
            }
            // SAFETY: the panels stand side by side.
            unsafe { matrix.pack(first..last, start..end, rows, panels.add(first * steps + start * rows)) };
        }
    }
}

/// A right operand: rows of contiguous columns.
#[derive(Clone, Copy)]
pub(super) struct Right<T> {
    pub data: *const T,
    pub row_stride: usize,
}

/// `C = A · B`, or `C + A · B`, for A `(rows, depth)` and B `(depth, columns)`, in the order of [`crate::gemm`].
///
/// # Safety
/// The operands have their elements, C has room; rows of B can be read in whole vectors where A lies in panels.
pub(super) unsafe fn product<T: Real>(
    a: &Left<T>,
    b: Right<T>,
    (rows, depth, columns): (usize, usize, usize),
    c: Target<T>,
    accumulate: bool,
) {
    let kernels = T::kernels();
    if depth == 0 && !accumulate {
        for row in 0..rows {
            // SAFETY: the row lies within C.
            unsafe {
                std::slice::from_raw_parts_mut(c.data.offset(row as isize * c.row_stride), columns)
                    .fill(T::default());
            }
        }
    }
    for first in (0..columns).step_by(kernels.columns()) {
        let count = kernels.columns().min(columns - first);
        let vectors = kernels.vectors_for(count);
        for steps in depth_blocks(depth) {
            for row in (0..rows).step_by(kernels.rows) {
                let tile_rows = kernels.rows.min(rows - row);
                // SAFETY: the caller vouches for the operands; the tile lies within them.
                unsafe {
                    let (left, a_row_stride, a_depth_stride) = match a {
                        Left::InPlace(a) => {
                            let start = row as isize * a.line_stride + steps.start as isize * a.depth_stride;
                            (a.data.offset(start), a.line_stride, a.depth_stride)
                        }
                        Left::Panels(panels, all) => {
                            (panels.add(row * all + steps.start * kernels.rows), 1, kernels.rows as isize)
                        }
                    };
                    let tile = Tile {
                        depth: steps.len(),
                        a: left,
                        a_row_stride,
                        a_depth_stride,
                        b: b.data.add(steps.start * b.row_stride + first),
                        b_depth_stride: b.row_stride as isize,
                        c: c.data.offset(row as isize * c.row_stride).add(first),
                        c_row_stride: c.row_stride,
                        last_columns: count - (vectors - 1) * kernels.lanes,
                        accumulate: accumulate || steps.start > 0,
                    };
                    // The last panel of few lines has the others' distance between its steps.
                    match a {
                        Left::Panels(..) if tile_rows == kernels.rows => {
                            kernels.packed(tile_rows, vectors)(&tile)
                        }
                        _ => kernels.unpacked(tile_rows, vectors)(&tile),
                    }
                }
            }
        }
    }
}
