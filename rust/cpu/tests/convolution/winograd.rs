//! Winograd's tiles: their errors against a bound of their own, dilated filters, and numbers that are not finite.

use proptest::prelude::*;
use tenfold_cpu::convolution::{Axis, Geometry, set_direct};

use crate::{Case, TIER, cases, same_bits_everywhere, same_everywhere};

/// Convolutions of 3×3 with stride 1 and enough channels and tiles for Winograd's F(4×4, 3×3).
fn tiled_geometry() -> impl Strategy<Value = Geometry> {
    let axis = || {
        (4..20usize, 0..4usize, 0..3usize).prop_map(|(input, before, after)| {
            let output = input + before + after - 2;
            Axis { input, kernel: 3, output, stride: 1, before, dilation: 1 }
        })
    };
    let channels = || prop_oneof![Just(16), Just(17), Just(24), Just(37)];
    (1..3usize, channels(), channels(), axis(), axis()).prop_map(
        |(groups, input_channels, output_channels, y, x)| {
            let tiles = y.output.div_ceil(4) * x.output.div_ceil(4);
            let images = 32usize.div_ceil(tiles);
            Geometry { images, groups, input_channels, output_channels, axes: [Axis::UNIT, y, x] }
        },
    )
}

/// A matrix of magnitudes, row by row.
type Matrix<'a> = &'a [&'a [f64]];

/// `|Bᵀ|`, `|G|` and `|Aᵀ|` of F(4×4, 3×3) at 0, ±1, ±2 and infinity.
const INPUT: Matrix = &[
    &[4.0, 0.0, 5.0, 0.0, 1.0, 0.0],
    &[0.0, 4.0, 4.0, 1.0, 1.0, 0.0],
    &[0.0, 4.0, 4.0, 1.0, 1.0, 0.0],
    &[0.0, 2.0, 1.0, 2.0, 1.0, 0.0],
    &[0.0, 2.0, 1.0, 2.0, 1.0, 0.0],
    &[0.0, 4.0, 0.0, 5.0, 0.0, 1.0],
];
const FILTER: Matrix = &[
    &[1.0 / 4.0, 0.0, 0.0],
    &[1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0],
    &[1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0],
    &[1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    &[1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    &[0.0, 0.0, 1.0],
];
const OUTPUT: Matrix = &[
    &[1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    &[0.0, 1.0, 1.0, 2.0, 2.0, 0.0],
    &[0.0, 1.0, 1.0, 4.0, 4.0, 0.0],
    &[0.0, 1.0, 1.0, 8.0, 8.0, 1.0],
];

fn transposed(matrix: Matrix) -> Vec<Vec<f64>> {
    (0..matrix[0].len()).map(|column| matrix.iter().map(|row| row[column]).collect()).collect()
}

/// `M X Mᵀ` of a square X, row by row.
fn both_sides<Row: AsRef<[f64]>>(matrix: &[Row], x: &[f64]) -> Vec<f64> {
    let size = matrix[0].as_ref().len();
    let at = |i: usize, j: usize| -> f64 {
        let (left, right) = (matrix[i].as_ref(), matrix[j].as_ref());
        (0..size * size).map(|k| left[k / size] * right[k % size] * x[k]).sum()
    };
    (0..matrix.len() * matrix.len()).map(|k| at(k / matrix.len(), k % matrix.len())).collect()
}

/// Magnitudes of pixels of a square in an image, zero beyond it.
fn square(image: &[f32], extents: [usize; 2], first: [isize; 2], size: usize) -> Vec<f64> {
    let at = |i: usize, j: usize| {
        let (y, x) = (first[0] + i as isize, first[1] + j as isize);
        let inside = (0..extents[0] as isize).contains(&y) && (0..extents[1] as isize).contains(&x);
        if inside { f64::from(image[y as usize * extents[1] + x as usize].abs()) } else { 0.0 }
    };
    (0..size * size).map(|k| at(k / size, k % size)).collect()
}

/// Bounds of the errors of forward, input's gradient and weights' gradient. On the way to a result, a term takes part
/// in at most 24 roundings of the three transforms (at most 4 a direction each) and in one a step of its sum, and the
/// magnitudes of all terms add up to the same transforms of magnitudes. (See `winograd/mod.rs`.)
fn tiled_bounds(case: &Case<f32>) -> [Vec<f64>; 3] {
    let geometry = &case.geometry;
    let Geometry { images, groups, input_channels, output_channels, axes: [_, y, x] } = *geometry;
    let (inputs, outputs) = ([y.input, x.input], [y.output, x.output]);
    let (before, turned) =
        ([y.before, x.before].map(|b| b as isize), [y.before, x.before].map(|b| 2 - b as isize));
    let mut bounds =
        [vec![0.0; case.gradient.len()], vec![0.0; case.input.len()], vec![0.0; case.weight.len()]];
    let filter = |group: usize, output: usize, input: usize| {
        let first = ((group * output_channels + output) * input_channels + input) * 9;
        first..first + 9
    };
    let tiles = |extents: [usize; 2]| {
        let columns = extents[1].div_ceil(4);
        (0..extents[0].div_ceil(4) * columns).map(move |tile| [tile / columns * 4, tile % columns * 4])
    };
    let add = |bounds: &mut [f64], extents: [usize; 2], tile: [usize; 2], square: &[f64]| {
        for (k, value) in square.iter().enumerate() {
            let (row, column) = (tile[0] + k / 4, tile[1] + k % 4);
            if row < extents[0] && column < extents[1] {
                bounds[row * extents[1] + column] = *value;
            }
        }
    };
    let unit = f64::from(f32::EPSILON) / 2.0 * 1.01;
    let plane = |extents: [usize; 2]| extents[0] * extents[1];
    for (batch, channels) in (0..images * groups).map(|batch| (batch, batch % groups)) {
        let image = |all: &[f32], channel: usize, extents: [usize; 2]| -> Vec<f32> {
            all[channel * plane(extents)..][..plane(extents)].to_vec()
        };
        // Forward, and the input's gradient as a convolution of the output's.
        for (kind, source, count, from, to, result_count, pad) in [
            (0, &case.input, input_channels, inputs, outputs, output_channels, before),
            (1, &case.gradient, output_channels, outputs, inputs, input_channels, turned),
        ] {
            for tile in tiles(to) {
                let first = [tile[0] as isize - pad[0], tile[1] as isize - pad[1]];
                let spread: Vec<Vec<f64>> = (0..count)
                    .map(|c| {
                        both_sides(INPUT, &square(&image(source, batch * count + c, from), from, first, 6))
                    })
                    .collect();
                for result in 0..result_count {
                    let mut sums = vec![0.0; 36];
                    for (channel, spread) in spread.iter().enumerate() {
                        let taps = if kind == 0 {
                            filter(channels, result, channel)
                        } else {
                            filter(channels, channel, result)
                        };
                        let mut taps: Vec<f64> =
                            case.weight[taps].iter().map(|w| f64::from(w.abs())).collect();
                        if kind == 1 {
                            taps.reverse();
                        }
                        let taps = both_sides(FILTER, &taps);
                        (0..36).for_each(|k| sums[k] += spread[k] * taps[k]);
                    }
                    let steps = (count + 24) as f64;
                    let sums: Vec<f64> =
                        both_sides(OUTPUT, &sums).iter().map(|sum| sum * steps * unit).collect();
                    let target =
                        &mut bounds[kind][(batch * result_count + result) * plane(to)..][..plane(to)];
                    add(target, to, tile, &sums);
                }
            }
        }
    }
    let all_tiles = (images * tiles(outputs).count() + 24) as f64;
    let (adjoint, spread_gradient) = (transposed(FILTER), transposed(OUTPUT));
    for group in 0..groups {
        for (output, input) in (0..output_channels).flat_map(|o| (0..input_channels).map(move |i| (o, i))) {
            let mut sums = vec![0.0; 36];
            for batch in (0..images).map(|image| image * groups + group) {
                let pixels = &case.input[(batch * input_channels + input) * plane(inputs)..];
                let gradient = &case.gradient[(batch * output_channels + output) * plane(outputs)..];
                for tile in tiles(outputs) {
                    let first = [tile[0] as isize, tile[1] as isize];
                    let shifted = [first[0] - before[0], first[1] - before[1]];
                    let d = both_sides(INPUT, &square(pixels, inputs, shifted, 6));
                    let y = both_sides(&spread_gradient, &square(gradient, outputs, first, 4));
                    (0..36).for_each(|k| sums[k] += d[k] * y[k]);
                }
            }
            for (bound, sum) in
                bounds[2][filter(group, output, input)].iter_mut().zip(both_sides(&adjoint, &sums))
            {
                *bound = sum * all_tiles * unit;
            }
        }
    }
    bounds
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn tiles_are_close_and_equal_on_all_tiers(geometry in tiled_geometry(), seed in any::<u64>()) {
        let case = Case::new(geometry, seed, |number| number as f32);
        let results = same_everywhere(&case, 0.0, |number| -number);
        let expected = case.expected(f64::from);
        for ((result, expected), bounds) in results.iter().zip(&expected).zip(tiled_bounds(&case)) {
            for (index, ((&number, &(value, _)), bound)) in result.iter().zip(expected).zip(bounds).enumerate() {
                let error = (f64::from(number) - value).abs();
                prop_assert!(error <= bound, "element {index}: {number}, expected {value}, bound {bound}");
            }
        }
        let squares = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
        for (result, expected) in results.iter().zip(&expected) {
            let error = squares(&mut result.iter().zip(expected).map(|(&number, &(value, _))| f64::from(number) - value));
            let scale = squares(&mut expected.iter().map(|&(value, _)| value));
            // Roundings of both signs grow like the square root of their number, and the growth of the transforms,
            // at most 54² in magnitudes, likewise: far below a wrong product among a thousand.
            prop_assert!(error <= scale * 1e-8, "relative error {}", (error / scale).sqrt());
        }
    }

    #[test]
    fn tiles_with_numbers_that_are_not_finite_are_those_of_the_direct_convolution(
        geometry in tiled_geometry(),
        seed in any::<u64>(),
        special in prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(f32::MAX)],
        operand in 0..3usize,
    ) {
        let mut case = Case::new(geometry, seed, |number| number as f32);
        let numbers = [&mut case.input, &mut case.weight, &mut case.gradient][operand].as_mut_slice();
        // A large weight takes part in all outputs, whose error is then as large.
        let special = if operand == 1 && special == f32::MAX { f32::INFINITY } else { special };
        numbers[(seed % numbers.len() as u64) as usize] = special;
        let results = same_bits_everywhere(&case);
        let _alone = TIER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        set_direct(true);
        let direct = case.run(0.0, |number| -number);
        set_direct(false);
        for (result, direct) in results.iter().zip(&direct) {
            for (index, (&number, &direct)) in result.iter().zip(direct).enumerate() {
                let number = f32::from_bits(number);
                let same = match direct.is_finite() {
                    // Beyond the tiles of the special number, the error of ordinary ones.
                    true => number == direct || (number - direct).abs() < 0.1,
                    false => number == direct || (number.is_nan() && direct.is_nan()),
                };
                prop_assert!(same, "element {index}: {number}, directly {direct}");
            }
        }
    }
}

/// Filters of 3 × 3 whose taps lie apart, over images that fall into as many alike.
fn dilated_geometry() -> impl Strategy<Value = Geometry> {
    (tiled_geometry(), 1..4usize, 1..5usize).prop_map(|(geometry, down, across)| {
        let dilated = |axis: Axis, dilation: usize| Axis {
            input: axis.input * dilation,
            output: axis.output * dilation,
            before: axis.before * dilation,
            dilation,
            ..axis
        };
        let [z, y, x] = geometry.axes;
        Geometry {
            images: geometry.images.min(2),
            axes: [z, dilated(y, down), dilated(x, across)],
            ..geometry
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn dilated_filters_are_close_and_equal_on_all_tiers(geometry in dilated_geometry(), seed in any::<u64>()) {
        let case = Case::new(geometry, seed, |number| number as f32);
        let results = same_everywhere(&case, 0.0, |number| -number);
        for (result, expected) in results.iter().zip(&case.expected(f64::from)) {
            let squares = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
            let error = squares(&mut result.iter().zip(expected).map(|(&number, &(value, _))| f64::from(number) - value));
            let scale = squares(&mut expected.iter().map(|&(value, _)| value));
            // As for filters that are not dilated.
            prop_assert!(error <= scale * 1e-8, "relative error {}", (error / scale).sqrt());
        }
    }
}
