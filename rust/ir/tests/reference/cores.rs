//! One example or more for every core and mode.

use std::sync::Arc;

use smallvec::smallvec;
use tenfold_ir::kernel::*;
use tenfold_ir::{Boolean, Core, ErrorKind, Layout, Result, Shape, f16};

use crate::support::{close, given, run, values};

fn reduce(operation: Reduction, axes: &[usize]) -> Core {
    Core::Reduce(Reduce { operation, axes: axes.iter().copied().collect() })
}

#[test]
fn sums_and_products_wrap_integers_and_round_floats_once() {
    let out = run(reduce(Reduction::Sum, &[1]), &[given(&[2, 3], &[1i8, 2, 3, 100, 100, 100])]).unwrap();
    assert_eq!(values::<i8>(&out[0]), [6, 44]);
    let out = run(reduce(Reduction::Product, &[0]), &[given(&[2, 2], &[3i32, 4, 5, 6])]).unwrap();
    assert_eq!(values::<i32>(&out[0]), [15, 24]);
    // In float16 itself 2048 + 1 + 1 would stay 2048.
    let halves: Vec<f16> = [2048.0, 1.0, 1.0].map(f16::from_f32).to_vec();
    let out = run(reduce(Reduction::Sum, &[0]), &[given(&[3], &halves)]).unwrap();
    assert_eq!(values::<f16>(&out[0]), [f16::from_f32(2050.0)]);
    let out = run(reduce(Reduction::Sum, &[0]), &[given::<f32>(&[0, 2], &[])]).unwrap();
    assert_eq!(values::<f32>(&out[0]), [0.0, 0.0]);
}

#[test]
fn extremes_pass_nan_on_and_find_the_first() {
    let data = || given(&[2, 4], &[1.0f32, f32::NAN, 9.0, f32::NAN, 3.0, 7.0, 7.0, -1.0]);
    let max = values::<f32>(&run(reduce(Reduction::Max, &[1]), &[data()]).unwrap()[0]);
    assert!(max[0].is_nan() && max[1] == 7.0);
    let min = values::<f32>(&run(reduce(Reduction::Min, &[1]), &[data()]).unwrap()[0]);
    assert!(min[0].is_nan() && min[1] == -1.0);
    assert_eq!(values::<i64>(&run(reduce(Reduction::ArgMax, &[1]), &[data()]).unwrap()[0]), [1, 1]);
    assert_eq!(values::<i64>(&run(reduce(Reduction::ArgMin, &[1]), &[data()]).unwrap()[0]), [1, 3]);
    let flat = run(reduce(Reduction::ArgMax, &[0, 1]), &[given(&[2, 2], &[0u8, 1, 5, 5])]).unwrap();
    assert_eq!(values::<i64>(&flat[0]), [2]);
}

#[test]
fn any_and_all() {
    let data = || given(&[2, 2], &[Boolean(0), Boolean(1), Boolean(1), Boolean(1)]);
    let any = run(reduce(Reduction::Any, &[0, 1]), &[data()]).unwrap();
    assert_eq!(values::<u8>(&any[0]), [1]);
    let all = run(reduce(Reduction::All, &[1]), &[data()]).unwrap();
    assert_eq!(values::<u8>(&all[0]), [0, 1]);
}

#[test]
fn moments_are_mean_and_squared_distances() {
    let out = run(reduce(Reduction::Moments, &[0]), &[given(&[4], &[1.0f64, 2.0, 3.0, 6.0])]).unwrap();
    assert_eq!((values::<f64>(&out[0]), values::<f64>(&out[1])), (vec![3.0], vec![14.0]));
}

fn scan(operation: ScanOperation, reverse: bool) -> Core {
    Core::Scan(Scan { operation, axis: 0, reverse })
}

#[test]
fn scans_run_in_both_directions() {
    let data = || given(&[4], &[1i64, 2, 2, 0]);
    let sum = |reverse| values::<i64>(&run(scan(ScanOperation::Sum, reverse), &[data()]).unwrap()[0]);
    assert_eq!((sum(false), sum(true)), (vec![1, 3, 5, 5], vec![5, 4, 2, 0]));
    let product = run(scan(ScanOperation::Product, false), &[data()]).unwrap();
    assert_eq!(values::<i64>(&product[0]), [1, 2, 4, 0]);
    let max = run(scan(ScanOperation::Max, false), &[data()]).unwrap();
    assert_eq!((values::<i64>(&max[0]), values::<i64>(&max[1])), (vec![1, 2, 2, 2], vec![0, 1, 2, 2]));
    let min = run(scan(ScanOperation::Min, true), &[data()]).unwrap();
    assert_eq!((values::<i64>(&min[0]), values::<i64>(&min[1])), (vec![0; 4], vec![3; 4]));
    let nan = given(&[3], &[1.0f32, f32::NAN, 5.0]);
    let max = run(scan(ScanOperation::Max, false), &[nan]).unwrap();
    assert!(values::<f32>(&max[0])[2].is_nan());
    assert_eq!(values::<i64>(&max[1]), [0, 1, 1]);
    let log = run(scan(ScanOperation::LogSumExp, false), &[given(&[3], &[f64::NEG_INFINITY, 0.0, 0.0])]);
    assert!(close(&values(&log.unwrap()[0]), &[f64::NEG_INFINITY, 0.0, std::f64::consts::LN_2]));
}

fn rows(operation: RowOperation) -> Core {
    Core::Rows(Rows { operation, axis: 1 })
}

#[test]
fn softmax_and_its_gradients() {
    let x = || given(&[1, 2], &[0.0f64, 3f64.ln()]);
    let softmax = run(rows(RowOperation::Softmax), &[x()]).unwrap();
    assert!(close(&values(&softmax[0]), &[0.25, 0.75]));
    let log = run(rows(RowOperation::LogSoftmax), &[x()]).unwrap();
    assert!(close(&values(&log[0]), &[0.25f64.ln(), 0.75f64.ln()]));
    let sum = run(rows(RowOperation::LogSumExp), &[x()]).unwrap();
    assert!(close(&values(&sum[0]), &[4f64.ln()]));
    let g = || given(&[1, 2], &[1.0f64, 5.0]);
    let gradient =
        run(rows(RowOperation::SoftmaxGradient), &[given(&[1, 2], &[0.25f64, 0.75]), g()]).unwrap();
    assert!(close(&values(&gradient[0]), &[-0.75, 0.75]));
    let gradient =
        run(rows(RowOperation::LogSoftmaxGradient), &[given(&[1, 2], &[0.0f64, 0.0]), g()]).unwrap();
    assert!(close(&values(&gradient[0]), &[-5.0, -1.0]));
}

#[test]
fn norms_and_their_gradients() {
    let x = || given(&[1, 4], &[1.0f64, 3.0, 1.0, 3.0]);
    let out = run(rows(RowOperation::LayerNorm { epsilon: 0.0 }), &[x()]).unwrap();
    assert!(close(&values(&out[0]), &[-1.0, 1.0, -1.0, 1.0]));
    assert_eq!((values::<f64>(&out[1]), values::<f64>(&out[2])), (vec![2.0], vec![1.0]));
    // n = (−1, 1, −1, 1), mean(g) = 1, mean(g·n) = −1.
    let g = || given(&[1, 4], &[4.0f64, 0.0, 0.0, 0.0]);
    let one = |value: f64| given(&[1], &[value]);
    let out = run(rows(RowOperation::LayerNormGradient), &[x(), one(2.0), one(1.0), g()]).unwrap();
    assert!(close(&values(&out[0]), &[2.0, 0.0, -2.0, 0.0]));
    let out = run(rows(RowOperation::RmsNorm { epsilon: 4.0 }), &[given(&[1, 2], &[0.0f64, 0.0])]).unwrap();
    assert_eq!((values::<f64>(&out[0]), values::<f64>(&out[1])), (vec![0.0, 0.0], vec![0.5]));
    // n = (1, 1), mean(g·n) = 2.
    let unit = given(&[1, 2], &[2.0f64, 2.0]);
    let out =
        run(rows(RowOperation::RmsNormGradient), &[unit, one(0.5), given(&[1, 2], &[1.0f64, 3.0])]).unwrap();
    assert!(close(&values(&out[0]), &[-0.5, 0.5]));
}

#[test]
fn cross_entropy_ignores_targets_outside_the_row() {
    let x = || given(&[2, 2], &[0.0f64, 3f64.ln(), 0.0, 0.0]);
    let t = || given(&[2], &[1i64, -100]);
    let out = run(rows(RowOperation::CrossEntropy), &[x(), t()]).unwrap();
    assert!(close(&values(&out[0]), &[-0.75f64.ln(), 0.0]));
    assert!(close(&values(&out[1]), &[4f64.ln(), 2f64.ln()]));
    let l = given(&[2], &[4f64.ln(), 2f64.ln()]);
    let out =
        run(rows(RowOperation::CrossEntropyGradient), &[x(), t(), l, given(&[2], &[2.0f64, 2.0])]).unwrap();
    assert!(close(&values(&out[0]), &[0.5, -0.5, 0.0, 0.0]));
}

#[test]
fn products_of_matrices_are_batched() {
    let a = given(&[2, 1, 2], &[1i16, 2, 3, 4]);
    let b = given(&[2, 2, 2], &[1i16, 0, 0, 1, 5, 6, 7, 8]);
    let out = run(Core::Gemm(Gemm::default()), &[a, b]).unwrap();
    assert_eq!(values::<i16>(&out[0]), [1, 2, 43, 50]);
    let i = tenfold_ir::Complex::new(0.0f32, 1.0);
    let out = run(Core::Gemm(Gemm::default()), &[given(&[1, 2], &[i, i]), given(&[2, 1], &[i, -i])]).unwrap();
    assert_eq!(values::<tenfold_ir::Complex<f32>>(&out[0]), [0.0.into()]);
}

fn convolution(kind: ConvolutionKind, spatial: usize, groups: usize) -> Convolution {
    Convolution {
        kind,
        stride: smallvec![1; spatial],
        padding: smallvec![(0, 0); spatial],
        dilation: smallvec![1; spatial],
        groups,
    }
}

#[test]
fn convolution_over_one_axis_with_stride_padding_and_dilation() {
    let mut core = convolution(ConvolutionKind::Forward, 1, 1);
    core.stride = smallvec![2];
    core.padding = smallvec![(1, 0)];
    core.dilation = smallvec![2];
    let x = given(&[1, 1, 6], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    // Windows (0, 2), (2, 4), (4, 6) of the padded input.
    let out = run(Core::Convolution(core), &[x, given(&[1, 1, 2], &[10.0f32, 1.0])]).unwrap();
    assert_eq!(values::<f32>(&out[0]), [2.0, 24.0, 46.0]);
}

#[test]
fn convolution_and_gradients_over_two_axes() {
    let x = || given(&[1, 1, 2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let w = || given(&[1, 1, 2, 2], &[1.0f32, 10.0, 100.0, 1000.0]);
    let out = run(Core::Convolution(convolution(ConvolutionKind::Forward, 2, 1)), &[x(), w()]).unwrap();
    assert_eq!(values::<f32>(&out[0]), [5421.0, 6532.0]);
    let g = || given(&[1, 1, 1, 2], &[1.0f32, 2.0]);
    let kind = ConvolutionKind::InputGradient { input: smallvec![2, 3] };
    let out = run(Core::Convolution(convolution(kind, 2, 1)), &[g(), w()]).unwrap();
    assert_eq!(values::<f32>(&out[0]), [1.0, 12.0, 20.0, 100.0, 1200.0, 2000.0]);
    let kind = ConvolutionKind::WeightGradient { kernel: smallvec![2, 2] };
    let out = run(Core::Convolution(convolution(kind, 2, 1)), &[x(), g()]).unwrap();
    assert_eq!(values::<f32>(&out[0]), [5.0, 8.0, 14.0, 17.0]);
}

#[test]
fn convolution_in_groups_over_three_axes() {
    let x = given(&[1, 2, 1, 1, 2], &[1.0f64, 2.0, 3.0, 4.0]);
    let w = given(&[2, 1, 1, 1, 1], &[10.0f64, 100.0]);
    let out = run(Core::Convolution(convolution(ConvolutionKind::Forward, 3, 2)), &[x, w]).unwrap();
    assert_eq!(values::<f64>(&out[0]), [10.0, 20.0, 300.0, 400.0]);
}

fn pool(kind: PoolKind, window: usize, stride: usize, padding: usize, ceil_mode: bool) -> Core {
    Core::Pool(Pool {
        kind,
        window: smallvec![window],
        stride: smallvec![stride],
        padding: smallvec![padding],
        dilation: smallvec![1],
        ceil_mode,
    })
}

#[test]
fn max_pool_takes_the_first_of_equals_and_nan_wins() {
    let x = given(&[1, 1, 5], &[3.0f32, 3.0, 1.0, f32::NAN, 9.0]);
    let out = run(pool(PoolKind::Max, 2, 2, 1, true), &[x]).unwrap();
    assert_eq!(values::<f32>(&out[0])[..2], [3.0, 3.0]);
    assert!(values::<f32>(&out[0])[2].is_nan());
    assert_eq!(values::<i64>(&out[1]), [0, 1, 3]);
    let integers = run(pool(PoolKind::Max, 2, 1, 0, false), &[given(&[1, 1, 3], &[1u8, 5, 2])]).unwrap();
    assert_eq!(values::<u8>(&integers[0]), [5, 5]);
    let kind = PoolKind::MaxGradient { input: smallvec![3] };
    let g = given(&[1, 1, 2], &[1.0f32, 2.0]);
    let out = run(pool(kind, 2, 1, 0, false), &[g, given(&[1, 1, 2], &[1i64, 1])]).unwrap();
    assert_eq!(values::<f32>(&out[0]), [0.0, 3.0, 0.0]);
}

#[test]
fn average_pool_counts_padding_where_asked() {
    let average = |count_padding, divisor| {
        let kind = PoolKind::Average { count_padding, divisor };
        values::<f64>(
            &run(pool(kind, 2, 2, 1, true), &[given(&[1, 1, 4], &[2.0f64, 4.0, 6.0, 8.0])]).unwrap()[0],
        )
    };
    assert_eq!(average(true, None), [1.0, 5.0, 4.0]);
    assert_eq!(average(false, None), [2.0, 5.0, 8.0]);
    assert_eq!(average(false, Some(1)), [2.0, 10.0, 8.0]);
    let kind = PoolKind::AverageGradient { count_padding: true, divisor: None, input: smallvec![4] };
    let out = run(pool(kind, 2, 2, 1, true), &[given(&[1, 1, 3], &[2.0f64, 4.0, 6.0])]).unwrap();
    assert_eq!(values::<f64>(&out[0]), [1.0, 2.0, 2.0, 3.0]);
}

fn index(core: Index, inputs: &[crate::support::Given]) -> Result<Vec<i32>> {
    Ok(values(&run(Core::Index(core), inputs)?[0]))
}

#[test]
fn gather_and_scatter() {
    let x = || given(&[2, 3], &[1i32, 2, 3, 4, 5, 6]);
    let i = || given(&[2], &[1i64, -2]);
    assert_eq!(index(Index::Gather { axes: 1 }, &[x(), i()]).unwrap(), [4, 5, 6, 1, 2, 3]);
    assert_eq!(index(Index::Gather { axes: 2 }, &[x(), i(), i()]).unwrap(), [5, 2]);
    let scatter = |mode| {
        let twice = given(&[2], &[0i64, 0]);
        let base = given(&[2], &[5i32, 6]);
        index(Index::Scatter { axes: 1, mode }, &[base, twice, given(&[2], &[9i32, 3])]).unwrap()
    };
    assert_eq!(scatter(ScatterMode::Assign), [3, 6]);
    assert_eq!(scatter(ScatterMode::Add), [17, 6]);
    assert_eq!(scatter(ScatterMode::Multiply), [135, 6]);
    assert_eq!(scatter(ScatterMode::Max), [9, 6]);
    assert_eq!(scatter(ScatterMode::Min), [3, 6]);
}

#[test]
fn an_index_out_of_range_is_an_error() {
    let error =
        index(Index::Gather { axes: 1 }, &[given(&[5], &[0i32; 5]), given(&[1], &[7i64])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Index);
    assert_eq!(error.to_string(), "gather: index 7 is out of range for axis 0 of size 5");
    let error = index(Index::TakeAlong { axis: 1 }, &[given(&[1, 2], &[0i32; 2]), given(&[1, 1], &[-3i64])]);
    assert_eq!(error.unwrap_err().to_string(), "take_along: index -3 is out of range for axis 1 of size 2");
}

#[test]
fn taking_and_putting_along_an_axis() {
    let x = || given(&[2, 3], &[1i32, 2, 3, 4, 5, 6]);
    let i = || given(&[2, 2], &[2i64, 0, -1, 1]);
    assert_eq!(index(Index::TakeAlong { axis: 1 }, &[x(), i()]).unwrap(), [3, 1, 6, 5]);
    let values = || given(&[2, 3], &[10i32, 20, 99, 30, 40, 99]);
    let put = |mode| index(Index::PutAlong { axis: 1, mode }, &[x(), i(), values()]).unwrap();
    assert_eq!(put(ScatterMode::Assign), [20, 2, 10, 4, 40, 30]);
    assert_eq!(put(ScatterMode::Add), [21, 2, 13, 4, 45, 36]);
}

#[test]
fn overlay_spread_concatenate_and_nonzero() {
    let region = || Layout::dense(Shape::from([2, 3])).slice(1, 2, -2, 2);
    let base = given(&[2, 3], &[0i32; 6]);
    let out = index(Index::Overlay { region: region() }, &[base, given(&[2, 2], &[1i32, 2, 3, 4])]).unwrap();
    assert_eq!(out, [2, 0, 1, 4, 0, 3]);
    let windows = Layout::dense(Shape::from([3])).unfold(0, 2, 1);
    let spread = Index::Spread { region: windows, shape: Shape::from([3]) };
    assert_eq!(index(spread, &[given(&[2, 2], &[1i32, 2, 3, 4])]).unwrap(), [1, 5, 4]);
    let joined = [given(&[1, 2], &[1i32, 2]), given(&[1, 1], &[3i32])];
    assert_eq!(index(Index::Concatenate { axis: 1 }, &joined).unwrap(), [1, 2, 3]);
    let mask = given(&[2, 2], &[Boolean(0), Boolean(1), Boolean(1), Boolean(0)]);
    let found = run(Core::Index(Index::NonZero { count: 2 }), &[mask]).unwrap();
    assert_eq!(values::<i64>(&found[0]), [0, 1, 1, 0]);
}

#[test]
fn sorting_is_stable_with_nan_last() {
    let x = || given(&[5], &[2.0f32, f32::NAN, -0.0, 0.0, 2.0]);
    let sort =
        |descending| values::<i64>(&run(Core::Sort(Sort::Sort { axis: 0, descending }), &[x()]).unwrap()[1]);
    assert_eq!((sort(false), sort(true)), (vec![2, 3, 0, 4, 1], vec![1, 0, 4, 2, 3]));
    let top = run(Core::Sort(Sort::TopK { axis: 0, count: 2, largest: false }), &[x()]).unwrap();
    assert_eq!((values::<f32>(&top[0]), values::<i64>(&top[1])), (vec![-0.0, 0.0], vec![2, 3]));
    let search = |side| {
        let inputs = [given(&[3], &[1i8, 3, 3]), given(&[3], &[3i8, 0, 4])];
        values::<i64>(&run(Core::Sort(Sort::Search { side }), &inputs).unwrap()[0])
    };
    assert_eq!((search(Side::Left), search(Side::Right)), (vec![1, 0, 3], vec![3, 0, 3]));
}

#[test]
fn random_numbers_are_a_function_of_seed_and_offset() {
    let draw = |distribution, offset, count: usize, dtype| {
        let shape = Shape::from([count]);
        run(Core::Random(Random { distribution, seed: 1, offset, shape, dtype }), &[]).unwrap().remove(0)
    };
    use tenfold_ir::DType::{Bool, Float32, Float64, Int64, Uint8};
    let long = values::<f32>(&draw(Distribution::Uniform, 0, 8, Float32));
    assert!(long.iter().all(|value| (0.0..1.0).contains(value)));
    // Four elements a block: the second block is that of the next offset.
    assert_eq!(long[4..], values::<f32>(&draw(Distribution::Uniform, 1, 4, Float32)));
    let normal = values::<f64>(&draw(Distribution::Normal, 0, 1000, Float64));
    let mean = normal.iter().sum::<f64>() / 1000.0;
    let variance = normal.iter().map(|value| value * value).sum::<f64>() / 1000.0;
    // Five standard errors: 1/√1000 of the mean, √(2/1000) of the variance.
    assert!(mean.abs() < 0.16 && (variance - 1.0).abs() < 0.23);
    let dice = values::<u8>(&draw(Distribution::Integer { low: 1, high: 7 }, 0, 100, Uint8));
    assert!((1..7).all(|face| dice.contains(&face)) && dice.iter().all(|face| (1..7).contains(face)));
    let never = values::<u8>(&draw(Distribution::Bernoulli { probability: 0.0 }, 0, 9, Bool));
    assert_eq!(never, [0; 9]);
    let mut order = values::<i64>(&draw(Distribution::Permutation, 0, 9, Int64));
    order.sort_unstable();
    assert!(order.iter().copied().eq(0..9));
}

struct Twice;

impl HostFunction for Twice {
    fn name(&self) -> &str {
        "twice"
    }
    fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        Ok(inputs.to_vec())
    }
    fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()> {
        for (to, from) in outputs[0].bytes.iter_mut().zip(inputs[0].bytes) {
            *to = 2 * from;
        }
        Ok(())
    }
}

#[test]
fn host_functions_run_on_dense_buffers() {
    let out = run(Core::Host(Host::new(Arc::new(Twice))), &[given(&[3], &[1u8, 2, 3])]).unwrap();
    assert_eq!(values::<u8>(&out[0]), [2, 4, 6]);
}
