//! Parts of expressions that have a loop of their own, bit for bit beside the formulas for one element.

use std::cell::RefCell;

use tenfold_cpu::elementwise::formulas_in;
use tenfold_ir::formulas::{self, AdamNumbers, AdamState, MomentumNumbers, Recorded, adam, momentum};
use tenfold_ir::{Buffer, DType, Expr, Layout, Scalar, Shape, Source};

use crate::{buffer_of, draws, kernel_of, run_everywhere, values_of};

/// Runs a formula of such operands (and, where it is, in their place), and asserts the results that `one` gives for
/// the operands of one element.
fn check_formula(
    expr: &Expr,
    operands: usize,
    scalars: &[f64],
    shared: &[usize],
    one: impl Fn(&[f32]) -> Vec<f32>,
) {
    let numbers: Vec<Scalar> = scalars.iter().map(|&number| Scalar::Float(number)).collect();
    for count in [1, 13, 256, 7 * 131, 5_000] {
        let layout = (DType::Float32, Layout::dense(Shape::new(&[count])));
        let kernel = kernel_of(expr.clone(), &vec![layout; operands], &numbers, &[count]);
        // The last one, a mean of squares, is not negative.
        let mut values: Vec<Vec<f32>> = (0..operands).map(|seed| draws(count, seed)).collect();
        values[operands - 1].iter_mut().for_each(|value| *value = value.abs());
        let buffers: Vec<Buffer> = values.iter().map(|values| buffer_of(values)).collect();
        let sources: Vec<Source<'_>> = buffers.iter().map(Source::Buffer).collect();
        let outputs = run_everywhere(&kernel, &sources);
        let wanted: Vec<Vec<f32>> =
            (0..count).map(|at| one(&values.iter().map(|values| values[at]).collect::<Vec<f32>>())).collect();
        let mut in_place: Vec<Buffer> = shared.iter().map(|&operand| buffer_of(&values[operand])).collect();
        let sources: Vec<Source<'_>> = (0..operands)
            .map(|operand| match shared.iter().position(|&other| other == operand) {
                Some(output) => Source::Output(output),
                None => Source::Buffer(&buffers[operand]),
            })
            .collect();
        tenfold_cpu::backend().run(&kernel, &sources, &mut in_place).unwrap();
        for outputs in [&outputs, &in_place] {
            for (output, buffer) in outputs.iter().enumerate() {
                let got: Vec<u32> = values_of::<f32>(buffer).iter().map(|value| value.to_bits()).collect();
                let wanted: Vec<u32> = wanted.iter().map(|results| results[output].to_bits()).collect();
                assert_eq!(got, wanted, "result {output} of {count}");
            }
        }
    }
}

#[test]
fn activations_have_the_bits_of_their_formulas() {
    /// Of x and a gradient, and of these scalars.
    fn check<const S: usize>(
        scalars: [f64; S],
        one: impl for<'e> Fn(Recorded<'e>, Recorded<'e>, [Recorded<'e>; S]) -> Recorded<'e>,
        number: impl Fn(f32, f32, [f32; S]) -> f32,
    ) {
        let expr = RefCell::new(Expr::new());
        let [x, gradient] = [0, 1].map(|at| Recorded::load(&expr, at));
        let recorded = std::array::from_fn(|at| Recorded::scalar(&expr, at));
        let result = one(x, gradient, recorded).value;
        let mut form = expr.into_inner();
        form.output(result);
        let single = scalars.map(|scalar| scalar as f32);
        check_formula(&form, 2, &scalars, &[0], |values| vec![number(values[0], values[1], single)]);
    }
    macro_rules! checks {
        ($([$($scalar:literal),*] |$x:ident, $g:ident, $s:ident| $value:expr;)*) => {
            $(check([$($scalar),*], |$x, $g, $s| { let _ = $g; $value }, |$x, $g, $s| { let _ = $g; $value });)*
        };
    }
    checks! {
        [-0.5, 0.75] |x, g, s| formulas::hardtanh(x, s[0], s[1]);
        [-0.5, 0.75, 0.0] |x, g, s| formulas::hardtanh_gradient(x, g, s[0], s[1], s[2]);
        [3.0, 0.0, 6.0, 6.0] |x, g, s| formulas::hardsigmoid(x, s);
        [0.75, 6.0, 0.0] |x, g, s| formulas::hardsigmoid_gradient(x, g, s);
        [3.0, 0.0, 6.0, 6.0, -0.5] |x, g, s| formulas::hardswish(x, [s[0], s[1], s[2], s[3]], s[4]);
        [0.75, 3.0, 0.5, 0.0] |x, g, s| formulas::hardswish_gradient(x, g, s);
        [-0.5, 0.5] |x, g, s| formulas::softshrink(x, s[0], s[1]);
        [0.5, 0.0] |x, g, s| formulas::softshrink_gradient(x, g, s[0], s[1]);
        [1.0, 1.0] |x, g, s| formulas::silu_gradient(x, g, s);
        [] |x, g, s| { let [] = s; formulas::gelu_gradient(x, g) };
    }
}

#[test]
fn gelu_with_its_gradient_has_the_bits_of_its_formula() {
    let expr = RefCell::new(Expr::new());
    let [x, gradient] = [0, 1].map(|at| Recorded::load(&expr, at));
    let results = [formulas::gelu(x), formulas::gelu_gradient(x, gradient)].map(|result| result.value);
    let mut form = expr.into_inner();
    results.into_iter().for_each(|result| form.output(result));
    assert_eq!(formulas_in(&form), 1);
    check_formula(&form, 2, &[], &[0, 1], |values| {
        vec![formulas::gelu(values[0]), formulas::gelu_gradient(values[0], values[1])]
    });
}

#[test]
fn optimizer_steps_have_the_bits_of_their_formulas() {
    for kept in [None, Some(0.99)] {
        let expr = RefCell::new(Expr::new());
        let load = |at| Recorded::load(&expr, at);
        let scalar = |at| Recorded::scalar(&expr, at);
        let numbers = AdamNumbers {
            average_fraction: scalar(0),
            squares_kept: scalar(1),
            squares_fraction: scalar(2),
            step_size: scalar(3),
            correction: scalar(4),
            eps: scalar(5),
        };
        let state = AdamState { average: load(2), squares: load(3), largest: None };
        let parameter = if kept.is_some() { load(0) * scalar(6) } else { load(0) };
        let (value, state) = adam(parameter, load(1), state, &numbers);
        let results = [value, state.average, state.squares].map(|result| result.value);
        let mut form = expr.into_inner();
        results.into_iter().for_each(|result| form.output(result));
        assert_eq!(formulas_in(&form), 1);
        let scalars = [0.1, 0.999, 0.001, 3e-3, 1.7, 1e-8];
        let [average_fraction, squares_kept, squares_fraction, step_size, correction, eps] =
            scalars.map(|number| number as f32);
        let given: Vec<f64> = scalars.into_iter().chain(kept).collect();
        check_formula(&form, 4, &given, &[0, 2, 3], |operands| {
            let numbers =
                AdamNumbers { average_fraction, squares_kept, squares_fraction, step_size, correction, eps };
            let state = AdamState { average: operands[2], squares: operands[3], largest: None };
            let parameter = kept.map_or(operands[0], |kept| operands[0] * kept as f32);
            let (value, state) = adam(parameter, operands[1], state, &numbers);
            vec![value, state.average, state.squares]
        });
    }
    for nesterov in [false, true] {
        let expr = RefCell::new(Expr::new());
        let numbers = MomentumNumbers {
            momentum: Recorded::scalar(&expr, 0),
            gradient_fraction: Recorded::scalar(&expr, 1),
            nesterov,
            learning_rate: Recorded::scalar(&expr, 2),
        };
        let [value, gradient, direction] = [0, 1, 2].map(|at| Recorded::load(&expr, at));
        let (value, direction) = momentum(value, gradient, direction, &numbers);
        let results = [value.value, direction.value];
        let mut form = expr.into_inner();
        results.into_iter().for_each(|result| form.output(result));
        check_formula(&form, 3, &[0.9, 0.75, 0.01], &[0, 2], |operands| {
            let numbers =
                MomentumNumbers { momentum: 0.9, gradient_fraction: 0.75, nesterov, learning_rate: 0.01 };
            let (value, direction) = momentum(operands[0], operands[1], operands[2], &numbers);
            vec![value, direction]
        });
    }
}

#[test]
fn formulas_take_numbers_for_operands() {
    let expr = RefCell::new(Expr::new());
    let numbers = MomentumNumbers {
        momentum: Recorded::scalar(&expr, 0),
        gradient_fraction: Recorded::scalar(&expr, 1),
        nesterov: false,
        learning_rate: Recorded::scalar(&expr, 2),
    };
    let [value, gradient] = [0, 1].map(|at| Recorded::load(&expr, at));
    let (value, direction) = momentum(value, gradient, Recorded::scalar(&expr, 3), &numbers);
    let results = [value.value, direction.value];
    let mut form = expr.into_inner();
    results.into_iter().for_each(|result| form.output(result));
    assert_eq!(formulas_in(&form), 1);
    check_formula(&form, 2, &[0.9, 0.75, 0.01, 0.5], &[0, 1], |operands| {
        let numbers =
            MomentumNumbers { momentum: 0.9, gradient_fraction: 0.75, nesterov: false, learning_rate: 0.01 };
        let (value, direction) = momentum(operands[0], operands[1], 0.5, &numbers);
        vec![value, direction]
    });
}
