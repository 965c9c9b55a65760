//! Words of a key and an index, and the choice of an algorithm.

use super::radix;

/// Fewer words than this are sorted by comparison.
const RADIX_FROM: usize = 512;

/// A key above the index of its element.
pub trait Word: Copy + Ord + Default + Send + Sync {
    /// Bits of the index.
    const INDEX_BITS: u32;
    /// Puts both together; the index fits.
    fn pack(key: u64, index: usize) -> Self;
    /// The index.
    fn index(self) -> usize;
    /// The eleven bits of the word from `shift` on.
    fn digit(self, shift: u32) -> usize;
}

macro_rules! words {
    ($($type:ident, $index:ident, $bits:literal);*) => {
        $(impl Word for $type {
            const INDEX_BITS: u32 = $bits;
            #[inline(always)]
            fn pack(key: u64, index: usize) -> $type {
                ($type::from(key) << $bits) | index as $type
            }
            #[inline(always)]
            fn index(self) -> usize {
                self as $index as usize
            }
            #[inline(always)]
            fn digit(self, shift: u32) -> usize {
                (self >> shift) as usize & (radix::BUCKETS - 1)
            }
        })*
    };
}
words!(u64, u32, 32; u128, u64, 64);

/// Brings the first `count` words in order to the front; the others are left in any order. `key_bits` is the width of
/// the keys.
pub fn first_in_order<W: Word>(words: &mut [W], count: usize, key_bits: u32, spare: &mut Vec<W>) {
    if count == 0 {
        return;
    }
    if count < words.len() / 2 {
        // Selecting loses the order of the indices, so comparison sorts the rest.
        words.select_nth_unstable(count - 1);
        words[..count].sort_unstable();
        return;
    }
    if words.len() < RADIX_FROM {
        words.sort_unstable();
    } else {
        radix::sort(words, key_bits, spare);
    }
}
