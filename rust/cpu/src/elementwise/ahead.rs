//! What the next tile will touch, asked for while the steps work on this one.

use std::ops::Range;

use smallvec::SmallVec;

use crate::simd::prefetch;

/// Bytes that the processor fetches together.
const LINE: usize = 64;

/// Stretches of memory that are asked for together, little by little and from their beginning on: a core waits for some
/// twenty lines at once, and for one more with everything.
#[derive(Default)]
pub struct Ahead {
    /// Where each begins, and how many bytes it has.
    stretches: SmallVec<[(*const u8, usize); 4]>,
    /// The bytes of the longest.
    longest: usize,
    /// How many bytes of each were asked for.
    asked: usize,
}

impl Ahead {
    /// Forgets everything.
    #[inline]
    pub fn clear(&mut self) {
        self.stretches.clear();
        (self.longest, self.asked) = (0, 0);
    }

    /// Adds a stretch, whatever lies there.
    #[inline]
    pub fn push(&mut self, start: *const u8, bytes: usize) {
        self.stretches.push((start, bytes));
        self.longest = self.longest.max(bytes);
    }

    /// Asks for as much as is to be asked for when `done` of `all` the time has passed.
    #[inline]
    pub fn ask(&mut self, done: u64, all: u64) {
        if self.asked == self.longest {
            return;
        }
        let due = self.take_due(done, all);
        for &(start, bytes) in &self.stretches {
            prefetch(start.wrapping_add(due.start), due.end.min(bytes).saturating_sub(due.start));
        }
    }

    /// The bytes of each stretch that are to be asked for then and were not, in whole lines.
    #[inline]
    fn take_due(&mut self, done: u64, all: u64) -> Range<usize> {
        let end = if done == all {
            self.longest
        } else {
            (self.longest as u64 * done / all) as usize / LINE * LINE
        };
        let begin = std::mem::replace(&mut self.asked, end);
        begin..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_asked_for_once_and_in_order() {
        let mut ahead = Ahead::default();
        for bytes in [4096, 100, 1024] {
            ahead.push(std::ptr::null(), bytes);
        }
        let parts = [1, 2, 5, 5, 8].map(|done| ahead.take_due(done, 8));
        assert_eq!(parts, [0..512, 512..1024, 1024..2560, 2560..2560, 2560..4096]);
        ahead.clear();
        ahead.push(std::ptr::null(), 100);
        assert_eq!([1, 2, 3].map(|done| ahead.take_due(done, 3)), [0..0, 0..64, 64..100]);
        // A program without steps.
        ahead.clear();
        ahead.push(std::ptr::null(), 64);
        assert_eq!(ahead.take_due(0, 0), 0..64);
    }
}
