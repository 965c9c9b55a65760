//! Sorting, searching and random numbers.

use tenfold_ir::backend::PlainStorage;
use tenfold_ir::kernel::*;
use tenfold_ir::{Buffer, Core, DType, Layout, Operand, Scalar, Shape};

use crate::common::{Draw, any_number, check_core, finite, operand, report};

#[test]
fn sorting_and_searching() {
    let (mut draw, mut failures) = (Draw(10), Vec::new());
    for dtype in DType::ALL.into_iter().filter(|dtype| !dtype.is_complex()) {
        for axis in 0..2 {
            let numbers =
                |draw: &mut Draw| operand(draw, dtype, &[23, 19], &mut any_number(dtype, -3.0, 3.0));
            for descending in [false, true] {
                let given = numbers(&mut draw);
                check_core(Core::Sort(Sort::Sort { axis, descending }), vec![given], &mut failures);
                let given = numbers(&mut draw);
                let top = Sort::TopK { axis, count: 1 + draw.below(19), largest: descending };
                check_core(Core::Sort(top), vec![given], &mut failures);
            }
        }
        let mut next = -20;
        let sorted = operand(&mut draw, dtype, &[1, 40], &mut |draw| {
            next += draw.below(3) as i128;
            Scalar::Int(next.clamp(dtype.integer_range().map_or(-20, |range| range.0), 100))
        });
        for side in [Side::Left, Side::Right] {
            let values = operand(&mut draw, dtype, &[1, 30], &mut finite(dtype, -25.0, 60.0));
            let row = (Operand { dtype, layout: Layout::dense(Shape::from([1, 40])) }, {
                let mut copy = Buffer::new(PlainStorage::zeros(40 * dtype.size()).unwrap());
                copy.bytes_mut().unwrap().copy_from_slice(&sorted.1.bytes().unwrap()[..40 * dtype.size()]);
                copy
            });
            check_core(Core::Sort(Sort::Search { side }), vec![row, values], &mut failures);
        }
    }
    report(failures);
}

#[test]
fn random_numbers() {
    let mut failures = Vec::new();
    for dtype in DType::ALL {
        for distribution in [
            Distribution::Uniform,
            Distribution::Normal,
            Distribution::Integer { low: 3, high: 100 },
            Distribution::Integer { low: i64::MIN, high: 1 << 63 },
            Distribution::Bernoulli { probability: 0.3 },
            Distribution::Permutation,
        ] {
            let shape = Shape::from([if distribution == Distribution::Permutation { 77 } else { 1001 }]);
            let core = Core::Random(Random { distribution, seed: 5, offset: u64::MAX - 7, shape, dtype });
            if core.results(&[]).is_ok() {
                check_core(core, Vec::new(), &mut failures);
            }
        }
    }
    report(failures);
}
