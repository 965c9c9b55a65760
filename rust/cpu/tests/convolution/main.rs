//! Convolutions and their gradients against naive loops in double precision, and bit for bit between tiers and
//! numbers of threads.

mod winograd;

use std::sync::Mutex;

use half::bf16;
use proptest::prelude::*;
use tenfold_cpu::convolution::{
    Axis, ConvolutionElement, Geometry, forward, input_gradient, weight_gradient,
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
        (1..75usize, 0..4usize, 0..4usize).prop_map(|(input, before, after)| {
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

    /// Sums of neighbours are chains of fused products in the order of the weights, also in gradients.
    #[test]
    fn depthwise_neighbours_are_summed_in_order(geometry in neighbours_geometry(), seed in any::<u64>()) {
        let case = Case::new(geometry, seed, |number| number as f32);
        let [output, input, _] = same_everywhere(&case, 0.0, |number| -number);
        let mut sums = vec![0f32; output.len()];
        let mut products = Vec::new();
        each_product(&geometry, |x, weight, y| {
            sums[y] = case.weight[weight].mul_add(case.input[x], sums[y]);
            products.push((x, weight, y));
        });
        prop_assert_eq!(&output, &sums);
        products.sort_by_key(|&(x, weight, _)| (x, weight));
        let mut sums = vec![0f32; input.len()];
        for (x, weight, y) in products {
            sums[x] = case.weight[weight].mul_add(case.gradient[y], sums[x]);
        }
        prop_assert_eq!(&input, &sums);
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
