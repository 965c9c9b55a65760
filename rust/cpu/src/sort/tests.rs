use proptest::prelude::*;
use tenfold_ir::kernel::{Side, Sort};
use tenfold_ir::{Core, DType, Shape};

use crate::backend::testing::{Draw, Given, check, computed};

fn dtype(draw: &mut Draw) -> DType {
    loop {
        let dtype = draw.pick(&DType::ALL);
        if !dtype.is_complex() {
            return dtype;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn sorting_is_stable_and_nan_comes_after_all_numbers(seed: u64) {
        let mut draw = Draw::new(seed);
        let (rank, dtype) = (1 + draw.below(3), dtype(&mut draw));
        let (axis, shape) = (draw.below(rank), draw.shape(rank, 1500));
        let x = draw.operand(&shape, dtype, true);
        check(&Core::Sort(Sort::Sort { axis, descending: draw.one_in(2) }), &[x], 0.0);
    }

    #[test]
    fn topk_gives_the_beginning_of_the_sorted_row(seed: u64) {
        let mut draw = Draw::new(seed);
        let (rank, dtype) = (1 + draw.below(3), dtype(&mut draw));
        let (axis, shape) = (draw.below(rank), draw.shape(rank, 1500));
        let x = draw.operand(&shape, dtype, true);
        let count = draw.below(shape[axis] + 1);
        check(&Core::Sort(Sort::TopK { axis, count, largest: draw.one_in(2) }), &[x], 0.0);
    }

    #[test]
    fn a_search_finds_where_values_would_be_inserted(seed: u64) {
        let mut draw = Draw::new(seed);
        let (rank, dtype) = (1 + draw.below(3), dtype(&mut draw));
        let shape = draw.shape(rank, 600);
        let unsorted = draw.operand(&shape, dtype, true);
        let sorted = computed(&Core::Sort(Sort::Sort { axis: rank - 1, descending: false }), &[unsorted]).unwrap();
        let sorted = draw.lay_out(&shape, dtype, &sorted[0].values);
        // Laying out may repeat one element; rows then are constant along an axis, still sorted.
        let values = draw.operand(&shape.replaced(rank - 1, 5), dtype, true);
        let side = draw.pick(&[Side::Left, Side::Right]);
        check(&Core::Sort(Sort::Search { side }), &[sorted, values], 0.0);
    }
}

#[test]
fn long_rows_are_sorted_by_radix() {
    let mut draw = Draw::new(5);
    for dtype in [DType::Float32, DType::Int64, DType::Float16, DType::Uint8, DType::Float64] {
        for descending in [false, true] {
            let x = draw.operand(&Shape::from([2, 3001]), dtype, true);
            check(&Core::Sort(Sort::Sort { axis: 1, descending }), &[x], 0.0);
        }
    }
}

#[test]
fn one_sorted_row_serves_all_values() {
    let row = Given::dense(&[7], &[0i32, 2, 4, 6, 8, 10, 12]);
    let values = Given::dense(&[2, 3], &[-1i32, 0, 5, 12, 13, 3]);
    let got = computed(&Core::Sort(Sort::Search { side: Side::Left }), &[row, values]).unwrap();
    let places: Vec<i128> = got[0].values.iter().map(|value| value.to_i128()).collect();
    assert_eq!(places, [0, 0, 3, 6, 7, 2]);
}
