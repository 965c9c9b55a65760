//! Operations on whole rows.

use super::number::{Exact, exact, round, whole};
use super::reduce::{moments, sum};
use super::tensor::{Tensor, points, with};
use crate::Scalar;
use crate::kernel::{RowOperation, Rows, Specs};
use crate::lanes::Lane;

/// The results of one row: numbers along the row, or one number of the row.
enum Outcome {
    Row(Vec<Exact>),
    One(Exact),
}

pub(super) fn rows(core: &Rows, inputs: &[Tensor], results: &Specs) -> Vec<Tensor> {
    let shape = inputs[0].shape();
    let mut outputs: Vec<Tensor> =
        results.iter().map(|spec| Tensor::filled(spec.clone(), Scalar::Float(0.0))).collect();
    let mut sums = [Vec::new(), Vec::new()];
    for outer in points(&shape.without(core.axis)) {
        // Each input as a row; those of one number a row as a row of one.
        let lines: Vec<Vec<Scalar>> = inputs
            .iter()
            .map(|input| {
                if input.shape().rank() == shape.rank() {
                    (0..input.shape()[core.axis])
                        .map(|index| input.at(&with(&outer, core.axis, index)))
                        .collect()
                } else {
                    vec![input.at(&outer)]
                }
            })
            .collect();
        for (output, outcome) in outputs.iter_mut().zip(row(core.operation, &lines)) {
            let dtype = output.spec.dtype;
            match outcome {
                Outcome::One(value) => *output.at_mut(&outer) = Scalar::Float(round(value, dtype)),
                Outcome::Row(values) => {
                    for (index, value) in values.into_iter().enumerate() {
                        *output.at_mut(&with(&outer, core.axis, index)) = Scalar::Float(round(value, dtype));
                    }
                }
            }
        }
        match core.operation {
            RowOperation::AffineLayerNormGradient => {
                let (mean, scale) = (exact(lines[1][0]), exact(lines[2][0]));
                add_to_sums(&lines[0], &lines[4], mean, scale, &mut sums);
            }
            RowOperation::AffineRmsNormGradient => {
                add_to_sums(&lines[0], &lines[3], Exact::constant(0.0), exact(lines[1][0]), &mut sums);
            }
            _ => {}
        }
    }
    for (output, sums) in outputs.iter_mut().skip(1).zip(&sums).filter(|(_, sums)| !sums.is_empty()) {
        let dtype = output.spec.dtype;
        output.values = sums.iter().map(|&sum| Scalar::Float(round(sum, dtype))).collect();
    }
    outputs
}

/// Adds `g·n`, with `n = (x − mean) · scale`, and `g` of a row to the sums over rows.
fn add_to_sums(x: &[Scalar], g: &[Scalar], mean: Exact, scale: Exact, sums: &mut [Vec<Exact>; 2]) {
    for (index, (&x, &g)) in x.iter().zip(g).enumerate() {
        let terms = [exact(g) * ((exact(x) - mean) * scale), exact(g)];
        for (sums, term) in sums.iter_mut().zip(terms) {
            match sums.get_mut(index) {
                Some(sum) => *sum = *sum + term,
                None => sums.push(term),
            }
        }
    }
}

fn row(operation: RowOperation, inputs: &[Vec<Scalar>]) -> Vec<Outcome> {
    let numbers = |index: usize| -> Vec<Exact> { inputs[index].iter().map(|&value| exact(value)).collect() };
    let one = |index: usize| exact(inputs[index][0]);
    let x = numbers(0);
    let count = whole(x.len());
    let map =
        |function: &dyn Fn(Exact) -> Exact| Outcome::Row(x.iter().map(|&value| function(value)).collect());
    let map_with = |other: &[Exact], function: &dyn Fn(Exact, Exact) -> Exact| {
        Outcome::Row(x.iter().zip(other).map(|(&value, &other)| function(value, other)).collect())
    };
    match operation {
        RowOperation::Softmax => {
            let largest = largest(&x);
            let total = sum(x.iter().map(|&value| (value - largest).exp()));
            vec![map(&|value| (value - largest).exp() / total)]
        }
        RowOperation::LogSoftmax => {
            let largest = largest(&x);
            let logarithm = Lane::log(sum(x.iter().map(|&value| (value - largest).exp())));
            vec![map(&|value| value - largest - logarithm)]
        }
        RowOperation::LogSumExp => vec![Outcome::One(log_sum_exp(&x))],
        RowOperation::SoftmaxGradient => {
            let gradient = numbers(1);
            let total = sum(x.iter().zip(&gradient).map(|(&y, &g)| y * g));
            vec![map_with(&gradient, &|y, g| y * (g - total))]
        }
        RowOperation::LogSoftmaxGradient => {
            let gradient = numbers(1);
            let total = sum(gradient.iter().copied());
            vec![map_with(&gradient, &|y, g| g - y.exp() * total)]
        }
        RowOperation::LayerNorm { epsilon } => {
            let (mean, squares) = moments(&x);
            let scale = reciprocal_root(squares / count, epsilon);
            vec![map(&|value| (value - mean) * scale), Outcome::One(mean), Outcome::One(scale)]
        }
        RowOperation::AffineLayerNorm { epsilon } => {
            let (mean, squares) = moments(&x);
            let scale = reciprocal_root(squares / count, epsilon);
            let (weight, bias) = (numbers(1), numbers(2));
            let rows = (0..x.len()).map(|at| (x[at] - mean) * scale * weight[at] + bias[at]);
            vec![Outcome::Row(rows.collect()), Outcome::One(mean), Outcome::One(scale)]
        }
        RowOperation::GroupNorm { epsilon } => {
            let (weight, bias) = (by_run(&inputs[1], x.len()), by_run(&inputs[2], x.len()));
            row(RowOperation::AffineLayerNorm { epsilon }, &[inputs[0].clone(), weight, bias])
        }
        RowOperation::GroupNormGradient => {
            let (mean, scale, weight, g) = (one(1), one(2), numbers(3), numbers(4));
            let normalized: Vec<Exact> = x.iter().map(|&value| (value - mean) * scale).collect();
            let products: Vec<Exact> = normalized.iter().zip(&g).map(|(&n, &g)| g * n).collect();
            let run = run_length(x.len(), weight.len());
            let [products, sums] = [products, g.clone()]
                .map(|terms| terms.chunks(run).map(|run| sum(run.iter().copied())).collect::<Vec<Exact>>());
            let mean_of = |sums: &[Exact]| sum(weight.iter().zip(sums).map(|(&w, &sum)| w * sum)) / count;
            let (average, product) = (mean_of(&sums), mean_of(&products));
            let weights = by_run(&weight, x.len());
            let of_x =
                (0..x.len()).map(|at| scale * (g[at] * weights[at] - average - normalized[at] * product));
            vec![Outcome::Row(of_x.collect()), Outcome::Row(products), Outcome::Row(sums)]
        }
        RowOperation::LayerNormGradient | RowOperation::AffineLayerNormGradient => {
            let (mean, scale) = (one(1), one(2));
            let gradient = match operation {
                RowOperation::LayerNormGradient => numbers(3),
                _ => numbers(3).into_iter().zip(numbers(4)).map(|(weight, g)| g * weight).collect(),
            };
            let normalized = |value: Exact| (value - mean) * scale;
            let average = sum(gradient.iter().copied()) / count;
            let product = sum(x.iter().zip(&gradient).map(|(&value, &g)| g * normalized(value))) / count;
            vec![map_with(&gradient, &|value, g| scale * (g - average - normalized(value) * product))]
        }
        RowOperation::RmsNorm { epsilon } => {
            let scale = reciprocal_root(sum(x.iter().map(|&value| value * value)) / count, epsilon);
            vec![map(&|value| value * scale), Outcome::One(scale)]
        }
        RowOperation::AffineRmsNorm { epsilon } => {
            let scale = reciprocal_root(sum(x.iter().map(|&value| value * value)) / count, epsilon);
            vec![map_with(&numbers(1), &|value, weight| value * scale * weight), Outcome::One(scale)]
        }
        RowOperation::RmsNormGradient | RowOperation::AffineRmsNormGradient => {
            let scale = one(1);
            let gradient = match operation {
                RowOperation::RmsNormGradient => numbers(2),
                _ => numbers(2).into_iter().zip(numbers(3)).map(|(weight, g)| g * weight).collect(),
            };
            let product = sum(x.iter().zip(&gradient).map(|(&value, &g)| g * (value * scale))) / count;
            vec![map_with(&gradient, &|value, g| scale * (g - value * scale * product))]
        }
        RowOperation::CrossEntropy => {
            let total = log_sum_exp(&x);
            let loss = match target(&inputs[1], x.len()) {
                Some(index) => total - x[index],
                None => Exact::constant(0.0),
            };
            vec![Outcome::One(loss), Outcome::One(total)]
        }
        RowOperation::CrossEntropyGradient => {
            let (total, gradient) = (one(2), one(3));
            let target = target(&inputs[1], x.len());
            let derivative = |(index, &value): (usize, &Exact)| match target {
                Some(hit) if hit == index => gradient * ((value - total).exp() - Exact::constant(1.0)),
                Some(_) => gradient * (value - total).exp(),
                None => Exact::constant(0.0),
            };
            vec![Outcome::Row(x.iter().enumerate().map(derivative).collect())]
        }
    }
}

/// Neighbours of a row for which a weight stands.
pub(super) fn run_length(row: usize, weights: usize) -> usize {
    (row / weights.max(1)).max(1)
}

/// A number for each run of neighbours, as a row of that length.
pub(super) fn by_run<T: Copy>(numbers: &[T], length: usize) -> Vec<T> {
    let run = run_length(length, numbers.len());
    numbers.iter().flat_map(|&number| std::iter::repeat_n(number, run)).take(length).collect()
}

/// The largest number, NaN if any is NaN; of nothing −∞.
pub(super) fn largest(numbers: &[Exact]) -> Exact {
    numbers.iter().fold(-Exact::INFINITY, |largest, &number| {
        if number.is_nan() || !largest.is_nan() && number > largest { number } else { largest }
    })
}

/// log Σ exp without overflow; an infinite largest number is the result itself.
pub(super) fn log_sum_exp(numbers: &[Exact]) -> Exact {
    let largest = largest(numbers);
    if !largest.is_finite() {
        return largest;
    }
    largest + Lane::log(sum(numbers.iter().map(|&number| (number - largest).exp())))
}

fn reciprocal_root(variance: Exact, epsilon: f64) -> Exact {
    Exact::constant(1.0) / (variance + Exact::from(epsilon)).sqrt()
}

/// The target of the row, where it lies within.
fn target(input: &[Scalar], extent: usize) -> Option<usize> {
    usize::try_from(input[0].to_i128()).ok().filter(|&index| index < extent)
}
