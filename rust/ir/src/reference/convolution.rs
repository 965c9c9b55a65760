//! Convolution and its gradients: one loop over all products of the forward convolution.

use smallvec::SmallVec;

use super::number::Wide;
use super::tensor::{Point, Tensor, points};
use crate::kernel::{Convolution, ConvolutionKind, Specs};
use crate::{Scalar, Shape};

pub(super) fn convolution(core: &Convolution, inputs: &[Tensor], results: &Specs) -> Vec<Tensor> {
    let (spec, dtype) = (results[0].clone(), results[0].dtype);
    let (first, second, result) = (inputs[0].shape(), inputs[1].shape(), &spec.shape);
    // The shapes of the forward convolution's three tensors, whichever of them is the result.
    let (input, weight, output): (&Shape, &Shape, &Shape) = match core.kind {
        ConvolutionKind::Forward => (first, second, result),
        ConvolutionKind::InputGradient { .. } => (result, second, first),
        ConvolutionKind::WeightGradient { .. } => (first, result, second),
    };
    let outputs_a_group = weight[0] / core.groups.max(1);
    let zero = Wide::of(Scalar::Int(0), dtype);
    let mut totals = vec![zero; spec.shape.elements()];
    let result_tensor = Tensor::filled(spec.clone(), Scalar::Float(0.0));
    for at_output in points(output) {
        let (batch, channel) = (at_output[0], at_output[1]);
        let group = channel / outputs_a_group.max(1);
        for at_kernel in points(&weight[1..]) {
            let Some(spatial) = input_position(core, input, &at_output[2..], &at_kernel[1..]) else {
                continue;
            };
            let at_input: Point =
                [batch, group * weight[1] + at_kernel[0]].into_iter().chain(spatial).collect();
            let at_weight: Point = std::iter::once(channel).chain(at_kernel.iter().copied()).collect();
            let (left, right, sum) = match core.kind {
                ConvolutionKind::Forward => (&at_input, &at_weight, &at_output),
                ConvolutionKind::InputGradient { .. } => (&at_output, &at_weight, &at_input),
                ConvolutionKind::WeightGradient { .. } => (&at_input, &at_output, &at_weight),
            };
            let product = Wide::of(inputs[0].at(left), dtype).multiply(Wide::of(inputs[1].at(right), dtype));
            let total = &mut totals[result_tensor.position(sum)];
            *total = total.add(product);
        }
    }
    let values = totals.into_iter().map(|total| total.round(dtype)).collect();
    vec![Tensor::new(spec, values)]
}

/// Where an element of the kernel meets the input; `None` in the padding.
fn input_position(
    core: &Convolution,
    input: &[usize],
    output: &[usize],
    kernel: &[usize],
) -> Option<SmallVec<[usize; 3]>> {
    (0..output.len())
        .map(|axis| {
            let reached = output[axis] * core.stride[axis] + kernel[axis] * core.dilation[axis];
            reached.checked_sub(core.padding[axis].0).filter(|&position| position < input[axis + 2])
        })
        .collect()
}
