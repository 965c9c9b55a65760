//! Tiles of images to their 36 products' factors, and back, a vector of channels at a time.
//!
//! A *strip* holds the pixels of as many channels as a vector has lanes, channels side by side. A *plane* of
//! transformed numbers holds one of a tile's 36 positions: tiles as rows, channels as columns.

use std::marker::PhantomData;
use std::ops::Range;

use super::lines::Line;
use super::{Extents, LINE, TILE};
use crate::gemm::micro_kernel::{Real, Vector, portable};
use crate::gemm::pack::transpose;
use crate::simd::{Tier, tier};

/// Positions of a transformed tile.
pub(super) const POSITIONS: usize = 36;

/// Code over vectors of the current tier.
trait Vectorised {
    /// # Safety
    /// The CPU has `V`'s instructions; what the value names is valid.
    unsafe fn run<V: Vector<Element = f32>>(&self);
}

/// Runs the code on the current tier's vectors.
///
/// # Safety
/// What the value names is valid.
unsafe fn on_vectors(body: &impl Vectorised) {
    // SAFETY: a tier is never above what the CPU has; the rest is the caller's.
    unsafe {
        match tier() {
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => on_avx512(body),
            #[cfg(target_arch = "x86_64")]
            Tier::Avx2 => on_avx2(body),
            _ => body.run::<portable::SingleLanes>(),
        }
    }
}

/// # Safety
/// The CPU has AVX-512 F, BW, DQ and VL; the rest as for [`on_vectors`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
unsafe fn on_avx512(body: &impl Vectorised) {
    // SAFETY: the caller's.
    unsafe { body.run::<std::arch::x86_64::__m512>() }
}

/// # Safety
/// The CPU has AVX2 and FMA; the rest as for [`on_vectors`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn on_avx2(body: &impl Vectorised) {
    // SAFETY: the caller's.
    unsafe { body.run::<std::arch::x86_64::__m256>() }
}

/// Channels in a strip on the current tier.
pub(super) fn strip_lanes() -> usize {
    f32::kernels().lanes
}

/// Transforms tiles of `SIZE × SIZE` pixels of a strip, `step` apart, to 36 planes.
pub(super) struct Spread<L, const SIZE: usize> {
    /// The first pixel of row `rows.start`; rows have `width` pixels.
    pub strip: *const f32,
    /// The rows that the strip holds. Pixels beyond them, and beyond the width, are zero.
    pub rows: Range<isize>,
    pub width: usize,
    /// Row and column of the first tile's first pixel.
    pub first: [isize; 2],
    pub step: usize,
    /// Rows and columns of tiles.
    pub tiles: [usize; 2],
    /// The first tile's place in the first plane.
    pub target: *mut f32,
    pub tile_pitch: usize,
    pub plane_pitch: usize,
    pub line: PhantomData<L>,
}

impl<L: Line<SIZE, 6>, const SIZE: usize> Spread<L, SIZE> {
    /// # Safety
    /// The strip has the rows, and the planes have room for the tiles.
    pub unsafe fn run(&self) {
        // SAFETY: the caller's.
        unsafe { on_vectors(self) }
    }

    /// Transforms one tile. `INSIDE`: none of its pixels is beyond the strip.
    ///
    /// # Safety
    /// As for [`Spread::run`].
    #[expect(clippy::needless_range_loop, reason = "iterators are calls that keep vectors out of registers")]
    #[inline(always)]
    unsafe fn tile<V: Vector<Element = f32>, const INSIDE: bool>(
        &self,
        y: isize,
        x: isize,
        target: *mut f32,
    ) {
        // SAFETY: pixels are read within the strip alone, and the planes have room.
        unsafe {
            let mut columns = [[V::zero(); 6]; SIZE];
            for j in 0..SIZE {
                let mut column = [V::zero(); SIZE];
                for i in 0..SIZE {
                    let (y, x) = (y + i as isize, x + j as isize);
                    if INSIDE || (self.rows.contains(&y) && (0..self.width as isize).contains(&x)) {
                        let pixel = (y - self.rows.start) * self.width as isize + x;
                        column[i] = V::load(self.strip.offset(pixel * V::LANES as isize));
                    }
                }
                columns[j] = L::product(column);
            }
            for i in 0..6 {
                let mut row = [V::zero(); SIZE];
                for j in 0..SIZE {
                    row[j] = columns[j][i];
                }
                let row = L::product(row);
                for j in 0..6 {
                    row[j].store(target.add((6 * i + j) * self.plane_pitch));
                }
            }
        }
    }
}

impl<L: Line<SIZE, 6>, const SIZE: usize> Vectorised for Spread<L, SIZE> {
    #[inline(always)]
    unsafe fn run<V: Vector<Element = f32>>(&self) {
        let size = SIZE as isize;
        for row in 0..self.tiles[0] {
            let y = self.first[0] + (row * self.step) as isize;
            for column in 0..self.tiles[1] {
                let x = self.first[1] + (column * self.step) as isize;
                let inside = y >= self.rows.start
                    && y + size <= self.rows.end
                    && x >= 0
                    && x + size <= self.width as isize;
                // SAFETY: the caller's.
                unsafe {
                    let target = self.target.add((row * self.tiles[1] + column) * self.tile_pitch);
                    match inside {
                        true => self.tile::<V, true>(y, x, target),
                        false => self.tile::<V, false>(y, x, target),
                    }
                }
            }
        }
    }
}

/// Rows of tiles in some channels of an image.
pub(super) struct ImageTiles<'a> {
    /// All channels.
    pub image: &'a [f32],
    pub extents: Extents,
    pub channels: Range<usize>,
    /// Row and column of the first tile's first pixel.
    pub first: [isize; 2],
    /// Rows and columns of tiles.
    pub tiles: [usize; 2],
}

impl ImageTiles<'_> {
    /// Numbers that a strip of tiles of so many rows and columns needs at most.
    pub fn strip_numbers(extents: Extents, tiles: [usize; 2]) -> usize {
        let pixels = ((tiles[0] + 1) * TILE * extents.width).max(tiles[0] * tiles[1] * TILE * TILE);
        pixels.next_multiple_of(LINE) * strip_lanes()
    }

    /// Transforms the tiles of `SIZE × SIZE` pixels to planes whose columns begin with the first of the channels.
    ///
    /// # Safety
    /// The strip has [`ImageTiles::strip_numbers`], and the planes have room for the tiles.
    pub unsafe fn spread<L: Line<SIZE, 6>, const SIZE: usize>(
        &self,
        strip: *mut f32,
        target: *mut f32,
        tile_pitch: usize,
        plane_pitch: usize,
    ) {
        let Extents { height, width, .. } = self.extents;
        let inside = |row: isize| row.clamp(0, height as isize);
        let end = self.first[0] + (self.tiles[0] * TILE + SIZE - TILE) as isize;
        let rows = inside(self.first[0])..inside(end);
        let pixels = (rows.end - rows.start) as usize * width;
        let lanes = strip_lanes();
        for channel in self.channels.clone().step_by(lanes) {
            let channels = lanes.min(self.channels.end - channel);
            // SAFETY: the rows lie within the image; the rest is the caller's.
            unsafe {
                let pixel = channel * height * width + rows.start as usize * width;
                let from = self.image.as_ptr().add(pixel);
                transpose(from, (height * width) as isize, channels, pixels, lanes, strip);
                Spread::<L, SIZE> {
                    strip,
                    rows: rows.clone(),
                    width,
                    first: self.first,
                    step: TILE,
                    tiles: self.tiles,
                    target: target.add(channel - self.channels.start),
                    tile_pitch,
                    plane_pitch,
                    line: PhantomData,
                }
                .run();
            }
        }
    }
}

/// Results whose product with this overflows are not trusted. The transforms mix numbers of a tile: one near the largest
/// float leaves errors of 10³⁰ in results that it has no part in, and these would be finite.
pub(super) const MARGIN: f32 = (1u64 << 40) as f32;

/// Transforms 36 planes to tiles of `SIZE × SIZE` pixels of a strip, side by side.
pub(super) struct Gather<L, const SIZE: usize> {
    /// The first tile's place in the first plane.
    pub source: *const f32,
    pub tile_pitch: usize,
    pub plane_pitch: usize,
    /// Rows and columns of tiles.
    pub tiles: [usize; 2],
    /// Rows have `SIZE · tiles[1]` pixels.
    pub strip: *mut f32,
    /// For each tile a vector: zero in the lanes whose pixels are all trusted (see [`MARGIN`]), else NaN.
    pub flags: *mut f32,
    pub line: PhantomData<L>,
}

impl<L: Line<6, SIZE>, const SIZE: usize> Gather<L, SIZE> {
    /// # Safety
    /// The planes have the tiles; strip and flags have room for them.
    pub unsafe fn run(&self) {
        // SAFETY: the caller's.
        unsafe { on_vectors(self) }
    }
}

impl<L: Line<6, SIZE>, const SIZE: usize> Vectorised for Gather<L, SIZE> {
    #[expect(clippy::needless_range_loop, reason = "iterators are calls that keep vectors out of registers")]
    #[inline(always)]
    unsafe fn run<V: Vector<Element = f32>>(&self) {
        let width = SIZE * self.tiles[1];
        for tile in 0..self.tiles[0] * self.tiles[1] {
            let first = tile / self.tiles[1] * SIZE * width + tile % self.tiles[1] * SIZE;
            // SAFETY: the caller's.
            unsafe {
                let source = self.source.add(tile * self.tile_pitch);
                let mut columns = [[V::zero(); SIZE]; 6];
                for j in 0..6 {
                    let mut column = [V::zero(); 6];
                    for i in 0..6 {
                        column[i] = V::load(source.add((6 * i + j) * self.plane_pitch));
                    }
                    columns[j] = L::product(column);
                }
                let mut flag = V::zero();
                let margin = V::splat(&MARGIN);
                for i in 0..SIZE {
                    let mut row = [V::zero(); 6];
                    for j in 0..6 {
                        row[j] = columns[j][i];
                    }
                    let row = L::product(row);
                    for j in 0..SIZE {
                        // Infinite where it is too large, and then no number.
                        flag = row[j].mul_add(margin, V::zero()).mul_add(V::zero(), flag);
                        row[j].store(self.strip.add((first + i * width + j) * V::LANES));
                    }
                }
                flag.store(self.flags.add(tile * V::LANES));
            }
        }
    }
}

/// Writes a strip's pixels to channels: pixel `p` of lane `l` to `target + l · channel_pitch + p`.
///
/// # Safety
/// The strip has the pixels, and the target has room for `channels` channels of them.
pub(super) unsafe fn write_channels(
    strip: *const f32,
    pixels: usize,
    channels: usize,
    target: *mut f32,
    channel_pitch: usize,
) {
    let (lanes, edge) = (strip_lanes(), f32::TRANSPOSE_EDGE);
    for pixel in (0..pixels).step_by(edge) {
        let count = edge.min(pixels - pixel);
        for channel in (0..channels).step_by(edge) {
            // SAFETY: the caller's; blocks in registers are of whole channels.
            unsafe {
                let source = strip.add(pixel * lanes + channel);
                let target = target.add(channel * channel_pitch + pixel);
                let whole = channel + edge <= channels && channel + edge <= lanes;
                if whole && f32::transpose_block(source, lanes as isize, count, target, channel_pitch) {
                    continue;
                }
                for channel in 0..edge.min(channels - channel) {
                    for pixel in 0..count {
                        target
                            .add(channel * channel_pitch + pixel)
                            .write(source.add(pixel * lanes + channel).read());
                    }
                }
            }
        }
    }
}
