//! The gradient of the filters.
//!
//! Images are cut into parts by shape, a part into blocks of whole rows of tiles. A block is a chain over its tiles;
//! the blocks of a part are added in ascending order, then the parts.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use tenfold_ir::Result;

use super::lines::{FilterGradient, Gradient, Input};
use super::transform::{Gather, ImageTiles, MARGIN, POSITIONS, strip_lanes, write_channels};
use super::{Extents, LINE, Segment, TILE, plane_pitch, segments, tile_pitch};
use crate::convolution::forward::nanoseconds;
use crate::convolution::window::Shared;
use crate::convolution::{Call, Kind, weight_gradient};
use crate::gemm::Block;
use crate::gemm::blocks::{FINISHED_COLUMNS, even_pieces};
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
    input: Extents,
    gradient: Extents,
    before: [isize; 2],
    /// Rows and columns of tiles of an image.
    tiles: [usize; 2],
    /// The images of each part.
    parts: Vec<Range<usize>>,
}

impl<'a> Plan<'a> {
    fn new(call: &'a Call<'a, f32>) -> Plan<'a> {
        let geometry = &call.geometry;
        let [_, y, x] = geometry.axes;
        let tiles = [y.output.div_ceil(TILE), x.output.div_ceil(TILE)];
        let mut plan = Plan {
            call,
            input: Extents { channels: geometry.input_channels, height: y.input, width: x.input },
            gradient: Extents { channels: geometry.output_channels, height: y.output, width: x.output },
            before: [y.before as isize, x.before as isize],
            tiles,
            parts: Vec::new(),
        };
        let by_tiles = geometry.images * tiles[0] * tiles[1] / PART_TILES;
        let most = by_tiles.min(MOST_NUMBERS / (geometry.groups * plan.sum_numbers())).max(1);
        plan.parts = even_pieces(0..geometry.images, geometry.images.div_ceil(most), 1).collect();
        plan
    }

    /// Distance of the sums of neighbouring input channels; output channels lie side by side.
    fn row_pitch(&self) -> usize {
        tile_pitch(self.gradient.channels)
    }

    fn sum_pitch(&self) -> usize {
        plane_pitch(self.input.channels * self.row_pitch())
    }

    /// Numbers of a group's sums of one part.
    fn sum_numbers(&self) -> usize {
        POSITIONS * self.sum_pitch()
    }

    /// Sums the tiles of a part's images, for some input channels of a group.
    ///
    /// # Safety
    /// The operands have the elements of the geometry; `sums` are the group's of this part, and nothing else writes
    /// those of these channels.
    unsafe fn sum_part(&self, images: Range<usize>, group: usize, channels: Range<usize>, sums: *mut f32) {
        let [image_rows, columns] = self.tiles;
        let most_rows = (BLOCK_TILES / columns).max(1);
        let (input_tile, gradient_tile) = (tile_pitch(channels.len()), self.gradient.tile_pitch());
        let most_tiles = most_rows * columns;
        let (input_pitch, gradient_pitch) =
            (plane_pitch(most_tiles * input_tile), plane_pitch(most_tiles * gradient_tile));
        let strip_tiles = [most_rows.min(image_rows), columns];
        let strip_numbers = ImageTiles::strip_numbers(self.input, strip_tiles)
            .max(ImageTiles::strip_numbers(self.gradient, strip_tiles));
        let numbers = POSITIONS * (input_pitch + gradient_pitch) + strip_numbers;
        let mut scratch = Scratch::take(numbers * size_of::<f32>());
        // SAFETY: the scratch has room for the parts, which begin at cache lines; the rest is the caller's.
        unsafe {
            let input = scratch.as_mut_ptr::<f32>();
            let gradient = input.add(POSITIONS * input_pitch);
            let strip = gradient.add(POSITIONS * gradient_pitch);
            let rows = images.start * image_rows..images.end * image_rows;
            let mut accumulate = false;
            for block in even_pieces(rows, most_rows, 1) {
                for segment in segments(block.clone(), self.tiles) {
                    let first = segment.first_tile;
                    let input = input.add(first * input_tile);
                    self.input_tiles(&segment, group, channels.clone()).spread::<Input, 6>(
                        strip,
                        input,
                        input_tile,
                        input_pitch,
                    );
                    let gradient = gradient.add(first * gradient_tile);
                    self.gradient_tiles(&segment, group).spread::<Gradient, 4>(
                        strip,
                        gradient,
                        gradient_tile,
                        gradient_pitch,
                    );
                }
                let product = Product {
                    tiles: block.len() * columns,
                    rows: channels.len(),
                    columns: self.gradient.channels,
                    a: input,
                    a_pitches: [input_tile, input_pitch],
                    b: gradient,
                    b_pitches: [gradient_tile, gradient_pitch],
                    c: sums.add(channels.start * self.row_pitch()),
                    c_pitches: [self.row_pitch(), self.sum_pitch()],
                    accumulate,
                };
                product.run();
                accumulate = true;
            }
        }
        scratch.give_back();
    }

    fn input_tiles(&self, segment: &Segment, group: usize, channels: Range<usize>) -> ImageTiles<'a> {
        let first = (segment.rows.start * TILE) as isize - self.before[0];
        let numbers = self.input.channels * self.input.pixels();
        ImageTiles {
            image: &self.call.first[(segment.image * self.call.geometry.groups + group) * numbers..]
                [..numbers],
            extents: self.input,
            channels,
            first: [first, -self.before[1]],
            tiles: [segment.rows.len(), self.tiles[1]],
        }
    }

    fn gradient_tiles(&self, segment: &Segment, group: usize) -> ImageTiles<'a> {
        let numbers = self.gradient.channels * self.gradient.pixels();
        ImageTiles {
            image: &self.call.second[(segment.image * self.call.geometry.groups + group) * numbers..]
                [..numbers],
            extents: self.gradient,
            channels: 0..self.gradient.channels,
            first: [(segment.rows.start * TILE) as isize, 0],
            tiles: [segment.rows.len(), self.tiles[1]],
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
        let (lanes, inputs, outputs) = (strip_lanes(), self.input.channels, self.gradient.channels);
        let channels = lanes.min(outputs - channel);
        let mut scratch = Scratch::take(inputs * 10 * lanes * size_of::<f32>());
        let strip = scratch.as_mut_ptr::<f32>();
        // SAFETY: the strip has room for 9 numbers and a flag an input channel; the rest is the caller's.
        let finite = unsafe {
            let flags = strip.add(inputs * 9 * lanes);
            Gather::<FilterGradient, 3> {
                source: sums.add(channel),
                tile_pitch: self.row_pitch(),
                plane_pitch: self.sum_pitch(),
                tiles: [inputs, 1],
                strip,
                flags,
                line: PhantomData,
            }
            .run();
            let target = output.add((group * outputs + channel) * inputs * 9);
            write_channels(strip, inputs * 9, channels, target, inputs * 9);
            let flags = std::slice::from_raw_parts(flags, inputs * lanes);
            flags.chunks_exact(lanes).all(|flags| flags[..channels].iter().all(|&flag| flag == 0.0))
        };
        scratch.give_back();
        finite
    }
}

/// The 36 products of transposed tiles of the input with tiles of the gradient. Pitches are of tiles (of the sums:
/// of rows) and of planes.
struct Product {
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
        for position in 0..POSITIONS {
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

pub(super) fn run(call: Call<'_, f32>) -> Result<()> {
    let plan = Plan::new(&call);
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
    let (lanes, finite) = (strip_lanes(), AtomicBool::new(true));
    let strips = outputs.div_ceil(lanes);
    let output = Shared(call.output.as_ptr().cast_mut());
    for_each_chunk(groups * strips, (inputs * lanes * 8) as u64, &|index| {
        let (group, channel) = (index / strips, index % strips * lanes);
        // SAFETY: tasks write different channels of the output.
        unsafe {
            let sums = sums.get().add(group * plan.sum_numbers());
            if !plan.transform_sums(sums, group, channel, output.get()) {
                finite.store(false, Ordering::Relaxed);
            }
        }
    });
    drop(plan);
    let mut call = call;
    if !finite.into_inner() {
        compute_directly(&mut call);
    }
    finish(call);
    Ok(())
}

/// Replaces the filters that are not trusted by those of the direct sums.
#[cold]
fn compute_directly(call: &mut Call<'_, f32>) {
    let mut direct = vec![0.0; call.output.len()];
    let Call { geometry, first, second, .. } = *call;
    let again =
        Call { kind: Kind::WeightGradient, geometry, first, second, output: &mut direct, epilogue: None };
    weight_gradient::run::<f32, f32>(again);
    for (filter, direct) in call.output.chunks_exact_mut(9).zip(direct.chunks_exact(9)) {
        if !filter.iter().all(|number| (number * MARGIN).is_finite()) {
            filter.copy_from_slice(direct);
        }
    }
}

/// Runs the epilogue.
fn finish(call: Call<'_, f32>) {
    let Some(epilogue) = call.epilogue else { return };
    let (outputs, columns) = (call.geometry.output_channels, call.geometry.input_channels * 9);
    let output = call.output.as_mut_ptr();
    for group in 0..call.geometry.groups {
        for rows in even_pieces(0..outputs, 16, 1) {
            for some in even_pieces(0..columns, FINISHED_COLUMNS, 1) {
                let start = (group * outputs + rows.start) * columns + some.start;
                epilogue(&mut Block::new(group, (rows.clone(), some), output, start, columns));
            }
        }
    }
}
