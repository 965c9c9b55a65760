//! Products of windows that are packed first: where many rows of weights read them, in panels of whole vectors without the
//! ends of rows in between, which lie in as many lines of the cache as they fill.

use std::ops::Range;

use smallvec::SmallVec;

use super::window::{Progress, Windows};
use crate::gemm::blocks::{DEPTH_BLOCK, FINISHED_COLUMNS, depth_blocks};
use crate::gemm::micro_kernel::window::{Run, WindowPanel};
use crate::gemm::micro_kernel::{MicroKernels, Real, Tile};
use crate::gemm::pack::Widen;

/// Where packed windows are multiplied with so many panels of weights, their aligned loads save the time of one more, which
/// is what packing takes.
const ALIGNED_PANELS: usize = 16;

/// Numbers of scratch for a panel of windows.
pub(super) fn panel_numbers<T>(kernels: &MicroKernels<T>) -> usize {
    DEPTH_BLOCK * kernels.columns()
}

impl<S: Widen<T>, T: Real> Windows<'_, S, T> {
    /// [`Windows::multiply`] by packed panels.
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn multiply_packed(&self, scratch: *mut T, finished: &mut dyn FnMut(Range<usize>)) {
        let [slices, rows, columns] = self.grid;
        let count = slices * rows * columns;
        let kernels = self.weights.kernels;
        let slice = rows * columns;
        let in_order = self.strides[2] == 1 && (rows == 1 || self.strides[1] == columns);
        let direct = S::as_computed(self.output).filter(|_| in_order);
        let slices_touch = slices == 1 || self.strides[0] == slice;
        let mut progress = Progress { reported: 0, done: 0 };
        for first in (0..count).step_by(kernels.columns()) {
            let tile = first..(first + kernels.columns()).min(count);
            let runs = self.runs(tile.clone());
            let place = first / slice * self.strides[0] + first % slice;
            let touching = slices_touch || first % slice + tile.len() <= slice;
            // SAFETY: the caller's; the scratch holds a panel, and behind it the sums of a tile.
            unsafe {
                match direct.filter(|_| touching) {
                    Some(output) => {
                        let c = output.cast_mut().add(place);
                        self.multiply_panel(&runs, tile.len(), (c, self.channel_stride), scratch);
                    }
                    None => {
                        let sums = scratch.add(panel_numbers(kernels));
                        self.multiply_panel(&runs, tile.len(), (sums, kernels.columns()), scratch);
                        self.store_windows(tile.clone(), sums);
                    }
                }
            }
            progress.done = tile.end;
            progress.report(finished, FINISHED_COLUMNS - kernels.columns());
        }
        progress.report(finished, 0);
    }

    /// Whether packing takes less than what it saves, where windows in place would be so many vectors: those at the ends of
    /// rows are partly empty.
    pub(super) fn packing_pays(&self, vectors_in_place: usize) -> bool {
        let panels = self.panels.len();
        let vectors = self.grid.iter().product::<usize>().div_ceil(self.weights.kernels.lanes);
        panels * vectors_in_place * (ALIGNED_PANELS + 1) >= (panels + 1) * vectors * ALIGNED_PANELS
    }

    /// The windows of a tile, counted in the order of the grid; rows that follow one another in the planes are one run.
    fn runs(&self, tile: Range<usize>) -> SmallVec<[Run; 16]> {
        let [_, rows, columns] = self.grid;
        let mut runs: SmallVec<[Run; 16]> = SmallVec::new();
        let mut window = tile.start;
        while window < tile.end {
            let (row, column) = (window / columns, window % columns);
            let first = row / rows * self.slice_pitch + row % rows * self.row_pitch + column;
            let windows = (columns - column).min(tile.end - window);
            match runs.last_mut() {
                Some(run) if run.first + run.windows == first => run.windows += windows,
                _ => runs.push(Run { first, windows }),
            }
            window += windows;
        }
        runs
    }

    /// Multiplies all rows with so many windows.
    ///
    /// # Safety
    /// As for [`Windows::multiply`]; C, whose rows lie a stride apart, has room for the windows.
    unsafe fn multiply_panel(
        &self,
        runs: &[Run],
        windows: usize,
        (c, c_row_stride): (*mut T, usize),
        panel: *mut T,
    ) {
        let kernels = self.weights.kernels;
        let vectors = kernels.vectors_for(windows);
        let width = vectors * kernels.lanes;
        let Some(first) = self.panels.first() else { return };
        for steps in depth_blocks(self.weights.depth) {
            let offsets = &self.offsets[steps.clone()];
            // SAFETY: the windows lie within the planes, the panel has room.
            unsafe {
                (kernels.pack_windows)(&WindowPanel { offsets, b: self.planes, runs, width, panel });
            }
            for rows in self.panels {
                // SAFETY: the panels hold these steps, C has room.
                unsafe {
                    kernels.packed(rows.len(), vectors)(&Tile {
                        depth: steps.len(),
                        a: self.weights.panel(rows, &steps),
                        a_row_stride: 1,
                        a_depth_stride: rows.len() as isize,
                        b: panel,
                        b_depth_stride: width as isize,
                        c: c.add((rows.start - first.start) * c_row_stride),
                        c_row_stride: c_row_stride as isize,
                        last_columns: windows - (vectors - 1) * kernels.lanes,
                        accumulate: steps.start > 0,
                    });
                }
            }
        }
    }

    /// Stores the sums of a tile at the strides of the output.
    ///
    /// # Safety
    /// As for [`Windows::multiply`].
    unsafe fn store_windows(&self, tile: Range<usize>, sums: *const T) {
        let [_, rows, columns] = self.grid;
        let places: SmallVec<[usize; 64]> = tile
            .map(|window| {
                let (row, column) = (window / columns, window % columns);
                row / rows * self.strides[0] + row % rows * self.strides[1] + column * self.strides[2]
            })
            .collect();
        let channels: usize = self.panels.iter().map(Range::len).sum();
        for channel in 0..channels {
            // SAFETY: the windows are within the grid, so their products are within the output.
            unsafe {
                let sums = sums.add(channel * self.weights.kernels.columns());
                let output = self.output.add(channel * self.channel_stride);
                for (index, &place) in places.iter().enumerate() {
                    output.add(place).write(S::round(sums.add(index).read()));
                }
            }
        }
    }
}
