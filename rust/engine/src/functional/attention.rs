//! Scaled dot-product attention.

use tenfold_ir::{DType, Error, Result};

use super::{check_floating, dropout, softmax};
use crate::Tensor;

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

/// Keys or values with a head for each head of the query, by repetition along axis −3.
fn repeated_heads(query: &Tensor, tensor: &Tensor) -> Result<Tensor> {
    let heads = |tensor: &Tensor| tensor.rank().checked_sub(3).map(|axis| tensor.shape()[axis]);
    match (heads(query), heads(tensor)) {
        (Some(wanted), Some(given)) if wanted == given => Ok(tensor.clone()),
        (Some(wanted), Some(given)) if given > 0 && wanted % given == 0 => {
            tensor.repeat_interleave(crate::Repeats::Each(wanted / given), Some(-3))
        }
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

/// Attention by its definition, step by step.
fn composed(query: &Tensor, key: &Tensor, value: &Tensor, options: &AttentionOptions<'_>) -> Result<Tensor> {
    let scale = options.scale.unwrap_or(1.0 / (query.shape()[query.rank() - 1] as f64).sqrt());
    let scores = query.multiply(scale)?.matmul(&key.transpose(-2, -1)?)?;
    let (rows, columns) = (query.shape()[query.rank() - 2], key.shape()[key.rank() - 2]);
    let weights = if options.is_causal {
        masked_softmax(&scores, &Tensor::lower_triangle(rows, columns, 0)?)?
    } else if columns == 0 {
        scores
    } else {
        match options.mask {
            Some(mask) if mask.dtype() == DType::Bool => masked_softmax(&scores, mask)?,
            Some(mask) => masked_softmax(&scores, &mask.cast(scores.dtype())?)?,
            None => softmax(&scores, -1, None)?,
        }
    };
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
    check(query, key, value, options)?;
    let (dtype, compute) = (query.dtype(), query.dtype().compute());
    let (key, value) = if options.enable_gqa {
        (repeated_heads(query, key)?, repeated_heads(query, value)?)
    } else {
        (key.clone(), value.clone())
    };
    composed(&query.cast(compute)?, &key.cast(compute)?, &value.cast(compute)?, options)
        .map_err(|error| error.in_operation(NAME))?
        .cast(dtype)
}
