use proptest::prelude::*;
use tenfold_ir::kernel::{Scan, ScanOperation};
use tenfold_ir::{Core, DType, Layout, Shape};

use super::run;
use crate::backend::testing::{Draw, assert_same, check, computed, computed_in_place};
use crate::backend::view::{Input, OutputView};
use crate::simd::{Tier, set_tier};
use crate::threads::set_thread_count;

const OPERATIONS: [ScanOperation; 5] = [
    ScanOperation::Sum,
    ScanOperation::Product,
    ScanOperation::Max,
    ScanOperation::Min,
    ScanOperation::LogSumExp,
];

fn is_defined(operation: ScanOperation, dtype: DType) -> bool {
    match operation {
        ScanOperation::Sum | ScanOperation::Product => dtype != DType::Bool,
        ScanOperation::Max | ScanOperation::Min => !dtype.is_complex(),
        ScanOperation::LogSumExp => dtype.is_floating(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn scans_agree_with_the_reference_and_work_in_place(seed: u64) {
        let mut draw = Draw::new(seed);
        let (operation, dtype) = (draw.pick(&OPERATIONS), draw.pick(&DType::ALL));
        prop_assume!(is_defined(operation, dtype));
        let rank = 1 + draw.below(3);
        let scan = Scan { operation, axis: draw.below(rank), reverse: draw.one_in(2) };
        let limit = if operation == ScanOperation::Product { 64 } else { 1500 };
        let shape = draw.shape(rank, limit);
        let extremes = matches!(operation, ScanOperation::Max | ScanOperation::Min);
        let specials = !dtype.is_complex() && (dtype.is_integer() || extremes || draw.one_in(4));
        let x = draw.operand(&shape, dtype, specials);
        let core = Core::Scan(scan);
        // One rounding a step over at most 91 steps, relative to the largest; a logaddexp adds 3 ULP a step.
        let exact = extremes || dtype.is_integer();
        check(&core, std::slice::from_ref(&x), if exact { 0.0 } else { 512.0 });
        let wanted = computed(&core, std::slice::from_ref(&x)).unwrap();
        assert_same(&computed_in_place(&core, &[x], 0), &wanted, "in place");
    }
}

#[test]
fn many_rows_are_shared_between_threads() {
    let mut draw = Draw::new(4);
    for axis in [0, 1] {
        for operation in [ScanOperation::Sum, ScanOperation::Max] {
            let x = draw.operand(&Shape::from([211, 307]), DType::Float32, false);
            check(&Core::Scan(Scan { operation, axis, reverse: false }), &[x], 512.0);
        }
    }
}

/// A line of more elements than are taken at once, blocks that end at every place, rows fewer than a block's.
#[test]
fn long_lines_and_broken_blocks() {
    let mut draw = Draw::new(5);
    for shape in [[3, 4099], [4099, 3], [17, 1031], [13, 33], [1, 4099], [4099, 1], [5, 0], [0, 5]] {
        for axis in [0, 1] {
            for (operation, dtype) in [
                (ScanOperation::Sum, DType::Float32),
                (ScanOperation::Sum, DType::Float64),
                (ScanOperation::Sum, DType::Int8),
                (ScanOperation::Max, DType::Float32),
                (ScanOperation::Min, DType::Bfloat16),
            ] {
                let x = draw.operand(&Shape::from(shape), dtype, operation != ScanOperation::Sum);
                let reverse = draw.one_in(2);
                check(&Core::Scan(Scan { operation, axis, reverse }), &[x], 4096.0);
            }
        }
    }
}

/// Large results go past the caches, and every sum is that of one addition after the other.
#[test]
fn large_sums_are_those_of_one_addition_after_the_other() {
    let mut draw = Draw::new(6);
    // Rows of whole cache lines, and others.
    for (rows, columns) in [(1024, 4112), (1100, 4099)] {
        let numbers: Vec<f32> = (0..rows * columns).map(|_| draw.below(4096) as f32 / 3.0 - 700.0).collect();
        for (axis, reverse) in [(0, false), (0, true), (1, false), (1, true)] {
            let mut wanted = numbers.clone();
            let (length, step) = if axis == 0 { (rows, columns) } else { (columns, 1) };
            for row in 0..rows * columns / length {
                let first = if axis == 0 { row } else { row * columns };
                let place = |done: usize| first + step * if reverse { length - 1 - done } else { done };
                for done in 1..length {
                    wanted[place(done)] += wanted[place(done - 1)];
                }
            }
            let scan = Scan { operation: ScanOperation::Sum, axis, reverse };
            let shape = Shape::from([rows, columns]);
            let input =
                Input::new(DType::Float32, Layout::dense(shape.clone()), bytemuck::cast_slice(&numbers));
            for (threads, &tier) in Tier::available().iter().enumerate() {
                set_tier(tier).unwrap();
                set_thread_count(1 + threads);
                let mut memory = vec![0f32; rows * columns + 16];
                let lines = memory.as_ptr().align_offset(64);
                let bytes = bytemuck::cast_slice_mut(&mut memory[lines..][..rows * columns]);
                let output = OutputView { dtype: DType::Float32, shape: shape.clone(), bytes };
                run(&scan, std::slice::from_ref(&input), &mut [output]).unwrap();
                assert!(memory[lines..][..rows * columns] == wanted, "{scan:?} of {shape} on {tier:?}");
            }
        }
    }
}
