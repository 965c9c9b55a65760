//! The convolution, and the gradient of its input.

use std::sync::Mutex;

use tenfold_ir::Result;

use super::tiles::{Depth, ImageTiles, Segment, TileBlock, plane_pitch, tile_blocks};
use super::transform::{Gather, Spread, Transforms, strip_lanes, write_channels};
use super::{Definition, Extents, is_trusted, kernel};
use crate::convolution::forward::nanoseconds;
use crate::convolution::window::Shared;
use crate::convolution::{Call, Kind, numbers};
use crate::gemm::Block;
use crate::gemm::blocks::{FINISHED_COLUMNS, depth_blocks, even_pieces};
use crate::gemm::micro_kernel::{MicroKernels, Real, Tile};
use crate::gemm::pack::transpose;
use crate::gemm::scratch::Scratch;
use crate::memory::HostBuffer;
use crate::threads::{for_each_chunk, thread_count};

/// Transformed tiles of a task should stay within this, about an L2. Filters pass through once a task, so there
/// are not fewer than [`LEAST_TASK_TILES`].
const TASK_BYTES: usize = 1 << 19;
const LEAST_TASK_TILES: usize = 48;

/// Weights of one group as filters from the summed channels to those that come out.
#[derive(Clone, Copy)]
struct Filters {
    /// Distance of filters of neighbouring summed channels, and of those that come out.
    depth_stride: usize,
    column_stride: usize,
    flipped: bool,
}

/// A convolution of `source` whose filters may be turned around.
struct Plan {
    kernels: &'static MicroKernels<f32>,
    transforms: &'static Transforms,
    /// Rows and columns of a filter.
    kernel: [usize; 2],
    source: Extents,
    result: Extents,
    depth: Depth,
    /// Zeros before the source along rows and columns.
    before: [isize; 2],
    filters: Filters,
    images: usize,
    groups: usize,
}

impl Plan {
    fn new(call: &Call<'_, f32>, transforms: &'static Transforms) -> Plan {
        let geometry = &call.geometry;
        let [z, y, x] = geometry.axes;
        let (input, output) = (Extents::input(geometry), Extents::output(geometry));
        let (kernel, depth) = (kernel(geometry), Depth::new(z));
        let before = [y.before as isize, x.before as isize];
        let (inner, outer) = (geometry.taps(), geometry.taps() * geometry.input_channels);
        let (source, result, depth, before, filters) = match call.kind {
            Kind::InputGradient => {
                let before = std::array::from_fn(|axis| kernel[axis] as isize - 1 - before[axis]);
                let filters = Filters { depth_stride: outer, column_stride: inner, flipped: true };
                (output, input, depth.flipped(), before, filters)
            }
            _ => {
                let filters = Filters { depth_stride: inner, column_stride: outer, flipped: false };
                (input, output, depth, before, filters)
            }
        };
        let (images, groups) = (geometry.images, geometry.groups);
        let kernels = f32::kernels();
        Plan { kernels, transforms, kernel, source, result, depth, before, filters, images, groups }
    }

    /// Terms of a product: summed channels for each tap of the depth.
    fn terms(&self) -> usize {
        self.source.channels * self.depth.taps
    }

    /// Elements of a filter.
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.depth.taps
    }

    /// Numbers of a position of a group's transformed filters: panels of columns, each with all of its terms.
    fn filter_pitch(&self) -> usize {
        plane_pitch(self.terms() * self.kernels.panel_width(self.result.channels))
    }

    /// Transforms the filters of some columns, as many as a strip has lanes.
    ///
    /// # Safety
    /// `weights` are the group's, and `target` has room for its transformed filters.
    unsafe fn transform_filters(&self, weights: *const f32, first: usize, target: *mut f32) {
        let (lanes, depth, taps) = (strip_lanes(), self.source.channels, self.taps());
        let columns = lanes.min(self.result.channels - first);
        let panel = first / self.kernels.columns() * self.kernels.columns();
        let panel_columns = self.kernels.columns().min(self.result.channels - panel);
        let width = self.kernels.panel_width(panel_columns);
        let mut scratch = Scratch::take(depth * taps * lanes * size_of::<f32>());
        let strip = scratch.as_mut_ptr::<f32>();
        let Filters { depth_stride, column_stride, flipped } = self.filters;
        let transform = if flipped { self.transforms.flipped_filter } else { self.transforms.filter };
        let [rows, row_length] = self.kernel;
        // SAFETY: the strip holds the filters of all of the depth, one below the other.
        unsafe {
            let source = weights.add(first * column_stride);
            if depth_stride == taps {
                transpose(source, column_stride as isize, columns, depth * taps, lanes, strip);
            } else {
                for step in 0..depth {
                    let (source, strip) = (source.add(step * depth_stride), strip.add(step * taps * lanes));
                    transpose(source, column_stride as isize, columns, taps, lanes, strip);
                }
            }
            for tap in 0..self.depth.taps {
                let plane = if flipped { self.depth.taps - 1 - tap } else { tap };
                transform(&Spread {
                    strip,
                    rows: 0..(depth * self.depth.taps * rows) as isize,
                    columns: 0..row_length as isize,
                    first: [(plane * rows) as isize, 0],
                    step: [self.depth.taps * rows, row_length],
                    tiles: [depth, 1],
                    target: target.add(panel * self.terms() + tap * depth * width + first - panel),
                    tile_pitch: width,
                    plane_pitch: self.filter_pitch(),
                });
            }
        }
        scratch.give_back();
    }

    /// Blocks of tiles, each of them a task.
    fn blocks(&self) -> Vec<TileBlock> {
        let tiles = self.transforms.tiles([self.result.height, self.result.width]);
        let channels = self.source.tile_pitch() + self.result.tile_pitch();
        let tile_bytes = self.transforms.positions() * channels * size_of::<f32>();
        let all = self.images * self.result.depth * tiles[0] * tiles[1];
        // Two tasks a thread at least, where they need not be small for it; else one.
        let threads = thread_count();
        let balanced = all.div_ceil(2 * threads).max(LEAST_TASK_TILES).min(all.div_ceil(threads));
        let most = (TASK_BYTES / tile_bytes).max(LEAST_TASK_TILES).min(balanced);
        tile_blocks(0..self.images, &self.depth, tiles, most.max(1))
    }
}

pub(super) fn run(call: Call<'_, f32>, definition: Definition<'_>) -> Result<()> {
    let Some(transforms) = Transforms::of(kernel(&call.geometry)) else { unreachable!("not served") };
    let plan = Plan::new(&call, transforms);
    let Plan { source, result, .. } = plan;
    let filter_numbers = transforms.positions() * plan.filter_pitch();
    let buffer = HostBuffer::new(plan.groups * filter_numbers * size_of::<f32>())?;
    let filters = Shared(buffer.pointer().as_ptr().cast::<f32>());
    let lanes = strip_lanes();
    let strips = result.channels.div_ceil(lanes);
    let weights = result.channels * source.channels * plan.taps();
    for_each_chunk(plan.groups * strips, (plan.terms() * lanes * 8) as u64, &|index| {
        let (group, first) = (index / strips, index % strips * lanes);
        // SAFETY: the weights were checked; tasks write different columns of the filters.
        unsafe {
            let weights = call.second.as_ptr().add(group * weights);
            plan.transform_filters(weights, first, filters.get().add(group * filter_numbers));
        }
    });
    let blocks = plan.blocks();
    let output = Shared(call.output.as_mut_ptr());
    let time = nanoseconds(&call.geometry) / 2 / (plan.groups * blocks.len()).max(1) as u64;
    let task = |index: usize| Task {
        plan: &plan,
        call: &call,
        block: &blocks[index / plan.groups],
        group: index % plan.groups,
        output: output.get(),
    };
    let untrusted = Mutex::new(Vec::new());
    for_each_chunk(plan.groups * blocks.len(), time, &|index| {
        let task = task(index);
        // SAFETY: the operands were checked; tasks write different parts of the output.
        match unsafe { task.run(filters.get().add(index % plan.groups * filter_numbers)) } {
            true => task.finish(),
            false => untrusted.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(index),
        }
    });
    let untrusted = untrusted.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !untrusted.is_empty() {
        let defined = definition()?;
        for_each_chunk(untrusted.len(), time, &|index| {
            let task = task(untrusted[index]);
            // SAFETY: tasks have different parts of the output.
            unsafe { task.take(numbers(&defined)) };
            task.finish();
        });
    }
    Ok(())
}

/// A block of tiles, and a group of channels.
struct Task<'a> {
    plan: &'a Plan,
    call: &'a Call<'a, f32>,
    block: &'a TileBlock,
    group: usize,
    output: *mut f32,
}

impl Task<'_> {
    /// Computes the block's tiles. False where a result is not trusted.
    ///
    /// # Safety
    /// The operands have the elements of the geometry, the filters are the group's, and nothing else writes these
    /// tiles of the output.
    unsafe fn run(&self, filters: *const f32) -> bool {
        let Task { plan, block, .. } = *self;
        let TileBlock { sources, results, .. } = block;
        let positions = plan.transforms.positions();
        let source_pitch = plane_pitch(block.source_tiles() * plan.source.tile_pitch());
        let result_pitch = plane_pitch(block.result_tiles() * plan.result.tile_pitch());
        let strip_numbers = ImageTiles::strip_numbers(plan.transforms, sources);
        let numbers = positions * (source_pitch + result_pitch) + strip_numbers + strip_lanes();
        let mut scratch = Scratch::take(numbers * size_of::<f32>());
        // SAFETY: the scratch has room for the parts, which begin at whole vectors; the rest is the caller's.
        let trusted = unsafe {
            let source_planes = scratch.as_mut_ptr::<f32>();
            let result_planes = source_planes.add(positions * source_pitch);
            let strip = result_planes.add(positions * result_pitch);
            let flags = strip.add(strip_numbers);
            for segment in sources {
                self.spread(segment, strip, source_planes, source_pitch);
            }
            self.multiply(filters, (source_planes, source_pitch), (result_planes, result_pitch));
            let mut trusted = true;
            for segment in results {
                trusted &= self.gather(segment, (result_planes, result_pitch), strip, flags);
            }
            trusted
        };
        scratch.give_back();
        trusted
    }

    /// Transforms the source's pixels of a segment.
    ///
    /// # Safety
    /// The strip and the planes have room.
    unsafe fn spread(&self, segment: &Segment, strip: *mut f32, planes: *mut f32, plane_pitch: usize) {
        let Plan { source, before, transforms, groups, .. } = *self.plan;
        let numbers = source.channels * source.pixels();
        let tiles = ImageTiles {
            image: &self.call.first[(segment.image * groups + self.group) * numbers..][..numbers],
            extents: source,
            channels: 0..source.channels,
            first: before.map(|before| -before),
            step: transforms.tile,
            patch: transforms.patch,
        };
        // SAFETY: the caller's.
        unsafe {
            let target = planes.add(segment.first_tile * source.tile_pitch());
            tiles.spread(segment, transforms.input, strip, target, [source.tile_pitch(), plane_pitch]);
        }
    }

    /// The products of tiles with filters, one for each position.
    ///
    /// # Safety
    /// The planes hold the tiles, the filters are transformed.
    unsafe fn multiply(
        &self,
        filters: *const f32,
        (source, source_pitch): (*const f32, usize),
        (result, result_pitch): (*mut f32, usize),
    ) {
        let Task { plan, block, .. } = *self;
        let (kernels, channels, tiles) = (plan.kernels, plan.source.channels, block.result_tiles());
        let (a_pitch, c_pitch) = (plan.source.tile_pitch(), plan.result.tile_pitch());
        for position in 0..plan.transforms.positions() {
            for first in (0..plan.result.channels).step_by(kernels.columns()) {
                let columns = kernels.columns().min(plan.result.channels - first);
                let vectors = kernels.vectors_for(columns);
                let width = kernels.panel_width(columns);
                let taps = (0..plan.depth.taps)
                    .flat_map(|tap| depth_blocks(channels).map(move |steps| (tap, steps)));
                for (tap, steps) in taps {
                    let shift = tap * plan.depth.step * block.plane_tiles;
                    let term = first * plan.terms() + (tap * channels + steps.start) * width;
                    for rows in even_pieces(0..tiles, kernels.rows, 1) {
                        // SAFETY: the caller's; columns up to a whole vector have room in both.
                        unsafe {
                            let row = (rows.start + shift) * a_pitch;
                            kernels.unpacked(rows.len(), vectors)(&Tile {
                                depth: steps.len(),
                                a: source.add(position * source_pitch + row + steps.start),
                                a_row_stride: a_pitch as isize,
                                a_depth_stride: 1,
                                b: filters.add(position * plan.filter_pitch() + term),
                                b_depth_stride: width as isize,
                                c: result.add(position * result_pitch + rows.start * c_pitch + first),
                                c_row_stride: c_pitch as isize,
                                last_columns: kernels.lanes,
                                accumulate: tap + steps.start > 0,
                            });
                        }
                    }
                }
            }
        }
    }

    /// Transforms the products of a segment back, and writes its pixels. False where one of them is not trusted.
    ///
    /// # Safety
    /// The planes hold the products; the strip, the flags and the output have room.
    unsafe fn gather(
        &self,
        segment: &Segment,
        (planes, plane_pitch): (*const f32, usize),
        strip: *mut f32,
        flags: *mut f32,
    ) -> bool {
        let Plan { result, transforms, .. } = *self.plan;
        let (lanes, tiles) = (strip_lanes(), segment.tiles());
        let [rows, columns] = self.pixels(segment);
        let mut trusted = true;
        for channel in (0..result.channels).step_by(lanes) {
            let channels = lanes.min(result.channels - channel);
            // SAFETY: the caller's.
            unsafe {
                (transforms.output)(&Gather {
                    source: planes.add(segment.first_tile * result.tile_pitch() + channel),
                    tile_pitch: result.tile_pitch(),
                    plane_pitch,
                    tiles,
                    strip,
                    flags,
                });
                if !(0..channels).all(|lane| flags.add(lane).read() == 0.0) {
                    trusted = false;
                    self.mark(strip, tiles, channels);
                }
                let target = self.output.add(self.place(segment) + channel * result.pixels());
                for (index, row) in rows.clone().enumerate() {
                    write_channels(
                        strip.add(index * tiles[1] * transforms.tile[1] * lanes),
                        columns.len(),
                        channels,
                        target.add(row * result.width + columns.start),
                        result.pixels(),
                    );
                }
            }
        }
        trusted
    }

    /// Makes NaNs of the pixels of all tiles of a strip that have one that is not trusted, be it beyond the border.
    ///
    /// # Safety
    /// The strip holds so many tiles of so many channels.
    #[cold]
    unsafe fn mark(&self, strip: *mut f32, [rows, columns]: [usize; 2], channels: usize) {
        let ([height, width], lanes) = (self.plan.transforms.tile, strip_lanes());
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            for channel in 0..channels {
                let pixels = (row * height..(row + 1) * height)
                    .flat_map(|y| {
                        (column * width..(column + 1) * width).map(move |x| y * columns * width + x)
                    })
                    // SAFETY: the caller's.
                    .map(|pixel| unsafe { strip.add(pixel * lanes + channel) });
                // SAFETY: as above.
                unsafe {
                    if !pixels.clone().all(|pixel| is_trusted(pixel.read())) {
                        pixels.for_each(|pixel| pixel.write(f32::NAN));
                    }
                }
            }
        }
    }

    /// Rows and columns of the pixels of a segment.
    fn pixels(&self, segment: &Segment) -> [std::ops::Range<usize>; 2] {
        let Plan { result, transforms, .. } = *self.plan;
        let [height, width] = transforms.tile;
        [
            segment.rows.start * height..(segment.rows.end * height).min(result.height),
            segment.columns.start * width..(segment.columns.end * width).min(result.width),
        ]
    }

    /// Where the segment's plane begins in the output's first channel of the group.
    fn place(&self, segment: &Segment) -> usize {
        let Plan { result, groups, .. } = *self.plan;
        let image = (segment.image * groups + self.group) * result.channels * result.pixels();
        image + segment.plane.unwrap_or(0) * result.height * result.width
    }

    /// Runs of neighbouring pixels of the block in a channel, with the segments that they are of.
    fn runs(&self) -> impl Iterator<Item = (&Segment, std::ops::Range<usize>)> {
        let width = self.plan.result.width;
        self.block.results.iter().flat_map(move |segment| {
            let [rows, columns] = self.pixels(segment);
            // Whole rows follow each other.
            let (runs, length) = match columns.len() == width {
                true => (1, rows.len() * width),
                false => (rows.len(), columns.len()),
            };
            let first = rows.start * width + columns.start;
            (0..runs).map(move |run| (segment, first + run * width..first + run * width + length))
        })
    }

    /// Takes tiles that were marked from those of the definition.
    ///
    /// # Safety
    /// Nothing else touches the block's results.
    #[cold]
    unsafe fn take(&self, defined: &[f32]) {
        let Plan { result, transforms, .. } = *self.plan;
        let [height, width] = transforms.tile;
        for segment in &self.block.results {
            let [rows, columns] = self.pixels(segment);
            let corners = rows
                .step_by(height)
                .flat_map(|row| columns.clone().step_by(width).map(move |column| (row, column)));
            for (row, column) in corners {
                let (height, width) = (height.min(result.height - row), width.min(result.width - column));
                for channel in 0..result.channels {
                    let first = self.place(segment) + channel * result.pixels() + row * result.width + column;
                    let place = |line: usize| first + line * result.width;
                    // SAFETY: the tile's results lie in the output; the rest is the caller's.
                    let line = |line: usize| unsafe {
                        std::slice::from_raw_parts_mut(self.output.add(place(line)), width)
                    };
                    if line(0)[0].is_nan() {
                        (0..height).for_each(|at| line(at).copy_from_slice(&defined[place(at)..][..width]));
                    }
                }
            }
        }
    }

    /// Runs the epilogue on the block.
    fn finish(&self) {
        let Some(epilogue) = self.call.epilogue else { return };
        let result = self.plan.result;
        let plane = result.height * result.width;
        for (segment, pixels) in self.runs() {
            let batch = segment.image * self.plan.groups + self.group;
            let first = segment.plane.unwrap_or(0) * plane;
            for columns in even_pieces(pixels, FINISHED_COLUMNS, 1) {
                let start = self.place(segment) + columns.start;
                let all = (0..result.channels, first + columns.start..first + columns.end);
                epilogue(&mut Block::new(batch, all, self.output, start, result.pixels()));
            }
        }
    }
}
