//! Rows of a table by index, alone or reduced by bag.

use tenfold_ir::{DType, Error, ErrorKind, Result};

use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};
use crate::{ScatterReduce, Tensor, batch};

/// The gradient of a tensor that passes unchanged: multiplied by factors that broadcast. The inputs are both.
#[derive(Debug)]
struct WeighedDerivative;

impl Derivative for WeighedDerivative {
    fn name(&self) -> &str {
        "embedding"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        Ok(Gradients::from_iter([Some(context.gradient(0).multiply(context.saved(0))?), None]))
    }
}

/// The tensor itself, whose gradient is multiplied by `factors`.
fn weighed_gradient(tensor: &Tensor, factors: &Tensor) -> Tensor {
    let mut results = [tensor.detach()];
    record_gradient(&mut results, &[tensor, factors], WeighedDerivative, &[Saved::Input(1)]);
    let [result] = results;
    result
}

/// An error unless the indices name rows of the weight; negative ones do not count from the end here, as in PyTorch.
fn check_rows(name: &'static str, input: &Tensor, weight: &Tensor) -> Result<()> {
    if !input.dtype().is_integer() {
        return Err(Error::dtype(name, format!("indices must be integers; got {}", input.dtype())));
    }
    let (low, high) = input.index_range()?;
    let rows = weight.shape().first().copied().unwrap_or(0) as i64;
    if low < 0 || high >= rows {
        let wrong = if low < 0 { low } else { high };
        return Err(Error::index(name, format!("index {wrong} is out of range for {rows} rows")));
    }
    Ok(())
}

/// One over how often each index occurs among them, `(B…, 1)`.
fn inverse_frequencies(input: &Tensor, weight: &Tensor, dtype: DType) -> Result<Tensor> {
    let flat = input.cast(DType::Int64)?.flat()?;
    let ones = Tensor::ones(flat.shape(), dtype)?;
    let counts = Tensor::zeros(&weight.shape()[..1], dtype)?.index_add(0, &flat, &ones, 1)?;
    counts.index_select(0, &flat)?.reciprocal()?.reshaped(input.shape())?.unsqueeze(-1)
}

/// The rows of `weight` `(V, D)` at `input` (integers of shape B): `(B…, D)`. The row `padding_idx` gets no gradient.
/// `scale_grad_by_freq` divides the gradient of each row by how often it was asked for.
pub fn embedding(
    input: &Tensor,
    weight: &Tensor,
    padding_idx: Option<i64>,
    scale_grad_by_freq: bool,
) -> Result<Tensor> {
    check_rows("embedding", input, weight)?;
    let rows = weight.embedding(input, padding_idx)?;
    if !scale_grad_by_freq || !weight.requires_grad() || !autograd::is_enabled() {
        return Ok(rows);
    }
    let factors = inverse_frequencies(input, weight, weight.dtype())?;
    Ok(weighed_gradient(&rows, &factors))
}

/// The weight with the rows at `input` no longer than `max_norm` in the `norm_type`-norm; no gradient.
pub fn embedding_renorm(weight: &Tensor, input: &Tensor, max_norm: f64, norm_type: f64) -> Result<Tensor> {
    let name = "embedding_renorm_";
    check_rows(name, input, weight)?;
    if weight.rank() != 2 {
        return Err(Error::shape(name, format!("the weight must be a matrix; got shape {}", weight.shape())));
    }
    autograd::no_grad(|| {
        let flat = input.cast(DType::Int64)?.flat()?;
        let asked = Tensor::zeros(&weight.shape()[..1], DType::Bool)?.index_fill(0, &flat, true)?;
        let norms = weight.norm(norm_type, Some(&[1]), true)?;
        let too_long = norms.greater(max_norm)?.logical_and(&asked.unsqueeze(1)?)?;
        // PyTorch adds the same to the norm, so that a row of zeros stays one.
        let shortened = weight.multiply(&norms.add(1e-7)?.reciprocal()?.multiply(max_norm)?)?;
        too_long.where_(&shortened, weight)
    })
}

/// How [`embedding_bag`] makes one row of a bag's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BagMode {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest of each feature.
    Max,
}

/// The settings of [`embedding_bag`].
#[derive(Clone, Copy)]
pub struct BagOptions<'a> {
    /// What becomes of a bag's rows.
    pub mode: BagMode,
    /// Where each bag begins in an input with one axis.
    pub offsets: Option<&'a Tensor>,
    /// The last offset is the input's length and begins no bag.
    pub include_last_offset: bool,
    /// A factor for each index (sum only).
    pub per_sample_weights: Option<&'a Tensor>,
    /// This row belongs to no bag and gets no gradient.
    pub padding_idx: Option<i64>,
    /// The gradient of a row is divided by how often it was asked for.
    pub scale_grad_by_freq: bool,
}

/// The number of the bag that each index belongs to, and the number of bags.
fn bag_numbers(name: &'static str, input: &Tensor, options: &BagOptions<'_>) -> Result<(Tensor, usize)> {
    let offsets = match (input.rank(), options.offsets) {
        (2, None) => {
            let (bags, length) = (input.shape()[0], input.shape()[1]);
            let numbers = Tensor::arange(0.into(), bags.into(), 1.into(), DType::Int64)?;
            return Ok((numbers.unsqueeze(1)?.broadcast_to(&[bags, length])?.flat()?, bags));
        }
        (2, Some(_)) => {
            return Err(Error::value(name, "an input with two axes has a bag a row; got offsets too"));
        }
        (1, Some(offsets)) => offsets,
        (1, None) => return Err(Error::value(name, "an input with one axis needs offsets; got none")),
        _ => {
            return Err(Error::value(
                name,
                format!("the input needs 1 or 2 axes; got shape {}", input.shape()),
            ));
        }
    };
    if offsets.rank() != 1 {
        return Err(Error::value(name, format!("offsets needs one axis; got shape {}", offsets.shape())));
    }
    if !offsets.dtype().is_integer() {
        return Err(Error::dtype(name, format!("offsets must be integers; got {}", offsets.dtype())));
    }
    let mut starts = offsets.cast(DType::Int64)?.to_vec::<i64>()?;
    let mut length = input.elements() as i64;
    if options.include_last_offset {
        let last = starts
            .pop()
            .ok_or_else(|| Error::state(name, "include_last_offset needs at least one offset; got none"))?;
        if last > length {
            return Err(Error::state(
                name,
                format!("offsets must be within the {length} indices; got {last}"),
            ));
        }
        length = last;
    }
    if starts.first().is_some_and(|&first| first != 0) {
        return Err(Error::state(name, format!("the first offset must be 0; got {}", starts[0])));
    }
    if !starts.windows(2).all(|pair| pair[0] <= pair[1]) || starts.last().is_some_and(|&last| last > length) {
        return Err(Error::state(name, format!("offsets must not fall nor exceed {length}; got {starts:?}")));
    }
    let mut numbers: Vec<i64> = Vec::with_capacity(input.elements());
    for (bag, &start) in starts.iter().enumerate() {
        let end = starts.get(bag + 1).copied().unwrap_or(length);
        numbers.extend(std::iter::repeat_n(bag as i64, (end - start) as usize));
    }
    Ok((Tensor::from_slice(&numbers, &[numbers.len()])?, starts.len()))
}

/// Bags of rows of `weight` `(V, D)`, each reduced to one: `(bags, D)`. `input` is `(bags, length)`, or one list of indices
/// with `offsets`. An empty bag gives zeros.
pub fn embedding_bag(input: &Tensor, weight: &Tensor, options: &BagOptions<'_>) -> Result<Tensor> {
    let name = "embedding_bag";
    if let Some(offsets) = options.offsets
        && offsets.is_batched()
    {
        let weights = options.per_sample_weights;
        let mut of_one = |sample: &[&Tensor]| {
            let options = BagOptions {
                offsets: Some(sample[2]),
                per_sample_weights: weights.map(|_| sample[3]),
                ..*options
            };
            Ok(vec![embedding_bag(sample[0], sample[1], &options)?])
        };
        let tensors = [input, weight, offsets, weights.unwrap_or(input)];
        return Ok(batch::each(name, &tensors, &mut of_one)?.remove(0));
    }
    let (numbers, bags) = bag_numbers(name, input, options)?;
    check_rows(name, input, weight).map_err(|error| match error.kind() {
        // As in PyTorch, unlike in an embedding.
        ErrorKind::Index => Error::state(name, error.detail()),
        _ => error,
    })?;
    if options.mode == BagMode::Max && options.scale_grad_by_freq {
        return Err(Error::value(name, "mode max takes no scale_grad_by_freq"));
    }
    if weight.rank() != 2 {
        return Err(Error::shape(name, format!("the weight must be a matrix; got shape {}", weight.shape())));
    }
    if let Some(weights) = options.per_sample_weights {
        if options.mode != BagMode::Sum {
            return Err(Error::not_implemented(
                name,
                format!("per_sample_weights need mode sum; got {:?}", options.mode),
            ));
        }
        if weights.shape() != input.shape() {
            return Err(Error::value(
                name,
                format!("per_sample_weights must have shape {}; got {}", input.shape(), weights.shape()),
            ));
        }
    }
    // Bags of one length are an axis; others are told by number, and what stands behind the last of them belongs to none.
    let are_axis = input.rank() == 2 && options.mode != BagMode::Max;
    let of_bags = |tensor: &Tensor| match are_axis {
        true => Ok(tensor.clone()),
        false => tensor.flat()?.slice(0, 0, 1, numbers.elements()),
    };
    let indices = of_bags(&input.cast(DType::Int64)?)?;
    let (dtype, compute) = (weight.dtype(), weight.dtype().compute());
    let rows = embedding(&indices, weight, options.padding_idx, options.scale_grad_by_freq)
        .map_err(|error| error.in_operation(name))?
        .cast(compute)?;
    let counted = match options.padding_idx {
        None => Tensor::ones(indices.shape(), DType::Bool)?,
        Some(padding) => indices.not_equal(padding.rem_euclid(weight.shape()[0].max(1) as i64))?,
    };
    let sum = |rows: &Tensor| match are_axis {
        true => rows.sum_axes(&[1]),
        false => {
            let zeros = rows.shape().replaced(0, bags);
            Tensor::zeros(&zeros, compute)?.index_add(0, &numbers, rows, 1)
        }
    };
    let kept = match options.padding_idx {
        None => rows.clone(),
        Some(_) => counted.unsqueeze(-1)?.where_(&rows, 0.0)?,
    };
    let result = match options.mode {
        BagMode::Sum => match options.per_sample_weights {
            Some(weights) => {
                let factors = of_bags(&weights.cast(compute)?)?;
                sum(&kept.multiply(&factors.unsqueeze(-1)?)?)?
            }
            None => sum(&kept)?,
        },
        BagMode::Mean => {
            let counts = sum(&counted.cast(compute)?)?;
            sum(&kept)?.divide(&counts.maximum(1)?.unsqueeze(1)?)?
        }
        BagMode::Max => largest(&rows, &counted, &numbers, bags)?,
    };
    result.cast(dtype)
}

/// The largest of each feature over the rows of each bag that count; the gradient goes to the first that is so large.
fn largest(rows: &Tensor, counted: &Tensor, numbers: &Tensor, bags: usize) -> Result<Tensor> {
    let width = rows.shape()[1];
    let zeros = Tensor::zeros(&[bags, width], rows.dtype())?;
    if rows.elements() == 0 {
        return Ok(zeros);
    }
    let places = autograd::no_grad(|| {
        let spread = numbers.unsqueeze(1)?.broadcast_to(rows.shape())?;
        let count = rows.shape()[0];
        let lowest = Tensor::full(&[bags, width], f64::NEG_INFINITY, rows.dtype())?;
        let masked = counted.unsqueeze(1)?.where_(&rows.detach(), f64::NEG_INFINITY)?;
        let maxima = lowest.scatter_reduce(0, &spread, &masked, ScatterReduce::Max, true)?;
        let hit = masked.equal(&maxima.index_select(0, numbers)?)?.logical_and(&counted.unsqueeze(1)?)?;
        // The first row of each bag that holds its maximum; `count` where no row counts.
        let own = Tensor::arange(0.into(), count.into(), 1.into(), DType::Int64)?.unsqueeze(1)?;
        let candidates = hit.where_(&own.broadcast_to(rows.shape())?, count)?;
        let none = Tensor::full(&[bags, width], count as i64, DType::Int64)?;
        none.scatter_reduce(0, &spread, &candidates, ScatterReduce::Min, true)
    })?;
    let empty = places.equal(rows.shape()[0])?;
    let picked = rows.gather(0, &empty.where_(0, &places)?)?;
    empty.where_(&zeros, &picked)
}
