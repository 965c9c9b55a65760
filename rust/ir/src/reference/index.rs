//! Reading and writing by index, and assembling tensors from pieces.

use std::cmp::Ordering;

use super::number::{Wide, is_nan, order};
use super::tensor::{Point, Tensor, points};
use crate::kernel::{Index, ScatterMode, Specs};
use crate::{DType, Error, Layout, Result, Scalar};

pub(super) fn index(core: &Index, inputs: &[Tensor], results: &Specs) -> Result<Vec<Tensor>> {
    let first = &inputs[0];
    let spec = results[0].clone();
    let result = match core {
        Index::Gather { axes } => {
            let indices = &inputs[1..=*axes];
            let rank = indices.first().map_or(0, |index| index.shape().rank());
            let values = points(&spec.shape).map(|point| {
                let place = indexed(core, first, indices, &point[..rank], &point[rank..])?;
                Ok(first.at(&place))
            });
            Tensor::new(spec, values.collect::<Result<_>>()?)
        }
        Index::Scatter { axes, mode } => {
            let (indices, values) = (&inputs[1..=*axes], &inputs[*axes + 1]);
            let rank = indices.first().map_or(0, |index| index.shape().rank());
            let mut result = first.clone();
            for point in points(values.shape()) {
                let place = indexed(core, first, indices, &point[..rank], &point[rank..])?;
                write(&mut result, &place, values.at(&point), *mode);
            }
            result
        }
        Index::TakeAlong { axis } => {
            let values = points(&spec.shape).map(|point| {
                let place = along(core, first, &inputs[1], *axis, &point)?;
                Ok(first.at(&place))
            });
            Tensor::new(spec, values.collect::<Result<_>>()?)
        }
        Index::PutAlong { axis, mode } => {
            let (indices, values) = (&inputs[1], &inputs[2]);
            let mut result = first.clone();
            for point in points(indices.shape()) {
                let place = along(core, first, indices, *axis, &point)?;
                write(&mut result, &place, values.at(&point), *mode);
            }
            result
        }
        Index::Overlay { region } => {
            let mut result = first.clone();
            for (position, &value) in within(core, region, &result)?.into_iter().zip(&inputs[1].values) {
                result.values[position] = value;
            }
            result
        }
        Index::Spread { region, .. } => {
            let mut result = Tensor::filled(spec.clone(), zero(spec.dtype));
            for (position, &value) in within(core, region, &result)?.into_iter().zip(&first.values) {
                let there = &mut result.values[position];
                *there = combined(*there, value, ScatterMode::Add, spec.dtype);
            }
            result
        }
        Index::Concatenate { axis } => {
            let mut result = Tensor::filled(spec, Scalar::Int(0));
            let mut start = 0;
            for input in inputs {
                for (point, &value) in points(input.shape()).zip(&input.values) {
                    let mut place = point;
                    place[*axis] += start;
                    *result.at_mut(&place) = value;
                }
                start += input.shape()[*axis];
            }
            result
        }
        Index::NonZero { count } => {
            let found: Vec<Point> = points(first.shape())
                .zip(&first.values)
                .filter_map(|(point, value)| value.to_bool().then_some(point))
                .collect();
            if found.len() != *count {
                return Err(Error::state(
                    core.name(),
                    format!("{count} true elements were announced; got {}", found.len()),
                ));
            }
            Tensor::new(spec, found.into_iter().flatten().map(Scalar::from).collect())
        }
    };
    Ok(vec![result])
}

/// 0 of a dtype.
fn zero(dtype: DType) -> Scalar {
    super::number::cast(Scalar::Int(0), dtype)
}

/// An index counted from the front, or an error.
fn checked(core: &Index, index: Scalar, axis: usize, extent: usize) -> Result<usize> {
    let index = index.to_i128();
    let counted = if index < 0 { index + extent as i128 } else { index };
    usize::try_from(counted).ok().filter(|&index| index < extent).ok_or_else(|| {
        Error::index(core.name(), format!("index {index} is out of range for axis {axis} of size {extent}"))
    })
}

/// The place in `base` that the index tensors name at `point`, with the coordinates of the axes that are not indexed.
fn indexed(
    core: &Index,
    base: &Tensor,
    indices: &[Tensor],
    point: &[usize],
    rest: &[usize],
) -> Result<Point> {
    let mut place = Point::new();
    for (axis, index) in indices.iter().enumerate() {
        place.push(checked(core, index.at(point), axis, base.shape()[axis])?);
    }
    place.extend_from_slice(rest);
    Ok(place)
}

/// `point` with its coordinate along `axis` replaced by the index that stands there.
fn along(core: &Index, base: &Tensor, indices: &Tensor, axis: usize, point: &Point) -> Result<Point> {
    let mut place = point.clone();
    place[axis] = checked(core, indices.at(point), axis, base.shape()[axis])?;
    Ok(place)
}

/// The positions of a region in row-major order, all of them within the tensor.
fn within(core: &Index, region: &Layout, tensor: &Tensor) -> Result<Vec<usize>> {
    region.check_within(core.name(), tensor.values.len())?;
    Ok(region.positions().collect())
}

fn write(result: &mut Tensor, place: &[usize], value: Scalar, mode: ScatterMode) {
    let dtype = result.spec.dtype;
    let there = result.at_mut(place);
    *there = combined(*there, value, mode, dtype);
}

/// What a write leaves, rounded to the dtype.
fn combined(there: Scalar, value: Scalar, mode: ScatterMode, dtype: DType) -> Scalar {
    match mode {
        ScatterMode::Assign => value,
        ScatterMode::Add => Wide::of(there, dtype).add(Wide::of(value, dtype)).round(dtype),
        ScatterMode::Multiply => Wide::of(there, dtype).multiply(Wide::of(value, dtype)).round(dtype),
        ScatterMode::Max => chosen(there, value, Ordering::Greater),
        ScatterMode::Min => chosen(there, value, Ordering::Less),
    }
}

/// The new value where it is NaN or surpasses what is there.
fn chosen(there: Scalar, value: Scalar, wanted: Ordering) -> Scalar {
    let better = is_nan(value) || !is_nan(there) && order(value, there) == wanted;
    if better { value } else { there }
}
