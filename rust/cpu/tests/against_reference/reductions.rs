//! Reductions and scans.

use tenfold_ir::kernel::*;
use tenfold_ir::{Core, DType, Shape};

use crate::common::{Draw, any_number, check_core, finite, operand, report};

#[test]
fn reductions_over_any_axes() {
    let (mut draw, mut failures) = (Draw(3), Vec::new());
    use Reduction::*;
    for dtype in DType::ALL {
        for operation in [Sum, Product, Max, Min, Any, All, ArgMax, ArgMin, Moments] {
            for axes in [&[] as &[usize], &[0], &[1], &[2], &[0, 2], &[1, 2], &[0, 1, 2]] {
                let shape = [3, 1 + draw.below(40), 1 + draw.below(70)];
                let core = Core::Reduce(Reduce { operation, axes: axes.iter().copied().collect() });
                if core.results(&[Spec::new(Shape::new(&shape), dtype)]).is_err() {
                    continue;
                }
                let special = matches!(operation, Max | Min | ArgMax | ArgMin);
                let given = match special {
                    true => operand(&mut draw, dtype, &shape, &mut any_number(dtype, -9.0, 9.0)),
                    false => operand(&mut draw, dtype, &shape, &mut finite(dtype, -1.5, 1.5)),
                };
                check_core(core, vec![given], &mut failures);
            }
        }
    }
    let long = operand(&mut draw, DType::Float32, &[70_000], &mut finite(DType::Float32, -1.0, 3.0));
    check_core(
        Core::Reduce(Reduce { operation: Sum, axes: [0].into_iter().collect() }),
        vec![long],
        &mut failures,
    );
    report(failures);
}

#[test]
fn scans_along_any_axis() {
    let (mut draw, mut failures) = (Draw(4), Vec::new());
    use ScanOperation::*;
    for dtype in DType::ALL {
        for operation in [Sum, Product, Max, Min, LogSumExp] {
            for axis in 0..2 {
                let core = Core::Scan(Scan { operation, axis, reverse: draw.below(2) == 1 });
                let shape = [1 + draw.below(20), 1 + draw.below(20)];
                if core.results(&[Spec::new(Shape::new(&shape), dtype)]).is_err() {
                    continue;
                }
                let special = matches!(operation, Max | Min);
                let given = match special {
                    true => operand(&mut draw, dtype, &shape, &mut any_number(dtype, -9.0, 9.0)),
                    false => operand(&mut draw, dtype, &shape, &mut finite(dtype, -1.5, 1.5)),
                };
                check_core(core, vec![given], &mut failures);
            }
        }
    }
    report(failures);
}
