//! Recurrent layers: one unit computed by hand, and gradients against differences of the pass forward.

use std::sync::Arc;

use tenfold_ir::Core;
use tenfold_ir::kernel::{Recurrence, Recurrent, RecurrentKind};

use crate::support::{Given, given, run, values};

const RECURRENCES: [Recurrence; 4] = [Recurrence::Tanh, Recurrence::Relu, Recurrence::Lstm, Recurrence::Gru];

fn layer(recurrence: Recurrence, kind: RecurrentKind, reverse: bool, sizes: &[usize]) -> Core {
    Core::Recurrent(Recurrent { recurrence, kind, reverse, sizes: Arc::from(sizes) })
}

fn forward(keep: bool, bias: bool) -> RecurrentKind {
    RecurrentKind::Forward { keep, bias }
}

/// The expected values are rounded some twenty times, at numbers below 2: 20 · 2⁻⁵² ≈ 5e-15.
fn close(got: &[f64], expected: &[f64]) -> bool {
    got.len() == expected.len() && got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 5e-15)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn one_unit_by_hand() {
    let inputs = [given(&[2, 1], &[0.5f64, 1.0]), given(&[1, 1], &[0.8]), given(&[1, 1], &[0.25])];
    let out = run(layer(Recurrence::Tanh, forward(true, false), false, &[1, 1]), &inputs).unwrap();
    let first = (0.5f64 + 0.8 * 0.25).tanh();
    let second = (1.0 + 0.8 * first).tanh();
    assert!(close(&values(&out[0]), &[first, second]) && close(&values(&out[1]), &[second]));
    // Backwards in time the last row comes first.
    let out = run(layer(Recurrence::Tanh, forward(true, false), true, &[1, 1]), &inputs).unwrap();
    let second = (1.0f64 + 0.8 * 0.25).tanh();
    let first = (0.5 + 0.8 * second).tanh();
    assert!(close(&values(&out[0]), &[first, second]) && close(&values(&out[1]), &[first]));

    let (h, c) = (0.25, -0.5);
    let (projected, weight) = ([0.1f64, 0.2, -0.3, 0.4], [1.0, -1.0, 0.5, 2.0]);
    let inputs =
        [given(&[1, 4], &projected), given(&[4, 1], &weight), given(&[1, 1], &[h]), given(&[1, 1], &[c])];
    let out = run(layer(Recurrence::Lstm, forward(true, false), false, &[1]), &inputs).unwrap();
    let sums: Vec<f64> = projected.iter().zip(weight).map(|(p, w)| p + w * h).collect();
    let cell = sigmoid(sums[1]) * c + sigmoid(sums[0]) * sums[2].tanh();
    assert!(close(&values(&out[1]), &[sigmoid(sums[3]) * cell.tanh()]) && close(&values(&out[2]), &[cell]));

    let bias = [0.3f64, -0.2, 0.1];
    let inputs = [
        given(&[1, 3], &projected[..3]),
        given(&[3, 1], &weight[..3]),
        given(&[1, 1], &[h]),
        given(&[3], &bias),
    ];
    let out = run(layer(Recurrence::Gru, forward(true, true), false, &[1]), &inputs).unwrap();
    let q: Vec<f64> = weight.iter().zip(bias).map(|(w, b)| w * h + b).collect();
    let (reset, update) = (sigmoid(projected[0] + q[0]), sigmoid(projected[1] + q[1]));
    let new = (projected[2] + reset * q[2]).tanh();
    assert!(close(&values(&out[1]), &[(1.0 - update) * new + update * h]));
}

fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

/// With weights as gradients of its results, the gradient is the central difference of their weighted sum: its error is
/// O(h²) and 2⁻⁵³·10/h, with h = 1e-5 below 1e-9.
#[test]
fn gradients_are_differences() {
    const UNITS: usize = 3;
    for (recurrence, reverse) in RECURRENCES.into_iter().flat_map(|r| [(r, false), (r, true)]) {
        let sizes = [3, 2, 2, 1];
        let (rows, sequences) = (8, 3);
        let (wide, lstm) = (UNITS * recurrence.gates(), recurrence == Recurrence::Lstm);
        let mut shapes = vec![[rows, wide], [wide, UNITS], [sequences, UNITS]];
        if lstm {
            shapes.push([sequences, UNITS]);
        }
        let points: Vec<Vec<f64>> = (1..).zip(&shapes).map(|(seed, [a, b])| numbers(a * b, seed)).collect();
        let inputs = |points: &[Vec<f64>]| -> Vec<Given> {
            points.iter().zip(&shapes).map(|(point, shape)| given(shape, point)).collect()
        };
        let pass = |points: &[Vec<f64>]| -> Vec<Vec<f64>> {
            let core = layer(recurrence, forward(true, false), reverse, &sizes);
            run(core, &inputs(points)).unwrap().iter().map(values).collect()
        };
        let results = pass(&points);
        let weights: Vec<Vec<f64>> =
            (11..).zip(&results).map(|(seed, all)| numbers(all.len(), seed)).collect();
        let visible = if lstm { 3 } else { 2 };
        let weighted = |points: &[Vec<f64>]| -> f64 {
            let results = pass(points);
            results
                .iter()
                .zip(&weights)
                .take(visible)
                .flat_map(|(a, b)| a.iter().zip(b))
                .map(|(a, b)| a * b)
                .sum()
        };

        let mut given_to_gradient = vec![
            given(&[wide, UNITS], &points[1]),
            given(&[sequences, UNITS], &points[2]),
            given(&[rows, UNITS], &results[0]),
            given(&[rows, UNITS], &weights[0]),
            given(&[sequences, UNITS], &weights[1]),
        ];
        if recurrence.kept() > 0 {
            given_to_gradient.push(given(&[rows, 4 * UNITS], &results[visible]));
        }
        if lstm {
            given_to_gradient.push(given(&[sequences, UNITS], &points[3]));
            given_to_gradient.push(given(&[rows, UNITS], &results[4]));
            given_to_gradient.push(given(&[sequences, UNITS], &weights[2]));
        }
        let core = layer(recurrence, RecurrentKind::Gradient, reverse, &sizes);
        let gradients: Vec<Vec<f64>> = run(core, &given_to_gradient).unwrap().iter().map(values).collect();
        // That of the recurrent weight is one product over all steps.
        let of_product = if recurrence == Recurrence::Gru { &gradients[3] } else { &gradients[0] };
        let mut of_weight = vec![0.0; wide * UNITS];
        for (gradient, before) in of_product.chunks(wide).zip(gradients[2].chunks(UNITS)) {
            for (line, g) in gradient.iter().enumerate() {
                for (column, h) in before.iter().enumerate() {
                    of_weight[line * UNITS + column] += g * h;
                }
            }
        }
        let mut found = vec![&gradients[0], &of_weight, &gradients[1]];
        if lstm {
            found.push(&gradients[3]);
        }
        for (input, found) in found.into_iter().enumerate() {
            for place in 0..points[input].len() {
                let moved = |by: f64| {
                    let mut points = points.clone();
                    points[input][place] += by;
                    weighted(&points)
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                let error = (found[place] - difference).abs();
                assert!(error < 1e-8, "{recurrence:?} {reverse}, input {input} at {place}: {error:e}");
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let inputs = || [given(&[2, 1], &[0.5f64, -1.0]), given(&[1, 1], &[0.8]), given(&[1, 1], &[0.25])];
    let error = run(layer(Recurrence::Tanh, forward(true, false), false, &[1]), &inputs()).err().unwrap();
    assert_eq!(error.to_string(), "rnn_tanh: shapes do not fit; got (2, 1), (1, 1), (1, 1)");
    // More rows than at the step before.
    assert!(run(layer(Recurrence::Tanh, forward(true, false), false, &[0, 2]), &inputs()).is_err());
    assert!(run(layer(Recurrence::Gru, RecurrentKind::Gradient, false, &[1, 1]), &inputs()).is_err());
    let halves = [given(&[1, 1], &[1i32]), given(&[1, 1], &[1i32]), given(&[1, 1], &[1i32])];
    let error = run(layer(Recurrence::Relu, forward(true, false), false, &[1]), &halves).err().unwrap();
    assert_eq!(error.to_string(), "rnn_relu: needs float32 or float64 throughout; got int32");
}
