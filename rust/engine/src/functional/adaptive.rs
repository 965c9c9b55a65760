//! Pooling to a given output size.

use tenfold_ir::{Error, Result, Scalar, Shape};

use super::check_floating;
use super::convolution::batched;
use super::pooling::{PoolOptions, avg_pool, flat, max_pool};
use crate::Tensor;

/// Outputs of one channel, where the windows are not even.
const LARGEST_OUTPUT: usize = 1 << 24;

/// The windows of all outputs as positions in the flattened spatial axes. Windows of fewer elements than the largest
/// repeat their first one.
struct Windows {
    outputs: usize,
    width: usize,
    positions: Vec<i64>,
    counts: Vec<usize>,
}

impl Windows {
    fn new(input: &[usize], output: &[usize]) -> Windows {
        let mut lists: Vec<Vec<i64>> = vec![vec![0]];
        for (&extent, &count) in input.iter().zip(output) {
            let mut next = Vec::with_capacity(lists.len() * count);
            for list in &lists {
                for index in 0..count {
                    // From ⌊i·n/o⌋ to ⌈(i+1)·n/o⌉.
                    let window = index * extent / count..((index + 1) * extent).div_ceil(count);
                    let inside = list.iter().flat_map(|&outer| {
                        window.clone().map(move |inner| outer * extent as i64 + inner as i64)
                    });
                    next.push(inside.collect());
                }
            }
            lists = next;
        }
        let width = lists.iter().map(Vec::len).max().unwrap_or(0);
        let counts = lists.iter().map(Vec::len).collect();
        let padded = |list: &Vec<i64>| {
            let first = list[0];
            list.clone().into_iter().chain(std::iter::repeat(first)).take(width).collect::<Vec<_>>()
        };
        Windows { outputs: lists.len(), width, positions: lists.iter().flat_map(padded).collect(), counts }
    }

    /// `(outputs, width)` positions.
    fn positions(&self) -> Result<Tensor> {
        Tensor::from_slice(&self.positions, &[self.outputs, self.width])
    }
}

/// The output extents: those given, or the input's where `None`.
fn extents(operation: &'static str, input: &Tensor, output_size: &[Option<usize>]) -> Result<Vec<usize>> {
    let spatial = &input.shape()[2..];
    if spatial.contains(&0) {
        return Err(Error::shape(operation, format!("needs spatial elements; got shape {}", input.shape())));
    }
    let output: Vec<usize> =
        output_size.iter().zip(spatial).map(|(size, &extent)| size.unwrap_or(extent)).collect();
    let shape = Shape::checked(operation, &output)?;
    // The table of windows must fit in memory with ease.
    if shape.elements() > LARGEST_OUTPUT && even(spatial, &output).is_none() {
        return Err(Error::memory(
            operation,
            format!("at most {LARGEST_OUTPUT} outputs a channel; got {output:?}"),
        ));
    }
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
    } else if let Some(options) = even(&input.shape()[2..], &output) {
        avg_pool(&input, output.len(), &options)?
    } else {
        let windows = Windows::new(&input.shape()[2..], &output);
        let wide = input.cast(input.dtype().compute())?;
        let gathered = flat(&wide)?.take(&windows.positions()?, Some(2))?;
        let inside: Vec<tenfold_ir::Boolean> = windows
            .counts
            .iter()
            .flat_map(|&count| (0..windows.width).map(move |index| (index < count).into()))
            .collect();
        let inside = Tensor::from_slice(&inside, &[windows.outputs, windows.width])?;
        let counts: Vec<i64> = windows.counts.iter().map(|&count| count as i64).collect();
        let counts = Tensor::from_slice(&counts, &[windows.outputs])?.cast(wide.dtype())?;
        let sums = inside.where_(&gathered, Scalar::Float(0.0))?.sum(Some(&[-1]), false, None)?;
        sums.divide(&counts)?.cast(input.dtype())?.reshaped(&output_shape(&input, &output))?
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
        let windows = Windows::new(&input.shape()[2..], &output);
        let positions = windows.positions()?;
        let pixels = flat(&input)?;
        // The first of equals, as the repeated elements are the first of their window.
        let largest = pixels.detach().take(&positions, Some(2))?.argmax(Some(-1), true)?;
        let table: Shape =
            [input.shape()[0], input.shape()[1], windows.outputs, windows.width].into_iter().collect();
        let table = positions.broadcast(&table).expect("one table for all samples and channels");
        let indices = table.gather(3, &largest)?.squeeze(&[3])?;
        (pixels.gather(2, &indices)?.reshaped(&shape)?, indices.reshaped(&shape)?)
    };
    if unbatched { Ok((values.squeeze(&[0])?, indices.squeeze(&[0])?)) } else { Ok((values, indices)) }
}
