//! Functional layers and losses: values against naive code, gradients and their gradients against differences.

mod common;

use common::{check_gradients, floats, tensor};
use tenfold::functional::{
    self as f, ClassOptions, ConvolutionOptions, ConvolutionPadding, LossReduction, PoolOptions,
};
use tenfold::{DType, ErrorKind, Result, Tensor, autograd};

fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "element {index}: {a} and {b}");
    }
}

/// The gradients of `body`, and of its square twice (that of a linear function depends on nothing), against differences.
fn check_twice(inputs: &[Tensor], body: impl Fn(&[Tensor]) -> Result<Tensor>) {
    check_gradients(inputs, false, &|inputs| Ok(vec![body(inputs)?]));
    check_gradients(inputs, true, &|inputs| Ok(vec![body(inputs)?.square()?]));
}

fn naive_convolution(
    x: &Tensor,
    w: &Tensor,
    stride: usize,
    padding: (usize, usize),
    dilation: usize,
    groups: usize,
) -> Vec<f64> {
    let (n, c, h, width) = (x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3]);
    let (o, per, kh, kw) = (w.shape()[0], w.shape()[1], w.shape()[2], w.shape()[3]);
    let (xs, ws) = (floats(x), floats(w));
    let out =
        |extent: usize, k: usize| (extent + padding.0 + padding.1 - dilation * (k - 1) - 1) / stride + 1;
    let mut result = Vec::new();
    for sample in 0..n {
        for channel in 0..o {
            let group = channel / (o / groups);
            for row in 0..out(h, kh) {
                for column in 0..out(width, kw) {
                    let mut sum = 0.0;
                    for inner in 0..per {
                        for i in 0..kh {
                            for j in 0..kw {
                                let (y, z) = (row * stride + i * dilation, column * stride + j * dilation);
                                if y < padding.0
                                    || z < padding.0
                                    || y - padding.0 >= h
                                    || z - padding.0 >= width
                                {
                                    continue;
                                }
                                let source = ((sample * c + group * per + inner) * h + y - padding.0) * width;
                                sum += xs[source + z - padding.0]
                                    * ws[((channel * per + inner) * kh + i) * kw + j];
                            }
                        }
                    }
                    result.push(sum);
                }
            }
        }
    }
    result
}

#[test]
fn convolution_is_its_definition() {
    for (stride, zeros, dilation, groups) in [(1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1), (3, 1, 1, 2)] {
        let (x, w) = (tensor(&[2, 4, 7, 6], 1), tensor(&[6, 4 / groups, 3, 2], 2));
        let options = ConvolutionOptions {
            stride: vec![stride],
            padding: ConvolutionPadding::Zeros(vec![zeros]),
            dilation: vec![dilation],
            groups,
        };
        let y = f::conv(&x, &w, None, &options).unwrap();
        close(&floats(&y), &naive_convolution(&x, &w, stride, (zeros, zeros), dilation, groups), 1e-12);
    }
    let (x, w) = (tensor(&[1, 1, 5, 5], 1), tensor(&[1, 1, 2, 2], 2));
    let options = ConvolutionOptions { padding: ConvolutionPadding::Same, ..Default::default() };
    close(
        &floats(&f::conv(&x, &w, None, &options).unwrap()),
        &naive_convolution(&x, &w, 1, (0, 1), 1, 1),
        1e-12,
    );
}

#[test]
fn gradients_of_convolutions() {
    let options = ConvolutionOptions {
        stride: vec![2, 1],
        padding: ConvolutionPadding::Zeros(vec![1, 0]),
        dilation: vec![1, 2],
        groups: 2,
    };
    let inputs = [tensor(&[2, 2, 4, 5], 1), tensor(&[4, 1, 2, 2], 2), tensor(&[4], 3)];
    check_twice(&inputs, |t| f::conv(&t[0], &t[1], Some(&t[2]), &options));
    let transposed = f::TransposedOptions {
        stride: vec![2],
        padding: vec![1],
        output_padding: vec![1],
        ..Default::default()
    };
    let inputs = [tensor(&[2, 4], 1), tensor(&[2, 3, 3], 2), tensor(&[3], 3)];
    check_twice(&inputs, |t| f::conv_transpose(&t[0], &t[1], Some(&t[2]), &transposed));
}

#[test]
fn gradients_of_normalization() {
    let x = tensor(&[3, 2, 3], 1);
    let (w, b) = (tensor(&[2], 2), tensor(&[2], 3));
    let inputs = [x.clone(), w, b];
    check_twice(&inputs, |t| {
        Ok(f::batch_norm(&t[0], None, Some(&t[1]), Some(&t[2]), true, 0.1, 1e-3)?.output)
    });
    let (mean, variance) = (tensor(&[2], 4), tensor(&[2], 5).square().unwrap().add(0.5).unwrap());
    check_twice(&inputs, |t| {
        Ok(f::batch_norm(&t[0], Some((&mean, &variance)), Some(&t[1]), Some(&t[2]), false, 0.1, 1e-3)?.output)
    });
    check_twice(&inputs, |t| f::group_norm(&t[0], 2, Some(&t[1]), Some(&t[2]), 1e-3));
    let inputs = [x, tensor(&[2, 3], 2), tensor(&[2, 3], 3)];
    check_twice(&inputs, |t| f::layer_norm(&t[0], &[2, 3], Some(&t[1]), Some(&t[2]), 1e-3));
    check_twice(&inputs[..2], |t| f::rms_norm(&t[0], &[2, 3], Some(&t[1]), Some(1e-3)));
}

#[test]
fn batch_norm_moves_its_running_statistics() {
    let x = tensor(&[4, 2, 3], 1);
    let values = floats(&x);
    let (zeros, ones) =
        (Tensor::zeros(&[2], DType::Float64).unwrap(), Tensor::ones(&[2], DType::Float64).unwrap());
    let result = f::batch_norm(&x, Some((&zeros, &ones)), None, None, true, 0.1, 1e-5).unwrap();
    let (mean, variance) = result.running.unwrap();
    for channel in 0..2 {
        let of: Vec<f64> = (0..4).flat_map(|n| values[(n * 2 + channel) * 3..][..3].to_vec()).collect();
        let average = of.iter().sum::<f64>() / 12.0;
        let unbiased = of.iter().map(|v| (v - average).powi(2)).sum::<f64>() / 11.0;
        close(&floats(&mean)[channel..=channel], &[0.1 * average], 1e-12);
        close(&floats(&variance)[channel..=channel], &[0.9 + 0.1 * unbiased], 1e-12);
    }
    let channel: Vec<f64> = (0..4).flat_map(|n| floats(&result.output)[n * 6..][..3].to_vec()).collect();
    assert!(channel.iter().sum::<f64>().abs() < 1e-12);
    assert!((channel.iter().map(|v| v * v).sum::<f64>() / 12.0 - 1.0).abs() < 1e-3);
}

#[test]
fn gradients_of_pooling() {
    let x = tensor(&[1, 2, 5, 4], 1);
    let options =
        PoolOptions { stride: vec![2, 1], padding: vec![1], ceil_mode: true, ..PoolOptions::new(2) };
    check_twice(std::slice::from_ref(&x), |t| Ok(f::max_pool(&t[0], 2, &options)?.0));
    check_twice(std::slice::from_ref(&x), |t| f::avg_pool(&t[0], 2, &options));
    for size in [[Some(3), Some(3)], [Some(1), None]] {
        check_twice(std::slice::from_ref(&x), |t| f::adaptive_avg_pool(&t[0], &size));
        check_twice(std::slice::from_ref(&x), |t| Ok(f::adaptive_max_pool(&t[0], &size)?.0));
    }
}

#[test]
fn adaptive_windows_share_borders() {
    let x = Tensor::from_slice(&[1.0f64, 2.0, 3.0, 4.0, 5.0], &[1, 1, 5]).unwrap();
    let averages = f::adaptive_avg_pool(&x, &[Some(3)]).unwrap();
    close(&floats(&averages), &[1.5, 3.0, 4.5], 1e-15);
    let (values, indices) = f::adaptive_max_pool(&x, &[Some(3)]).unwrap();
    close(&floats(&values), &[2.0, 4.0, 5.0], 0.0);
    assert_eq!(indices.to_vec::<i64>().unwrap(), [1, 3, 4]);
}

#[test]
fn gradients_of_activations() {
    let x = tensor(&[2, 4], 1).multiply(3.0).unwrap();
    type Function = fn(&Tensor) -> Result<Tensor>;
    let functions: [Function; 21] = [
        |x| f::gelu(x, f::Gelu::Exact),
        |x| f::gelu(x, f::Gelu::Tanh),
        |x| f::elu(x, 1.3),
        f::selu,
        |x| f::celu(x, 0.7),
        |x| f::leaky_relu(x, 0.1),
        |x| f::softplus(x, 2.0, 20.0),
        f::softsign,
        f::mish,
        |x| f::hardtanh(x, -1.0, 1.5),
        f::relu6,
        f::hardswish,
        f::hardsigmoid,
        |x| f::hardshrink(x, 0.5),
        |x| f::softshrink(x, 0.5),
        f::tanhshrink,
        |x| f::threshold(x, 0.1, 20.0),
        |x| f::glu(x, 1),
        |x| f::softmax(x, 1, None),
        |x| f::log_softmax(x, 0, None),
        |x| f::normalize(x, 2.0, 1, 1e-12),
    ];
    for function in functions {
        check_twice(std::slice::from_ref(&x), |t| function(&t[0]));
    }
    check_twice(&[x, tensor(&[4], 2)], |t| f::prelu(&t[0], &t[1]));
}

#[test]
fn activations_do_not_overflow() {
    let x = Tensor::from_slice(&[-1e4f64, -1e3, 1e3, 1e4], &[4]).unwrap();
    for function in [|x: &Tensor| f::elu(x, 1.0), f::selu, f::mish, |x: &Tensor| f::softplus(x, 1.0, 20.0)] {
        let leaf = x.requires_gradient().unwrap();
        let y = function(&leaf).unwrap().sum(None, false, None).unwrap();
        let gradient = autograd::gradients(&[(&y, None)], &[&leaf], false, false).unwrap().remove(0).unwrap();
        assert!(floats(&gradient).iter().all(|v| v.is_finite()), "{:?}", floats(&gradient));
    }
}

#[test]
fn gradients_of_linear_maps() {
    check_twice(&[tensor(&[2, 3, 4], 1), tensor(&[5, 4], 2), tensor(&[5], 3)], |t| {
        f::linear(&t[0], &t[1], Some(&t[2]))
    });
    check_twice(&[tensor(&[3, 2], 1), tensor(&[3, 4], 2), tensor(&[2, 2, 4], 3), tensor(&[2], 4)], |t| {
        f::bilinear(&t[0], &t[1], &t[2], Some(&t[3]))
    });
}

#[test]
fn gradients_of_losses() {
    let (x, t) = (tensor(&[3, 4], 1), tensor(&[3, 4], 2));
    let inputs = [x.clone(), t.clone()];
    for reduction in [LossReduction::None, LossReduction::Mean, LossReduction::Sum] {
        check_twice(&inputs, |t| f::mse_loss(&t[0], &t[1], reduction));
        check_twice(&inputs, |t| f::smooth_l1_loss(&t[0], &t[1], reduction, 0.6));
        check_twice(&inputs, |t| f::huber_loss(&t[0], &t[1], reduction, 0.6));
    }
    check_gradients(&inputs, false, &|t| Ok(vec![f::l1_loss(&t[0], &t[1], LossReduction::Mean)?]));
    check_twice(&inputs, |t| f::cosine_similarity(&t[0], &t[1], 1, 1e-8));
    let probabilities = [x.sigmoid().unwrap(), t.sigmoid().unwrap()];
    check_twice(&probabilities, |t| f::binary_cross_entropy(&t[0], &t[1], None, LossReduction::Mean));
    check_twice(&probabilities, |t| f::kl_div(&t[0], &t[1], LossReduction::Sum, false));
    let positive = tensor(&[4], 5).square().unwrap();
    check_twice(&inputs, |t| {
        f::binary_cross_entropy_with_logits(
            &t[0],
            &t[1],
            Some(&positive),
            LossReduction::Mean,
            Some(&positive),
        )
    });
}

fn naive_cross_entropy(x: &Tensor, targets: &[i64], options: &ClassOptions<'_>) -> f64 {
    let (n, c) = (x.shape()[0], x.shape()[1]);
    let values = floats(x);
    let weight = options.weight.map_or(vec![1.0; c], floats);
    let (mut sum, mut total) = (0.0, 0.0);
    for row in 0..n {
        if targets[row] == options.ignore_index {
            continue;
        }
        let scores = &values[row * c..][..c];
        let log_sum = scores.iter().map(|v| v.exp()).sum::<f64>().ln();
        let target = targets[row] as usize;
        let smooth: f64 = (0..c).map(|k| weight[k] * (log_sum - scores[k])).sum::<f64>() / c as f64;
        sum += (1.0 - options.label_smoothing) * weight[target] * (log_sum - scores[target])
            + options.label_smoothing * smooth;
        total += weight[target];
    }
    sum / total
}

#[test]
fn cross_entropy_is_its_definition() {
    let x = tensor(&[5, 3], 1);
    let weight = tensor(&[3], 2).square().unwrap().add(0.1).unwrap();
    for (ignore_index, targets) in
        [(-100, [0i64, 2, 1, 1, 0]), (-100, [0, -100, 1, 2, -100]), (1, [0, 2, 1, 1, 0])]
    {
        let target = Tensor::from_slice(&targets, &[5]).unwrap();
        for weight in [None, Some(&weight)] {
            for label_smoothing in [0.0, 0.3] {
                let options = ClassOptions { weight, ignore_index, label_smoothing, ..Default::default() };
                let loss = f::cross_entropy(&x, &target, &options).unwrap();
                close(&floats(&loss), &[naive_cross_entropy(&x, &targets, &options)], 1e-12);
                check_twice(std::slice::from_ref(&x), |t| f::cross_entropy(&t[0], &target, &options));
                if label_smoothing == 0.0 {
                    let log = f::log_softmax(&x, 1, None).unwrap();
                    let same = f::nll_loss(&log, &target, &options).unwrap();
                    close(&floats(&same), &floats(&loss), 1e-12);
                }
            }
        }
    }
}

#[test]
fn cross_entropy_of_pixels_and_probabilities() {
    let x = tensor(&[2, 3, 2, 2], 1);
    let target = Tensor::from_slice(&[0i64, 1, 2, 0, 1, 1, 2, 2], &[2, 2, 2]).unwrap();
    let options = ClassOptions { reduction: LossReduction::None, ..Default::default() };
    let one_hot =
        f::one_hot(&target, Some(3)).unwrap().permute(&[0, 3, 1, 2]).unwrap().cast(DType::Float64).unwrap();
    let (a, b) =
        (f::cross_entropy(&x, &target, &options).unwrap(), f::cross_entropy(&x, &one_hot, &options).unwrap());
    close(&floats(&a), &floats(&b), 1e-12);
    check_twice(std::slice::from_ref(&x), |t| f::cross_entropy(&t[0], &target, &options));
    check_twice(&[x, one_hot], |t| {
        f::cross_entropy(&t[0], &t[1], &ClassOptions { label_smoothing: 0.1, ..Default::default() })
    });
}

#[test]
fn mistakes_are_errors_of_the_call() {
    let x = tensor(&[2, 3], 1);
    let target = Tensor::from_slice(&[0i64, 3], &[2]).unwrap();
    let kind = |result: Result<Tensor>| result.err().unwrap().kind();
    assert_eq!(kind(f::cross_entropy(&x, &target, &Default::default())), ErrorKind::Index);
    assert_eq!(kind(f::nll_loss(&x, &target, &Default::default())), ErrorKind::Index);
    assert_eq!(kind(f::linear(&x, &tensor(&[2, 4], 1), None)), ErrorKind::Shape);
    assert_eq!(
        kind(f::linear(&x, &tensor(&[2, 3], 1).cast(DType::Float32).unwrap(), None)),
        ErrorKind::DType
    );
    assert_eq!(kind(f::softmax(&x, 2, None)), ErrorKind::Index);
    assert_eq!(kind(f::embedding(&target, &x, None, false)), ErrorKind::Index);
    assert_eq!(
        kind(f::binary_cross_entropy(&x.add(9.0).unwrap(), &x, None, LossReduction::Mean)),
        ErrorKind::State
    );
    let huge = ConvolutionOptions { dilation: vec![usize::MAX], ..Default::default() };
    assert_eq!(kind(f::conv(&tensor(&[1, 1, 4], 1), &tensor(&[1, 1, 2], 1), None, &huge)), ErrorKind::Shape);
    let wide = PoolOptions { padding: vec![2], ..PoolOptions::new(2) };
    assert_eq!(f::max_pool(&tensor(&[1, 1, 4], 1), 1, &wide).err().unwrap().kind(), ErrorKind::Shape);
    let huge = PoolOptions { padding: vec![1 << 29], ..PoolOptions::new(1 << 30) };
    assert_eq!(f::max_pool(&tensor(&[1, 1, 4, 4], 1), 2, &huge).err().unwrap().kind(), ErrorKind::Shape);
}

#[test]
fn dropout_keeps_the_mean() {
    let x = Tensor::ones(&[10_000], DType::Float32).unwrap();
    let generator = &mut tenfold::random::Generator::new(1);
    let y = f::dropout(&x, 0.25, true, Some(generator)).unwrap().to_vec::<f32>().unwrap();
    assert!(y.iter().all(|&v| v == 0.0 || v == 4.0 / 3.0));
    assert!((y.iter().sum::<f32>() / 1e4 - 1.0).abs() < 0.03);
    assert_eq!(
        f::dropout(&x, 0.5, false, None).unwrap().to_vec::<f32>().unwrap(),
        x.to_vec::<f32>().unwrap()
    );
}
