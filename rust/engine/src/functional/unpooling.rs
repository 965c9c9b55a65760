//! Poolings made of others: unpooling, powers and random windows.

use std::hint::select_unpredictable;
use std::sync::{Arc, Mutex, PoisonError};

use tenfold_cpu::threads::for_each_chunk;
use tenfold_ir::kernel::{HostFunction, HostInput, HostOutput, Spec};
use tenfold_ir::{DType, Error, Result, Scalar, Shape};

use super::check_floating;
use super::convolution::{batched, expand};
use super::pooling::{PoolOptions, avg_pool, flat};
use crate::Tensor;
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// The gradient of unpooling is what is at the indices.
#[derive(Debug)]
struct UnpoolDerivative;

impl Derivative for UnpoolDerivative {
    fn name(&self) -> &str {
        "max_unpool"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let indices = context.saved(0);
        let picked = flat(context.gradient(0))?.gather(2, &flat(indices)?)?.reshaped(indices.shape())?;
        Ok(Gradients::from_iter([Some(picked), None]))
    }
}

const UNPOOL_NAMES: [&str; 3] = ["max_unpool1d", "max_unpool2d", "max_unpool3d"];
const POWER_NAMES: [&str; 3] = ["lp_pool1d", "lp_pool2d", "lp_pool3d"];

/// Zeros with the elements of `(N, C, spatial…)` or `(C, spatial…)` at the indices that [`super::max_pool`] gave; of
/// several for one place the last stays. The settings are those of the pooling; `output_size` chooses among the inputs
/// that it would have given the same extents.
pub fn max_unpool(
    input: &Tensor,
    indices: &Tensor,
    spatial: usize,
    options: &PoolOptions,
    output_size: Option<&[usize]>,
) -> Result<Tensor> {
    let name = UNPOOL_NAMES[spatial - 1];
    if indices.dtype() != DType::Int64 {
        return Err(Error::dtype(name, format!("indices must be int64; got {}", indices.dtype())));
    }
    if indices.shape() != input.shape() {
        return Err(Error::shape(
            name,
            format!("input and indices need one shape; got {} and {}", input.shape(), indices.shape()),
        ));
    }
    let (input, unbatched) = batched(name, input, spatial)?;
    let indices = if unbatched { indices.unsqueeze(0)? } else { indices.clone() };
    let window = expand(name, "kernel_size", &options.kernel_size, spatial, 1)?;
    let stride = match options.stride.as_slice() {
        [] => window.clone(),
        stride => expand(name, "stride", stride, spatial, 1)?,
    };
    let padding = expand(name, "padding", &options.padding, spatial, 0)?;
    let usual: Vec<i64> = (0..spatial)
        .map(|axis| {
            let first = (input.shape()[axis + 2] as i64 - 1).saturating_mul(stride[axis] as i64);
            first.saturating_add(window[axis] as i64).saturating_sub(2 * padding[axis] as i64)
        })
        .collect();
    let extents: Vec<i64> = match output_size {
        None => usual,
        Some(given) => {
            let given = if given.len() == spatial + 2 { &given[2..] } else { given };
            let near = |(axis, &extent): (usize, &usize)| {
                (extent as i64).abs_diff(usual[axis]) < stride[axis] as u64
            };
            if given.len() != spatial || !given.iter().enumerate().all(near) {
                return Err(Error::value(
                    name,
                    format!(
                        "output_size must be less than the stride {stride:?} away from {usual:?}; got {given:?}"
                    ),
                ));
            }
            given.iter().map(|&extent| extent as i64).collect()
        }
    };
    let extents: Vec<usize> = extents
        .into_iter()
        .filter_map(|extent| usize::try_from(extent).ok())
        .filter(|&extent| extent > 0)
        .collect();
    if extents.len() != spatial {
        return Err(Error::shape(
            name,
            format!("nothing is left of the output; got shape {}", input.shape()),
        ));
    }
    let shape: Shape = input.shape()[..2].iter().chain(&extents).copied().collect();
    let shape = Shape::checked(name, &shape)?;
    let (low, high) = indices.index_range()?;
    let plane = extents.iter().product::<usize>();
    if low < 0 || high >= plane as i64 {
        let wrong = if low < 0 { low } else { high };
        return Err(Error::shape(name, format!("index {wrong} is out of range for a plane of size {plane}")));
    }
    let zeros = Tensor::zeros(&[shape[0], shape[1], plane], input.dtype())?;
    let placed = zeros.put_along(&flat(&indices)?, &flat(&input.detach())?, 2)?.reshaped(&shape)?;
    let mut results = [placed];
    record_gradient(&mut results, &[&input, &indices], UnpoolDerivative, &[Saved::Input(1)]);
    let [output] = results;
    if unbatched { output.squeeze(&[0]) } else { Ok(output) }
}

/// `(Σ xᵖ)^(1/p)` over each window of the last `spatial` axes of `(N, C, spatial…)` or `(C, spatial…)`; an odd power of
/// a negative sum is NaN, as in PyTorch.
pub fn lp_pool(input: &Tensor, p: f64, spatial: usize, options: &PoolOptions) -> Result<Tensor> {
    let name = POWER_NAMES[spatial - 1];
    check_floating(name, input)?;
    if p == 0.0 {
        return Err(Error::value(name, "norm_type must not be 0"));
    }
    let window = expand(name, "kernel_size", &options.kernel_size, spatial, 1)?;
    let elements = window.iter().fold(1.0, |product, &extent| product * extent as f64);
    let wide = input.cast(input.dtype().compute())?;
    let means = avg_pool(&wide.pow(p)?, spatial, options).map_err(|error| error.in_operation(name))?;
    means.multiply(elements)?.pow(1.0 / p)?.cast(input.dtype())
}

const FRACTIONAL_NAMES: [&str; 2] = ["fractional_max_pool2d", "fractional_max_pool3d"];

/// The largest element of each of `output` windows an axis, whose places are random, over the last two or three axes
/// of `(N, C, spatial…)` or `(C, spatial…)`; and its index within the flattened spatial axes.
///
/// `samples` `(N, C, axes)` are from 0 to 1 and choose the places; by default they are drawn. B. Graham, "Fractional
/// max-pooling", 2014.
pub fn fractional_max_pool(
    input: &Tensor,
    kernel_size: &[usize],
    output: &[usize],
    samples: Option<&Tensor>,
) -> Result<(Tensor, Tensor)> {
    let spatial = output.len();
    let name = *spatial.checked_sub(2).and_then(|place| FRACTIONAL_NAMES.get(place)).ok_or_else(|| {
        Error::shape("fractional_max_pool", format!("needs 2 or 3 output extents; got {spatial}"))
    })?;
    check_floating(name, input)?;
    let (input, unbatched) = batched(name, input, spatial)?;
    let window = expand(name, "kernel_size", kernel_size, spatial, 1)?;
    let output = expand(name, "output_size", output, spatial, 1)?;
    let (images, channels) = (input.shape()[0], input.shape()[1]);
    let extents = &input.shape()[2..];
    for axis in 0..spatial {
        if output[axis] + window[axis] > extents[axis] + 1 {
            return Err(Error::shape(
                name,
                format!("{} windows of {} do not fit extent {}", output[axis], window[axis], extents[axis]),
            ));
        }
    }
    let drawn;
    let samples = match samples {
        Some(samples) => samples,
        None => {
            drawn = Tensor::rand(&[images, channels, spatial], input.dtype(), None)?;
            &drawn
        }
    };
    if samples.shape()[..] != [images, channels, spatial] || samples.dtype() != input.dtype() {
        return Err(Error::shape(
            name,
            format!(
                "samples need shape ({images}, {channels}, {spatial}) and dtype {}; got {} and {}",
                input.dtype(),
                samples.shape(),
                samples.dtype()
            ),
        ));
    }
    // For images the first sample belongs to the last axis, for volumes to the first.
    let sample_of = |axis: usize| if spatial == 2 { 1 - axis } else { axis };
    let begins = (0..spatial).map(|axis| {
        let sample = samples.select(2, sample_of(axis) as i64)?.detach();
        starts(&sample, extents[axis], window[axis], output[axis])
    });
    let begins: Vec<Tensor> = begins.collect::<Result<_>>()?;
    let begins = Tensor::concatenate(&begins.iter().collect::<Vec<_>>(), Some(2))?;
    let known = input.detach();
    let known = known.cast(known.dtype().compute())?;
    let function =
        RandomWindows { name, extents: extents.into(), window: window.to_vec(), output: output.to_vec() };
    let indices = Tensor::host(Arc::new(function), None, &[&known, &begins])?.remove(0);
    let values = flat(&input)?.gather(2, &flat(&indices)?)?.reshaped(indices.shape())?;
    if unbatched { Ok((values.squeeze(&[0])?, indices.squeeze(&[0])?)) } else { Ok((values, indices)) }
}

/// The index of the largest element of each window: of pixels `(N, C, spatial…)`, and of where the windows of each axis
/// begin, `(N, C, those of all axes)`.
struct RandomWindows {
    name: &'static str,
    extents: Vec<usize>,
    window: Vec<usize>,
    output: Vec<usize>,
}

impl HostFunction for RandomWindows {
    fn name(&self) -> &str {
        self.name
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        let shape = inputs[0].shape[..2].iter().chain(&self.output).copied().collect();
        Ok(vec![Spec::new(shape, DType::Int64)])
    }

    fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()> {
        let begins = inputs[1].elements::<i64>();
        let indices: &mut [i64] = bytemuck::cast_slice_mut(outputs[0].bytes);
        match inputs[0].spec.dtype {
            DType::Float32 => self.find(&inputs[0].elements::<f32>(), &begins, indices),
            DType::Float64 => self.find(&inputs[0].elements::<f64>(), &begins, indices),
            other => return Err(Error::dtype(self.name, format!("not defined for {other}"))),
        }
        Ok(())
    }
}

impl RandomWindows {
    fn find<T: PartialOrd + Copy + Sync>(&self, pixels: &[T], begins: &[i64], indices: &mut [i64]) {
        // Images are volumes of one slice.
        let volume = |extents: &[usize]| -> [usize; 3] {
            std::array::from_fn(|axis| match (axis + extents.len()).checked_sub(3) {
                Some(axis) => extents[axis],
                None => 1,
            })
        };
        let ([_, height, width], window, output) =
            (volume(&self.extents), volume(&self.window), volume(&self.output));
        let pixels_of_plane: usize = self.extents.iter().product();
        let begins_of_plane: usize = self.output.iter().sum();
        let results: usize = output.iter().product();
        if results == 0 || pixels_of_plane == 0 {
            return;
        }
        let window_places: Vec<usize> = (0..window[0])
            .flat_map(|z| (0..window[1]).map(move |y| (z * height + y) * width))
            .flat_map(|line| line..line + window[2])
            .collect();
        let planes = indices.chunks_exact_mut(results).map(Mutex::new).collect::<Vec<_>>();
        let cost = (results * window.iter().product::<usize>()) as u64;
        for_each_chunk(planes.len(), cost, &|plane| {
            let mut indices = planes[plane].lock().unwrap_or_else(PoisonError::into_inner);
            let pixels = &pixels[plane * pixels_of_plane..][..pixels_of_plane];
            let begins = &begins[plane * begins_of_plane..][..begins_of_plane];
            let (rest, columns) = begins.split_at(begins_of_plane - output[2]);
            let (slices, rows) = rest.split_at(rest.len() - output[1]);
            for (line, indices) in indices.chunks_exact_mut(output[2]).enumerate() {
                let slice = slices.get(line / output[1]).copied().unwrap_or(0) as usize;
                let line = (slice * height + rows[line % output[1]] as usize) * width;
                for (index, &column) in indices.iter_mut().zip(columns) {
                    let first = line + column as usize;
                    let mut best = first;
                    for place in &window_places {
                        let (at, pixel) = (first + place, pixels[first + place]);
                        // The first of equals, but the last NaN before all.
                        #[expect(clippy::eq_op, reason = "a NaN")]
                        let better = (pixel > pixels[best]) | (pixel != pixel);
                        // Which it is no processor guesses. An integer alone is chosen without a branch.
                        best = select_unpredictable(better, at, best);
                    }
                    *index = best as i64;
                }
            }
        });
    }
}

/// Where windows begin for samples `(N, C)`: `(N, C, count)` integers. Window i of those before the last begins at
/// ⌊(i + s)·α⌋ − ⌊s·α⌋ with α = (extent − window)/(count − 1), and the last one ends with the axis.
fn starts(samples: &Tensor, extent: usize, window: usize, count: usize) -> Result<Tensor> {
    let last =
        Tensor::full(&[samples.shape()[0], samples.shape()[1], 1], (extent - window) as i64, DType::Int64)?;
    if count == 1 {
        return Ok(last);
    }
    let wide = samples.cast(samples.dtype().compute())?.unsqueeze(-1)?;
    // The quotient in the dtype of the samples, as PyTorch has it, so that ties fall alike.
    let alpha = Tensor::scalar((extent - window) as f64, wide.dtype())?.divide((count - 1) as f64)?;
    let numbers = Tensor::arange(0.into(), Scalar::from(count - 1), 1.into(), wide.dtype())?;
    let whole = |tensor: Tensor| tensor.multiply(&alpha)?.cast(DType::Int64);
    let first = whole(numbers.add(&wide)?)?.subtract(&whole(wide.clone())?)?;
    // Samples outside of [0, 1) must not lead outside of the axis.
    let first = first.maximum(0i64)?.minimum((extent - window) as i64)?;
    Tensor::concatenate(&[&first, &last], Some(2))
}
