//! Random numbers by counter: Philox 4×32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
//! as 1, 2, 3", 2011), and how the words of a block become elements.
//!
//! A block is the 128 bits that [`block`] makes of (seed, number). Element `i` of a draw at `offset` takes its
//! words from block `offset + i / n`, with `n` elements a block ([`per_block`]), so that every element can be
//! computed alone, on any thread or device:
//!
//! | distribution, dtype | n | from |
//! |---|---|---|
//! | uniform float32, float16, bfloat16 | 4 | the upper 24, 11, 8 bits of word `i % 4`: no rounding, never 1 |
//! | uniform float64 | 2 | the upper 53 bits of the 64-bit word `i % 2` (low half first) |
//! | normal float32, float16, bfloat16 | 4 | words 0 and 1 give elements 0 and 1 by [`box_muller`], words 2 and 3 the others |
//! | normal float64 | 2 | the two 64-bit words give both elements |
//! | integers of at most 32 bits | 4 | the upper half of word × span, added to `low` |
//! | integers of 64 bits, whole floats | 2 | the same with 64-bit words |
//! | Bernoulli | 4 | word < probability · 2³² |
//! | permutation | 2 | the order that sorts the 64-bit words; equal ones by index |
//!
//! The number of blocks is a function of distribution, shape and dtype alone: nothing is rejected.

use crate::kernel::Distribution;
use crate::lanes::Lane;
use crate::{Category, DType};

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Philox 4×32-10: 128 random bits from a counter and a key.
#[inline(always)]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let first = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let second = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// Block `number` of the sequence of `seed`.
#[inline(always)]
pub fn block(seed: u64, number: u64) -> [u32; 4] {
    philox([number as u32, (number >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32])
}

/// The block as two words of 64 bits, low halves first.
#[inline(always)]
pub fn wide(words: [u32; 4]) -> [u64; 2] {
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    [join(words[0], words[1]), join(words[2], words[3])]
}

/// Elements that one block makes.
pub fn per_block(distribution: Distribution, dtype: DType) -> usize {
    let wide = match distribution {
        Distribution::Uniform | Distribution::Normal => dtype == DType::Float64,
        Distribution::Integer { .. } => dtype.size() > 4 || dtype.category() > Category::Integer,
        Distribution::Bernoulli { .. } => false,
        Distribution::Permutation => true,
    };
    if wide { 2 } else { 4 }
}

/// Blocks that a draw of so many elements takes; the next draw begins behind them.
pub fn blocks(distribution: Distribution, elements: usize, dtype: DType) -> u64 {
    elements.div_ceil(per_block(distribution, dtype)) as u64
}

/// The upper `bits` bits (at most 24) as a number in [0, 1), exactly.
#[inline(always)]
pub fn unit_f32(word: u32, bits: u32) -> f32 {
    (word >> (32 - bits)) as f32 * (1.0 / (1_u32 << bits) as f32)
}

/// The upper 53 bits as a number in [0, 1), exactly.
#[inline(always)]
pub fn unit_f64(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// Bits of a uniform number that its dtype holds exactly wherever it lies in [0, 1).
pub fn uniform_bits(dtype: DType) -> u32 {
    match dtype {
        DType::Float16 => 11,
        DType::Bfloat16 => 8,
        DType::Float64 => 53,
        _ => 24,
    }
}

/// Two independent normal numbers from `radial` in (0, 1] and `angular` in [0, 1) (Box and Muller 1958).
#[inline(always)]
pub fn box_muller<T: Lane>(radial: T, angular: T) -> [T; 2] {
    let radius = (T::constant(-2.0) * radial.log()).sqrt();
    let angle = T::constant(std::f64::consts::TAU) * angular;
    [radius * angle.cos(), radius * angle.sin()]
}

/// What [`box_muller`] takes as `radial` in float32: all 32 bits, half a step away from 0, because the tail (up to
/// 6.7) comes from the smallest ones.
#[inline(always)]
pub fn radial_f32(word: u32) -> f32 {
    (word as f32 + 0.5) * (1.0 / (1_u64 << 32) as f32)
}

/// The same in float64, from 64 bits; the tail reaches 9.4.
#[inline(always)]
pub fn radial_f64(word: u64) -> f64 {
    (word as f64 + 0.5) * (1.0 / (1_u128 << 64) as f64)
}

/// A whole number in [0, span) by multiply-shift (Lemire 2019); `span` is at most 2³². The chances of two
/// numbers differ by a share of at most span / 2³².
#[inline(always)]
pub fn below_u32(word: u32, span: u64) -> u32 {
    ((u64::from(word) * span) >> 32) as u32
}

/// A whole number in [0, span); `span` is at most 2⁶⁴.
#[inline(always)]
pub fn below_u64(word: u64, span: u128) -> u64 {
    // 2⁶⁴ times a word fits 128 bits.
    ((u128::from(word) * span) >> 64) as u64
}

/// True with the given probability, to 32 bits; always and never at 1 and 0.
#[inline(always)]
pub fn bernoulli(word: u32, threshold: u64) -> bool {
    u64::from(word) < threshold
}

/// What [`bernoulli`] compares with.
pub fn bernoulli_threshold(probability: f64) -> u64 {
    (probability * (1_u64 << 32) as f64).round() as u64
}

/// A random order of 0 … `count` − 1.
pub fn permutation(seed: u64, offset: u64, count: usize) -> Vec<i64> {
    let key = |index: usize| wide(block(seed, offset.wrapping_add(index as u64 / 2)))[index % 2];
    let mut keyed: Vec<(u64, i64)> = (0..count).map(|index| (key(index), index as i64)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors publish with Random123.
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([!0; 4], [!0; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn uniform_numbers_stay_below_one_in_their_dtype() {
        assert!(unit_f32(u32::MAX, 24) < 1.0);
        assert!(half::f16::from_f32(unit_f32(u32::MAX, uniform_bits(DType::Float16))) < half::f16::ONE);
        assert!(half::bf16::from_f32(unit_f32(u32::MAX, uniform_bits(DType::Bfloat16))) < half::bf16::ONE);
        assert!(unit_f64(u64::MAX) < 1.0);
        assert_eq!(unit_f32(1 << 31, 24), 0.5);
        assert_eq!(unit_f64(1 << 63), 0.5);
    }

    #[test]
    fn whole_numbers_reach_both_ends() {
        assert_eq!((below_u32(0, 7), below_u32(u32::MAX, 7)), (0, 6));
        assert_eq!(below_u32(u32::MAX, 1 << 32), u32::MAX);
        assert_eq!((below_u64(0, 1 << 64), below_u64(u64::MAX, 1 << 64)), (0, u64::MAX));
        assert!(!bernoulli(0, bernoulli_threshold(0.0)));
        assert!(bernoulli(u32::MAX, bernoulli_threshold(1.0)));
    }

    #[test]
    fn a_permutation_holds_each_index_once_and_does_not_change_between_versions() {
        let mut order = permutation(42, 7, 1_001);
        assert_ne!(order, permutation(42, 8, 1_001));
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..1_001));
        assert_eq!(permutation(0, 0, 8), GOLDEN_ORDER);
    }

    const GOLDEN_ORDER: [i64; 8] = [3, 5, 4, 2, 6, 7, 1, 0];

    #[test]
    fn the_number_of_blocks_depends_on_shape_and_dtype_alone() {
        let integer = |low: i64, high: i64| Distribution::Integer { low, high: high.into() };
        assert_eq!(blocks(Distribution::Uniform, 9, DType::Float32), 3);
        assert_eq!(blocks(Distribution::Uniform, 9, DType::Float64), 5);
        assert_eq!(
            blocks(integer(0, 2), 9, DType::Int64),
            blocks(integer(i64::MIN, i64::MAX), 9, DType::Int64)
        );
        assert_eq!(blocks(integer(0, 2), 9, DType::Uint8), 3);
        assert_eq!(blocks(Distribution::Normal, 0, DType::Float32), 0);
    }
}
