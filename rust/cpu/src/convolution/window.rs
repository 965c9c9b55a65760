//! The product of packed weights with windows of padded planes: forward, and the input's gradient.

use std::ops::Range;

use super::packed::panel_numbers;
use super::single::SingleRow;
use crate::gemm::blocks::{DEPTH_BLOCK, FINISHED_COLUMNS, depth_blocks, even_pieces};
use crate::gemm::micro_kernel::window::WindowTile;
use crate::gemm::micro_kernel::{MicroKernels, Real};
use crate::gemm::pack::{Source, Widen};
use crate::threads::for_each_chunk;

/// Below this depth, copying a tile costs more than unused lanes at the end of each row.
const LEAST_FLAT_DEPTH: usize = 32;

/// Weights packed once for all images: panels of rows, block of depth by block of depth.
pub(super) struct PackedWeights<T: 'static> {
    pub kernels: &'static MicroKernels<T>,
    numbers: Vec<T>,
    rows: usize,
    pub depth: usize,
}

/// A pointer that several threads write to, each its own elements.
#[derive(Clone, Copy)]
pub(super) struct Shared<T>(pub *mut T);

// SAFETY: who uses it keeps the threads' elements apart.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The pointer; a method, so that closures capture the whole.
    pub fn get(&self) -> *mut T {
        self.0
    }
}

impl<T: Real> PackedWeights<T> {
    /// Packs `rows × depth` weights of each source. A panel of all sources comes after the other: the phases of a stride
    /// find their weights in the same lines of the cache.
    ///
    /// # Safety
    /// The sources have them.
    pub unsafe fn all(
        kernels: &'static MicroKernels<T>,
        rows: usize,
        sources: &[(&dyn Source<T>, usize)],
    ) -> Vec<Self> {
        let empty =
            |depth: usize| PackedWeights { kernels, numbers: vec![T::default(); rows * depth], rows, depth };
        let mut all: Vec<Self> = sources.iter().map(|&(_, depth)| empty(depth)).collect();
        let numbers: Vec<Shared<T>> = all.iter_mut().map(|one| Shared(one.numbers.as_mut_ptr())).collect();
        let panels: Vec<Range<usize>> = even_pieces(0..rows, kernels.rows, 1).collect();
        let steps: usize = sources.iter().map(|&(_, depth)| depth).sum();
        for_each_chunk(panels.len(), (kernels.rows * steps) as u64, &|index| {
            let panel = panels[index].clone();
            for (&(source, depth), numbers) in sources.iter().zip(&numbers) {
                for steps in depth_blocks(depth) {
                    // SAFETY: panels do not overlap, and the numbers have room for all of them.
                    unsafe {
                        let target = numbers.get().add(steps.start * rows + panel.start * steps.len());
                        source.pack(panel.clone(), steps, panel.len(), target);
                    }
                }
            }
        });
        all
    }

    /// The rows of each panel, in order.
    pub fn panels(&self) -> impl Iterator<Item = Range<usize>> {
        even_pieces(0..self.rows, self.kernels.rows, 1)
    }

    /// The numbers of a panel for some steps.
    pub fn panel(&self, rows: &Range<usize>, steps: &Range<usize>) -> *const T {
        self.numbers[steps.start * self.rows + rows.start * steps.len()..].as_ptr()
    }
}

/// A grid of windows in the planes of one image and group, and where the products go.
pub(super) struct Windows<'a, S, T: 'static> {
    pub weights: &'a PackedWeights<T>,
    /// Each step's distance from a window's first element.
    pub offsets: &'a [usize],
    /// The first element of the first window.
    pub planes: *const T,
    pub row_pitch: usize,
    pub slice_pitch: usize,
    /// Windows along each axis.
    pub grid: [usize; 3],
    /// The first window's product of row 0.
    pub output: *mut S,
    /// Distance of rows (channels) of the output.
    pub channel_stride: usize,
    /// Distances of neighbouring windows' products along each axis.
    pub strides: [usize; 3],
    /// The panels of weights to multiply with, which are neighbours.
    pub panels: &'a [Range<usize>],
}

impl<S: Widen<T>, T: Real> Windows<'_, S, T> {
    /// Numbers of scratch that [`Windows::multiply`] needs.
    pub fn scratch(weights: &PackedWeights<T>) -> usize {
        panel_numbers(weights.kernels) + weights.rows * weights.kernels.columns()
    }

    /// Computes all products; `finished` is told ranges of windows (in the order of the grid) that are
    /// done in all rows, at most [`FINISHED_COLUMNS`] each.
    ///
    /// # Safety
    /// The planes hold all windows, the output all products, and the scratch [`Windows::scratch`].
    pub unsafe fn multiply(&self, scratch: *mut T, finished: &mut dyn FnMut(Range<usize>)) {
        let [slices, rows, columns] = self.grid;
        if slices * rows * columns == 0 {
            return;
        }
        if self.weights.rows == 1 && (1..=DEPTH_BLOCK).contains(&self.weights.depth) {
            // SAFETY: the caller's.
            return unsafe { self.multiply_single(finished) };
        }
        let lanes = self.weights.kernels.lanes;
        let direct = (self.strides[2] == 1).then(|| S::as_computed(self.output)).flatten();
        let seamless = self.row_pitch == columns && self.strides[1] == columns;
        let by_rows = direct.is_some()
            && !seamless
            && (self.offsets.len() < LEAST_FLAT_DEPTH || self.row_pitch >= columns.next_multiple_of(lanes));
        let (runs, length) = match by_rows {
            true => (rows, columns),
            false => (1, (rows - 1) * self.row_pitch + columns),
        };
        if self.weights.depth > 0 && self.packing_pays(slices * runs * length.div_ceil(lanes)) {
            // SAFETY: the caller's.
            return unsafe { self.multiply_packed(scratch, finished) };
        }
        let mut progress = Progress { reported: 0, done: 0 };
        for slice in 0..slices {
            for run in 0..runs {
                // SAFETY: the runs lie within the planes and the output.
                unsafe {
                    let b = self.planes.add(slice * self.slice_pitch + run * self.row_pitch);
                    let first = slice * self.strides[0] + run * self.strides[1];
                    for tile in (0..length).step_by(self.weights.kernels.columns()) {
                        let tile = tile..(tile + self.weights.kernels.columns()).min(length);
                        match direct.filter(|_| by_rows || seamless) {
                            Some(output) => {
                                let c = output.cast_mut().add(first + tile.start);
                                self.multiply_tile(b, &tile, c, self.channel_stride);
                                progress.done += tile.len();
                            }
                            None => {
                                self.multiply_tile(b, &tile, scratch, self.weights.kernels.columns());
                                let before = slice * rows * columns;
                                self.store(first, &tile, scratch);
                                progress.done = before + self.windows_before(tile.end);
                            }
                        }
                        progress.report(finished, FINISHED_COLUMNS - self.weights.kernels.columns());
                    }
                }
            }
        }
        progress.report(finished, 0);
    }

    /// The same for a single row of weights in one block of the depth.
    ///
    /// # Safety
    /// As for [`Windows::multiply`].
    unsafe fn multiply_single(&self, finished: &mut dyn FnMut(Range<usize>)) {
        let [slices, rows, columns] = self.grid;
        for slice in 0..slices {
            // SAFETY: the slice's windows lie within the planes, and its products within the output.
            unsafe {
                let single = SingleRow {
                    weights: &self.weights.numbers,
                    offsets: self.offsets,
                    planes: self.planes.add(slice * self.slice_pitch),
                    row_pitch: self.row_pitch,
                    grid: [rows, columns],
                    output: self.output.add(slice * self.strides[0]),
                    strides: [self.strides[1], self.strides[2]],
                };
                single.multiply();
            }
            let windows = slice * rows * columns..(slice + 1) * rows * columns;
            even_pieces(windows, FINISHED_COLUMNS, 1).for_each(&mut *finished);
        }
    }

    /// Whole windows before a place of a flat run.
    fn windows_before(&self, place: usize) -> usize {
        let columns = self.grid[2];
        place / self.row_pitch * columns + (place % self.row_pitch).min(columns)
    }

    /// Multiplies all rows with the windows of a tile, which begin at `b`.
    ///
    /// # Safety
    /// As for [`Windows::multiply`]; C has room for the tile.
    unsafe fn multiply_tile(&self, b: *const T, tile: &Range<usize>, c: *mut T, c_row_stride: usize) {
        let kernels = self.weights.kernels;
        let vectors = kernels.vectors_for(tile.len());
        let Some(first) = self.panels.first() else { return };
        let row = |rows: &Range<usize>| (rows.start - first.start) * c_row_stride;
        if self.offsets.is_empty() {
            for rows in self.panels {
                for index in 0..rows.len() {
                    // SAFETY: C has room for the tile.
                    unsafe {
                        let c = c.add(row(rows) + index * c_row_stride);
                        std::slice::from_raw_parts_mut(c, tile.len()).fill(T::default());
                    }
                }
            }
        }
        for steps in depth_blocks(self.weights.depth) {
            for rows in self.panels {
                // SAFETY: the windows lie within the planes, C has room.
                unsafe {
                    kernels.window(rows.len(), vectors)(&WindowTile {
                        depth: steps.len(),
                        a: self.weights.panel(rows, &steps),
                        b: b.add(tile.start),
                        offsets: self.offsets[steps.clone()].as_ptr(),
                        c: c.add(row(rows)),
                        c_row_stride: c_row_stride as isize,
                        last_columns: tile.len() - (vectors - 1) * kernels.lanes,
                        accumulate: steps.start > 0,
                    });
                }
            }
        }
    }

    /// Copies the products of a flat tile to the output, without those between two rows.
    ///
    /// # Safety
    /// As for [`Windows::multiply`].
    unsafe fn store(&self, first: usize, tile: &Range<usize>, scratch: *const T) {
        let columns = self.grid[2];
        let channels: usize = self.panels.iter().map(Range::len).sum();
        let mut place = tile.start;
        while place < tile.end {
            let (y, x) = (place / self.row_pitch, place % self.row_pitch);
            let count = (self.row_pitch - x).min(tile.end - place);
            let windows = columns.saturating_sub(x).min(count);
            for channel in 0..channels {
                // SAFETY: these windows are within the grid, so their products are within the output.
                unsafe {
                    let from = scratch.add(channel * self.weights.kernels.columns() + place - tile.start);
                    let to = self.output.add(
                        first + channel * self.channel_stride + y * self.strides[1] + x * self.strides[2],
                    );
                    for window in 0..windows {
                        to.add(window * self.strides[2]).write(S::round(from.add(window).read()));
                    }
                }
            }
            place += count;
        }
    }
}

/// Windows whose products are stored, and those already reported.
pub(super) struct Progress {
    pub reported: usize,
    pub done: usize,
}

impl Progress {
    /// Reports what is done once it is more than `least`.
    pub fn report(&mut self, finished: &mut dyn FnMut(Range<usize>), least: usize) {
        while self.done > self.reported + least {
            let end = self.done.min(self.reported + FINISHED_COLUMNS);
            finished(self.reported..end);
            self.reported = end;
        }
    }
}
