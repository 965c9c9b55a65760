//! Expressions with radii: each operation adds the error that its row allows, and hands on that of its arguments.

use super::{Bounded, distance, epsilon, magnitude, unit_in_last_place};
use crate::expr::Instruction;
use crate::kernel::Spec;
use crate::reference::apply::apply;
use crate::reference::number::cast;
use crate::reference::tensor::{Tensor, points};
use crate::{Category, Complex, DType, Expr, Operation, Result, Scalar, Shape};

/// As the reference's evaluation of an expression, with radii.
pub(super) fn evaluate_bounded(
    expr: &Expr,
    shape: &Shape,
    operands: &[Bounded],
    results: &[Bounded],
    scalars: &[Scalar],
) -> Result<Vec<Bounded>> {
    let mut outputs = vec![(Vec::new(), Vec::new()); expr.outputs().len()];
    let mut values: Vec<(Scalar, f64)> = Vec::with_capacity(expr.instructions().len());
    let read =
        |bounded: &Bounded, position: usize| (bounded.tensor.values[position], bounded.radius[position]);
    for (position, point) in points(shape).enumerate() {
        values.clear();
        for (instruction, &dtype) in expr.instructions().iter().zip(expr.dtypes()) {
            let value = match instruction {
                Instruction::Load { operand } => read(&operands[*operand as usize], position),
                // One of another shape is handed on at most: nothing reads what stands here for it.
                Instruction::Result { index } => match &results[*index as usize] {
                    result if position < result.radius.len() => read(result, position),
                    _ => (Scalar::Float(f64::NAN), 0.0),
                },
                Instruction::Scalar { index } => (cast(scalars[*index as usize], dtype), 0.0),
                Instruction::Coordinate { axis } => (Scalar::from(point[*axis as usize]), 0.0),
                Instruction::Apply { operation, arguments } => {
                    let given: Vec<(Scalar, f64)> =
                        arguments.iter().map(|&argument| values[argument as usize]).collect();
                    let compute = expr.dtypes()[arguments[arguments.len() - 1] as usize];
                    apply_bounded(*operation, &given, compute, dtype)?
                }
                Instruction::Cast { from } => {
                    let given = values[*from as usize];
                    bounded(&[given], dtype, 0.0, &mut |given| Ok(cast(given[0], dtype)))?
                }
            };
            values.push(value);
        }
        for ((numbers, radii), &value) in outputs.iter_mut().zip(expr.outputs()) {
            let (number, radius) = values[value as usize];
            numbers.push(number);
            radii.push(radius);
        }
    }
    Ok(outputs
        .into_iter()
        .zip(expr.output_dtypes())
        .map(|((numbers, radius), dtype)| Bounded {
            tensor: Tensor::new(Spec::new(shape.clone(), dtype), numbers),
            radius,
        })
        .collect())
}

fn apply_bounded(
    operation: Operation,
    given: &[(Scalar, f64)],
    compute: DType,
    dtype: DType,
) -> Result<(Scalar, f64)> {
    let mut evaluate = |arguments: &[Scalar]| apply(operation, arguments, compute, dtype);
    let (value, mut radius) = bounded(given, dtype, 0.0, &mut evaluate)?;
    radius += allowance(operation, compute, dtype, value);
    if compute.is_complex() && dtype.category() >= Category::Floating {
        // No bound of rows holds for complex numbers; the functions are accurate to a few units of the result and of
        // the arguments.
        let nudged: Vec<(Scalar, f64)> =
            given.iter().map(|&(value, _)| (value, 2.0 * epsilon(compute) * magnitude(value))).collect();
        radius += bounded(&nudged, dtype, 0.0, &mut evaluate)?.1;
    }
    Ok((value, radius))
}

/// How far the result of an operation on exact arguments may lie from the correctly rounded one.
fn allowance(operation: Operation, compute: DType, dtype: DType, value: Scalar) -> f64 {
    if dtype.category() < Category::Floating {
        return 0.0;
    }
    let accuracy = operation.row().accuracy;
    let unit = unit_in_last_place(magnitude(value), dtype);
    if compute.is_complex() {
        return (2.0 * accuracy.ulp + 4.0) * unit;
    }
    let wide = dtype.compute();
    let mut near_zero = accuracy.absolute * epsilon(wide);
    // At the border the rounding of the argument decides.
    let subnormal = f64::from(f32::MIN_POSITIVE) * 1.0001;
    if accuracy.vanishes && wide == DType::Float32 && magnitude(value) < subnormal {
        near_zero += magnitude(value);
    }
    if accuracy.ulp <= 0.5 && near_zero == 0.0 {
        return 0.0;
    }
    // Half an ULP that the rounding of the reference takes; in half precision one more half for the other's, which
    // computes in float32.
    let narrowing = epsilon(wide) / epsilon(dtype);
    let rounding = if narrowing < 1.0 { 1.0 } else { 0.5 };
    (accuracy.ulp * narrowing + rounding) * unit + near_zero
}

/// The value of a function and how far it moves when the arguments move by their radii, one after the other and together.
fn bounded(
    given: &[(Scalar, f64)],
    dtype: DType,
    own: f64,
    function: &mut dyn FnMut(&[Scalar]) -> Result<Scalar>,
) -> Result<(Scalar, f64)> {
    let mut arguments: Vec<Scalar> = given.iter().map(|&(value, _)| value).collect();
    let value = function(&arguments)?;
    let mut radius = own;
    for (index, &(centre, reach)) in given.iter().enumerate() {
        if reach == 0.0 {
            continue;
        }
        if reach == f64::INFINITY {
            return Ok((value, f64::INFINITY));
        }
        let mut farthest = 0f64;
        for moved in moved(centre, reach) {
            arguments[index] = moved;
            farthest = farthest.max(distance(function(&arguments)?, value));
        }
        arguments[index] = centre;
        // One ULP because both values were rounded.
        radius += farthest + unit_or_zero(value, dtype);
    }
    let inexact: Vec<usize> = (0..given.len()).filter(|&index| given[index].1 != 0.0).collect();
    if inexact.len() < 2 {
        return Ok((value, radius));
    }
    // Near 0 the factors of a product move it together much farther than alone.
    let mut corners = vec![arguments];
    for index in inexact {
        let (centre, reach) = given[index];
        let with = |corner: &Vec<Scalar>, moved: Scalar| {
            let mut corner = corner.clone();
            corner[index] = moved;
            corner
        };
        let moved = moved(centre, reach);
        corners = corners.iter().flat_map(|corner| moved.iter().map(move |&end| with(corner, end))).collect();
    }
    for corner in &corners {
        let farthest = distance(function(corner)?, value) + unit_or_zero(value, dtype);
        radius = radius.max(own + farthest);
    }
    Ok((value, radius))
}

fn unit_or_zero(value: Scalar, dtype: DType) -> f64 {
    if dtype.category() < Category::Floating { 0.0 } else { unit_in_last_place(magnitude(value), dtype) }
}

/// The ends of the interval (or disc) around a number.
fn moved(centre: Scalar, reach: f64) -> Vec<Scalar> {
    match centre {
        Scalar::Bool(value) => vec![Scalar::Bool(!value)],
        Scalar::Int(value) => {
            let reach = reach.ceil() as i128;
            vec![Scalar::Int(value - reach), Scalar::Int(value + reach)]
        }
        Scalar::Float(value) => vec![Scalar::Float(value - reach), Scalar::Float(value + reach)],
        Scalar::Complex(value) => [(reach, 0.0), (-reach, 0.0), (0.0, reach), (0.0, -reach)]
            .into_iter()
            .map(|(re, im)| Scalar::Complex(value + Complex::new(re, im)))
            .collect(),
    }
}
