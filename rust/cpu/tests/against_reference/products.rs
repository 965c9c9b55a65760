//! Matrix products and convolutions.

use smallvec::SmallVec;
use tenfold_ir::kernel::*;
use tenfold_ir::{Core, DType, Shape};

use crate::common::{Draw, FLOATS, NUMBERS, check_with_and_without_epilogue, finite, operand, report};

#[test]
fn products_of_any_shape() {
    let (mut draw, mut failures) = (Draw(6), Vec::new());
    for dtype in NUMBERS {
        for _ in 0..6 {
            let (batch, m) = (1 + draw.below(2), 1 + draw.below(20));
            let (k, n) = (draw.below(40), 1 + draw.below(40));
            let mut part = |shape: &[usize]| operand(&mut draw, dtype, shape, &mut finite(dtype, -2.0, 2.0));
            let inputs = vec![part(&[batch, m, k]), part(&[batch, k, n])];
            check_with_and_without_epilogue(Core::Gemm(Gemm::default()), inputs, &mut draw, &mut failures);
        }
    }
    let mut part =
        |shape: &[usize]| operand(&mut draw, DType::Float32, shape, &mut finite(DType::Float32, -1.0, 1.0));
    let inputs = vec![part(&[60, 600]), part(&[600, 70])];
    check_with_and_without_epilogue(Core::Gemm(Gemm::default()), inputs, &mut draw, &mut failures);
    report(failures);
}

/// Axes in front of the rows that share their right matrix are joined to the rows where these lie the same distance apart.
#[test]
fn products_with_one_right_matrix() {
    let (mut draw, mut failures) = (Draw(16), Vec::new());
    for dtype in [DType::Float32, DType::Bfloat16, DType::Int16, DType::Complex128] {
        for batch in [&[3][..], &[1], &[2, 1], &[3, 2], &[2, 3, 2], &[1, 4, 1]] {
            for (rows, shares) in [(1, 0), (5, 0), (7, 1)] {
                let (k, n) = (1 + draw.below(30), 1 + draw.below(40));
                let a: Vec<usize> = [batch, &[rows, k]].concat();
                let a = operand(&mut draw, dtype, &a, &mut finite(dtype, -2.0, 2.0));
                // The outermost axes may have a matrix each.
                let b: Vec<usize> = [&batch[..shares], &vec![1; batch.len() - shares], &[k, n]].concat();
                let (mut b, buffer) = operand(&mut draw, dtype, &b, &mut finite(dtype, -2.0, 2.0));
                let shape = Shape::new(&[batch, &[k, n]].concat());
                b.layout = b.layout.broadcast_to(&shape).unwrap();
                let inputs = vec![a, (b, buffer)];
                check_with_and_without_epilogue(
                    Core::Gemm(Gemm::default()),
                    inputs,
                    &mut draw,
                    &mut failures,
                );
            }
        }
    }
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
                let of_input = core(ConvolutionKind::InputGradient { input: input.clone() });
                let of_weight = core(ConvolutionKind::WeightGradient { kernel: kernel.clone() });
                let all = [
                    (forward, vec![part(x.clone()), part(w.clone())]),
                    (of_input, vec![part(g.clone()), part(w)]),
                    (of_weight, vec![part(x), part(g)]),
                ];
                for (core, inputs) in all {
                    let core = Core::Convolution(core);
                    check_with_and_without_epilogue(core, inputs, &mut draw, &mut failures);
                }
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
        let mut check = |core: Core, shapes: [&[usize]; 2]| {
            let part = |shape: &[usize]| operand(&mut draw, dtype, shape, &mut finite(dtype, -1.0, 1.0));
            let inputs = shapes.map(part).into();
            check_with_and_without_epilogue(core, inputs, &mut draw, &mut failures);
        };
        check(Core::Convolution(core.clone()), [&[1, 16, 13, 14], &[17, 16, 3, 3]]);
        // And depthwise with neighbouring pixels.
        let depthwise = |kind| Core::Convolution(Convolution { kind, groups: 3, ..core.clone() });
        check(depthwise(ConvolutionKind::Forward), [&[2, 3, 7, 17], &[3, 1, 3, 3]]);
        let kind = ConvolutionKind::InputGradient { input: SmallVec::from_slice(&[7, 17]) };
        check(depthwise(kind), [&[2, 3, 7, 17], &[3, 1, 3, 3]]);
    }
    report(failures);
}
