use proptest::prelude::*;
use tenfold_ir::kernel::{Attention, AttentionKind};
use tenfold_ir::{Core, DType, Layout, Scalar, Shape};

use crate::backend::testing::{Draw, Given, check_within_bounds, computed, expected};

/// Extents of a problem.
#[derive(Clone, Copy, Debug)]
struct Extents {
    outer: usize,
    groups: usize,
    /// Heads of queries for each head of keys.
    ratio: usize,
    queries: usize,
    keys: usize,
    depth: usize,
    width: usize,
}

impl Extents {
    fn heads(self) -> usize {
        self.groups * self.ratio
    }

    fn shapes(self) -> [Shape; 3] {
        let Extents { outer, groups, queries, keys, depth, width, .. } = self;
        [
            Shape::from([outer, self.heads(), queries, depth]),
            Shape::from([outer, groups, keys, depth]),
            Shape::from([outer, groups, keys, width]),
        ]
    }
}

/// A mask of any kind: whole, or one for all heads, for all queries.
fn mask(draw: &mut Draw, extents: Extents, dtype: DType) -> Given {
    let Extents { outer, queries, keys, .. } = extents;
    let (shared, for_all_queries) = (draw.one_in(2), draw.one_in(4));
    let shape = [
        if shared { 1 } else { outer },
        if shared { 1 } else { extents.heads() },
        if for_all_queries { 1 } else { queries },
        keys,
    ];
    let blind = draw.below(queries.max(1));
    let dtype = if draw.one_in(2) { DType::Bool } else { dtype };
    let values: Vec<Scalar> = (0..shape.iter().product::<usize>())
        .map(|index| {
            // Some queries may look at nothing.
            let forbidden = draw.one_in(3) || !for_all_queries && index / keys.max(1) % queries == blind;
            match dtype {
                DType::Bool => Scalar::Bool(!forbidden),
                _ if forbidden => Scalar::Float(f64::NEG_INFINITY),
                _ => draw.number(dtype, false),
            }
        })
        .collect();
    let mut given = draw.lay_out(&Shape::new(&shape), dtype, &values);
    let whole = Shape::from([outer, extents.heads(), queries, keys]);
    given.layout = given.layout.broadcast_to(&whole).unwrap();
    given
}

/// Checks both directions.
fn check(draw: &mut Draw, extents: Extents, dtype: DType, causal: bool, masked: bool) {
    let scale = 1.0 / (extents.depth.max(1) as f64).sqrt();
    let forward = Core::Attention(Attention { kind: AttentionKind::Forward, causal, scale });
    let gradient = Core::Attention(Attention { kind: AttentionKind::Gradient, causal, scale });
    let mut given: Vec<Given> =
        extents.shapes().iter().map(|shape| draw.operand(shape, dtype, false)).collect();
    let mask = masked.then(|| mask(draw, extents, dtype));
    let with_mask = |mut given: Vec<Given>| {
        given.extend(mask.as_ref().map(Given::again));
        given
    };
    let inputs = with_mask(given.iter().map(Given::again).collect());
    check_within_bounds(&forward, &inputs);
    for result in expected(&forward, &inputs).unwrap() {
        given.push(draw.lay_out(&result.spec.shape, dtype, &result.values));
    }
    let output = given[3].layout.shape().clone();
    // The gradient of a sum is one number everywhere.
    let g = if draw.one_in(4) {
        let one = Given::dense::<f32>(&[], &[1.0]);
        let mut g = if dtype == DType::Float32 { one } else { Given::dense::<f64>(&[], &[1.0]) };
        g.layout = Layout::dense(Shape::new(&[])).broadcast_to(&output).unwrap();
        g
    } else {
        draw.operand(&output, dtype, false)
    };
    given.push(g);
    check_within_bounds(&gradient, &with_mask(given));
}

const LENGTHS: [usize; 9] = [1, 2, 5, 7, 13, 17, 31, 33, 40];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn attention_agrees_with_the_reference_on_all_tiers_and_threads(seed: u64) {
        let mut draw = Draw::new(seed);
        let mut extents = Extents {
            outer: 1 + draw.below(2),
            groups: 1 + draw.below(2),
            ratio: 1 + draw.below(3),
            queries: draw.pick(&LENGTHS),
            keys: draw.pick(&LENGTHS),
            depth: draw.pick(&[1, 5, 8, 13, 16]),
            width: draw.pick(&[1, 3, 8, 13, 16]),
        };
        if draw.one_in(12) {
            let empty = draw.pick(&[0, 1, 2, 3, 4]);
            *[&mut extents.outer, &mut extents.queries, &mut extents.keys, &mut extents.depth, &mut extents.width]
                [empty] = 0;
        }
        let dtype = draw.pick(&[DType::Float32, DType::Float32, DType::Float64]);
        let (causal, masked) = (draw.one_in(2), draw.one_in(2));
        check(&mut draw, extents, dtype, causal, masked);
    }
}

#[test]
fn lengths_over_several_blocks_and_heads_of_usual_depths() {
    let mut draw = Draw::new(1);
    let extents =
        |queries, keys, depth, width| Extents { outer: 1, groups: 1, ratio: 1, queries, keys, depth, width };
    for (causal, masked) in [(false, false), (true, false), (false, true)] {
        check(&mut draw, extents(150, 300, 5, 7), DType::Float32, causal, masked);
        check(&mut draw, extents(300, 270, 3, 2), DType::Float32, causal, masked);
        check(&mut draw, extents(40, 30, 96, 64), DType::Float32, causal, masked);
        check(&mut draw, extents(9, 20, 300, 270), DType::Float32, causal, masked);
        check(&mut draw, extents(1, 600, 64, 64), DType::Float32, causal, masked);
        check(&mut draw, extents(130, 260, 4, 4), DType::Float64, causal, masked);
    }
}

#[test]
fn what_causality_forbids_gives_the_same_bits_whatever_it_is() {
    let core = Core::Attention(Attention { kind: AttentionKind::Forward, causal: true, scale: 0.5 });
    let numbers: Vec<f32> = (0..70 * 4).map(|index| (index % 13) as f32 - 6.0).collect();
    let given = |last: f32| -> Vec<Given> {
        let mut of_last = numbers.clone();
        of_last[69 * 4..].fill(last);
        let shape = [1, 1, 70, 4];
        [&numbers, &of_last, &of_last].map(|numbers| Given::dense(&shape, numbers)).into()
    };
    let (one, other) = (computed(&core, &given(3.0)).unwrap(), computed(&core, &given(-5.0)).unwrap());
    assert_eq!(one[0].values[..69 * 4], other[0].values[..69 * 4]);
    assert_ne!(one[0].values[69 * 4..], other[0].values[69 * 4..]);
}

/// Scores of no numbers are 0, also of a few queries that are multiplied by lines.
#[test]
fn queries_of_no_numbers_look_at_all_keys_alike() {
    let mut draw = Draw::new(7);
    for queries in [1, 7, 13, 40] {
        for masked in [false, true] {
            let extents = Extents { outer: 1, groups: 1, ratio: 3, queries, keys: 17, depth: 0, width: 16 };
            check(&mut draw, extents, DType::Float32, false, masked);
        }
    }
}
