use std::sync::Arc;

use proptest::prelude::*;
use tenfold_ir::kernel::{Resample, WeightTable};
use tenfold_ir::{Core, DType, Shape};

use crate::backend::testing::{Draw, check};

/// A table with rows of up to six terms, some of none.
fn table(draw: &mut Draw, inputs: usize) -> WeightTable {
    let rows = draw.below(7);
    let longest = if inputs == 0 { 1 } else { 1 + draw.below(6) };
    let rows: Vec<Vec<(usize, f64)>> = (0..rows)
        .map(|_| {
            (0..draw.below(longest)).map(|_| (draw.below(inputs), draw.below(9) as f64 / 4.0 - 1.0)).collect()
        })
        .collect();
    WeightTable::new(inputs, rows).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn sums_agree_with_the_reference(seed: u64) {
        let mut draw = Draw::new(seed);
        let axis = draw.below(3);
        // Up to 41 elements behind the axis: whole vectors and a rest.
        let shape: Shape = [1 + draw.below(3), 1 + draw.below(7), 1 + draw.below(41)][..axis + 1 + draw.below(3 - axis)].into();
        let dtype = draw.pick(&[DType::Float32, DType::Float64]);
        let table = Arc::new(table(&mut draw, shape[axis]));
        let x = draw.operand(&shape, dtype, false);
        check(&Core::Resample(Resample { axis, table: table.clone() }), &[x], 32.0);
        let back = Arc::new(table.transposed());
        assert_eq!((back.inputs(), back.outputs()), (table.outputs(), table.inputs()));
        assert_eq!(back.transposed().terms(), table.terms());
    }
}
