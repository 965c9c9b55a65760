//! The gradient of the weights.
//!
//! The product, transposed, has (channel, tap) as rows and output channels as columns, and pixels as depth.

use std::ops::Range;

use super::Call;
use super::forward::nanoseconds;
use super::geometry::{Geometry, Planes};
use super::taps::sum_images;
use super::window::Shared;
use crate::gemm::Block;
use crate::gemm::blocks::{DEPTH_BLOCK, FINISHED_COLUMNS, even_pieces};
use crate::gemm::micro_kernel::patch::PatchTile;
use crate::gemm::micro_kernel::{MicroKernels, Real};
use crate::gemm::pack::{Widen, clear_padding, transpose};
use crate::gemm::scratch::{Scratch, aligned_bytes};
use crate::threads::{for_each_chunk, thread_count};

/// Images are summed in groups of at least this many output pixels, so that adding the groups costs
/// little. Part of the definition of the result, as the next two.
const GROUP_PIXELS: usize = 2048;

/// Most groups of images.
const MOST_GROUPS: usize = 16;

/// Most numbers of all groups' sums.
const MOST_NUMBERS: usize = 1 << 22;

/// The images of each group: by shapes alone.
fn image_groups(geometry: &Geometry) -> Vec<Range<usize>> {
    let numbers = geometry.groups * geometry.input_channels * geometry.output_channels * geometry.taps();
    let pixels = geometry.images * geometry.output_pixels();
    let groups = (pixels / GROUP_PIXELS).min(MOST_GROUPS).min(MOST_NUMBERS / numbers.max(1)).max(1);
    even_pieces(0..geometry.images, geometry.images.div_ceil(groups).max(1), 1).collect()
}

pub(super) fn run<S: Widen<T>, T: Real>(call: Call<'_, S>) {
    let geometry = &call.geometry;
    let kernels = T::kernels();
    let images = image_groups(geometry);
    let numbers = geometry.input_channels * geometry.taps() * geometry.output_channels;
    let mut sums = vec![T::default(); images.len().max(1) * geometry.groups * numbers];
    let parts = (images.len() * geometry.groups).max(1);
    let pieces = (2 * thread_count()).div_ceil(parts).max(1);
    let channels: Vec<Range<usize>> =
        even_pieces(0..geometry.input_channels, geometry.input_channels.div_ceil(pieces).max(1), 1).collect();
    let tasks = images.len() * geometry.groups * channels.len();
    let shared = Shared(sums.as_mut_ptr());
    let depthwise = geometry.input_channels == 1 && geometry.output_channels == 1;
    if geometry.output_pixels() > 0 && tasks > 0 {
        for_each_chunk(tasks, nanoseconds(geometry) / tasks as u64, &|index| {
            let (index, channels) = (index / channels.len(), channels[index % channels.len()].clone());
            let group = index % geometry.groups;
            let images = images[index / geometry.groups].clone();
            // SAFETY: the operands were checked; tasks write different sums.
            unsafe {
                let sums = shared.get().add(index * numbers);
                match depthwise {
                    true => sum_images(&call, group, images, sums),
                    false => Part { geometry, kernels, group, channels }.sum(&call, images, sums),
                }
            }
        });
    }
    let output = Shared(call.output.as_mut_ptr());
    let rows: Vec<Range<usize>> = even_pieces(0..geometry.output_channels, 16, 1).collect();
    let time = (sums.len() / (geometry.groups * rows.len())) as u64;
    for_each_chunk(geometry.groups * rows.len(), time, &|index| {
        let (group, rows) = (index / rows.len(), rows[index % rows.len()].clone());
        // SAFETY: tasks write different parts of the output.
        unsafe { combine(&call, &sums, group, rows, output.get()) }
    });
}

/// Input channels of a group, whose rows of the product are a task's.
struct Part<'a, T: 'static> {
    geometry: &'a Geometry,
    kernels: &'static MicroKernels<T>,
    group: usize,
    channels: Range<usize>,
}

impl<T: Real> Part<'_, T> {
    /// Sums images into `(input channel, tap)` rows of output channels.
    ///
    /// # Safety
    /// The operands have the elements of the geometry; `sums` has room for the group's product, and nothing
    /// else writes this part's rows.
    unsafe fn sum<S: Widen<T>>(&self, call: &Call<'_, S>, images: Range<usize>, sums: *mut T) {
        let geometry = self.geometry;
        let [_, y, x] = geometry.axes;
        let planes = Planes::of_input(geometry, 1, 0..y.output);
        let source = call.first.as_ptr();
        let in_place = planes.source_offset().is_some() && S::as_computed(source).is_some();
        let laid_out = if in_place { planes.in_source() } else { planes };
        let channel = laid_out.channel();
        let offsets: Vec<usize> = (0..self.channels.len())
            .flat_map(|index| {
                geometry.all_taps().map(move |tap| index * channel + laid_out.tap(geometry, tap))
            })
            .collect();
        let copied = if in_place { 0 } else { aligned_bytes::<T>(self.channels.len() * channel) };
        let panel = self.kernels.columns() * x.output.max(DEPTH_BLOCK);
        let mut scratch = Scratch::take(copied + panel * size_of::<T>());
        let target = scratch.as_mut_ptr::<T>();
        // SAFETY: the scratch has room for the planes and the panel; the rest is the caller's.
        unsafe {
            let panel = scratch.as_mut_ptr::<u8>().add(copied).cast::<T>();
            let rows = sums.add(self.channels.start * geometry.taps() * geometry.output_channels);
            let first_image = images.start;
            for (index, image) in images.enumerate() {
                let batch = image * geometry.groups + self.group;
                let first = batch * geometry.input_channels + self.channels.start;
                let source = source.add(first * geometry.input_pixels());
                let pixels = match S::as_computed(source).filter(|_| in_place) {
                    Some(source) => source,
                    None => {
                        for index in 0..self.channels.len() {
                            let source = source.add(index * geometry.input_pixels());
                            // The first image leaves the zeros.
                            planes.fill(source, target.add(index * channel), image > first_image);
                        }
                        target.cast_const()
                    }
                };
                let gradient = call.second.as_ptr();
                let gradient = gradient.add(batch * geometry.output_channels * geometry.output_pixels());
                self.sum_image(gradient, pixels, &laid_out, &offsets, panel, rows, index > 0);
            }
        }
        scratch.give_back();
    }

    /// Adds one image, block by block of the output's rows.
    ///
    /// # Safety
    /// As for [`Part::sum`].
    #[expect(clippy::too_many_arguments, reason = "the operands of one image, all different")]
    unsafe fn sum_image<S: Widen<T>>(
        &self,
        gradient: *const S,
        pixels: *const T,
        planes: &Planes,
        offsets: &[usize],
        panel: *mut T,
        rows: *mut T,
        mut accumulate: bool,
    ) {
        let geometry = self.geometry;
        let [z, y, x] = geometry.axes.map(|axis| axis.output);
        let most_lines = (DEPTH_BLOCK / x).max(1);
        for slice in 0..z {
            for lines in even_pieces(0..y, most_lines, 1) {
                let place = (slice * y + lines.start) * x;
                let steps = lines.len() * x;
                for columns in
                    even_pieces(0..geometry.output_channels, self.kernels.columns(), self.kernels.lanes)
                {
                    let vectors = self.kernels.vectors_for(columns.len());
                    // SAFETY: the caller's.
                    unsafe {
                        transpose(
                            gradient.add(columns.start * geometry.output_pixels() + place),
                            geometry.output_pixels() as isize,
                            columns.len(),
                            steps,
                            vectors * self.kernels.lanes,
                            panel,
                        );
                        clear_padding(columns.len(), steps, vectors * self.kernels.lanes, panel);
                        for tile in even_pieces(0..offsets.len(), self.kernels.rows, 1) {
                            self.kernels.patch(tile.len(), vectors)(&PatchTile {
                                lines: lines.len(),
                                steps: x,
                                a: pixels
                                    .add(slice * planes.slice_pitch() + lines.start * planes.row_pitch()),
                                offsets: offsets[tile.clone()].as_ptr(),
                                line_stride: planes.row_pitch(),
                                b: panel,
                                c: rows.add(tile.start * geometry.output_channels + columns.start),
                                c_row_stride: geometry.output_channels as isize,
                                last_columns: columns.len() - (vectors - 1) * self.kernels.lanes,
                                accumulate,
                            });
                        }
                    }
                }
                accumulate = true;
            }
        }
    }
}

/// Adds the groups of images in order, transposed into rows of the output.
///
/// # Safety
/// `output` has room for the gradient, and nothing else writes these rows.
unsafe fn combine<S: Widen<T>, T: Real>(
    call: &Call<'_, S>,
    sums: &[T],
    group: usize,
    rows: Range<usize>,
    output: *mut S,
) {
    let geometry = &call.geometry;
    let (columns, outputs) = (geometry.input_channels * geometry.taps(), geometry.output_channels);
    let numbers = columns * outputs;
    let index = |row: usize, column: usize| (group * outputs + row) * columns + column;
    for column in 0..columns {
        for row in rows.clone() {
            let mut parts = sums[group * numbers + column * outputs + row..].iter();
            let first = parts.next().copied().unwrap_or_default();
            let others = parts.skip(geometry.groups * numbers - 1).step_by(geometry.groups * numbers);
            let total = others.fold(first, |total, &part| total + part);
            // SAFETY: the element is this task's.
            unsafe { output.add(index(row, column)).write(S::round(total)) };
        }
    }
    if let Some(epilogue) = call.epilogue {
        for some in even_pieces(0..columns, FINISHED_COLUMNS, 1) {
            let start = index(rows.start, some.start);
            epilogue(&mut Block::new(group, (rows.clone(), some), output, start, columns));
        }
    }
}
