//! Reading and writing by index.

use tenfold_ir::kernel::*;
use tenfold_ir::{Boolean, Core, DType, Layout, Scalar, Shape};

use crate::common::{Draw, check_core, finite, operand, report};

#[test]
fn indexing_in_every_mode() {
    let (mut draw, mut failures) = (Draw(9), Vec::new());
    use ScatterMode::*;
    for dtype in DType::ALL {
        let numbers =
            |draw: &mut Draw, shape: &[usize]| operand(draw, dtype, shape, &mut finite(dtype, -3.0, 3.0));
        let indices = |draw: &mut Draw, shape: &[usize], extent: usize| {
            operand(draw, DType::Int64, shape, &mut |draw| {
                Scalar::Int(draw.below(2 * extent) as i128 - extent as i128)
            })
        };
        for axes in 1..=2 {
            let mut inputs = vec![numbers(&mut draw, &[5, 6, 7])];
            let given: Vec<_> = (0..axes).map(|axis| indices(&mut draw, &[3, 4], 5 + axis)).collect();
            inputs.extend(given);
            check_core(Core::Index(Index::Gather { axes }), inputs, &mut failures);
        }
        check_core(
            Core::Index(Index::TakeAlong { axis: 1 }),
            vec![numbers(&mut draw, &[5, 6, 7]), indices(&mut draw, &[4, 9, 7], 6)],
            &mut failures,
        );
        for mode in [Assign, Add, Multiply, Max, Min] {
            for core in [Index::Scatter { axes: 1, mode }, Index::PutAlong { axis: 0, mode }] {
                let spec = Spec::new(Shape::from([5, 3]), dtype);
                if Core::Index(core.clone()).results(&[spec]).is_err() {
                    continue;
                }
                let (index, values): (&[usize], &[usize]) = match core {
                    Index::Scatter { .. } => (&[9], &[9, 3]),
                    _ => (&[9, 2], &[10, 3]),
                };
                let inputs = vec![
                    numbers(&mut draw, &[5, 3]),
                    indices(&mut draw, index, 5),
                    numbers(&mut draw, values),
                ];
                check_core(Core::Index(core), inputs, &mut failures);
            }
        }
        let region = Layout::dense(Shape::from([6, 7])).slice(1, 5, -2, 3).slice(0, 1, 1, 4);
        let inputs = vec![numbers(&mut draw, &[6, 7]), numbers(&mut draw, &[4, 3])];
        check_core(Core::Index(Index::Overlay { region: region.clone() }), inputs, &mut failures);
        if dtype != DType::Bool {
            let windows = Layout::dense(Shape::from([6, 7])).unfold(1, 3, 2);
            for (region, shape) in [(region, vec![4, 3]), (windows, vec![6, 3, 3])] {
                let spread = Index::Spread { region, shape: Shape::from([6, 7]) };
                check_core(Core::Index(spread), vec![numbers(&mut draw, &shape)], &mut failures);
            }
        }
        let parts = vec![
            numbers(&mut draw, &[3, 2, 4]),
            numbers(&mut draw, &[3, 0, 4]),
            numbers(&mut draw, &[3, 5, 4]),
        ];
        check_core(Core::Index(Index::Concatenate { axis: 1 }), parts, &mut failures);
    }
    let mask = operand(&mut draw, DType::Bool, &[7, 9], &mut |draw| Scalar::Bool(draw.below(2) == 1));
    let bytes = mask.1.bytes().unwrap();
    let count = mask.0.layout.positions().filter(|&position| Boolean(bytes[position]).get()).count();
    check_core(Core::Index(Index::NonZero { count }), vec![mask], &mut failures);
    report(failures);
}
