//! What the next tile will touch, asked for while the steps work on this one.

use smallvec::SmallVec;

use crate::simd::prefetch;

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
        let due =
            if done == all { self.longest } else { (self.longest as u64 * done / all) as usize / 64 * 64 };
        for &(start, bytes) in &self.stretches {
            prefetch(start.wrapping_add(self.asked), due.min(bytes).saturating_sub(self.asked));
        }
        self.asked = due;
    }
}
