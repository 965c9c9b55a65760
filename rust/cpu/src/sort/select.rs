//! The first few elements of a row in order, without sorting the others.
//!
//! The least keys of blocks bound the elements in question: there are at least as many elements up to the `count`-th of
//! these keys as there are such blocks.

use super::key::SortKey;
use super::row::Row;
use crate::backend::disjoint::for_each_part;
use crate::simd::{Tiered, on_tier};

/// Elements of a block at least: whole vectors.
const SHORTEST_BLOCK: usize = 16;
/// Longer blocks gain nothing.
const LONGEST_BLOCK: usize = 256;
/// Blocks for each element that is wanted.
const BLOCKS_PER_ELEMENT: usize = 4;

/// Selecting is worth it up to a share of one in so many elements.
pub const SELECT_ONE_OF: usize = 2 * SHORTEST_BLOCK;

/// Blocks that a thread looks through at a time.
const BLOCKS_OF_PART: usize = 128;

/// The keys and indices of the first `count` elements in order; there are as many.
pub fn select<E: SortKey>(row: Row<'_, E>, count: usize) -> Vec<(E::Key, usize)> {
    if count == 0 {
        return Vec::new();
    }
    let block = row.len() / (BLOCKS_PER_ELEMENT * count) / SHORTEST_BLOCK * SHORTEST_BLOCK;
    let block = block.clamp(SHORTEST_BLOCK, LONGEST_BLOCK);
    let mut least = vec![E::LAST_KEY; row.len().div_ceil(block)];
    let cost = (BLOCKS_OF_PART * block) as u64 / 8;
    for_each_part(&mut least, BLOCKS_OF_PART, cost, &|first, least| {
        on_tier(Least { row: row.part(first * block, BLOCKS_OF_PART * block), block, least });
    });
    let bound = match least.len() > count {
        true => *least.clone().select_nth_unstable(count - 1).1,
        false => E::LAST_KEY,
    };
    let mut found = in_question(row, block, &least, bound, count);
    if found.len() > count {
        found.select_nth_unstable(count - 1);
        found.truncate(count);
    }
    found.sort_unstable();
    found
}

/// The elements below the bound, and the first `count` of those at it.
fn in_question<E: SortKey>(
    row: Row<'_, E>,
    block: usize,
    least: &[E::Key],
    bound: E::Key,
    count: usize,
) -> Vec<(E::Key, usize)> {
    let mut found = Vec::with_capacity(2 * count);
    let mut at_bound = 0;
    for (number, _) in least.iter().enumerate().filter(|&(_, &least)| least <= bound) {
        let start = number * block;
        for index in start..row.len().min(start + block) {
            let key = row.key(index);
            if key < bound || key == bound && at_bound < count {
                at_bound += usize::from(key == bound);
                found.push((key, index));
            }
        }
    }
    found
}

/// The least key of each block of a row.
struct Least<'a, 'l, E: SortKey> {
    row: Row<'a, E>,
    block: usize,
    least: &'l mut [E::Key],
}

impl<E: SortKey> Tiered for Least<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (least, block) in self.least.iter_mut().zip(self.row.elements.chunks(self.block)) {
            let mut smallest = E::LAST_KEY;
            for element in block {
                smallest = smallest.min(element.key() ^ self.row.flip);
            }
            *least = smallest;
        }
    }
}
