//! A single row of A times lines of B that are contiguous along the depth: a matrix in rows times a vector.
//!
//! Lines are transposed in registers and multiplied at once. Sums have the order of [`super::micro_kernel`].

use crate::simd::{prefetch, prefetch_early};

/// One call: at most a depth block.
pub(crate) struct LineTile<T> {
    pub depth: usize,
    /// Step `s` of the row lies at `s · a_stride`.
    pub a: *const T,
    pub a_stride: isize,
    /// Line `l` begins at `l · line_stride`.
    pub b: *const T,
    pub line_stride: isize,
    /// 1 to [`LINES`].
    pub lines: usize,
    /// Lines behind these that are multiplied next, where they come from memory: far ahead is asked for them.
    pub following: Option<usize>,
    /// A sum a line.
    pub c: *mut T,
    /// Add to C instead of storing.
    pub accumulate: bool,
}

/// Lines of a tile: two vectors of 512 bits of sums, so that one is worked on while the other waits for its additions; of 256
/// bits two times two.
pub(crate) const LINES: usize = 32;

/// Steps that are taken of one line after the other: a cache line of each, so that no line has to stay in the first-level cache.
/// Where lines are a power of two apart, all of them fall into a few of its sets.
pub(super) const STEPS: usize = 16;

/// Lines that begin at most so many numbers apart follow one another in memory, or nearly.
const SHORT_LINE: usize = 256;

/// So many lines behind those that come next are asked for early: memory takes longer than a tile.
const FURTHER: usize = 32;

impl<T> LineTile<T> {
    /// Asks for what follows so many lines from `first` on, in turn `turn` of so many. No processor guesses that the next lines
    /// follow when these end: their memory is asked for meanwhile, in the order in which it lies. Longer lines are guessed, and
    /// twice as many of them do not stay in the first-level cache.
    #[inline(always)]
    pub fn ask(&self, (first, count): (usize, usize), turn: usize, turns: usize) {
        if self.line_stride.unsigned_abs() > SHORT_LINE {
            return;
        }
        let line = |index: usize| self.b.wrapping_offset(index as isize * self.line_stride).cast();
        for index in first + count * turn / turns..first + count * (turn + 1) / turns {
            prefetch(line(index + count), self.depth * size_of::<T>());
            if index + count + FURTHER < LINES + self.following.unwrap_or(0) {
                prefetch_early(line(index + count + FURTHER), self.depth * size_of::<T>());
            }
        }
    }
}

impl LineTile<f32> {
    /// Takes the steps behind the first `whole` and stores the sums.
    ///
    /// # Safety
    /// All elements that the tile names are valid.
    #[inline(always)]
    pub unsafe fn finish(&self, sums: &[f32; LINES], whole: usize) {
        for (index, &sum) in sums[..self.lines].iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                let line = self.b.offset(index as isize * self.line_stride);
                let mut sum = sum;
                for step in whole..self.depth {
                    let factor = self.a.offset(step as isize * self.a_stride).read();
                    sum = factor.mul_add(line.add(step).read(), sum);
                }
                let c = self.c.add(index);
                c.write(if self.accumulate { c.read() + sum } else { sum });
            }
        }
    }
}
