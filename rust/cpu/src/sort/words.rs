//! Words of a key and an index, and the choice of an algorithm.

use super::key::SortKey;
use super::radix;
use super::row::Row;

/// Below the key of a word stands the index of its element.
pub const INDEX_BITS: u32 = 32;

/// Fewer words than so many for each pass of a radix sort are sorted by comparison.
const WORDS_PER_PASS: usize = 400;

/// Which 32 bits of the keys of a row its words hold: all that differ, or the upper ones of these.
#[derive(Clone, Copy)]
pub struct Packing {
    least: u64,
    /// Bits that differ and do not fit.
    pub left_out: u32,
    /// Bits that the words hold.
    pub bits: u32,
}

impl Packing {
    /// For keys from `least` to `greatest`.
    pub fn new<K: Into<u64>>((least, greatest): (K, K)) -> Packing {
        let (least, greatest): (u64, u64) = (least.into(), greatest.into());
        let differing = u64::BITS - greatest.saturating_sub(least).leading_zeros();
        let left_out = differing.saturating_sub(u64::BITS - INDEX_BITS);
        Packing { least, left_out, bits: differing - left_out }
    }

    #[inline(always)]
    pub fn word<K: Into<u64>>(&self, key: K, index: usize) -> u64 {
        (key.into() - self.least) >> self.left_out << INDEX_BITS | index as u64
    }

    /// The bits that [`Packing::word`] leaves out.
    fn rest<K: Into<u64>>(&self, key: K, index: usize) -> u64 {
        let mask = (1 << self.left_out) - 1;
        ((key.into() - self.least) & mask) << INDEX_BITS | index as u64
    }
}

/// The index of the element of a word.
#[inline(always)]
pub fn index_of(word: u64) -> usize {
    word as u32 as usize
}

/// Brings words, which are in order of their indices, in the order of their elements. Of their keys the lowest `bits`
/// differ at most.
pub fn sort<E: SortKey>(row: Row<'_, E>, packing: Packing, words: &mut [u64], spare: &mut [u64], bits: u32) {
    sort_by_bits(words, spare, bits);
    // Nearly always no two are equal: without a jump that is soon known.
    let tied =
        words.windows(2).fold(false, |tied, pair| tied | (pair[0] >> INDEX_BITS == pair[1] >> INDEX_BITS));
    if packing.left_out == 0 || !tied {
        return;
    }
    let mut start = 0;
    for equal in words.chunk_by_mut(|a, b| a >> INDEX_BITS == b >> INDEX_BITS) {
        let end = start + equal.len();
        if equal.len() > 1 {
            for word in equal.iter_mut() {
                let index = index_of(*word);
                *word = packing.rest(row.key(index), index);
            }
            sort_by_bits(equal, &mut spare[start..end], packing.left_out);
        }
        start = end;
    }
}

fn sort_by_bits(words: &mut [u64], spare: &mut [u64], bits: u32) {
    if words.len() < WORDS_PER_PASS * radix::passes(bits) as usize {
        words.sort_unstable();
    } else {
        radix::sort(words, spare, bits);
    }
}
