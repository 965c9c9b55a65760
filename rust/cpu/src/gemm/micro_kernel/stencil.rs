//! The micro-kernel of 3×3 weights of a single row: sums of a plane whose pixels are read where they lie.
//!
//! A vector of sums goes down the rows: the nine weights and the sums of three rows stay in registers, and a row of pixels
//! is loaded once for all of them. Pixels beside the plane are lanes that a mask leaves out, those above and below are a
//! row of zeros. Going down, nothing is read as it lies, so that no processor guesses what comes next: the memory behind is
//! asked for in order.

use super::Vector;
use crate::simd::prefetch;

/// Rows and columns of weights.
pub(crate) const TAPS: usize = 3;

/// Rows that a vector of sums goes down before the one beside it: their cache lines leave a first-level cache room.
const STRIP: usize = 32;

/// One call of the kernel: a plane.
pub(crate) struct Stencil<T> {
    /// Row by row.
    pub weights: *const T,
    pub pixels: *const T,
    /// Rows and columns of pixels.
    pub extents: [usize; 2],
    /// As many zeros as a row has pixels.
    pub zeros: *const T,
    /// Weights' row and column `k` find the pixel of a sum so many rows and columns behind it, zeros outside of the plane.
    /// Neighbours are one apart, rows up or down.
    pub shifts: [[isize; TAPS]; 2],
    pub sums: *mut T,
    /// Rows and columns of sums.
    pub counts: [usize; 2],
}

/// The body. Each sum is a chain of `mul_add` in the order of the weights that begins at +0, as in [`super::micro_kernel`].
///
/// # Safety
/// The CPU has `V`'s instructions, and there are the weights, the pixels, the zeros, and room for the sums.
#[inline(always)]
pub(super) unsafe fn stencil_kernel<V: Vector>(stencil: &Stencil<V::Element>) {
    let [rows, columns] = stencil.counts;
    let lanes = V::LANES as isize;
    let extent = stencil.extents[1] as isize;
    let length = rows.div_ceil(rows.div_ceil(STRIP).max(1)).max(1);
    for first in (0..rows).step_by(length) {
        let strip = Strip::new(stencil, first, length.min(rows - first));
        for tile in 0..columns.div_ceil(V::LANES) {
            // The last sums fill a whole vector too, where there are so many: some are summed twice.
            let column = (tile * V::LANES).min(columns.saturating_sub(V::LANES));
            let starts = stencil.shifts[1].map(|shift| column as isize + shift);
            let is_whole = starts.iter().all(|&start| start >= 0 && start + lanes <= extent);
            // SAFETY: the caller's; the vector of sums lies within the rows, or has as many as there are.
            unsafe {
                match is_whole && columns >= V::LANES {
                    true => sum_down::<V, false>(stencil, &strip, tile, column),
                    false => sum_down::<V, true>(stencil, &strip, tile, column),
                }
            }
        }
    }
}

/// Rows of sums and the rows of pixels that they read, in the order of the weights' rows.
struct Strip<T> {
    pixels: [*const T; STRIP + TAPS - 1],
    rows: usize,
    /// The first row's sums, and how far the next row's lie from them.
    sums: *mut T,
    step: isize,
    /// What lies behind the strip.
    next: [*const T; 2],
}

impl<T> Strip<T> {
    fn new(stencil: &Stencil<T>, first: usize, rows: usize) -> Strip<T> {
        let ([extent, columns_before], [_, columns]) = (stencil.extents, stencil.counts);
        let [first_shift, second_shift, _] = stencil.shifts[0];
        let step = second_shift - first_shift;
        // With weights that go up the rows of pixels, the sums go up too.
        let start = if step > 0 { first } else { first + rows - 1 };
        let mut pixels = [stencil.zeros; STRIP + TAPS - 1];
        for (index, pixels) in pixels[..rows + TAPS - 1].iter_mut().enumerate() {
            let row = start.wrapping_add_signed(first_shift + index as isize * step);
            if row < extent {
                *pixels = stencil.pixels.wrapping_add(row * columns_before);
            }
        }
        let end = first + rows;
        Strip {
            pixels,
            rows,
            sums: stencil.sums.wrapping_add(start * columns),
            step: step * columns as isize,
            next: [
                stencil.pixels.wrapping_add(end * columns_before),
                stencil.sums.wrapping_add(end * columns).cast_const(),
            ],
        }
    }
}

/// Sums a vector of each row, with masks where some of its pixels lie outside of theirs.
///
/// # Safety
/// As for [`stencil_kernel`].
#[expect(clippy::needless_range_loop, reason = "iterators are calls that keep the sums out of registers")]
#[inline(always)]
unsafe fn sum_down<V: Vector, const MASKED: bool>(
    stencil: &Stencil<V::Element>,
    strip: &Strip<V::Element>,
    tile: usize,
    column: usize,
) {
    let (extent, lanes, columns) = (stencil.extents[1] as isize, V::LANES as isize, stencil.counts[1]);
    // SAFETY: the caller's; lanes outside of the rows of pixels are not read, nor those beyond the last sum written.
    unsafe {
        let mut starts = [0; TAPS];
        let mut masks = [V::mask(V::LANES); TAPS];
        let mut weights = [[V::zero(); TAPS]; TAPS];
        for tap in 0..TAPS {
            let start = column as isize + stencil.shifts[1][tap];
            starts[tap] = start;
            if MASKED {
                let (first, end) = ((-start).clamp(0, lanes), (extent - start).clamp(0, lanes));
                masks[tap] = V::mask_between(first as usize, end as usize);
            }
            for row in 0..TAPS {
                weights[row][tap] = V::splat(stencil.weights.add(row * TAPS + tap));
            }
        }
        let mut target = strip.sums.wrapping_add(column);
        let mut ahead = tile * strip.rows * V::LANES;
        // Sums that have one and two rows of weights in them.
        let mut pending = [V::zero(); TAPS - 1];
        for row in 0..strip.rows + TAPS - 1 {
            for next in strip.next {
                prefetch(next.wrapping_add(ahead).cast(), 1);
            }
            ahead += V::LANES;
            let mut sums = [V::zero(), pending[0], pending[1]];
            for tap in 0..TAPS {
                let source = strip.pixels.get_unchecked(row).wrapping_offset(starts[tap]);
                let pixels = if MASKED { V::load_masked(source, masks[tap]) } else { V::load(source) };
                for row in 0..TAPS {
                    sums[row] = weights[row][tap].mul_add(pixels, sums[row]);
                }
            }
            pending = [sums[0], sums[1]];
            if row >= TAPS - 1 {
                if MASKED && columns < V::LANES {
                    sums[2].store_masked(target, V::mask(columns));
                } else {
                    sums[2].store(target);
                }
                target = target.wrapping_offset(strip.step);
            }
        }
    }
}
