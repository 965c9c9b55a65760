use proptest::prelude::*;
use smallvec::SmallVec;
use tenfold_ir::kernel::{Index, ScatterMode};
use tenfold_ir::{Core, DType, ErrorKind, Layout, Scalar, Shape};

use crate::backend::testing::{
    Draw, Given, Outcome, assert_same, check, computed, computed_in_place, expected,
};

const MODES: [ScatterMode; 5] =
    [ScatterMode::Assign, ScatterMode::Add, ScatterMode::Multiply, ScatterMode::Max, ScatterMode::Min];

fn is_defined(mode: ScatterMode, dtype: DType) -> bool {
    match mode {
        ScatterMode::Assign => true,
        ScatterMode::Add | ScatterMode::Multiply => dtype != DType::Bool,
        ScatterMode::Max | ScatterMode::Min => dtype != DType::Bool && !dtype.is_complex(),
    }
}

/// A shape whose extents are not 0.
fn filled_shape(draw: &mut Draw, rank: usize, elements: usize) -> Shape {
    draw.shape(rank, elements).iter().map(|&extent| extent.max(1)).collect()
}

/// Index tensors of a shape into the leading axes of another.
fn addresses(draw: &mut Draw, into: &[usize]) -> (Shape, Vec<Given>) {
    let rank = draw.below(3);
    let shape = draw.shape(rank, 60);
    let tensors = into.iter().map(|&extent| draw.indices(&shape, extent)).collect();
    (shape, tensors)
}

/// Numbers whose sums and products in float32 are exact or the same in any precision.
fn error_allowed(mode: ScatterMode, dtype: DType) -> f64 {
    let rounds = matches!(mode, ScatterMode::Add | ScatterMode::Multiply) && dtype.is_differentiable();
    // One rounding a write; several writes meet in one element.
    if rounds { 64.0 } else { 0.0 }
}

fn check_in_place(core: &Core, given: &[Given]) {
    assert_same(&computed_in_place(core, given, 0), &computed(core, given).unwrap(), "in place");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn gather_reads_rows(seed: u64) {
        let mut draw = Draw::new(seed);
        let (rank, dtype) = (1 + draw.below(3), draw.pick(&DType::ALL));
        let axes = 1 + draw.below(rank);
        let shape = filled_shape(&mut draw, rank, 600);
        let mut given = vec![draw.operand(&shape, dtype, true)];
        given.extend(addresses(&mut draw, &shape[..axes]).1);
        check(&Core::Index(Index::Gather { axes }), &given, 0.0);
    }

    #[test]
    fn scatter_writes_in_order_of_the_indices(seed: u64) {
        let mut draw = Draw::new(seed);
        let (mode, dtype) = (draw.pick(&MODES), draw.pick(&DType::ALL));
        prop_assume!(is_defined(mode, dtype));
        let rank = 1 + draw.below(3);
        let axes = 1 + draw.below(rank);
        let shape = filled_shape(&mut draw, rank, 600);
        let mut given = vec![draw.operand(&shape, dtype, false)];
        let (batch, tensors) = addresses(&mut draw, &shape[..axes]);
        given.extend(tensors);
        let values: Shape = batch.iter().chain(&shape[axes..]).copied().collect();
        given.push(draw.operand(&values, dtype, false));
        let core = Core::Index(Index::Scatter { axes, mode });
        check(&core, &given, error_allowed(mode, dtype));
        check_in_place(&core, &given);
    }

    #[test]
    fn take_along_and_put_along_are_each_others_reverse(seed: u64) {
        let mut draw = Draw::new(seed);
        let (mode, dtype) = (draw.pick(&MODES), draw.pick(&DType::ALL));
        prop_assume!(is_defined(mode, dtype));
        let rank = 1 + draw.below(3);
        let axis = draw.below(rank);
        let shape = filled_shape(&mut draw, rank, 600);
        let extents: Vec<usize> = (0..rank)
            .map(|at| if at == axis { draw.below(9) } else { 1 + draw.below(shape[at]) })
            .collect();
        let index = draw.indices(&Shape::new(&extents), shape[axis]);
        let x = draw.operand(&shape, dtype, true);
        let index = [x, index];
        check(&Core::Index(Index::TakeAlong { axis }), &index, 0.0);
        let [_, index] = index;
        let longer: Shape = extents.iter().map(|&extent| extent + draw.below(2)).collect();
        let base = draw.operand(&shape, dtype, false);
        let given = [base, index, draw.operand(&longer, dtype, false)];
        let core = Core::Index(Index::PutAlong { axis, mode });
        check(&core, &given, error_allowed(mode, dtype));
        check_in_place(&core, &given);
    }

    #[test]
    fn overlay_and_spread_write_to_a_region(seed: u64) {
        let mut draw = Draw::new(seed);
        let (rank, dtype) = (1 + draw.below(3), draw.pick(&DType::ALL));
        let shape = filled_shape(&mut draw, rank, 600);
        let mut region = Layout::dense(shape.clone());
        for _ in 0..2 {
            let axis = draw.below(region.rank());
            let extent = region.shape()[axis];
            region = match draw.below(5) {
                0 => region.flip(axis),
                1 if extent > 1 => region.slice(axis, 1, 1, extent - 1),
                2 if extent > 2 => region.unfold(axis, 2 + draw.below(extent - 2), 1),
                3 => region.swap_axes(axis, 0),
                _ if extent == 1 => {
                    let wide = region.shape().replaced(axis, 3);
                    region.broadcast_to(&wide).unwrap_or(region)
                }
                _ => region,
            };
        }
        let values = draw.operand(region.shape(), dtype, false);
        if dtype != DType::Bool {
            let core = Core::Index(Index::Spread { region: region.clone(), shape: shape.clone() });
            let allowed = error_allowed(ScatterMode::Add, dtype);
            let values = [values];
            check(&core, &values, allowed);
            let [values] = values;
            let given = [draw.operand(&shape, dtype, true), values];
            let core = Core::Index(Index::Overlay { region });
            check(&core, &given, 0.0);
            check_in_place(&core, &given);
        }
    }

    #[test]
    fn a_box_in_a_frame_of_one_number(seed: u64) {
        let mut draw = Draw::new(seed);
        let (rank, dtype) = (1 + draw.below(4), draw.pick(&DType::ALL));
        // More than a piece.
        let shape = filled_shape(&mut draw, rank, 6_000);
        let mut region = Layout::dense(shape.clone());
        for axis in (0..rank).rev() {
            let length = 1 + draw.below(shape[axis]);
            let begin = draw.below(shape[axis] - length + 1);
            region = region.slice(axis, begin, 1, length);
            if draw.one_in(4) {
                region = region.select(axis, draw.below(length));
            }
        }
        let values = draw.operand(region.shape(), dtype, false);
        let mut number = draw.operand(&Shape::default(), dtype, true);
        number.layout = number.layout.broadcast_to(&shape).unwrap();
        let given = [number, values];
        check(&Core::Index(Index::Overlay { region: region.clone() }), &given, 0.0);
        if dtype != DType::Bool {
            let [_, values] = given;
            let core = Core::Index(Index::Spread { region, shape });
            check(&core, &[values], 0.0);
        }
    }

    #[test]
    fn concatenation_joins_along_any_axis(seed: u64) {
        let mut draw = Draw::new(seed);
        let (rank, dtype) = (1 + draw.below(3), draw.pick(&DType::ALL));
        let (axis, shape) = (draw.below(rank), draw.shape(rank, 300));
        let given: Vec<Given> = (0..1 + draw.below(4))
            .map(|_| {
                let part = shape.replaced(axis, draw.below(9));
                draw.operand(&part, dtype, true)
            })
            .collect();
        check(&Core::Index(Index::Concatenate { axis }), &given, 0.0);
    }

    #[test]
    fn nonzero_lists_the_true_elements(seed: u64) {
        let mut draw = Draw::new(seed);
        let rank = draw.below(4);
        let shape = draw.shape(rank, 600);
        let values: Vec<Scalar> = (0..shape.elements()).map(|_| Scalar::Bool(draw.one_in(3))).collect();
        let count = values.iter().filter(|value| value.to_bool()).count();
        let dense: Vec<u8> = values.iter().map(|value| value.to_bool().into()).collect();
        let mask = Given::dense(&shape, bytemuck::cast_slice::<u8, tenfold_ir::Boolean>(&dense));
        check(&Core::Index(Index::NonZero { count }), &[mask], 0.0);
    }
}

#[test]
fn large_scatters_are_shared_between_threads_and_keep_their_order() {
    let mut draw = Draw::new(7);
    for (rows, columns, count) in [(97, 300, 500), (1009, 3, 20_000), (1, 1000, 300)] {
        for mode in [ScatterMode::Add, ScatterMode::Assign] {
            let base = draw.operand(&Shape::from([rows, columns]), DType::Float32, false);
            let index = draw.indices(&Shape::from([count]), rows);
            let values = draw.operand(&Shape::from([count, columns]), DType::Float32, false);
            // The order is checked bit for bit below; here the sums of a few hundred terms.
            check(&Core::Index(Index::Scatter { axes: 1, mode }), &[base, index, values], 512.0);
        }
    }
}

#[test]
fn an_index_out_of_range_is_an_error_of_its_axis() {
    let x = || Given::dense(&[3, 2], &[0f32; 6]);
    for wrong in [3i64, -4, i64::MIN, i64::MAX] {
        let index = || Given::dense(&[1], &[wrong]);
        let values = || Given::dense(&[1, 2], &[1f32; 2]);
        let square = || Given::dense(&[1, 1], &[wrong]);
        let cases = [
            (Index::Gather { axes: 1 }, vec![x(), index()]),
            (Index::Scatter { axes: 1, mode: ScatterMode::Add }, vec![x(), index(), values()]),
            (Index::TakeAlong { axis: 0 }, vec![x(), square()]),
            (Index::PutAlong { axis: 0, mode: ScatterMode::Add }, vec![x(), square(), values()]),
        ];
        for (core, given) in cases {
            let core = Core::Index(core);
            let error = computed(&core, &given).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Index);
            assert_eq!(error.to_string(), expected(&core, &given).unwrap_err().to_string());
        }
    }
}

#[test]
fn several_index_tensors_address_elements() {
    let strides: SmallVec<[i64; 4]> = SmallVec::from_slice(&[2, 1]);
    assert_eq!(Shape::from([3, 2]).dense_strides(), strides);
    let x = Given::dense(&[3, 2], &[0i32, 1, 10, 11, 20, 21]);
    let given = [x, Given::dense(&[2], &[2i64, -3]), Given::dense(&[2], &[0i64, 1])];
    let got = computed(&Core::Index(Index::Gather { axes: 2 }), &given).unwrap();
    assert_eq!(got[0].values, [Scalar::Int(20), Scalar::Int(1)]);
}

#[test]
fn results_beyond_the_caches_are_written_as_a_whole() {
    let are = |got: &Outcome, wanted: &[f32]| {
        got.values.len() == wanted.len()
            && got.values.iter().zip(wanted).all(|(got, &wanted)| got.to_f64() == f64::from(wanted))
    };
    let (rows, columns) = (2_111, 2_053);
    let values: Vec<f32> = (0..(rows - 5) * (columns - 9)).map(|at| (at % 1_000) as f32 - 300.0).collect();
    let given = Given::dense(&[rows - 5, columns - 9], &values);
    let shape = Shape::from([rows, columns]);
    let region = Layout::dense(shape.clone()).slice(0, 2, 1, rows - 5).slice(1, 7, 1, columns - 9);
    let mut wanted = vec![0.5f32; rows * columns];
    for (place, &value) in region.positions().zip(&values) {
        wanted[place] = value;
    }
    let mut number = Given::dense(&[], &[0.5f32]);
    number.layout = number.layout.broadcast_to(&shape).unwrap();
    let got = computed(&Core::Index(Index::Overlay { region }), &[number, given]).unwrap();
    assert!(are(&got[0], &wanted), "a padded matrix");

    let halves = [Given::dense(&[rows, columns], &wanted), Given::dense(&[rows, columns], &wanted)];
    let got = computed(&Core::Index(Index::Concatenate { axis: 1 }), &halves).unwrap();
    let joined: Vec<f32> = wanted.chunks(columns).flat_map(|row| [row, row]).flatten().copied().collect();
    assert!(are(&got[0], &joined), "two matrices beside each other");
}
