//! Optimizer steps against parameters recorded from PyTorch (float64) after ten steps.

mod common;

use common::floats;
use tenfold::optim::{
    AdagradSettings, Adam, AdamSettings, AdamState, Linear, Module, Parameter, RmspropSettings, RmspropState,
    Sgd, SgdSettings, adagrad_step, adam_step, rmsprop_step, sgd_step,
};
use tenfold::{DType, Tensor, functional};

fn start() -> Tensor {
    Tensor::from_slice(&[1.0, -2.0, 0.5], &[3]).unwrap()
}

/// The gradient of step k at element i: (i + 1) sin(k + i).
fn gradient(step: u64) -> Tensor {
    let element = |i: u64| ((step + i) as f64).sin() * (i + 1) as f64;
    Tensor::from_slice(&[element(0), element(1), element(2)], &[3]).unwrap()
}

fn zeros() -> Tensor {
    start().zeros_like().unwrap()
}

fn sgd(settings: SgdSettings) -> Tensor {
    let (mut parameter, mut buffer) = (start(), None);
    for step in 0..10 {
        (parameter, buffer) = sgd_step(&parameter, &gradient(step), buffer.as_ref(), &settings).unwrap();
    }
    parameter
}

fn adagrad(settings: AdagradSettings) -> Tensor {
    let (mut parameter, mut sum) = (start(), start().full_like(0.1).unwrap());
    for step in 0..10 {
        (parameter, sum) = adagrad_step(&parameter, &gradient(step), &sum, step + 1, &settings).unwrap();
    }
    parameter
}

fn rmsprop(settings: RmspropSettings, centered: bool) -> Tensor {
    let mut state = RmspropState {
        square_average: zeros(),
        gradient_average: centered.then(zeros),
        momentum_buffer: (settings.momentum > 0.0).then(zeros),
    };
    let mut parameter = start();
    for step in 0..10 {
        (parameter, state) = rmsprop_step(&parameter, &gradient(step), &state, &settings).unwrap();
    }
    parameter
}

fn adam(settings: AdamSettings, amsgrad: bool) -> Tensor {
    let mut state =
        AdamState { average: zeros(), square_average: zeros(), largest_square_average: amsgrad.then(zeros) };
    let mut parameter = start();
    for step in 0..10 {
        (parameter, state) = adam_step(&parameter, &gradient(step), &state, step + 1, &settings).unwrap();
    }
    parameter
}

#[test]
fn ten_steps_are_those_of_pytorch() {
    let recorded = [
        (
            "sgd",
            sgd(SgdSettings { learning_rate: 0.1, weight_decay: 0.01, ..Default::default() }),
            [0.7952997064875, -2.260386395339, 0.6249232067499],
        ),
        (
            "sgd momentum",
            sgd(SgdSettings {
                learning_rate: 0.1,
                momentum: 0.9,
                dampening: 0.2,
                weight_decay: 0.01,
                ..Default::default()
            }),
            [0.4353742023803, -3.323843689651, -0.1822445500543],
        ),
        (
            "sgd nesterov maximize",
            sgd(SgdSettings {
                learning_rate: 0.1,
                momentum: 0.9,
                nesterov: true,
                maximize: true,
                ..Default::default()
            }),
            [1.79925167999, -0.3770331017339, 0.7329232324715],
        ),
        (
            "adagrad",
            adagrad(AdagradSettings {
                learning_rate: 0.1,
                learning_rate_decay: 0.1,
                weight_decay: 0.01,
                ..Default::default()
            }),
            [0.8680276402705, -2.127979266031, 0.4677497229754],
        ),
        (
            "rmsprop",
            rmsprop(RmspropSettings { weight_decay: 0.01, ..Default::default() }, false),
            [0.7337792847639, -2.133467605339, 0.4884654823671],
        ),
        (
            "rmsprop centered momentum",
            rmsprop(RmspropSettings { momentum: 0.9, ..Default::default() }, true),
            [0.2237069453709, -2.83832781403, 0.2296544891151],
        ),
        (
            "adam",
            adam(AdamSettings { learning_rate: 0.1, weight_decay: 0.01, ..Default::default() }, false),
            [0.591572850676, -2.354820552479, 0.3523690354663],
        ),
        (
            "adam amsgrad",
            adam(
                AdamSettings { learning_rate: 0.1, betas: (0.4, 0.6), maximize: true, ..Default::default() },
                true,
            ),
            [1.234670685586, -1.769086482353, 0.5311597304855],
        ),
        (
            "adamw",
            adam(
                AdamSettings { learning_rate: 0.1, weight_decay: 0.1, decoupled: true, ..Default::default() },
                false,
            ),
            [0.6208323649414, -2.150601193322, 0.3181300773757],
        ),
    ];
    for (name, found, recorded) in recorded {
        for (found, recorded) in floats(&found).iter().zip(recorded) {
            // A handful of roundings a step.
            assert!((found - recorded).abs() < 1e-12, "{name}: {found}, recorded {recorded}");
        }
    }
}

#[test]
fn a_step_keeps_the_dtype() {
    for dtype in [DType::Float16, DType::Bfloat16, DType::Float32] {
        let (parameter, gradient) = (start().cast(dtype).unwrap(), gradient(1));
        let (new, _) = sgd_step(&parameter, &gradient, None, &SgdSettings::default()).unwrap();
        assert_eq!(new.dtype(), dtype);
    }
    let integers = Tensor::zeros(&[3], DType::Int64).unwrap();
    assert!(sgd_step(&integers, &gradient(1), None, &SgdSettings::default()).is_err());
    assert!(
        sgd_step(&start(), &Tensor::zeros(&[2], DType::Float64).unwrap(), None, &SgdSettings::default())
            .is_err()
    );
}

/// A layer that learns to add two numbers.
fn trained(mut step: impl FnMut() -> tenfold::Result<()>, layer: &Linear) -> f64 {
    let x = common::tensor(&[64, 2], 1).cast(DType::Float32).unwrap();
    let target = x.sum(Some(&[1]), true, None).unwrap();
    let mut last = f64::MAX;
    for _ in 0..100 {
        let y = layer.forward(&x).unwrap();
        let loss = functional::mse_loss(&y, &target, functional::LossReduction::Mean).unwrap();
        layer.parameters().iter().for_each(Parameter::clear_gradient);
        Parameter::backward(&loss).unwrap();
        step().unwrap();
        last = loss.item().unwrap().to_f64();
    }
    last
}

#[test]
fn optimizers_find_the_minimum() {
    let generator = &mut tenfold::random::Generator::new(1);
    let layer = Linear::new(2, 1, generator).unwrap();
    let mut optimizer =
        Sgd::new(layer.parameters(), SgdSettings { learning_rate: 0.1, ..Default::default() });
    assert!(trained(|| optimizer.step(), &layer) < 1e-6);
    let layer = Linear::new(2, 1, generator).unwrap();
    let mut optimizer =
        Adam::new(layer.parameters(), AdamSettings { learning_rate: 0.1, ..Default::default() });
    assert!(trained(|| optimizer.step(), &layer) < 1e-3);
}
