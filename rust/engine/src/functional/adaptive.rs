//! Pooling to a given output size.

use tenfold_ir::kernel::WeightTable;
use tenfold_ir::{Error, Result, Shape};

use super::check_floating;
use super::convolution::batched;
use super::pooling::{PoolOptions, avg_pool, max_pool, max_pool_to};
use super::resample::resample_last;
use crate::Tensor;

/// The output extents: those given, or the input's where `None`.
fn extents(operation: &'static str, input: &Tensor, output_size: &[Option<usize>]) -> Result<Vec<usize>> {
    let spatial = &input.shape()[2..];
    if spatial.contains(&0) {
        return Err(Error::shape(operation, format!("needs spatial elements; got shape {}", input.shape())));
    }
    let output: Vec<usize> =
        output_size.iter().zip(spatial).map(|(size, &extent)| size.unwrap_or(extent)).collect();
    Shape::checked(operation, &output)?;
    Ok(output)
}

/// Windows side by side, where the extents allow it.
fn even(input: &[usize], output: &[usize]) -> Option<PoolOptions> {
    let divides = input.iter().zip(output).all(|(&extent, &count)| count > 0 && extent % count == 0);
    let kernel_size = || input.iter().zip(output).map(|(extent, count)| extent / count).collect();
    divides.then(|| PoolOptions { kernel_size: kernel_size(), ..PoolOptions::new(1) })
}

fn output_shape(input: &Tensor, output: &[usize]) -> Shape {
    input.shape()[..2].iter().chain(output).copied().collect()
}

const AVERAGE_NAMES: [&str; 3] = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"];
const MAX_NAMES: [&str; 3] = ["adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"];

fn name_of(names: [&'static str; 3], output_size: &[Option<usize>]) -> Result<&'static str> {
    let wrong =
        || Error::shape("adaptive_pool", format!("needs 1 to 3 output extents; got {}", output_size.len()));
    output_size.len().checked_sub(1).and_then(|index| names.get(index)).copied().ok_or_else(wrong)
}

/// Averages over windows that divide the spatial axes of `(N, C, spatial…)` or `(C, spatial…)` into `output_size`
/// parts (`None`: as they are). Window i of an axis of extent n goes from ⌊i·n/o⌋ to ⌈(i+1)·n/o⌉.
pub fn adaptive_avg_pool(input: &Tensor, output_size: &[Option<usize>]) -> Result<Tensor> {
    let name = name_of(AVERAGE_NAMES, output_size)?;
    check_floating(name, input)?;
    let (input, unbatched) = batched(name, input, output_size.len())?;
    let output = extents(name, &input, output_size)?;
    let result = if output.contains(&0) {
        Tensor::zeros(&output_shape(&input, &output), input.dtype())?
    } else if output.iter().all(|&extent| extent == 1) {
        // One window: a sum of many lanes, and a gradient that is one number a plane.
        let axes: Vec<i64> = (2..input.rank() as i64).collect();
        input.mean(Some(&axes), true)?
    } else if let Some(options) = even(&input.shape()[2..], &output) {
        avg_pool(&input, output.len(), &options)?
    } else {
        let tables = input.shape()[2..].iter().zip(&output).map(|(&extent, &count)| {
            let row = |index: usize| {
                // From ⌊i·n/o⌋ to ⌈(i+1)·n/o⌉.
                let window = index * extent / count..((index + 1) * extent).div_ceil(count);
                let share = 1.0 / window.len() as f64;
                window.map(move |place| (place, share))
            };
            WeightTable::new(extent, (0..count).map(row)).map(Some)
        });
        resample_last(&input, tables.collect::<Result<_>>()?)?
    };
    if unbatched { result.squeeze(&[0]) } else { Ok(result) }
}

/// As [`adaptive_avg_pool`], the largest element of each window, and its index within the flattened spatial axes.
pub fn adaptive_max_pool(input: &Tensor, output_size: &[Option<usize>]) -> Result<(Tensor, Tensor)> {
    let name = name_of(MAX_NAMES, output_size)?;
    let (input, unbatched) = batched(name, input, output_size.len())?;
    let output = extents(name, &input, output_size)?;
    let shape = output_shape(&input, &output);
    let (values, indices) = if output.contains(&0) {
        (Tensor::zeros(&shape, input.dtype())?, Tensor::zeros(&shape, tenfold_ir::DType::Int64)?)
    } else if let Some(options) = even(&input.shape()[2..], &output) {
        max_pool(&input, output.len(), &options)?
    } else {
        max_pool_to(&input, &output)?
    };
    if unbatched { Ok((values.squeeze(&[0])?, indices.squeeze(&[0])?)) } else { Ok((values, indices)) }
}
