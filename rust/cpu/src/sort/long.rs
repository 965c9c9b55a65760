//! Long rows, on all threads: words are dealt into buckets by the upper bits of their keys, and each bucket is sorted
//! within the caches of one thread.

use super::key::SortKey;
use super::row::Row;
use super::words::{INDEX_BITS, Packing, sort};
use crate::backend::disjoint::{Disjoint, for_each_part};
use crate::threads::for_each_chunk;

/// Shorter rows are sorted by one thread.
pub const LONG: usize = 1 << 15;

/// Elements that are counted and dealt at a time.
const PART: usize = 1 << 15;

const BUCKET_BITS: u32 = 10;
const BUCKETS: usize = 1 << BUCKET_BITS;

/// Sorts the words of a row of fewer than 2³² elements and hands them over in stretches, each with the place where it
/// begins. `words` and `spare` are as long as the row.
pub fn sort_long<E: SortKey>(
    row: Row<'_, E>,
    words: &mut [u64],
    spare: &mut [u64],
    take: &(dyn Fn(usize, &[u64]) + Sync),
) {
    let packing = Packing::new(range(row));
    let bits = packing.bits.saturating_sub(BUCKET_BITS);
    // Counts of the buckets of each part, and then where the next word of each goes.
    let mut parts = vec![[0u32; BUCKETS]; row.len().div_ceil(PART)];
    for_each_part(&mut parts, 1, PART as u64, &|part, counts| {
        count(row.part(part * PART, PART), packing, bits, &mut counts[0]);
    });
    let starts = starts_of(&mut parts);
    let (words, spare) = (Disjoint::new(words), Disjoint::new(spare));
    for_each_part(&mut parts, 1, 2 * PART as u64, &|part, next| {
        let start = part * PART;
        // SAFETY: the counts give each word of each part a place of its own.
        unsafe { deal(row.part(start, PART), start, packing, bits, &mut next[0], &words) };
    });
    for_each_chunk(BUCKETS, 8 * (row.len() / BUCKETS) as u64, &|bucket| {
        let (start, count) = (starts[bucket], starts[bucket + 1] - starts[bucket]);
        // SAFETY: buckets do not overlap.
        let (words, spare) = unsafe { (words.range(start, count), spare.range(start, count)) };
        sort(row, packing, words, spare, bits);
        take(start, words);
    });
}

/// The bucket of a word whose lowest `bits` are left to sort by.
#[inline(always)]
fn bucket_of(word: u64, bits: u32) -> usize {
    (word >> (INDEX_BITS + bits)) as usize & (BUCKETS - 1)
}

fn count<E: SortKey>(part: Row<'_, E>, packing: Packing, bits: u32, counts: &mut [u32; BUCKETS]) {
    for key in part.keys() {
        counts[bucket_of(packing.word(key, 0), bits)] += 1;
    }
}

/// Writes the words of a part that begins at `start` to the next places of their buckets.
///
/// # Safety
/// Nobody else uses these places meanwhile.
unsafe fn deal<E: SortKey>(
    part: Row<'_, E>,
    start: usize,
    packing: Packing,
    bits: u32,
    next: &mut [u32; BUCKETS],
    words: &Disjoint<'_, u64>,
) {
    for (index, key) in (start..).zip(part.keys()) {
        let word = packing.word(key, index);
        let next = &mut next[bucket_of(word, bits)];
        // SAFETY: the caller answers for the place.
        unsafe { words.write(*next as usize, word) };
        *next += 1;
    }
}

/// The smallest and the largest key.
fn range<E: SortKey>(row: Row<'_, E>) -> (E::Key, E::Key) {
    let nothing = row.part(0, 0).range();
    let mut ranges = vec![nothing; row.len().div_ceil(PART)];
    for_each_part(&mut ranges, 1, PART as u64 / 2, &|part, range| {
        range[0] = row.part(part * PART, PART).range()
    });
    ranges.into_iter().fold(nothing, |all, one| (all.0.min(one.0), all.1.max(one.1)))
}

/// Turns the counts of parts into where their words go: bucket by bucket, in each part after part. Where the buckets
/// begin, and the last ends.
fn starts_of(parts: &mut [[u32; BUCKETS]]) -> Vec<usize> {
    let mut starts = vec![0];
    let mut next = 0;
    for bucket in 0..BUCKETS {
        for part in parts.iter_mut() {
            next += std::mem::replace(&mut part[bucket], next);
        }
        starts.push(next as usize);
    }
    starts
}
