//! Attention and positions.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use tenfold::functional::{self, AttentionOptions, InputProjection, MultiHeadOptions};
use tenfold::{DType, Error};

use super::{optional, wrapped};
use crate::convert::{Integers, TensorArgument};
use crate::dtype::DTypeArgument;
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// `softmax(query @ key.mT * scale + attn_mask) @ value`: `(..., L, D)`, `(..., S, D)` and `(..., S, V)` give `(..., L, V)`.
///
/// `attn_mask` broadcasts to `(..., L, S)`: bool (true where a key may be looked at) or added to the scores. `is_causal` lets
/// query i look at keys 0 to i. `scale` is `1 / sqrt(D)` by default. With `enable_gqa` each head of keys and values (axis -3)
/// serves several heads of queries. `dropout_p` acts whenever it is not 0. A query that may look at nothing gives zeros.
#[pyfunction]
#[pyo3(signature = (
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=false, scale=None, enable_gqa=false
))]
#[allow(clippy::too_many_arguments)]
fn scaled_dot_product_attention(
    query: TensorArgument,
    key: TensorArgument,
    value: TensorArgument,
    attn_mask: Option<TensorArgument>,
    dropout_p: f64,
    is_causal: bool,
    scale: Option<f64>,
    enable_gqa: bool,
) -> PyResult<PyTensor> {
    let options = AttentionOptions { mask: optional(&attn_mask), dropout_p, is_causal, scale, enable_gqa };
    wrapped(functional::scaled_dot_product_attention(&query.0, &key.0, &value.0, &options))
}

/// Attention of several heads over projections of `query` `(L, N, E)`, `key` `(S, N, K)` and `value` `(S, N, V)`, or all
/// without N: the output `(L, N, E)` and, with `need_weights`, the weights `(N, L, S)` (`(N, heads, L, S)` where they are not
/// averaged), else None.
///
/// See `nn.MultiheadAttention`. `static_k` and `static_v` are not offered.
#[pyfunction]
#[pyo3(signature = (
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn,
    dropout_p, out_proj_weight, out_proj_bias, training=true, key_padding_mask=None, need_weights=true,
    attn_mask=None, use_separate_proj_weight=false, q_proj_weight=None, k_proj_weight=None, v_proj_weight=None,
    static_k=None, static_v=None, average_attn_weights=true, is_causal=false
))]
#[allow(clippy::too_many_arguments)]
fn multi_head_attention_forward(
    py: Python<'_>,
    query: TensorArgument,
    key: TensorArgument,
    value: TensorArgument,
    embed_dim_to_check: usize,
    num_heads: i64,
    in_proj_weight: Option<TensorArgument>,
    in_proj_bias: Option<TensorArgument>,
    bias_k: Option<TensorArgument>,
    bias_v: Option<TensorArgument>,
    add_zero_attn: bool,
    dropout_p: f64,
    out_proj_weight: TensorArgument,
    out_proj_bias: Option<TensorArgument>,
    training: bool,
    key_padding_mask: Option<TensorArgument>,
    need_weights: bool,
    attn_mask: Option<TensorArgument>,
    use_separate_proj_weight: bool,
    q_proj_weight: Option<TensorArgument>,
    k_proj_weight: Option<TensorArgument>,
    v_proj_weight: Option<TensorArgument>,
    static_k: Option<TensorArgument>,
    static_v: Option<TensorArgument>,
    average_attn_weights: bool,
    is_causal: bool,
) -> PyResult<Py<PyAny>> {
    let name = "multi_head_attention_forward";
    if static_k.is_some() || static_v.is_some() {
        return Err(PyNotImplementedError::new_err(format!("{name}: static_k and static_v are not offered")));
    }
    if query.0.shape().last() != Some(&embed_dim_to_check) {
        return Err(to_python(Error::shape(
            name,
            format!("expected embedding dimension {embed_dim_to_check}; got shape {}", query.0.shape()),
        )));
    }
    let missing = |what: &str| to_python(Error::value(name, format!("{what} is needed; got None")));
    let input = if use_separate_proj_weight {
        match (&q_proj_weight, &k_proj_weight, &v_proj_weight) {
            (Some(q), Some(k), Some(v)) => InputProjection::Separate(&q.0, &k.0, &v.0),
            _ => return Err(missing("each of q_proj_weight, k_proj_weight and v_proj_weight")),
        }
    } else {
        InputProjection::Packed(optional(&in_proj_weight).ok_or_else(|| missing("in_proj_weight"))?)
    };
    let learned = match (&bias_k, &bias_v) {
        (Some(k), Some(v)) => Some((&k.0, &v.0)),
        (None, None) => None,
        _ => return Err(missing("bias_k beside bias_v")),
    };
    let options = MultiHeadOptions {
        num_heads: Integers(vec![num_heads]).extents(name)?[0],
        input,
        input_bias: optional(&in_proj_bias),
        learned,
        add_zero_attn,
        dropout_p: if training { dropout_p } else { 0.0 },
        output: (&out_proj_weight.0, optional(&out_proj_bias)),
        key_padding_mask: optional(&key_padding_mask),
        attn_mask: optional(&attn_mask),
        need_weights,
        average_attn_weights,
        is_causal,
    };
    let (output, weights) =
        functional::multi_head_attention(&query.0, &key.0, &value.0, &options).map_err(to_python)?;
    (PyTensor::from(output), weights.map(PyTensor::from)).into_py_any(py)
}

/// The sinusoidal encoding of positions 0 to `length - 1`: `(length, dim)`, with sines in even and cosines in odd columns
/// (Vaswani et al. 2017).
#[pyfunction]
#[pyo3(signature = (length, dim, base=10000.0, dtype=None))]
fn sinusoidal_positions(
    length: i64,
    dim: i64,
    base: f64,
    dtype: Option<DTypeArgument>,
) -> PyResult<PyTensor> {
    let extents = Integers(vec![length, dim]).extents("sinusoidal_positions")?;
    let dtype = dtype.map_or(DType::Float32, |dtype| dtype.0);
    wrapped(functional::sinusoidal_positions(extents[0], extents[1], base, dtype))
}

/// `x` `(..., L, D)` with each pair of features turned by an angle that grows with the position (Su et al. 2021).
///
/// Pair i turns by `position * base ** (-2 * i / D)`; a pair is features i and i + D/2, or 2i and 2i + 1 where `interleaved`.
/// `positions` (integers) broadcast to `(..., L)`; by default they count from 0.
#[pyfunction]
#[pyo3(signature = (x, positions=None, base=10000.0, interleaved=false))]
fn rotary_embedding(
    x: TensorArgument,
    positions: Option<TensorArgument>,
    base: f64,
    interleaved: bool,
) -> PyResult<PyTensor> {
    wrapped(functional::rotary_embedding(&x.0, optional(&positions), base, interleaved))
}

/// Adds the functions to the module.
pub(super) fn add_attention(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(scaled_dot_product_attention, module)?)?;
    module.add_function(wrap_pyfunction!(multi_head_attention_forward, module)?)?;
    module.add_function(wrap_pyfunction!(sinusoidal_positions, module)?)?;
    module.add_function(wrap_pyfunction!(rotary_embedding, module)?)
}
