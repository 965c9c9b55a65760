use proptest::prelude::*;
use tenfold_ir::kernel::{RowOperation, Rows};
use tenfold_ir::{Core, DType, Scalar, Shape};

use crate::backend::testing::{Draw, Given, assert_same, check, computed, computed_in_place};

const OPERATIONS: [RowOperation; 17] = [
    RowOperation::Softmax,
    RowOperation::LogSoftmax,
    RowOperation::LogSumExp,
    RowOperation::SoftmaxGradient,
    RowOperation::LogSoftmaxGradient,
    RowOperation::LayerNorm { epsilon: 1e-2 },
    RowOperation::LayerNormGradient,
    RowOperation::AffineLayerNorm { epsilon: 1e-2 },
    RowOperation::AffineLayerNormGradient,
    RowOperation::GroupNorm { epsilon: 1e-2 },
    RowOperation::GroupNormGradient,
    RowOperation::RmsNorm { epsilon: 1e-2 },
    RowOperation::RmsNormGradient,
    RowOperation::AffineRmsNorm { epsilon: 1e-2 },
    RowOperation::AffineRmsNormGradient,
    RowOperation::CrossEntropy,
    RowOperation::CrossEntropyGradient,
];

const DTYPES: [DType; 4] = [DType::Float32, DType::Float64, DType::Float16, DType::Bfloat16];

/// Operands for an operation on `x` of that shape; numbers that a forward pass could have given.
fn operands(draw: &mut Draw, rows: &Rows, shape: &Shape, dtype: DType, specials: bool) -> Vec<Given> {
    let outer = shape.without(rows.axis);
    let wide = dtype.compute();
    // Logarithms of probabilities are at most 0, and so are scores less the logarithm of their exponentials' sum.
    let is_bounded =
        matches!(rows.operation, RowOperation::LogSoftmaxGradient | RowOperation::CrossEntropyGradient);
    let mut given = vec![if is_bounded {
        let values: Vec<Scalar> = (0..shape.elements())
            .map(|_| Scalar::Float(-draw.number(dtype, specials).to_f64().abs()))
            .collect();
        draw.lay_out(shape, dtype, &values)
    } else {
        draw.operand(shape, dtype, specials)
    }];
    match rows.operation {
        RowOperation::SoftmaxGradient | RowOperation::LogSoftmaxGradient => {
            given.push(draw.operand(shape, dtype, specials));
        }
        RowOperation::LayerNormGradient => {
            given.push(draw.operand(&outer, wide, specials));
            given.push(draw.operand(&outer, wide, specials));
            given.push(draw.operand(shape, dtype, specials));
        }
        RowOperation::AffineLayerNorm { .. } => {
            given.push(draw.operand(shape, dtype, specials));
            given.push(draw.operand(shape, dtype, specials));
        }
        RowOperation::AffineLayerNormGradient => {
            given.push(draw.operand(&outer, wide, specials));
            given.push(draw.operand(&outer, wide, specials));
            given.push(draw.operand(shape, dtype, specials));
            given.push(draw.operand(shape, dtype, specials));
        }
        RowOperation::GroupNorm { .. } => {
            let weights = weights_of(draw, shape, rows.axis);
            given.push(draw.operand(&weights, dtype, specials));
            given.push(draw.operand(&weights, dtype, specials));
        }
        RowOperation::GroupNormGradient => {
            given.push(draw.operand(&outer, wide, specials));
            given.push(draw.operand(&outer, wide, specials));
            let weights = weights_of(draw, shape, rows.axis);
            given.push(draw.operand(&weights, dtype, specials));
            given.push(draw.operand(shape, dtype, specials));
        }
        RowOperation::RmsNormGradient => {
            given.push(draw.operand(&outer, wide, specials));
            given.push(draw.operand(shape, dtype, specials));
        }
        RowOperation::AffineRmsNorm { .. } => given.push(draw.operand(shape, dtype, specials)),
        RowOperation::AffineRmsNormGradient => {
            given.push(draw.operand(&outer, wide, specials));
            given.push(draw.operand(shape, dtype, specials));
            given.push(draw.operand(shape, dtype, specials));
        }
        RowOperation::CrossEntropy | RowOperation::CrossEntropyGradient => {
            let length = shape[rows.axis];
            // Some of them outside.
            let targets: Vec<Scalar> =
                (0..outer.elements()).map(|_| Scalar::Int(draw.below(length + 2) as i128 - 1)).collect();
            given.push(draw.lay_out(&outer, DType::Int64, &targets));
            if rows.operation == RowOperation::CrossEntropyGradient {
                // The logarithm is at least each score.
                let logs: Vec<Scalar> = (0..outer.elements())
                    .map(|_| Scalar::Float(draw.number(wide, specials).to_f64().abs()))
                    .collect();
                given.push(draw.lay_out(&outer, wide, &logs));
                given.push(draw.operand(&outer, dtype, specials));
            }
        }
        _ => {}
    }
    given
}

/// The shape of weights of runs of a row: its length over some divisor of it.
fn weights_of(draw: &mut Draw, shape: &Shape, axis: usize) -> Shape {
    let length = shape[axis];
    let divisors: Vec<usize> = (1..=length).filter(|count| length.is_multiple_of(*count)).collect();
    shape.replaced(axis, if divisors.is_empty() { 1 } else { draw.pick(&divisors) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn rows_agree_with_the_reference_on_all_tiers_and_threads(seed: u64) {
        let mut draw = Draw::new(seed);
        let rank = 1 + draw.below(3);
        let rows = Rows { operation: draw.pick(&OPERATIONS), axis: draw.below(rank) };
        let (shape, dtype) = (draw.shape(rank, 1500), draw.pick(&DTYPES));
        let specials = draw.one_in(4);
        let given = operands(&mut draw, &rows, &shape, dtype, specials);
        // Up to 91 terms are summed, of which each step rounds once; exponentials are off by 2 ULP.
        check(&Core::Rows(rows), &given, 64.0);
    }

    #[test]
    fn rows_in_place_give_the_same_bits(seed: u64) {
        let mut draw = Draw::new(seed);
        let rank = 1 + draw.below(3);
        let rows = Rows { operation: draw.pick(&OPERATIONS), axis: draw.below(rank) };
        let (shape, dtype) = (draw.shape(rank, 1500), draw.pick(&DTYPES));
        let given = operands(&mut draw, &rows, &shape, dtype, false);
        let core = Core::Rows(rows.clone());
        let wanted = computed(&core, &given).unwrap();
        for index in 0..given.len() {
            if super::can_share(rows.operation, index, 0) {
                assert_same(&computed_in_place(&core, &given, index), &wanted, "in place");
            }
        }
    }
}

#[test]
fn long_rows_go_through_several_chunks() {
    let mut draw = Draw::new(1);
    for operation in OPERATIONS {
        let rows = Rows { operation, axis: 1 };
        let given = operands(&mut draw, &rows, &Shape::from([3, 40_001]), DType::Float32, false);
        // The sums' error grows with the logarithm of the length: 40,001 terms in 64 lanes and a tree.
        check(&Core::Rows(rows), &given, 512.0);
    }
}

#[test]
fn many_rows_are_shared_between_threads() {
    let mut draw = Draw::new(2);
    for axis in [0, 1] {
        let rows = Rows { operation: RowOperation::Softmax, axis };
        let given = operands(&mut draw, &rows, &Shape::from([301, 203]), DType::Float32, false);
        check(&Core::Rows(rows), &given, 64.0);
    }
}

#[test]
fn infinite_rows_of_logsumexp_keep_their_infinity() {
    for (row, wanted) in
        [([f32::NEG_INFINITY; 3], f64::NEG_INFINITY), ([1.0, f32::INFINITY, 2.0], f64::INFINITY)]
    {
        let core = Core::Rows(Rows { operation: RowOperation::LogSumExp, axis: 0 });
        let got = computed(&core, &[Given::dense(&[3], &row)]).unwrap();
        assert_eq!(got[0].values[0].to_f64(), wanted);
    }
}
