//! The convolution, and the gradient of its input.

use std::marker::PhantomData;
use std::ops::Range;

use tenfold_ir::Result;

use super::direct_tile::{DirectTile, patches};
use super::lines::{Filter, FlippedFilter, Input, Line, Output};
use super::transform::{Gather, ImageTiles, POSITIONS, Spread, strip_lanes, write_channels};
use super::{Extents, Segment, TILE, plane_pitch, segments};
use crate::convolution::forward::nanoseconds;
use crate::convolution::window::Shared;
use crate::convolution::{Call, Kind};
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
    source: Extents,
    result: Extents,
    /// Zeros before the source along both axes.
    before: [isize; 2],
    filters: Filters,
    /// Rows and columns of tiles of an image.
    tiles: [usize; 2],
    images: usize,
    groups: usize,
}

impl Plan {
    fn new(call: &Call<'_, f32>) -> Plan {
        let geometry = &call.geometry;
        let [_, y, x] = geometry.axes;
        let input = Extents { channels: geometry.input_channels, height: y.input, width: x.input };
        let output = Extents { channels: geometry.output_channels, height: y.output, width: x.output };
        let before = [y.before as isize, x.before as isize];
        let (inner, outer) = (9, 9 * geometry.input_channels);
        let (source, result, before, filters) = match call.kind {
            Kind::InputGradient => {
                let filters = Filters { depth_stride: outer, column_stride: inner, flipped: true };
                (output, input, before.map(|before| 2 - before), filters)
            }
            _ => {
                (input, output, before, Filters { depth_stride: inner, column_stride: outer, flipped: false })
            }
        };
        Plan {
            kernels: f32::kernels(),
            source,
            result,
            before,
            filters,
            tiles: [result.height.div_ceil(TILE), result.width.div_ceil(TILE)],
            images: geometry.images,
            groups: geometry.groups,
        }
    }

    /// Numbers of a position of a group's transformed filters: panels of columns, each with all of the depth.
    fn filter_pitch(&self) -> usize {
        plane_pitch(self.source.channels * self.kernels.panel_width(self.result.channels))
    }

    /// Transforms the filters of some columns, as many as a strip has lanes.
    ///
    /// # Safety
    /// `weights` are the group's, and `target` has room for its transformed filters.
    unsafe fn transform_filters<L: Line<3, 6>>(&self, weights: *const f32, first: usize, target: *mut f32) {
        let (lanes, depth) = (strip_lanes(), self.source.channels);
        let columns = lanes.min(self.result.channels - first);
        let panel = first / self.kernels.columns() * self.kernels.columns();
        let panel_columns = self.kernels.columns().min(self.result.channels - panel);
        let width = self.kernels.panel_width(panel_columns);
        let mut scratch = Scratch::take(depth * 9 * lanes * size_of::<f32>());
        let strip = scratch.as_mut_ptr::<f32>();
        let Filters { depth_stride, column_stride, .. } = self.filters;
        // SAFETY: the strip holds the filters of all of the depth, one below the other.
        unsafe {
            let source = weights.add(first * column_stride);
            if depth_stride == 9 {
                transpose(source, column_stride as isize, columns, depth * 9, lanes, strip);
            } else {
                for step in 0..depth {
                    let (source, strip) = (source.add(step * depth_stride), strip.add(step * 9 * lanes));
                    transpose(source, column_stride as isize, columns, 9, lanes, strip);
                }
            }
            Spread::<L, 3> {
                strip,
                rows: 0..3 * depth as isize,
                width: 3,
                first: [0, 0],
                step: 3,
                tiles: [depth, 1],
                target: target.add(panel * depth + first - panel),
                tile_pitch: width,
                plane_pitch: self.filter_pitch(),
                line: PhantomData,
            }
            .run();
        }
        scratch.give_back();
    }

    /// Rows of tiles of a task, of all images one below the other.
    fn task_rows(&self) -> usize {
        let [rows, columns] = self.tiles;
        let tile_bytes = POSITIONS * (self.source.tile_pitch() + self.result.tile_pitch()) * size_of::<f32>();
        let tiles = (TASK_BYTES / tile_bytes).max(LEAST_TASK_TILES);
        let all = self.images * rows;
        (tiles / columns).clamp(1, all.div_ceil(2 * thread_count()).max(1))
    }
}

pub(super) fn run(call: Call<'_, f32>) -> Result<()> {
    let plan = Plan::new(&call);
    let Plan { source, result, .. } = plan;
    let filter_numbers = POSITIONS * plan.filter_pitch();
    let buffer = HostBuffer::new(plan.groups * filter_numbers * size_of::<f32>())?;
    let filters = Shared(buffer.pointer().as_ptr().cast::<f32>());
    let lanes = strip_lanes();
    let strips = result.channels.div_ceil(lanes);
    let weights = result.channels * source.channels * 9;
    for_each_chunk(plan.groups * strips, (source.channels * lanes * 8) as u64, &|index| {
        let (group, first) = (index / strips, index % strips * lanes);
        // SAFETY: the weights were checked; tasks write different columns of the filters.
        unsafe {
            let weights = call.second.as_ptr().add(group * weights);
            let target = filters.get().add(group * filter_numbers);
            match plan.filters.flipped {
                true => plan.transform_filters::<FlippedFilter>(weights, first, target),
                false => plan.transform_filters::<Filter>(weights, first, target),
            }
        }
    });
    let rows = plan.images * plan.tiles[0];
    let blocks: Vec<Range<usize>> = even_pieces(0..rows, plan.task_rows(), 1).collect();
    let output = Shared(call.output.as_mut_ptr());
    let time = nanoseconds(&call.geometry) / 2 / (plan.groups * blocks.len()).max(1) as u64;
    for_each_chunk(plan.groups * blocks.len(), time, &|index| {
        let (block, group) = (blocks[index / plan.groups].clone(), index % plan.groups);
        let mut task = Task { plan: &plan, call: &call, group, output: output.get() };
        // SAFETY: the operands were checked; tasks write different parts of the output.
        unsafe { task.run(block, filters.get().add(group * filter_numbers)) };
    });
    Ok(())
}

struct Task<'a> {
    plan: &'a Plan,
    call: &'a Call<'a, f32>,
    group: usize,
    output: *mut f32,
}

impl Task<'_> {
    /// Computes some rows of tiles, of all images one below the other.
    ///
    /// # Safety
    /// The operands have the elements of the geometry, the filters are the group's, and nothing else writes these
    /// rows of the output.
    unsafe fn run(&mut self, rows: Range<usize>, filters: *const f32) {
        let plan = self.plan;
        let segments = segments(rows.clone(), plan.tiles);
        let most_rows = segments.iter().map(|segment| segment.rows.len()).max().unwrap_or(0);
        let count = rows.len() * plan.tiles[1];
        let source_pitch = plane_pitch(count * plan.source.tile_pitch());
        let result_pitch = plane_pitch(count * plan.result.tile_pitch());
        let strip_numbers = ImageTiles::strip_numbers(plan.source, [most_rows, plan.tiles[1]]);
        let numbers = POSITIONS * (source_pitch + result_pitch) + strip_numbers + count * strip_lanes();
        let mut scratch = Scratch::take(numbers * size_of::<f32>());
        // SAFETY: the scratch has room for the parts, which begin at whole vectors; the rest is the caller's.
        unsafe {
            let source_planes = scratch.as_mut_ptr::<f32>();
            let result_planes = source_planes.add(POSITIONS * source_pitch);
            let strip = result_planes.add(POSITIONS * result_pitch);
            let flags = strip.add(strip_numbers);
            for segment in &segments {
                self.spread(segment, strip, source_planes, source_pitch);
            }
            self.multiply(count, filters, (source_planes, source_pitch), (result_planes, result_pitch));
            for segment in &segments {
                self.gather(segment, (result_planes, result_pitch), strip, flags);
                self.finish(segment);
            }
        }
        scratch.give_back();
    }

    /// The group's channels of an image of the source.
    fn source(&self, image: usize) -> &[f32] {
        let numbers = self.plan.source.channels * self.plan.source.pixels();
        &self.call.first[(image * self.plan.groups + self.group) * numbers..][..numbers]
    }

    /// The first input of a row of tiles.
    fn first_input(&self, row: usize) -> isize {
        (row * TILE) as isize - self.plan.before[0]
    }

    /// Transforms the source's pixels of a segment.
    ///
    /// # Safety
    /// The strip and the planes have room.
    unsafe fn spread(&self, segment: &Segment, strip: *mut f32, planes: *mut f32, plane_pitch: usize) {
        let Plan { source, before, tiles, .. } = *self.plan;
        let tiles = ImageTiles {
            image: self.source(segment.image),
            extents: source,
            channels: 0..source.channels,
            first: [self.first_input(segment.rows.start), -before[1]],
            tiles: [segment.rows.len(), tiles[1]],
        };
        // SAFETY: the caller's.
        unsafe {
            let target = planes.add(segment.first_tile * source.tile_pitch());
            tiles.spread::<Input, 6>(strip, target, source.tile_pitch(), plane_pitch);
        }
    }

    /// The 36 products of tiles with filters.
    ///
    /// # Safety
    /// The planes hold the tiles, the filters are transformed.
    unsafe fn multiply(
        &self,
        tiles: usize,
        filters: *const f32,
        (source, source_pitch): (*const f32, usize),
        (result, result_pitch): (*mut f32, usize),
    ) {
        let plan = self.plan;
        let (kernels, depth) = (plan.kernels, plan.source.channels);
        let (a_pitch, c_pitch) = (plan.source.tile_pitch(), plan.result.tile_pitch());
        for position in 0..POSITIONS {
            for first in (0..plan.result.channels).step_by(kernels.columns()) {
                let columns = kernels.columns().min(plan.result.channels - first);
                let vectors = kernels.vectors_for(columns);
                let width = kernels.panel_width(columns);
                for steps in depth_blocks(depth) {
                    for rows in even_pieces(0..tiles, kernels.rows, 1) {
                        // SAFETY: the caller's; columns up to a whole vector have room in both.
                        unsafe {
                            kernels.unpacked(rows.len(), vectors)(&Tile {
                                depth: steps.len(),
                                a: source.add(position * source_pitch + rows.start * a_pitch + steps.start),
                                a_row_stride: a_pitch as isize,
                                a_depth_stride: 1,
                                b: filters.add(
                                    position * plan.filter_pitch() + first * depth + steps.start * width,
                                ),
                                b_depth_stride: width as isize,
                                c: result.add(position * result_pitch + rows.start * c_pitch + first),
                                c_row_stride: c_pitch as isize,
                                last_columns: kernels.lanes,
                                accumulate: steps.start > 0,
                            });
                        }
                    }
                }
            }
        }
    }

    /// Transforms the products of a segment back, and writes its pixels.
    ///
    /// # Safety
    /// The planes hold the products; the strip, the flags and the output have room.
    unsafe fn gather(
        &self,
        segment: &Segment,
        (planes, plane_pitch): (*const f32, usize),
        strip: *mut f32,
        flags: *mut f32,
    ) {
        let Plan { result, tiles, .. } = *self.plan;
        let tiles = [segment.rows.len(), tiles[1]];
        let (lanes, count) = (strip_lanes(), tiles[0] * tiles[1]);
        let image = (segment.image * self.plan.groups + self.group) * result.channels;
        let first_row = segment.rows.start * TILE;
        for channel in (0..result.channels).step_by(lanes) {
            let channels = lanes.min(result.channels - channel);
            // SAFETY: the caller's.
            unsafe {
                Gather::<Output, TILE> {
                    source: planes.add(segment.first_tile * result.tile_pitch() + channel),
                    tile_pitch: result.tile_pitch(),
                    plane_pitch,
                    tiles,
                    strip,
                    flags,
                    line: PhantomData,
                }
                .run();
                let flags = std::slice::from_raw_parts(flags, count * lanes);
                for tile in 0..count {
                    let flags = &flags[tile * lanes..][..channels];
                    if flags.iter().any(|&flag| flag != 0.0) {
                        self.compute_directly(segment, tile, channel, flags, strip);
                    }
                }
                let rows = (tiles[0] * TILE).min(result.height - first_row);
                for row in 0..rows {
                    let pixel = (first_row + row) * result.width;
                    write_channels(
                        strip.add(row * tiles[1] * TILE * lanes),
                        result.width,
                        channels,
                        self.output.add((image + channel) * result.pixels() + pixel),
                        result.pixels(),
                    );
                }
            }
        }
    }

    /// Replaces a tile's outputs in the channels that are flagged.
    ///
    /// # Safety
    /// The strip holds the segment.
    #[cold]
    unsafe fn compute_directly(
        &self,
        segment: &Segment,
        tile: usize,
        channel: usize,
        flags: &[f32],
        strip: *mut f32,
    ) {
        let plan = self.plan;
        let (row, column) = (tile / plan.tiles[1], tile % plan.tiles[1]);
        let first = [self.first_input(segment.rows.start + row), (column * TILE) as isize - plan.before[1]];
        let patches = patches(self.source(segment.image), plan.source, first);
        let Filters { depth_stride, column_stride, flipped } = plan.filters;
        let weights = &self.call.second[self.group * plan.source.channels * plan.result.channels * 9..];
        for (lane, _) in flags.iter().enumerate().filter(|&(_, &flag)| flag != 0.0) {
            let filter = &weights[(channel + lane) * column_stride..];
            let direct = DirectTile { patches: &patches, filter, channel_pitch: depth_stride, flipped };
            let pixels = direct.compute();
            for (i, pixels) in pixels.iter().enumerate() {
                for (j, &pixel) in pixels.iter().enumerate() {
                    let place = (row * TILE + i) * plan.tiles[1] * TILE + column * TILE + j;
                    // SAFETY: the pixel lies in the strip.
                    unsafe { strip.add(place * strip_lanes() + lane).write(pixel) };
                }
            }
        }
    }

    /// Runs the epilogue on a segment.
    fn finish(&self, segment: &Segment) {
        let Some(epilogue) = self.call.epilogue else { return };
        let result = self.plan.result;
        let batch = segment.image * self.plan.groups + self.group;
        let row = |tiles: usize| (tiles * TILE).min(result.height) * result.width;
        for columns in even_pieces(row(segment.rows.start)..row(segment.rows.end), FINISHED_COLUMNS, 1) {
            let start = batch * result.channels * result.pixels() + columns.start;
            let all = (0..result.channels, columns);
            epilogue(&mut Block::new(batch, all, self.output, start, result.pixels()));
        }
    }
}
