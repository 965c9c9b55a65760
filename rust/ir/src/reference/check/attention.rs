//! How far attention may be off.
//!
//! With the unit roundoff u, a score of D products is off by e = (D + few)·u·Σ|q·k|·scale + u·|mask|, its exponential by
//! the share e + u·|s − max| + few·u, and a quotient of two sums of such by their average twice. Sums of n terms add
//! n·u·Σ|x| (see [`super::cores`]); running sums are scaled once a block, which the same factor covers.

use super::cores::{depth, rounding, roundoff};
use super::{Bounded, magnitude, smallest_normal};
use crate::Scalar;
use crate::kernel::{Attention, AttentionKind};
use crate::reference::attention::Heads;
use crate::reference::tensor::Tensor;

/// A few roundings of a function.
const FEW: f64 = 16.0;

pub(super) fn attention(core: &Attention, inputs: &[Bounded], results: &[Tensor], radii: &mut [Vec<f64>]) {
    let finite = |input: &Bounded| input.tensor.values.iter().all(|&value| value.to_f64().is_finite());
    let mask = core.mask(inputs.len());
    // −∞ in a mask, and as the logarithm of nothing, means something.
    let may_be_infinite = |index: usize| Some(index) == mask || index == 4;
    let usual = inputs
        .iter()
        .enumerate()
        .all(|(index, input)| input.is_exact() && (may_be_infinite(index) || finite(input)));
    if !usual {
        // What an infinity spoils, and how far inexact inputs reach, is not told apart.
        radii.iter_mut().for_each(|radii| radii.fill(f64::INFINITY));
        return;
    }
    let tensors: Vec<&Tensor> = inputs.iter().map(|input| &input.tensor).collect();
    let bounds =
        Bounds { heads: Heads::new(core, &tensors), scale: core.scale, unit: roundoff(inputs[0].dtype()) };
    let found = match core.kind {
        AttentionKind::Forward => bounds.forward(),
        AttentionKind::Gradient => bounds.gradient(&tensors),
    };
    for ((radii, result), found) in radii.iter_mut().zip(results).zip(found) {
        for ((radius, &value), bound) in radii.iter_mut().zip(&result.values).zip(found) {
            let bound = bound + smallest_normal(result.spec.dtype) + rounding(value, result.spec.dtype);
            *radius = if bound.is_nan() { f64::INFINITY } else { bound };
        }
    }
}

struct Bounds<'a> {
    heads: Heads<'a>,
    scale: f64,
    unit: f64,
}

/// Σ|a·b| and Σ a·b.
fn dot(a: &[Scalar], b: &[Scalar]) -> (f64, f64) {
    let products = || a.iter().zip(b).map(|(&a, &b)| a.to_f64() * b.to_f64());
    (products().map(f64::abs).sum(), products().sum())
}

impl Bounds<'_> {
    /// Score and error of it, for each key that a query may look at.
    fn scores(&self, head: usize, query: usize) -> Vec<(usize, f64, f64)> {
        let heads = &self.heads;
        let q = heads.row(0, head * heads.length + query, heads.depth);
        let score = |key: usize| {
            let bias = heads.bias(head, query, key)?;
            let k = heads.row(1, heads.group(head) * heads.keys + key, heads.depth);
            let (size, score) = dot(q, k);
            let (size, score) = (size * self.scale.abs(), score * self.scale + bias);
            Some((key, score, self.unit * ((depth(heads.depth) + FEW) * size + bias.abs() + score.abs())))
        };
        (0..heads.keys).filter_map(score).collect()
    }

    fn forward(&self) -> Vec<Vec<f64>> {
        let heads = &self.heads;
        let (mut output, mut logarithms) = (Vec::new(), Vec::new());
        let sums = (depth(heads.keys) + FEW) * self.unit;
        for head in 0..heads.count() {
            for query in 0..heads.length {
                let scores = self.scores(head, query);
                let most = scores.iter().map(|&(_, score, _)| score).fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = scores.iter().map(|&(_, score, _)| (score - most).exp()).sum();
                let share = |score: f64, error: f64| error + self.unit * ((score - most).abs() + FEW) + sums;
                let weight = |score: f64| (score - most).exp() / total;
                let average: f64 = scores.iter().map(|&(_, s, e)| weight(s) * share(s, e)).sum();
                // Relative errors add up only while they are small.
                let average = if average < 0.1 { average } else { f64::INFINITY };
                for column in 0..heads.width {
                    let of = |&(key, score, error): &(usize, f64, f64)| {
                        let v = heads.row(2, heads.group(head) * heads.keys + key, heads.width);
                        weight(score) * magnitude(v[column]) * (share(score, error) + average)
                    };
                    let bound: f64 = scores.iter().map(of).sum();
                    output.push(2.0 * bound);
                }
                let logarithm = if scores.is_empty() { 0.0 } else { most.abs() + total.ln().abs() };
                logarithms.push(2.0 * average + FEW * self.unit * logarithm);
            }
        }
        vec![output, logarithms]
    }

    fn gradient(&self, inputs: &[&Tensor]) -> Vec<Vec<f64>> {
        let heads = &self.heads;
        let zeros = |input: usize| vec![0.0; inputs[input].values.len()];
        let (mut of_q, mut of_k, mut of_v) = (zeros(0), zeros(1), zeros(2));
        let add = |sums: &mut [f64], row: usize, factor: f64, numbers: &[Scalar]| {
            for (sum, &number) in sums[row * numbers.len()..].iter_mut().zip(numbers) {
                *sum += factor * magnitude(number);
            }
        };
        let queries = heads.count() * heads.length;
        let (over_keys, over_queries) =
            ((depth(heads.keys) + FEW) * self.unit, (depth(queries) + FEW) * self.unit);
        let over_width = (depth(heads.width) + FEW) * self.unit;
        for head in 0..heads.count() {
            for query in 0..heads.length {
                let row = head * heads.length + query;
                let logarithm = inputs[4].values[row].to_f64();
                if logarithm == f64::NEG_INFINITY {
                    continue;
                }
                let (q, g) = (heads.row(0, row, heads.depth), heads.row(5, row, heads.width));
                let (along_size, along) = dot(heads.row(3, row, heads.width), g);
                for (key, score, error) in self.scores(head, query) {
                    let key = heads.group(head) * heads.keys + key;
                    let (k, v) = (heads.row(1, key, heads.depth), heads.row(2, key, heads.width));
                    let (size, product) = dot(g, v);
                    let weight = (score - logarithm).exp();
                    let distance = score.abs() + logarithm.abs() + (score - logarithm).abs();
                    let share = error + self.unit * (distance + FEW);
                    let share = if share < 0.1 { 2.0 * share } else { f64::INFINITY };
                    let of_score = self.scale.abs() * weight * (product - along).abs();
                    let off = share * of_score + self.scale.abs() * weight * over_width * (size + along_size);
                    add(&mut of_q, row, off + over_keys * of_score, k);
                    add(&mut of_k, key, off + over_queries * of_score, q);
                    add(&mut of_v, key, weight * (share + over_queries), g);
                }
            }
        }
        vec![of_q, of_k, of_v]
    }
}
