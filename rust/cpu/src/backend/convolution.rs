//! Convolutions: from the kernel form to [`crate::convolution`].

use tenfold_ir::kernel::{Convolution, ConvolutionKind};
use tenfold_ir::{DType, Element, Error, Result, Shape, bf16, f16};

use super::dense::Dense;
use super::epilogue::Finish;
use super::view::{Input, OutputView};
use crate::convolution::{self, Axis, ConvolutionElement, Geometry};
use crate::gemm::{Block, Epilogue};

/// One of the three products of a convolution.
pub fn run(
    core: &Convolution,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    finish: Option<&Finish>,
) -> Result<()> {
    match inputs[0].dtype {
        DType::Float16 => convolve::<f16>(core, inputs, outputs, finish),
        DType::Bfloat16 => convolve::<bf16>(core, inputs, outputs, finish),
        DType::Float32 => convolve::<f32>(core, inputs, outputs, finish),
        DType::Float64 => convolve::<f64>(core, inputs, outputs, finish),
        other => Err(Error::dtype(core.kind.name(), format!("not defined for {other}"))),
    }
}

fn convolve<T: Element + ConvolutionElement>(
    core: &Convolution,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    finish: Option<&Finish>,
) -> Result<()> {
    let ([first, second], [output]) = (inputs, outputs) else {
        return Err(Error::state(core.kind.name(), "needs two inputs and an output"));
    };
    let result = output.shape.clone();
    // The image, the filter and the image that comes out, whichever of them is computed.
    let (image, filter, pixels) = match &core.kind {
        ConvolutionKind::Forward => (first.shape(), second.shape(), &result),
        ConvolutionKind::InputGradient { .. } => (&result, second.shape(), first.shape()),
        ConvolutionKind::WeightGradient { .. } => (first.shape(), &result, second.shape()),
    };
    let geometry = geometry_of(core, image, filter, pixels);
    let (first, second) = (Dense::new(first)?, Dense::new(second)?);
    let (a, b) = (first.values::<T>()?, second.values::<T>()?);
    let target = output.values::<T>()?;
    let on_block = finish.map(|finish| move |block: &mut Block<'_, T>| finish.block(block));
    let epilogue = on_block.as_ref().map(|on_block| on_block as &Epilogue<'_, T>);
    match &core.kind {
        ConvolutionKind::Forward => convolution::forward(&geometry, a, b, target, epilogue),
        ConvolutionKind::InputGradient { .. } => {
            convolution::input_gradient(&geometry, a, b, target, epilogue)
        }
        ConvolutionKind::WeightGradient { .. } => {
            convolution::weight_gradient(&geometry, a, b, target, epilogue)
        }
    }
}

/// `image (N, C, …)`, `filter (O, C / groups, …)` and `pixels (N, O, …)`; missing axes are units in front.
fn geometry_of(core: &Convolution, image: &Shape, filter: &Shape, pixels: &Shape) -> Geometry {
    let spatial = core.stride.len();
    let mut axes = [Axis::UNIT; 3];
    for axis in 0..spatial {
        axes[3 - spatial + axis] = Axis {
            input: image[axis + 2],
            kernel: filter[axis + 2],
            output: pixels[axis + 2],
            stride: core.stride[axis],
            before: core.padding[axis].0,
            dilation: core.dilation[axis],
        };
    }
    Geometry {
        images: image[0],
        groups: core.groups,
        input_channels: filter[1],
        output_channels: filter[0] / core.groups.max(1),
        axes,
    }
}
