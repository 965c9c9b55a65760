//! Pooling.

use smallvec::SmallVec;
use tenfold_ir::kernel::*;
use tenfold_ir::{Core, DType, Scalar};

use crate::common::{Draw, FLOATS, any_number, check_core, finite, operand, report};

#[test]
fn pools_and_their_gradients() {
    let (mut draw, mut failures) = (Draw(8), Vec::new());
    for dtype in FLOATS {
        for spatial in 1..=3 {
            for _ in 0..6 {
                let mut three = |low: usize, more: usize| -> SmallVec<[usize; 3]> {
                    (0..spatial).map(|_| low + draw.below(more)).collect()
                };
                let (input, window, stride) = (three(3, 6), three(1, 3), three(1, 3));
                let padding: SmallVec<[usize; 3]> =
                    window.iter().map(|&extent| draw.below(extent / 2 + 1)).collect();
                let (ceil_mode, count_padding) = (draw.below(2) == 1, draw.below(2) == 1);
                let divisor = (draw.below(3) == 0).then_some(3);
                let core = |kind| Pool {
                    kind,
                    window: window.clone(),
                    stride: stride.clone(),
                    padding: padding.clone(),
                    dilation: SmallVec::from_elem(1, spatial),
                    ceil_mode,
                };
                let max = core(PoolKind::Max);
                let Some(output) = (0..spatial)
                    .map(|axis| max.output_extent(axis, input[axis]))
                    .collect::<Option<Vec<usize>>>()
                else {
                    continue;
                };
                let (x, g) = ([&[2, 2], &input[..]].concat(), [&[2, 2], &output[..]].concat());
                let special = operand(&mut draw, dtype, &x, &mut any_number(dtype, -3.0, 3.0));
                check_core(Core::Pool(max), vec![special], &mut failures);
                let mut part =
                    |shape: &[usize]| operand(&mut draw, dtype, shape, &mut finite(dtype, -3.0, 3.0));
                let average = PoolKind::Average { count_padding, divisor };
                check_core(Core::Pool(core(average)), vec![part(&x)], &mut failures);
                let average = PoolKind::AverageGradient { count_padding, divisor, input: input.clone() };
                check_core(Core::Pool(core(average)), vec![part(&g)], &mut failures);
                let gradient = part(&g);
                let plane: usize = input.iter().product();
                let indices =
                    operand(&mut draw, DType::Int64, &g, &mut |draw| Scalar::Int(draw.below(plane) as i128));
                let max = PoolKind::MaxGradient { input: input.clone() };
                check_core(Core::Pool(core(max)), vec![gradient, indices], &mut failures);
            }
        }
    }
    report(failures);
}
