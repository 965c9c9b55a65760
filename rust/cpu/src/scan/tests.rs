use proptest::prelude::*;
use tenfold_ir::kernel::{Scan, ScanOperation};
use tenfold_ir::{Core, DType, Shape};

use crate::backend::testing::{Draw, assert_same, check, computed, computed_in_place};

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
