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
mod positions;
mod streams;
mod sweep;

use std::borrow::Cow;

use smallvec::SmallVec;
use tenfold_ir::kernel::{Reduce, Reduction};
use tenfold_ir::{Boolean, Complex, DType, Error, Expr, Result, Scalar, Shape, bf16, f16};

use crate::backend::view::{Input, OutputView};
use fold::{All, Any, Largest, Product, Smallest, Sum};
use positions::{ArgMax, ArgMin};
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
    let accumulated = accumulated_dtype(core.operation, dtype);
    let widened;
    let prologue = if accumulated == dtype {
        prologue
    } else {
        widened = prologue.expr.with_outputs_as(accumulated);
        Prologue { expr: &widened, ..prologue }
    };
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
            DType::Float32 => sweep.two_sums::<f32>(prologue.expr, [of_bias, of_weight]),
            DType::Float64 => sweep.two_sums::<f64>(prologue.expr, [of_bias, of_weight]),
            _ => refuse(),
        };
    }
    let [output] = outputs else {
        return Err(Error::state(core.operation.name(), "needs one output"));
    };
    macro_rules! integers {
        ($fold:ident<$wide:ty>) => {
            match dtype {
                DType::Int8 => sweep.fold::<$wide, $fold<$wide>, _>(output, |value| value as i8),
                DType::Int16 => sweep.fold::<$wide, $fold<$wide>, _>(output, |value| value as i16),
                DType::Int32 => sweep.fold::<$wide, $fold<$wide>, _>(output, |value| value as i32),
                DType::Int64 => sweep.fold::<$wide, $fold<$wide>, _>(output, |value| value as i64),
                DType::Uint8 => sweep.fold::<$wide, $fold<$wide>, _>(output, |value| value as u8),
                DType::Uint16 => sweep.fold::<$wide, $fold<$wide>, _>(output, |value| value as u16),
                DType::Uint32 => sweep.fold::<$wide, $fold<$wide>, _>(output, |value| value as u32),
                DType::Uint64 => sweep.fold::<$wide, $fold<$wide>, _>(output, |value| value as u64),
                _ => refuse(),
            }
        };
    }
    macro_rules! floats {
        ($fold:ident, $other:expr) => {
            match dtype {
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
            match dtype {
                DType::Complex64 => sweep.fold::<Complex<f32>, $fold<Complex<f32>>, _>(output, |value| value),
                DType::Complex128 => {
                    sweep.fold::<Complex<f64>, $fold<Complex<f64>>, _>(output, |value| value)
                }
                _ => floats!($fold, integers!($fold<i64>)),
            }
        };
    }
    macro_rules! extremes {
        ($fold:ident) => {
            match dtype {
                DType::Uint64 => sweep.fold::<u64, $fold<u64>, _>(output, |value| value),
                _ => floats!($fold, integers!($fold<i64>)),
            }
        };
    }
    macro_rules! positions {
        ($extreme:ident) => {
            match accumulated {
                DType::Int64 => sweep.positions::<i64, $extreme>(output),
                DType::Uint64 => sweep.positions::<u64, $extreme>(output),
                DType::Float16 | DType::Bfloat16 | DType::Float32 => sweep.positions::<f32, $extreme>(output),
                DType::Float64 => sweep.positions::<f64, $extreme>(output),
                _ => refuse(),
            }
        };
    }
    match (core.operation, dtype) {
        (Reduction::Any | Reduction::Max, DType::Bool) => sweep.fold::<u8, Any, _>(output, Boolean),
        (Reduction::All | Reduction::Min, DType::Bool) => sweep.fold::<u8, All, _>(output, Boolean),
        (Reduction::Sum, _) => with_complex!(Sum),
        (Reduction::Product, _) => with_complex!(Product),
        (Reduction::Max, _) => extremes!(Largest),
        (Reduction::Min, _) => extremes!(Smallest),
        (Reduction::ArgMax, _) => positions!(ArgMax),
        (Reduction::ArgMin, _) => positions!(ArgMin),
        _ => refuse(),
    }
}

/// What elements of `dtype` are reduced as. Integers are widened to 64 bits in the tiles, where it costs little: loops
/// for each width and sign were a quarter of the library. Sums and products wrap, so that their low bits are the same.
fn accumulated_dtype(operation: Reduction, dtype: DType) -> DType {
    let is_position = matches!(operation, Reduction::ArgMax | Reduction::ArgMin);
    let wraps = matches!(operation, Reduction::Sum | Reduction::Product);
    match dtype {
        DType::Bool if is_position => DType::Int64,
        DType::Uint64 if !wraps => DType::Uint64,
        _ if dtype.is_integer() => DType::Int64,
        _ => dtype,
    }
}

/// The axes of a shape, those that are kept and those that are reduced.
fn split_axes(core: &Reduce, rank: usize) -> [SmallVec<[usize; 4]>; 2] {
    [false, true].map(|reduced| (0..rank).filter(|axis| core.axes.contains(axis) == reduced).collect())
}
