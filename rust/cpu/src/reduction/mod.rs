//! Reductions over axes.
//!
//! The elements of one result are taken in row-major order of the reduced axes. They are cut into chunks and joined
//! as [`order`] says, whichever way the memory is walked: along rows, where the reduced axes are the near ones, or
//! with many results side by side. So the result depends on the logical values and the shape alone.

pub mod accumulate;
pub mod fold;
mod gradient_sums;
mod moments;
pub mod order;
mod sweep;

use std::borrow::Cow;

use smallvec::SmallVec;
use tenfold_ir::kernel::{Reduce, Reduction};
use tenfold_ir::{Boolean, Complex, DType, Error, Expr, Result, Scalar, Shape, bf16, f16};

use crate::backend::view::{Input, OutputView};
use fold::{All, Any, ArgMax, ArgMin, Largest, Product, Smallest, Sum};
use sweep::Sweep;

/// What is reduced: an expression over operands that are broadcast to the shape before the reduction.
#[derive(Clone, Copy)]
pub struct Prologue<'a> {
    /// Its one output is reduced; for [`Reduction::GradientSums`] its two.
    pub expr: &'a Expr,
    /// Its run-time scalars.
    pub scalars: &'a [Scalar],
    /// The kernel's operands.
    pub inputs: &'a [Input<'a>],
}

/// What is reduced, from the prologues of the inputs.
pub fn reduced_expression<'a>(core: &Reduce, prologues: &'a [Expr]) -> Cow<'a, Expr> {
    match core.operation {
        Reduction::GradientSums => Cow::Owned(gradient_sums::terms(prologues)),
        _ => Cow::Borrowed(&prologues[0]),
    }
}

/// Reduces a tensor of `shape` over the axes of `core`.
pub fn run(
    core: &Reduce,
    shape: &Shape,
    prologue: Prologue<'_>,
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let dtype = prologue.expr.dtypes()[usize::from(prologue.expr.outputs()[0])];
    let sweep = Sweep::new(core, shape, prologue)?;
    let refuse = || Err(Error::dtype(core.operation.name(), format!("not defined for {dtype}")));
    if core.operation == Reduction::Moments {
        let ([mean, squares], true) = (outputs, dtype.is_floating()) else { return refuse() };
        return match dtype {
            DType::Float16 => sweep.moments::<f32, f16>(mean, squares, f16::from_f32),
            DType::Bfloat16 => sweep.moments::<f32, bf16>(mean, squares, bf16::from_f32),
            DType::Float32 => sweep.moments::<f32, f32>(mean, squares, |value| value),
            _ => sweep.moments::<f64, f64>(mean, squares, |value| value),
        };
    }
    if core.operation == Reduction::GradientSums {
        let [of_bias, of_weight] = outputs else { return refuse() };
        return match dtype {
            DType::Float32 => sweep.two_sums::<f32>([of_bias, of_weight]),
            DType::Float64 => sweep.two_sums::<f64>([of_bias, of_weight]),
            _ => refuse(),
        };
    }
    let [output] = outputs else {
        return Err(Error::state(core.operation.name(), "needs one output"));
    };
    macro_rules! integers {
        ($fold:ident, $other:expr) => {
            match dtype {
                DType::Int8 => sweep.fold::<i8, $fold<i8>, _>(output, |value| value),
                DType::Int16 => sweep.fold::<i16, $fold<i16>, _>(output, |value| value),
                DType::Int32 => sweep.fold::<i32, $fold<i32>, _>(output, |value| value),
                DType::Int64 => sweep.fold::<i64, $fold<i64>, _>(output, |value| value),
                DType::Uint8 => sweep.fold::<u8, $fold<u8>, _>(output, |value| value),
                DType::Uint16 => sweep.fold::<u16, $fold<u16>, _>(output, |value| value),
                DType::Uint32 => sweep.fold::<u32, $fold<u32>, _>(output, |value| value),
                DType::Uint64 => sweep.fold::<u64, $fold<u64>, _>(output, |value| value),
                DType::Float16 => sweep.fold::<f32, $fold<f32>, _>(output, f16::from_f32),
                DType::Bfloat16 => sweep.fold::<f32, $fold<f32>, _>(output, bf16::from_f32),
                DType::Float32 => sweep.fold::<f32, $fold<f32>, _>(output, |value| value),
                DType::Float64 => sweep.fold::<f64, $fold<f64>, _>(output, |value| value),
                _ => $other,
            }
        };
    }
    macro_rules! with_complex {
        ($fold:ident) => {
            integers!(
                $fold,
                match dtype {
                    DType::Complex64 =>
                        sweep.fold::<Complex<f32>, $fold<Complex<f32>>, _>(output, |value| value),
                    DType::Complex128 =>
                        sweep.fold::<Complex<f64>, $fold<Complex<f64>>, _>(output, |value| value),
                    _ => refuse(),
                }
            )
        };
    }
    macro_rules! positions {
        ($fold:ident) => {
            match dtype {
                DType::Bool => sweep.fold::<u8, $fold<u8>, _>(output, |(_, index)| index),
                DType::Int8 => sweep.fold::<i8, $fold<i8>, _>(output, |(_, index)| index),
                DType::Int16 => sweep.fold::<i16, $fold<i16>, _>(output, |(_, index)| index),
                DType::Int32 => sweep.fold::<i32, $fold<i32>, _>(output, |(_, index)| index),
                DType::Int64 => sweep.fold::<i64, $fold<i64>, _>(output, |(_, index)| index),
                DType::Uint8 => sweep.fold::<u8, $fold<u8>, _>(output, |(_, index)| index),
                DType::Uint16 => sweep.fold::<u16, $fold<u16>, _>(output, |(_, index)| index),
                DType::Uint32 => sweep.fold::<u32, $fold<u32>, _>(output, |(_, index)| index),
                DType::Uint64 => sweep.fold::<u64, $fold<u64>, _>(output, |(_, index)| index),
                DType::Float16 | DType::Bfloat16 | DType::Float32 => {
                    sweep.fold::<f32, $fold<f32>, _>(output, |(_, index)| index)
                }
                DType::Float64 => sweep.fold::<f64, $fold<f64>, _>(output, |(_, index)| index),
                _ => refuse(),
            }
        };
    }
    match (core.operation, dtype) {
        (Reduction::Any | Reduction::Max, DType::Bool) => sweep.fold::<u8, Any, _>(output, Boolean),
        (Reduction::All | Reduction::Min, DType::Bool) => sweep.fold::<u8, All, _>(output, Boolean),
        (Reduction::Sum, _) => with_complex!(Sum),
        (Reduction::Product, _) => with_complex!(Product),
        (Reduction::Max, _) => integers!(Largest, refuse()),
        (Reduction::Min, _) => integers!(Smallest, refuse()),
        (Reduction::ArgMax, _) => positions!(ArgMax),
        (Reduction::ArgMin, _) => positions!(ArgMin),
        _ => refuse(),
    }
}

/// The axes of a shape, those that are kept and those that are reduced.
fn split_axes(core: &Reduce, rank: usize) -> [SmallVec<[usize; 4]>; 2] {
    [false, true].map(|reduced| (0..rank).filter(|axis| core.axes.contains(axis) == reduced).collect())
}
