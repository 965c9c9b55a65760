//! How far the results of row operations may be off.
//!
//! Written out by hand for each operation from its formula: sums of n terms are off by n·u·Σ|x|, functions by a few
//! units, and an argument of exp that is off by δ makes the result off by that share.

use super::cores::{self, depth, rounding, roundoff};
use super::{Bounded, smallest_normal};
use crate::kernel::{Reduce, Reduction, RowOperation, Rows, Spec};
use crate::reference::rows::{by_run, rows as run_rows, run_length};
use crate::reference::tensor::{Tensor, points, with};
use crate::{Result, Scalar};

/// A few roundings of a function: more than any row of the operation table allows.
const FEW: f64 = 16.0;

pub(super) fn rows(
    core: &Rows,
    inputs: &[Bounded],
    results: &[Tensor],
    radii: &mut [Vec<f64>],
) -> Result<()> {
    let shape = inputs[0].tensor.shape();
    for outer in points(&shape.without(core.axis)) {
        let lines: Vec<Vec<f64>> = inputs
            .iter()
            .map(|input| {
                if input.tensor.shape().rank() == shape.rank() {
                    (0..input.tensor.shape()[core.axis])
                        .map(|i| input.tensor.at(&with(&outer, core.axis, i)).to_f64())
                        .collect()
                } else {
                    vec![input.tensor.at(&outer).to_f64()]
                }
            })
            .collect();
        let unit = roundoff(inputs[0].dtype());
        for ((result, radii), bound) in
            // Sums over rows have bounds of their own.
            results.iter().zip(radii.iter_mut()).zip(row(core.operation, &lines, unit))
        {
            let floor = smallest_normal(result.spec.dtype);
            let mut set = |place: &[usize], bound: f64| {
                let position = result.position(place);
                let bound = bound + floor + rounding(result.values[position], result.spec.dtype);
                radii[position] = if bound.is_nan() { f64::INFINITY } else { bound };
            };
            if result.shape().rank() == shape.rank() {
                for (index, &bound) in bound.iter().enumerate() {
                    set(&with(&outer, core.axis, index), bound);
                }
            } else {
                set(&outer, bound[0]);
            }
        }
    }
    if !inputs.iter().all(Bounded::is_exact) {
        add_effect_of_inputs(core, inputs, results, radii);
    }
    let has_sums =
        matches!(core.operation, RowOperation::AffineLayerNormGradient | RowOperation::AffineRmsNormGradient);
    if has_sums {
        sums_over_rows(core, inputs, results, radii)?;
    }
    Ok(())
}

/// The bounds of `Σ g·n` and `Σ g` over all rows: those of the reduction that gives them.
fn sums_over_rows(core: &Rows, inputs: &[Bounded], results: &[Tensor], radii: &mut [Vec<f64>]) -> Result<()> {
    let shape = inputs[0].tensor.shape().clone();
    let spread = |numbers: &Bounded| {
        let place = |point: &[usize]| -> Vec<usize> {
            (0..shape.rank()).filter(|&axis| axis != core.axis).map(|axis| point[axis]).collect()
        };
        let positions: Vec<usize> =
            points(&shape).map(|point| numbers.tensor.position(&place(&point))).collect();
        let values = positions.iter().map(|&position| numbers.tensor.values[position]).collect();
        let spec = Spec::new(shape.clone(), numbers.dtype());
        let radius = positions.iter().map(|&position| numbers.radius[position]).collect();
        Bounded { tensor: Tensor::new(spec, values), radius }
    };
    let copy = |input: &Bounded| Bounded { tensor: input.tensor.clone(), radius: input.radius.clone() };
    let axes = (0..shape.rank()).filter(|&axis| axis != core.axis).collect();
    let reduce = Reduce { operation: Reduction::GradientSums, axes };
    let mut bounds = [Vec::new(), Vec::new()];
    if core.operation == RowOperation::AffineRmsNormGradient {
        // The reduction with a mean of 0; its sum of g alone is none of the results.
        let mut zeros = copy(&inputs[1]);
        zeros.tensor.values.fill(Scalar::Float(0.0));
        zeros.radius.fill(0.0);
        let inputs = [copy(&inputs[3]), copy(&inputs[0]), spread(&zeros), spread(&inputs[1])];
        cores::reduce(&reduce, &inputs, &[results[1].clone(), results[1].clone()], &mut bounds)?;
        radii[1] = bounds.into_iter().nth(1).unwrap_or_default();
        return Ok(());
    }
    let inputs = [copy(&inputs[4]), copy(&inputs[0]), spread(&inputs[1]), spread(&inputs[2])];
    cores::reduce(&reduce, &inputs, &[results[2].clone(), results[1].clone()], &mut bounds)?;
    [radii[2], radii[1]] = bounds;
    Ok(())
}

/// Moves the inputs by their radii in a few patterns of signs, and allows four times what the results move. An
/// estimate: the true extremes would need as many runs as a row has elements.
fn add_effect_of_inputs(core: &Rows, inputs: &[Bounded], results: &[Tensor], radii: &mut [Vec<f64>]) {
    let specs = results.iter().map(|result| result.spec.clone()).collect();
    let patterns: [fn(usize) -> f64; 4] = [
        |_| 1.0,
        |_| -1.0,
        |index| if index.is_multiple_of(2) { 1.0 } else { -1.0 },
        |index| if index % 3 == 1 { 1.0 } else { -1.0 },
    ];
    for pattern in patterns {
        let moved: Vec<Tensor> = inputs
            .iter()
            .map(|input| {
                let mut tensor = input.tensor.clone();
                for (index, (value, radius)) in tensor.values.iter_mut().zip(&input.radius).enumerate() {
                    if let Scalar::Float(value) = value {
                        *value += pattern(index) * radius;
                    }
                }
                tensor
            })
            .collect();
        for ((result, moved), radii) in
            results.iter().zip(run_rows(core, &moved, &specs)).zip(radii.iter_mut())
        {
            for ((&value, &other), radius) in result.values.iter().zip(&moved.values).zip(radii) {
                let distance = super::distance(other, value);
                *radius = radius.max(f64::MIN_POSITIVE) + 4.0 * distance;
            }
        }
    }
}

/// Bounds of the results of one row, without their last rounding.
fn row(operation: RowOperation, inputs: &[Vec<f64>], unit: f64) -> Vec<Vec<f64>> {
    let x = &inputs[0];
    let count = x.len() as f64;
    let few = FEW * unit;
    let sums = (depth(x.len()) + FEW) * unit;
    let total = |terms: &mut dyn Iterator<Item = f64>| terms.sum::<f64>();
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = |value: f64| (value - largest).abs();
    // Relative error of Σ exp(x − max): of the sum, of exp, and of the differences, at most log n on average.
    let exponentials = sums + few + 2.0 * unit * count.ln().max(0.0);
    let log_sum = || total(&mut x.iter().map(|&value| (value - largest).exp())).ln();
    let log_sum_exp = || exponentials + few * (largest.abs() + log_sum().abs());
    match operation {
        RowOperation::Softmax => {
            let sum = total(&mut x.iter().map(|&value| (value - largest).exp()));
            let bound = |&value: &f64| {
                (value - largest).exp() / sum * (exponentials + few + 2.0 * unit * spread(value))
            };
            vec![x.iter().map(bound).collect()]
        }
        RowOperation::LogSoftmax => {
            let logarithm = log_sum().abs();
            vec![x.iter().map(|&value| exponentials + few * (spread(value) + logarithm)).collect()]
        }
        RowOperation::LogSumExp => vec![vec![log_sum_exp()]],
        RowOperation::SoftmaxGradient => {
            let sum = total(&mut x.iter().zip(&inputs[1]).map(|(y, g)| (y * g).abs()));
            vec![
                x.iter()
                    .zip(&inputs[1])
                    .map(|(y, g)| y.abs() * (few * g.abs() + (sums + few) * sum))
                    .collect(),
            ]
        }
        RowOperation::LogSoftmaxGradient => {
            let sum = total(&mut inputs[1].iter().map(|g| g.abs()));
            let bound = |(y, g): (&f64, &f64)| few * g.abs() + y.exp() * sum * (sums + few * (1.0 + y.abs()));
            vec![x.iter().zip(&inputs[1]).map(bound).collect()]
        }
        RowOperation::LayerNorm { epsilon } => {
            let mean = x.iter().sum::<f64>() / count;
            let mean_magnitude = total(&mut x.iter().map(|value| value.abs())) / count;
            let squares = total(&mut x.iter().map(|value| (value - mean).powi(2)));
            let shift = sums * mean_magnitude;
            let squares_error =
                2.0 * (sums * squares + 2.0 * shift * (count * squares).sqrt() + count * shift * shift);
            let variance = squares / count + epsilon;
            let scale = 1.0 / variance.sqrt();
            let relative = squares_error / count / variance + few;
            let relative = if relative < 0.5 { relative } else { f64::INFINITY };
            let bound = |&value: &f64| {
                let distance = (value - mean).abs();
                scale * (shift + few * distance)
                    + if distance == 0.0 { 0.0 } else { scale * distance * relative }
            };
            vec![x.iter().map(bound).collect(), vec![shift], vec![scale * relative]]
        }
        RowOperation::AffineLayerNorm { epsilon } => {
            let mut bounds = row(RowOperation::LayerNorm { epsilon }, inputs, unit);
            let (mean, squares) = (x.iter().sum::<f64>() / count, |mean: f64| {
                x.iter().map(move |value| (value - mean).powi(2)).sum::<f64>()
            });
            let scale = 1.0 / (squares(mean) / count + epsilon).sqrt();
            for (index, bound) in bounds[0].iter_mut().enumerate() {
                let product = ((x[index] - mean) * scale * inputs[1][index]).abs();
                *bound = *bound * inputs[1][index].abs() + few * (product + inputs[2][index].abs());
            }
            bounds
        }
        RowOperation::GroupNorm { epsilon } => {
            let (weight, bias) = (by_run(&inputs[1], x.len()), by_run(&inputs[2], x.len()));
            row(RowOperation::AffineLayerNorm { epsilon }, &[x.clone(), weight, bias], unit)
        }
        RowOperation::GroupNormGradient => {
            let [x_row, mean, scale, weight, g] = [0, 1, 2, 3, 4].map(|at| inputs[at].clone());
            let run = run_length(x.len(), weight.len());
            let (center, factor) = (mean[0], scale[0]);
            let terms = [
                x.iter().zip(&g).map(|(x, g)| (g * (x - center) * factor).abs()).collect::<Vec<f64>>(),
                g.iter().map(|g| g.abs()).collect(),
            ];
            let weight = by_run(&weight, x.len());
            let inputs = [x_row, mean, scale, weight, g];
            let mut bounds = row(RowOperation::AffineLayerNormGradient, &inputs, unit);
            for terms in terms {
                bounds.push(terms.chunks(run).map(|run| (sums + few) * run.iter().sum::<f64>()).collect());
            }
            bounds
        }
        RowOperation::LayerNormGradient | RowOperation::AffineLayerNormGradient => {
            let weighted: Vec<f64>;
            let (mean, scale) = (inputs[1][0], inputs[2][0].abs());
            let gradient = match operation {
                RowOperation::LayerNormGradient => &inputs[3],
                _ => {
                    weighted = inputs[3].iter().zip(&inputs[4]).map(|(weight, g)| weight * g).collect();
                    &weighted
                }
            };
            let normal = |value: f64| ((value - mean) * scale).abs();
            let average = total(&mut gradient.iter().map(|g| g.abs())) / count;
            let product =
                total(&mut x.iter().zip(gradient).map(|(&value, g)| (g * normal(value)).abs())) / count;
            let bound = |(&value, g): (&f64, &f64)| {
                scale * (few * g.abs() + (sums + few) * (average + normal(value) * product))
            };
            vec![x.iter().zip(gradient).map(bound).collect()]
        }
        RowOperation::RmsNorm { epsilon } => {
            let scale = 1.0 / (total(&mut x.iter().map(|value| value * value)) / count + epsilon).sqrt();
            let relative = sums + few;
            vec![x.iter().map(|value| value.abs() * scale * relative).collect(), vec![scale * relative]]
        }
        RowOperation::AffineRmsNorm { epsilon } => {
            let mut bounds = row(RowOperation::RmsNorm { epsilon }, inputs, unit);
            let scale = bounds[1][0] / (sums + few);
            for (index, bound) in bounds[0].iter_mut().enumerate() {
                *bound = (*bound + few * (x[index] * scale).abs()) * inputs[1][index].abs();
            }
            bounds
        }
        RowOperation::RmsNormGradient | RowOperation::AffineRmsNormGradient => {
            let weighted: Vec<f64>;
            let scale = inputs[1][0].abs();
            let gradient = match operation {
                RowOperation::RmsNormGradient => &inputs[2],
                _ => {
                    weighted = inputs[2].iter().zip(&inputs[3]).map(|(weight, g)| weight * g).collect();
                    &weighted
                }
            };
            let product =
                total(&mut x.iter().zip(gradient).map(|(value, g)| (g * value * scale).abs())) / count;
            let bound = |(value, g): (&f64, &f64)| {
                scale * (few * g.abs() + (sums + few) * value.abs() * scale * product)
            };
            vec![x.iter().zip(gradient).map(bound).collect()]
        }
        RowOperation::CrossEntropy => {
            let target = inputs[1][0];
            let hit = if target >= 0.0 && target < count { x[target as usize].abs() } else { 0.0 };
            let sum = log_sum_exp();
            vec![vec![sum + few * hit], vec![sum]]
        }
        RowOperation::CrossEntropyGradient => {
            let (sum, gradient) = (inputs[2][0], inputs[3][0].abs());
            let bound =
                |&value: &f64| gradient * few * (1.0 + (value - sum).exp() * (1.0 + (value - sum).abs()));
            vec![x.iter().map(bound).collect()]
        }
    }
}
