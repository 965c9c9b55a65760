use std::sync::Arc;

use proptest::prelude::*;
use tenfold_ir::kernel::{Recurrence, Recurrent, RecurrentKind};
use tenfold_ir::{Core, DType, Scalar, Shape};

use crate::backend::testing::{Draw, Given, assert_same, check_within_bounds, computed};
use crate::simd::{Tier, set_tier};
use crate::threads::set_thread_count;

const RECURRENCES: [Recurrence; 4] = [Recurrence::Tanh, Recurrence::Relu, Recurrence::Lstm, Recurrence::Gru];

/// Weights of this magnitude keep states of the order of 1.
fn weights(draw: &mut Draw, rows: usize, units: usize, dtype: DType) -> Given {
    let scale = 1.0 / (units as f64).sqrt();
    numbers(draw, &[rows, units], dtype, scale)
}

fn numbers(draw: &mut Draw, shape: &[usize], dtype: DType, scale: f64) -> Given {
    let count: usize = shape.iter().product();
    let round = |value: f64| if dtype == DType::Float32 { f64::from(value as f32) } else { value };
    let values: Vec<Scalar> = (0..count)
        .map(|_| Scalar::Float(round(((draw.next() >> 40) as f64 / (1u64 << 23) as f64 - 1.0) * scale)))
        .collect();
    draw.lay_out(&Shape::new(shape), dtype, &values)
}

/// The operands of the pass forward, then those of the gradient from any gates and states.
fn operands(draw: &mut Draw, core: &Recurrent, units: usize, dtype: DType) -> Vec<Given> {
    let (rows, sequences): (usize, usize) = (core.sizes.iter().sum(), core.sizes[0]);
    let (wide, kept) = (units * core.recurrence.gates(), units * core.recurrence.kept());
    let lstm = core.recurrence == Recurrence::Lstm;
    let weight = weights(draw, wide, units, dtype);
    let mut all = |rows: usize, width: usize| numbers(draw, &[rows, width], dtype, 1.0);
    let mut given = Vec::new();
    match core.kind {
        RecurrentKind::Forward { bias, .. } => {
            given.extend([all(rows, wide), weight, all(sequences, units)]);
            if lstm {
                given.push(all(sequences, units));
            }
            if bias {
                given.push(numbers(draw, &[wide], dtype, 1.0));
            }
        }
        RecurrentKind::Gradient => {
            given.extend([
                weight,
                all(sequences, units),
                all(rows, units),
                all(rows, units),
                all(sequences, units),
            ]);
            if kept > 0 {
                given.push(all(rows, kept));
            }
            if lstm {
                given.extend([all(sequences, units), all(rows, units), all(sequences, units)]);
            }
        }
    }
    given
}

/// Rows of each step: a dense sequence, or some that end earlier.
fn sizes(draw: &mut Draw, sequences: usize) -> Arc<[usize]> {
    let steps = 1 + draw.below(4);
    let mut running = sequences;
    let packed = draw.one_in(2);
    (0..steps)
        .map(|_| {
            let now = running;
            if packed {
                running = 1 + draw.below(running);
            }
            now
        })
        .collect()
}

fn any_core(draw: &mut Draw, recurrence: Recurrence, gradient: bool, sequences: usize) -> Recurrent {
    let forward = RecurrentKind::Forward {
        keep: !draw.one_in(3),
        bias: recurrence == Recurrence::Gru && draw.one_in(2),
    };
    let kind = if gradient { RecurrentKind::Gradient } else { forward };
    Recurrent { recurrence, kind, reverse: draw.one_in(2), sizes: sizes(draw, sequences) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn agrees_with_the_reference_on_all_tiers(
        seed: u64,
        recurrence in 0..RECURRENCES.len(),
        gradient: bool,
        double: bool,
        sequences in prop::sample::select(vec![1, 2, 3, 7, 13]),
        units in prop::sample::select(vec![1, 2, 7, 13, 16, 33]),
    ) {
        let mut draw = Draw::new(seed);
        let core = any_core(&mut draw, RECURRENCES[recurrence], gradient, sequences);
        let dtype = if double { DType::Float64 } else { DType::Float32 };
        let operands = operands(&mut draw, &core, units, dtype);
        check_within_bounds(&Core::Recurrent(core), &operands);
    }
}

/// More units than a depth block, and so much work that threads share rows or, with one sequence, columns.
#[test]
fn large_layers_give_the_same_bits_everywhere() {
    let mut draw = Draw::new(7);
    for recurrence in RECURRENCES {
        for (sequences, units) in [(1, 300), (100, 260)] {
            for gradient in [false, true] {
                let mut core = any_core(&mut draw, recurrence, gradient, sequences);
                core.sizes = Arc::from([sequences, sequences, sequences.div_ceil(2)]);
                let operands = operands(&mut draw, &core, units, DType::Float32);
                let core = Core::Recurrent(core);
                let first = computed(&core, &operands).unwrap();
                for &tier in Tier::available() {
                    set_tier(tier).unwrap();
                    for threads in [1, 3] {
                        set_thread_count(threads);
                        assert_same(&computed(&core, &operands).unwrap(), &first, "large layers");
                    }
                }
            }
        }
    }
}

#[test]
fn layers_without_units_or_sequences_do_nothing() {
    let mut draw = Draw::new(1);
    for recurrence in RECURRENCES {
        for (sequences, units) in [(0, 3), (2, 0), (0, 0)] {
            let forward = RecurrentKind::Forward { keep: true, bias: false };
            for kind in [forward, RecurrentKind::Gradient] {
                let core =
                    Recurrent { recurrence, kind, reverse: false, sizes: Arc::from([sequences, sequences]) };
                let operands = operands(&mut draw, &core, units, DType::Float32);
                for outcome in computed(&Core::Recurrent(core), &operands).unwrap() {
                    // With sequences but no units nothing has elements; without sequences neither.
                    assert!(outcome.values.is_empty());
                }
            }
        }
    }
}
