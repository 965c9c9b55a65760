//! Packing for products of words: panels of up to two tiles side by side, group after group along the depth (see
//! [`super::super::micro_kernel::words`]). What lies beyond the operand is zero.

use std::ops::Range;

use half::bf16;
use tenfold_ir::lanes::cast::f32_to_bf16;

use crate::gemm::micro_kernel::Real;
use crate::gemm::micro_kernel::words::{EDGE, Packed, ROW_BYTES, TILE_BYTES};
use crate::gemm::pack::Strided;
use crate::simd::{Tiered, on_tier};

/// Words of a tile.
const WORDS: usize = TILE_BYTES / 4;

/// A stored number that is packed as `P`.
pub(crate) trait Narrow<P>: Copy + Send + Sync + 'static {
    /// The same number, rounded to nearest, ties to even.
    fn narrow(self) -> P;
}

impl Narrow<u16> for bf16 {
    #[inline(always)]
    fn narrow(self) -> u16 {
        self.to_bits()
    }
}

impl Narrow<u16> for f32 {
    #[inline(always)]
    fn narrow(self) -> u16 {
        f32_to_bf16(self).to_bits()
    }
}

impl Narrow<i16> for i8 {
    #[inline(always)]
    fn narrow(self) -> i16 {
        i16::from(self)
    }
}

impl Narrow<i8> for i8 {
    #[inline(always)]
    fn narrow(self) -> i8 {
        self
    }
}

/// How the words of a tile lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// A line's words side by side.
    A,
    /// Words of the same steps side by side.
    B,
}

/// Steps in a tile.
const fn steps_of<P>() -> usize {
    ROW_BYTES / size_of::<P>()
}

/// Steps in a word.
const fn steps_of_word<P>() -> usize {
    4 / size_of::<P>()
}

/// Writes the panel of `lines` (at most two tiles of them) for the steps of `depth`.
///
/// # Safety
/// The ranges lie within the operand; `panel` has room for whole tiles, and is aligned for words.
pub(crate) unsafe fn pack<S: Narrow<P>, P: Packed>(
    operand: &Strided<S>,
    side: Side,
    lines: Range<usize>,
    depth: Range<usize>,
    panel: *mut u8,
) {
    on_tier(Panel::<S, P> {
        operand,
        side,
        lines,
        depth,
        words: panel.cast(),
        packed: std::marker::PhantomData,
    });
}

struct Panel<'a, S, P> {
    operand: &'a Strided<S>,
    side: Side,
    lines: Range<usize>,
    depth: Range<usize>,
    words: *mut u32,
    packed: std::marker::PhantomData<P>,
}

impl<S: Narrow<P>, P: Packed> Tiered for Panel<'_, S, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let natural = if self.operand.depth_stride == 1 { Side::A } else { Side::B };
        let mut turned = [0u32; WORDS];
        let mut words = self.words;
        for step in self.depth.clone().step_by(steps_of::<P>()) {
            let steps = steps_of::<P>().min(self.depth.end - step);
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
unsafe fn along_depth<S: Narrow<P>, P: Packed>(
    source: *const S,
    line_stride: isize,
    lines: usize,
    steps: usize,
    tile: *mut u32,
) {
    // SAFETY: every index stays below `lines` and `steps`, which are at most the tile's.
    unsafe {
        if lines < EDGE || steps < steps_of::<P>() {
            tile.write_bytes(0, WORDS);
        }
        let tile = tile.cast::<P>();
        for line in 0..lines {
            let source = source.offset(line as isize * line_stride);
            let target = tile.add(line * steps_of::<P>());
            if steps == steps_of::<P>() {
                for step in (0..steps_of::<P>()).step_by(EDGE) {
                    let numbers = source.add(step).cast::<[S; EDGE]>().read_unaligned();
                    let mut packed = [P::default(); EDGE];
                    for index in 0..EDGE {
                        packed[index] = numbers[index].narrow();
                    }
                    target.add(step).cast::<[P; EDGE]>().write(packed);
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
unsafe fn across<S: Narrow<P>, P: Packed>(
    source: *const S,
    operand: &Strided<S>,
    lines: usize,
    steps: usize,
    tile: *mut u32,
) {
    let in_word = steps_of_word::<P>();
    // SAFETY: as in `along_depth`.
    unsafe {
        if lines < EDGE || steps < steps_of::<P>() {
            tile.write_bytes(0, WORDS);
        }
        for step in (0..steps).step_by(in_word) {
            let first = source.offset(step as isize * operand.depth_stride);
            let target = tile.add(step / in_word * EDGE);
            let word = |place: isize, count: usize| {
                let mut word = 0;
                for index in 0..count {
                    let number = first.offset(index as isize * operand.depth_stride + place).read();
                    word |= number.narrow().bits() << (8 * size_of::<P>() * index);
                }
                word
            };
            if operand.line_stride == 1 && lines == EDGE && step + in_word <= steps {
                match in_word {
                    2 => words_of_lines::<S, P, 2>(first, operand.depth_stride, target),
                    _ => words_of_lines::<S, P, 4>(first, operand.depth_stride, target),
                }
            } else {
                for line in 0..lines {
                    let place = line as isize * operand.line_stride;
                    target.add(line).write(word(place, in_word.min(steps - step)));
                }
            }
        }
    }
}

/// Writes a word for each of [`EDGE`] lines that lie side by side, of `STEPS` steps.
///
/// # Safety
/// `source` has them, `words` room.
#[inline(always)]
unsafe fn words_of_lines<S: Narrow<P>, P: Packed, const STEPS: usize>(
    source: *const S,
    depth_stride: isize,
    words: *mut u32,
) {
    let mut all = [0u32; EDGE];
    for step in 0..STEPS {
        // SAFETY: the caller's.
        let numbers =
            unsafe { source.offset(step as isize * depth_stride).cast::<[S; EDGE]>().read_unaligned() };
        for line in 0..EDGE {
            all[line] |= numbers[line].narrow().bits() << (32 / STEPS * step);
        }
    }
    // SAFETY: the caller's.
    unsafe { words.cast::<[u32; EDGE]>().write(all) }
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
