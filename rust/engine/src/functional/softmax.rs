//! Softmax and its logarithm.

use tenfold_ir::kernel::{RowOperation, Rows};
use tenfold_ir::{Core, DType, Result, normalize_axis};

use super::check_floating;
use crate::Tensor;
use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};

/// The gradient of softmax (`y · (g − Σ g·y)`) or log-softmax (`g − exp(y) · Σ g`), from the result.
#[derive(Debug)]
struct SoftmaxDerivative {
    logarithm: bool,
    axis: usize,
}

impl Derivative for SoftmaxDerivative {
    fn name(&self) -> &str {
        if self.logarithm { "log_softmax" } else { "softmax" }
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (y, gradient) = (context.saved(0), context.gradient(0));
        let axes = [self.axis as i64];
        let result = if !autograd::is_enabled() {
            let operation =
                if self.logarithm { RowOperation::LogSoftmaxGradient } else { RowOperation::SoftmaxGradient };
            Tensor::record_core(Core::Rows(Rows { operation, axis: self.axis }), &[y, gradient])?.remove(0)
        } else if self.logarithm {
            gradient.subtract(&y.exp()?.multiply(&gradient.sum(Some(&axes), true, None)?)?)?
        } else {
            let along = gradient.multiply(y)?.sum(Some(&axes), true, None)?;
            y.multiply(&gradient.subtract(&along)?)?
        };
        Ok(Gradients::from_iter([Some(result)]))
    }
}

fn softmax_of(
    name: &'static str,
    x: &Tensor,
    dim: i64,
    dtype: Option<DType>,
    logarithm: bool,
) -> Result<Tensor> {
    let x = match dtype {
        Some(dtype) => x.cast(dtype)?,
        None => x.clone(),
    };
    check_floating(name, &x)?;
    if x.rank() == 0 {
        normalize_axis(name, dim, 1)?;
        return softmax_of(name, &x.unsqueeze(0)?, 0, None, logarithm)?.squeeze(&[0]);
    }
    let axis = normalize_axis(name, dim, x.rank())?;
    let operation = if logarithm { RowOperation::LogSoftmax } else { RowOperation::Softmax };
    let mut results = Tensor::record_core(Core::Rows(Rows { operation, axis }), &[&x])?;
    record_gradient(&mut results, &[&x], SoftmaxDerivative { logarithm, axis }, &[Saved::Output(0)]);
    Ok(results.remove(0))
}

/// `exp(x) / Σ exp(x)` along `dim`; converted to `dtype` first, where given.
///
/// ```
/// use tenfold::{Tensor, functional};
/// let x = Tensor::from_slice(&[0.0f32, 0.0], &[2])?;
/// assert_eq!(functional::softmax(&x, 0, None)?.to_vec::<f32>()?, [0.5, 0.5]);
/// # tenfold::Result::Ok(())
/// ```
pub fn softmax(input: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    softmax_of("softmax", input, dim, dtype, false)
}

/// `x − log Σ exp(x)` along `dim`; converted to `dtype` first, where given.
pub fn log_softmax(input: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    softmax_of("log_softmax", input, dim, dtype, true)
}

/// Softmax of the negated input along `dim`.
pub fn softmin(input: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    softmax_of("softmin", &input.negative()?, dim, dtype, false)
}
