//! The input's gradient where there is a stride: products of its phases, put in the order of the pixels.
//!
//! Neighbouring pixels are products of different phases. Stored one by one, the lines of the input would be written once for
//! each phase; instead the products of all phases for a band of rows wait side by side, and lines are written at once.

use std::ops::Range;

use smallvec::SmallVec;

use super::geometry::Geometry;
use super::input_gradient::{PaddedWindows, PhaseProduct};
use crate::gemm::blocks::{FINISHED_COLUMNS, even_pieces};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::Widen;

/// Products that wait should stay within this: they share a usual L2 with the planes.
const WAITING_BYTES: usize = 1 << 18;

/// How the rows of a task's phases are cut.
pub(super) struct Bands<'a, T: 'static> {
    geometry: &'a Geometry,
    phases: &'a [PhaseProduct<T>],
    /// Rows of the products.
    channels: usize,
    /// The axis that is cut, the outermost that has several rows of windows; how many, and how many in a band.
    axis: usize,
    rows: usize,
    most_rows: usize,
    /// Products of a row of windows, of all phases.
    row_numbers: usize,
}

/// The products of a phase for a band.
struct Part<T> {
    /// The phase's first input along each axis.
    first: [usize; 3],
    grid: [usize; 3],
    /// Dense: channel by channel, in the order of the grid.
    products: *const T,
}

/// Products that are pixels of a line, from its pixel `first` on, a stride apart.
struct Pixels<T> {
    first: usize,
    products: *const T,
    count: usize,
    channel_stride: usize,
}

impl<'a, T: Real> Bands<'a, T> {
    pub fn new(geometry: &'a Geometry, phases: &'a [PhaseProduct<T>], channels: usize) -> Self {
        let axis = usize::from(geometry.axes[0].input == 1);
        let grids = phases.iter().map(|product| product.phase.grid);
        let rows = grids.clone().map(|grid| grid[axis]).max().unwrap_or(0);
        let windows: usize = grids.map(|grid| grid[1 - axis] * grid[2]).sum();
        let row_numbers = channels * windows;
        let most_rows = WAITING_BYTES / (row_numbers * size_of::<T>()).max(1);
        Bands {
            geometry,
            phases,
            channels,
            axis,
            rows,
            most_rows: most_rows.clamp(1, rows.max(1)),
            row_numbers,
        }
    }

    /// Numbers of the products that wait: those of a single phase need not.
    pub fn numbers(&self) -> usize {
        if self.phases.len() > 1 { self.row_numbers * self.most_rows } else { 0 }
    }

    /// Computes all pixels of the rows (channels) of `output`; `finished` is told ranges of pixels that are done in all of
    /// them, at most [`FINISHED_COLUMNS`] each.
    ///
    /// # Safety
    /// The planes hold the windows, `tile` is scratch for [`super::window::Windows::multiply`], `products` has room for
    /// [`Bands::numbers`], and `output` for all pixels.
    pub unsafe fn run<S: Widen<T>>(
        &self,
        windows: &PaddedWindows<'_, T>,
        tile: *mut T,
        products: *mut T,
        output: *mut S,
        finished: &mut dyn FnMut(Range<usize>),
    ) {
        let [_, y, x] = self.geometry.axes.map(|axis| axis.input);
        let split = &self.geometry.axes[self.axis];
        let lines_of_a_row = [y, 1][self.axis];
        for band in even_pieces(0..self.rows, self.most_rows, 1) {
            // SAFETY: the caller's.
            let parts = unsafe { self.multiply(windows, band.clone(), tile, products) };
            let end = split.input.min(band.end * split.stride);
            let lines = band.start * split.stride * lines_of_a_row..end * lines_of_a_row;
            for some in even_pieces(lines, (FINISHED_COLUMNS / x).max(1), 1) {
                // SAFETY: the parts are those of the lines' band.
                unsafe { self.store(&parts, band.start, some.clone(), output) };
                even_pieces(some.start * x..some.end * x, FINISHED_COLUMNS, 1).for_each(&mut *finished);
            }
        }
    }

    /// The products of a band of rows.
    ///
    /// # Safety
    /// As for [`Bands::run`].
    unsafe fn multiply(
        &self,
        windows: &PaddedWindows<'_, T>,
        band: Range<usize>,
        tile: *mut T,
        mut products: *mut T,
    ) -> SmallVec<[Part<T>; 4]> {
        let mut parts = SmallVec::new();
        for product in self.phases {
            let mut grid = product.phase.grid;
            let skipped = band.start.min(grid[self.axis]);
            grid[self.axis] = band.end.min(grid[self.axis]) - skipped;
            let count: usize = grid.iter().product();
            if count == 0 {
                continue;
            }
            // SAFETY: the rows are the phase's; the products of all phases have room side by side.
            unsafe {
                let mut windows =
                    product.windows(windows, (products, count, [grid[1] * grid[2], grid[2], 1]));
                let pitch = [windows.slice_pitch, windows.row_pitch][self.axis];
                windows.planes = windows.planes.add(skipped * pitch);
                windows.grid = grid;
                windows.multiply(tile, &mut |_| {});
                parts.push(Part { first: product.phase.first, grid, products: products.cast_const() });
                products = products.add(self.channels * count);
            }
        }
        parts
    }

    /// Stores lines of all channels, which lie in the band of these parts.
    ///
    /// # Safety
    /// As for [`Bands::run`].
    unsafe fn store<S: Widen<T>>(
        &self,
        parts: &[Part<T>],
        band_start: usize,
        lines: Range<usize>,
        output: *mut S,
    ) {
        let [z, y, x] = self.geometry.axes.map(|axis| axis.input);
        let stride = self.geometry.axes[2].stride;
        let pixels: Vec<SmallVec<[Pixels<T>; 2]>> =
            lines.clone().map(|line| self.pixels(parts, band_start, [line / y, line % y])).collect();
        // Channel by channel, so that neighbouring lines of the output follow each other.
        for channel in 0..self.channels {
            for (line, pixels) in lines.clone().zip(&pixels) {
                // SAFETY: the line lies within the output, and its pixels within the products.
                unsafe {
                    let line = std::slice::from_raw_parts_mut(output.add(((channel * z * y) + line) * x), x);
                    let row = |pixels: &Pixels<T>| {
                        let products = pixels.products.add(channel * pixels.channel_stride);
                        std::slice::from_raw_parts(products, pixels.count)
                    };
                    match (&pixels[..], stride) {
                        ([even, odd], 2) => interleave(row(even), row(odd), line),
                        ([all], 1) => {
                            line.iter_mut().zip(row(all)).for_each(|(place, &sum)| *place = S::round(sum));
                        }
                        _ => {
                            for pixels in pixels {
                                let places = line.iter_mut().skip(pixels.first).step_by(stride);
                                places.zip(row(pixels)).for_each(|(place, &sum)| *place = S::round(sum));
                            }
                        }
                    }
                }
            }
        }
    }

    /// What the line at this place along the first two axes is put together from, in the order of its first pixels.
    fn pixels(&self, parts: &[Part<T>], band_start: usize, place: [usize; 2]) -> SmallVec<[Pixels<T>; 2]> {
        let stride = self.geometry.axes.map(|axis| axis.stride);
        let mut row = [place[0] / stride[0], place[1] / stride[1]];
        row[self.axis] -= band_start;
        let reaches = |part: &&Part<T>| (0..2).all(|axis| part.first[axis] == place[axis] % stride[axis]);
        let mut pixels: SmallVec<[Pixels<T>; 2]> = parts
            .iter()
            .filter(reaches)
            .map(|part| {
                let [_, rows, columns] = part.grid;
                Pixels {
                    first: part.first[2],
                    products: part.products.wrapping_add((row[0] * rows + row[1]) * columns),
                    count: columns,
                    channel_stride: part.grid.iter().product(),
                }
            })
            .collect();
        pixels.sort_unstable_by_key(|pixels| pixels.first);
        pixels
    }
}

/// Stores the pixels of a line in pairs, which the compiler makes shuffles of; the last one may be alone.
fn interleave<S: Widen<T>, T: Real>(even: &[T], odd: &[T], line: &mut [S]) {
    for ((pair, &even), &odd) in line.chunks_exact_mut(2).zip(even).zip(odd) {
        (pair[0], pair[1]) = (S::round(even), S::round(odd));
    }
    if let (Some(place), Some(&last)) = (line.get_mut(2 * odd.len()), even.get(odd.len())) {
        *place = S::round(last);
    }
}
