//! Scaled dot-product attention.
//!
//! One kernel computes it without a matrix of all weights. The composition from products and a softmax serves where
//! weights drop out or a mask is learned, and gives the derivative's own derivative.

use tenfold_ir::kernel::{Attention, AttentionKind};
use tenfold_ir::{Core, DType, Error, Result, Shape};

use super::{check_floating, dropout, softmax};
use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};
use crate::{Tensor, autocast};

/// The settings of [`scaled_dot_product_attention`].
#[derive(Clone, Copy, Default)]
pub struct AttentionOptions<'a> {
    /// What may be looked at (bool, true where allowed) or what is added to the scores (floating); broadcasts to
    /// `(…, L, S)`.
    pub mask: Option<&'a Tensor>,
    /// The probability that a weight is 0.
    pub dropout_p: f64,
    /// Query i sees keys 0 to i only.
    pub is_causal: bool,
    /// The factor of the scores; `1 / √D` by default.
    pub scale: Option<f64>,
    /// Each head of keys and values serves several heads of queries (axis −3).
    pub enable_gqa: bool,
}

const NAME: &str = "scaled_dot_product_attention";

/// An error unless query, key and value fit each other and the options.
fn check(query: &Tensor, key: &Tensor, value: &Tensor, options: &AttentionOptions<'_>) -> Result<()> {
    let shapes = || format!("got shapes {}, {} and {}", query.shape(), key.shape(), value.shape());
    check_floating(NAME, query)?;
    if query.dtype() != key.dtype() || query.dtype() != value.dtype() {
        return Err(Error::dtype(
            NAME,
            format!(
                "query, key and value must have the same dtype; got {}, {} and {}",
                query.dtype(),
                key.dtype(),
                value.dtype()
            ),
        ));
    }
    if [query, key, value].iter().any(|tensor| tensor.rank() < 2) {
        return Err(Error::shape(NAME, format!("operands need at least two axes; {}", shapes())));
    }
    let extent = |tensor: &Tensor, back: usize| tensor.shape()[tensor.rank() - back];
    if extent(query, 1) != extent(key, 1) || extent(key, 2) != extent(value, 2) {
        return Err(Error::shape(
            NAME,
            format!("needs a query (…, L, D), a key (…, S, D) and a value (…, S, V); {}", shapes()),
        ));
    }
    if !(0.0..=1.0).contains(&options.dropout_p) {
        return Err(Error::state(NAME, format!("dropout_p must be from 0 to 1; got {}", options.dropout_p)));
    }
    let Some(mask) = options.mask else { return Ok(()) };
    if options.is_causal {
        return Err(Error::state(NAME, "attn_mask and is_causal exclude each other; got both"));
    }
    if ![DType::Bool, DType::Float32, query.dtype()].contains(&mask.dtype()) {
        return Err(Error::dtype(
            NAME,
            format!(
                "attn_mask must be bool, float32 or of the query's dtype; got {} and {}",
                mask.dtype(),
                query.dtype()
            ),
        ));
    }
    Ok(())
}

/// How many heads of the query each head of keys or values serves.
fn heads_served(query: &Tensor, tensor: &Tensor) -> Result<usize> {
    let heads = |tensor: &Tensor| tensor.rank().checked_sub(3).map(|axis| tensor.shape()[axis]);
    match (heads(query), heads(tensor)) {
        (Some(wanted), Some(given)) if wanted == given => Ok(1),
        (Some(wanted), Some(given)) if given > 0 && wanted % given == 0 => Ok(wanted / given),
        _ => Err(Error::shape(
            NAME,
            format!(
                "the heads of key and value must divide those of the query (axis -3); got shapes {} and {}",
                query.shape(),
                tensor.shape()
            ),
        )),
    }
}

/// Keys or values with a head for each head of the query, by repetition along axis −3.
fn repeated_heads(query: &Tensor, tensor: &Tensor) -> Result<Tensor> {
    match heads_served(query, tensor)? {
        1 => Ok(tensor.clone()),
        each => tensor.repeat_interleave(crate::Repeats::Each(each), Some(-3)),
    }
}

/// Softmax over the last axis of the scores under a mask; a row with no place to look at is 0.
fn masked_softmax(scores: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let (scores, blind) = if mask.dtype() == DType::Bool {
        (mask.where_(scores, f64::NEG_INFINITY)?, mask.any(Some(&[-1]), true)?.logical_not()?)
    } else {
        let largest = mask.detach().amax(Some(&[-1]), true)?;
        (scores.add(mask)?, largest.equal(f64::NEG_INFINITY)?)
    };
    // Zeros instead of −∞ before the softmax: a NaN would come back in the gradient.
    blind.where_(0.0, &softmax(&blind.where_(0.0, &scores)?, -1, None)?)
}

/// The weights by their definition, step by step: the softmax of the scores of `query`, already scaled.
fn composed_weights(query: &Tensor, key: &Tensor, mask: Option<&Tensor>, is_causal: bool) -> Result<Tensor> {
    let scores = query.matmul(&key.transpose(-2, -1)?)?;
    let (rows, columns) = (query.shape()[query.rank() - 2], key.shape()[key.rank() - 2]);
    if is_causal {
        return masked_softmax(&scores, &Tensor::lower_triangle(rows, columns, 0)?);
    }
    match mask {
        _ if columns == 0 => Ok(scores),
        Some(mask) if mask.dtype() == DType::Bool => masked_softmax(&scores, mask),
        Some(mask) => masked_softmax(&scores, &mask.cast(scores.dtype())?),
        None => softmax(&scores, -1, None),
    }
}

/// The gradient of the fused kernel. The inputs are query, key, value, the logarithms of the sums, and the mask.
#[derive(Debug)]
struct AttentionDerivative {
    causal: bool,
    scale: f64,
    masked: bool,
}

impl AttentionDerivative {
    /// The gradients of query, key and value from differentiable operations.
    fn composed(&self, context: &Context<'_>) -> Result<[Tensor; 3]> {
        let (q, k, v) = (context.saved(0), context.saved(1), context.saved(2));
        let gradient = context.gradient(0);
        let mask = self.masked.then(|| context.saved(5));
        let (all_k, all_v) = (repeated_heads(q, k)?, repeated_heads(q, v)?);
        let weights = composed_weights(&q.multiply(self.scale)?, &all_k, mask, self.causal)?;
        let of_weights = gradient.matmul(&all_v.transpose(-2, -1)?)?;
        let along = of_weights.multiply(&weights)?.sum(Some(&[-1]), true, None)?;
        let of_scores = weights.multiply(&of_weights.subtract(&along)?)?.multiply(self.scale)?;
        let summed = |tensor: Tensor, head: &Tensor| summed_heads(&tensor, head.shape());
        Ok([
            of_scores.matmul(&all_k)?,
            summed(of_scores.transpose(-2, -1)?.matmul(q)?, k)?,
            summed(weights.transpose(-2, -1)?.matmul(gradient)?, v)?,
        ])
    }
}

/// The sums over neighbouring heads that one head of keys or values serves.
fn summed_heads(tensor: &Tensor, shape: &Shape) -> Result<Tensor> {
    if tensor.shape() == shape {
        return Ok(tensor.clone());
    }
    let axis = shape.rank() - 3;
    let each = tensor.shape()[axis] / shape[axis];
    tensor.reshaped(&shape.with(axis + 1, each))?.sum_axes(&[axis + 1])
}

impl Derivative for AttentionDerivative {
    fn name(&self) -> &str {
        NAME
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let mut gradients: Gradients = if autograd::is_enabled() {
            self.composed(context)?.into_iter().map(Some).collect()
        } else {
            let core = Attention { kind: AttentionKind::Gradient, causal: self.causal, scale: self.scale };
            let mut inputs: Vec<&Tensor> = [0, 1, 2, 3, 4].map(|index| context.saved(index)).into();
            inputs.push(context.gradient(0));
            inputs.extend(self.masked.then(|| context.saved(5)));
            Tensor::record_core(Core::Attention(core), &inputs)?.into_iter().map(Some).collect()
        };
        // The logarithms and the mask have none.
        gradients.push(None);
        gradients.extend(self.masked.then_some(None));
        Ok(gradients)
    }
}

/// Attention in one kernel: `(…, H, L, D)`, `(…, G, S, D)`, `(…, G, S, V)` with the same axes in front.
fn fused(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    mask: Option<&Tensor>,
    causal: bool,
    scale: f64,
) -> Result<Tensor> {
    let core = Attention { kind: AttentionKind::Forward, causal, scale };
    let inputs: Vec<&Tensor> = [query, key, value].into_iter().chain(mask).collect();
    let mut results = Tensor::record_core(Core::Attention(core), &inputs)?;
    let logarithms = results.pop().expect("two results");
    let derivative = AttentionDerivative { causal, scale, masked: mask.is_some() };
    let inputs: Vec<&Tensor> = [query, key, value, &logarithms].into_iter().chain(mask).collect();
    let saved = [
        Saved::Input(0),
        Saved::Input(1),
        Saved::Input(2),
        Saved::Output(0),
        Saved::Input(3),
        Saved::Input(4),
    ];
    let saved = if mask.is_some() { &saved[..] } else { &saved[..5] };
    record_gradient(&mut results, &inputs, derivative, saved);
    Ok(results.remove(0))
}

/// The kernel over operands of any axes in front, which broadcast; `None` where it does not serve.
fn fused_if_possible(
    [query, key, value]: [&Tensor; 3],
    options: &AttentionOptions<'_>,
    scale: f64,
) -> Result<Option<Tensor>> {
    if options.dropout_p > 0.0 || options.mask.is_some_and(Tensor::requires_grad) {
        return Ok(None);
    }
    // A head, where there is none; a mask with more axes widens the result.
    if query.rank().max(key.rank()).max(value.rank()) == 2 {
        if options.mask.is_some_and(|mask| mask.rank() > 2) {
            return Ok(None);
        }
        let one = |tensor: &Tensor| tensor.unsqueeze(0);
        let with_heads = [&one(query)?, &one(key)?, &one(value)?];
        let result = fused_if_possible(with_heads, options, scale)?;
        return result.map(|result| result.squeeze(&[0])).transpose();
    }
    let front =
        |tensor: &Tensor, inner: usize| Shape::new(&tensor.shape()[..tensor.rank().saturating_sub(inner)]);
    let with = |front: &Shape, tensor: &Tensor, inner: usize| -> Shape {
        front.iter().chain(&tensor.shape()[tensor.rank() - inner..]).copied().collect()
    };
    // Grouped heads broadcast in front of the heads, others with them.
    let inner = if options.enable_gqa { 3 } else { 2 };
    let common = front(query, inner).broadcast(&front(key, inner));
    let Some(common) = common.and_then(|common| common.broadcast(&front(value, inner))) else {
        return Ok(None);
    };
    let spread = |tensor: &Tensor| {
        tensor.broadcast(&with(&common, tensor, inner)).expect("the axes in front broadcast")
    };
    let [query, key, value] = [spread(query), spread(key), spread(value)];
    if key.shape()[key.rank() - 3] != value.shape()[value.rank() - 3] {
        return Ok(None);
    }
    let mask = match options.mask {
        None => None,
        Some(mask) => {
            let rows = query.shape()[..query.rank() - 1].iter().copied();
            let shape: Shape = rows.chain([key.shape()[key.rank() - 2]]).collect();
            let mask = if mask.dtype() == DType::Bool { mask.clone() } else { mask.cast(query.dtype())? };
            let Some(mask) = mask.broadcast(&shape) else { return Ok(None) };
            Some(mask)
        }
    };
    fused(&query, &key, &value, mask.as_ref(), options.is_causal, scale).map(Some)
}

/// Attention by its definition.
fn composed(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: &AttentionOptions<'_>,
    scale: f64,
) -> Result<Tensor> {
    let weights = composed_weights(&query.multiply(scale)?, key, options.mask, options.is_causal)?;
    dropout(&weights, options.dropout_p, true, None)?.matmul(value)
}

/// `softmax(query · keyᵀ · scale + mask) · value`: `(…, L, D)`, `(…, S, D)` and `(…, S, V)` give `(…, L, V)`.
///
/// A query that may look at nothing gives zeros. Vaswani et al. 2017, "Attention is all you need". Half precisions are
/// computed in float32 and rounded once.
///
/// ```
/// use tenfold::{DType, Tensor, functional};
/// let x = Tensor::ones(&[2, 3, 4], DType::Float32)?;
/// let y = functional::scaled_dot_product_attention(&x, &x, &x, &functional::AttentionOptions::default())?;
/// assert_eq!(y.shape().to_vec(), [2, 3, 4]);
/// # tenfold::Result::Ok(())
/// ```
pub fn scaled_dot_product_attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: &AttentionOptions<'_>,
) -> Result<Tensor> {
    let lowered = [query, key, value].map(autocast::lowered);
    let [query, key, value] = lowered;
    let (query, key, value) = (&*query?, &*key?, &*value?);
    let _lowered_once = autocast::Off::enter();
    check(query, key, value, options)?;
    let named = |error: Error| error.in_operation(NAME);
    let (dtype, compute) = (query.dtype(), query.dtype().compute());
    // Vectors of nothing have no products that a scale would change.
    let depth = query.shape()[query.rank() - 1].max(1);
    let scale = options.scale.unwrap_or(1.0 / (depth as f64).sqrt());
    if options.enable_gqa {
        heads_served(query, key)?;
        heads_served(query, value)?;
    }
    let [query, key, value] = [query.cast(compute)?, key.cast(compute)?, value.cast(compute)?];
    if let Some(result) = fused_if_possible([&query, &key, &value], options, scale).map_err(named)? {
        return result.cast(dtype);
    }
    let [key, value] = match options.enable_gqa {
        true => [repeated_heads(&query, &key)?, repeated_heads(&query, &value)?],
        false => [key, value],
    };
    composed(&query, &key, &value, options, scale).map_err(named)?.cast(dtype)
}
