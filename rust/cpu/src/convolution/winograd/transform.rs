//! Tiles of images to their products' factors, and back, a vector of channels at a time.
//!
//! A *strip* holds the pixels of as many channels as a vector has lanes, channels side by side. A *plane* of
//! transformed numbers holds one of a tile's positions: tiles as rows, channels as columns.

use std::marker::PhantomData;
use std::ops::Range;

use super::lines::{
    Filter, FilterGradient, FlippedFilter, Gradient, Input, Line, Output, REACH, outputs, positions,
};
use crate::gemm::micro_kernel::{Real, Vector, portable};
use crate::simd::{Tier, tier};

/// The transforms for one extent of filters, along rows and columns.
pub(super) struct Transforms {
    /// Outputs of a tile.
    pub tile: [usize; 2],
    /// Inputs that they see.
    pub patch: [usize; 2],
    pub input: unsafe fn(&Spread),
    pub gradient: unsafe fn(&Spread),
    pub filter: unsafe fn(&Spread),
    pub flipped_filter: unsafe fn(&Spread),
    pub output: unsafe fn(&Gather),
    pub filter_gradient: unsafe fn(&Gather),
}

impl Transforms {
    const fn new<const Y: usize, const X: usize>() -> Transforms {
        Transforms {
            tile: [outputs(Y), outputs(X)],
            patch: [positions(Y), positions(X)],
            input: spread::<Input<Y>, Input<X>>,
            gradient: spread::<Gradient<Y>, Gradient<X>>,
            filter: spread::<Filter<Y>, Filter<X>>,
            flipped_filter: spread::<FlippedFilter<Y>, FlippedFilter<X>>,
            output: gather::<Output<Y>, Output<X>>,
            filter_gradient: gather::<FilterGradient<Y>, FilterGradient<X>>,
        }
    }

    /// The transforms for filters of so many rows and columns.
    pub fn of(kernel: [usize; 2]) -> Option<&'static Transforms> {
        macro_rules! table {
            ($([$y:literal, $x:literal]),*) => {
                match kernel {
                    $([$y, $x] => Some(const { &Transforms::new::<$y, $x>() }),)*
                    _ => None,
                }
            };
        }
        table!([1, 2], [1, 3], [1, 4], [1, 5], [2, 2], [3, 3], [4, 4], [5, 5])
    }

    /// Positions of a transformed tile.
    pub fn positions(&self) -> usize {
        self.patch[0] * self.patch[1]
    }

    /// Rows and columns of tiles of so many outputs.
    pub fn tiles(&self, [rows, columns]: [usize; 2]) -> [usize; 2] {
        [rows.div_ceil(self.tile[0]), columns.div_ceil(self.tile[1])]
    }
}

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

/// Tiles of pixels of a strip, to be transformed to planes.
pub(super) struct Spread {
    /// The pixels of the rows and columns below.
    pub strip: *const f32,
    /// What the strip holds. Pixels beyond are zero.
    pub rows: Range<isize>,
    pub columns: Range<isize>,
    /// Row and column of the first tile's first pixel.
    pub first: [isize; 2],
    /// Pixels from a tile to the next, along rows and columns.
    pub step: [usize; 2],
    /// Rows and columns of tiles.
    pub tiles: [usize; 2],
    /// The first tile's place in the first plane.
    pub target: *mut f32,
    pub tile_pitch: usize,
    pub plane_pitch: usize,
}

/// Transforms tiles by `Y` along their columns and by `X` along their rows.
///
/// # Safety
/// The strip has the rows and columns, and the planes have room for the tiles.
unsafe fn spread<Y: Line, X: Line>(task: &Spread) {
    // SAFETY: the caller's.
    unsafe { on_vectors(&Spreading::<Y, X> { task, lines: PhantomData }) }
}

struct Spreading<'a, Y, X> {
    task: &'a Spread,
    lines: PhantomData<(Y, X)>,
}

impl<Y: Line, X: Line> Spreading<'_, Y, X> {
    /// Transforms one tile. `INSIDE`: none of its pixels is beyond the strip.
    ///
    /// # Safety
    /// As for [`spread`].
    #[expect(clippy::needless_range_loop, reason = "iterators are calls that keep vectors out of registers")]
    #[inline(always)]
    unsafe fn tile<V: Vector<Element = f32>, const INSIDE: bool>(
        &self,
        y: isize,
        x: isize,
        target: *mut f32,
    ) {
        let Spread { strip, ref rows, ref columns, plane_pitch, .. } = *self.task;
        let width = columns.end - columns.start;
        // SAFETY: pixels are read within the strip alone, and the planes have room.
        unsafe {
            let mut transformed = [[V::zero(); REACH]; REACH];
            for j in 0..X::TAKEN {
                let mut column = [V::zero(); REACH];
                for i in 0..Y::TAKEN {
                    let (y, x) = (y + i as isize, x + j as isize);
                    if INSIDE || (rows.contains(&y) && columns.contains(&x)) {
                        let pixel = (y - rows.start) * width + x - columns.start;
                        column[i] = V::load(strip.offset(pixel * V::LANES as isize));
                    }
                }
                transformed[j] = Y::product(column);
            }
            for i in 0..Y::GIVEN {
                let mut row = [V::zero(); REACH];
                for j in 0..X::TAKEN {
                    row[j] = transformed[j][i];
                }
                let row = X::product(row);
                for j in 0..X::GIVEN {
                    row[j].store(target.add((X::GIVEN * i + j) * plane_pitch));
                }
            }
        }
    }
}

impl<Y: Line, X: Line> Vectorised for Spreading<'_, Y, X> {
    #[inline(always)]
    unsafe fn run<V: Vector<Element = f32>>(&self) {
        let Spread { ref rows, ref columns, first, step, tiles, target, tile_pitch, .. } = *self.task;
        let (height, width) = (Y::TAKEN as isize, X::TAKEN as isize);
        for row in 0..tiles[0] {
            let y = first[0] + (row * step[0]) as isize;
            for column in 0..tiles[1] {
                let x = first[1] + (column * step[1]) as isize;
                let inside = y >= rows.start
                    && y + height <= rows.end
                    && x >= columns.start
                    && x + width <= columns.end;
                // SAFETY: the caller's.
                unsafe {
                    let target = target.add((row * tiles[1] + column) * tile_pitch);
                    match inside {
                        true => self.tile::<V, true>(y, x, target),
                        false => self.tile::<V, false>(y, x, target),
                    }
                }
            }
        }
    }
}

/// Results whose product with this overflows are not trusted. The transforms mix numbers of a tile: one near the largest
/// float leaves errors of 10³⁰ in results that it has no part in, and these would be finite.
pub(super) const MARGIN: f32 = (1u64 << 40) as f32;

/// Tiles in planes, to be transformed to pixels of a strip, side by side.
pub(super) struct Gather {
    /// The first tile's place in the first plane.
    pub source: *const f32,
    pub tile_pitch: usize,
    pub plane_pitch: usize,
    /// Rows and columns of tiles.
    pub tiles: [usize; 2],
    /// A row holds the pixels of a row of tiles.
    pub strip: *mut f32,
    /// A vector: zero in the lanes whose pixels are all trusted (see [`MARGIN`]), else NaN.
    pub flags: *mut f32,
}

/// Transforms tiles by `Y` along their columns and by `X` along their rows.
///
/// # Safety
/// The planes have the tiles; strip and flags have room for them.
unsafe fn gather<Y: Line, X: Line>(task: &Gather) {
    // SAFETY: the caller's.
    unsafe { on_vectors(&Gathering::<Y, X> { task, lines: PhantomData }) }
}

struct Gathering<'a, Y, X> {
    task: &'a Gather,
    lines: PhantomData<(Y, X)>,
}

impl<Y: Line, X: Line> Vectorised for Gathering<'_, Y, X> {
    #[expect(clippy::needless_range_loop, reason = "iterators are calls that keep vectors out of registers")]
    #[inline(always)]
    unsafe fn run<V: Vector<Element = f32>>(&self) {
        let Gather { source, tile_pitch, plane_pitch, tiles, strip, flags } = *self.task;
        let width = X::GIVEN * tiles[1];
        // SAFETY: the caller's.
        unsafe {
            let (margin, mut flags_of_all) = (V::splat(&MARGIN), V::zero());
            for tile in 0..tiles[0] * tiles[1] {
                let first = tile / tiles[1] * Y::GIVEN * width + tile % tiles[1] * X::GIVEN;
                let source = source.add(tile * tile_pitch);
                let mut columns = [[V::zero(); REACH]; REACH];
                for j in 0..X::TAKEN {
                    let mut column = [V::zero(); REACH];
                    for i in 0..Y::TAKEN {
                        column[i] = V::load(source.add((X::TAKEN * i + j) * plane_pitch));
                    }
                    columns[j] = Y::product(column);
                }
                // Of a tile, so that tiles do not wait for each other.
                let mut flag = V::zero();
                for i in 0..Y::GIVEN {
                    let mut row = [V::zero(); REACH];
                    for j in 0..X::TAKEN {
                        row[j] = columns[j][i];
                    }
                    let row = X::product(row);
                    for j in 0..X::GIVEN {
                        // Infinite where it is too large, and then no number.
                        flag = row[j].mul_add(margin, V::zero()).mul_add(V::zero(), flag);
                        row[j].store(strip.add((first + i * width + j) * V::LANES));
                    }
                }
                flags_of_all = flags_of_all.add(flag);
            }
            flags_of_all.store(flags);
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
