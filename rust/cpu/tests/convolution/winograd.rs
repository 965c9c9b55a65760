//! Winograd's tiles: their errors against a bound of their own, dilated filters, and numbers that are not finite.

use proptest::prelude::*;
use tenfold_cpu::convolution::{Axis, Geometry, set_direct};

use crate::{Case, TIER, cases, same_bits_everywhere, same_everywhere};

/// Rows and columns of filters that have tiles.
fn kernel() -> impl Strategy<Value = [usize; 2]> {
    prop_oneof![
        3 => Just([3, 3]),
        1 => Just([2, 2]),
        1 => Just([4, 4]),
        1 => Just([5, 5]),
        2 => (2..6usize).prop_map(|columns| [1, columns]),
    ]
}

/// Outputs of a tile along an axis, and what it sees.
fn tile(kernel: usize) -> [usize; 2] {
    if kernel == 1 { [1, 1] } else { [7 - kernel, 6] }
}

/// An axis with stride 1.
fn dense_axis(kernel: usize, (input, before, after): (usize, usize, usize)) -> Axis {
    let (before, after) = (before.min(kernel), after.min(kernel - 1));
    let output = input + before + after + 1 - kernel;
    Axis { input, kernel, output, stride: 1, before, dilation: 1 }
}

/// Filters without stride, of shapes that have tiles, and with enough channels and tiles for most of them to be served.
fn tiled_geometry() -> impl Strategy<Value = Geometry> {
    let extents = || (5..20usize, 0..4usize, 0..3usize);
    let channels = || prop_oneof![Just(16), Just(17), Just(24), Just(37)];
    let depth = prop_oneof![
        2 => Just(Axis::UNIT),
        1 => (1..4usize, 1..3usize, 1..4usize, 0..3usize).prop_map(|(kernel, dilation, output, before)| {
            let reach = (kernel - 1) * dilation;
            let input = (output + reach).saturating_sub(before).max(1);
            Axis { input, kernel, output, stride: 1, before, dilation }
        }),
    ];
    (1..3usize, channels(), channels(), kernel(), depth, extents(), extents()).prop_map(
        |(groups, input_channels, output_channels, kernel, z, y, x)| {
            let (y, x) = (dense_axis(kernel[0], y), dense_axis(kernel[1], x));
            let [height, width] = kernel.map(|kernel| tile(kernel)[0]);
            let tiles = y.output.div_ceil(height) * x.output.div_ceil(width);
            let defined = y.output * x.output * kernel[0] * kernel[1];
            let positions = kernel.map(|kernel| tile(kernel)[1]).iter().product::<usize>();
            // So many that the filters' transforms pay.
            let saved = defined.saturating_sub(tiles * positions) * z.output;
            let images = (128 * positions).div_ceil(saved.max(positions)).min(40);
            Geometry { images, groups, input_channels, output_channels, axes: [z, y, x] }
        },
    )
}

/// A matrix of magnitudes, row by row.
type Matrix = Vec<Vec<f64>>;

/// `|Bᵀ|` of interpolation at 0, ±1, ±2 and infinity.
fn input_matrix(kernel: usize) -> Matrix {
    if kernel == 1 {
        return vec![vec![1.0]];
    }
    vec![
        vec![4.0, 0.0, 5.0, 0.0, 1.0, 0.0],
        vec![0.0, 4.0, 4.0, 1.0, 1.0, 0.0],
        vec![0.0, 4.0, 4.0, 1.0, 1.0, 0.0],
        vec![0.0, 2.0, 1.0, 2.0, 1.0, 0.0],
        vec![0.0, 2.0, 1.0, 2.0, 1.0, 0.0],
        vec![0.0, 4.0, 0.0, 5.0, 0.0, 1.0],
    ]
}

/// Powers of the points' magnitudes, a row a point: of infinity the last of them.
fn powers(count: usize) -> Matrix {
    let mut rows: Matrix = [0, 1, 1, 2, 2]
        .map(|point: i32| (0..count as u32).map(|power| f64::from(point.pow(power))).collect())
        .to_vec();
    rows.push((0..count).map(|power| f64::from(power + 1 == count)).collect());
    rows
}

/// `|G|`.
fn filter_matrix(kernel: usize) -> Matrix {
    if kernel == 1 {
        return vec![vec![1.0]];
    }
    let divisors = [4.0, 6.0, 6.0, 24.0, 24.0, 1.0];
    let mut rows = powers(kernel);
    for (row, divisor) in rows.iter_mut().zip(divisors) {
        row.iter_mut().for_each(|power| *power /= divisor);
    }
    rows
}

/// `|Aᵀ|`.
fn output_matrix(kernel: usize) -> Matrix {
    if kernel == 1 {
        return vec![vec![1.0]];
    }
    transposed(&powers(7 - kernel))
}

fn transposed(matrix: &Matrix) -> Matrix {
    (0..matrix[0].len()).map(|column| matrix.iter().map(|row| row[column]).collect()).collect()
}

/// `L X Rᵀ`, row by row.
fn both_sides([left, right]: &[Matrix; 2], x: &[f64]) -> Vec<f64> {
    let width = right[0].len();
    let columns: Vec<Vec<f64>> = left
        .iter()
        .map(|left| {
            (0..width).map(|j| left.iter().enumerate().map(|(i, l)| l * x[i * width + j]).sum()).collect()
        })
        .collect();
    let product = |row: &Vec<f64>, right: &Vec<f64>| row.iter().zip(right).map(|(x, r)| x * r).sum();
    columns.iter().flat_map(|row| right.iter().map(move |right| product(row, right))).collect()
}

/// Magnitudes of pixels of a patch in a plane, zero beyond it.
fn patch(plane: &[f32], extents: [usize; 2], first: [isize; 2], size: [usize; 2]) -> Vec<f64> {
    let at = |k: usize| {
        let (y, x) = (first[0] + (k / size[1]) as isize, first[1] + (k % size[1]) as isize);
        let inside = (0..extents[0] as isize).contains(&y) && (0..extents[1] as isize).contains(&x);
        if inside { f64::from(plane[y as usize * extents[1] + x as usize].abs()) } else { 0.0 }
    };
    (0..size[0] * size[1]).map(at).collect()
}

/// Bounds of the errors of forward, input's gradient and weights' gradient. On the way to a result, a term takes part
/// in at most 24 roundings of the three transforms (at most 4 a direction each) and in one a step of its sum, and the
/// magnitudes of all terms add up to the same transforms of magnitudes. (See `winograd/mod.rs`.)
fn tiled_bounds(case: &Case<f32>) -> [Vec<f64>; 3] {
    let geometry = &case.geometry;
    let Geometry { images, groups, input_channels, output_channels, axes: [z, y, x] } = *geometry;
    let kernel = [y.kernel, x.kernel];
    let (sizes, seen) = (kernel.map(|k| tile(k)[0]), kernel.map(|k| tile(k)[1]));
    let (input_by, filter_by, output_by) =
        (kernel.map(input_matrix), kernel.map(filter_matrix), kernel.map(output_matrix));
    let (inputs, outputs) = ([y.input, x.input], [y.output, x.output]);
    let before = [y.before, x.before].map(|before| before as isize);
    let turned = [0, 1].map(|axis| kernel[axis] as isize - 1 - before[axis]);
    let mut bounds =
        [vec![0.0; case.gradient.len()], vec![0.0; case.input.len()], vec![0.0; case.weight.len()]];
    let taps = kernel[0] * kernel[1];
    let filter = |group: usize, output: usize, input: usize, tap: usize| {
        let first = (((group * output_channels + output) * input_channels + input) * z.kernel + tap) * taps;
        first..first + taps
    };
    let tiles = |extents: [usize; 2]| {
        let columns = extents[1].div_ceil(sizes[1]);
        (0..extents[0].div_ceil(sizes[0]) * columns)
            .map(move |tile| [tile / columns * sizes[0], tile % columns * sizes[1]])
    };
    let unit = f64::from(f32::EPSILON) / 2.0 * 1.01;
    let area = |extents: [usize; 2]| extents[0] * extents[1];
    let reach = ((z.kernel - 1) * z.dilation) as isize;
    for (batch, group) in (0..images * groups).map(|batch| (batch, batch % groups)) {
        // Forward, and the input's gradient as a convolution of the output's.
        for (kind, source, count, from, to, result_count, pad, depths, first_plane) in [
            (
                0,
                &case.input,
                input_channels,
                inputs,
                outputs,
                output_channels,
                before,
                [z.input, z.output],
                -(z.before as isize),
            ),
            (
                1,
                &case.gradient,
                output_channels,
                outputs,
                inputs,
                input_channels,
                turned,
                [z.output, z.input],
                z.before as isize - reach,
            ),
        ] {
            for (plane, tile) in (0..depths[1]).flat_map(|plane| tiles(to).map(move |tile| (plane, tile))) {
                let first = [tile[0] as isize - pad[0], tile[1] as isize - pad[1]];
                let mut sums = vec![vec![0.0; area(seen)]; result_count];
                for (tap, channel) in (0..z.kernel).flat_map(|tap| (0..count).map(move |c| (tap, c))) {
                    let seen_plane = plane as isize + first_plane + (tap * z.dilation) as isize;
                    let Some(seen_plane) = usize::try_from(seen_plane).ok().filter(|&p| p < depths[0]) else {
                        continue;
                    };
                    let start = ((batch * count + channel) * depths[0] + seen_plane) * area(from);
                    let pixels = patch(&source[start..start + area(from)], from, first, seen);
                    let spread = both_sides(&input_by, &pixels);
                    for (result, sums) in sums.iter_mut().enumerate() {
                        let place = match kind {
                            0 => filter(group, result, channel, tap),
                            _ => filter(group, channel, result, z.kernel - 1 - tap),
                        };
                        let mut taps: Vec<f64> =
                            case.weight[place].iter().map(|w| f64::from(w.abs())).collect();
                        if kind == 1 {
                            taps.reverse();
                        }
                        let taps = both_sides(&filter_by, &taps);
                        sums.iter_mut().zip(spread.iter().zip(taps)).for_each(|(sum, (d, g))| *sum += d * g);
                    }
                }
                let steps = (count * z.kernel + 24) as f64;
                for (result, sums) in sums.iter().enumerate() {
                    let start = ((batch * result_count + result) * depths[1] + plane) * area(to);
                    for (k, sum) in both_sides(&output_by, sums).iter().enumerate() {
                        let (row, column) = (tile[0] + k / sizes[1], tile[1] + k % sizes[1]);
                        if row < to[0] && column < to[1] {
                            bounds[kind][start + row * to[1] + column] = sum * steps * unit;
                        }
                    }
                }
            }
        }
    }
    let all_tiles = (images * z.output * tiles(outputs).count() + 24) as f64;
    let (adjoint, gradient_by) = (filter_by.each_ref().map(transposed), output_by.each_ref().map(transposed));
    for (group, tap) in (0..groups).flat_map(|group| (0..z.kernel).map(move |tap| (group, tap))) {
        for (output, input) in (0..output_channels).flat_map(|o| (0..input_channels).map(move |i| (o, i))) {
            let mut sums = vec![0.0; area(seen)];
            for (image, plane) in (0..images).flat_map(|image| (0..z.output).map(move |plane| (image, plane)))
            {
                let batch = image * groups + group;
                let seen_plane = (plane + tap * z.dilation).checked_sub(z.before).filter(|&p| p < z.input);
                let Some(seen_plane) = seen_plane else { continue };
                let pixels =
                    &case.input[((batch * input_channels + input) * z.input + seen_plane) * area(inputs)..];
                let gradient =
                    &case.gradient[((batch * output_channels + output) * z.output + plane) * area(outputs)..];
                for tile in tiles(outputs) {
                    let first = [tile[0] as isize, tile[1] as isize];
                    let shifted = [first[0] - before[0], first[1] - before[1]];
                    let d = both_sides(&input_by, &patch(pixels, inputs, shifted, seen));
                    let y = both_sides(&gradient_by, &patch(gradient, outputs, first, sizes));
                    sums.iter_mut().zip(d.iter().zip(y)).for_each(|(sum, (d, y))| *sum += d * y);
                }
            }
            let sums = both_sides(&adjoint, &sums);
            for (bound, sum) in bounds[2][filter(group, output, input, tap)].iter_mut().zip(sums) {
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
        geometry in prop_oneof![tiled_geometry(), dilated_geometry(), strided_geometry()],
        seed in any::<u64>(),
        special in prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(f32::MAX)],
        operand in 0..3usize,
    ) {
        check_special(geometry, seed, special, operand)?;
    }
}

/// A large number of the gradient, whose part in a result that has none of it is cancelled to 0 with all that belongs there.
#[test]
fn what_shares_a_tile_with_a_large_number_is_that_of_the_direct_convolution() {
    let dilated = |input, output, before| Axis { input, kernel: 4, output, stride: 1, before, dilation: 3 };
    let axes = [Axis::UNIT, dilated(42, 39, 0), dilated(24, 18, 3)];
    let geometry = Geometry { images: 2, groups: 1, input_channels: 24, output_channels: 16, axes };
    check_special(geometry, 5_808_403_335_474_676_007, f32::MAX, 2).unwrap();
}

/// So are those of a tile whose only large outputs are beyond the border: the large last column meets a zero of each
/// filter within it.
#[test]
fn what_shares_a_tile_with_a_large_number_beyond_the_border_is_that_of_the_direct_convolution() {
    let axis = Axis { input: 13, kernel: 3, output: 11, stride: 1, before: 0, dilation: 1 };
    let geometry = Geometry {
        images: 8,
        groups: 1,
        input_channels: 24,
        output_channels: 16,
        axes: [Axis::UNIT, axis, axis],
    };
    let mut case = Case::new(geometry, 11, |number| number as f32);
    case.input.chunks_exact_mut(13).take(13).for_each(|row| row[12] = 1e28);
    case.weight.chunks_exact_mut(24 * 9).for_each(|filter| {
        filter[..9].chunks_exact_mut(3).for_each(|row| row.copy_from_slice(&[0.0, 1.0, 0.0]));
    });
    let results = same_bits_everywhere(&case);
    let _alone = TIER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    set_direct(true);
    let direct = case.run(0.0, |number| -number);
    set_direct(false);
    assert!(direct[0].iter().all(|number| number.abs() < 1e8));
    for (index, (&number, &direct)) in results[0].iter().zip(&direct[0]).enumerate() {
        let number = f32::from_bits(number);
        assert!(
            (number - direct).abs() <= 1e-4 * direct.abs().max(1.0),
            "element {index}: {number}, directly {direct}"
        );
    }
}

/// One special number in an operand leaves the others' results those of the direct convolution.
fn check_special(geometry: Geometry, seed: u64, special: f32, operand: usize) -> Result<(), TestCaseError> {
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
    for (which, (result, direct)) in results.iter().zip(&direct).enumerate() {
        for (index, (&number, &direct)) in result.iter().zip(direct).enumerate() {
            let number = f32::from_bits(number);
            let same = match direct.is_finite() {
                // Beyond the tiles of the special number, the error of ordinary ones.
                true => number == direct || (number - direct).abs() < 0.1,
                false => number == direct || (number.is_nan() && direct.is_nan()),
            };
            prop_assert!(same, "element {index} of result {which}: {number}, directly {direct}");
        }
    }
    Ok(())
}

/// Filters whose taps lie apart, over images that fall into as many alike.
fn dilated_geometry() -> impl Strategy<Value = Geometry> {
    (tiled_geometry(), 1..4usize, 1..5usize).prop_map(|(geometry, down, across)| {
        let dilated = |axis: Axis, dilation: usize| Axis {
            input: axis.input * dilation,
            output: axis.output * dilation,
            before: axis.before * dilation,
            dilation,
            ..axis
        };
        let [_, y, x] = geometry.axes;
        let axes = [Axis::UNIT, dilated(y, down), dilated(x, across)];
        Geometry { images: geometry.images.min(2), axes, ..geometry }
    })
}

/// Filters in steps, whose taps fall into filters that have tiles.
fn strided_geometry() -> impl Strategy<Value = Geometry> {
    let axis = || (3..12usize, 2..5usize, 9..32usize, 0..5usize, 0..3usize);
    let channels = || prop_oneof![Just(3), Just(8), Just(17)];
    (1..3usize, channels(), channels(), any::<bool>(), axis(), axis()).prop_map(
        |(groups, input_channels, output_channels, along_both, y, x)| {
            let strided = |(kernel, stride, input, before, after): (usize, usize, usize, usize, usize)| {
                let kernel = kernel.min(input);
                let output = (input + before + after - kernel) / stride + 1;
                Axis { input, kernel, output, stride, before, dilation: 1 }
            };
            // Tiles have as many outputs along rows as along columns.
            let y = if along_both { strided((x.0, x.1, y.2, y.3, y.4)) } else { Axis::UNIT };
            let axes = [Axis::UNIT, y, strided(x)];
            Geometry { images: 4, groups, input_channels, output_channels, axes }
        },
    )
}

/// Results are those of naive loops, but for roundings of all terms, and equal on all tiers.
fn check_square_error(geometry: Geometry, seed: u64) {
    let case = Case::new(geometry, seed, |number| number as f32);
    let results = same_everywhere(&case, 0.0, |number| -number);
    for (result, expected) in results.iter().zip(&case.expected(f64::from)) {
        let squares = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
        let error =
            squares(&mut result.iter().zip(expected).map(|(&number, &(value, _))| f64::from(number) - value));
        let scale = squares(&mut expected.iter().map(|&(value, _)| value));
        // As for dense filters.
        assert!(error <= scale * 1e-8, "relative error {}, {geometry:?}", (error / scale).sqrt());
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn dilated_filters_are_close_and_equal_on_all_tiers(geometry in dilated_geometry(), seed in any::<u64>()) {
        check_square_error(geometry, seed);
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn filters_in_steps_are_close_and_equal_on_all_tiers(geometry in strided_geometry(), seed in any::<u64>()) {
        check_square_error(geometry, seed);
    }
}

/// A row of tiles too long for a block, planes too many for one, and the strides that models have.
#[test]
fn long_rows_deep_images_and_usual_strides_are_close_and_equal_on_all_tiers() {
    let axis = |input, kernel, stride, before| {
        let output = (input + 2 * before - kernel) / stride + 1;
        Axis { input, kernel, output, stride, before, dilation: 1 }
    };
    let geometry = |images, [input_channels, output_channels]: [usize; 2], axes| Geometry {
        images,
        groups: 1,
        input_channels,
        output_channels,
        axes,
    };
    let unit = Axis::UNIT;
    // Taps along the depth that lie apart, with another plane of zeros before than behind.
    let apart = Axis { input: 14, kernel: 3, output: 13, stride: 1, before: 2, dilation: 2 };
    for geometry in [
        geometry(2, [32, 40], [unit, unit, axis(1000, 5, 1, 2)]),
        geometry(1, [25, 16], [unit, axis(9, 3, 1, 1), axis(603, 3, 1, 1)]),
        geometry(1, [16, 24], [axis(37, 3, 1, 1), axis(13, 3, 1, 1), axis(9, 3, 1, 1)]),
        geometry(1, [16, 16], [axis(5, 3, 1, 1), axis(6, 3, 1, 1), axis(300, 3, 1, 1)]),
        geometry(1, [16, 24], [apart, axis(13, 3, 1, 1), axis(12, 3, 1, 1)]),
        geometry(4, [32, 32], [axis(7, 1, 1, 0), axis(6, 3, 1, 1), axis(9, 3, 1, 1)]),
        geometry(1, [3, 64], [unit, axis(56, 7, 2, 3), axis(56, 7, 2, 3)]),
        geometry(12, [16, 24], [unit, axis(28, 4, 2, 1), axis(28, 4, 2, 1)]),
        geometry(4, [3, 32], [unit, axis(67, 11, 4, 2), axis(67, 11, 4, 2)]),
    ] {
        check_square_error(geometry, 5);
        let _alone = TIER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let case = Case::new(geometry, 5, |number| number as f32);
        let tiled = case.run(0.0, |number| -number);
        set_direct(true);
        let direct = case.run(0.0, |number| -number);
        set_direct(false);
        assert!(tiled.iter().zip(&direct).all(|(tiled, direct)| tiled != direct), "not served: {geometry:?}");
    }
}
