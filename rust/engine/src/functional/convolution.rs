//! Convolutions over one to three spatial axes, and transposed ones.

use smallvec::SmallVec;
use tenfold_ir::kernel::{Convolution, ConvolutionKind};
use tenfold_ir::{Core, Error, Result};

use super::check_same_dtype;
use super::normalization::{by_channel, check_parameter};
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};
use crate::{Tensor, autocast};

type Extents = SmallVec<[usize; 3]>;

/// Zeros around the input of a convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConvolutionPadding {
    /// So many before and after each spatial axis; one number counts for all.
    Zeros(Vec<usize>),
    /// As many as keep the extents (stride 1); an odd one goes behind.
    Same,
    /// None.
    Valid,
}

/// The settings of [`conv`]; a list with one number counts for all spatial axes.
#[derive(Clone, Debug)]
pub struct ConvolutionOptions {
    /// Step between outputs.
    pub stride: Vec<usize>,
    /// Zeros around the input.
    pub padding: ConvolutionPadding,
    /// Step between elements of the kernel.
    pub dilation: Vec<usize>,
    /// Channels are split into so many independent groups.
    pub groups: usize,
}

impl Default for ConvolutionOptions {
    fn default() -> ConvolutionOptions {
        ConvolutionOptions {
            stride: vec![1],
            padding: ConvolutionPadding::Zeros(vec![0]),
            dilation: vec![1],
            groups: 1,
        }
    }
}

/// The settings of [`conv_transpose`]; a list with one number counts for all spatial axes.
#[derive(Clone, Debug)]
pub struct TransposedOptions {
    /// Step between the inputs in the output.
    pub stride: Vec<usize>,
    /// What the padding of the convolution was that this one transposes.
    pub padding: Vec<usize>,
    /// Added to the extents of the output, behind.
    pub output_padding: Vec<usize>,
    /// Step between elements of the kernel.
    pub dilation: Vec<usize>,
    /// Channels are split into so many independent groups.
    pub groups: usize,
}

impl Default for TransposedOptions {
    fn default() -> TransposedOptions {
        TransposedOptions {
            stride: vec![1],
            padding: vec![0],
            output_padding: vec![0],
            dilation: vec![1],
            groups: 1,
        }
    }
}

/// The derivative of each of the three products of a convolution: the other two.
#[derive(Debug)]
struct ConvolutionDerivative(Convolution);

impl ConvolutionDerivative {
    fn product(&self, kind: ConvolutionKind, a: &Tensor, b: &Tensor) -> Result<Option<Tensor>> {
        product(Convolution { kind, ..self.0.clone() }, a, b).map(Some)
    }

    /// The convolution, of which these extents are wanted: a transposed one whose output padding is beyond the stride
    /// (but below the dilation) leaves room for more windows than its input has pixels.
    fn forward(&self, input: &Tensor, weight: &Tensor, extents: &[usize]) -> Result<Option<Tensor>> {
        let whole = product(Convolution { kind: ConvolutionKind::Forward, ..self.0.clone() }, input, weight)?;
        let crop = |tensor: Tensor, axis: usize| match tensor.shape()[axis + 2] == extents[axis] {
            true => Ok(tensor),
            false => tensor.slice(axis as i64 + 2, 0, 1, extents[axis]),
        };
        (0..extents.len()).try_fold(whole, crop).map(Some)
    }
}

impl Derivative for ConvolutionDerivative {
    fn name(&self) -> &str {
        self.0.kind.name()
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (first, second, gradient) = (context.saved(0), context.saved(1), context.gradient(0));
        let spatial = |tensor: &Tensor| Extents::from_slice(&tensor.shape()[2..]);
        let input = |of: &Tensor| ConvolutionKind::InputGradient { input: spatial(of) };
        let kernel = |of: &Tensor| ConvolutionKind::WeightGradient { kernel: spatial(of) };
        let of_first = || match &self.0.kind {
            ConvolutionKind::Forward => self.product(input(first), gradient, second),
            ConvolutionKind::InputGradient { .. } => self.forward(gradient, second, &first.shape()[2..]),
            ConvolutionKind::WeightGradient { .. } => self.product(input(first), second, gradient),
        };
        let of_second = || match &self.0.kind {
            ConvolutionKind::Forward => self.product(kernel(second), first, gradient),
            ConvolutionKind::InputGradient { .. } => self.product(kernel(second), gradient, first),
            ConvolutionKind::WeightGradient { .. } => self.forward(first, gradient, &second.shape()[2..]),
        };
        let of_first = if context.needs(0) { of_first()? } else { None };
        let of_second = if context.needs(1) { of_second()? } else { None };
        Ok(Gradients::from_iter([of_first, of_second]))
    }
}

fn product(core: Convolution, first: &Tensor, second: &Tensor) -> Result<Tensor> {
    let mut results = Tensor::record_core(Core::Convolution(core.clone()), &[first, second])?;
    let saved = [Saved::Input(0), Saved::Input(1)];
    record_gradient(&mut results, &[first, second], ConvolutionDerivative(core), &saved);
    Ok(results.remove(0))
}

/// One number for each of `count` spatial axes, from one for all or as many.
pub(super) fn expand(
    operation: &'static str,
    name: &str,
    given: &[usize],
    count: usize,
    least: usize,
) -> Result<Extents> {
    // More than any memory holds, and small enough that sums cannot overflow.
    const LARGEST: usize = i32::MAX as usize;
    if let Some(wrong) = given.iter().find(|&&value| !(least..=LARGEST).contains(&value)) {
        return Err(Error::shape(
            operation,
            format!("{name} must be from {least} to {LARGEST}; got {wrong}"),
        ));
    }
    match given {
        [one] => Ok(SmallVec::from_elem(*one, count)),
        _ if given.len() == count => Ok(Extents::from_slice(given)),
        _ => Err(Error::shape(operation, format!("{name} needs 1 or {count} numbers; got {given:?}"))),
    }
}

/// An input with a batch axis, and whether it had none.
pub(super) fn batched(operation: &'static str, input: &Tensor, spatial: usize) -> Result<(Tensor, bool)> {
    match input.rank() {
        rank if rank == spatial + 2 => Ok((input.clone(), false)),
        rank if rank == spatial + 1 => Ok((input.unsqueeze(0)?, true)),
        _ => Err(Error::shape(
            operation,
            format!(
                "the input needs {} axes, or {} without a batch; got shape {}",
                spatial + 2,
                spatial + 1,
                input.shape()
            ),
        )),
    }
}

fn with_bias(output: Tensor, bias: Option<&Tensor>, unbatched: bool) -> Result<Tensor> {
    let output = match bias {
        Some(bias) => output.add(&by_channel(bias, output.rank())?)?,
        None => output,
    };
    if unbatched { output.squeeze(&[0]) } else { Ok(output) }
}

const NAMES: [&str; 3] = ["conv1d", "conv2d", "conv3d"];
const TRANSPOSED_NAMES: [&str; 3] = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"];

/// The number of spatial axes, by that of the weight.
fn spatial_axes(names: [&'static str; 3], weight: &Tensor) -> Result<(&'static str, usize)> {
    match weight.rank() {
        rank @ 3..=5 => Ok((names[rank - 3], rank - 2)),
        _ => Err(Error::shape(
            "conv",
            format!("the weight needs 3 to 5 axes (out, in/groups, kernel…); got shape {}", weight.shape()),
        )),
    }
}

/// The cross-correlation of `input` `(N, C, spatial…)` or `(C, spatial…)` with `weight` `(O, C/groups, kernel…)`, plus
/// `bias` `(O)`: `(N, O, out…)`, over one to three spatial axes.
///
/// ```
/// use tenfold::{DType, Tensor, functional};
/// let (x, weight) = (Tensor::ones(&[1, 1, 4, 4], DType::Float32)?, Tensor::ones(&[2, 1, 3, 3], DType::Float32)?);
/// let y = functional::conv(&x, &weight, None, &functional::ConvolutionOptions::default())?;
/// assert_eq!(y.shape().to_vec(), [1, 2, 2, 2]);
/// # tenfold::Result::Ok(())
/// ```
pub fn conv(
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    options: &ConvolutionOptions,
) -> Result<Tensor> {
    let (name, spatial) = spatial_axes(NAMES, weight)?;
    let (input, weight) = (&*autocast::lowered(input)?, &*autocast::lowered(weight)?);
    let bias = autocast::lowered_option(bias)?;
    let bias = bias.as_deref();
    check_same_dtype(name, input, weight)?;
    check_parameter(name, "bias", bias, &weight.shape()[..1])?;
    let (input, unbatched) = batched(name, input, spatial)?;
    let stride = expand(name, "stride", &options.stride, spatial, 1)?;
    let dilation = expand(name, "dilation", &options.dilation, spatial, 1)?;
    let kernel = &weight.shape()[2..];
    let padding: SmallVec<[(usize, usize); 3]> = match &options.padding {
        ConvolutionPadding::Zeros(zeros) => {
            expand(name, "padding", zeros, spatial, 0)?.iter().map(|&zeros| (zeros, zeros)).collect()
        }
        ConvolutionPadding::Valid => SmallVec::from_elem((0, 0), spatial),
        ConvolutionPadding::Same => {
            if stride.iter().any(|&step| step != 1) {
                return Err(Error::shape(name, format!("padding 'same' needs stride 1; got {stride:?}")));
            }
            let total = |axis: usize| dilation[axis].saturating_mul(kernel[axis].saturating_sub(1));
            (0..spatial).map(|axis| (total(axis) / 2, total(axis) - total(axis) / 2)).collect()
        }
    };
    let groups = options.groups;
    let (channels, per_group) = (input.shape()[1], weight.shape()[1]);
    if groups == 0 || !weight.shape()[0].is_multiple_of(groups) {
        return Err(Error::shape(
            name,
            format!("{} output channels cannot be split into {groups} groups", weight.shape()[0]),
        ));
    }
    if per_group.checked_mul(groups) != Some(channels) {
        return Err(Error::shape(
            name,
            format!(
                "a weight of shape {} with {groups} groups needs {} input channels; got {channels} in shape {}",
                weight.shape(),
                per_group.saturating_mul(groups),
                input.shape()
            ),
        ));
    }
    let core = Convolution { kind: ConvolutionKind::Forward, stride, padding, dilation, groups };
    for (axis, &extent) in kernel.iter().enumerate() {
        if core.output_extent(axis, input.shape()[axis + 2], extent).is_none() {
            let (before, after) = core.padding[axis];
            return Err(Error::shape(
                name,
                format!(
                    "a kernel of extent {} (dilation {}) does not fit extent {} padded by {before} and {after}",
                    extent,
                    core.dilation[axis],
                    input.shape()[axis + 2]
                ),
            ));
        }
    }
    with_bias(product(core, &input, weight)?, bias, unbatched)
}

/// The transposed convolution of `input` `(N, C, spatial…)` or `(C, spatial…)` with `weight` `(C, O/groups, kernel…)`,
/// plus `bias` `(O)`: the gradient of [`conv`] with respect to its input.
pub fn conv_transpose(
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    options: &TransposedOptions,
) -> Result<Tensor> {
    let (name, spatial) = spatial_axes(TRANSPOSED_NAMES, weight)?;
    let (input, weight) = (&*autocast::lowered(input)?, &*autocast::lowered(weight)?);
    let bias = autocast::lowered_option(bias)?;
    let bias = bias.as_deref();
    check_same_dtype(name, input, weight)?;
    let (input, unbatched) = batched(name, input, spatial)?;
    let stride = expand(name, "stride", &options.stride, spatial, 1)?;
    let padding = expand(name, "padding", &options.padding, spatial, 0)?;
    let output_padding = expand(name, "output_padding", &options.output_padding, spatial, 0)?;
    let dilation = expand(name, "dilation", &options.dilation, spatial, 1)?;
    let groups = options.groups;
    let channels = input.shape()[1];
    if groups == 0 || channels != weight.shape()[0] || !channels.is_multiple_of(groups) {
        return Err(Error::shape(
            name,
            format!(
                "a weight of shape {} with {groups} groups does not fit an input of shape {}",
                weight.shape(),
                input.shape()
            ),
        ));
    }
    let outputs = weight.shape()[1]
        .checked_mul(groups)
        .ok_or_else(|| Error::shape(name, format!("too many output channels; got {groups} groups")))?;
    check_parameter(name, "bias", bias, &[outputs])?;
    let mut extents = Extents::new();
    for axis in 0..spatial {
        if output_padding[axis] >= stride[axis].max(dilation[axis]) {
            return Err(Error::shape(
                name,
                format!(
                    "output_padding must be smaller than stride or dilation; got {}, {} and {}",
                    output_padding[axis], stride[axis], dilation[axis]
                ),
            ));
        }
        let (input_extent, kernel) = (input.shape()[axis + 2] as i128, weight.shape()[axis + 2] as i128);
        let extent = (input_extent - 1) * stride[axis] as i128 - 2 * padding[axis] as i128
            + dilation[axis] as i128 * (kernel - 1)
            + output_padding[axis] as i128
            + 1;
        let extent =
            usize::try_from(extent).ok().filter(|&extent| extent > 0 && kernel > 0 && input_extent > 0);
        extents.push(extent.ok_or_else(|| {
            Error::shape(name, format!("nothing is left of the output; got shape {}", input.shape()))
        })?);
    }
    let core = Convolution {
        kind: ConvolutionKind::InputGradient { input: extents },
        stride,
        padding: padding.iter().map(|&zeros| (zeros, zeros)).collect(),
        dilation,
        groups,
    };
    with_bias(product(core, &input, weight)?, bias, unbatched)
}
