//! The micro-kernel of 3×3 weights of a single row: rows of sums share the rows of pixels that they read.
//!
//! Nine weights and a vector of sums of four rows stay in registers; a vector of pixels is loaded once for all sums that
//! it belongs to. Pixels are read where they lie: those beside the plane are lanes that a mask leaves out, those above and
//! below are a row of zeros.

use super::Vector;

/// Rows of sums.
pub(crate) const ROWS: usize = 4;

/// Rows and columns of weights.
pub(crate) const TAPS: usize = 3;

/// One call of the kernel.
pub(crate) struct Stencil<T> {
    /// Row by row.
    pub weights: *const T,
    /// Weights' row `k` finds the pixels of sums' row `r` in row `r + k`.
    pub pixels: [*const T; ROWS + TAPS - 1],
    /// Pixels in a row.
    pub extent: usize,
    /// Weights' column `k` finds the pixel of a sum so many columns behind it; outside of the row there are zeros.
    pub shifts: [isize; TAPS],
    /// Rows of sums.
    pub c: [*mut T; ROWS],
    /// Sums in a row, a vector at least.
    pub columns: usize,
}

/// The body. Each sum is a chain of `mul_add` in the order of the weights that begins at +0, as in [`super::micro_kernel`].
///
/// # Safety
/// The CPU has `V`'s instructions, the rows of pixels hold so many, and those of sums have room.
#[inline(always)]
pub(super) unsafe fn stencil_kernel<V: Vector>(stencil: &Stencil<V::Element>) {
    let last = stencil.columns - V::LANES;
    let mut column = 0;
    loop {
        let mut is_inside = true;
        for tap in 0..TAPS {
            let start = column as isize + stencil.shifts[tap];
            is_inside &= start >= 0 && start as usize + V::LANES <= stencil.extent;
        }
        // SAFETY: the caller's; the vector of sums lies within the rows.
        unsafe {
            match is_inside {
                true => sum_vectors::<V, false>(stencil, column),
                false => sum_vectors::<V, true>(stencil, column),
            }
        }
        if column == last {
            return;
        }
        // The last sums fill a whole vector too: some are summed twice rather than one by one.
        column = last.min(column + V::LANES);
    }
}

/// Sums a vector of each row, with a mask where some of its pixels lie outside of theirs.
///
/// # Safety
/// As for [`stencil_kernel`].
#[expect(clippy::needless_range_loop, reason = "iterators are calls that keep the sums out of registers")]
#[inline(always)]
unsafe fn sum_vectors<V: Vector, const MASKED: bool>(stencil: &Stencil<V::Element>, column: usize) {
    // SAFETY: the caller's; lanes outside of the rows of pixels are not read.
    unsafe {
        let mut starts = [0; TAPS];
        let mut masks = [V::mask(V::LANES); TAPS];
        for tap in 0..TAPS {
            starts[tap] = column as isize + stencil.shifts[tap];
            if MASKED {
                let first = (-starts[tap]).clamp(0, V::LANES as isize);
                let end = (stencil.extent as isize - starts[tap]).clamp(0, V::LANES as isize);
                masks[tap] = V::mask_between(first as usize, end as usize);
            }
        }
        let mut weights = [[V::zero(); TAPS]; TAPS];
        for row in 0..TAPS {
            for tap in 0..TAPS {
                weights[row][tap] = V::splat(stencil.weights.add(row * TAPS + tap));
            }
        }
        let mut sums = [V::zero(); ROWS];
        for row in 0..ROWS + TAPS - 1 {
            for tap in 0..TAPS {
                let source = stencil.pixels[row].wrapping_offset(starts[tap]);
                let pixels = if MASKED { V::load_masked(source, masks[tap]) } else { V::load(source) };
                for sum in 0..ROWS {
                    if sum <= row && row < sum + TAPS {
                        sums[sum] = weights[row - sum][tap].mul_add(pixels, sums[sum]);
                    }
                }
            }
        }
        for row in 0..ROWS {
            sums[row].store(stencil.c[row].add(column));
        }
    }
}
