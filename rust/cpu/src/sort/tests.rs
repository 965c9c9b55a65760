use proptest::prelude::*;
use tenfold_ir::kernel::{Side, Sort};
use tenfold_ir::{Core, DType, Scalar, Shape};

use super::long::LONG;
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

/// A row of `count` numbers of 64 bits, which differ in any of their bits.
fn wide_row(draw: &mut Draw, dtype: DType, count: usize) -> Given {
    let (kind, keep) = (draw.below(4), draw.below(64) as u32);
    let values: Vec<Scalar> = (0..count)
        .map(|_| {
            let word = match kind {
                // From the whole range down to a few numbers, about zero.
                0 => ((draw.next() as i64) >> keep) as u64,
                // A few upper halves, each with many lower ones.
                1 => (draw.next() & 3) << 62 | draw.next() >> 40,
                // Few numbers far from each other.
                2 => draw.next() & 0x8100_0001_0000_0003,
                // Close together, but for some.
                _ if draw.one_in(500) => draw.next(),
                _ => draw.next() & 0xfff,
            };
            match dtype {
                DType::Float64 => Scalar::Float(f64::from_bits(word)),
                DType::Uint64 => Scalar::from(word),
                _ => Scalar::from(word as i64),
            }
        })
        .collect();
    draw.lay_out(&Shape::from([1, count]), dtype, &values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn all_bits_of_wide_numbers_count(seed: u64) {
        let mut draw = Draw::new(seed);
        let dtype = draw.pick(&[DType::Int64, DType::Uint64, DType::Float64]);
        let count = draw.pick(&[2, 399, 400, 801, 1200, 5000, LONG - 1, LONG, 2 * LONG + 3]);
        let x = wide_row(&mut draw, dtype, count);
        let descending = draw.one_in(2);
        check(&Core::Sort(Sort::Sort { axis: 1, descending }), &[x.again()], 0.0);
        let count = draw.pick(&[count / 32, count / 32 + 1, count.min(10), count]);
        check(&Core::Sort(Sort::TopK { axis: 1, count, largest: descending }), &[x], 0.0);
    }
}

#[test]
fn long_rows_are_sorted_whatever_lies_between_their_elements() {
    let mut draw = Draw::new(5);
    for dtype in [DType::Float32, DType::Int64, DType::Float16, DType::Uint8, DType::Bool] {
        for (rows, length) in [(2, 3001), (1, LONG + 5), (3, LONG)] {
            let x = draw.operand(&Shape::from([rows, length]), dtype, true);
            let descending = draw.one_in(2);
            check(&Core::Sort(Sort::Sort { axis: 1, descending }), &[x.again()], 0.0);
            check(&Core::Sort(Sort::TopK { axis: 1, count: 7, largest: descending }), &[x], 0.0);
        }
    }
}

#[test]
fn the_first_elements_of_equal_ones_are_those_in_front() {
    for (count, length) in [(1, 64), (5, 1000), (100, 3200), (100, 90_000)] {
        let x = Given::dense(&[length], &vec![3u8; length]);
        let got = computed(&Core::Sort(Sort::TopK { axis: 0, count, largest: true }), &[x]).unwrap();
        assert!(got[1].values.iter().map(|index| index.to_i128()).eq(0..count as i128));
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
