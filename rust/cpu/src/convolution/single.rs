//! Windows of one row of weights: a depthwise convolution, or a convolution to a single channel.

use crate::gemm::blocks::even_pieces;
use crate::gemm::micro_kernel::Real;
use crate::gemm::micro_kernel::grid::Grid;
use crate::gemm::pack::Widen;

/// Rows and columns of sums that wait side by side to be stored one by one.
const WAITING: [usize; 2] = [4, 64];

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
    pub unsafe fn multiply(&self) {
        if let Some(output) = S::as_computed(self.output).filter(|_| self.strides[1] == 1) {
            // SAFETY: the caller's.
            return unsafe { self.sum([0, 0], self.grid, output.cast_mut(), self.strides[0]) };
        }
        let mut sums = [T::default(); WAITING[0] * WAITING[1]];
        for rows in even_pieces(0..self.grid[0], WAITING[0], 1) {
            for columns in even_pieces(0..self.grid[1], WAITING[1], 1) {
                let (first, extents) = ([rows.start, columns.start], [rows.len(), columns.len()]);
                // SAFETY: the caller's; the sums have room for these windows'.
                unsafe {
                    self.sum(first, extents, sums.as_mut_ptr(), columns.len());
                    self.store(first, extents, &sums);
                }
            }
        }
    }

    /// Sums the windows from `first` on.
    ///
    /// # Safety
    /// As for [`SingleRow::multiply`]; `sums` has room for them.
    unsafe fn sum(&self, first: [usize; 2], extents: [usize; 2], sums: *mut T, row_stride: usize) {
        // SAFETY: the caller's; the kernels are those of this CPU.
        unsafe {
            (T::kernels().grid)(&Grid {
                weights: self.weights.as_ptr(),
                offsets: self.offsets.as_ptr(),
                depth: self.weights.len(),
                b: self.planes.add(first[0] * self.row_pitch + first[1]),
                b_row_stride: self.row_pitch,
                extents,
                c: sums,
                c_row_stride: row_stride,
            });
        }
    }

    /// Stores the sums of the windows from `first` on.
    ///
    /// # Safety
    /// As for [`SingleRow::multiply`].
    unsafe fn store(&self, first: [usize; 2], extents: [usize; 2], sums: &[T]) {
        for (row, sums) in sums.chunks_exact(extents[1]).take(extents[0]).enumerate() {
            for (column, &sum) in sums.iter().enumerate() {
                let place = (first[0] + row) * self.strides[0] + (first[1] + column) * self.strides[1];
                // SAFETY: the caller's.
                unsafe { self.output.add(place).write(S::round(sum)) };
            }
        }
    }
}
