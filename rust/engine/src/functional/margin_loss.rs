//! Losses that keep a margin between what belongs together and what does not.

use tenfold_ir::kernel::ScatterMode;
use tenfold_ir::{DType, Error, Result};

use super::distance::pairwise_distance;
use super::loss::{LossReduction, promoted};
use super::normalization::check_parameter;
use crate::{Tensor, autocast};

/// The number where it is positive, else 0. As PyTorch has it for these losses, the slope at 0 is 1.
fn hinge(x: &Tensor) -> Result<Tensor> {
    x.clamp(Some(0.0.into()), None)
}

/// `max(0, margin − target · (input1 − input2))`: with target 1 the first should rank higher, with −1 the second.
pub fn margin_ranking_loss(
    input1: &Tensor,
    input2: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: LossReduction,
) -> Result<Tensor> {
    let input1 = &*autocast::raised(input1)?;
    let input2 = &*autocast::raised(input2)?;
    let target = &*autocast::raised(target)?;
    let name = "margin_ranking_loss";
    if input1.rank() != input2.rank() || input1.rank() != target.rank() {
        return Err(Error::shape(
            name,
            format!(
                "inputs and target must have as many axes; got shapes {}, {} and {}",
                input1.shape(),
                input2.shape(),
                target.shape()
            ),
        ));
    }
    let (dtype, wide) = promoted(name, &[input1, input2, target])?;
    let compute = || {
        let lead = input1.cast(wide)?.subtract(&input2.cast(wide)?)?;
        let elements = hinge(&target.cast(wide)?.multiply(&lead)?.negative()?.add(margin)?)?;
        reduction.apply(&elements)?.cast(dtype)
    };
    compute().map_err(|error: Error| error.in_operation(name))
}

/// The number where the target is 1, `max(0, margin − x)` where it is −1 (x is a distance).
pub fn hinge_embedding_loss(
    input: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: LossReduction,
) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "hinge_embedding_loss";
    let (dtype, wide) = promoted(name, &[input, target])?;
    let compute = || {
        let x = input.cast(wide)?;
        let apart = target.not_equal(1)?.where_(&hinge(&x.negative()?.add(margin)?)?, 0.0)?;
        let together = target.not_equal(-1)?.where_(&x, 0.0)?;
        reduction.apply(&apart.add(&together)?)?.cast(dtype)
    };
    compute().map_err(|error: Error| error.in_operation(name))
}

/// `log(1 + exp(−target · x))` for targets 1 and −1, without overflow.
pub fn soft_margin_loss(input: &Tensor, target: &Tensor, reduction: LossReduction) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "soft_margin_loss";
    let (dtype, wide) = promoted(name, &[input, target])?;
    if input.shape().broadcast(target.shape()).as_ref() != Some(input.shape()) {
        return Err(Error::shape(
            name,
            format!("the target must fit the input; got shapes {} and {}", input.shape(), target.shape()),
        ));
    }
    let compute = || {
        let elements = target.cast(wide)?.multiply(&input.cast(wide)?)?.log_sigmoid()?.negative()?;
        reduction.apply(&elements)?.cast(dtype)
    };
    compute().map_err(|error: Error| error.in_operation(name))
}

/// The mean over the last axis (classes) of the binary cross-entropies of `sigmoid(input)`, times `weight`.
pub fn multilabel_soft_margin_loss(
    input: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: LossReduction,
) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "multilabel_soft_margin_loss";
    let (dtype, wide) = promoted(name, &[input, target])?;
    let compute = || {
        let (x, t) = (input.cast(wide)?, target.cast(wide)?);
        let present = t.multiply(&x.log_sigmoid()?)?;
        let absent = t.negative()?.add(1.0)?.multiply(&x.negative()?.log_sigmoid()?)?;
        let mut elements = present.add(&absent)?.negative()?;
        if let Some(weight) = weight {
            elements = elements.multiply(&weight.cast(wide)?)?;
        }
        reduction.apply(&elements.mean(Some(&[-1]), false)?)?.cast(dtype)
    };
    compute().map_err(|error: Error| error.in_operation(name))
}

/// `1 − cos(x1, x2)` where the target is 1, `max(0, cos(x1, x2) − margin)` where it is −1: `(N, D)` with targets
/// `(N)`, or `(D)` with `()`.
pub fn cosine_embedding_loss(
    input1: &Tensor,
    input2: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: LossReduction,
) -> Result<Tensor> {
    let input1 = &*autocast::raised(input1)?;
    let input2 = &*autocast::raised(input2)?;
    let target = &*autocast::raised(target)?;
    /// Added to the squared lengths.
    const EPSILON: f64 = 1e-12;
    let name = "cosine_embedding_loss";
    if target.rank() > 1 || input1.rank() != target.rank() + 1 || input2.rank() != target.rank() + 1 {
        return Err(Error::shape(
            name,
            format!(
                "needs (N, D) with a target (N), or (D) with (); got shapes {}, {} and {}",
                input1.shape(),
                input2.shape(),
                target.shape()
            ),
        ));
    }
    let (dtype, wide) = promoted(name, &[input1, input2])?;
    let compute = || {
        let (a, b) = (input1.cast(wide)?, input2.cast(wide)?);
        let along = |products: Tensor| products.sum(Some(&[-1]), false, None);
        let lengths = along(a.square()?)?.add(EPSILON)?.multiply(&along(b.square()?)?.add(EPSILON)?)?;
        let cosine = along(a.multiply(&b)?)?.divide(&lengths.sqrt()?)?;
        let together = target.equal(1)?.where_(&cosine.negative()?.add(1.0)?, 0.0)?;
        let apart = target.equal(-1)?.where_(&hinge(&cosine.subtract(margin)?)?, 0.0)?;
        reduction.apply(&together.add(&apart)?)?.cast(dtype)
    };
    compute().map_err(|error: Error| error.in_operation(name))
}

/// Rows of class scores: `(N, C)`, and `(C)` as one row.
fn score_rows(name: &'static str, input: &Tensor) -> Result<Tensor> {
    super::check_floating(name, input)?;
    let rows = match input.rank() {
        0 => input.reshape(&[1, 1])?,
        1 => input.unsqueeze(0)?,
        2 => input.clone(),
        _ => {
            return Err(Error::shape(
                name,
                format!("scores have shape (N, C) or (C); got {}", input.shape()),
            ));
        }
    };
    if rows.shape()[1] == 0 {
        return Err(Error::shape(name, format!("needs at least one class; got shape {}", input.shape())));
    }
    rows.cast(input.dtype().compute())
}

/// An error unless the numbers of classes are from `lowest` to the last one.
fn check_classes(name: &'static str, target: &Tensor, lowest: i64, classes: usize) -> Result<()> {
    if !target.dtype().is_integer() {
        return Err(Error::dtype(name, format!("class targets must be integers; got {}", target.dtype())));
    }
    let (low, high) = target.index_range()?;
    if target.elements() > 0 && (low < lowest || high >= classes as i64) {
        let wrong = if low < lowest { low } else { high };
        return Err(Error::state(name, format!("target {wrong} is out of range for {classes} classes")));
    }
    Ok(())
}

fn class_numbers(classes: usize) -> Result<Tensor> {
    Tensor::arange(0.into(), classes.into(), 1.into(), DType::Int64)
}

/// The settings of [`multi_margin_loss`].
#[derive(Clone, Copy)]
pub struct MultiMarginOptions<'a> {
    /// The power of the distances, 1 or 2.
    pub p: i64,
    /// How far the target class should lead.
    pub margin: f64,
    /// One weight a class.
    pub weight: Option<&'a Tensor>,
    /// What becomes of the elements.
    pub reduction: LossReduction,
}

/// The mean over the other classes of `max(0, margin − x[t] + x[i])^p`, times the weight of the target class: scores
/// `(N, C)` with targets `(N)`, or `(C)` with `()`.
pub fn multi_margin_loss(
    input: &Tensor,
    target: &Tensor,
    options: &MultiMarginOptions<'_>,
) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "multi_margin_loss";
    if options.p != 1 && options.p != 2 {
        return Err(Error::value(name, format!("p must be 1 or 2; got {}", options.p)));
    }
    let rows = score_rows(name, input)?;
    let (samples, classes) = (rows.shape()[0], rows.shape()[1]);
    if target.rank() > 1 || target.elements() != samples {
        return Err(Error::shape(
            name,
            format!("scores of shape {} with targets of shape {}", input.shape(), target.shape()),
        ));
    }
    check_parameter(name, "weight", options.weight, &[classes])?;
    check_classes(name, target, 0, classes)?;
    let flat = target.cast(DType::Int64)?.reshape(&[-1])?;
    let column = flat.unsqueeze(1)?;
    let behind = rows.subtract(&rows.gather(1, &column)?)?.add(options.margin)?.relu()?;
    let behind = if options.p == 2 { behind.square()? } else { behind };
    let others = column.not_equal(&class_numbers(classes)?)?;
    let mut elements = others.where_(&behind, 0.0)?.sum(Some(&[1]), false, None)?.divide(classes as f64)?;
    if let Some(weight) = options.weight {
        elements = elements.multiply(&weight.cast(rows.dtype())?.take(&flat, Some(0))?)?;
    }
    options.reduction.apply(&elements.reshaped(target.shape())?)?.cast(input.dtype())
}

/// The sum of `max(0, 1 − x[t] + x[i])` over the target classes t and the other classes i, divided by the number of
/// classes. A row of targets, of the shape of the scores `(N, C)` or `(C)`, lists classes up to the first −1.
pub fn multilabel_margin_loss(input: &Tensor, target: &Tensor, reduction: LossReduction) -> Result<Tensor> {
    let input = &*autocast::raised(input)?;
    let target = &*autocast::raised(target)?;
    let name = "multilabel_margin_loss";
    let rows = score_rows(name, input)?;
    if target.shape() != input.shape() {
        return Err(Error::shape(
            name,
            format!("scores of shape {} with targets of shape {}", input.shape(), target.shape()),
        ));
    }
    let classes = rows.shape()[1];
    check_classes(name, target, -1, classes)?;
    let targets = target.cast(DType::Int64)?.reshaped(rows.shape())?;
    let listed = targets.greater_equal(0)?.cast(DType::Int64)?.cumprod(1, None)?;
    // Where a row lists fewer classes than there are, places that no row uses are left out of the pairs.
    let every = listed.every_sample();
    let rows_of_all: Vec<i64> = (0..every.rank() as i64 - 1).collect();
    let longest =
        every.any(Some(&rows_of_all), false)?.count_nonzero(None, false)?.item()?.to_i128() as usize;
    let used = |tensor: &Tensor| tensor.slice(1, 0, 1, longest);
    let (targets, listed) = (used(&targets.maximum(0)?)?, used(&listed)?);
    let present =
        Tensor::zeros(rows.shape(), DType::Int64)?.scatter(1, &targets, &listed, ScatterMode::Max)?;
    let (listed, absent) = (listed.cast(DType::Bool)?, present.equal(0)?.unsqueeze(1)?);
    // (N, targets, classes)
    let behind = rows.gather(1, &targets)?.unsqueeze(2)?.negative()?.add(1.0)?;
    let behind = behind.add(&rows.unsqueeze(1)?)?.relu()?;
    let counted = listed.unsqueeze(2)?.logical_and(&absent)?;
    let sums = counted.where_(&behind, 0.0)?.sum(Some(&[1, 2]), false, None)?;
    let elements = sums.divide(classes as f64)?;
    let elements = if input.rank() < 2 { elements.reshape(&[])? } else { elements };
    reduction.apply(&elements)?.cast(input.dtype())
}

/// The settings of [`triplet_margin_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletOptions {
    /// How much farther the negative example should be than the positive one.
    pub margin: f64,
    /// The order of the norm.
    pub p: f64,
    /// Added to the differences.
    pub eps: f64,
    /// Takes the distance between the examples where it is shorter.
    pub swap: bool,
    /// What becomes of the elements.
    pub reduction: LossReduction,
}

impl Default for TripletOptions {
    fn default() -> TripletOptions {
        TripletOptions { margin: 1.0, p: 2.0, eps: 1e-6, swap: false, reduction: LossReduction::Mean }
    }
}

/// `max(0, margin + d(anchor, positive) − d(anchor, negative))` for p-norms d over the last axis.
///
/// Balntas et al. 2016, "Learning shallow convolutional feature descriptors with triplet losses".
pub fn triplet_margin_loss(
    anchor: &Tensor,
    positive: &Tensor,
    negative: &Tensor,
    options: &TripletOptions,
) -> Result<Tensor> {
    let anchor = &*autocast::raised(anchor)?;
    let positive = &*autocast::raised(positive)?;
    let negative = &*autocast::raised(negative)?;
    let name = "triplet_margin_loss";
    check_triplet(name, anchor, positive, negative, options.margin)?;
    let distance = |a: &Tensor, b: &Tensor| {
        pairwise_distance(a, b, options.p, options.eps, false).map_err(|error| error.in_operation(name))
    };
    let (near, far) = (distance(anchor, positive)?, distance(anchor, negative)?);
    let between = options.swap.then(|| distance(positive, negative)).transpose()?;
    triplet_margin_of_distances(name, &near, &far, between.as_ref(), options.margin, options.reduction)
}

/// An error unless the three have as many axes and the margin is positive.
pub fn check_triplet(
    operation: &'static str,
    anchor: &Tensor,
    positive: &Tensor,
    negative: &Tensor,
    margin: f64,
) -> Result<()> {
    if margin.is_nan() || margin <= 0.0 {
        return Err(Error::value(operation, format!("margin must be positive; got {margin}")));
    }
    if anchor.rank() == positive.rank() && anchor.rank() == negative.rank() {
        return Ok(());
    }
    Err(Error::shape(
        operation,
        format!(
            "anchor, positive and negative must have as many axes; got shapes {}, {} and {}",
            anchor.shape(),
            positive.shape(),
            negative.shape()
        ),
    ))
}

/// `max(0, margin + near − far)`, with the distance between the two examples in the place of `far` where it is
/// shorter.
pub fn triplet_margin_of_distances(
    operation: &'static str,
    near: &Tensor,
    far: &Tensor,
    between: Option<&Tensor>,
    margin: f64,
    reduction: LossReduction,
) -> Result<Tensor> {
    let compute = || {
        let far = match between {
            Some(between) => far.minimum(between)?,
            None => far.clone(),
        };
        reduction.apply(&hinge(&near.add(margin)?.subtract(&far)?)?)
    };
    compute().map_err(|error: Error| error.in_operation(operation))
}
