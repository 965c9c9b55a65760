//! Draws: repeatable, independent of what runs, and of the right distribution.

mod common;

use common::floats;
use tenfold::random::{self, Generator};
use tenfold::{DType, Tensor};

const F64: DType = DType::Float64;

#[test]
fn a_seed_and_a_state_repeat_a_sequence() {
    let mut generator = Generator::new(7);
    let first = Tensor::randn(&[9], F64, Some(&mut generator)).unwrap();
    let state = generator.get_state();
    let second = Tensor::randn(&[9], F64, Some(&mut generator)).unwrap();
    assert_ne!(floats(&first), floats(&second));
    generator.set_state(state);
    assert_eq!(floats(&second), floats(&Tensor::randn(&[9], F64, Some(&mut generator)).unwrap()));
    random::manual_seed(7);
    assert_eq!(floats(&first), floats(&Tensor::randn(&[9], F64, None).unwrap()));
    assert_eq!(random::default_generator().get_state(), state);
}

#[test]
fn a_refused_draw_takes_nothing_from_the_sequence() {
    let mut generator = Generator::new(7);
    assert!(Tensor::rand(&[3], DType::Int64, Some(&mut generator)).is_err());
    assert!(Tensor::randint(3, 3, &[3], DType::Int64, Some(&mut generator)).is_err());
    assert_eq!(generator.get_state(), [7, 0]);
}

#[test]
fn workers_have_sequences_of_their_own() {
    let generator = Generator::new(7);
    let seeds: std::collections::HashSet<u64> =
        (0..100).map(|worker| generator.fork(worker).seed()).collect();
    assert_eq!(seeds.len(), 100);
    assert_eq!(generator.fork(3), generator.fork(3));
}

#[test]
fn draws_have_their_mean_and_stay_within_their_bounds() {
    const COUNT: usize = 20_000;
    let generator = &mut Generator::new(1);
    let mean = |tensor: &Tensor| floats(tensor).iter().sum::<f64>() / COUNT as f64;
    // Five standard deviations of the mean of that many draws.
    let near = |found: f64, expected: f64, deviation: f64| {
        let allowed = 5.0 * deviation / (COUNT as f64).sqrt();
        assert!((found - expected).abs() < allowed, "{found}, expected {expected}");
    };
    let uniform = Tensor::uniform(-1.0, 3.0, &[COUNT], F64, Some(generator)).unwrap();
    near(mean(&uniform), 1.0, 4.0 / 12f64.sqrt());
    assert!(floats(&uniform).iter().all(|value| (-1.0..3.0).contains(value)));
    near(mean(&Tensor::normal(2.0, 3.0, &[COUNT], F64, Some(generator)).unwrap()), 2.0, 3.0);
    let waits = Tensor::exponential(2.0, &[COUNT], F64, Some(generator)).unwrap();
    near(mean(&waits), 0.5, 0.5);
    assert!(floats(&waits).iter().all(|value| *value >= 0.0 && value.is_finite()));
    near(mean(&Tensor::bernoulli(0.3, &[COUNT], F64, Some(generator)).unwrap()), 0.3, 0.46);
    let kept = Tensor::dropout_mask(&[COUNT], 0.1, Some(generator)).unwrap().cast(F64).unwrap();
    near(mean(&kept), 0.9, 0.3);
    let dice = Tensor::randint(1, 7, &[COUNT], DType::Int8, Some(generator)).unwrap().cast(F64).unwrap();
    near(mean(&dice), 3.5, 1.71);
    let chances = Tensor::full(&[COUNT], 0.25, F64).unwrap();
    near(mean(&chances.bernoulli_of(Some(generator)).unwrap()), 0.25, 0.44);
    let mut order = Tensor::randperm(50, Some(generator)).unwrap().to_vec::<i64>().unwrap();
    order.sort_unstable();
    assert!(order.into_iter().eq(0..50));
}

#[test]
fn weighted_draws_follow_the_weights() {
    let generator = &mut Generator::new(1);
    let weights = Tensor::from_slice(&[0.0, 1.0, 3.0, 0.0], &[4]).unwrap();
    let drawn = weights.multinomial(4000, true, Some(generator)).unwrap().to_vec::<i64>().unwrap();
    let twos = drawn.iter().filter(|&&index| index == 2).count();
    assert!(drawn.iter().all(|index| [1, 2].contains(index)));
    // Five standard deviations of a share of 3/4.
    assert!((twos as f64 - 3000.0).abs() < 5.0 * (4000.0f64 * 0.75 * 0.25).sqrt());
    let rows = Tensor::from_slice(&[0.0f32, 1.0, 3.0, 5.0, 0.0, 1.0], &[2, 3]).unwrap();
    let pairs = rows.multinomial(2, false, Some(generator)).unwrap();
    let mut indices = pairs.to_vec::<i64>().unwrap();
    indices[..2].sort_unstable();
    indices[2..].sort_unstable();
    assert_eq!(indices, [1, 2, 0, 2]);
    assert!(weights.multinomial(3, false, Some(generator)).is_err());
    assert!(weights.negative().unwrap().multinomial(1, true, Some(generator)).is_err());
}
