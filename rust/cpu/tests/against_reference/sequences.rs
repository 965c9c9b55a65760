//! Recurrent layers and attention.

use tenfold_ir::kernel::*;
use tenfold_ir::{Buffer, Core, DType, Operand, Scalar};

use crate::common::{Draw, check_core, check_with_epilogue, finite, operand, report};

#[test]
fn recurrent_layers_and_their_gradients() {
    use Recurrence::*;
    let (mut draw, mut failures) = (Draw(17), Vec::new());
    for (recurrence, dtype) in
        [Tanh, Relu, Lstm, Gru].into_iter().flat_map(|r| [(r, DType::Float32), (r, DType::Float64)])
    {
        for (units, sizes) in
            [(1, vec![1]), (37, vec![1]), (7, vec![3, 3, 1]), (13, vec![5, 2]), (20, vec![8, 8])]
        {
            let (rows, sequences): (usize, usize) = (sizes.iter().sum(), sizes[0]);
            let (wide, kept) = (units * recurrence.gates(), units * recurrence.kept());
            let reverse = draw.below(2) == 1;
            let mut given = |shapes: &[[usize; 2]]| -> Vec<(Operand, Buffer)> {
                shapes
                    .iter()
                    .map(|shape| operand(&mut draw, dtype, shape, &mut finite(dtype, -0.5, 0.5)))
                    .collect()
            };
            let (all, each) = ([rows, units], [sequences, units]);
            let mut of_forward = given(&[[rows, wide], [wide, units], each]);
            let mut of_gradient = given(&[[wide, units], each, all, all, each]);
            if kept > 0 {
                of_gradient.extend(given(&[[rows, kept]]));
            }
            if recurrence == Lstm {
                of_forward.extend(given(&[each]));
                of_gradient.extend(given(&[each, all, each]));
            }
            let forward = RecurrentKind::Forward { keep: units != 7, bias: false };
            for (kind, operands) in [(forward, of_forward), (RecurrentKind::Gradient, of_gradient)] {
                let core = Recurrent { recurrence, kind, reverse, sizes: sizes.clone().into() };
                check_core(Core::Recurrent(core), operands, &mut failures);
            }
        }
    }
    report(failures);
}

#[test]
fn attention_and_its_gradient() {
    let (mut draw, mut failures) = (Draw(11), Vec::new());
    for dtype in [DType::Float32, DType::Float64] {
        for round in 0..24 {
            let (outer, groups, ratio) = (1 + draw.below(2), 1 + draw.below(2), 1 + draw.below(3));
            let heads = groups * ratio;
            let (queries, keys) = (1 + draw.below(40), 1 + draw.below(40));
            let (depth, width) = (1 + draw.below(20), 1 + draw.below(20));
            let causal = draw.below(2) == 1;
            let core = |kind| Core::Attention(Attention { kind, causal, scale: 0.5 });
            let output = [outer, heads, queries, width];
            let shapes = [
                vec![outer, heads, queries, depth],
                vec![outer, groups, keys, depth],
                vec![outer, groups, keys, width],
                output.to_vec(),
                // Logarithms that a forward pass could have given: above most scores.
                output[..3].to_vec(),
                output.to_vec(),
            ];
            let mut part = |index: usize| {
                let (low, high) = if index == 4 { (2.0, 5.0) } else { (-1.0, 1.0) };
                operand(&mut draw, dtype, &shapes[index], &mut finite(dtype, low, high))
            };
            let mut forward: Vec<_> = (0..3).map(&mut part).collect();
            let mut gradient: Vec<_> = (0..6).map(&mut part).collect();
            if draw.below(2) == 1 {
                let shape = [outer, heads, queries, keys];
                let dtype = if draw.below(2) == 1 { DType::Bool } else { dtype };
                let mut mask = || operand(&mut draw, dtype, &shape, &mut any_mask(dtype));
                forward.push(mask());
                gradient.push(mask());
            }
            let core_forward = core(AttentionKind::Forward);
            if round % 2 == 0 {
                check_core(core_forward, forward, &mut failures);
            } else {
                let added = operand(&mut draw, dtype, &output, &mut finite(dtype, -1.0, 1.0));
                check_with_epilogue(core_forward, forward, added, draw.below(2) == 1, &mut failures);
            }
            check_core(core(AttentionKind::Gradient), gradient, &mut failures);
        }
    }
    report(failures);
}

/// Truth values, or numbers of which some are −∞.
fn any_mask(dtype: DType) -> impl FnMut(&mut Draw) -> Scalar {
    move |draw| match (dtype, draw.below(3)) {
        (DType::Bool, drawn) => Scalar::Bool(drawn > 0),
        (_, 0) => Scalar::Float(f64::NEG_INFINITY),
        _ => finite(dtype, -2.0, 2.0)(draw),
    }
}
