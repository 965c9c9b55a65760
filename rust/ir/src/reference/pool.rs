//! Pooling and its gradients.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::number::{Exact, exact, round, whole};
use super::reduce::{best, sum};
use super::tensor::{Point, Tensor, points};
use crate::kernel::{Pool, PoolKind, Specs};
use crate::lanes::Lane;
use crate::{DType, Error, Result, Scalar};

pub(super) fn pool(core: &Pool, inputs: &[Tensor], results: &Specs) -> Result<Vec<Tensor>> {
    let first = &inputs[0];
    Ok(match &core.kind {
        PoolKind::Max | PoolKind::AdaptiveMax => maxima(core, first, results),
        PoolKind::Average { count_padding, divisor } => {
            let values = points(&results[0].shape)
                .map(|point| {
                    let window = window(core, &first.shape()[2..], &point[2..]);
                    let total = sum(window.iter().map(|spatial| exact(first.at(&join(&point, spatial)))));
                    let divisor = divisor
                        .unwrap_or_else(|| counted(core, &first.shape()[2..], &point[2..], *count_padding));
                    Scalar::Float(round(total / whole(divisor), results[0].dtype))
                })
                .collect();
            vec![Tensor::new(results[0].clone(), values)]
        }
        PoolKind::MaxGradient { input } => {
            let plane: usize = input.iter().product();
            spread(first, results, |point, add| {
                let index = inputs[1].at(point).to_i128();
                let Some(index) = usize::try_from(index).ok().filter(|&index| index < plane) else {
                    return Err(Error::index(
                        core.kind.name(),
                        format!("index {index} is out of range for a plane of size {plane}"),
                    ));
                };
                let spatial = points(input).nth(index).unwrap_or_default();
                add(&spatial, exact(first.at(point)));
                Ok(())
            })?
        }
        PoolKind::AverageGradient { count_padding, divisor, input } => {
            spread(first, results, |point, add| {
                let divisor = divisor.unwrap_or_else(|| counted(core, input, &point[2..], *count_padding));
                for spatial in window(core, input, &point[2..]) {
                    add(&spatial, exact(first.at(point)) / whole(divisor));
                }
                Ok(())
            })?
        }
    })
}

/// The positions of the input below a window, in row-major order, without those in the padding.
fn window(core: &Pool, input: &[usize], output: &[usize]) -> Vec<Point> {
    if core.kind == PoolKind::AdaptiveMax {
        let ranges: Vec<_> =
            (0..output.len()).map(|axis| core.adaptive_window(axis, input[axis], output[axis])).collect();
        let lengths: SmallVec<[usize; 3]> = ranges.iter().map(ExactSizeIterator::len).collect();
        return points(&lengths)
            .map(|point| point.iter().zip(&ranges).map(|(offset, range)| range.start + offset).collect())
            .collect();
    }
    points(&core.window)
        .filter_map(|offset| {
            (0..output.len())
                .map(|axis| {
                    let reached = output[axis] * core.stride[axis] + offset[axis] * core.dilation[axis];
                    reached.checked_sub(core.padding[axis]).filter(|&position| position < input[axis])
                })
                .collect()
        })
        .collect()
}

/// By how much an average divides: the positions within the input, or within input and padding (but not beyond, where
/// a last window in ceil mode may reach). At least 1.
fn counted(core: &Pool, input: &[usize], output: &[usize], count_padding: bool) -> usize {
    let counts: SmallVec<[usize; 3]> = (0..output.len())
        .map(|axis| {
            let padding = core.padding[axis];
            let (low, high) = match count_padding {
                true => (0, input[axis] + 2 * padding),
                false => (padding, input[axis] + padding),
            };
            (0..core.window[axis])
                .map(|offset| output[axis] * core.stride[axis] + offset * core.dilation[axis])
                .filter(|reached| (low..high).contains(reached))
                .count()
        })
        .collect();
    counts.iter().product::<usize>().max(1)
}

fn maxima(core: &Pool, input: &Tensor, results: &Specs) -> Vec<Tensor> {
    let spatial_extents = &input.shape()[2..];
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for point in points(&results[0].shape) {
        let window = window(core, spatial_extents, &point[2..]);
        let elements: Vec<Scalar> = window.iter().map(|spatial| input.at(&join(&point, spatial))).collect();
        if elements.is_empty() {
            // Nothing but padding: the smallest value, and the first index.
            values.push(lowest(input.spec.dtype));
            indices.push(Scalar::Int(0));
            continue;
        }
        let found = best(&elements, Ordering::Greater);
        values.push(elements[found]);
        let flat = window[found]
            .iter()
            .zip(spatial_extents)
            .fold(0, |flat, (&index, &extent)| flat * extent + index);
        indices.push(Scalar::from(flat));
    }
    vec![Tensor::new(results[0].clone(), values), Tensor::new(results[1].clone(), indices)]
}

/// The smallest value of a dtype.
fn lowest(dtype: DType) -> Scalar {
    match dtype.integer_range() {
        Some((low, _)) => Scalar::Int(low),
        None => Scalar::Float(f64::NEG_INFINITY),
    }
}

/// Batch and channel of `point` with another spatial position.
fn join(point: &[usize], spatial: &[usize]) -> Point {
    point[..2].iter().chain(spatial).copied().collect()
}

/// A gradient of the input's shape, from what each point of the result's gradient adds to it.
fn spread(
    gradient: &Tensor,
    results: &Specs,
    contribute: impl Fn(&Point, &mut dyn FnMut(&[usize], Exact)) -> Result<()>,
) -> Result<Vec<Tensor>> {
    let spec = results[0].clone();
    let shape = Tensor::filled(spec.clone(), Scalar::Float(0.0));
    let mut totals = vec![Exact::constant(0.0); spec.shape.elements()];
    for point in points(gradient.shape()) {
        contribute(&point, &mut |spatial, value| {
            let total = &mut totals[shape.position(&join(&point, spatial))];
            *total = value + *total;
        })?;
    }
    let values = totals.into_iter().map(|total| Scalar::Float(round(total, spec.dtype))).collect();
    Ok(vec![Tensor::new(spec, values)])
}
