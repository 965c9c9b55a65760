//! Packing for products of bfloat16: panels of up to two tiles side by side, group after group along the depth (see
//! [`super::super::micro_kernel::pairs`]). What lies beyond the operand is zero.

use std::ops::Range;

use half::bf16;

use crate::gemm::micro_kernel::Real;
use crate::gemm::micro_kernel::pairs::{EDGE, STEPS, TILE};
use crate::gemm::pack::{Strided, Widen};
use crate::simd::{Tiered, on_tier};

/// Words of a tile: a pair of steps each.
const WORDS: usize = TILE / 2;

/// A stored number that is packed as bfloat16.
pub(crate) trait Narrow: Widen<f32> {
    /// Its bits as bfloat16, rounded to nearest, ties to even.
    fn narrow(self) -> u16;
}

impl Narrow for bf16 {
    #[inline(always)]
    fn narrow(self) -> u16 {
        self.to_bits()
    }
}

impl Narrow for f32 {
    /// Without a branch, so that loops over it are widened.
    #[inline(always)]
    fn narrow(self) -> u16 {
        let bits = self.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
        // A NaN whose upper bits are those of an infinity must stay one.
        let nan = (bits >> 16) | 0x40;
        let is_nan = bits & 0x7fff_ffff > 0x7f80_0000;
        (if is_nan { nan } else { rounded }) as u16
    }
}

/// How the words of a tile lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// A line's pairs side by side.
    A,
    /// Pairs of the same steps side by side.
    B,
}

/// The bytes of packed lines: whole tiles over a block of the depth.
pub(crate) fn packed_bytes(lines: usize, steps: usize) -> usize {
    lines.next_multiple_of(EDGE) * steps.next_multiple_of(STEPS) * size_of::<u16>()
}

/// Writes the panel of `lines` (at most two tiles of them) for the steps of `depth`.
///
/// # Safety
/// The ranges lie within the operand; `panel` has room for [`packed_bytes`], and is aligned for words.
pub(crate) unsafe fn pack<S: Narrow>(
    operand: &Strided<S>,
    side: Side,
    lines: Range<usize>,
    depth: Range<usize>,
    panel: *mut u16,
) {
    on_tier(Panel { operand, side, lines, depth, words: panel.cast() });
}

struct Panel<'a, S> {
    operand: &'a Strided<S>,
    side: Side,
    lines: Range<usize>,
    depth: Range<usize>,
    words: *mut u32,
}

impl<S: Narrow> Tiered for Panel<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let natural = if self.operand.depth_stride == 1 { Side::A } else { Side::B };
        let mut turned = [0u32; WORDS];
        let mut words = self.words;
        for step in self.depth.clone().step_by(STEPS) {
            let steps = STEPS.min(self.depth.end - step);
            for line in self.lines.clone().step_by(EDGE) {
                let lines = EDGE.min(self.lines.end - line);
                // SAFETY: who called `pack` vouches for the operand and for room for all tiles.
                unsafe {
                    let source = self
                        .operand
                        .data
                        .offset(line as isize * self.operand.line_stride)
                        .offset(step as isize * self.operand.depth_stride);
                    let target = if natural == self.side { words } else { turned.as_mut_ptr() };
                    match natural {
                        Side::A => along_depth(source, self.operand.line_stride, lines, steps, target),
                        Side::B => across(source, self.operand, lines, steps, target),
                    }
                    if natural != self.side {
                        turn(turned.as_ptr(), words);
                    }
                    words = words.add(WORDS);
                }
            }
        }
    }
}

/// Writes lines that are contiguous along the depth, as [`Side::A`].
///
/// # Safety
/// `source` has so many lines and steps, `tile` room for a tile.
#[inline(always)]
unsafe fn along_depth<S: Narrow>(
    source: *const S,
    line_stride: isize,
    lines: usize,
    steps: usize,
    tile: *mut u32,
) {
    let tile = tile.cast::<u16>();
    // SAFETY: every index stays below `lines` and `steps`, which are at most the tile's.
    unsafe {
        if lines < EDGE || steps < STEPS {
            tile.write_bytes(0, TILE);
        }
        for line in 0..lines {
            let source = source.offset(line as isize * line_stride);
            let target = tile.add(line * STEPS);
            if steps == STEPS {
                for step in 0..STEPS {
                    target.add(step).write(source.add(step).read().narrow());
                }
            } else {
                for step in 0..steps {
                    target.add(step).write(source.add(step).read().narrow());
                }
            }
        }
    }
}

/// Writes lines with any strides, as [`Side::B`]; fast where lines lie side by side.
///
/// # Safety
/// As for [`along_depth`].
#[inline(always)]
unsafe fn across<S: Narrow>(
    source: *const S,
    operand: &Strided<S>,
    lines: usize,
    steps: usize,
    tile: *mut u32,
) {
    // SAFETY: as in `along_depth`.
    unsafe {
        if lines < EDGE || steps < STEPS {
            tile.write_bytes(0, WORDS);
        }
        for step in (0..steps).step_by(2) {
            let first = source.offset(step as isize * operand.depth_stride);
            let second = first.wrapping_offset(operand.depth_stride);
            let target = tile.add(step / 2 * EDGE);
            if step + 1 == steps {
                for line in 0..lines {
                    let low = first.offset(line as isize * operand.line_stride).read().narrow();
                    target.add(line).write(u32::from(low));
                }
            } else if operand.line_stride == 1 && lines == EDGE {
                for line in 0..EDGE {
                    target.add(line).write(pair(first.add(line).read(), second.add(line).read()));
                }
            } else {
                for line in 0..lines {
                    let place = line as isize * operand.line_stride;
                    target.add(line).write(pair(first.offset(place).read(), second.offset(place).read()));
                }
            }
        }
    }
}

/// Two steps as a word.
#[inline(always)]
fn pair<S: Narrow>(first: S, second: S) -> u32 {
    u32::from(first.narrow()) | u32::from(second.narrow()) << 16
}

/// Writes a tile with its rows of words as columns.
///
/// # Safety
/// Both hold a tile, and do not overlap.
#[inline(always)]
unsafe fn turn(source: *const u32, target: *mut u32) {
    let edge = f32::TRANSPOSE_EDGE;
    for line in (0..EDGE).step_by(edge) {
        for step in (0..EDGE).step_by(edge) {
            // SAFETY: every index stays within the tiles. Registers of float32 move words as they are.
            unsafe {
                let source = source.add(line * EDGE + step);
                let target = target.add(step * EDGE + line);
                if !f32::transpose_block(source.cast(), EDGE as isize, edge, target.cast(), EDGE) {
                    for index in 0..edge * edge {
                        let (line, step) = (index / edge, index % edge);
                        target.add(step * EDGE + line).write(source.add(line * EDGE + step).read());
                    }
                }
            }
        }
    }
}
