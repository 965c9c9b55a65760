//! The convolution itself.

use std::ops::Range;

use super::Call;
use super::geometry::{Geometry, Planes};
use super::window::{PackedWeights, Shared, Windows};
use crate::gemm::Block;
use crate::gemm::blocks::{FINISHED_COLUMNS, even_pieces};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::{Source, Strided, Widen};
use crate::gemm::scratch::Scratch;
use crate::threads::{for_each_chunk, thread_count};

/// Planes of a task should stay within this, half of a usual L2.
const PLANES_BYTES: usize = 1 << 19;

/// A part of the output: rows `rows` of the split axis, of some panels of output channels.
pub(super) struct Task {
    pub image: usize,
    pub group: usize,
    pub panels: Range<usize>,
    pub rows: Range<usize>,
}

/// Cuts a convolution into tasks: images and groups, then rows while they are too few or their planes too
/// large, then channels.
pub(super) struct Tasks {
    rows: Vec<Range<usize>>,
    panels: Vec<Range<usize>>,
    groups: usize,
    count: usize,
}

impl Tasks {
    pub fn new((images, groups): (usize, usize), rows: usize, most_rows: usize, panels: usize) -> Tasks {
        let parts = images * groups;
        let wanted = (2 * thread_count()).div_ceil(parts.max(1));
        let by_rows = rows.div_ceil(most_rows).max(wanted).min(rows.div_ceil(4).max(1));
        let by_channels = wanted.div_ceil(by_rows).min(panels.max(1));
        let pieces = |length: usize, count: usize| -> Vec<Range<usize>> {
            even_pieces(0..length, length.div_ceil(count).max(1), 1).collect()
        };
        let (rows, panels) = (pieces(rows, by_rows), pieces(panels, by_channels));
        Tasks { count: parts * rows.len() * panels.len(), rows, panels, groups }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn get(&self, index: usize) -> Task {
        let (index, panels) = (index / self.panels.len(), index % self.panels.len());
        let (index, rows) = (index / self.rows.len(), index % self.rows.len());
        Task {
            image: index / self.groups,
            group: index % self.groups,
            panels: self.panels[panels].clone(),
            rows: self.rows[rows].clone(),
        }
    }
}

/// The axis whose rows are cut: the outermost that has several.
fn split_axis(geometry: &Geometry) -> usize {
    (0..2).find(|&axis| geometry.axes[axis].output > 1).unwrap_or(1)
}

/// Time of a convolution at about 80 GFLOP/s.
pub(super) fn nanoseconds(geometry: &Geometry) -> u64 {
    let Geometry { images, groups, input_channels, output_channels, .. } = *geometry;
    let factors =
        [images, groups, input_channels, output_channels, geometry.output_pixels(), geometry.taps()];
    let products = factors.iter().fold(1u64, |product, &factor| product.saturating_mul(factor as u64));
    products / 40
}

pub(super) fn run<S: Widen<T>, T: Real>(call: Call<'_, S>) {
    let geometry = &call.geometry;
    let (kernels, depth) = (T::kernels(), geometry.input_channels * geometry.taps());
    let sources: Vec<Strided<S>> = (0..geometry.groups)
        .map(|group| Strided {
            data: call.second[group * geometry.output_channels * depth..].as_ptr(),
            line_stride: depth as isize,
            depth_stride: 1,
        })
        .collect();
    let sources: Vec<(&dyn Source<T>, usize)> =
        sources.iter().map(|source| (source as &dyn Source<T>, depth)).collect();
    // SAFETY: the weights were checked to have these elements.
    let weights = unsafe { PackedWeights::all(kernels, geometry.output_channels, &sources) };
    let panels: Vec<Range<usize>> = even_pieces(0..geometry.output_channels, kernels.rows, 1).collect();
    let split = split_axis(geometry);
    let rows = geometry.axes[split].output;
    let whole = Planes::of_input(geometry, split, 0..rows);
    let row_bytes = geometry.input_channels * whole.channel() * size_of::<T>() / rows;
    let most_rows =
        if whole.source_offset().is_some() { rows } else { (PLANES_BYTES / row_bytes.max(1)).max(1) };
    let together = images_together::<S, T>(&call, &whole);
    let parts = (geometry.images.div_ceil(together), geometry.groups);
    let tasks = Tasks::new(parts, rows, most_rows, panels.len());
    let output = Shared(call.output.as_mut_ptr());
    let time = nanoseconds(geometry) / tasks.count() as u64;
    for_each_chunk(tasks.count(), time, &|index| {
        let mut task = tasks.get(index);
        task.image *= together;
        let images = together.min(geometry.images - task.image);
        // SAFETY: the operands were checked; tasks write different parts of the output.
        unsafe { run_task(&call, &weights[task.group], &panels, split, (&task, images), output.get()) }
    });
}

/// How many images are slices of one grid in a task: where small ones are read in place, tiles go on from one to the next
/// instead of ending with each. Their rows are not cut, as there are tasks enough.
fn images_together<S: Widen<T>, T: Real>(call: &Call<'_, S>, whole: &Planes) -> usize {
    let geometry = &call.geometry;
    let in_place = whole.source_offset().is_some() && S::as_computed(call.first.as_ptr()).is_some();
    if !in_place || geometry.axes[0].output > 1 || geometry.output_pixels() > FINISHED_COLUMNS {
        return 1;
    }
    (geometry.images * geometry.groups / (4 * thread_count())).clamp(1, geometry.images.max(1))
}

/// # Safety
/// The operands have the elements of the geometry, and nothing else writes the task's part of the output.
unsafe fn run_task<S: Widen<T>, T: Real>(
    call: &Call<'_, S>,
    weights: &PackedWeights<T>,
    panels: &[Range<usize>],
    split: usize,
    (task, images): (&Task, usize),
    output: *mut S,
) {
    let geometry = &call.geometry;
    let planes = Planes::of_input(geometry, split, task.rows.clone());
    let channels = geometry.input_channels;
    let batch = task.image * geometry.groups + task.group;
    let source = call.first[batch * channels * geometry.input_pixels()..].as_ptr();
    let in_place = planes.source_offset().zip(S::as_computed(source));
    let copied = if in_place.is_some() { 0 } else { channels * planes.channel() };
    let mut scratch = Scratch::take((Windows::<S, T>::scratch(weights) + copied) * size_of::<T>());
    let tile = scratch.as_mut_ptr::<T>();
    let laid_out = if in_place.is_some() { planes.in_source() } else { planes };
    let channel = laid_out.channel();
    let offsets: Vec<usize> = {
        let taps: Vec<usize> = geometry.all_taps().map(|tap| laid_out.tap(geometry, tap)).collect();
        (0..channels).flat_map(|index| taps.iter().map(move |tap| index * channel + tap)).collect()
    };
    // SAFETY: the scratch has room for the tile and the planes; the rest is the caller's.
    unsafe {
        let first = match in_place {
            Some((offset, source)) => source.add(offset),
            None => {
                let target = tile.add(Windows::<S, T>::scratch(weights));
                for index in 0..channels {
                    planes.fill(
                        source.add(index * geometry.input_pixels()),
                        target.add(index * channel),
                        false,
                    );
                }
                target.cast_const()
            }
        };
        let axes = &geometry.axes;
        let mut grid = axes.map(|axis| axis.output);
        grid[split] = task.rows.len();
        let mut strides = [axes[1].output * axes[2].output, axes[2].output, 1];
        let mut slice_pitch = laid_out.slice_pitch();
        let pixels = geometry.output_pixels();
        if images > 1 {
            grid[0] = images;
            strides[0] = geometry.groups * geometry.output_channels * pixels;
            slice_pitch = geometry.groups * channels * geometry.input_pixels();
        }
        let panels = &panels[task.panels.clone()];
        let (Some(low), Some(high)) = (panels.first(), panels.last()) else { return };
        let skipped = task.rows.start * strides[split];
        let start = (batch * geometry.output_channels + low.start) * pixels + skipped;
        let finish = |image: usize, done: Range<usize>| {
            if let Some(epilogue) = call.epilogue {
                let start = start + image * strides[0] + done.start;
                let columns = done.start + skipped..done.end + skipped;
                let batch = batch + image * geometry.groups;
                epilogue(&mut Block::new(batch, (low.start..high.end, columns), output, start, pixels));
            }
        };
        let windows = Windows {
            weights,
            offsets: &offsets,
            planes: first,
            row_pitch: laid_out.row_pitch(),
            slice_pitch,
            grid,
            output: output.add(start),
            channel_stride: pixels,
            strides,
            panels,
        };
        let mut finished_images = 0;
        windows.multiply(tile, &mut |done| {
            if images == 1 {
                return finish(0, done);
            }
            while (finished_images + 1) * pixels <= done.end {
                finish(finished_images, 0..pixels);
                finished_images += 1;
            }
        });
    }
    scratch.give_back();
}
