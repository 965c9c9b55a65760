//! Attention of several heads over projections of query, key and value.

use tenfold_ir::{DType, Error, Result, Shape};

use super::{AttentionOptions, check_floating, dropout, linear, scaled_dot_product_attention, softmax};
use crate::Tensor;

/// The weights that make queries, keys and values of their inputs.
pub enum InputProjection<'a> {
    /// One weight `(3E, E)` for all three.
    Packed(&'a Tensor),
    /// A weight each: `(E, E)`, `(E, K)` and `(E, V)`.
    Separate(&'a Tensor, &'a Tensor, &'a Tensor),
}

/// The settings of [`multi_head_attention`].
pub struct MultiHeadOptions<'a> {
    /// The number of heads; it divides the width of the model.
    pub num_heads: usize,
    /// Weights of the inputs.
    pub input: InputProjection<'a>,
    /// `(3E)`, for query, key and value.
    pub input_bias: Option<&'a Tensor>,
    /// A learned key and value `(1, 1, E)` behind the others.
    pub learned: Option<(&'a Tensor, &'a Tensor)>,
    /// A key and value of zeros behind the others.
    pub add_zero_attn: bool,
    /// The probability that a weight is 0.
    pub dropout_p: f64,
    /// The output's weight `(E, E)` and bias `(E)`.
    pub output: (&'a Tensor, Option<&'a Tensor>),
    /// Keys to ignore, `(N, S)` or `(S)`: true (bool), or added to the scores (floating).
    pub key_padding_mask: Option<&'a Tensor>,
    /// Pairs to ignore, `(L, S)` or `(N·heads, L, S)`: true (bool), or added to the scores (floating).
    pub attn_mask: Option<&'a Tensor>,
    /// Whether the weights are wanted too.
    pub need_weights: bool,
    /// The weights' mean over the heads instead of each head's.
    pub average_attn_weights: bool,
    /// Says that `attn_mask` is the causal one.
    pub is_causal: bool,
}

const NAME: &str = "multi_head_attention_forward";

fn wrong(what: impl Into<String>) -> Error {
    Error::shape(NAME, what)
}

/// Masks over `(N, heads, L, S)`, of which each may be absent.
struct Mask(Option<Tensor>);

impl Mask {
    /// The masks together: true where ignored while all are bool, else added to the scores.
    fn of(
        options: &MultiHeadOptions<'_>,
        dtype: DType,
        (batch, rows, columns): (usize, usize, usize),
        batched: bool,
    ) -> Result<Mask> {
        let heads = options.num_heads;
        let check = |mask: &Tensor, name: &str| {
            if mask.dtype() == DType::Bool || mask.dtype().is_floating() {
                return Ok(());
            }
            Err(Error::dtype(NAME, format!("{name} must be bool or floating; got {}", mask.dtype())))
        };
        let attention = match options.attn_mask {
            None => None,
            Some(mask) => {
                check(mask, "attn_mask")?;
                if mask.shape()[..] == [rows, columns] {
                    Some(mask.clone())
                } else if mask.shape()[..] == [batch * heads, rows, columns] {
                    Some(mask.reshaped(&Shape::from([batch, heads, rows, columns]))?)
                } else {
                    return Err(wrong(format!(
                        "attn_mask must have shape ({rows}, {columns}) or ({}, {rows}, {columns}); got {}",
                        batch * heads,
                        mask.shape()
                    )));
                }
            }
        };
        let padding = match options.key_padding_mask {
            None => None,
            Some(mask) => {
                check(mask, "key_padding_mask")?;
                let fits = if batched {
                    mask.shape()[..] == [batch, columns]
                } else {
                    mask.shape()[..] == [columns]
                };
                if !fits {
                    return Err(wrong(format!(
                        "key_padding_mask must have shape ({batch}, {columns}), or ({columns}) without a batch; got {}",
                        mask.shape()
                    )));
                }
                Some(mask.reshaped(&Shape::from([batch, 1, 1, columns]))?)
            }
        };
        let bias = |mask: &Tensor| match mask.dtype() {
            DType::Bool => {
                let zero = Tensor::zeros(&[], dtype)?;
                mask.where_(f64::NEG_INFINITY, &zero)
            }
            _ => mask.cast(dtype),
        };
        Ok(Mask(match (attention, padding) {
            (None, None) => None,
            (Some(mask), None) | (None, Some(mask)) if mask.dtype() == DType::Bool => Some(mask),
            (Some(mask), None) | (None, Some(mask)) => Some(bias(&mask)?),
            (Some(a), Some(b)) if a.dtype() == DType::Bool && b.dtype() == DType::Bool => {
                Some(a.logical_or(&b)?)
            }
            (Some(a), Some(b)) => Some(bias(&a)?.add(&bias(&b)?)?),
        }))
    }

    /// With so many keys more, which all may be looked at.
    fn widened(self, added: i64) -> Result<Mask> {
        let Some(mask) = self.0 else { return Ok(self) };
        let mut widths = vec![(0, 0); mask.rank()];
        *widths.last_mut().expect("a mask has axes") = (0, added);
        mask.pad(&widths, crate::Padding::Constant(0.into())).map(|mask| Mask(Some(mask)))
    }

    fn weights(&self, scores: &Tensor) -> Result<Tensor> {
        let scores = match &self.0 {
            None => scores.clone(),
            Some(mask) if mask.dtype() == DType::Bool => mask.where_(f64::NEG_INFINITY, scores)?,
            Some(mask) => scores.add(mask)?,
        };
        softmax(&scores, -1, None)
    }
}

/// Queries, keys and values of the inputs.
fn projected(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: &MultiHeadOptions<'_>,
) -> Result<[Tensor; 3]> {
    let width = query.shape()[2];
    let part = |tensor: &Tensor, first: usize, count: usize| tensor.slice(0, first * width, 1, count * width);
    let bias =
        |first: usize, count: usize| options.input_bias.map(|bias| part(bias, first, count)).transpose();
    // One value may stand there twice with its gradient and without.
    let same = |a: &Tensor, b: &Tensor| {
        let edges = match (a.gradient_edge(), b.gradient_edge()) {
            (None, None) => true,
            (Some(a), Some(b)) => a.is_same(b),
            _ => false,
        };
        edges && a.is_same_view_as(b)
    };
    if let Some(bias) = options.input_bias
        && bias.shape()[..] != [3 * width]
    {
        return Err(wrong(format!("in_proj_bias must have shape ({}); got {}", 3 * width, bias.shape())));
    }
    let thirds = |tensor: Tensor, count: usize| tensor.chunk(count, -1);
    match options.input {
        InputProjection::Packed(weight) => {
            if weight.shape()[..] != [3 * width, width] || key.shape() != value.shape() {
                return Err(wrong(format!(
                    "in_proj_weight of shape {} does not fit inputs of shapes {}, {} and {}",
                    weight.shape(),
                    query.shape(),
                    key.shape(),
                    value.shape()
                )));
            }
            let project = |input: &Tensor, first: usize, count: usize| {
                linear(input, &part(weight, first, count)?, bias(first, count)?.as_ref())
            };
            if same(query, key) && same(key, value) {
                // One product for all three.
                let all = thirds(project(query, 0, 3)?, 3)?;
                return Ok([all[0].clone(), all[1].clone(), all[2].clone()]);
            }
            if same(key, value) {
                let both = thirds(project(key, 1, 2)?, 2)?;
                return Ok([project(query, 0, 1)?, both[0].clone(), both[1].clone()]);
            }
            Ok([project(query, 0, 1)?, project(key, 1, 1)?, project(value, 2, 1)?])
        }
        InputProjection::Separate(q, k, v) => {
            if key.shape()[..2] != value.shape()[..2] || [q, k, v].iter().any(|w| w.shape()[0] != width) {
                return Err(wrong(format!(
                    "key and value must have the same length and batch; got shapes {} and {}",
                    key.shape(),
                    value.shape()
                )));
            }
            Ok([
                linear(query, q, bias(0, 1)?.as_ref())?,
                linear(key, k, bias(1, 1)?.as_ref())?,
                linear(value, v, bias(2, 1)?.as_ref())?,
            ])
        }
    }
}

/// Attention of several heads: `query` `(L, N, E)`, `key` `(S, N, K)` and `value` `(S, N, V)`, or all without N, are
/// projected to width E, split into heads, attended with, joined and projected once more: `(L, N, E)`; and the weights
/// `(N, L, S)`, or `(N, heads, L, S)` where not averaged, if they are wanted.
///
/// Vaswani et al. 2017, "Attention is all you need".
pub fn multi_head_attention(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: &MultiHeadOptions<'_>,
) -> Result<(Tensor, Option<Tensor>)> {
    check_floating(NAME, query)?;
    let ranks = [query.rank(), key.rank(), value.rank()];
    let batched = ranks == [3; 3];
    if !batched && ranks != [2; 3] {
        return Err(wrong(format!(
            "needs (L, N, E), (S, N, E) and (S, N, E), or all without N; got shapes {}, {} and {}",
            query.shape(),
            key.shape(),
            value.shape()
        )));
    }
    if !batched {
        let (output, weights) =
            with_batch(&query.unsqueeze(1)?, &key.unsqueeze(1)?, &value.unsqueeze(1)?, options, false)?;
        return Ok((output.squeeze(&[1])?, weights.map(|weights| weights.squeeze(&[0])).transpose()?));
    }
    with_batch(query, key, value, options, true)
}

fn with_batch(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    options: &MultiHeadOptions<'_>,
    batched: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let (rows, batch, width) = (query.shape()[0], query.shape()[1], query.shape()[2]);
    let heads = options.num_heads;
    if heads == 0 || width % heads != 0 {
        return Err(wrong(format!("the width {width} cannot be split into {heads} heads")));
    }
    if key.shape()[1] != batch {
        return Err(wrong(format!(
            "query and key must have the same batch; got shapes {} and {}",
            query.shape(),
            key.shape()
        )));
    }
    if options.is_causal && options.attn_mask.is_none() {
        return Err(Error::state(NAME, "is_causal needs attn_mask")
            .hint("Transformer.generate_square_subsequent_mask makes it"));
    }
    // The causal mask need not be looked at where nothing else asks for one.
    let causal = options.is_causal && options.key_padding_mask.is_none() && !options.need_weights;
    let [q, mut k, mut v] = projected(query, key, value, options)?;
    let mask =
        if causal { Mask(None) } else { Mask::of(options, q.dtype(), (batch, rows, k.shape()[0]), batched)? };
    if let Some((learned_key, learned_value)) = options.learned {
        let shape = [1, batch, width];
        k = Tensor::concatenate(&[&k, &learned_key.broadcast_to(&shape)?], Some(0))?;
        v = Tensor::concatenate(&[&v, &learned_value.broadcast_to(&shape)?], Some(0))?;
    }
    if options.add_zero_attn {
        let zeros = Tensor::zeros(&[1, batch, width], k.dtype())?;
        k = Tensor::concatenate(&[&k, &zeros], Some(0))?;
        v = Tensor::concatenate(&[&v, &zeros], Some(0))?;
    }
    let added = i64::from(options.learned.is_some()) + i64::from(options.add_zero_attn);
    let mask = if added > 0 { mask.widened(added)? } else { mask };
    // (L, N, E) as (N, heads, L, E / heads).
    let split = |tensor: &Tensor| {
        tensor
            .reshaped(&Shape::from([tensor.shape()[0], batch, heads, width / heads]))?
            .permute(&[1, 2, 0, 3])
    };
    let (q, k, v) = (split(&q)?, split(&k)?, split(&v)?);
    let (attended, weights) = if options.need_weights {
        let scale = 1.0 / ((width / heads) as f64).sqrt();
        let weights = mask.weights(&q.multiply(scale)?.matmul(&k.transpose(-2, -1)?)?)?;
        let weights = dropout(&weights, options.dropout_p, true, None)?;
        (weights.matmul(&v)?, Some(weights))
    } else {
        let allowed = match &mask.0 {
            Some(mask) if mask.dtype() == DType::Bool => Some(mask.logical_not()?),
            other => other.clone(),
        };
        let attention = AttentionOptions {
            mask: allowed.as_ref(),
            dropout_p: options.dropout_p,
            is_causal: causal,
            ..AttentionOptions::default()
        };
        (scaled_dot_product_attention(&q, &k, &v, &attention)?, None)
    };
    let joined = attended.permute(&[2, 0, 1, 3])?.reshaped(&Shape::from([rows, batch, width]))?;
    let output = linear(&joined, options.output.0, options.output.1)?;
    let weights = match weights {
        Some(weights) if options.average_attn_weights => Some(weights.mean(Some(&[1]), false)?),
        other => other,
    };
    Ok((output, weights))
}
