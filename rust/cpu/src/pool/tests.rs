use proptest::prelude::*;
use smallvec::SmallVec;
use tenfold_ir::kernel::{Pool, PoolKind};
use tenfold_ir::{Core, DType, ErrorKind, Scalar, Shape};

use crate::backend::testing::{Draw, Given, check, computed, expected};

const FLOATS: [DType; 4] = [DType::Float32, DType::Float64, DType::Float16, DType::Bfloat16];

/// A pooling, an input shape that it fits and the extents of its output.
fn pooling(draw: &mut Draw, kind: fn(&mut Draw) -> PoolKind) -> (Pool, Shape, SmallVec<[usize; 3]>) {
    loop {
        let spatial = 1 + draw.below(3);
        let mut list = |limit: usize, least: usize| -> SmallVec<[usize; 3]> {
            (0..spatial).map(|_| least + draw.below(limit)).collect()
        };
        let (window, stride, padding, dilation) = (list(3, 1), list(3, 1), list(2, 0), list(2, 1));
        let core = Pool { kind: kind(draw), window, stride, padding, dilation, ceil_mode: draw.one_in(3) };
        let shape: Shape =
            draw.shape(2, 6).iter().copied().chain((0..spatial).map(|_| 1 + draw.below(9))).collect();
        let output: Option<SmallVec<[usize; 3]>> =
            (0..spatial).map(|axis| core.output_extent(axis, shape[axis + 2])).collect();
        if let Some(output) = output {
            return (core, shape, output);
        }
    }
}

fn average(draw: &mut Draw) -> PoolKind {
    let divisor = draw.one_in(3).then(|| 1 + draw.below(5));
    PoolKind::Average { count_padding: draw.one_in(2), divisor }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn maxima_and_their_indices_are_exact(seed: u64) {
        let mut draw = Draw::new(seed);
        let (core, shape, _) = pooling(&mut draw, |_| PoolKind::Max);
        let dtype = draw.pick(&[FLOATS[0], FLOATS[1], FLOATS[2], FLOATS[3], DType::Int8, DType::Uint64]);
        let x = draw.operand(&shape, dtype, true);
        check(&Core::Pool(core), &[x], 0.0);
    }

    #[test]
    fn adaptive_maxima_and_their_indices_are_exact(seed: u64) {
        let mut draw = Draw::new(seed);
        let (core, shape, _) = pooling(&mut draw, |_| PoolKind::AdaptiveMax);
        let dtype = draw.pick(&FLOATS);
        let x = draw.operand(&shape, dtype, true);
        check(&Core::Pool(core), &[x], 0.0);
    }

    #[test]
    fn averages_agree_with_the_reference(seed: u64) {
        let mut draw = Draw::new(seed);
        let (core, shape, _) = pooling(&mut draw, average);
        let dtype = draw.pick(&FLOATS);
        let specials = draw.one_in(4);
        let x = draw.operand(&shape, dtype, specials);
        // At most 27 terms.
        check(&Core::Pool(core), &[x], 32.0);
    }

    #[test]
    fn gradients_of_maxima_go_where_they_came_from(seed: u64) {
        let mut draw = Draw::new(seed);
        let (mut core, shape, output) = pooling(&mut draw, |_| PoolKind::Max);
        let input: SmallVec<[usize; 3]> = shape[2..].into();
        let plane: usize = input.iter().product();
        core.kind = PoolKind::MaxGradient { input };
        let gradient: Shape = shape[..2].iter().chain(&output).copied().collect();
        let dtype = draw.pick(&FLOATS);
        let g = draw.operand(&gradient, dtype, false);
        let indices: Vec<Scalar> = (0..gradient.elements()).map(|_| Scalar::from(draw.below(plane))).collect();
        let indices = draw.lay_out(&gradient, DType::Int64, &indices);
        check(&Core::Pool(core), &[g, indices], 64.0);
    }

    #[test]
    fn gradients_of_averages_agree_with_the_reference(seed: u64) {
        let mut draw = Draw::new(seed);
        let (mut core, shape, output) = pooling(&mut draw, average);
        let PoolKind::Average { count_padding, divisor } = core.kind else { unreachable!() };
        core.kind = PoolKind::AverageGradient { count_padding, divisor, input: shape[2..].into() };
        let gradient: Shape = shape[..2].iter().chain(&output).copied().collect();
        let dtype = draw.pick(&FLOATS);
        let g = draw.operand(&gradient, dtype, false);
        check(&Core::Pool(core), &[g], 32.0);
    }
}

fn pairs(kind: PoolKind) -> Core {
    let two: SmallVec<[usize; 3]> = SmallVec::from_slice(&[2, 2]);
    let (padding, dilation) = (SmallVec::from_slice(&[0, 0]), SmallVec::from_slice(&[1, 1]));
    Core::Pool(Pool { kind, window: two.clone(), stride: two, padding, dilation, ceil_mode: false })
}

#[test]
fn windows_of_two_by_two_take_the_first_of_equals_and_nan() {
    let mut draw = Draw::new(3);
    for shape in [[2, 3, 28, 28], [1, 2, 7, 13], [5, 1, 2, 2], [1, 1, 64, 67]] {
        let x = draw.operand(&Shape::from(shape), DType::Float32, true);
        check(&pairs(PoolKind::Max), &[x], 0.0);
    }
    let x = draw.operand(&Shape::from([64, 16, 28, 28]), DType::Float32, false);
    check(&pairs(PoolKind::Max), &[x], 0.0);
}

/// Rows of outputs that are compared side by side, their ends and borders taken apart.
#[test]
fn rows_of_any_width_are_exact() {
    let mut draw = Draw::new(11);
    for number in 0..150 {
        let spatial = 1 + draw.below(3);
        let mut list = |limit: usize, least: usize| -> SmallVec<[usize; 3]> {
            (0..spatial).map(|_| least + draw.below(limit)).collect()
        };
        let (window, stride, dilation) = (list(4, 1), list(4, 1), list(2, 1));
        let padding = window.iter().map(|&extent| number % 3 * extent / 4).collect();
        let kind = if number % 4 == 3 { PoolKind::AdaptiveMax } else { PoolKind::Max };
        let core = Pool { kind, window, stride, padding, dilation, ceil_mode: number % 2 == 0 };
        let mut shape = vec![1 + draw.below(2), 1 + draw.below(3)];
        shape.extend((1..spatial).map(|_| 9 + draw.below(6)));
        shape.push(20 + draw.below(60));
        let dtype = draw.pick(&[FLOATS[0], FLOATS[0], FLOATS[1], FLOATS[2], DType::Int8, DType::Int64]);
        let x = draw.operand(&Shape::new(&shape), dtype, true);
        check(&Core::Pool(core), &[x], 0.0);
    }
}

/// Lines of windows whose elements are added side by side, their ends apart: neighbours, tiles, and windows with gaps.
#[test]
fn averages_of_any_width_agree_with_the_reference() {
    let mut draw = Draw::new(12);
    for number in 0..200 {
        let spatial = 1 + draw.below(2);
        let mut list = |limit: usize, least: usize| -> SmallVec<[usize; 3]> {
            (0..spatial).map(|_| least + draw.below(limit)).collect()
        };
        let (window, mut stride, mut dilation) = (list(7, 1), list(4, 1), list(2, 1));
        if number % 3 == 0 {
            (stride, dilation) = (window.clone(), smallvec::smallvec![1; spatial]);
        }
        let padding = window.iter().map(|&extent| number % 4 * extent / 6).collect();
        let (kind, ceil_mode) = (average(&mut draw), number % 2 == 0);
        let mut core = Pool { kind, window, stride, padding, dilation, ceil_mode };
        let mut shape = vec![1 + draw.below(2), 1 + draw.below(3)];
        shape.extend((1..spatial).map(|_| 14 + draw.below(6)));
        shape.push(14 + draw.below(60));
        let dtype = draw.pick(&FLOATS);
        let x = draw.operand(&Shape::new(&shape), dtype, true);
        check(&Core::Pool(core.clone()), &[x], 64.0);
        let output = (0..spatial).map(|axis| core.output_extent(axis, shape[axis + 2]).expect("it fits"));
        let gradient: Shape = shape[..2].iter().copied().chain(output).collect();
        let PoolKind::Average { count_padding, divisor } = core.kind else { unreachable!() };
        core.kind = PoolKind::AverageGradient { count_padding, divisor, input: shape[2..].into() };
        let g = draw.operand(&gradient, dtype, false);
        check(&Core::Pool(core), &[g], 64.0);
    }
}

/// The bits of averages and their gradients are those of sums over windows one by one, each in row-major order.
#[test]
fn averages_and_their_gradients_are_added_in_order_of_the_windows() {
    let mut draw = Draw::new(13);
    for number in 0..200 {
        let mut list = |limit: usize, least: usize| -> SmallVec<[usize; 3]> {
            (0..2).map(|_| least + draw.below(limit)).collect()
        };
        let (window, mut stride, mut dilation) = (list(7, 1), list(4, 1), list(2, 1));
        if number % 3 == 0 {
            (stride, dilation) = (window.clone(), smallvec::smallvec![1; 2]);
        }
        let padding: SmallVec<[usize; 3]> = window.iter().map(|&extent| number % 4 * extent / 6).collect();
        let divisor = 1 + draw.below(5);
        let kind = PoolKind::Average { count_padding: false, divisor: Some(divisor) };
        let mut core = Pool { kind, window, stride, padding, dilation, ceil_mode: number % 2 == 0 };
        let [height, width] = [14 + draw.below(6), 14 + draw.below(60)];
        let [rows, columns] = [(0, height), (1, width)]
            .map(|(axis, extent)| core.output_extent(axis, extent).expect("it fits"));
        let mut numbers = |count: usize| -> Vec<f32> {
            // Of magnitudes so unlike that any other order shows.
            (0..count).map(|_| draw.next() as i64 as f32 * 2f32.powi(-(draw.below(40) as i32))).collect()
        };
        let (x, g) = (numbers(height * width), numbers(rows * columns));

        let (mut averages, mut gradient) = (vec![0f32; rows * columns], vec![0f32; height * width]);
        for output in 0..rows * columns {
            for element in 0..core.window[0] * core.window[1] {
                let place = |axis: usize, output: usize, element: usize| {
                    (output * core.stride[axis] + element * core.dilation[axis])
                        .wrapping_sub(core.padding[axis])
                };
                let row = place(0, output / columns, element / core.window[1]);
                let column = place(1, output % columns, element % core.window[1]);
                if row < height && column < width {
                    averages[output] += x[row * width + column];
                    gradient[row * width + column] += g[output] / divisor as f32;
                }
            }
            averages[output] /= divisor as f32;
        }

        let bits = |core: &Pool, shape: [usize; 4], values: &[f32]| -> Vec<u32> {
            let got = computed(&Core::Pool(core.clone()), &[Given::dense(&shape, values)]).unwrap();
            got[0].values.iter().map(|value| (value.to_f64() as f32).to_bits()).collect()
        };
        let wanted: Vec<u32> = averages.iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits(&core, [1, 1, height, width], &x), wanted, "{core:?}");
        let input = SmallVec::from_slice(&[height, width]);
        core.kind = PoolKind::AverageGradient { count_padding: false, divisor: Some(divisor), input };
        let wanted: Vec<u32> = gradient.iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits(&core, [1, 1, rows, columns], &g), wanted, "{core:?}");
    }
}

#[test]
fn an_index_outside_the_plane_is_an_error() {
    let core = pairs(PoolKind::MaxGradient { input: SmallVec::from_slice(&[2, 2]) });
    for wrong in [4i64, -1, i64::MIN] {
        let given = [Given::dense(&[1, 1, 1, 1], &[1f32]), Given::dense(&[1, 1, 1, 1], &[wrong])];
        let error = computed(&core, &given).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Index);
        assert_eq!(error.to_string(), expected(&core, &given).unwrap_err().to_string());
    }
}
