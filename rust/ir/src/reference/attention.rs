//! Attention by its definition, query by query.

use super::number::{Exact, exact, round};
use super::reduce::sum;
use super::rows::{largest, log_sum_exp};
use super::tensor::Tensor;
use crate::Scalar;
use crate::kernel::{Attention, AttentionKind, Specs};
use crate::lanes::Lane;

/// The inputs with their extents. A *head* counts over the outer axes too.
pub(in crate::reference) struct Heads<'a> {
    core: &'a Attention,
    inputs: &'a [&'a Tensor],
    pub length: usize,
    pub keys: usize,
    pub depth: usize,
    pub width: usize,
    heads: usize,
    groups: usize,
    outer: usize,
}

impl<'a> Heads<'a> {
    pub fn new(core: &'a Attention, inputs: &'a [&'a Tensor]) -> Heads<'a> {
        let (q, k, v) = (inputs[0].shape(), inputs[1].shape(), inputs[2].shape());
        let rank = q.rank();
        Heads {
            core,
            inputs,
            length: q[rank - 2],
            keys: k[rank - 2],
            depth: q[rank - 1],
            width: v[rank - 1],
            heads: q[rank - 3],
            groups: k[rank - 3],
            outer: q[..rank - 3].iter().product(),
        }
    }

    /// How many heads there are.
    pub fn count(&self) -> usize {
        self.outer * self.heads
    }

    /// The head of keys and values that a head looks at.
    pub fn group(&self, head: usize) -> usize {
        head / self.heads * self.groups + head % self.heads / (self.heads / self.groups)
    }

    /// The row of `width` numbers of an input.
    pub fn row(&self, input: usize, row: usize, width: usize) -> &[Scalar] {
        &self.inputs[input].values[row * width..(row + 1) * width]
    }

    /// What the mask adds to a score; `None` where the query may not look at the key.
    pub fn bias(&self, head: usize, query: usize, key: usize) -> Option<f64> {
        if self.core.causal && key > query {
            return None;
        }
        let Some(mask) = self.core.mask(self.inputs.len()) else { return Some(0.0) };
        match self.inputs[mask].values[(head * self.length + query) * self.keys + key] {
            Scalar::Bool(allowed) => allowed.then_some(0.0),
            value => Some(value.to_f64()).filter(|&bias| bias != f64::NEG_INFINITY),
        }
    }

    /// The scores of a query; `None` where it may not look.
    fn scores(&self, head: usize, query: usize) -> Vec<Option<Exact>> {
        let scale = Exact::from(self.core.scale);
        let q = self.row(0, head * self.length + query, self.depth);
        let score = |key: usize| {
            let bias = self.bias(head, query, key)?;
            let k = self.row(1, self.group(head) * self.keys + key, self.depth);
            Some(dot(q, k) * scale + Exact::from(bias))
        };
        (0..self.keys).map(score).collect()
    }
}

fn dot(a: &[Scalar], b: &[Scalar]) -> Exact {
    sum(a.iter().zip(b).map(|(&a, &b)| exact(a) * exact(b)))
}

pub(super) fn attention(core: &Attention, inputs: &[Tensor], results: &Specs) -> Vec<Tensor> {
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let heads = Heads::new(core, &inputs);
    let numbers = match core.kind {
        AttentionKind::Forward => forward(&heads),
        AttentionKind::Gradient => gradient(&heads),
    };
    let tensor = |(spec, numbers): (&crate::kernel::Spec, Vec<Exact>)| {
        let values = numbers.into_iter().map(|value| Scalar::Float(round(value, spec.dtype))).collect();
        Tensor::new(spec.clone(), values)
    };
    results.iter().zip(numbers).map(tensor).collect()
}

fn forward(heads: &Heads<'_>) -> Vec<Vec<Exact>> {
    let (mut output, mut logarithms) = (Vec::new(), Vec::new());
    for head in 0..heads.count() {
        for query in 0..heads.length {
            let scores = heads.scores(head, query);
            let allowed: Vec<Exact> = scores.iter().flatten().copied().collect();
            let most = largest(&allowed);
            let weights: Vec<Option<Exact>> =
                scores.iter().map(|score| score.map(|score| (score - most).exp())).collect();
            let total = sum(weights.iter().flatten().copied());
            for column in 0..heads.width {
                let weighted = weights.iter().enumerate().filter_map(|(key, weight)| {
                    let v = heads.row(2, heads.group(head) * heads.keys + key, heads.width);
                    weight.map(|weight| weight * exact(v[column]))
                });
                let value = if allowed.is_empty() { Exact::from(0.0) } else { sum(weighted) / total };
                output.push(value);
            }
            logarithms.push(log_sum_exp(&allowed));
        }
    }
    vec![output, logarithms]
}

fn gradient(heads: &Heads<'_>) -> Vec<Vec<Exact>> {
    let zeros = |input: usize| vec![Exact::from(0.0); heads.inputs[input].values.len()];
    let (mut of_q, mut of_k, mut of_v) = (zeros(0), zeros(1), zeros(2));
    let scale = Exact::from(heads.core.scale);
    let add = |sums: &mut [Exact], row: usize, factor: Exact, numbers: &[Scalar]| {
        for (sum, &number) in sums[row * numbers.len()..].iter_mut().zip(numbers) {
            *sum = *sum + factor * exact(number);
        }
    };
    for head in 0..heads.count() {
        for query in 0..heads.length {
            let row = head * heads.length + query;
            let logarithm = exact(heads.inputs[4].values[row]);
            if logarithm == -Exact::INFINITY {
                continue;
            }
            let (q, g) = (heads.row(0, row, heads.depth), heads.row(5, row, heads.width));
            let along = dot(heads.row(3, row, heads.width), g);
            for (key, score) in heads.scores(head, query).into_iter().enumerate() {
                let Some(score) = score else { continue };
                let key = heads.group(head) * heads.keys + key;
                let (k, v) = (heads.row(1, key, heads.depth), heads.row(2, key, heads.width));
                let weight = (score - logarithm).exp();
                let of_score = weight * (dot(g, v) - along) * scale;
                add(&mut of_q, row, of_score, k);
                add(&mut of_k, key, of_score, q);
                add(&mut of_v, key, weight, g);
            }
        }
    }
    vec![of_q, of_k, of_v]
}
