//! Radix sort from the lowest digit up (each pass is stable).

use super::words::INDEX_BITS;

/// Two digits take 22 bits: what is left of 32 in a bucket of a long row.
const DIGIT_BITS: u32 = 11;
const BUCKETS: usize = 1 << DIGIT_BITS;

/// Passes over words for keys of so many bits.
pub fn passes(bits: u32) -> u32 {
    bits.div_ceil(DIGIT_BITS)
}

/// Sorts words, which are in order of their indices, by the lowest `bits` of their keys. `spare` is as long.
pub fn sort(words: &mut [u64], spare: &mut [u64], bits: u32) {
    let passes = passes(bits);
    // Even digits: fewer buckets do the same in as many passes.
    let digit_bits = bits.div_ceil(passes.max(1));
    let (mut from, mut to) = (words, spare);
    let mut swapped = false;
    for pass in 0..passes {
        if deal(from, to, INDEX_BITS + pass * digit_bits, digit_bits) {
            std::mem::swap(&mut from, &mut to);
            swapped = !swapped;
        }
    }
    if swapped {
        to.copy_from_slice(from);
    }
}

/// Deals words by the digit from `shift` on; false, and nothing done, where all have the same.
fn deal(from: &[u64], to: &mut [u64], shift: u32, digit_bits: u32) -> bool {
    let mut counts = [0u32; BUCKETS];
    let mask = (1usize << digit_bits) - 1;
    // The second mask tells the compiler that no digit lies outside.
    let digit = |word: u64| (word >> shift) as usize & mask & (BUCKETS - 1);
    for &word in from {
        counts[digit(word)] += 1;
    }
    if from.first().is_none_or(|&word| counts[digit(word)] as usize == from.len()) {
        return false;
    }
    let mut start = 0;
    for count in &mut counts[..=mask] {
        start += std::mem::replace(count, start);
    }
    for &word in from {
        let next = &mut counts[digit(word)];
        to[*next as usize] = word;
        *next += 1;
    }
    true
}
