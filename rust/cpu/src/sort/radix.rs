//! Radix sort from the lowest digit up (each pass is stable).

use super::words::Word;

const DIGIT_BITS: u32 = 11;
/// The number of values of a digit.
pub const BUCKETS: usize = 1 << DIGIT_BITS;

/// Sorts words, which are in order of their indices, by their keys of `key_bits`.
pub fn sort<W: Word>(words: &mut [W], key_bits: u32, spare: &mut Vec<W>) {
    spare.resize(words.len(), W::default());
    let passes = key_bits.div_ceil(DIGIT_BITS);
    let shift = |pass: u32| W::INDEX_BITS + pass * DIGIT_BITS;
    // All digits are counted in one sweep.
    let mut counts = vec![[0usize; BUCKETS]; passes as usize];
    for word in words.iter() {
        for (pass, counts) in (0..passes).zip(&mut counts) {
            counts[word.digit(shift(pass))] += 1;
        }
    }
    let (mut from, mut to) = (&mut words[..], &mut spare[..]);
    let mut swapped = false;
    for (pass, counts) in (0..passes).zip(&mut counts) {
        if counts.contains(&from.len()) {
            // All words have the same digit.
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for &word in from.iter() {
            let next = &mut counts[word.digit(shift(pass))];
            to[*next] = word;
            *next += 1;
        }
        std::mem::swap(&mut from, &mut to);
        swapped = !swapped;
    }
    if swapped {
        to.copy_from_slice(from);
    }
}
