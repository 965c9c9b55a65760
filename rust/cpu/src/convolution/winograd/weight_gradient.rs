//! The gradient of the filters.
//!
//! Images are cut into parts by shape, a part into blocks of tiles. A block is a chain over its tiles; the blocks of a
//! part are added in ascending order, then the parts.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use tenfold_ir::Result;

use super::tiles::{Depth, ImageTiles, LINE, TileBlock, plane_pitch, tile_blocks, tile_pitch};
use super::transform::{Gather, Transforms, strip_lanes, write_channels};
use super::{Definition, Extents, is_trusted, kernel};
use crate::convolution::forward::nanoseconds;
use crate::convolution::window::Shared;
use crate::convolution::{Call, finish, numbers};
use crate::gemm::blocks::even_pieces;
use crate::gemm::micro_kernel::{Real, Tile};
use crate::gemm::scratch::Scratch;
use crate::memory::HostBuffer;
use crate::threads::{for_each_chunk, thread_count};

/// Tiles of a block, about: fewer would add sums to memory more often, more would not stay in cache. Part of the
/// definition of the result, as the next two.
const BLOCK_TILES: usize = 64;

/// Images are summed in parts of at least this many tiles.
const PART_TILES: usize = 4 * BLOCK_TILES;

/// Most numbers of all parts' sums.
const MOST_NUMBERS: usize = 1 << 22;

/// What is summed.
struct Plan<'a> {
    call: &'a Call<'a, f32>,
    transforms: &'static Transforms,
    input: Extents,
    gradient: Extents,
    depth: Depth,
    /// Zeros before the input along rows and columns.
    before: [isize; 2],
    /// The images of each part.
    parts: Vec<Range<usize>>,
}

impl<'a> Plan<'a> {
    fn new(call: &'a Call<'a, f32>, transforms: &'static Transforms) -> Plan<'a> {
        let geometry = &call.geometry;
        let [z, y, x] = geometry.axes;
        let mut plan = Plan {
            call,
            transforms,
            input: Extents::input(geometry),
            gradient: Extents::output(geometry),
            depth: Depth::new(z),
            before: [y.before as isize, x.before as isize],
            parts: Vec::new(),
        };
        let [rows, columns] = plan.tiles();
        let by_tiles = geometry.images * plan.gradient.depth * rows * columns / PART_TILES;
        let most = by_tiles.min(MOST_NUMBERS / (geometry.groups * plan.sum_numbers())).max(1);
        plan.parts = even_pieces(0..geometry.images, geometry.images.div_ceil(most), 1).collect();
        plan
    }

    /// Rows and columns of tiles of a plane.
    fn tiles(&self) -> [usize; 2] {
        self.transforms.tiles([self.gradient.height, self.gradient.width])
    }

    /// Distance of neighbouring sums of a position: of the input's channels, each with the taps of the depth. Output
    /// channels lie side by side.
    fn row_pitch(&self) -> usize {
        tile_pitch(self.gradient.channels)
    }

    fn sum_pitch(&self) -> usize {
        plane_pitch(self.input.channels * self.depth.taps * self.row_pitch())
    }

    /// Numbers of a group's sums of one part.
    fn sum_numbers(&self) -> usize {
        self.transforms.positions() * self.sum_pitch()
    }

    /// Sums the tiles of a part's images, for some input channels of a group.
    ///
    /// # Safety
    /// The operands have the elements of the geometry; `sums` are the group's of this part, and nothing else writes
    /// those of these channels.
    unsafe fn sum_part(&self, images: Range<usize>, group: usize, channels: Range<usize>, sums: *mut f32) {
        let blocks = tile_blocks(images, &self.depth, self.tiles(), BLOCK_TILES);
        let most = |numbers: &dyn Fn(&TileBlock) -> usize| blocks.iter().map(numbers).max().unwrap_or(0);
        let (input_tile, gradient_tile) = (tile_pitch(channels.len()), self.gradient.tile_pitch());
        let input_pitch = plane_pitch(most(&TileBlock::source_tiles) * input_tile);
        let gradient_pitch = plane_pitch(most(&TileBlock::result_tiles) * gradient_tile);
        let strip_numbers = most(&|block| ImageTiles::strip_numbers(self.transforms, &block.sources));
        let positions = self.transforms.positions();
        let numbers = positions * (input_pitch + gradient_pitch) + strip_numbers;
        let mut scratch = Scratch::take(numbers * size_of::<f32>());
        // SAFETY: the scratch has room for the parts, which begin at cache lines; the rest is the caller's.
        unsafe {
            let input = scratch.as_mut_ptr::<f32>();
            let gradient = input.add(positions * input_pitch);
            let strip = gradient.add(positions * gradient_pitch);
            for (index, block) in blocks.iter().enumerate() {
                for segment in &block.sources {
                    let target = input.add(segment.first_tile * input_tile);
                    self.input_tiles(segment.image, group, channels.clone()).spread(
                        segment,
                        self.transforms.input,
                        strip,
                        target,
                        [input_tile, input_pitch],
                    );
                }
                for segment in &block.results {
                    let target = gradient.add(segment.first_tile * gradient_tile);
                    self.gradient_tiles(segment.image, group).spread(
                        segment,
                        self.transforms.gradient,
                        strip,
                        target,
                        [gradient_tile, gradient_pitch],
                    );
                }
                for tap in 0..self.depth.taps {
                    let shift = tap * self.depth.step * block.plane_tiles;
                    let product = Product {
                        positions,
                        tiles: block.result_tiles(),
                        rows: channels.len(),
                        columns: self.gradient.channels,
                        a: input.add(shift * input_tile),
                        a_pitches: [input_tile, input_pitch],
                        b: gradient,
                        b_pitches: [gradient_tile, gradient_pitch],
                        c: sums.add((channels.start * self.depth.taps + tap) * self.row_pitch()),
                        c_pitches: [self.depth.taps * self.row_pitch(), self.sum_pitch()],
                        accumulate: index > 0,
                    };
                    product.run();
                }
            }
        }
        scratch.give_back();
    }

    fn input_tiles(&self, image: usize, group: usize, channels: Range<usize>) -> ImageTiles<'a> {
        let numbers = self.input.channels * self.input.pixels();
        ImageTiles {
            image: &self.call.first[(image * self.call.geometry.groups + group) * numbers..][..numbers],
            extents: self.input,
            channels,
            first: self.before.map(|before| -before),
            step: self.transforms.tile,
            patch: self.transforms.patch,
        }
    }

    fn gradient_tiles(&self, image: usize, group: usize) -> ImageTiles<'a> {
        let numbers = self.gradient.channels * self.gradient.pixels();
        ImageTiles {
            image: &self.call.second[(image * self.call.geometry.groups + group) * numbers..][..numbers],
            extents: self.gradient,
            channels: 0..self.gradient.channels,
            first: [0, 0],
            step: self.transforms.tile,
            patch: self.transforms.tile,
        }
    }

    /// Transforms a group's sums of some output channels, as many as a strip has lanes. False where a number of the
    /// result is not trusted.
    ///
    /// # Safety
    /// The sums are the group's, and nothing else writes these channels of the output.
    unsafe fn transform_sums(
        &self,
        sums: *const f32,
        group: usize,
        channel: usize,
        output: *mut f32,
    ) -> bool {
        let (lanes, outputs) = (strip_lanes(), self.gradient.channels);
        let [height, width] = kernel(&self.call.geometry);
        let planes = self.input.channels * self.depth.taps;
        let (channels, numbers) = (lanes.min(outputs - channel), planes * height * width);
        let mut scratch = Scratch::take((numbers + 1) * lanes * size_of::<f32>());
        let strip = scratch.as_mut_ptr::<f32>();
        // SAFETY: the strip has room for the filters of an output channel and the flags; the rest is the caller's.
        let trusted = unsafe {
            let flags = strip.add(numbers * lanes);
            (self.transforms.filter_gradient)(&Gather {
                source: sums.add(channel),
                tile_pitch: self.row_pitch(),
                plane_pitch: self.sum_pitch(),
                tiles: [planes, 1],
                strip,
                flags,
            });
            let target = output.add((group * outputs + channel) * numbers);
            write_channels(strip, numbers, channels, target, numbers);
            (0..channels).all(|lane| flags.add(lane).read() == 0.0)
        };
        scratch.give_back();
        trusted
    }
}

/// The products of transposed tiles of the input with tiles of the gradient, one for each position. Pitches are of tiles
/// (of the sums: of rows) and of planes.
struct Product {
    positions: usize,
    tiles: usize,
    rows: usize,
    columns: usize,
    a: *const f32,
    a_pitches: [usize; 2],
    b: *const f32,
    b_pitches: [usize; 2],
    c: *mut f32,
    c_pitches: [usize; 2],
    accumulate: bool,
}

impl Product {
    /// # Safety
    /// The planes hold the tiles, the sums have room.
    unsafe fn run(&self) {
        let kernels = f32::kernels();
        for position in 0..self.positions {
            for first in (0..self.columns).step_by(kernels.columns()) {
                let vectors = kernels.vectors_for(kernels.columns().min(self.columns - first));
                for rows in even_pieces(0..self.rows, kernels.rows, 1) {
                    // SAFETY: the caller's; columns up to a whole vector have room in both.
                    unsafe {
                        kernels.unpacked(rows.len(), vectors)(&Tile {
                            depth: self.tiles,
                            a: self.a.add(position * self.a_pitches[1] + rows.start),
                            a_row_stride: 1,
                            a_depth_stride: self.a_pitches[0] as isize,
                            b: self.b.add(position * self.b_pitches[1] + first),
                            b_depth_stride: self.b_pitches[0] as isize,
                            c: self
                                .c
                                .add(position * self.c_pitches[1] + rows.start * self.c_pitches[0] + first),
                            c_row_stride: self.c_pitches[0] as isize,
                            last_columns: kernels.lanes,
                            accumulate: self.accumulate,
                        });
                    }
                }
            }
        }
    }
}

pub(super) fn run(call: Call<'_, f32>, definition: Definition<'_>) -> Result<()> {
    let Some(transforms) = Transforms::of(kernel(&call.geometry)) else { unreachable!("not served") };
    let plan = Plan::new(&call, transforms);
    let (groups, inputs, outputs) = (call.geometry.groups, plan.input.channels, plan.gradient.channels);
    let part_numbers = groups * plan.sum_numbers();
    let buffer = HostBuffer::new(plan.parts.len() * part_numbers * size_of::<f32>())?;
    let sums = Shared(buffer.pointer().as_ptr().cast::<f32>());
    // Pieces of the input's channels, where there are too few parts for all threads.
    let pieces = thread_count().div_ceil(plan.parts.len() * groups);
    let pieces: Vec<Range<usize>> = even_pieces(0..inputs, inputs.div_ceil(pieces), LINE).collect();
    let tasks = plan.parts.len() * groups * pieces.len();
    for_each_chunk(tasks, nanoseconds(&call.geometry) / 2 / tasks as u64, &|index| {
        let (index, channels) = (index / pieces.len(), pieces[index % pieces.len()].clone());
        let images = plan.parts[index / groups].clone();
        // SAFETY: the operands were checked; tasks write different sums.
        unsafe {
            let sums = sums.get().add(index * plan.sum_numbers());
            plan.sum_part(images, index % groups, channels, sums);
        }
    });
    let lines = (part_numbers / LINE) as u64;
    let length = part_numbers.div_ceil(thread_count() * 4).next_multiple_of(LINE);
    for_each_chunk(part_numbers.div_ceil(length), plan.parts.len() as u64 * lines, &|index| {
        let numbers = index * length..((index + 1) * length).min(part_numbers);
        for part in 1..plan.parts.len() {
            // SAFETY: all parts have these numbers, and no other task touches them.
            unsafe {
                let total = std::slice::from_raw_parts_mut(sums.get().add(numbers.start), numbers.len());
                let part = sums.get().add(part * part_numbers + numbers.start);
                let part = std::slice::from_raw_parts(part, numbers.len());
                for (total, &number) in total.iter_mut().zip(part) {
                    *total += number;
                }
            }
        }
    });
    let (lanes, trusted) = (strip_lanes(), AtomicBool::new(true));
    let strips = outputs.div_ceil(lanes);
    let output = Shared(call.output.as_ptr().cast_mut());
    for_each_chunk(groups * strips, (inputs * call.geometry.taps() * lanes) as u64, &|index| {
        let (group, channel) = (index / strips, index % strips * lanes);
        // SAFETY: tasks write different channels of the output.
        unsafe {
            let sums = sums.get().add(group * plan.sum_numbers());
            if !plan.transform_sums(sums, group, channel, output.get()) {
                trusted.store(false, Ordering::Relaxed);
            }
        }
    });
    drop(plan);
    if !trusted.into_inner() {
        let filter = kernel(&call.geometry).iter().product();
        let defined = definition()?;
        let filters = call.output.chunks_exact_mut(filter).zip(numbers(&defined).chunks_exact(filter));
        for (results, defined) in filters {
            if !results.iter().all(|&result| is_trusted(result)) {
                results.copy_from_slice(defined);
            }
        }
    }
    let columns = call.geometry.input_channels * call.geometry.taps();
    finish([groups, outputs, columns], call.output, call.epilogue);
    Ok(())
}
