//! Evaluation of expressions, point by point.

use super::apply::apply;
use super::number::cast;
use super::tensor::{Tensor, points};
use crate::expr::Instruction;
use crate::kernel::Spec;
use crate::{Expr, Result, Scalar, Shape};

/// What an expression reads.
pub(super) struct Environment<'a> {
    /// The operands of the kernel, each as broadcast to the space that reads it.
    pub operands: &'a [Tensor],
    /// The results of the core.
    pub results: &'a [Tensor],
    /// The run-time scalars.
    pub scalars: &'a [Scalar],
}

/// The outputs of `expr` at every point of `shape`.
pub(super) fn evaluate(expr: &Expr, shape: &Shape, environment: &Environment<'_>) -> Result<Vec<Tensor>> {
    let mut outputs = vec![Vec::with_capacity(shape.elements()); expr.outputs().len()];
    let mut values = Vec::with_capacity(expr.instructions().len());
    for (position, point) in points(shape).enumerate() {
        values.clear();
        for (instruction, &dtype) in expr.instructions().iter().zip(expr.dtypes()) {
            let value = match instruction {
                Instruction::Load { operand } => environment.operands[*operand as usize].values[position],
                // One of another shape is handed on at most: nothing reads what stands here for it.
                Instruction::Result { index } => {
                    let values = &environment.results[*index as usize].values;
                    values.get(position).copied().unwrap_or(Scalar::Float(f64::NAN))
                }
                Instruction::Scalar { index } => cast(environment.scalars[*index as usize], dtype),
                Instruction::Coordinate { axis } => Scalar::from(point[*axis as usize]),
                Instruction::Apply { operation, arguments } => {
                    let given: Vec<Scalar> =
                        arguments.iter().map(|&argument| values[argument as usize]).collect();
                    let compute = expr.dtypes()[arguments[arguments.len() - 1] as usize];
                    apply(*operation, &given, compute, dtype)?
                }
                Instruction::Cast { from } => cast(values[*from as usize], dtype),
            };
            values.push(value);
        }
        for (output, &value) in outputs.iter_mut().zip(expr.outputs()) {
            output.push(values[value as usize]);
        }
    }
    Ok(outputs
        .into_iter()
        .zip(expr.output_dtypes())
        .map(|(values, dtype)| Tensor::new(Spec::new(shape.clone(), dtype), values))
        .collect())
}
