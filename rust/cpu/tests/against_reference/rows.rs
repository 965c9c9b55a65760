//! Operations on whole rows.

use tenfold_ir::kernel::*;
use tenfold_ir::{Core, DType, Scalar};

use crate::common::{Draw, FLOATS, check_core, check_with_prologue, finite, operand, report};

#[test]
fn rows_forward_and_backward() {
    let (mut draw, mut failures) = (Draw(5), Vec::new());
    use RowOperation::*;
    let operations = [
        Softmax,
        LogSoftmax,
        LogSumExp,
        SoftmaxGradient,
        LogSoftmaxGradient,
        LayerNorm { epsilon: 1e-5 },
        LayerNormGradient,
        AffineLayerNorm { epsilon: 1e-5 },
        AffineLayerNormGradient,
        GroupNorm { epsilon: 1e-5 },
        GroupNormGradient,
        RmsNorm { epsilon: 1e-6 },
        RmsNormGradient,
        AffineRmsNorm { epsilon: 1e-6 },
        AffineRmsNormGradient,
        CrossEntropy,
        CrossEntropyGradient,
    ];
    for dtype in FLOATS {
        for operation in operations {
            for (axis, is_computed) in [(0, false), (0, true), (1, false), (1, true)] {
                let shape = [1 + draw.below(30), 1 + draw.below(200)];
                let outer = [shape[1 - axis]];
                let wide = dtype.compute();
                let row =
                    |draw: &mut Draw, low, high| operand(draw, dtype, &shape, &mut finite(dtype, low, high));
                let x = row(&mut draw, -8.0, 8.0);
                let one =
                    |draw: &mut Draw, low, high| operand(draw, wide, &outer, &mut finite(wide, low, high));
                let target = |draw: &mut Draw| {
                    let extent = shape[axis];
                    operand(draw, DType::Int64, &outer, &mut |draw| {
                        Scalar::Int(draw.below(extent + 1) as i128 - 1)
                    })
                };
                let divisors: Vec<usize> =
                    (1..=shape[axis]).filter(|count| shape[axis].is_multiple_of(*count)).collect();
                let mut weights = shape;
                weights[axis] = divisors[draw.below(divisors.len())];
                let runs = |draw: &mut Draw, low, high| {
                    operand(draw, dtype, &weights, &mut finite(dtype, low, high))
                };
                let inputs = match operation {
                    Softmax | LogSoftmax | LogSumExp | LayerNorm { .. } | RmsNorm { .. } => vec![x],
                    SoftmaxGradient => vec![row(&mut draw, 0.0, 1.0), row(&mut draw, -2.0, 2.0)],
                    LogSoftmaxGradient => vec![row(&mut draw, -5.0, 0.0), row(&mut draw, -2.0, 2.0)],
                    LayerNormGradient => {
                        vec![
                            x,
                            one(&mut draw, -0.5, 0.5),
                            one(&mut draw, 0.1, 0.3),
                            row(&mut draw, -2.0, 2.0),
                        ]
                    }
                    AffineLayerNorm { .. } => vec![x, row(&mut draw, 0.5, 2.0), row(&mut draw, -2.0, 2.0)],
                    AffineLayerNormGradient => {
                        vec![
                            x,
                            one(&mut draw, -0.5, 0.5),
                            one(&mut draw, 0.1, 0.3),
                            row(&mut draw, 0.5, 2.0),
                            row(&mut draw, -2.0, 2.0),
                        ]
                    }
                    GroupNorm { .. } => {
                        vec![x, runs(&mut draw, 0.5, 2.0), runs(&mut draw, -2.0, 2.0)]
                    }
                    GroupNormGradient => {
                        vec![
                            x,
                            one(&mut draw, -0.5, 0.5),
                            one(&mut draw, 0.1, 0.3),
                            runs(&mut draw, 0.5, 2.0),
                            row(&mut draw, -2.0, 2.0),
                        ]
                    }
                    RmsNormGradient => vec![x, one(&mut draw, 0.1, 0.3), row(&mut draw, -2.0, 2.0)],
                    AffineRmsNorm { .. } => vec![x, row(&mut draw, 0.5, 2.0)],
                    AffineRmsNormGradient => {
                        vec![x, one(&mut draw, 0.1, 0.3), row(&mut draw, 0.5, 2.0), row(&mut draw, -2.0, 2.0)]
                    }
                    CrossEntropy => vec![x, target(&mut draw)],
                    CrossEntropyGradient => {
                        let gradient = operand(&mut draw, dtype, &outer, &mut finite(dtype, -2.0, 2.0));
                        vec![x, target(&mut draw), one(&mut draw, 8.0, 13.0), gradient]
                    }
                };
                let core = Core::Rows(Rows { operation, axis });
                if is_computed {
                    let added = row(&mut draw, -1.0, 0.0);
                    check_with_prologue(core, inputs, added, &mut failures);
                } else {
                    check_core(core, inputs, &mut failures);
                }
            }
        }
    }
    report(failures);
}
