//! Which tiles are computed together, and the pixels that they see.

use std::ops::Range;

use super::transform::{Spread, Transforms, strip_lanes};
use crate::convolution::geometry::{Axis, Geometry};
use crate::gemm::blocks::even_pieces;
use crate::gemm::pack::transpose;

/// f32 in a cache line, and in the widest vector.
pub(super) const LINE: usize = 16;

/// Distance of neighbouring tiles in a plane: whole vectors of any tier, and an odd number of cache lines, so that a
/// column of tiles does not fall into few sets of the cache.
pub(super) fn tile_pitch(channels: usize) -> usize {
    (channels.div_ceil(LINE) | 1) * LINE
}

/// Distance of neighbouring planes of so many numbers: as above, whatever a power of two they are.
pub(super) fn plane_pitch(numbers: usize) -> usize {
    (numbers.div_ceil(LINE) | 1) * LINE
}

/// The channels of a group of an image, `(channels, depth, height, width)`.
#[derive(Clone, Copy)]
pub(super) struct Extents {
    pub channels: usize,
    pub depth: usize,
    pub height: usize,
    pub width: usize,
}

impl Extents {
    pub fn input(geometry: &Geometry) -> Extents {
        let [depth, height, width] = geometry.axes.map(|axis| axis.input);
        Extents { channels: geometry.input_channels, depth, height, width }
    }

    pub fn output(geometry: &Geometry) -> Extents {
        let [depth, height, width] = geometry.axes.map(|axis| axis.output);
        Extents { channels: geometry.output_channels, depth, height, width }
    }

    /// Pixels of a channel.
    pub fn pixels(&self) -> usize {
        self.depth * self.height * self.width
    }

    pub fn tile_pitch(&self) -> usize {
        tile_pitch(self.channels)
    }
}

/// The outermost axis, whose taps are sums of as many convolutions over rows and columns.
#[derive(Clone, Copy)]
pub(super) struct Depth {
    pub taps: usize,
    /// Planes from a tap to the next.
    pub step: usize,
    /// Planes of zeros before the source.
    pub before: isize,
    /// Planes of the source, and of the result.
    pub source: usize,
    pub result: usize,
}

impl Depth {
    pub fn new(axis: Axis) -> Depth {
        let Axis { kernel, dilation, before, input, output, .. } = axis;
        Depth { taps: kernel, step: dilation, before: before as isize, source: input, result: output }
    }

    /// Of the input's gradient.
    pub fn flipped(self) -> Depth {
        let Depth { before, source, result, .. } = self;
        Depth { before: self.halo() as isize - before, source: result, result: source, ..self }
    }

    /// Planes of the source that some planes of the result need beyond their own number.
    pub fn halo(&self) -> usize {
        (self.taps - 1) * self.step
    }
}

/// Rows and columns of tiles of a plane, and the place of the first among the tiles of their block.
pub(super) struct Segment {
    pub image: usize,
    /// None where it lies beyond the image, all zeros.
    pub plane: Option<usize>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub first_tile: usize,
}

impl Segment {
    /// Rows and columns of tiles.
    pub fn tiles(&self) -> [usize; 2] {
        [self.rows.len(), self.columns.len()]
    }
}

/// Tiles that are computed together.
pub(super) struct TileBlock {
    pub results: Vec<Segment>,
    /// With planes before and after those of the results; all planes have as many tiles.
    pub sources: Vec<Segment>,
    /// Tiles of a plane, where there are several taps along the depth.
    pub plane_tiles: usize,
}

impl TileBlock {
    fn tiles(segments: &[Segment]) -> usize {
        segments.iter().map(|segment| segment.rows.len() * segment.columns.len()).sum()
    }

    pub fn result_tiles(&self) -> usize {
        TileBlock::tiles(&self.results)
    }

    pub fn source_tiles(&self) -> usize {
        TileBlock::tiles(&self.sources)
    }
}

/// Planes that are computed together have at least so many planes of results for each that is only read: those are
/// transformed once more for the neighbours.
const LEAST_PLANES: usize = 4;

/// Cuts the tiles of some images into blocks of at most `most` tiles, or of as few as there can be.
pub(super) fn tile_blocks(
    images: Range<usize>,
    depth: &Depth,
    [rows, columns]: [usize; 2],
    most: usize,
) -> Vec<TileBlock> {
    if depth.taps == 1 && columns <= most {
        return blocks_of_rows(images, depth, [rows, columns], most);
    }
    let most_planes = (most / columns).max(LEAST_PLANES * depth.halo()).clamp(1, depth.result);
    let most_columns = (most / most_planes).clamp(1, columns);
    let most_rows = (most / (most_planes * most_columns)).max(1);
    let mut blocks = Vec::new();
    for image in images {
        for planes in even_pieces(0..depth.result, most_planes, 1) {
            for rows in even_pieces(0..rows, most_rows, 1) {
                for columns in even_pieces(0..columns, most_columns, 1) {
                    let plane_tiles = rows.len() * columns.len();
                    let segment = |index: usize, plane: Option<usize>| {
                        let first_tile = index * plane_tiles;
                        Segment { image, plane, rows: rows.clone(), columns: columns.clone(), first_tile }
                    };
                    let source = |index: usize| {
                        let plane = (planes.start + index) as isize - depth.before;
                        let plane = usize::try_from(plane).ok().filter(|&plane| plane < depth.source);
                        segment(index, plane)
                    };
                    blocks.push(TileBlock {
                        results: (0..planes.len())
                            .map(|index| segment(index, Some(planes.start + index)))
                            .collect(),
                        sources: (0..planes.len() + depth.halo()).map(source).collect(),
                        plane_tiles,
                    });
                }
            }
        }
    }
    blocks
}

/// Blocks of whole rows of tiles, of all planes and images one below the other, so that filters pass through the cache for
/// many tiles. Planes of source and result are the same.
fn blocks_of_rows(
    images: Range<usize>,
    depth: &Depth,
    [rows, columns]: [usize; 2],
    most: usize,
) -> Vec<TileBlock> {
    let image_rows = depth.result * rows;
    let segments = |block: Range<usize>| {
        let (mut row, mut segments) = (block.start, Vec::new());
        while row < block.end {
            let (plane, first) = (row / rows, row % rows);
            let count = (block.end - row).min(rows - first);
            segments.push(Segment {
                image: plane / depth.result,
                plane: Some(plane % depth.result),
                rows: first..first + count,
                columns: 0..columns,
                first_tile: (row - block.start) * columns,
            });
            row += count;
        }
        segments
    };
    even_pieces(images.start * image_rows..images.end * image_rows, (most / columns).max(1), 1)
        .map(|block| TileBlock { results: segments(block.clone()), sources: segments(block), plane_tiles: 0 })
        .collect()
}

/// Channels of a group of an image that are cut into tiles.
pub(super) struct ImageTiles<'a> {
    /// All channels.
    pub image: &'a [f32],
    pub extents: Extents,
    pub channels: Range<usize>,
    /// Row and column of the first pixel of tile (0, 0).
    pub first: [isize; 2],
    /// Pixels from a tile to the next, and pixels of a tile, along rows and columns.
    pub step: [usize; 2],
    pub patch: [usize; 2],
}

impl ImageTiles<'_> {
    /// Numbers that the strip of a segment needs: of the pixels that its tiles see, or of their outputs.
    pub fn strip_numbers(transforms: &Transforms, segments: &[Segment]) -> usize {
        let pixels = |segment: &Segment| -> usize {
            let [rows, columns] = segment.tiles();
            let along = |axis: usize, tiles: usize| tiles * transforms.tile[axis] + transforms.patch[axis];
            along(0, rows) * along(1, columns)
        };
        segments.iter().map(pixels).max().unwrap_or(0).next_multiple_of(LINE) * strip_lanes()
    }

    /// Transforms the tiles of a segment to planes whose columns begin with the first of the channels; the segment's first
    /// tile goes to `target`.
    ///
    /// # Safety
    /// The strip has [`ImageTiles::strip_numbers`], the planes have room for the tiles, and the transform takes patches of
    /// these sizes.
    pub unsafe fn spread(
        &self,
        segment: &Segment,
        transform: unsafe fn(&Spread),
        strip: *mut f32,
        target: *mut f32,
        [tile_pitch, plane_pitch]: [usize; 2],
    ) {
        let Extents { height, width, .. } = self.extents;
        let tiles = [&segment.rows, &segment.columns];
        let first: [isize; 2] =
            std::array::from_fn(|axis| (tiles[axis].start * self.step[axis]) as isize + self.first[axis]);
        let inside = |axis: usize, extent: usize| {
            let pixels = (tiles[axis].len() - 1) * self.step[axis] + self.patch[axis];
            let inside = |pixel: isize| pixel.clamp(0, extent as isize);
            inside(first[axis])..inside(first[axis] + pixels as isize)
        };
        let (rows, columns) = match segment.plane {
            Some(_) => (inside(0, height), inside(1, width)),
            None => (0..0, 0..0),
        };
        let (count, length) = ((rows.end - rows.start) as usize, (columns.end - columns.start) as usize);
        let lanes = strip_lanes();
        for channel in self.channels.clone().step_by(lanes) {
            let channels = lanes.min(self.channels.end - channel);
            // Whole rows follow each other.
            let (count, length) = if length == width { (1, count * length) } else { (count, length) };
            // SAFETY: the rows and columns lie within the plane; the rest is the caller's.
            unsafe {
                for row in 0..if length == 0 { 0 } else { count } {
                    let place = (rows.start as usize + row) * width + columns.start as usize;
                    let plane = segment.plane.unwrap_or(0) * height * width;
                    let from = self.image.as_ptr().add(channel * self.extents.pixels() + plane + place);
                    let pitch = self.extents.pixels() as isize;
                    transpose(from, pitch, channels, length, lanes, strip.add(row * length * lanes));
                }
                transform(&Spread {
                    strip,
                    rows: rows.clone(),
                    columns: columns.clone(),
                    first,
                    step: self.step,
                    tiles: segment.tiles(),
                    target: target.add(channel - self.channels.start),
                    tile_pitch,
                    plane_pitch,
                });
            }
        }
    }
}
