//! Expressions: rounding, casts, prologues, epilogues and shared buffers.

use smallvec::{SmallVec, smallvec};
use tenfold_ir::kernel::{Kernel, Reduce, Reduction, RowOperation, Rows, Spec};
use tenfold_ir::reference::Reference;
use tenfold_ir::{
    Backend, Boolean, Complex, Core, DType, Element, Expr, Layout, Operand, Operation, Scalar, Source, bf16,
    f16,
};

use crate::support::{Given, given, map_kernel, plain_kernel, run_kernel, values};

fn apply<R: Element>(operation: Operation, inputs: &[Given]) -> Vec<R> {
    let mut expr = Expr::new();
    let arguments: Vec<u16> = (0..inputs.len()).map(|i| expr.load(i as u16, inputs[i].dtype)).collect();
    let result = expr.apply(operation, &arguments);
    expr.output(result);
    values(&run_kernel(&map_kernel(expr, inputs, &[]), inputs).unwrap()[0])
}

fn cast<T: Element, R: Element>(from: &[T]) -> Vec<R> {
    let input = [given(&[from.len()], from)];
    let mut expr = Expr::new();
    let loaded = expr.load(0, T::DTYPE);
    let result = expr.cast(loaded, R::DTYPE);
    expr.output(result);
    values(&run_kernel(&map_kernel(expr, &input, &[]), &input).unwrap()[0])
}

#[test]
fn every_category_has_its_body() {
    assert_eq!(apply::<i8>(Operation::add, &[given(&[1], &[100i8]), given(&[1], &[100i8])]), [-56]);
    assert_eq!(
        apply::<u64>(Operation::maximum, &[given(&[1], &[u64::MAX]), given(&[1], &[1u64])]),
        [u64::MAX]
    );
    assert_eq!(apply::<Boolean>(Operation::logical_not, &[given(&[1], &[Boolean(0)])]), [Boolean(1)]);
    assert_eq!(apply::<f32>(Operation::sqrt, &[given(&[1], &[2f32])]), [2f32.sqrt()]);
    let i = Complex::new(0.0f64, 1.0);
    assert_eq!(
        apply::<Complex<f64>>(Operation::multiply, &[given(&[1], &[i]), given(&[1], &[i])]),
        [-i * -i]
    );
    assert_eq!(apply::<f64>(Operation::abs, &[given(&[1], &[Complex::new(3.0f64, 4.0)])]), [5.0]);
    assert_eq!(apply::<Boolean>(Operation::equal, &[given(&[1], &[i]), given(&[1], &[i])]), [Boolean(1)]);
    let chosen = [given(&[2], &[Boolean(1), Boolean(0)]), given(&[2], &[1i32, 2]), given(&[2], &[3i32, 4])];
    assert_eq!(apply::<i32>(Operation::where_, &chosen), [1, 4]);
}

#[test]
fn neighbours_are_those_of_the_dtype() {
    let one = f16::ONE;
    let next = apply::<f16>(Operation::nextafter, &[given(&[1], &[one]), given(&[1], &[f16::INFINITY])]);
    assert_eq!(next, [f16::from_bits(one.to_bits() + 1)]);
    let next = apply::<f32>(Operation::nextafter, &[given(&[2], &[0f32, 1.0]), given(&[2], &[-1f32, 0.0])]);
    assert_eq!(next, [-f32::from_bits(1), 1.0 - f32::EPSILON / 2.0]);
}

#[test]
fn casts_follow_the_table_of_corner_cases() {
    assert_eq!(cast::<f32, i8>(&[1e9, -1e9, f32::NAN, -1.9]), [127, -128, 0, -1]);
    assert_eq!(cast::<i64, u8>(&[257, -1]), [1, 255]);
    assert_eq!(cast::<f64, u64>(&[1e30, -1.0]), [u64::MAX, 0]);
    assert_eq!(cast::<f32, Boolean>(&[0.5, -0.0]), [Boolean(1), Boolean(0)]);
    // A tie of float16 and a little more: rounding by way of float32 would lose the little and go down.
    let above = 1.0 + f64::from(f16::EPSILON) / 2.0 + 1e-12;
    assert_eq!(cast::<f64, f16>(&[above]), [f16::from_bits(f16::ONE.to_bits() + 1)]);
    let above = 1.0 + f64::from(bf16::EPSILON) / 2.0 + 1e-12;
    assert_eq!(cast::<f64, bf16>(&[above]), [bf16::from_bits(bf16::ONE.to_bits() + 1)]);
    assert_eq!(cast::<i64, f32>(&[(1 << 60) + (1 << 36) + 1]), [(1u64 << 60) as f32 + (1u64 << 37) as f32]);
}

#[test]
fn each_instruction_rounds_to_its_dtype() {
    // (2048 + 1) - 2048 in float16: the sum rounds to 2048.
    let input = [given(&[1], &[f16::from_f32(2048.0)])];
    let mut expr = Expr::new();
    let x = expr.load(0, DType::Float16);
    let one = expr.scalar(0, DType::Float16);
    let sum = expr.apply(Operation::add, &[x, one]);
    let rest = expr.apply(Operation::subtract, &[sum, x]);
    expr.output(rest);
    let out = run_kernel(&map_kernel(expr, &input, &[Scalar::Int(1)]), &input).unwrap();
    assert_eq!(values::<f16>(&out[0]), [f16::ZERO]);
}

#[test]
fn coordinates_and_broadcast_operands() {
    let mut expr = Expr::new();
    let row = expr.coordinate(0);
    let x = expr.load(0, DType::Int64);
    let sum = expr.apply(Operation::add, &[row, x]);
    expr.output(sum);
    let input = [given(&[2], &[10i64, 20])];
    let mut kernel = map_kernel(expr, &input, &[]);
    let shape = tenfold_ir::Shape::from([3, 2]);
    kernel.operands[0].layout = kernel.operands[0].layout.broadcast_to(&shape).unwrap();
    kernel.outputs = smallvec![Spec::new(shape, DType::Int64)];
    assert_eq!(values::<i64>(&run_kernel(&kernel, &input).unwrap()[0]), [10, 20, 11, 21, 12, 22]);
}

#[test]
fn prologue_core_and_epilogue_follow_each_other() {
    // 10 · Σ x² along the rows.
    let input = [given(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0])];
    let core = Core::Reduce(Reduce { operation: Reduction::Sum, axes: smallvec![1] });
    let mut kernel = plain_kernel(core, &input).unwrap();
    let mut square = Expr::new();
    let x = square.load(0, DType::Float32);
    let product = square.apply(Operation::multiply, &[x, x]);
    square.output(product);
    kernel.prologues = smallvec![square];
    let mut scale = Expr::new();
    let total = scale.result(0, DType::Float32);
    let ten = scale.scalar(0, DType::Float32);
    let product = scale.apply(Operation::multiply, &[total, ten]);
    scale.output(product);
    kernel.epilogue = Some(scale);
    kernel.scalars = smallvec![Scalar::Int(10)];
    assert_eq!(values::<f32>(&run_kernel(&kernel, &input).unwrap()[0]), [50.0, 250.0]);
}

#[test]
fn an_epilogue_of_rows_keeps_the_numbers_of_one_a_row() {
    let input = [given(&[2, 2], &[1.0f32, 3.0, 5.0, 5.0])];
    let core = Core::Rows(Rows { operation: RowOperation::LayerNorm { epsilon: 1.0 }, axis: 1 });
    let mut kernel = plain_kernel(core, &input).unwrap();
    let mut expr = Expr::new();
    let normal = expr.result(0, DType::Float32);
    let mean = expr.result(1, DType::Float32);
    let sum = expr.apply(Operation::subtract, &[normal, normal]);
    let sum = expr.apply(Operation::add, &[sum, mean]);
    expr.output(sum);
    expr.output(mean);
    kernel.epilogue = Some(expr);
    kernel.outputs.truncate(2);
    let out = run_kernel(&kernel, &input).unwrap();
    assert_eq!(values::<f32>(&out[0]), [2.0, 2.0, 5.0, 5.0]);
    assert_eq!(values::<f32>(&out[1]), [2.0, 5.0]);
}

#[test]
fn an_operand_may_lie_in_the_output() {
    let mut expr = Expr::new();
    let x = expr.load(0, DType::Int32);
    let negative = expr.apply(Operation::negative, &[x]);
    expr.output(negative);
    let shape = tenfold_ir::Shape::from([2]);
    let kernel = Kernel {
        core: Core::Map,
        prologues: SmallVec::new(),
        epilogue: Some(expr),
        operands: smallvec![Operand { dtype: DType::Int32, layout: Layout::dense(shape.clone()).flip(0) }],
        scalars: SmallVec::new(),
        outputs: smallvec![Spec::new(shape, DType::Int32)],
    };
    let mut outputs = [given(&[2], &[1i32, 2]).buffer];
    Reference.run(&kernel, &[Source::Output(0)], &mut outputs).unwrap();
    assert_eq!(values::<i32>(&outputs[0]), [-2, -1]);
}
