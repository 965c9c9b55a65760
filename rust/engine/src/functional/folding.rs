//! Windows as columns, and elements moved between channels and space.

use smallvec::SmallVec;
use tenfold_ir::{Error, Layout, Result, Shape};

use super::convolution::{batched, expand};
use super::padding::pad;
use crate::autograd::{Context, Derivative, Gradients, record_gradient};
use crate::{Padding, Tensor};

/// The settings of [`unfold`] and [`fold`]; a list with one number counts for both axes.
#[derive(Clone, Debug)]
pub struct FoldOptions {
    /// Extents of a window.
    pub kernel_size: Vec<usize>,
    /// Step between elements of a window.
    pub dilation: Vec<usize>,
    /// Zeros around the image.
    pub padding: Vec<usize>,
    /// Step between windows.
    pub stride: Vec<usize>,
}

impl FoldOptions {
    /// Neighbouring windows of this extent.
    pub fn new(kernel_size: usize) -> FoldOptions {
        FoldOptions { kernel_size: vec![kernel_size], dilation: vec![1], padding: vec![0], stride: vec![1] }
    }
}

/// The windows of an image as a view of the padded one.
struct Windows {
    /// The padded image `(N, C, H, W)`.
    padded: Shape,
    /// `(N, C, kernel_h, kernel_w, out_h, out_w)` over it.
    region: Layout,
    padding: [usize; 2],
    kernel: [usize; 2],
}

impl Windows {
    fn new(
        name: &'static str,
        images: usize,
        channels: usize,
        size: &[usize],
        options: &FoldOptions,
    ) -> Result<Windows> {
        let numbers = |what: &str, given: &[usize], least: usize| -> Result<[usize; 2]> {
            let numbers = expand(name, what, given, 2, least)?;
            Ok([numbers[0], numbers[1]])
        };
        let kernel = numbers("kernel_size", &options.kernel_size, 1)?;
        let dilation = numbers("dilation", &options.dilation, 1)?;
        let padding = numbers("padding", &options.padding, 0)?;
        let stride = numbers("stride", &options.stride, 1)?;
        let extents = [size[0].saturating_add(2 * padding[0]), size[1].saturating_add(2 * padding[1])];
        let padded = Shape::checked(name, &[images, channels, extents[0], extents[1]])?;
        let mut outputs = [0; 2];
        for axis in 0..2 {
            let reach = dilation[axis].saturating_mul(kernel[axis] - 1).saturating_add(1);
            let room = extents[axis].checked_sub(reach).ok_or_else(|| {
                Error::shape(
                    name,
                    format!("a window of {kernel:?} (dilation {dilation:?}) does not fit {size:?} padded by {padding:?}"),
                )
            })?;
            outputs[axis] = room / stride[axis] + 1;
        }
        let whole = padded.dense_strides();
        let along = |axis: usize, step: usize| whole[axis + 2] * step as i64;
        let strides = [
            whole[0],
            whole[1],
            along(0, dilation[0]),
            along(1, dilation[1]),
            along(0, stride[0]),
            along(1, stride[1]),
        ];
        let shape = Shape::checked(name, &[images, channels, kernel[0], kernel[1], outputs[0], outputs[1]])?;
        Ok(Windows {
            padded,
            region: Layout::strided(shape, strides.into_iter().collect(), 0),
            padding,
            kernel,
        })
    }

    /// The columns of one image: `(C·kernel_h·kernel_w, out_h·out_w)`.
    fn columns(&self) -> [usize; 2] {
        let shape = self.region.shape();
        [shape[1] * self.kernel[0] * self.kernel[1], shape[4] * shape[5]]
    }
}

/// The windows of `(N, C, H, W)` or `(C, H, W)` as columns: `(N, C·kernel_h·kernel_w, windows)`.
///
/// ```
/// use tenfold::{DType, Tensor, functional::{self, FoldOptions}};
/// let x = Tensor::ones(&[1, 3, 4, 5], DType::Float32)?;
/// assert_eq!(functional::unfold(&x, &FoldOptions::new(2))?.shape().to_vec(), [1, 12, 12]);
/// # tenfold::Result::Ok(())
/// ```
pub fn unfold(input: &Tensor, options: &FoldOptions) -> Result<Tensor> {
    let name = "unfold";
    let (input, unbatched) = batched(name, input, 2)?;
    let shape = input.shape();
    let windows = Windows::new(name, shape[0], shape[1], &shape[2..], options)?;
    let [vertical, horizontal] = windows.padding.map(|width| width as i64);
    let padded = pad(&input, &[horizontal, horizontal, vertical, vertical], Padding::Constant(0.into()))?;
    let [rows, columns] = windows.columns();
    let unfolded = padded.region(&windows.region)?.reshaped(&Shape::from([shape[0], rows, columns]))?;
    if unbatched { unfolded.squeeze(&[0]) } else { Ok(unfolded) }
}

/// The sum of windows given as columns `(N, C·kernel_h·kernel_w, windows)`, batch optional: an image `(N, C, H, W)` of
/// `output_size`. The gradient of [`unfold`].
pub fn fold(input: &Tensor, output_size: &[usize], options: &FoldOptions) -> Result<Tensor> {
    let name = "fold";
    let output = expand(name, "output_size", output_size, 2, 1)?;
    let (input, unbatched) = match input.rank() {
        3 => (input.clone(), false),
        2 => (input.unsqueeze(0)?, true),
        _ => {
            return Err(Error::shape(
                name,
                format!("needs (N, C·kernel, windows), batch optional; got shape {}", input.shape()),
            ));
        }
    };
    let elements = expand(name, "kernel_size", &options.kernel_size, 2, 1)?.iter().product::<usize>();
    let channels = input.shape()[1] / elements;
    let windows = Windows::new(name, input.shape()[0], channels, &output, options)?;
    if input.shape()[1..] != windows.columns() {
        return Err(Error::shape(
            name,
            format!(
                "an image of {output:?} has {} windows, of {elements} elements a channel; got shape {}",
                windows.columns()[1],
                input.shape()
            ),
        ));
    }
    // Half precisions would round after each addition.
    let wide = input.cast(input.dtype().compute())?;
    let summed = wide.reshaped(windows.region.shape())?.spread(&windows.region, &windows.padded)?;
    let [vertical, horizontal] = windows.padding.map(|width| -(width as i64));
    let image = pad(&summed, &[horizontal, horizontal, vertical, vertical], Padding::Constant(0.into()))?;
    let image = image.cast(input.dtype())?;
    if unbatched { image.squeeze(&[0]) } else { Ok(image) }
}

/// Leading axes, channels, height and width.
fn image_axes(name: &'static str, input: &Tensor) -> Result<(SmallVec<[usize; 4]>, [usize; 3])> {
    match &input.shape()[..] {
        [leading @ .., channels, height, width] => {
            Ok((SmallVec::from_slice(leading), [*channels, *height, *width]))
        }
        _ => Err(Error::shape(
            name,
            format!("needs at least three axes (…, C, H, W); got shape {}", input.shape()),
        )),
    }
}

/// The last five axes (behind `leading`) in another order.
fn reordered(tensor: &Tensor, leading: usize, order: [usize; 5]) -> Result<Tensor> {
    let order: SmallVec<[usize; 8]> = (0..leading).chain(order.map(|axis| leading + axis)).collect();
    tensor.permuted(&order)
}

/// `(…, C·r², H, W)` to `(…, C, H·r, W·r)`: each element's channel says where in a block of r × r pixels it goes.
///
/// W. Shi et al., "Real-time single image and video super-resolution", 2016.
pub fn pixel_shuffle(input: &Tensor, factor: usize) -> Result<Tensor> {
    let name = "pixel_shuffle";
    let (leading, [channels, height, width]) = image_axes(name, input)?;
    let block = factor.checked_mul(factor).filter(|&block| block > 0 && channels.is_multiple_of(block));
    let Some(block) = block else {
        return Err(Error::shape(
            name,
            format!("{channels} channels cannot be split into blocks of {factor} × {factor} pixels"),
        ));
    };
    let of = |last: &[usize]| -> Shape { leading.iter().chain(last).copied().collect() };
    let whole = Shape::checked(name, &of(&[channels / block, height * factor, width * factor]))?;
    let apart = input.reshaped(&of(&[channels / block, factor, factor, height, width]))?;
    // Rows are written whole, as every `factor`-th pixel of a row of the output.
    let region = Layout::dense(of(&[channels / block, height, factor, width, factor]));
    let rank = leading.len();
    let order: SmallVec<[usize; 8]> = (0..rank).chain([0, 2, 4, 1, 3].map(|axis| rank + axis)).collect();
    let zeros = Tensor::zeros(&whole, input.dtype())?;
    zeros.overlay(&region.permute(&order), &apart)
}

/// The gradient of [`pixel_unshuffle`] by that factor.
#[derive(Debug)]
struct UnshuffleDerivative(usize);

impl Derivative for UnshuffleDerivative {
    fn name(&self) -> &str {
        "pixel_unshuffle"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        Ok(Gradients::from_iter([Some(pixel_shuffle(context.gradient(0), self.0)?)]))
    }
}

/// `(…, C, H·r, W·r)` to `(…, C·r², H, W)`: the reverse of [`pixel_shuffle`].
pub fn pixel_unshuffle(input: &Tensor, factor: usize) -> Result<Tensor> {
    let name = "pixel_unshuffle";
    let (leading, [channels, height, width]) = image_axes(name, input)?;
    if factor == 0 || !height.is_multiple_of(factor) || !width.is_multiple_of(factor) {
        return Err(Error::shape(
            name,
            format!("height and width must be multiples of {factor}; got {height} and {width}"),
        ));
    }
    let of = |last: &[usize]| -> Shape { leading.iter().chain(last).copied().collect() };
    let apart = input.detach().reshaped(&of(&[channels, height / factor, factor, width / factor, factor]))?;
    let whole = Shape::checked(name, &of(&[channels * factor * factor, height / factor, width / factor]))?;
    // As a view followed by a copy it would differentiate into scattered single pixels.
    let mut results = [reordered(&apart, leading.len(), [0, 2, 4, 1, 3])?.copy()?.reshaped(&whole)?];
    record_gradient(&mut results, &[input], UnshuffleDerivative(factor), &[]);
    let [unshuffled] = results;
    Ok(unshuffled)
}

/// `(N, C, …)` with the channels of `groups` groups dealt out in turn.
///
/// X. Zhang et al., "ShuffleNet", 2018.
pub fn channel_shuffle(input: &Tensor, groups: usize) -> Result<Tensor> {
    let name = "channel_shuffle";
    let &[images, channels, ..] = &input.shape()[..] else {
        return Err(Error::shape(name, format!("needs (N, C, …); got shape {}", input.shape())));
    };
    if input.rank() < 3 {
        return Err(Error::shape(name, format!("needs at least three axes; got shape {}", input.shape())));
    }
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Error::shape(name, format!("{channels} channels cannot be split into {groups} groups")));
    }
    let rest: usize = input.shape()[2..].iter().product();
    let apart = input.reshaped(&Shape::from([images, groups, channels / groups, rest]))?;
    apart.permuted(&[0, 2, 1, 3])?.reshaped(input.shape())
}
