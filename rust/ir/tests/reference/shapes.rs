//! The shape rules against what the reference interpreter makes: each output has the promised number of bytes.

use proptest::prelude::*;
use tenfold_ir::Core;
use tenfold_ir::kernel::{
    Convolution, ConvolutionKind, Pool, PoolKind, Reduce, Reduction, Scan, ScanOperation, Sort,
};

use crate::support::{given, run, values};

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7 + 3) % 11) as f32 - 5.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sum_over_axes_is_the_sum_of_sums(
        shape in prop::collection::vec(0usize..4, 1..4),
        mask in prop::collection::vec(any::<bool>(), 3),
    ) {
        let axes = (0..shape.len()).filter(|&axis| mask[axis]).collect();
        let data = numbers(shape.iter().product());
        let out = run(
            Core::Reduce(Reduce { operation: Reduction::Sum, axes }),
            &[given(&shape, &data)],
        ).unwrap();
        let kept: usize = (0..shape.len()).filter(|&axis| !mask[axis]).map(|axis| shape[axis]).product();
        let sums = values::<f32>(&out[0]);
        prop_assert_eq!(sums.len(), kept);
        // Small whole numbers: no rounding.
        prop_assert_eq!(sums.iter().sum::<f32>(), data.iter().sum::<f32>());
    }

    #[test]
    fn the_last_running_sum_is_the_sum(extent in 1usize..6, other in 1usize..4, reverse in any::<bool>()) {
        let data = numbers(extent * other);
        let scan = Scan { operation: ScanOperation::Sum, axis: 0, reverse };
        let running = values::<f32>(&run(Core::Scan(scan), &[given(&[extent, other], &data)]).unwrap()[0]);
        let reduce = Reduce { operation: Reduction::Sum, axes: [0].into_iter().collect() };
        let sums = values::<f32>(&run(Core::Reduce(reduce), &[given(&[extent, other], &data)]).unwrap()[0]);
        let last = if reverse { 0 } else { (extent - 1) * other };
        prop_assert_eq!(&running[last..last + other], &sums[..]);
    }

    #[test]
    fn sorting_gives_an_ascending_permutation(data in prop::collection::vec(-9i16..9, 0..20)) {
        let sort = Sort::Sort { axis: 0, descending: false };
        let out = run(Core::Sort(sort), &[given(&[data.len()], &data)]).unwrap();
        let (sorted, indices) = (values::<i16>(&out[0]), values::<i64>(&out[1]));
        prop_assert!(sorted.is_sorted());
        prop_assert!(indices.iter().zip(&sorted).all(|(&index, &value)| data[index as usize] == value));
        let stable = indices.windows(2).all(|pair| {
            data[pair[0] as usize] < data[pair[1] as usize] || pair[0] < pair[1]
        });
        prop_assert!(stable);
    }

    /// The gradients are the transposes of the convolution: ⟨conv(x, w), g⟩ = ⟨x, conv_x(g, w)⟩ = ⟨w, conv_w(x, g)⟩.
    #[test]
    fn gradients_of_convolution_are_its_transposes(
        input in 1usize..7, kernel in 1usize..4, stride in 1usize..3, before in 0usize..3, after in 0usize..3,
        dilation in 1usize..3, groups in 1usize..3, channels in 1usize..3,
    ) {
        let core = |kind| Convolution {
            kind,
            stride: [stride].into_iter().collect(),
            padding: [(before, after)].into_iter().collect(),
            dilation: [dilation].into_iter().collect(),
            groups,
        };
        let forward = core(ConvolutionKind::Forward);
        prop_assume!(forward.output_extent(0, input, kernel).is_some());
        let out = forward.output_extent(0, input, kernel).unwrap();
        let (x_shape, w_shape) = ([2, channels * groups, input], [groups * 2, channels, kernel]);
        let g_shape = [2, groups * 2, out];
        let fill = |shape: &[usize]| numbers(shape.iter().product());
        let (x, w, g) = (fill(&x_shape), fill(&w_shape), fill(&g_shape));
        let inner = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let run = |kind, inputs: [(&[usize], &[f32]); 2]| {
            let inputs = inputs.map(|(shape, values)| given(shape, values));
            values::<f32>(&run(Core::Convolution(core(kind)), &inputs).unwrap()[0])
        };
        let y = run(ConvolutionKind::Forward, [(&x_shape, &x), (&w_shape, &w)]);
        prop_assert_eq!(y.len(), g.len());
        let kind = ConvolutionKind::InputGradient { input: [input].into_iter().collect() };
        let x_gradient = run(kind, [(&g_shape, &g), (&w_shape, &w)]);
        prop_assert_eq!(inner(&y, &g), inner(&x, &x_gradient));
        let kind = ConvolutionKind::WeightGradient { kernel: [kernel].into_iter().collect() };
        let w_gradient = run(kind, [(&x_shape, &x), (&g_shape, &g)]);
        prop_assert_eq!(inner(&y, &g), inner(&w, &w_gradient));
    }

    #[test]
    fn windows_of_a_pool_reach_every_extent(
        input in 1usize..9, window in 1usize..4, stride in 1usize..4, ceil_mode in any::<bool>(), padded in any::<bool>(),
    ) {
        let padding = if padded { window / 2 } else { 0 };
        let core = |kind| Pool {
            kind,
            window: [window].into_iter().collect(),
            stride: [stride].into_iter().collect(),
            padding: [padding].into_iter().collect(),
            dilation: [1].into_iter().collect(),
            ceil_mode,
        };
        let max = core(PoolKind::Max);
        prop_assume!(max.output_extent(0, input).is_some());
        let x = numbers(input);
        let out = run(Core::Pool(max.clone()), &[given(&[1, 1, input], &x)]).unwrap();
        let (maxima, indices) = (values::<f32>(&out[0]), values::<i64>(&out[1]));
        prop_assert_eq!(maxima.len(), max.output_extent(0, input).unwrap());
        prop_assert!(maxima.iter().zip(&indices).all(|(&value, &index)| x[index as usize] == value));
    }
}
