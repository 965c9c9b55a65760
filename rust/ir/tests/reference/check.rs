//! What the check lets pass and what it refuses.

use proptest::prelude::*;
use tenfold_ir::kernel::{
    Gemm, Index, Kernel, Precision, Reduce, Reduction, RowOperation, Rows, ScatterMode, Sort,
};
use tenfold_ir::reference::check;
use tenfold_ir::{Core, DType, Element, Expr, Operation, Source};

use crate::support::{Given, given, map_kernel, plain_kernel, run_kernel};

/// True where the check takes these outputs.
fn passes(kernel: &Kernel, inputs: &[Given], outputs: Vec<Given>) -> bool {
    let sources: Vec<Source> = inputs.iter().map(|input| Source::Buffer(&input.buffer)).collect();
    let outputs: Vec<_> = outputs.into_iter().map(|output| output.buffer).collect();
    check(kernel, &sources, &outputs).is_ok()
}

fn unary<T: Element>(operation: Operation, x: T, result: T) -> bool {
    let inputs = [given(&[1], &[x])];
    let mut expr = Expr::new();
    let loaded = expr.load(0, T::DTYPE);
    let value = expr.apply(operation, &[loaded]);
    expr.output(value);
    passes(&map_kernel(expr, &inputs, &[]), &inputs, vec![given(&[1], &[result])])
}

#[test]
fn operations_are_held_to_the_accuracy_of_their_row() {
    let exp = 1.5f32.exp();
    assert!(unary(Operation::exp, 1.5f32, exp));
    assert!(unary(Operation::exp, 1.5f32, exp.next_up()));
    assert!(!unary(Operation::exp, 1.5f32, exp.next_up().next_up().next_up()));
    assert!(unary(Operation::sqrt, 2f32, 2f32.sqrt()));
    assert!(!unary(Operation::sqrt, 2f32, 2f32.sqrt().next_up()));
    assert!(unary(Operation::log, -1f32, f32::NAN));
    assert!(!unary(Operation::log, -1f32, 0.0));
    assert!(!unary(Operation::exp, 1f32, f32::INFINITY));
    assert!(!unary(Operation::negative, 5i32, -4));
}

#[test]
fn errors_of_arguments_grow_as_the_expression_makes_them_grow() {
    // exp(x) − 1 near 0: one ULP of exp is a large share of the result, but no more than that ULP.
    let inputs = [given(&[1], &[1e-3f32])];
    let mut expr = Expr::new();
    let x = expr.load(0, DType::Float32);
    let power = expr.apply(Operation::exp, &[x]);
    let one = expr.scalar(0, DType::Float32);
    let rest = expr.apply(Operation::subtract, &[power, one]);
    expr.output(rest);
    let kernel = map_kernel(expr, &inputs, &[tenfold_ir::Scalar::Int(1)]);
    let exact = 1e-3f32.exp() - 1.0;
    assert!(passes(&kernel, &inputs, vec![given(&[1], &[exact + f32::EPSILON])]));
    assert!(!passes(&kernel, &inputs, vec![given(&[1], &[exact + 8.0 * f32::EPSILON])]));
}

#[test]
fn factors_that_are_inexact_together_move_their_product_together() {
    // (exp(x) − 1)² at 0 is 0, and the square of what exp may be off.
    let inputs = [given(&[1], &[0f32])];
    let mut expr = Expr::new();
    let x = expr.load(0, DType::Float32);
    let power = expr.apply(Operation::exp, &[x]);
    let one = expr.scalar(0, DType::Float32);
    let rest = expr.apply(Operation::subtract, &[power, one]);
    let square = expr.apply(Operation::multiply, &[rest, rest]);
    expr.output(square);
    let kernel = map_kernel(expr, &inputs, &[tenfold_ir::Scalar::Int(1)]);
    let off = f32::EPSILON;
    assert!(passes(&kernel, &inputs, vec![given(&[1], &[off * off])]));
    assert!(!passes(&kernel, &inputs, vec![given(&[1], &[64.0 * off * off])]));
}

#[test]
fn rows_that_vanish_may_be_0_where_a_float32_is_subnormal_and_nowhere_else() {
    for operation in [Operation::ndtr, Operation::normal_pdf] {
        assert!(unary(operation, -13.3f32, 0.0));
        assert!(!unary(operation, -12.8f32, 0.0));
        assert!(!unary(operation, -13.3f64, 0.0));
    }
    assert!(!unary(Operation::exp, -88f32, 0.0));
}

#[test]
fn a_comparison_may_go_either_way_where_its_arguments_may() {
    // exp(1) ≥ e: true or false by one ULP; but exp(1) ≥ 2 is true.
    let passes_with = |bound: f32, result: u8| {
        let inputs = [given(&[1], &[1f32]), given(&[1], &[bound])];
        let mut expr = Expr::new();
        let (x, bound) = (expr.load(0, DType::Float32), expr.load(1, DType::Float32));
        let power = expr.apply(Operation::exp, &[x]);
        let compared = expr.apply(Operation::greater_equal, &[power, bound]);
        expr.output(compared);
        let output = given(&[1], &[tenfold_ir::Boolean(result)]);
        passes(&map_kernel(expr, &inputs, &[]), &inputs, vec![output])
    };
    assert!(passes_with(std::f32::consts::E, 0) && passes_with(std::f32::consts::E, 1));
    assert!(passes_with(2.0, 1) && !passes_with(2.0, 0));
}

#[test]
fn movement_order_and_integers_are_exact() {
    let x = || given(&[3], &[1.0f32, 3.0, 2.0]);
    let sort = plain_kernel(Core::Sort(Sort::Sort { axis: 0, descending: false }), &[x()]).unwrap();
    let sorted = |values: &[f32]| vec![given(&[3], values), given(&[3], &[0i64, 2, 1])];
    assert!(passes(&sort, &[x()], sorted(&[1.0, 2.0, 3.0])));
    assert!(!passes(&sort, &[x()], sorted(&[1.0, 2.0, 3f32.next_up()])));
    let inputs = || [given(&[1], &[1.0f32]), given(&[2], &[0i64, 0]), given(&[2], &[1e-8f32, 1.0])];
    let add = Core::Index(Index::Scatter { axes: 1, mode: ScatterMode::Add });
    let scatter = plain_kernel(add, &inputs()).unwrap();
    assert!(passes(&scatter, &inputs(), vec![given(&[1], &[2.0f32])]));
    assert!(!passes(&scatter, &inputs(), vec![given(&[1], &[2f32.next_up()])]));
    let integers = || [given(&[2], &[i32::MAX, 1])];
    let sum = Core::Reduce(Reduce { operation: Reduction::Sum, axes: [0].into_iter().collect() });
    let sum = plain_kernel(sum, &integers()).unwrap();
    assert!(passes(&sum, &integers(), vec![given::<i32>(&[], &[i32::MIN])]));
    assert!(!passes(&sum, &integers(), vec![given::<i32>(&[], &[i32::MAX])]));
}

#[test]
fn an_operand_below_an_output_cannot_be_checked() {
    let inputs = [given(&[1], &[1f32])];
    let kernel = map_kernel(Expr::load_of(0, DType::Float32), &inputs, &[]);
    let outputs = run_kernel(&kernel, &inputs).unwrap();
    assert!(check(&kernel, &[Source::Output(0)], &outputs).is_err());
}

/// Softmax as anybody would write it in float32.
fn plain_softmax(x: &[f32]) -> Vec<f32> {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = x.iter().map(|value| (value - largest).exp()).collect();
    let total: f32 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

/// Layer norm in two passes in float32.
fn plain_layer_norm(x: &[f32], epsilon: f32) -> (Vec<f32>, f32, f32) {
    let mean = x.iter().sum::<f32>() / x.len() as f32;
    let variance = x.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / x.len() as f32;
    let scale = 1.0 / (variance + epsilon).sqrt();
    (x.iter().map(|value| (value - mean) * scale).collect(), mean, scale)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn sums_in_float32_pass_in_any_order_and_wrong_ones_do_not(
        x in prop::collection::vec(-100f32..100.0, 2..300),
    ) {
        let inputs = [given(&[x.len()], &x)];
        let core = Core::Reduce(Reduce { operation: Reduction::Sum, axes: [0].into_iter().collect() });
        let kernel = plain_kernel(core, &inputs).unwrap();
        let (forward, backward) = (x.iter().sum::<f32>(), x.iter().rev().sum::<f32>());
        prop_assert!(passes(&kernel, &inputs, vec![given::<f32>(&[], &[forward])]));
        prop_assert!(passes(&kernel, &inputs, vec![given::<f32>(&[], &[backward])]));
        // Two elements dropped, wherever that matters.
        let scale: f32 = x.iter().map(|value| value.abs()).sum();
        let wrong = forward - x[0] - x[1];
        prop_assume!((wrong - forward).abs() > 1e-3 * scale);
        prop_assert!(!passes(&kernel, &inputs, vec![given::<f32>(&[], &[wrong])]));
    }

    #[test]
    fn rows_in_float32_pass(x in prop::collection::vec(-30f32..30.0, 1..200)) {
        let inputs = [given(&[1, x.len()], &x)];
        let kernel_of = |operation| plain_kernel(Core::Rows(Rows { operation, axis: 1 }), &inputs).unwrap();
        let softmax = plain_softmax(&x);
        let kernel = kernel_of(RowOperation::Softmax);
        prop_assert!(passes(&kernel, &inputs, vec![given(&[1, x.len()], &softmax)]));
        let wrong: Vec<f32> = softmax.iter().map(|value| value * 1.001).collect();
        prop_assert!(!passes(&kernel, &inputs, vec![given(&[1, x.len()], &wrong)]));
        let (normal, mean, scale) = plain_layer_norm(&x, 1e-5);
        let outputs = |scale: f32| vec![
            given(&[1, x.len()], &normal), given(&[1], &[mean]), given(&[1], &[scale]),
        ];
        let kernel = kernel_of(RowOperation::LayerNorm { epsilon: 1e-5f32.into() });
        prop_assert!(passes(&kernel, &inputs, outputs(scale)));
        // The variance of two elements or more, not all equal, tells a wrong divisor.
        prop_assume!(x.len() > 1 && scale < 10.0);
        prop_assert!(!passes(&kernel, &inputs, outputs(scale * 1.001)));
    }

    #[test]
    fn products_in_float32_pass(a in prop::collection::vec(-1f32..1.0, 12), b in prop::collection::vec(-1f32..1.0, 20)) {
        let inputs = [given(&[3, 4], &a), given(&[4, 5], &b)];
        let kernel = plain_kernel(Core::Gemm(Gemm::default()), &inputs).unwrap();
        let product = |scale: f32| -> Vec<f32> {
            (0..15).map(|i| (0..4).map(|k| a[i / 5 * 4 + k] * b[k * 5 + i % 5]).sum::<f32>() * scale).collect()
        };
        prop_assert!(passes(&kernel, &inputs, vec![given(&[3, 5], &product(1.0))]));
        prop_assert!(!passes(&kernel, &inputs, vec![given(&[3, 5], &product(1.0001))]));
    }
    #[test]
    fn products_pass_with_operands_rounded_to_bfloat16_where_that_is_allowed(
        a in prop::collection::vec(-1f32..1.0, 12), b in prop::collection::vec(-1f32..1.0, 20)
    ) {
        let inputs = [given(&[3, 4], &a), given(&[4, 5], &b)];
        let rounded = |x: f32| half::bf16::from_f32(x).to_f32();
        let product = |scale: f32| -> Vec<f32> {
            let term = |i: usize, k: usize| rounded(a[i / 5 * 4 + k]) * rounded(b[k * 5 + i % 5]);
            (0..15).map(|i| (0..4).map(|k| term(i, k)).sum::<f32>() * scale).collect()
        };
        let low = Core::Gemm(Gemm { precision: Precision::Bfloat16 });
        let low = plain_kernel(low, &inputs).unwrap();
        prop_assert!(passes(&low, &inputs, vec![given(&[3, 5], &product(1.0))]));
        prop_assert!(!passes(&low, &inputs, vec![given(&[3, 5], &product(1.5))]));
        let exact = plain_kernel(Core::Gemm(Gemm::default()), &inputs).unwrap();
        prop_assert!(!passes(&exact, &inputs, vec![given(&[3, 5], &product(1.0))]));
    }
}
