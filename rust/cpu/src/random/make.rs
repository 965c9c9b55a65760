//! From the words of blocks to elements.

use tenfold_ir::random::{
    below_u32, below_u64, bernoulli, bernoulli_threshold, box_muller, radial_f32, radial_f64, unit_f32,
    unit_f64, wide,
};
use tenfold_ir::{Element, Scalar, bf16, f16};

use crate::rows::element::RowElement;

/// Makes the elements of some blocks, inlined into the code of a tier.
pub trait Make<E> {
    /// All elements of the blocks.
    fn make(&self, blocks: &[[u32; 4]], out: &mut [E]);
}

/// Uniform numbers of that many bits.
#[derive(Clone, Copy)]
pub struct Uniform {
    pub bits: u32,
}

/// Normal numbers.
#[derive(Clone, Copy)]
pub struct Normal;

/// Whole numbers from 32-bit words.
#[derive(Clone, Copy)]
pub struct Integers {
    pub low: i64,
    pub span: u64,
}

/// Whole numbers from 64-bit words.
#[derive(Clone, Copy)]
pub struct WideIntegers {
    pub low: i64,
    pub span: u128,
}

/// The 64-bit words themselves.
#[derive(Clone, Copy)]
pub struct Keys;

/// Ones with some probability.
#[derive(Clone, Copy)]
pub struct Bernoulli {
    threshold: u64,
}

impl Bernoulli {
    /// Ones with that probability.
    pub fn new(probability: f64) -> Bernoulli {
        Bernoulli { threshold: bernoulli_threshold(probability) }
    }
}

macro_rules! through_float32 {
    ($($type:ty, $narrow:expr);*) => {
        $(impl Make<$type> for Uniform {
            #[inline(always)]
            fn make(&self, blocks: &[[u32; 4]], out: &mut [$type]) {
                for (out, &word) in out.iter_mut().zip(blocks.as_flattened()) {
                    *out = $narrow(unit_f32(word, self.bits));
                }
            }
        }
        impl Make<$type> for Normal {
            #[inline(always)]
            fn make(&self, blocks: &[[u32; 4]], out: &mut [$type]) {
                // One loop a step: together they would not be widened.
                const PAIRS: usize = 256;
                let (mut first, mut second) = ([0f32; PAIRS], [0f32; PAIRS]);
                let words = blocks.as_flattened();
                for (words, out) in words.chunks(2 * PAIRS).zip(out.chunks_mut(2 * PAIRS)) {
                    let (first, second) = (&mut first[..out.len() / 2], &mut second[..out.len() / 2]);
                    for ((first, second), words) in
                        first.iter_mut().zip(second.iter_mut()).zip(words.chunks_exact(2))
                    {
                        *first = radial_f32(words[0]);
                        *second = unit_f32(words[1], 24);
                    }
                    for (first, second) in first.iter_mut().zip(second.iter_mut()) {
                        [*first, *second] = box_muller(*first, *second);
                    }
                    for ((out, &first), &second) in
                        out.chunks_exact_mut(2).zip(first.iter()).zip(second.iter())
                    {
                        out[0] = $narrow(first);
                        out[1] = $narrow(second);
                    }
                }
            }
        })*
    };
}
through_float32!(f32, |value| value; f16, RowElement::narrow; bf16, RowElement::narrow);

impl Make<f64> for Uniform {
    #[inline(always)]
    fn make(&self, blocks: &[[u32; 4]], out: &mut [f64]) {
        for (out, &words) in out.chunks_exact_mut(2).zip(blocks) {
            out.copy_from_slice(&wide(words).map(unit_f64));
        }
    }
}

impl Make<f64> for Normal {
    #[inline(always)]
    fn make(&self, blocks: &[[u32; 4]], out: &mut [f64]) {
        for (out, &words) in out.chunks_exact_mut(2).zip(blocks) {
            let [radial, angular] = wide(words);
            out.copy_from_slice(&box_muller(radial_f64(radial), unit_f64(angular)));
        }
    }
}

macro_rules! narrow_integers {
    ($($type:ident),*) => {
        $(impl Make<$type> for Integers {
            #[inline(always)]
            fn make(&self, blocks: &[[u32; 4]], out: &mut [$type]) {
                for (out, &word) in out.iter_mut().zip(blocks.as_flattened()) {
                    *out = self.low.wrapping_add(i64::from(below_u32(word, self.span))) as $type;
                }
            }
        })*
    };
}
narrow_integers!(i8, i16, i32, u8, u16, u32);

macro_rules! wide_integers {
    ($($type:ident, $convert:expr);*) => {
        $(impl Make<$type> for WideIntegers {
            #[inline(always)]
            fn make(&self, blocks: &[[u32; 4]], out: &mut [$type]) {
                for (out, &words) in out.chunks_exact_mut(2).zip(blocks) {
                    for (out, word) in out.iter_mut().zip(wide(words)) {
                        *out = $convert(i128::from(self.low) + i128::from(below_u64(word, self.span)));
                    }
                }
            }
        })*
    };
}
wide_integers!(i64, |value| value as i64; u64, |value| value as u64);
wide_integers!(f32, |value| value as f32; f64, |value| value as f64);
wide_integers!(f16, |value| f16::from_scalar(Scalar::Int(value)); bf16, |value| bf16::from_scalar(Scalar::Int(value)));

impl Make<u64> for Keys {
    #[inline(always)]
    fn make(&self, blocks: &[[u32; 4]], out: &mut [u64]) {
        for (out, &words) in out.chunks_exact_mut(2).zip(blocks) {
            out.copy_from_slice(&wide(words));
        }
    }
}

impl<E: Element> Make<E> for Bernoulli {
    #[inline(always)]
    fn make(&self, blocks: &[[u32; 4]], out: &mut [E]) {
        let [no, yes] = [false, true].map(|value| E::from_scalar(Scalar::Bool(value)));
        for (out, &word) in out.iter_mut().zip(blocks.as_flattened()) {
            *out = if bernoulli(word, self.threshold) { yes } else { no };
        }
    }
}
