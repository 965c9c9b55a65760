//! Losses between tensors of one shape.

use tenfold_ir::{DType, Error, Result, promote_types};

use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};
use crate::{Tensor, autocast};

/// What a loss makes of its elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossReduction {
    /// Leaves them.
    None,
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

impl LossReduction {
    /// The reduction of that name: `none`, `mean` or `sum`.
    pub fn from_name(operation: &'static str, name: &str) -> Result<LossReduction> {
        match name {
            "none" => Ok(LossReduction::None),
            "mean" => Ok(LossReduction::Mean),
            "sum" => Ok(LossReduction::Sum),
            other => Err(Error::value(operation, format!("{other:?} is not a valid reduction"))
                .hint("none, mean or sum")),
        }
    }

    /// The reduced elements.
    pub(super) fn apply(self, elements: &Tensor) -> Result<Tensor> {
        match self {
            LossReduction::None => Ok(elements.clone()),
            LossReduction::Mean => elements.mean(None, false),
            LossReduction::Sum => elements.sum(None, false, None),
        }
    }
}

/// The dtype of a loss of these tensors, and the one that it computes in: float32 at least, rounded once.
pub(super) fn promoted(name: &'static str, tensors: &[&Tensor]) -> Result<(DType, DType)> {
    let mut dtype = tensors[0].dtype();
    for tensor in &tensors[1..] {
        dtype = promote_types(dtype, tensor.dtype()).map_err(|error| error.in_operation(name))?;
    }
    if dtype.is_floating() {
        return Ok((dtype, dtype.compute()));
    }
    let dtypes: Vec<String> = tensors.iter().map(|tensor| tensor.dtype().to_string()).collect();
    Err(Error::dtype(name, format!("needs a floating dtype; got {}", dtypes.join(" and "))))
}

/// A loss of two tensors.
fn loss(
    name: &'static str,
    input: &Tensor,
    target: &Tensor,
    reduction: LossReduction,
    body: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let (dtype, wide) = promoted(name, &[input, target])?;
    let elements = body(&input.cast(wide)?, &target.cast(wide)?).map_err(|error| error.in_operation(name))?;
    reduction.apply(&elements)?.cast(dtype)
}

/// The squared differences.
pub fn mse_loss(input: &Tensor, target: &Tensor, reduction: LossReduction) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    loss("mse_loss", input, target, reduction, |x, t| x.subtract(t)?.square())
}

/// The absolute differences.
pub fn l1_loss(input: &Tensor, target: &Tensor, reduction: LossReduction) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    loss("l1_loss", input, target, reduction, |x, t| x.subtract(t)?.abs())
}

/// A loss that is a parabola of the difference d up to a bound and straight beyond: `min(|d|, b) · (|d| − min(|d|, b)/2)`
/// over a divisor; its slope is d held
/// within the bounds.
#[derive(Clone, Copy, Debug)]
struct HeldSlope {
    name: &'static str,
    bound: f64,
    divisor: Option<f64>,
}

impl Derivative for HeldSlope {
    fn name(&self) -> &str {
        self.name
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let difference = context.saved(0).subtract(context.saved(1))?;
        let held = difference.maximum(-self.bound)?.minimum(self.bound)?;
        let of_x = context.gradient(0).multiply(&self.divided(held)?)?;
        let of_t = context.needs(1).then(|| of_x.negative()).transpose()?;
        Ok(Gradients::from_iter([Some(of_x), of_t]))
    }
}

impl HeldSlope {
    fn divided(self, x: Tensor) -> Result<Tensor> {
        self.divisor.map_or_else(|| Ok(x.clone()), |divisor| x.divide(divisor))
    }

    fn of(self, x: &Tensor, t: &Tensor) -> Result<Tensor> {
        let both = Tensor::broadcast_tensors(&[x, t])?;
        let (x, t) = (&both[0], &both[1]);
        let distance = x.detach().subtract(&t.detach())?.abs()?;
        let held = distance.minimum(self.bound)?;
        let rest = distance.subtract(&held.multiply(0.5)?)?;
        let value = self.divided(held)?.multiply(&rest)?;
        let mut results = [value];
        record_gradient(&mut results, &[x, t], self, &[Saved::Input(0), Saved::Input(1)]);
        let [value] = results;
        Ok(value)
    }
}

/// `0.5 · d² / beta` where the absolute difference d is below `beta`, else `d − 0.5 · beta` (Girshick 2015).
pub fn smooth_l1_loss(
    input: &Tensor,
    target: &Tensor,
    reduction: LossReduction,
    beta: f64,
) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "smooth_l1_loss";
    if beta.is_nan() || beta < 0.0 {
        return Err(Error::state(name, format!("beta must not be negative; got {beta}")));
    }
    if beta == 0.0 {
        return l1_loss(input, target, reduction).map_err(|error| error.in_operation(name));
    }
    loss(name, input, target, reduction, |x, t| HeldSlope { name, bound: beta, divisor: Some(beta) }.of(x, t))
}

/// `0.5 · d²` where the absolute difference d is at most `delta`, else `delta · (d − 0.5 · delta)` (Huber 1964).
pub fn huber_loss(input: &Tensor, target: &Tensor, reduction: LossReduction, delta: f64) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "huber_loss";
    if delta.is_nan() || delta <= 0.0 {
        return Err(Error::state(name, format!("delta must be positive; got {delta}")));
    }
    loss(name, input, target, reduction, |x, t| HeldSlope { name, bound: delta, divisor: None }.of(x, t))
}

/// `target · (log target − input)` for log-probabilities `input`: the Kullback–Leibler divergence. With `log_target`
/// the target is one of log-probabilities too.
pub fn kl_div(input: &Tensor, target: &Tensor, reduction: LossReduction, log_target: bool) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    loss("kl_div", input, target, reduction, |x, t| {
        if log_target { t.exp()?.multiply(&t.subtract(x)?) } else { t.xlogy(t)?.subtract(&t.multiply(x)?) }
    })
}

/// The gradient of binary cross-entropy, with the denominator held away from 0.
#[derive(Debug)]
struct BinaryCrossEntropyDerivative;

impl Derivative for BinaryCrossEntropyDerivative {
    fn name(&self) -> &str {
        "binary_cross_entropy"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, t, gradient) = (context.saved(0), context.saved(1), context.gradient(0));
        let rest = x.negative()?.add(1.0)?;
        let slope = || x.subtract(t)?.divide(&rest.multiply(x)?.maximum(1e-12)?);
        let of_x = || gradient.multiply(&slope()?);
        let of_t = || gradient.multiply(&x.negative()?.log1p()?.subtract(&x.log()?)?);
        Ok(Gradients::from_iter([
            context.needs(0).then(of_x).transpose()?,
            context.needs(1).then(of_t).transpose()?,
        ]))
    }
}

fn check_same_shape(name: &'static str, input: &Tensor, target: &Tensor) -> Result<()> {
    if input.shape() == target.shape() {
        return Ok(());
    }
    Err(Error::value(
        name,
        format!("target must have the shape of the input; got {} and {}", target.shape(), input.shape()),
    )
    .hint("unsqueeze one of them"))
}

fn weighted(elements: Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
    match weight {
        Some(weight) => elements.multiply(&weight.cast(elements.dtype())?),
        None => Ok(elements),
    }
}

/// `−(t · log x + (1 − t) · log(1 − x))` for probabilities x, the logarithms held at −100; times `weight`.
pub fn binary_cross_entropy(
    input: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: LossReduction,
) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "binary_cross_entropy";
    check_same_shape(name, input, target)?;
    super::check_same_dtype(name, input, target)?;
    let outside = autograd::no_grad(|| {
        let x = input.detach().every_sample();
        x.less(0.0)?.logical_or(&x.greater(1.0)?)?.logical_or(&x.isnan()?)?.any(None, false)?.item()
    })?;
    if outside.to_bool() {
        return Err(Error::state(name, "all elements of the input must be from 0 to 1")
            .hint("apply sigmoid, or use binary_cross_entropy_with_logits"));
    }
    loss(name, input, target, reduction, |x, t| {
        let value = autograd::no_grad(|| {
            let log = x.log()?.maximum(-100.0)?;
            let log_rest = x.negative()?.log1p()?.maximum(-100.0)?;
            t.subtract(1.0)?.multiply(&log_rest)?.subtract(&t.multiply(&log)?)
        })?;
        let mut results = [value];
        let saved = [Saved::Input(0), Saved::Input(1)];
        record_gradient(&mut results, &[x, t], BinaryCrossEntropyDerivative, &saved);
        let [value] = results;
        weighted(value, weight)
    })
}

/// Binary cross-entropy of `sigmoid(input)`, computed without overflow; `pos_weight` weights the positive targets, and
/// the whole is times `weight`. Both broadcast.
pub fn binary_cross_entropy_with_logits(
    input: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: LossReduction,
    pos_weight: Option<&Tensor>,
) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "binary_cross_entropy_with_logits";
    check_same_shape(name, input, target)?;
    if input.dtype() == DType::Bool || input.dtype().is_integer() {
        super::check_floating(name, input)?;
    }
    loss(name, input, target, reduction, |x, t| {
        let log = x.log_sigmoid()?;
        let log = match pos_weight {
            Some(positive) => {
                t.multiply(&positive.cast(x.dtype())?.subtract(1.0)?)?.add(1.0)?.multiply(&log)?
            }
            None => log,
        };
        weighted(t.negative()?.add(1.0)?.multiply(x)?.subtract(&log)?, weight)
    })
}
