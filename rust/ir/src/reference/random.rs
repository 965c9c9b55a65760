//! Random numbers.

use super::number::{Exact, cast, round};
use super::tensor::Tensor;
use crate::kernel::{Distribution, Random, Specs};
use crate::random::{
    below_u32, below_u64, bernoulli, bernoulli_threshold, block, box_muller, per_block, permutation,
    uniform_bits, unit_f32, unit_f64, wide,
};
use crate::{DType, Scalar};

pub(super) fn random(core: &Random, results: &Specs) -> Vec<Tensor> {
    let spec = results[0].clone();
    let count = spec.shape.elements();
    let values = match core.distribution {
        Distribution::Permutation => {
            permutation(core.seed, core.offset, count).into_iter().map(Scalar::from).collect()
        }
        distribution => {
            let a_block = per_block(distribution, core.dtype);
            (0..count)
                .map(|index| {
                    let words = block(core.seed, core.offset.wrapping_add((index / a_block) as u64));
                    draw(distribution, core.dtype, words, index % a_block, a_block == 2)
                })
                .collect()
        }
    };
    vec![Tensor::new(spec, values)]
}

/// Element `index` of those that one block makes.
fn draw(distribution: Distribution, dtype: DType, words: [u32; 4], index: usize, is_wide: bool) -> Scalar {
    match distribution {
        Distribution::Uniform if is_wide => Scalar::Float(unit_f64(wide(words)[index])),
        Distribution::Uniform => Scalar::Float(unit_f32(words[index], uniform_bits(dtype)).into()),
        Distribution::Normal => {
            // What goes into the logarithm is rounded as the definition says; the rest is exact.
            let (radial, angular) = if is_wide {
                let [first, second] = wide(words);
                ((first as f64 + 0.5) * (1.0 / (1_u128 << 64) as f64), unit_f64(second))
            } else {
                let first = words[index & 2] as f32 + 0.5;
                let radial = first * (1.0 / (1_u64 << 32) as f32);
                (f64::from(radial), f64::from(unit_f32(words[index | 1], 24)))
            };
            let pair = box_muller(Exact::from(radial), Exact::from(angular));
            Scalar::Float(round(pair[index % 2], dtype))
        }
        Distribution::Integer { low, high } => {
            let span = (high - i128::from(low)) as u128;
            let above = if is_wide {
                below_u64(wide(words)[index], span).into()
            } else {
                i128::from(below_u32(words[index], span as u64))
            };
            cast(Scalar::Int(i128::from(low) + above), dtype)
        }
        Distribution::Bernoulli { probability } => {
            cast(Scalar::Bool(bernoulli(words[index], bernoulli_threshold(probability))), dtype)
        }
        Distribution::Permutation => unreachable!("drawn as a whole"),
    }
}
