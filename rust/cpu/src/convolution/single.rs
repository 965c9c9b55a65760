//! Windows of one row of weights: a depthwise convolution, or a convolution to a single channel.
//!
//! There are no rows of weights that could share what is read of the planes; neighbouring rows of windows share the
//! weights instead, and are so many chains of sums side by side. The order of each sum is that of the micro-kernel.

use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::Widen;
use crate::simd::{Tiered, on_tier};

/// Windows in a row that are summed side by side.
pub(super) const LANES: usize = 8;

/// Rows of windows that are summed side by side.
const ROWS: usize = 4;

/// Windows of one slice of a plane.
pub(super) struct SingleRow<'a, S, T> {
    pub weights: &'a [T],
    /// Each weight's distance from a window's first element.
    pub offsets: &'a [usize],
    /// The first window's first element.
    pub planes: *const T,
    /// Distance of rows of windows in the planes.
    pub row_pitch: usize,
    /// Rows and columns of windows.
    pub grid: [usize; 2],
    /// The first window's sum.
    pub output: *mut S,
    /// Distances of neighbouring rows' and columns' sums.
    pub strides: [usize; 2],
}

impl<S: Widen<T>, T: Real> SingleRow<'_, S, T> {
    /// # Safety
    /// The planes hold the windows, the output has room for their sums.
    pub unsafe fn multiply(self) {
        on_tier(self);
    }

    /// Sums `R` rows of windows from `row` on.
    ///
    /// # Safety
    /// As for [`SingleRow::multiply`].
    #[inline(always)]
    unsafe fn rows<const R: usize>(&self, row: usize) {
        let columns = self.grid[1];
        let mut column = 0;
        while column < columns {
            // The last lanes of a row are summed twice rather than one by one.
            let first = if columns < LANES { 0 } else { column.min(columns - LANES) };
            let count = LANES.min(columns);
            let mut sums = [[T::default(); LANES]; R];
            for (&weight, &offset) in self.weights.iter().zip(self.offsets) {
                for r in 0..R {
                    // SAFETY: the planes hold the windows.
                    unsafe {
                        let source = self.planes.add(offset + (row + r) * self.row_pitch + first);
                        let pixels = if count == LANES {
                            source.cast::<[T; LANES]>().read_unaligned()
                        } else {
                            let mut pixels = [T::default(); LANES];
                            for lane in 0..count {
                                pixels[lane] = source.add(lane).read();
                            }
                            pixels
                        };
                        for lane in 0..LANES {
                            sums[r][lane] = weight.mul_add(pixels[lane], sums[r][lane]);
                        }
                    }
                }
            }
            for r in 0..R {
                // SAFETY: the output has room for the sums.
                unsafe {
                    let target = self.output.add((row + r) * self.strides[0] + first * self.strides[1]);
                    if count == LANES && self.strides[1] == 1 {
                        target.cast::<[S; LANES]>().write_unaligned(sums[r].map(S::round));
                    } else {
                        for lane in 0..count {
                            target.add(lane * self.strides[1]).write(S::round(sums[r][lane]));
                        }
                    }
                }
            }
            column += LANES;
        }
    }
}

impl<S: Widen<T>, T: Real> Tiered for SingleRow<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut row = 0;
        while row < self.grid[0] {
            // SAFETY: who made the value vouches for it (see `SingleRow::multiply`).
            unsafe {
                if row + ROWS <= self.grid[0] {
                    self.rows::<ROWS>(row);
                    row += ROWS;
                } else {
                    self.rows::<1>(row);
                    row += 1;
                }
            }
        }
    }
}
