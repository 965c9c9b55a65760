//! Matrix products and convolutions.

use smallvec::SmallVec;
use tenfold_ir::kernel::*;
use tenfold_ir::{Core, DType};

use crate::common::{Draw, FLOATS, NUMBERS, check_core, finite, operand, report};

#[test]
fn products_of_any_shape() {
    let (mut draw, mut failures) = (Draw(6), Vec::new());
    for dtype in NUMBERS {
        for _ in 0..6 {
            let (batch, m) = (1 + draw.below(2), 1 + draw.below(20));
            let (k, n) = (draw.below(40), 1 + draw.below(40));
            let mut part = |shape: &[usize]| operand(&mut draw, dtype, shape, &mut finite(dtype, -2.0, 2.0));
            let inputs = vec![part(&[batch, m, k]), part(&[batch, k, n])];
            check_core(Core::Gemm(Gemm::default()), inputs, &mut failures);
        }
    }
    let mut part =
        |shape: &[usize]| operand(&mut draw, DType::Float32, shape, &mut finite(DType::Float32, -1.0, 1.0));
    check_core(Core::Gemm(Gemm::default()), vec![part(&[60, 600]), part(&[600, 70])], &mut failures);
    report(failures);
}

#[test]
fn convolutions_of_one_to_three_axes() {
    let (mut draw, mut failures) = (Draw(7), Vec::new());
    for dtype in FLOATS {
        for spatial in 1..=3 {
            for _ in 0..6 {
                let groups = 1 + draw.below(2);
                let (batch, channels, outputs) =
                    (1 + draw.below(2), groups * (1 + draw.below(4)), groups * (1 + draw.below(5)));
                let mut three = |low: usize, more: usize| -> SmallVec<[usize; 3]> {
                    (0..spatial).map(|_| low + draw.below(more)).collect()
                };
                let (input, kernel) = (three(3, 8), three(1, 3));
                let (stride, dilation, before, after) = (three(1, 2), three(1, 2), three(0, 3), three(0, 3));
                let core = |kind| Convolution {
                    kind,
                    stride: stride.clone(),
                    padding: before.iter().copied().zip(after.iter().copied()).collect(),
                    dilation: dilation.clone(),
                    groups,
                };
                let forward = core(ConvolutionKind::Forward);
                let Some(output) = (0..spatial)
                    .map(|axis| forward.output_extent(axis, input[axis], kernel[axis]))
                    .collect::<Option<Vec<usize>>>()
                else {
                    continue;
                };
                let with = |first: usize, second: usize, rest: &[usize]| [&[first, second], rest].concat();
                let mut part =
                    |shape: Vec<usize>| operand(&mut draw, dtype, &shape, &mut finite(dtype, -1.0, 1.0));
                let x = with(batch, channels, &input);
                let w = with(outputs, channels / groups, &kernel);
                let g = with(batch, outputs, &output);
                check_core(Core::Convolution(forward), vec![part(x.clone()), part(w.clone())], &mut failures);
                let kind = ConvolutionKind::InputGradient { input: input.clone() };
                check_core(Core::Convolution(core(kind)), vec![part(g.clone()), part(w)], &mut failures);
                let kind = ConvolutionKind::WeightGradient { kernel: kernel.clone() };
                check_core(Core::Convolution(core(kind)), vec![part(x), part(g)], &mut failures);
            }
        }
        // The case that has an algorithm of its own.
        let core = Convolution {
            kind: ConvolutionKind::Forward,
            stride: SmallVec::from_slice(&[1, 1]),
            padding: SmallVec::from_slice(&[(1, 1), (1, 1)]),
            dilation: SmallVec::from_slice(&[1, 1]),
            groups: 1,
        };
        let mut part = |shape: &[usize]| operand(&mut draw, dtype, shape, &mut finite(dtype, -1.0, 1.0));
        let inputs = vec![part(&[1, 16, 13, 14]), part(&[17, 16, 3, 3])];
        check_core(Core::Convolution(core.clone()), inputs, &mut failures);
        // And depthwise with neighbouring pixels.
        let depthwise = |kind| Core::Convolution(Convolution { kind, groups: 3, ..core.clone() });
        let inputs = vec![part(&[2, 3, 7, 17]), part(&[3, 1, 3, 3])];
        check_core(depthwise(ConvolutionKind::Forward), inputs, &mut failures);
        let kind = ConvolutionKind::InputGradient { input: SmallVec::from_slice(&[7, 17]) };
        let inputs = vec![part(&[2, 3, 7, 17]), part(&[3, 1, 3, 3])];
        check_core(depthwise(kind), inputs, &mut failures);
    }
    report(failures);
}
