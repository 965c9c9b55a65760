//! Activation functions against values and gradients recorded from PyTorch, at kinks too.

mod common;

use common::floats;
use tenfold::functional::{self as f, Gelu};
use tenfold::{Result, Tensor, autograd};

type Function = fn(&Tensor) -> Result<Tensor>;

const POINTS: [f64; 10] = [-20.0, -3.0, -1.5, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 25.0];

/// Function, values and gradients at [`POINTS`], to 8 digits.
const RECORDED: [(&str, Function, [f64; 10], [f64; 10]); 17] = [
    (
        "gelu",
        |x| f::gelu(x, Gelu::Exact),
        [-0.0, -0.0040496941, -0.1002108, -0.15426877, 0.0, 0.34573123, 0.84134475, 2.9959503, 6.0, 25.0],
        [
            -1.1041897e-86,
            -0.011945647,
            -0.12746919,
            0.13250488,
            0.5,
            0.86749512,
            1.0833155,
            1.0119456,
            1.0,
            1.0,
        ],
    ),
    (
        "gelu_tanh",
        |x| f::gelu(x, Gelu::Tanh),
        [-0.0, -0.0036373921, -0.10042842, -0.15428599, 0.0, 0.34571401, 0.84119199, 2.9963626, 6.0, 25.0],
        [0.0, -0.011584167, -0.12771079, 0.1326301, 0.5, 0.8673699, 1.0829641, 1.0115842, 1.0, 1.0],
    ),
    (
        "elu",
        |x| f::elu(x, 1.3),
        [-1.3, -1.2352768, -1.0099308, -0.51151014, 0.0, 0.5, 1.0, 3.0, 6.0, 25.0],
        [2.6794997e-09, 0.064723189, 0.29006921, 0.78848986, 1.3, 1.0, 1.0, 1.0, 1.0, 1.0],
    ),
    (
        "selu",
        f::selu,
        [
            -1.7580993,
            -1.6705687,
            -1.3658144,
            -0.69175819,
            0.0,
            0.52535049,
            1.050701,
            3.152103,
            6.3042059,
            26.267525,
        ],
        [
            3.6237128e-09,
            0.087530612,
            0.39228499,
            1.0663412,
            1.7580993,
            1.050701,
            1.050701,
            1.050701,
            1.050701,
            1.050701,
        ],
    ),
    (
        "celu",
        |x| f::celu(x, 0.7),
        [-0.7, -0.69036535, -0.61787658, -0.35732084, 0.0, 0.5, 1.0, 3.0, 6.0, 25.0],
        [3.9046852e-13, 0.013763786, 0.11731916, 0.48954166, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ),
    (
        "leaky_relu",
        |x| f::leaky_relu(x, 0.1),
        [-2.0, -0.3, -0.15, -0.05, 0.0, 0.5, 1.0, 3.0, 6.0, 25.0],
        [0.1, 0.1, 0.1, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0],
    ),
    (
        "softplus",
        |x| f::softplus(x, 2.0, 20.0),
        [
            2.1241771e-18,
            0.0012378426,
            0.024293676,
            0.15663084,
            0.34657359,
            0.65663084,
            1.063464,
            3.0012378,
            6.0000031,
            25.0,
        ],
        [
            4.2483543e-18,
            0.0024726232,
            0.047425873,
            0.26894142,
            0.5,
            0.73105858,
            0.88079708,
            0.99752738,
            0.99999386,
            1.0,
        ],
    ),
    (
        "softsign",
        f::softsign,
        [-0.95238095, -0.75, -0.6, -0.33333333, 0.0, 0.33333333, 0.5, 0.75, 0.85714286, 0.96153846],
        [0.0022675737, 0.0625, 0.16, 0.44444444, 1.0, 0.44444444, 0.25, 0.0625, 0.020408163, 0.0014792899],
    ),
    (
        "mish",
        f::mish,
        [
            -4.1223072e-08,
            -0.14564746,
            -0.29809974,
            -0.22074377,
            0.0,
            0.37524521,
            0.86509839,
            2.986535,
            5.9999266,
            25.0,
        ],
        [
            -3.9161919e-08,
            -0.093393115,
            -0.064097816,
            0.28951068,
            0.6,
            0.88642438,
            1.0490362,
            1.0211069,
            1.0001341,
            1.0,
        ],
    ),
    (
        "hardtanh",
        |x| f::hardtanh(x, -1.0, 1.0),
        [-1.0, -1.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0],
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    ),
    (
        "relu6",
        f::relu6,
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 6.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0],
    ),
    (
        "hardswish",
        f::hardswish,
        [-0.0, -0.0, -0.375, -0.20833333, 0.0, 0.29166667, 0.66666667, 3.0, 6.0, 25.0],
        [0.0, 0.0, 0.0, 0.33333333, 0.5, 0.66666667, 0.83333333, 1.0, 1.0, 1.0],
    ),
    (
        "hardsigmoid",
        f::hardsigmoid,
        [0.0, 0.0, 0.25, 0.41666667, 0.5, 0.58333333, 0.66666667, 1.0, 1.0, 1.0],
        [0.0, 0.0, 0.16666667, 0.16666667, 0.16666667, 0.16666667, 0.16666667, 0.0, 0.0, 0.0],
    ),
    (
        "hardshrink",
        |x| f::hardshrink(x, 0.5),
        [-20.0, -3.0, -1.5, 0.0, 0.0, 0.0, 1.0, 3.0, 6.0, 25.0],
        [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
    ),
    (
        "softshrink",
        |x| f::softshrink(x, 0.5),
        [-19.5, -2.5, -1.0, 0.0, 0.0, 0.0, 0.5, 2.5, 5.5, 24.5],
        [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
    ),
    (
        "tanhshrink",
        f::tanhshrink,
        [
            -19.0,
            -2.0049452,
            -0.59485175,
            -0.037882843,
            0.0,
            0.037882843,
            0.23840584,
            2.0049452,
            5.0000123,
            24.0,
        ],
        [1.0, 0.99013396, 0.81929336, 0.21355227, 0.0, 0.21355227, 0.58002566, 0.99013396, 0.99997542, 1.0],
    ),
    (
        "threshold",
        |x| f::threshold(x, 0.5, 9.0),
        [9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0, 3.0, 6.0, 25.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
    ),
];

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    for (name, function, values, gradients) in RECORDED {
        let x = Tensor::from_slice(&POINTS, &[10]).unwrap().requires_gradient().unwrap();
        let y = function(&x).unwrap();
        let sum = y.sum(None, false, None).unwrap();
        let gradient = autograd::gradients(&[(&sum, None)], &[&x], false, false).unwrap().remove(0).unwrap();
        for (what, found, recorded) in
            [("value", floats(&y), values), ("gradient", floats(&gradient), gradients)]
        {
            for (place, (found, recorded)) in found.iter().zip(recorded).enumerate() {
                // PyTorch keeps some constants in float32: 6e-8.
                let close = (found - recorded).abs() <= 1e-7 * recorded.abs().max(1.0);
                assert!(close, "{name}: {what} at {}: {found}, recorded {recorded}", POINTS[place]);
            }
        }
    }
}

#[test]
fn half_precision_is_rounded_once() {
    let x = Tensor::from_slice(&POINTS, &[10]).unwrap();
    let half = x.cast(tenfold::DType::Float16).unwrap();
    for (name, function, ..) in RECORDED {
        let wide = function(&half.cast(tenfold::DType::Float32).unwrap()).unwrap();
        let once = wide.cast(tenfold::DType::Float16).unwrap().cast(tenfold::DType::Float64).unwrap();
        let found = function(&half).unwrap().cast(tenfold::DType::Float64).unwrap();
        assert_eq!(floats(&found), floats(&once), "{name}");
    }
}
