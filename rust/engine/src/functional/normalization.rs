//! Normalisation over the last axes of each sample: layer and RMS norm.

use tenfold_ir::kernel::{RowOperation, Rows};
use tenfold_ir::{Core, DType, Error, Result, Shape};

use super::check_floating;
use crate::Tensor;
use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};

/// `(x − mean) · r` over axes, with `r = 1 / sqrt(variance + epsilon)`, and r; all of it differentiable.
pub(super) fn standardized(x: &Tensor, axes: &[i64], epsilon: f64) -> Result<(Tensor, Tensor)> {
    let centered = x.subtract(&x.mean(Some(axes), true)?)?;
    let r = centered.square()?.mean(Some(axes), true)?.add(epsilon)?.rsqrt()?;
    Ok((centered.multiply(&r)?, r))
}

/// The gradient of [`standardized`] as differentiable operations: `r · (g − mean(g) − n · mean(g·n))`.
pub(super) fn standardized_gradient(
    n: &Tensor,
    r: &Tensor,
    gradient: &Tensor,
    axes: &[i64],
) -> Result<Tensor> {
    let mean = gradient.mean(Some(axes), true)?;
    let along = n.multiply(&gradient.multiply(n)?.mean(Some(axes), true)?)?;
    r.multiply(&gradient.subtract(&mean)?.subtract(&along)?)
}

/// The gradient of layer norm's first result. The inputs are x, the mean and r of each row.
#[derive(Debug)]
struct LayerNormDerivative {
    epsilon: f64,
}

impl Derivative for LayerNormDerivative {
    fn name(&self) -> &str {
        "layer_norm"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, gradient) = (context.saved(0), context.gradient(0));
        let result = if autograd::is_enabled() {
            let (n, r) = standardized(x, &[1], self.epsilon)?;
            standardized_gradient(&n, &r, gradient, &[1])?
        } else {
            let core = Core::Rows(Rows { operation: RowOperation::LayerNormGradient, axis: 1 });
            Tensor::record_core(core, &[x, context.saved(1), context.saved(2), gradient])?.remove(0)
        };
        Ok(Gradients::from_iter([Some(result), None, None]))
    }
}

/// The gradient of layer norm with weight and bias. The inputs are x, weight, bias, and the mean and r of each row.
#[derive(Debug)]
struct AffineLayerNormDerivative {
    epsilon: f64,
}

impl Derivative for AffineLayerNormDerivative {
    fn name(&self) -> &str {
        "layer_norm"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, weight, gradient) = (context.saved(0), context.saved(1), context.gradient(0));
        let [of_x, of_weight, of_bias] = if autograd::is_enabled() {
            let (n, r) = standardized(x, &[1], self.epsilon)?;
            let weighted = gradient.multiply(weight)?;
            [
                standardized_gradient(&n, &r, &weighted, &[1])?,
                gradient.multiply(&n)?.sum_axes(&[0])?,
                gradient.sum_axes(&[0])?,
            ]
        } else {
            let core = Core::Rows(Rows { operation: RowOperation::AffineLayerNormGradient, axis: 1 });
            let weights = spread_over_rows(weight, x);
            let inputs = [x, context.saved(2), context.saved(3), &weights, gradient];
            let mut results = Tensor::record_core(core, &inputs)?.into_iter();
            std::array::from_fn(|_| results.next().expect("three results"))
        };
        Ok(Gradients::from_iter([Some(of_x), Some(of_weight), Some(of_bias), None, None]))
    }
}

/// A line as each row of a matrix.
fn spread_over_rows(line: &Tensor, rows: &Tensor) -> Tensor {
    line.detach().broadcast(rows.shape()).expect("as long as a row")
}

/// The gradient of `n = x · r` with `r = 1 / sqrt(mean(x²) + epsilon)`, and n, as differentiable operations.
fn root_mean_square_gradient(x: &Tensor, gradient: &Tensor, epsilon: f64) -> Result<(Tensor, Tensor)> {
    let r = x.square()?.mean(Some(&[1]), true)?.add(epsilon)?.rsqrt()?;
    let n = x.multiply(&r)?;
    let along = n.multiply(&gradient.multiply(&n)?.mean(Some(&[1]), true)?)?;
    Ok((r.multiply(&gradient.subtract(&along)?)?, n))
}

/// The gradient of RMS norm's first result. The inputs are x and r of each row.
#[derive(Debug)]
struct RmsNormDerivative {
    epsilon: f64,
}

impl Derivative for RmsNormDerivative {
    fn name(&self) -> &str {
        "rms_norm"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, gradient) = (context.saved(0), context.gradient(0));
        let result = if autograd::is_enabled() {
            root_mean_square_gradient(x, gradient, self.epsilon)?.0
        } else {
            let core = Core::Rows(Rows { operation: RowOperation::RmsNormGradient, axis: 1 });
            Tensor::record_core(core, &[x, context.saved(1), gradient])?.remove(0)
        };
        Ok(Gradients::from_iter([Some(result), None]))
    }
}

/// The gradient of RMS norm with weights. The inputs are x, weight and r of each row.
#[derive(Debug)]
struct AffineRmsNormDerivative {
    epsilon: f64,
}

impl Derivative for AffineRmsNormDerivative {
    fn name(&self) -> &str {
        "rms_norm"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, weight, gradient) = (context.saved(0), context.saved(1), context.gradient(0));
        let [of_x, of_weight] = if autograd::is_enabled() {
            let (of_x, n) = root_mean_square_gradient(x, &gradient.multiply(weight)?, self.epsilon)?;
            [of_x, gradient.multiply(&n)?.sum_axes(&[0])?]
        } else {
            let core = Core::Rows(Rows { operation: RowOperation::AffineRmsNormGradient, axis: 1 });
            let inputs = [x, context.saved(2), &spread_over_rows(weight, x), gradient];
            let mut results = Tensor::record_core(core, &inputs)?.into_iter();
            std::array::from_fn(|_| results.next().expect("two results"))
        };
        Ok(Gradients::from_iter([Some(of_x), Some(of_weight), None]))
    }
}

/// The rows of a matrix with mean 0 and variance 1.
fn normalized_rows(rows: &Tensor, epsilon: f64) -> Result<Tensor> {
    let core = Core::Rows(Rows { operation: RowOperation::LayerNorm { epsilon }, axis: 1 });
    let mut results = Tensor::record_core(core, &[rows])?;
    let (mean, r) = (results[1].clone(), results[2].clone());
    let saved = [Saved::Input(0), Saved::Input(1), Saved::Input(2)];
    record_gradient(&mut results[..1], &[rows, &mean, &r], LayerNormDerivative { epsilon }, &saved);
    Ok(results.remove(0))
}

/// The rows of a matrix with mean 0 and variance 1, then `· weight + bias`, both as long as a row.
fn affine_rows(rows: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
    let core = Core::Rows(Rows { operation: RowOperation::AffineLayerNorm { epsilon }, axis: 1 });
    let (weights, biases) = (spread_over_rows(weight, rows), spread_over_rows(bias, rows));
    let mut results = Tensor::record_core(core, &[rows, &weights, &biases])?;
    let (mean, r) = (results[1].clone(), results[2].clone());
    let saved = [Saved::Input(0), Saved::Input(1), Saved::Input(3), Saved::Input(4)];
    let derivative = AffineLayerNormDerivative { epsilon };
    record_gradient(&mut results[..1], &[rows, weight, bias, &mean, &r], derivative, &saved);
    Ok(results.remove(0))
}

/// An error unless an optional parameter has this shape and a floating dtype.
pub(super) fn check_parameter(
    operation: &'static str,
    name: &str,
    parameter: Option<&Tensor>,
    shape: &[usize],
) -> Result<()> {
    let Some(parameter) = parameter else { return Ok(()) };
    check_floating(operation, parameter)?;
    if parameter.shape()[..] == *shape {
        return Ok(());
    }
    Err(Error::shape(
        operation,
        format!("{name} must have shape {}; got {}", Shape::new(shape), parameter.shape()),
    ))
}

/// The input as a float32 or float64 matrix with one row for each of the trailing shapes.
fn trailing_rows(operation: &'static str, input: &Tensor, normalized_shape: &[usize]) -> Result<Tensor> {
    check_floating(operation, input)?;
    let kept = input.rank().checked_sub(normalized_shape.len());
    let Some(kept) =
        kept.filter(|&kept| !normalized_shape.is_empty() && input.shape()[kept..] == *normalized_shape)
    else {
        return Err(Error::shape(
            operation,
            format!(
                "the input must end in normalized_shape {normalized_shape:?}; got shape {}",
                input.shape()
            ),
        ));
    };
    let outer: usize = input.shape()[..kept].iter().product();
    let width: usize = normalized_shape.iter().product();
    input.cast(input.dtype().compute())?.reshaped(&Shape::from([outer, width]))
}

/// Mean 0 and variance 1 over the trailing axes `normalized_shape`, then `· weight + bias` (of that shape).
///
/// Ba, Kiros and Hinton 2016, "Layer normalization".
pub fn layer_norm(
    input: &Tensor,
    normalized_shape: &[usize],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let name = "layer_norm";
    check_parameter(name, "weight", weight, normalized_shape)?;
    check_parameter(name, "bias", bias, normalized_shape)?;
    let rows = trailing_rows(name, input, normalized_shape)?;
    let Some(weight) = weight else {
        let n = normalized_rows(&rows, eps)?.reshaped(input.shape())?;
        let shifted = bias.map_or(Ok(n.clone()), |bias| n.add(bias))?;
        return shifted.cast(input.dtype());
    };
    let length = Shape::from([rows.shape()[1]]);
    let line = |parameter: &Tensor| parameter.cast(rows.dtype())?.reshaped(&length);
    let bias = bias.map_or_else(|| Tensor::zeros(&length, rows.dtype()), line)?;
    affine_rows(&rows, &line(weight)?, &bias, eps)?.reshaped(input.shape())?.cast(input.dtype())
}

/// Mean square 1 over the trailing axes `normalized_shape`, then `· weight`. Without `eps`, the epsilon of the dtype
/// that it computes in.
///
/// Zhang and Sennrich 2019, "Root mean square layer normalization".
pub fn rms_norm(
    input: &Tensor,
    normalized_shape: &[usize],
    weight: Option<&Tensor>,
    eps: Option<f64>,
) -> Result<Tensor> {
    let name = "rms_norm";
    check_parameter(name, "weight", weight, normalized_shape)?;
    let rows = trailing_rows(name, input, normalized_shape)?;
    let double = rows.dtype() == DType::Float64;
    let epsilon = eps.unwrap_or(if double { f64::EPSILON } else { f32::EPSILON.into() });
    let operation = match weight {
        Some(_) => RowOperation::AffineRmsNorm { epsilon },
        None => RowOperation::RmsNorm { epsilon },
    };
    let core = Core::Rows(Rows { operation, axis: 1 });
    let mut results = if let Some(weight) = weight {
        let weight = weight.cast(rows.dtype())?.reshaped(&Shape::from([rows.shape()[1]]))?;
        let mut results = Tensor::record_core(core, &[&rows, &spread_over_rows(&weight, &rows)])?;
        let r = results[1].clone();
        let saved = [Saved::Input(0), Saved::Input(1), Saved::Input(2)];
        let derivative = AffineRmsNormDerivative { epsilon };
        record_gradient(&mut results[..1], &[&rows, &weight, &r], derivative, &saved);
        results
    } else {
        let mut results = Tensor::record_core(core, &[&rows])?;
        let r = results[1].clone();
        let saved = [Saved::Input(0), Saved::Input(1)];
        record_gradient(&mut results[..1], &[&rows, &r], RmsNormDerivative { epsilon }, &saved);
        results
    };
    results.remove(0).reshaped(input.shape())?.cast(input.dtype())
}

/// A parameter with one number a channel, for broadcasting along axis 1 of a tensor with `rank` axes.
pub(super) fn by_channel(parameter: &Tensor, rank: usize) -> Result<Tensor> {
    let shape: Shape = (0..rank).map(|axis| if axis == 1 { parameter.elements() } else { 1 }).collect();
    parameter.reshaped(&shape)
}
