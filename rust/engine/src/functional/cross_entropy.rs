//! Losses of class scores: `(C)`, `(N, C)` or `(N, C, …)` with classes along axis 1 (or 0).

use tenfold_ir::kernel::{RowOperation, Rows};
use tenfold_ir::{Core, DType, Error, Result};

use super::check_floating;
use super::loss::LossReduction;
use super::normalization::{by_channel, check_parameter};
use super::softmax::{log_softmax, softmax};
use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};
use crate::{Tensor, autocast};

/// The settings of [`cross_entropy`] and [`nll_loss`].
#[derive(Clone, Copy)]
pub struct ClassOptions<'a> {
    /// One weight a class.
    pub weight: Option<&'a Tensor>,
    /// Targets of this class do not count.
    pub ignore_index: i64,
    /// What becomes of the elements.
    pub reduction: LossReduction,
    /// The share of each target that is spread over all classes (cross-entropy only).
    pub label_smoothing: f64,
}

impl Default for ClassOptions<'_> {
    fn default() -> ClassOptions<'static> {
        ClassOptions {
            weight: None,
            ignore_index: -100,
            reduction: LossReduction::Mean,
            label_smoothing: 0.0,
        }
    }
}

/// Checked class targets.
struct Targets {
    /// int64, −1 where ignored.
    classes: Tensor,
    /// True where some may be ignored.
    ignores: bool,
}

/// The targets of scores with classes along `axis`: as many as the scores without that axis, in range or ignored.
fn checked_targets(
    name: &'static str,
    scores: &Tensor,
    axis: usize,
    target: &Tensor,
    ignore_index: i64,
) -> Result<Targets> {
    if target.shape() != &scores.shape().without(axis) {
        return Err(Error::shape(
            name,
            format!(
                "scores of shape {} need targets of shape {}; got {}",
                scores.shape(),
                scores.shape().without(axis),
                target.shape()
            ),
        ));
    }
    if !target.dtype().is_integer() {
        return Err(Error::dtype(name, format!("class targets must be integers; got {}", target.dtype())));
    }
    let count = scores.shape()[axis] as i64;
    let fits = |(low, high): (i64, i64)| low >= 0 && high < count;
    let range = target.index_range()?;
    let ignores = target.elements() > 0 && (range.0..=range.1).contains(&ignore_index);
    let classes = target.cast(DType::Int64)?;
    if !ignores && fits(range) {
        return Ok(Targets { classes, ignores });
    }
    let ignored = classes.equal(ignore_index)?;
    let counted = ignored.where_(0, &classes)?.index_range()?;
    if !fits(counted) {
        let wrong = if counted.0 < 0 { counted.0 } else { counted.1 };
        return Err(Error::index(name, format!("target {wrong} is out of bounds for {count} classes")));
    }
    Ok(Targets { classes: ignored.where_(-1, &classes)?, ignores })
}

impl Targets {
    /// 1 where a target counts, 0 where it is ignored.
    fn counted(&self, dtype: DType) -> Result<Tensor> {
        self.classes.greater_equal(0)?.cast(dtype)
    }

    /// The weight of each target; 0 where it is ignored.
    fn weights(&self, weight: Option<&Tensor>, dtype: DType) -> Result<Tensor> {
        match weight {
            Some(weight) => {
                let safe = self.classes.maximum(0)?;
                weight.cast(dtype)?.take(&safe, Some(0))?.multiply(&self.counted(dtype)?)
            }
            None => self.counted(dtype),
        }
    }

    /// The elements reduced; their mean is over the weights.
    fn reduce(&self, elements: &Tensor, weight: Option<&Tensor>, reduction: LossReduction) -> Result<Tensor> {
        let weighted = weight.is_some() || self.ignores;
        if reduction == LossReduction::Mean && weighted {
            let total = self.weights(weight, elements.dtype())?.sum(None, false, None)?;
            return elements.sum(None, false, None)?.divide(&total);
        }
        reduction.apply(elements)
    }
}

/// The axis of the classes.
fn class_axis(name: &'static str, scores: &Tensor) -> Result<usize> {
    check_floating(name, scores)?;
    match scores.rank() {
        0 => Err(Error::shape(name, "the scores need at least one axis (classes); got shape ()")),
        1 => Ok(0),
        _ => Ok(1),
    }
}

/// `−weight[t] · log_probabilities[t]`, each in its place; 0 where ignored.
fn negative_likelihood(
    log_probabilities: &Tensor,
    axis: usize,
    targets: &Targets,
    weight: Option<&Tensor>,
) -> Result<Tensor> {
    let safe = if targets.ignores { targets.classes.maximum(0)? } else { targets.classes.clone() };
    let picked =
        log_probabilities.gather(axis as i64, &safe.unsqueeze(axis as i64)?)?.squeeze(&[axis as i64])?;
    let mut elements = picked.negative()?;
    if weight.is_some() {
        elements = elements.multiply(&targets.weights(weight, elements.dtype())?)?;
    }
    if targets.ignores { targets.classes.less(0)?.where_(0.0, &elements) } else { Ok(elements) }
}

/// The negative of the log-probability of each target class, times its weight. The mean is over the weights of the
/// targets that count.
pub fn nll_loss(input: &Tensor, target: &Tensor, options: &ClassOptions<'_>) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "nll_loss";
    let axis = class_axis(name, input)?;
    check_parameter(name, "weight", options.weight, &[input.shape()[axis]])?;
    let targets = checked_targets(name, input, axis, target, options.ignore_index)?;
    let wide = input.cast(input.dtype().compute())?;
    let elements = negative_likelihood(&wide, axis, &targets, options.weight)?;
    targets.reduce(&elements, options.weight, options.reduction)?.cast(input.dtype())
}

/// The gradient of the fused cross-entropy. The inputs are the scores, the targets and the log-sum-exp of each row.
#[derive(Debug)]
struct CrossEntropyDerivative {
    axis: usize,
}

impl Derivative for CrossEntropyDerivative {
    fn name(&self) -> &str {
        "cross_entropy"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, classes, gradient) = (context.saved(0), context.saved(1), context.gradient(0));
        let axis = self.axis as i64;
        let result = if autograd::is_enabled() {
            let extents: Vec<i64> = (0..x.rank())
                .map(|other| if other == self.axis { x.shape()[other] as i64 } else { 1 })
                .collect();
            let numbers = Tensor::arange(0.into(), x.shape()[self.axis].into(), 1.into(), DType::Int64)?;
            let hits = classes.unsqueeze(axis)?.equal(&numbers.reshape(&extents)?)?.cast(x.dtype())?;
            let gradient = classes.greater_equal(0)?.where_(gradient, 0.0)?.unsqueeze(axis)?;
            gradient.multiply(&softmax(x, axis, None)?.subtract(&hits)?)?
        } else {
            let core = Core::Rows(Rows { operation: RowOperation::CrossEntropyGradient, axis: self.axis });
            Tensor::record_core(core, &[x, classes, context.saved(2), gradient])?.remove(0)
        };
        Ok(Gradients::from_iter([Some(result), None, None]))
    }
}

/// `log Σ exp(x) − x[t]` for each target; 0 where it is ignored.
fn fused(scores: &Tensor, axis: usize, targets: &Targets) -> Result<Tensor> {
    let core = Core::Rows(Rows { operation: RowOperation::CrossEntropy, axis });
    let mut results = Tensor::record_core(core, &[scores, &targets.classes])?;
    let log_sum = results.pop().expect("two results");
    let saved = [Saved::Input(0), Saved::Input(1), Saved::Input(2)];
    let inputs = [scores, &targets.classes, &log_sum];
    record_gradient(&mut results, &inputs, CrossEntropyDerivative { axis }, &saved);
    Ok(results.remove(0))
}

/// Cross-entropy with probabilities as targets, in the shape of the scores.
fn with_probabilities(
    name: &'static str,
    scores: &Tensor,
    axis: usize,
    target: &Tensor,
    options: &ClassOptions<'_>,
) -> Result<Tensor> {
    if !target.dtype().is_floating() {
        return Err(Error::dtype(
            name,
            format!("targets in the shape of the scores are probabilities: floating; got {}", target.dtype()),
        ));
    }
    let classes = scores.shape()[axis];
    let mut target = target.cast(scores.dtype())?;
    if options.label_smoothing > 0.0 {
        let spread = options.label_smoothing / classes as f64;
        target = target.multiply(1.0 - options.label_smoothing)?.add(spread)?;
    }
    let mut products = log_softmax(scores, axis as i64, None)?.multiply(&target)?;
    if let Some(weight) = options.weight {
        products = products.multiply(&along_axis(weight, axis, scores)?)?;
    }
    let elements = products.sum(Some(&[axis as i64]), false, None)?.negative()?;
    options.reduction.apply(&elements)
}

/// One number a class, for broadcasting to the scores.
fn along_axis(weight: &Tensor, axis: usize, scores: &Tensor) -> Result<Tensor> {
    let weight = weight.cast(scores.dtype())?;
    if axis == 0 { Ok(weight) } else { by_channel(&weight, scores.rank()) }
}

/// `−log softmax(input)[target]`: the cross-entropy of class scores `(C)`, `(N, C)` or `(N, C, …)` with class numbers
/// `()`, `(N)` or `(N, …)`, or with probabilities in the shape of the scores.
///
/// ```
/// use tenfold::{Tensor, functional};
/// let scores = Tensor::from_slice(&[0.0f64, 0.0, 0.0, 0.0], &[2, 2])?;
/// let target = Tensor::from_slice(&[0i64, 1], &[2])?;
/// let loss = functional::cross_entropy(&scores, &target, &Default::default())?;
/// assert!((loss.item()?.to_f64() - 2f64.ln()).abs() < 1e-15);
/// # tenfold::Result::Ok(())
/// ```
pub fn cross_entropy(input: &Tensor, target: &Tensor, options: &ClassOptions<'_>) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "cross_entropy";
    let axis = class_axis(name, input)?;
    if !(0.0..=1.0).contains(&options.label_smoothing) {
        return Err(Error::state(
            name,
            format!("label_smoothing must be from 0 to 1; got {}", options.label_smoothing),
        ));
    }
    let classes = input.shape()[axis];
    check_parameter(name, "weight", options.weight, &[classes])?;
    let scores = input.cast(input.dtype().compute())?;
    if target.shape() == input.shape() {
        return with_probabilities(name, &scores, axis, target, options)?.cast(input.dtype());
    }
    let targets = checked_targets(name, &scores, axis, target, options.ignore_index)?;
    if options.weight.is_none() && options.label_smoothing == 0.0 {
        let elements = fused(&scores, axis, &targets)?;
        return targets.reduce(&elements, None, options.reduction)?.cast(input.dtype());
    }
    let log_probabilities = log_softmax(&scores, axis as i64, None)?;
    let elements = negative_likelihood(&log_probabilities, axis, &targets, options.weight)?;
    let smoothing = options.label_smoothing;
    let elements = if smoothing > 0.0 {
        let weighted = match options.weight {
            Some(weight) => log_probabilities.multiply(&along_axis(weight, axis, &scores)?)?,
            None => log_probabilities,
        };
        let all = weighted.sum(Some(&[axis as i64]), false, None)?.negative()?;
        let all = if targets.ignores { targets.classes.less(0)?.where_(0.0, &all)? } else { all };
        elements.multiply(1.0 - smoothing)?.add(&all.multiply(smoothing / classes as f64)?)?
    } else {
        elements
    };
    targets.reduce(&elements, options.weight, options.reduction)?.cast(input.dtype())
}
