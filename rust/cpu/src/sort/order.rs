//! A whole row in order.

use tenfold_ir::Result;

use super::key::SortKey;
use super::long::{LONG, sort_long};
use super::row::Row;
use super::words::{Packing, sort};
use crate::memory::HostBuffer;

/// Memory for the words of a row, twice.
pub struct Scratch {
    words: HostBuffer,
    spare: HostBuffer,
}

impl Scratch {
    /// For rows of `length` elements.
    pub fn new(length: usize) -> Result<Scratch> {
        let bytes = length.saturating_mul(size_of::<u64>());
        Ok(Scratch { words: HostBuffer::new(bytes)?, spare: HostBuffer::new(bytes)? })
    }
}

/// Sorts a row of fewer than 2³² elements, and hands over the words of stretches of the sorted row, each with the place
/// where it begins, on any thread.
pub fn in_order<E: SortKey>(row: Row<'_, E>, scratch: &mut Scratch, take: &(dyn Fn(usize, &[u64]) + Sync)) {
    let words = bytemuck::cast_slice_mut(scratch.words.as_mut_slice());
    let spare = bytemuck::cast_slice_mut(scratch.spare.as_mut_slice());
    if row.len() >= LONG {
        return sort_long(row, words, spare, take);
    }
    let packing = Packing::new(row.range());
    for ((index, word), key) in words.iter_mut().enumerate().zip(row.keys()) {
        *word = packing.word(key, index);
    }
    sort(row, packing, words, spare, packing.bits);
    take(0, words);
}
