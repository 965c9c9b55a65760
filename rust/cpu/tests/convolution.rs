//! Convolutions and their gradients against naive loops in double precision, and bit for bit between tiers and
//! numbers of threads.

use std::sync::Mutex;

use half::bf16;
use proptest::prelude::*;
use tenfold_cpu::convolution::{
    Axis, ConvolutionElement, Geometry, forward, input_gradient, set_direct, weight_gradient,
};
use tenfold_cpu::gemm::Block;
use tenfold_cpu::simd::{Tier, detected, set_tier};
use tenfold_cpu::threads::set_thread_count;

/// Tests change the process's tier one at a time.
static TIER: Mutex<()> = Mutex::new(());

fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Calls `visit(input index, weight index, output index)` for every product of the convolution.
fn each_product(geometry: &Geometry, mut visit: impl FnMut(usize, usize, usize)) {
    let Geometry { images, groups, input_channels, output_channels, axes } = *geometry;
    let places = |extents: [usize; 3]| {
        let [z, y, x] = extents;
        (0..z).flat_map(move |z| (0..y).flat_map(move |y| (0..x).map(move |x| [z, y, x])))
    };
    let flat =
        |place: [usize; 3], extents: [usize; 3]| (place[0] * extents[1] + place[1]) * extents[2] + place[2];
    let (inputs, kernels, outputs) =
        (axes.map(|axis| axis.input), axes.map(|axis| axis.kernel), axes.map(|axis| axis.output));
    for batch in 0..images * groups {
        let group = batch % groups;
        for (output, pixel) in (0..output_channels).flat_map(|o| places(outputs).map(move |p| (o, p))) {
            for (input, tap) in (0..input_channels).flat_map(|i| places(kernels).map(move |t| (i, t))) {
                let place: [isize; 3] = std::array::from_fn(|axis| {
                    let Axis { stride, before, dilation, .. } = axes[axis];
                    (pixel[axis] * stride + tap[axis] * dilation) as isize - before as isize
                });
                if (0..3).any(|axis| place[axis] < 0 || place[axis] >= inputs[axis] as isize) {
                    continue;
                }
                let place = place.map(|index| index as usize);
                visit(
                    (batch * input_channels + input) * geometry.input_pixels() + flat(place, inputs),
                    ((group * output_channels + output) * input_channels + input) * geometry.taps()
                        + flat(tap, kernels),
                    (batch * output_channels + output) * geometry.output_pixels() + flat(pixel, outputs),
                );
            }
        }
    }
}

/// Operands and results of the three products.
struct Case<T> {
    geometry: Geometry,
    input: Vec<T>,
    weight: Vec<T>,
    gradient: Vec<T>,
}

impl<T: ConvolutionElement> Case<T> {
    fn new(geometry: Geometry, seed: u64, convert: impl Fn(f64) -> T + Copy) -> Case<T> {
        let Geometry { images, groups, input_channels, output_channels, .. } = geometry;
        let make = |count: usize, seed: u64| numbers(count, seed).into_iter().map(convert).collect();
        Case {
            geometry,
            input: make(images * groups * input_channels * geometry.input_pixels(), seed),
            weight: make(groups * output_channels * input_channels * geometry.taps(), seed ^ 5),
            gradient: make(images * groups * output_channels * geometry.output_pixels(), seed ^ 9),
        }
    }

    /// Forward, input's gradient, weights' gradient; each with an epilogue that negates, so that an element
    /// that it does not see, or sees twice, is wrong.
    fn run(&self, zero: T, negate: fn(T) -> T) -> [Vec<T>; 3] {
        let epilogue = |block: &mut Block<'_, T>| {
            for row in block.rows.clone() {
                block.row(row).iter_mut().for_each(|number| *number = negate(*number));
            }
        };
        let mut results =
            [vec![zero; self.gradient.len()], vec![zero; self.input.len()], vec![zero; self.weight.len()]];
        let [output, input, weight] = &mut results;
        forward(&self.geometry, &self.input, &self.weight, output, Some(&epilogue)).unwrap();
        input_gradient(&self.geometry, &self.gradient, &self.weight, input, Some(&epilogue)).unwrap();
        weight_gradient(&self.geometry, &self.input, &self.gradient, weight, Some(&epilogue)).unwrap();
        for result in &mut results {
            result.iter_mut().for_each(|number| *number = negate(*number));
        }
        results
    }

    /// The same by naive loops: values, and the sum of magnitudes that bounds the error.
    fn expected(&self, widen: fn(T) -> f64) -> [Vec<(f64, f64)>; 3] {
        let mut results = [
            vec![(0.0, 0.0); self.gradient.len()],
            vec![(0.0, 0.0); self.input.len()],
            vec![(0.0, 0.0); self.weight.len()],
        ];
        each_product(&self.geometry, |input, weight, output| {
            let (x, w, g) =
                (widen(self.input[input]), widen(self.weight[weight]), widen(self.gradient[output]));
            let products = [(output, x * w), (input, g * w), (weight, x * g)];
            for (result, (index, product)) in results.iter_mut().zip(products) {
                result[index].0 += product;
                result[index].1 += product.abs();
            }
        });
        results
    }
}

fn axis() -> impl Strategy<Value = Axis> {
    (1..20usize, 1..4usize, 1..4usize, 0..3usize, 0..3usize, 1..4usize).prop_map(
        |(input, kernel, stride, before, after, dilation)| {
            let reach = (kernel - 1) * dilation + 1;
            let input = input.max(reach.saturating_sub(before + after)).max(1);
            let output = (input + before + after - reach) / stride + 1;
            Axis { input, kernel, output, stride, before, dilation }
        },
    )
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let small = prop_oneof![3 => Just(Axis::UNIT), 1 => axis()];
    (1..4usize, 1..3usize, 1..9usize, 1..15usize, small, axis(), axis()).prop_map(
        |(images, groups, input_channels, output_channels, z, y, x)| {
            let z = if z.output * z.kernel > 8 { Axis::UNIT } else { z };
            Geometry { images, groups, input_channels, output_channels, axes: [z, y, x] }
        },
    )
}

/// Error of a sum in any order, and of the rounding of the result.
fn check_close(results: &[Vec<f64>; 3], expected: &[Vec<(f64, f64)>; 3], epsilon: f64, rounding: f64) {
    for (result, expected) in results.iter().zip(expected) {
        for (index, (&number, &(value, magnitude))) in result.iter().zip(expected).enumerate() {
            let bound = magnitude * epsilon * 64.0 + value.abs() * rounding;
            assert!((number - value).abs() <= bound, "element {index}: {number}, expected {value}");
        }
    }
}

/// Results on each tier and for several numbers of threads are the same; gives them.
fn same_everywhere<T: ConvolutionElement + PartialEq + std::fmt::Debug>(
    case: &Case<T>,
    zero: T,
    negate: fn(T) -> T,
) -> [Vec<T>; 3] {
    let _alone = TIER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    set_tier(detected()).unwrap();
    let results = case.run(zero, negate);
    for &tier in Tier::available() {
        set_tier(tier).unwrap();
        for threads in [1, 3] {
            set_thread_count(threads);
            assert!(case.run(zero, negate) == results, "{tier:?}, {threads} threads, {:?}", case.geometry);
        }
    }
    set_tier(detected()).unwrap();
    results
}

/// In single precision.
fn check_single(geometry: Geometry, seed: u64) {
    let case = Case::new(geometry, seed, |number| number as f32);
    let results = same_everywhere(&case, 0.0, |number| -number);
    let results = results.map(|result| result.into_iter().map(f64::from).collect());
    check_close(&results, &case.expected(f64::from), f64::from(f32::EPSILON), 0.0);
}

/// In half precision, rounded once.
fn check_bfloat16(geometry: Geometry, seed: u64) {
    let case = Case::new(geometry, seed, bf16::from_f64);
    let results = same_everywhere(&case, bf16::ZERO, |number| -number);
    let results = results.map(|result| result.into_iter().map(f64::from).collect());
    check_close(&results, &case.expected(f64::from), f64::from(f32::EPSILON), 1.0 / 256.0);
}

/// So many cases, or what `PROPTEST_CASES` says.
fn cases(usual: u32) -> ProptestConfig {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(given.unwrap_or(usual))
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn single_precision_is_close_and_equal_on_all_tiers(geometry in geometry(), seed in any::<u64>()) {
        check_single(geometry, seed);
    }

    #[test]
    fn double_precision_is_close_and_equal_on_all_tiers(geometry in geometry(), seed in any::<u64>()) {
        let case = Case::new(geometry, seed, |number| number);
        let results = same_everywhere(&case, 0.0, |number| -number);
        check_close(&results, &case.expected(|number| number), f64::EPSILON, 0.0);
    }

    #[test]
    fn bfloat16_rounds_once(geometry in geometry(), seed in any::<u64>()) {
        let case = Case::new(geometry, seed, bf16::from_f64);
        let results = same_everywhere(&case, bf16::ZERO, |number| -number);
        let results = results.map(|result| result.into_iter().map(f64::from).collect());
        // Half a unit in the last place of 8 bits.
        check_close(&results, &case.expected(f64::from), f64::from(f32::EPSILON), 1.0 / 256.0);
    }
}

/// One channel a group on either side, as many planes as tasks of several take.
fn depthwise_geometry() -> impl Strategy<Value = Geometry> {
    let small = prop_oneof![3 => Just(Axis::UNIT), 1 => axis()];
    (1..5usize, 1..40usize, small, axis(), axis()).prop_map(|(images, groups, z, y, x)| {
        let z = if z.output * z.kernel > 8 { Axis::UNIT } else { z };
        Geometry { images, groups, input_channels: 1, output_channels: 1, axes: [z, y, x] }
    })
}

/// The same with 3×3 weights of neighbouring pixels, and any padding.
fn neighbours_geometry() -> impl Strategy<Value = Geometry> {
    let axis = || {
        (1..40usize, 0..4usize, 0..4usize).prop_map(|(input, before, after)| {
            let input = input.max(3usize.saturating_sub(before + after)).max(1);
            Axis { input, kernel: 3, output: input + before + after - 2, stride: 1, before, dilation: 1 }
        })
    };
    (1..5usize, 6..20usize, axis(), axis()).prop_map(|(images, groups, y, x)| {
        let axes = [Axis::UNIT, y, x];
        Geometry { images, groups, input_channels: 1, output_channels: 1, axes }
    })
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn depthwise_layers_are_close_and_equal_on_all_tiers(geometry in depthwise_geometry(), seed in any::<u64>()) {
        check_single(geometry, seed);
    }

    #[test]
    fn depthwise_layers_of_bfloat16_round_once(geometry in depthwise_geometry(), seed in any::<u64>()) {
        check_bfloat16(geometry, seed);
    }

    #[test]
    fn depthwise_neighbours_are_close_and_equal_on_all_tiers(geometry in neighbours_geometry(), seed in any::<u64>()) {
        check_single(geometry, seed);
    }

    #[test]
    fn what_is_not_finite_stays_within_its_windows(
        geometry in prop_oneof![depthwise_geometry(), neighbours_geometry()],
        seed in any::<u64>(),
    ) {
        let mut case = Case::new(geometry, seed, |number| number as f32);
        let place = (seed % case.input.len() as u64) as usize;
        case.input[place] = f32::NAN;
        let mut reached = vec![false; case.gradient.len()];
        each_product(&geometry, |input, _, output| reached[output] |= input == place);
        let results = same_bits_everywhere(&case);
        for (index, (&bits, &reached)) in results[0].iter().zip(&reached).enumerate() {
            prop_assert_eq!(f32::from_bits(bits).is_nan(), reached, "output {}", index);
        }
        let mut of_weights = vec![false; case.weight.len()];
        each_product(&geometry, |input, weight, _| of_weights[weight] |= input == place);
        for (index, (&bits, &reached)) in results[2].iter().zip(&of_weights).enumerate() {
            prop_assert_eq!(f32::from_bits(bits).is_nan(), reached, "weight {}", index);
        }
    }
}

/// Few pixels, of several images: those are the columns of one product. Padding is wide enough for taps that meet no pixel.
/// Output channels are too few for Winograd's tiles, which have a bound of their own.
fn small_geometry() -> impl Strategy<Value = Geometry> {
    let axis = (1..7usize, 1..4usize, 1..3usize, 0..4usize, 0..4usize, 1..3usize).prop_map(
        |(input, kernel, stride, before, after, dilation)| {
            let reach = (kernel - 1) * dilation + 1;
            let input = input.max(reach.saturating_sub(before + after)).max(1);
            let output = ((input + before + after - reach) / stride + 1).min(6);
            Axis { input, kernel, output, stride, before, dilation }
        },
    );
    (2..19usize, 1..3usize, 8..40usize, 8..16usize, axis.clone(), axis).prop_map(
        |(images, groups, input_channels, output_channels, y, x)| Geometry {
            images,
            groups,
            input_channels,
            output_channels,
            axes: [Axis::UNIT, y, x],
        },
    )
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn small_images_are_close_and_equal_on_all_tiers(geometry in small_geometry(), seed in any::<u64>()) {
        check_single(geometry, seed);
    }

    #[test]
    fn small_images_of_bfloat16_round_once(geometry in small_geometry(), seed in any::<u64>()) {
        check_bfloat16(geometry, seed);
    }
}

/// Several blocks of depth, of rows and of panels; a stride, and bands of rows of its phases; small images one after the
/// other in a grid; a depthwise convolution.
#[test]
fn usual_layers_are_close_and_equal_on_all_tiers() {
    let axis = |input: usize, kernel: usize, stride: usize, before: usize| Axis {
        input,
        kernel,
        output: (input + 2 * before - kernel) / stride + 1,
        stride,
        before,
        dilation: 1,
    };
    let layer = |images, groups, input_channels, output_channels, axis: Axis| Geometry {
        images,
        groups,
        input_channels,
        output_channels,
        axes: [Axis::UNIT, axis, axis],
    };
    for geometry in [
        layer(2, 1, 33, 17, axis(30, 3, 1, 1)),
        layer(3, 1, 3, 20, axis(61, 7, 2, 3)),
        layer(2, 24, 1, 1, axis(40, 3, 1, 1)),
        layer(9, 1, 8, 70, axis(16, 1, 1, 0)),
        layer(2, 1, 30, 100, axis(21, 3, 2, 1)),
        layer(2, 1, 100, 90, axis(13, 1, 1, 0)),
        layer(2, 1, 5, 6, axis(16, 1, 2, 0)),
        layer(5, 1, 70, 190, axis(2, 3, 1, 1)),
        layer(20, 1, 70, 66, axis(12, 3, 2, 1)),
        layer(1, 1, 40, 6, axis(61, 3, 2, 1)),
        Geometry {
            axes: [axis(9, 3, 2, 1), axis(20, 2, 3, 0), axis(20, 3, 2, 1)],
            ..layer(1, 1, 30, 3, Axis::UNIT)
        },
        layer(13, 2, 6, 200, axis(9, 1, 1, 0)),
        layer(13, 1, 6, 110, axis(11, 2, 1, 0)),
    ] {
        check_single(geometry, 3);
    }
}

#[test]
fn without_images_or_channels_the_gradients_are_zero() {
    let axis = Axis { input: 4, kernel: 3, output: 2, stride: 1, before: 0, dilation: 1 };
    for (images, input_channels, output_channels) in [(0, 2, 3), (2, 0, 3), (2, 3, 0)] {
        let axes = [Axis::UNIT, axis, axis];
        let geometry = Geometry { images, groups: 1, input_channels, output_channels, axes };
        let results = Case::new(geometry, 1, |number| number as f32).run(f32::NAN, |number| -number);
        assert!(results.iter().flatten().all(|&number| number == 0.0), "{geometry:?}");
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let axis = Axis { input: 4, kernel: 3, output: 2, stride: 1, before: 0, dilation: 1 };
    let axes = [Axis::UNIT, axis, axis];
    let geometry = Geometry { images: 1, groups: 1, input_channels: 1, output_channels: 1, axes };
    let mut output = vec![0.0f32; 4];
    assert!(forward(&geometry, &[0.0; 15], &[0.0; 9], &mut output, None).is_err());
    assert!(forward(&geometry, &[0.0; 16], &[0.0; 8], &mut output, None).is_err());
    assert!(forward(&geometry, &[0.0; 16], &[0.0; 9], &mut output[..3], None).is_err());
    assert!(forward(&geometry, &[0.0; 16], &[0.0; 9], &mut output, None).is_ok());
}

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

/// The bits of the results, which are the same on each tier and for several numbers of threads.
fn same_bits_everywhere(case: &Case<f32>) -> [Vec<u32>; 3] {
    let _alone = TIER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let bits = || {
        let one = |number: f32| if number.is_nan() { f32::NAN.to_bits() } else { number.to_bits() };
        case.run(0.0, |number| -number).map(|result| result.into_iter().map(one).collect::<Vec<u32>>())
    };
    set_tier(detected()).unwrap();
    let results = bits();
    for &tier in Tier::available() {
        set_tier(tier).unwrap();
        for threads in [1, 3] {
            set_thread_count(threads);
            assert!(bits() == results, "{tier:?}, {threads} threads, {:?}", case.geometry);
        }
    }
    set_tier(detected()).unwrap();
    results
}
