//! Holding the outputs of a backend against the reference.
//!
//! Beside each number the check keeps a *radius*: how far another implementation's number may lie from the
//! reference's. Integers, truth values, movement and every operation whose row promises a correctly rounded result
//! have radius 0. What a row, a sum or a product may be off is in [`expressions`] and [`cores`]; from there on an
//! expression carries the radius along.

mod attention;
mod cores;
mod expressions;
mod recurrent;
mod rows;

use super::number::is_nan;
use super::tensor::{Tensor, points};
use super::{core, epilogue_with, read_operands};
use crate::kernel::Kernel;
use crate::{Buffer, Complex, DType, Error, Layout, Result, Scalar, Shape, Source, bf16, f16};
use expressions::evaluate_bounded;

/// A tensor of the reference, and how far another implementation may be off.
#[derive(Clone, Debug)]
pub(super) struct Bounded {
    pub tensor: Tensor,
    pub radius: Vec<f64>,
}

impl Bounded {
    fn exact(tensor: Tensor) -> Bounded {
        let radius = vec![0.0; tensor.values.len()];
        Bounded { tensor, radius }
    }

    fn is_exact(&self) -> bool {
        self.radius.iter().all(|&radius| radius == 0.0)
    }

    fn dtype(&self) -> DType {
        self.tensor.spec.dtype
    }
}

/// An error where `outputs` are not what `kernel` gives for `sources`, within the error bounds of its parts.
///
/// No operand may lie in an output: it would be overwritten by now.
pub fn check(kernel: &Kernel, sources: &[Source<'_>], outputs: &[Buffer]) -> Result<()> {
    let name = || kernel.core.name().to_owned();
    if sources.iter().any(|source| matches!(source, Source::Output(_))) {
        return Err(Error::state(name(), "an operand that lies in an output cannot be checked"));
    }
    let operands: Vec<Bounded> =
        read_operands(kernel, sources, outputs)?.into_iter().map(Bounded::exact).collect();
    let mut inputs = Vec::with_capacity(kernel.prologues.len());
    for (expr, spec) in kernel.prologues.iter().zip(kernel.core_inputs()) {
        inputs.extend(evaluate_bounded(expr, &spec.shape, &operands, &[], &kernel.scalars)?);
    }
    let tensors: Vec<Tensor> = inputs.iter().map(|input| input.tensor.clone()).collect();
    let results = core(&kernel.core, &tensors)?;
    let results = cores::bounded(&kernel.core, &inputs, results)?;
    let expected = match &kernel.epilogue {
        None => results,
        Some(expr) => epilogue_with(kernel, expr, results, broadcast_along, |shape, results| {
            evaluate_bounded(expr, shape, &operands, results, &kernel.scalars)
        })?,
    };
    for (index, (expected, buffer)) in expected.iter().zip(outputs).enumerate() {
        let spec = expected.tensor.spec.clone();
        let got = Tensor::read(spec.clone(), &Layout::dense(spec.shape.clone()), buffer.bytes()?)?;
        if let Some(position) = (0..got.values.len())
            .find(|&i| !agree(got.values[i], expected.tensor.values[i], expected.radius[i], spec.dtype))
        {
            let point = points(&spec.shape).nth(position).unwrap_or_default();
            return Err(Error::state(
                name(),
                format!(
                    "output {index} ({}) differs from the reference at {:?}: {:?} instead of {:?} (± {:e})",
                    spec.dtype,
                    point.as_slice(),
                    got.values[position],
                    expected.tensor.values[position],
                    expected.radius[position],
                ),
            )
            .hint("this is a mistake of the backend; please report it"));
        }
    }
    Ok(())
}

fn broadcast_along(bounded: &Bounded, axis: usize, shape: &Shape) -> Bounded {
    let radius: Vec<Scalar> = bounded.radius.iter().map(|&radius| Scalar::Float(radius)).collect();
    let mut spec = bounded.tensor.spec.clone();
    spec.dtype = DType::Float64;
    let radius = Tensor::new(spec, radius).broadcast_along(axis, shape);
    Bounded {
        tensor: bounded.tensor.broadcast_along(axis, shape),
        radius: radius.values.into_iter().map(Scalar::to_f64).collect(),
    }
}

/// True where the numbers are equal (NaN with NaN, 0 with −0) or lie within the radius.
fn agree(got: Scalar, expected: Scalar, radius: f64, dtype: DType) -> bool {
    match (got, expected) {
        _ if radius == f64::INFINITY => true,
        (Scalar::Complex(got), Scalar::Complex(expected)) => {
            // Normwise: a bound of both parts together.
            agree_real(got.re, expected.re, radius, dtype.real())
                && agree_real(got.im, expected.im, radius, dtype.real())
        }
        (Scalar::Float(got), Scalar::Float(expected)) => agree_real(got, expected, radius, dtype),
        _ => (got.to_i128() - expected.to_i128()).unsigned_abs() as f64 <= radius,
    }
}

fn agree_real(got: f64, expected: f64, radius: f64, dtype: DType) -> bool {
    if got == expected || got.is_nan() && expected.is_nan() {
        return true;
    }
    // Infinity stands for the first number that is too large, so that results may fall on either side of the limit.
    let limit = largest(dtype);
    let difference = (got.clamp(-limit, limit) - expected.clamp(-limit, limit)).abs();
    difference <= radius
}

/// The distance of `value` to another one; infinite where only one of them is NaN.
fn distance(a: Scalar, b: Scalar) -> f64 {
    match (a, b) {
        (Scalar::Complex(a), Scalar::Complex(b)) => {
            part_distance(a.re, b.re).hypot(part_distance(a.im, b.im))
        }
        (Scalar::Float(a), Scalar::Float(b)) => part_distance(a, b),
        _ => (a.to_i128() - b.to_i128()).unsigned_abs() as f64,
    }
}

fn part_distance(a: f64, b: f64) -> f64 {
    if a == b || a.is_nan() && b.is_nan() {
        0.0
    } else if a.is_nan() || b.is_nan() {
        f64::INFINITY
    } else {
        (a - b).abs()
    }
}

/// The magnitude of a number; that of NaN is 0, so that it spoils no bound.
fn magnitude(value: Scalar) -> f64 {
    match value {
        value if is_nan(value) => 0.0,
        Scalar::Complex(Complex { re, im }) if re.is_nan() || im.is_nan() => 0.0,
        Scalar::Complex(value) => value.re.hypot(value.im),
        other => other.to_f64().abs(),
    }
}

/// The distance from 1 to the next number of the dtype (of the parts of a complex one); 0 for integers.
fn epsilon(dtype: DType) -> f64 {
    match dtype.real() {
        DType::Float16 => 2f64.powi(-10),
        DType::Bfloat16 => 2f64.powi(-7),
        DType::Float32 => f32::EPSILON.into(),
        DType::Float64 => f64::EPSILON,
        _ => 0.0,
    }
}

/// The largest finite number of a floating or complex dtype.
fn largest(dtype: DType) -> f64 {
    match dtype.real() {
        DType::Float16 => f16::MAX.into(),
        DType::Bfloat16 => bf16::MAX.into(),
        DType::Float32 => f32::MAX.into(),
        _ => f64::MAX,
    }
}

/// The smallest positive normal number.
fn smallest_normal(dtype: DType) -> f64 {
    match dtype.real() {
        DType::Float16 => 2f64.powi(-14),
        DType::Bfloat16 | DType::Float32 => f32::MIN_POSITIVE.into(),
        _ => f64::MIN_POSITIVE,
    }
}

/// The unit in the last place of a magnitude, that of the subnormal numbers at least.
fn unit_in_last_place(magnitude: f64, dtype: DType) -> f64 {
    let magnitude = magnitude.clamp(smallest_normal(dtype), largest(dtype));
    // The power of two below: the mantissa cleared.
    f64::from_bits(magnitude.to_bits() & !((1 << 52) - 1)) * epsilon(dtype)
}
