//! Batch normalisation (Ioffe and Szegedy 2015).

use smallvec::SmallVec;
use tenfold_ir::formulas::{normalized, normalized_gradient};
use tenfold_ir::kernel::{Reduce, Reduction};
use tenfold_ir::{Core, DType, Error, Result, Shape};

use super::check_floating;
use super::normalization::{by_channel, check_parameter, standardized, standardized_gradient};
use crate::Tensor;
use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};
use crate::formula::Formula;

/// What [`batch_norm`] gives.
#[derive(Clone)]
pub struct BatchNorm {
    /// The normalised input.
    pub output: Tensor,
    /// The new running mean and variance, in training with running statistics.
    pub running: Option<(Tensor, Tensor)>,
}

/// The axes that statistics are taken over: all but the channels.
fn statistics_axes(rank: usize) -> SmallVec<[usize; 4]> {
    (0..rank).filter(|&axis| axis != 1).collect()
}

/// The gradient of batch norm. The inputs are x, weight, bias and, one number a channel, the mean and
/// `r = 1 / sqrt(variance + epsilon)`.
#[derive(Debug)]
struct BatchNormDerivative {
    epsilon: f64,
    /// Mean and r depend on x.
    batch_statistics: bool,
    bias: DType,
}

impl BatchNormDerivative {
    /// As differentiable operations.
    fn composed(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, weight, mean, r) = (context.saved(0), context.saved(1), context.saved(2), context.saved(3));
        let wide = x.cast(x.dtype().compute())?;
        let gradient = context.gradient(0).cast(wide.dtype())?;
        let axes = statistics_axes(x.rank());
        let outer: SmallVec<[i64; 4]> = axes.iter().map(|&axis| axis as i64).collect();
        let channels = by_channel(weight, x.rank())?.cast(wide.dtype())?;
        let (n, r) = if self.batch_statistics {
            standardized(&wide, &outer, self.epsilon)?
        } else {
            let r = by_channel(r, x.rank())?;
            (wide.subtract(&by_channel(mean, x.rank())?)?.multiply(&r)?, r)
        };
        let weighted = gradient.multiply(&channels)?;
        let of_x = if self.batch_statistics {
            standardized_gradient(&n, &r, &weighted, &outer)?
        } else {
            weighted.multiply(&r)?
        };
        let of_weight = gradient.multiply(&n)?.sum_axes(&axes)?;
        let of_bias = gradient.sum_axes(&axes)?;
        Ok(Gradients::from_iter([
            Some(of_x.cast(x.dtype())?),
            Some(of_weight.cast(weight.dtype())?),
            Some(of_bias.cast(self.bias)?),
            None,
            None,
        ]))
    }

    /// In few kernels.
    fn fused(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, weight, mean, r) = (context.saved(0), context.saved(1), context.saved(2), context.saved(3));
        let gradient = context.gradient(0);
        let wide = x.dtype().compute();
        let axes = statistics_axes(x.rank());
        let channels = weight.shape();
        let count = x.elements() / channels.elements().max(1);

        // Σ g and Σ g·n with the normalised n, one number a channel.
        let core = Core::Reduce(Reduce { operation: Reduction::GradientSums, axes: axes.as_slice().into() });
        let spread = |numbers: &Tensor| -> Result<Tensor> {
            Ok(by_channel(numbers, x.rank())?.broadcast(x.shape()).expect("one number a channel"))
        };
        let mut sums = Tensor::record_core(core, &[gradient, x, &spread(mean)?, &spread(r)?])?;
        let (along, sum) = (sums.pop().expect("two results"), sums.remove(0));

        let formula = Formula::new(channels, wide);
        let (r, along) = (formula.load(r), formula.load(&along));
        let scale = formula.load(weight) * r;
        formula.output(scale, wide);
        formula.output(scale * (formula.load(&sum) / count as f64), wide);
        formula.output(scale * (along * r / count as f64), wide);
        formula.output(along, weight.dtype());
        formula.output(formula.load(&sum), self.bias);
        let mut parts = formula.record()?;
        let (of_bias, of_weight) = (parts.pop(), parts.pop());

        let of_x = context.needs(0).then(|| {
            Formula::single(x.shape(), wide, x.dtype(), |formula| {
                let (g, scale) = (formula.load(gradient), formula.channel(&parts[0])?);
                if !self.batch_statistics {
                    return Ok((g * scale).value());
                }
                let (shift, slope) = (formula.channel(&parts[1])?, formula.channel(&parts[2])?);
                let (x, mean) = (formula.load(x), formula.channel(mean)?);
                Ok(normalized_gradient(g, scale, x, mean, slope, shift).value())
            })
        });
        Ok(Gradients::from_iter([of_x.transpose()?, of_weight, of_bias, None, None]))
    }
}

impl Derivative for BatchNormDerivative {
    fn name(&self) -> &str {
        "batch_norm"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        if autograd::is_enabled() { self.composed(context) } else { self.fused(context) }
    }
}

/// Mean and variance of each channel with, in training, the running statistics that follow.
struct Statistics {
    mean: Tensor,
    r: Tensor,
    running: Option<(Tensor, Tensor)>,
}

/// The statistics of this batch. `running` moves towards them by `momentum`; its variance is the unbiased one.
fn batch_statistics(
    x: &Tensor,
    running: Option<(&Tensor, &Tensor)>,
    momentum: f64,
    eps: f64,
) -> Result<Statistics> {
    let wide = x.detach().cast(x.dtype().compute())?;
    let moments = wide.reduce(Reduction::Moments, &statistics_axes(x.rank()))?;
    let count = (x.elements() / x.shape()[1].max(1)) as f64;
    let formula = Formula::new(moments[0].shape(), wide.dtype());
    let squares = formula.load(&moments[1]);
    formula.output(1.0 / (squares / count + eps).sqrt(), wide.dtype());
    if let Some((mean, variance)) = running {
        let keep = 1.0 - momentum;
        formula.output(formula.load(mean) * keep + formula.load(&moments[0]) * momentum, mean.dtype());
        formula.output(formula.load(variance) * keep + squares / (count - 1.0) * momentum, variance.dtype());
    }
    let mut results = formula.record()?;
    let running = running.map(|_| {
        let variance = results.pop().expect("recorded above");
        (results.pop().expect("recorded above"), variance)
    });
    Ok(Statistics { mean: moments[0].clone(), r: results.remove(0), running })
}

/// The statistics that were gathered in training.
fn running_statistics(x: &Tensor, (mean, variance): (&Tensor, &Tensor), eps: f64) -> Result<Statistics> {
    let wide = x.dtype().compute();
    let r = Formula::single(variance.shape(), wide, wide, |formula| {
        Ok((1.0 / (formula.load(variance) + eps).sqrt()).value())
    })?;
    Ok(Statistics { mean: mean.detach().cast(wide)?, r, running: None })
}

/// `(x − mean) / sqrt(variance + eps) · weight + bias` for each channel of `(N, C, …)`.
///
/// In training mean and variance are those of the batch, over all axes but the channels, and the running statistics
/// move towards them by `momentum` (their new values are returned); else they are the running statistics, if given.
#[allow(clippy::too_many_arguments)]
pub fn batch_norm(
    input: &Tensor,
    running: Option<(&Tensor, &Tensor)>,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    training: bool,
    momentum: f64,
    eps: f64,
) -> Result<BatchNorm> {
    let name = "batch_norm";
    check_floating(name, input)?;
    if input.rank() < 2 {
        return Err(Error::shape(
            name,
            format!("needs at least 2 axes (N, C, …); got shape {}", input.shape()),
        ));
    }
    let channels = input.shape()[1];
    check_parameter(name, "weight", weight, &[channels])?;
    check_parameter(name, "bias", bias, &[channels])?;
    check_parameter(name, "running_mean", running.map(|it| it.0), &[channels])?;
    check_parameter(name, "running_var", running.map(|it| it.1), &[channels])?;
    if training && channels > 0 && input.elements() / channels == 1 {
        return Err(Error::value(
            name,
            format!("expected more than 1 value per channel when training; got shape {}", input.shape()),
        ));
    }
    let statistics = match (training, running) {
        (false, Some(running)) => running_statistics(input, running, eps)?,
        (false, None) => {
            return Err(Error::state(name, "needs running_mean and running_var outside training")
                .hint("give both, or training=True"));
        }
        (true, running) => batch_statistics(input, running, momentum, eps)?,
    };
    let wide = input.dtype().compute();
    let parameter_shape = Shape::from([channels]);
    let weight = weight.cloned().map_or_else(|| Tensor::ones(&parameter_shape, wide), Ok)?;
    let bias = bias.cloned().map_or_else(|| Tensor::zeros(&parameter_shape, wide), Ok)?;

    let Statistics { mean, r, running } = statistics;
    let scale = Formula::single(&parameter_shape, wide, wide, |formula| {
        Ok((formula.load(&weight) * formula.load(&r)).value())
    })?;
    let formula = Formula::new(input.shape(), wide);
    let (scale, shift) = (formula.channel(&scale)?, formula.channel(&bias.detach())?);
    formula.output(normalized(formula.load(input), formula.channel(&mean)?, scale, shift), input.dtype());
    let mut results = formula.record()?;
    let derivative = BatchNormDerivative { epsilon: eps, batch_statistics: training, bias: bias.dtype() };
    let saved = [Saved::Input(0), Saved::Input(1), Saved::Input(3), Saved::Input(4)];
    record_gradient(&mut results, &[input, &weight, &bias, &mean, &r], derivative, &saved);
    Ok(BatchNorm { output: results.remove(0), running })
}
