use proptest::prelude::*;
use tenfold_ir::kernel::{Distribution, Random};
use tenfold_ir::{Core, DType, Shape};

use crate::backend::testing::{Draw, check};

fn distribution(draw: &mut Draw) -> Distribution {
    match draw.below(5) {
        0 => Distribution::Uniform,
        1 => Distribution::Normal,
        2 => {
            let low = draw.pick(&[0i64, -3, 5, -100]);
            Distribution::Integer { low, high: i128::from(low) + draw.pick(&[1, 2, 10, 100]) }
        }
        3 => Distribution::Bernoulli { probability: draw.pick(&[0.0, 0.1, 0.5, 1.0]) },
        _ => Distribution::Permutation,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn draws_are_those_of_the_reference(seed: u64) {
        let mut draw = Draw::new(seed);
        let (distribution, dtype) = (distribution(&mut draw), draw.pick(&DType::ALL));
        let rank = if distribution == Distribution::Permutation { 1 } else { draw.below(4) };
        let offset = if draw.one_in(4) { u64::MAX - 3 } else { draw.next() };
        let core = Core::Random(Random { distribution, seed: draw.next(), offset, shape: draw.shape(rank, 5000), dtype });
        prop_assume!(core.results(&[]).is_ok());
        // Box and Muller's three functions are each off by 2 ULP of numbers up to 7.
        check(&core, &[], if distribution == Distribution::Normal { 16.0 } else { 0.0 });
    }
}

#[test]
fn the_whole_range_of_64_bits_can_be_drawn() {
    for (low, high, dtype) in
        [(i64::MIN, i128::from(i64::MAX) + 1, DType::Int64), (0, i128::from(u64::MAX) + 1, DType::Uint64)]
    {
        let distribution = Distribution::Integer { low, high };
        check(
            &Core::Random(Random { distribution, seed: 1, offset: 2, shape: Shape::from([100]), dtype }),
            &[],
            0.0,
        );
    }
}

#[test]
fn large_draws_are_shared_between_threads() {
    for (distribution, dtype) in
        [(Distribution::Uniform, DType::Float32), (Distribution::Permutation, DType::Int64)]
    {
        let shape = Shape::from([100_003]);
        check(&Core::Random(Random { distribution, seed: 3, offset: 4, shape, dtype }), &[], 0.0);
    }
}
