//! How far the results of a core may be off.
//!
//! A sum in which each term takes part in at most d additions has an error of at most d·u·Σ|x| with the unit roundoff
//! u (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 4.2). Long sums are made of blocks (see
//! [`depth`]). Σ|x| comes from running the same core on magnitudes, and the effect of the inputs' radii from running it
//! once more on magnitudes plus radii.

use super::recurrent;
use super::{Bounded, epsilon, largest, magnitude, smallest_normal, unit_in_last_place};
use super::{attention, rows};
use crate::kernel::{
    Convolution, ConvolutionKind, Distribution, Index, Pool, PoolKind, Precision, Reduce, Reduction,
    Resample, Scan, ScanOperation, ScatterMode, Spec,
};
use crate::reference::core as run_core;
use crate::reference::tensor::Tensor;
use crate::{Core, DType, Result, Scalar};

/// The results of a core with their radii.
pub(super) fn bounded(core: &Core, inputs: &[Bounded], results: Vec<Tensor>) -> Result<Vec<Bounded>> {
    let exact_inputs = inputs.iter().all(Bounded::is_exact);
    let mut radii: Vec<Vec<f64>> = results.iter().map(|result| vec![0.0; result.values.len()]).collect();
    match core {
        Core::Map => {}
        Core::Reduce(core) => reduce(core, inputs, &results, &mut radii)?,
        Core::Scan(core) => scan(core, inputs, &results, &mut radii)?,
        Core::Rows(core) => rows::rows(core, inputs, &results, &mut radii)?,
        Core::Gemm(gemm) => {
            let shape = inputs[0].tensor.shape();
            let terms = depth(shape[shape.rank() - 1]);
            let low = gemm.precision == Precision::Bfloat16
                && matches!(results[0].spec.dtype, DType::Bfloat16 | DType::Float32);
            if low {
                let inputs: Vec<Bounded> = inputs.iter().map(in_bfloat16).collect();
                radii[0] = linear(core, &inputs, terms, &results[0])?;
                // Each sum on the way may be flushed to zero.
                let flushed = terms * smallest_normal(DType::Float32);
                radii[0].iter_mut().for_each(|radius| *radius += flushed);
            } else {
                radii[0] = linear(core, inputs, terms, &results[0])?;
            }
        }
        Core::Convolution(kind) => radii[0] = convolution(core, kind, inputs, &results[0])?,
        Core::Recurrent(core) => recurrent::recurrent(core, inputs, &results, &mut radii),
        Core::Attention(core) => attention::attention(core, inputs, &results, &mut radii),
        Core::Pool(kind) => pool(core, kind, inputs, &results, &mut radii)?,
        Core::Resample(kind) => {
            let table = std::sync::Arc::new(kind.table.map_weights(f64::abs));
            let magnitudes = Core::Resample(Resample { table, ..kind.clone() });
            radii[0] = linear(&magnitudes, inputs, kind.table.longest_row() as f64 + 1.0, &results[0])?;
        }
        Core::Index(kind) => radii[0] = index(core, kind, inputs, &results[0])?,
        // Order and places can only be told from exact inputs.
        Core::Sort(_) | Core::Host(_) => {
            if !exact_inputs {
                radii.iter_mut().for_each(|radii| radii.fill(f64::INFINITY));
            }
        }
        Core::Random(core) => {
            if core.distribution == Distribution::Normal {
                // The angle, up to 2π, is rounded before its cosine is multiplied by a radius of at most 9.4.
                let dtype = core.dtype;
                let radius = 64.0 * epsilon(dtype.compute());
                for (bound, &value) in radii[0].iter_mut().zip(&results[0].values) {
                    *bound = radius + rounding(value, dtype);
                }
            }
        }
    }
    Ok(results.into_iter().zip(radii).map(|(tensor, radius)| Bounded { tensor, radius }).collect())
}

/// What rounding to the dtype can add where the value before was not quite the reference's: one ULP.
pub(super) fn rounding(value: Scalar, dtype: DType) -> f64 {
    unit_in_last_place(magnitude(value), dtype)
}

/// The unit roundoff of sums of a dtype; 0 for integers.
pub(super) fn roundoff(dtype: DType) -> f64 {
    epsilon(dtype.compute()) / 2.0
}

/// In how many additions a term of a sum of `terms` takes part at most: blocks of at most 512 at a stretch, and these
/// one after the other. Every backend's order of sums is at least as flat.
pub(super) fn depth(terms: usize) -> f64 {
    const BLOCK: usize = 512;
    (terms.min(BLOCK) + terms / BLOCK) as f64
}

/// The magnitudes of a tensor, plus its radii where asked, as float64. Integers and truth values (indices, targets)
/// stay.
fn magnitudes(input: &Bounded, with_radius: bool) -> Tensor {
    if !input.dtype().is_differentiable() {
        return input.tensor.clone();
    }
    let values =
        input.tensor.values.iter().zip(&input.radius).map(|(&value, &radius)| {
            Scalar::Float(magnitude(value) + if with_radius { radius } else { 0.0 })
        });
    Tensor::new(Spec::new(input.tensor.shape().clone(), DType::Float64), values.collect())
}

/// An operand that may be rounded to bfloat16, and be flushed to zero where it is subnormal.
fn in_bfloat16(input: &Bounded) -> Bounded {
    let rounding = |(&value, &radius): (&Scalar, &f64)| {
        let most = magnitude(value) + radius;
        let moved = match input.dtype() {
            _ if most < smallest_normal(DType::Bfloat16) => most,
            DType::Bfloat16 => 0.0,
            _ if most <= largest(DType::Bfloat16) => most * epsilon(DType::Bfloat16) / 2.0,
            _ => f64::INFINITY,
        };
        radius + moved
    };
    let radius = input.tensor.values.iter().zip(&input.radius).map(rounding).collect();
    Bounded { tensor: input.tensor.clone(), radius }
}

/// Bounds of a core that is a sum of products of its inputs, with `terms` terms in each sum.
fn linear(core: &Core, inputs: &[Bounded], terms: f64, result: &Tensor) -> Result<Vec<f64>> {
    let dtype = result.spec.dtype;
    if !dtype.is_differentiable() {
        let inexact = !inputs.iter().all(Bounded::is_exact);
        return Ok(vec![if inexact { f64::INFINITY } else { 0.0 }; result.values.len()]);
    }
    let run = |with_radius: bool| -> Result<Vec<f64>> {
        let inputs: Vec<Tensor> = inputs.iter().map(|input| magnitudes(input, with_radius)).collect();
        Ok(run_core(core, &inputs)?.swap_remove(0).values.into_iter().map(Scalar::to_f64).collect())
    };
    let scale = run(false)?;
    let wider = if inputs.iter().all(Bounded::is_exact) { scale.clone() } else { run(true)? };
    // Complex products are four real ones and two sums.
    let steps = if dtype.is_complex() { 2.0 * terms + 4.0 } else { terms + 1.0 };
    let factor = steps * roundoff(dtype);
    Ok((0..scale.len())
        .map(|i| {
            let spread = wider[i] - scale[i];
            sum_bound(factor, wider[i], spread, terms, result.values[i], dtype)
        })
        .collect())
}

/// The bound of one sum with magnitudes `scale`, where the inputs alone move it by `spread`.
fn sum_bound(factor: f64, scale: f64, spread: f64, terms: f64, value: Scalar, dtype: DType) -> f64 {
    // A partial sum may overflow although the result does not.
    if !scale.is_finite() || scale > largest(dtype.compute()) {
        return f64::INFINITY;
    }
    if terms <= 1.0 && spread == 0.0 && !dtype.is_complex() {
        return 0.0;
    }
    // Products below the smallest normal number lose bits.
    let underflow = terms * smallest_normal(dtype.compute()) * epsilon(dtype.compute());
    factor * scale + spread + underflow + rounding(value, dtype)
}

pub(super) fn reduce(
    core: &Reduce,
    inputs: &[Bounded],
    results: &[Tensor],
    radii: &mut [Vec<f64>],
) -> Result<()> {
    let input = &inputs[0];
    let dtype = input.dtype();
    let reduced: usize = core.axes.iter().map(|&axis| input.tensor.shape()[axis]).product();
    let terms = reduced as f64;
    let sum = Core::Reduce(Reduce { operation: Reduction::Sum, axes: core.axes.clone() });
    let total = |values: Vec<f64>| -> Result<Vec<f64>> {
        let values = values.into_iter().map(Scalar::Float).collect();
        let tensor = Tensor::new(Spec::new(input.tensor.shape().clone(), DType::Float64), values);
        Ok(run_core(&sum, &[tensor])?.swap_remove(0).values.into_iter().map(Scalar::to_f64).collect())
    };
    match core.operation {
        Reduction::Sum => radii[0] = linear(&sum, inputs, depth(reduced), &results[0])?,
        Reduction::Product if dtype.is_differentiable() => {
            // Relative errors add up, and so do the distances that a partial product may go from 1.
            let logarithms = |sign: f64| {
                total(input.tensor.values.iter().map(|&x| (sign * magnitude(x).log2()).max(0.0)).collect())
            };
            let (growth, decay) = (logarithms(1.0)?, logarithms(-1.0)?);
            let relative = total(
                input
                    .tensor
                    .values
                    .iter()
                    .zip(&input.radius)
                    .map(|(&x, &radius)| if radius == 0.0 { 0.0 } else { radius / magnitude(x) })
                    .collect(),
            )?;
            let limit = largest(dtype.compute()).log2();
            let factor = 2.0 * terms * roundoff(dtype) * if dtype.is_complex() { 4.0 } else { 1.0 };
            for (i, bound) in radii[0].iter_mut().enumerate() {
                let value = results[0].values[i];
                *bound = if growth[i] >= limit || decay[i] >= limit - 2.0 {
                    f64::INFINITY
                } else if terms <= 1.0 && relative[i] == 0.0 {
                    0.0
                } else {
                    magnitude(value) * (factor + 2.0 * relative[i]) + rounding(value, dtype)
                };
            }
        }
        Reduction::Moments => {
            let magnitudes: Vec<f64> = input.tensor.values.iter().map(|&x| magnitude(x)).collect();
            let scale = total(magnitudes)?;
            let moved = total(input.radius.clone())?;
            let moved_squares = total(input.radius.iter().map(|radius| radius * radius).collect())?;
            for i in 0..radii[0].len() {
                let mean = scale[i] / terms.max(1.0);
                let squares = magnitude(results[1].values[i]);
                let factor = (depth(reduced) + 4.0) * roundoff(dtype);
                if mean * mean * terms > largest(dtype.compute()) {
                    radii[0][i] = f64::INFINITY;
                    radii[1][i] = f64::INFINITY;
                    continue;
                }
                radii[0][i] =
                    factor * mean + moved[i] / terms.max(1.0) + rounding(results[0].values[i], dtype);
                // Chan, Golub and LeVeque 1983: the error depends on the mean by the square root of squares.
                let shift = factor * mean;
                radii[1][i] = 2.0
                    * (factor * squares + 2.0 * shift * (terms * squares).sqrt() + terms * shift * shift)
                    + 2.0 * (squares * moved_squares[i]).sqrt()
                    + moved_squares[i]
                    + rounding(results[1].values[i], dtype);
            }
        }
        Reduction::GradientSums => {
            radii[0] = linear(&sum, &inputs[..1], depth(reduced), &results[0])?;
            radii[1] = gradient_products(core, inputs, depth(reduced), &results[1])?;
        }
        _ if input.is_exact() => {}
        // Extremes move by at most the largest radius; an index or an integer product may be any.
        Reduction::Max | Reduction::Min => {
            radii[0].fill(input.radius.iter().copied().fold(0.0, f64::max));
        }
        _ => radii[0].fill(f64::INFINITY),
    }
    Ok(())
}

/// Bounds of `Σ g·((x − m)·r)`: each term has three roundings, all of them relative to `|g|·(|x| + |m|)·|r|`.
fn gradient_products(core: &Reduce, inputs: &[Bounded], terms: f64, result: &Tensor) -> Result<Vec<f64>> {
    let run = |with_radius: bool| -> Result<Vec<f64>> {
        let mut inputs: Vec<Tensor> = inputs.iter().map(|input| magnitudes(input, with_radius)).collect();
        // x − m of magnitudes is |x| + |m|.
        inputs[2].values.iter_mut().for_each(|mean| *mean = Scalar::Float(-mean.to_f64()));
        let sums = run_core(&Core::Reduce(core.clone()), &inputs)?.swap_remove(1);
        Ok(sums.values.into_iter().map(Scalar::to_f64).collect())
    };
    let (scale, wider) = (run(false)?, run(true)?);
    let dtype = result.spec.dtype;
    let factor = (terms + 4.0) * roundoff(dtype);
    let bound =
        |i: usize| sum_bound(factor, wider[i], wider[i] - scale[i], terms.max(2.0), result.values[i], dtype);
    Ok((0..scale.len()).map(bound).collect())
}

fn scan(core: &Scan, inputs: &[Bounded], results: &[Tensor], radii: &mut [Vec<f64>]) -> Result<()> {
    let input = &inputs[0];
    let dtype = input.dtype();
    let terms = input.tensor.shape()[core.axis] as f64;
    match core.operation {
        ScanOperation::Sum => radii[0] = linear(&Core::Scan(core.clone()), inputs, terms, &results[0])?,
        ScanOperation::Product if dtype.is_differentiable() => {
            let logarithm = Core::Scan(Scan { operation: ScanOperation::Sum, ..core.clone() });
            let total = |term: &dyn Fn(Scalar, f64) -> f64| -> Result<Vec<f64>> {
                let values = input.tensor.values.iter().zip(&input.radius);
                let values = values.map(|(&x, &radius)| Scalar::Float(term(x, radius))).collect();
                let tensor = Tensor::new(Spec::new(input.tensor.shape().clone(), DType::Float64), values);
                let sums = run_core(&logarithm, &[tensor])?.swap_remove(0);
                Ok(sums.values.into_iter().map(Scalar::to_f64).collect())
            };
            let distance = total(&|x, _| magnitude(x).log2().abs())?;
            let relative = total(&|x, radius| if radius == 0.0 { 0.0 } else { radius / magnitude(x) })?;
            let factor = 2.0 * terms * roundoff(dtype) * if dtype.is_complex() { 4.0 } else { 1.0 };
            let limit = largest(dtype.compute()).log2() - 2.0;
            for (i, bound) in radii[0].iter_mut().enumerate() {
                let value = results[0].values[i];
                *bound = if distance[i] >= limit {
                    f64::INFINITY
                } else {
                    magnitude(value) * (factor + 2.0 * relative[i]) + rounding(value, dtype)
                };
            }
        }
        ScanOperation::LogSumExp => {
            // Each step adds a few roundings of the running result, which lies between the input's extremes (and
            // log n above); a radius of the input passes once.
            let largest = input.tensor.values.iter().map(|&x| magnitude(x)).filter(|x| x.is_finite());
            let largest = largest.fold(0.0, f64::max) + terms.ln().max(0.0);
            let moved = input.radius.iter().copied().fold(0.0, f64::max);
            let bound = 8.0 * (terms + 1.0) * roundoff(dtype) * (1.0 + largest) + moved;
            for (radius, &value) in radii[0].iter_mut().zip(&results[0].values) {
                *radius = bound + rounding(value, dtype);
            }
        }
        _ if input.is_exact() => {}
        ScanOperation::Max | ScanOperation::Min => {
            radii[0].fill(input.radius.iter().copied().fold(0.0, f64::max));
            radii[1].fill(f64::INFINITY);
        }
        ScanOperation::Product => radii[0].fill(f64::INFINITY),
    }
    Ok(())
}

fn convolution(core: &Core, kind: &Convolution, inputs: &[Bounded], result: &Tensor) -> Result<Vec<f64>> {
    let second = inputs[1].tensor.shape();
    let terms: usize = match kind.kind {
        ConvolutionKind::Forward => second[1..].iter().product(),
        ConvolutionKind::InputGradient { .. } => {
            second[0] / kind.groups * second[2..].iter().product::<usize>()
        }
        ConvolutionKind::WeightGradient { .. } => second[0] * second[2..].iter().product::<usize>(),
    };
    let mut bound = linear(core, inputs, depth(terms), result)?;
    let weight_gradient = matches!(kind.kind, ConvolutionKind::WeightGradient { .. });
    let weights: &[usize] = if weight_gradient { result.shape() } else { second };
    if let Some(tile) = Tile::of(kind, weights).filter(|_| result.spec.dtype == DType::Float32) {
        let pixels = result.shape()[2..].iter().product::<usize>();
        for (plane, addition) in tiled(kind, &tile, inputs, result).into_iter().enumerate() {
            bound[plane * pixels..][..pixels].iter_mut().for_each(|bound| *bound += addition);
        }
    }
    Ok(bound)
}

/// A tile of Winograd's F(7 − K, K) along the last two axes.
struct Tile {
    /// Outputs of a tile along the axes.
    outputs: Vec<usize>,
    /// By how much magnitudes grow in the transforms, for outputs and for the weights' gradient.
    growth: f64,
    weight_growth: f64,
    /// Terms of a product for a summed channel: taps along a third axis, and rests of a stride.
    terms: usize,
}

impl Tile {
    /// The tile that may serve the filters: of two to five elements along both axes or the last one, after those of a
    /// stride are sorted by their rests, with so many channels on both sides that transforms may pay (see `pays` in
    /// `cpu/src/convolution/winograd`).
    ///
    /// Magnitudes grow along an axis by the largest `Σ_k |Aᵀ_ik| · Σ_j |Bᵀ_kj| · max_t |G_kt|`, or for the weights'
    /// gradient of `Σ_k |Gᵀ_ik| · Σ_j |Bᵀ_kj| · Σ_j |A_kj|`.
    fn of(kind: &Convolution, weights: &[usize]) -> Option<Tile> {
        const LEAST_CHANNELS: usize = 8;
        const GROWTH: f64 = 29.4;
        const WEIGHT_GROWTH: [f64; 4] = [57.7, 53.4, 48.1, 40.7];
        let (channels, kernel) = weights.split_at(2);
        let outermost = kernel.len().saturating_sub(2);
        let taps: Vec<usize> = kernel.iter().zip(&kind.stride).map(|(k, &step)| k.div_ceil(step)).collect();
        let (above, last) = (&taps[outermost..taps.len() - 1], taps[taps.len() - 1]);
        if !(2..6).contains(&last) || above.iter().any(|&taps| taps != 1 && taps != last) {
            return None;
        }
        let terms: usize = kernel[..outermost].iter().chain(&kind.stride).product();
        if (channels[1] * terms).min(channels[0] / kind.groups) < LEAST_CHANNELS {
            return None;
        }
        let axes: Vec<usize> = taps[outermost..].iter().copied().filter(|&taps| taps > 1).collect();
        let outputs = (0..kernel.len()).map(|axis| match taps[axis] {
            1 => 1,
            _ if axis < outermost => 1,
            taps => 7 - taps,
        });
        Some(Tile {
            outputs: outputs.collect(),
            growth: axes.iter().map(|_| GROWTH).product(),
            weight_growth: axes.iter().map(|taps| WEIGHT_GROWTH[taps - 2]).product(),
            terms,
        })
    }
}

/// What the tile adds to the errors of a plane of the result. The transforms mix the pixels of a tile and the elements of
/// a filter; a term takes part in at most 24 roundings of the three transforms and one a step of its sum.
fn tiled(kind: &Convolution, tile: &Tile, inputs: &[Bounded], result: &Tensor) -> Vec<f64> {
    let [first, second] = [&inputs[0].tensor, &inputs[1].tensor];
    // Results that are not finite are computed as by the definition.
    let planes = |tensor: &Tensor, fold: fn(f64, f64) -> f64| -> Vec<f64> {
        let pixels = tensor.shape()[2..].iter().product::<usize>().max(1);
        let fold =
            |plane: &[Scalar]| plane.iter().map(|&x| magnitude(x)).filter(|x| x.is_finite()).fold(0.0, fold);
        tensor.values.chunks_exact(pixels).map(fold).collect()
    };
    let (largest, shape) = (planes(first, f64::max), result.shape());
    let channels = first.shape()[1] / kind.groups;
    let plane = |plane: usize| {
        let (row, column) = (plane / shape[1], plane % shape[1]);
        (row, column, column / (shape[1] / kind.groups).max(1))
    };
    let all = 0..shape[0] * shape[1];
    match kind.kind {
        ConvolutionKind::WeightGradient { .. } => {
            let (images, outputs) = (second.shape()[0], second.shape()[1]);
            let gradients = planes(second, f64::max);
            let extents = second.shape()[2..].iter().zip(&tile.outputs);
            let tiles: usize = extents.map(|(extent, &outputs)| extent.div_ceil(outputs)).product();
            let steps = (images * tiles + 24) as f64;
            all.map(|index| {
                let (output, channel, _) = plane(index);
                let input = output / (outputs / kind.groups).max(1) * channels + channel;
                let products = (0..images).map(|image| {
                    largest[image * first.shape()[1] + input] * gradients[image * outputs + output]
                });
                steps * roundoff(DType::Float32) * tile.weight_growth * tiles as f64 * products.sum::<f64>()
            })
            .collect()
        }
        _ => {
            let forward = matches!(kind.kind, ConvolutionKind::Forward);
            let filters = planes(second, |sum, x| sum + x);
            let inner = second.shape()[1];
            let steps = (channels * tile.terms + 24) as f64;
            all.map(|index| {
                let (image, result, group) = plane(index);
                let products = (group * channels..(group + 1) * channels).map(|channel| {
                    let filter = match forward {
                        true => result * inner + channel % inner.max(1),
                        false => channel * inner + result % inner.max(1),
                    };
                    largest[image * first.shape()[1] + channel] * filters[filter]
                });
                steps * roundoff(DType::Float32) * tile.growth * products.sum::<f64>()
            })
            .collect()
        }
    }
}

fn pool(
    core: &Core,
    kind: &Pool,
    inputs: &[Bounded],
    results: &[Tensor],
    radii: &mut [Vec<f64>],
) -> Result<()> {
    let window = kind.window.iter().product::<usize>() as f64;
    match kind.kind {
        PoolKind::Max | PoolKind::AdaptiveMax => {
            if !inputs[0].is_exact() {
                radii[0].fill(inputs[0].radius.iter().copied().fold(0.0, f64::max));
                radii[1].fill(f64::INFINITY);
            }
        }
        // A quotient each, or a factor: two more roundings.
        _ => radii[0] = linear(core, inputs, window + 2.0, &results[0])?,
    }
    Ok(())
}

fn index(core: &Core, kind: &Index, inputs: &[Bounded], result: &Tensor) -> Result<Vec<f64>> {
    let dtype = result.spec.dtype;
    let exact_inputs = inputs.iter().all(Bounded::is_exact);
    let mode = match kind {
        Index::Scatter { mode, .. } | Index::PutAlong { mode, .. } => *mode,
        Index::Spread { .. } => ScatterMode::Add,
        _ => ScatterMode::Assign,
    };
    match mode {
        // The order of additions is fixed and each rounds to the dtype: equal to the last bit.
        _ if exact_inputs && !(dtype.is_complex() && mode == ScatterMode::Multiply) => {
            if matches!(kind, Index::Spread { .. }) && dtype.is_differentiable() {
                let terms = inputs[0].tensor.values.len() as f64;
                return linear(core, inputs, terms, result);
            }
            Ok(vec![0.0; result.values.len()])
        }
        ScatterMode::Assign => {
            // The radii move with the numbers.
            let inputs: Vec<Tensor> = inputs
                .iter()
                .map(|input| {
                    let moved = input.dtype() == dtype && !(input.is_exact() && dtype == DType::Int64);
                    if !moved {
                        return input.tensor.clone();
                    }
                    let values = input.radius.iter().map(|&radius| Scalar::Float(radius)).collect();
                    Tensor::new(Spec::new(input.tensor.shape().clone(), DType::Float64), values)
                })
                .collect();
            Ok(run_core(core, &inputs)?.swap_remove(0).values.into_iter().map(Scalar::to_f64).collect())
        }
        ScatterMode::Add => {
            let terms = inputs[inputs.len() - 1].tensor.values.len() as f64;
            linear(core, inputs, terms, result)
        }
        ScatterMode::Max | ScatterMode::Min => {
            let radii = inputs.iter().flat_map(|input| &input.radius);
            Ok(vec![radii.copied().fold(0.0, f64::max); result.values.len()])
        }
        ScatterMode::Multiply => Ok(vec![f64::INFINITY; result.values.len()]),
    }
}
