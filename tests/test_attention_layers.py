"""Attention, transformers, generation and positions: what PyTorch's records do not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tenfold as tf
from sequences import assert_close, assert_module_gradients, drawn, numbers
from support import array_of, assert_gradients
from tenfold import nn
from tenfold.nn import functional as F

# --- Attention


@pytest.mark.parametrize("case", ["plain", "causal", "bool", "additive", "grouped"])
def test_gradients_of_attention_are_finite_differences(case: str) -> None:
    heads = 4 if case == "grouped" else 2
    points = [numbers(heads, 5, 3), numbers(2, 7, 3, seed=1), numbers(2, 7, 2, seed=2)]
    options: dict[str, Any] = {"causal": {"is_causal": True}, "grouped": {"enable_gqa": True}}.get(case, {})
    if case == "bool":
        mask = numbers(5, 7, seed=3) > 0
        mask[2] = False  # sees nothing
        options = {"attn_mask": tf.tensor(mask)}
    if case == "additive":
        points.append(numbers(5, 7, seed=4))
    assert_gradients(lambda *tensors: F.scaled_dot_product_attention(*tensors, **options), *points)


@pytest.mark.parametrize("is_causal", [False, True])
def test_attention_can_be_differentiated_twice(is_causal: bool) -> None:
    def slopes(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        inputs = [tensor if tensor.requires_grad else tensor.requires_grad_() for tensor in (q, k, v)]
        y = F.scaled_dot_product_attention(*inputs, is_causal=is_causal)
        gradients = tf.autograd.grad((y * y).sum(), inputs, create_graph=True)
        return tf.cat([gradient.reshape(-1) for gradient in gradients], 0)

    points = [numbers(1, 3, 2, seed=seed) for seed in range(3)]
    inputs = [tf.tensor(point, requires_grad=True) for point in points]
    result = slopes(*inputs)
    weight = numbers(*result.shape, seed=3)
    found = tf.autograd.grad((result * tf.tensor(weight)).sum(), inputs)
    for index, point in enumerate(points):
        for place in np.ndindex(point.shape):
            values = []
            for sign in (1, -1):
                moved = [other.copy() for other in points]
                moved[index][place] += sign * 1e-6
                values.append((array_of(slopes(*map(tf.tensor, moved))) * weight).sum())
            expected = (values[0] - values[1]) / 2e-6
            np.testing.assert_allclose(array_of(found[index])[place], expected, rtol=1e-5, atol=1e-6)


def attention_by_definition(q: np.ndarray, k: np.ndarray, v: np.ndarray, bias: np.ndarray) -> np.ndarray:
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + bias
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (65, 1), (63, 130), (200, 333)])
@pytest.mark.parametrize("is_causal", [False, True])
def test_attention_of_any_length_is_its_definition(shape: tuple[int, int], is_causal: bool) -> None:
    rows, columns = shape
    q, k, v = numbers(2, rows, 19), numbers(2, columns, 19, seed=1), numbers(2, columns, 13, seed=2)
    bias = np.where(np.tri(rows, columns, dtype=bool), 0.0, -np.inf) if is_causal else np.zeros((rows, columns))
    expected = attention_by_definition(q, k, v, bias)
    for dtype, tolerance in ((tf.float64, 1e-13), (tf.float32, 2e-6)):
        # Sums of up to 333 products of numbers near 1: some units in the last place.
        found = F.scaled_dot_product_attention(*(tf.tensor(a, dtype=dtype) for a in (q, k, v)), is_causal=is_causal)
        np.testing.assert_allclose(array_of(found), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.bfloat16])
@pytest.mark.parametrize("masked", ["not", "causal", "bool", "added"])
@pytest.mark.parametrize("shape", [(1, 1, 40, 300, 16), (4, 2, 7, 13, 5), (6, 2, 1, 70, 64), (3, 3, 130, 9, 96)])
def test_attention_in_one_kernel_is_the_composition(shape: tuple[int, ...], masked: str, dtype: tf.dtype) -> None:
    heads, groups, rows, columns, width = shape
    arrays = [numbers(2, heads, rows, width), numbers(2, groups, columns, width, seed=1)]
    arrays.append(numbers(2, groups, columns, width, seed=2))
    inputs = [tf.tensor(array, dtype=dtype, requires_grad=True) for array in arrays]
    options: dict[str, Any] = {"enable_gqa": heads != groups}
    bias = np.zeros((rows, columns))
    if masked == "causal":
        options["is_causal"] = True
        bias = np.where(np.tri(rows, columns, dtype=bool), 0.0, -np.inf)
    elif masked == "bool":
        allowed = numbers(1, columns, seed=3) > -0.5
        allowed[0, 0] = True
        options["attn_mask"], bias = tf.tensor(allowed), np.where(allowed, 0.0, -np.inf)
    elif masked == "added":
        bias = array_of(tf.tensor(numbers(heads, rows, columns, seed=3), dtype=dtype).to(tf.float64))
        options["attn_mask"] = tf.tensor(bias, dtype=dtype)
    # The operands as they were rounded, in float64, step by step.
    q, k, v = (tensor.detach().to(tf.float64).requires_grad_() for tensor in inputs)
    repeated = [tf.repeat(tensor, heads // groups, axis=1) for tensor in (k, v)]
    scores = q @ repeated[0].mT / width**0.5 + tf.tensor(bias)
    expected = F.softmax(scores, -1) @ repeated[1]
    found = F.scaled_dot_product_attention(*inputs, **options)
    weight = tf.tensor(numbers(*expected.shape, seed=4), dtype=dtype)
    wanted_gradients = tf.autograd.grad(expected, [q, k, v], weight.to(tf.float64))
    gradients = tf.autograd.grad(found, inputs, weight)
    # Scores of up to 96 products, sums over up to 390 queries or 300 keys, relative to the largest number: a few
    # hundred units in the last place at most; half precisions round operands that are exact here once, at the end.
    tolerance = {tf.float32: 300 * 2**-24, tf.float64: 300 * 2**-53, tf.bfloat16: 2**-8}[dtype]
    for result, wanted in zip((found, *gradients), (expected, *wanted_gradients), strict=True):
        wanted_array = array_of(wanted)
        largest = max(1.0, np.abs(wanted_array).max())
        np.testing.assert_allclose(
            array_of(result.to(tf.float64)), wanted_array, rtol=tolerance, atol=tolerance * largest
        )


def test_a_query_that_may_look_at_nothing_gives_zeros_and_no_gradient() -> None:
    q, k, v = (drawn(3, 2, seed=seed).requires_grad_() for seed in range(3))
    mask = tf.tensor([[True, False, True], [False, False, False], [True, True, True]])
    for given in (mask, tf.where(mask, 0.0, -float("inf"))):
        y = F.scaled_dot_product_attention(q, k, v, given)
        assert y[1].tolist() == [0, 0]
        gradients = tf.autograd.grad(y.sum(), [q, k, v])
        assert gradients[0][1].tolist() == [0, 0]
        assert all(gradient.isfinite().all() for gradient in gradients)


def test_dropout_of_attention_keeps_the_mean() -> None:
    q, k, v = tf.zeros(64, 64, 8), tf.zeros(64, 64, 8), tf.ones(64, 64, 8)
    y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.25)
    # 4096 rows of 64 kept with probability 3/4: the mean is off by less than five standard errors.
    assert abs(float(y.mean()) - 1) < 5 * (1 / 3 / (64 * 4096)) ** 0.5
    assert float(y.std()) > 0


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ([(3,), (2, 3), (2, 3)], {}, RuntimeError, "operands need at least two axes"),
        ([(4, 3), (2, 5), (2, 3)], {}, RuntimeError, "needs a query"),
        ([(4, 3), (2, 3), (3, 3)], {}, RuntimeError, "needs a query"),
        ([(3, 4, 3), (2, 2, 3), (2, 2, 3)], {}, RuntimeError, "broadcast"),
        ([(3, 4, 3), (2, 2, 3), (2, 2, 3)], {"enable_gqa": True}, RuntimeError, "heads of key and value must divide"),
        ([(4, 3), (2, 3), (2, 3)], {"dropout_p": 1.5}, RuntimeError, "dropout_p must be from 0 to 1; got 1.5"),
        ([(4, 3), (2, 3), (2, 3)], {"attn_mask": "int"}, RuntimeError, "attn_mask must be bool, float32 or"),
        ([(4, 3), (2, 3), (2, 3)], {"attn_mask": "bool", "is_causal": True}, RuntimeError, "exclude each other"),
    ],
)
def test_errors_of_attention(arguments: Any, options: dict[str, Any], error: type[Exception], text: str) -> None:
    if "attn_mask" in options:
        options = {
            **options,
            "attn_mask": tf.ones(4, 2, dtype=getattr(tf, {"int": "int32"}.get(options["attn_mask"], "bool"))),
        }
    with pytest.raises(error, match=text):
        F.scaled_dot_product_attention(*(tf.zeros(*shape) for shape in arguments), **options)


def test_errors_of_multi_head_attention() -> None:
    with pytest.raises(AssertionError, match="embed_dim must be divisible by num_heads; got 5 and 2"):
        nn.MultiheadAttention(5, 2)
    with pytest.raises(ValueError, match="embed_dim and num_heads must be positive; got 4 and 0"):
        nn.MultiheadAttention(4, 0)
    attention, x = nn.MultiheadAttention(4, 2), tf.zeros(3, 2, 4)
    with pytest.raises(RuntimeError, match="is_causal needs attn_mask"):
        attention(x, x, x, is_causal=True)
    with pytest.raises(RuntimeError, match=r"attn_mask must have shape \(3, 3\) or \(4, 3, 3\); got \(3, 2\)"):
        attention(x, x, x, attn_mask=tf.zeros(3, 2))
    with pytest.raises(RuntimeError, match=r"key_padding_mask must have shape \(2, 3\)"):
        attention(x, x, x, key_padding_mask=tf.zeros(3, 2))


def test_one_value_with_and_without_its_gradient_is_projected_apart() -> None:
    attention = nn.MultiheadAttention(4, 2)
    x = drawn(3, 2, 4).requires_grad_()
    (whole,) = tf.autograd.grad(attention(x, x, x)[0].sum(), x)
    (part,) = tf.autograd.grad(attention(x, x.detach(), x.detach())[0].sum(), x)
    assert not np.allclose(array_of(whole), array_of(part))


# --- Transformers


@pytest.mark.parametrize("norm_first", [False, True])
def test_gradients_of_transformer_layers_are_finite_differences(norm_first: bool) -> None:
    encoder = nn.TransformerEncoderLayer(4, 2, 3, 0.0, nn.GELU(), norm_first=norm_first)
    assert_module_gradients(encoder, numbers(3, 2, 4), join=lambda call, x: call(x))
    decoder = nn.TransformerDecoderLayer(4, 2, 3, 0.0, "gelu", norm_first=norm_first)
    points = numbers(3, 1, 4), numbers(2, 1, 4, seed=1)
    assert_module_gradients(decoder, *points, join=lambda call, x, memory: call(x, memory))


def test_a_causal_mask_is_found_by_looking_at_it() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0.0), 2)
    x = drawn(5, 2, 4)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    assert mask[0].tolist() == [0, *[-float("inf")] * 4]
    told = encoder(x, mask, is_causal=True)
    for given in (mask, mask == -float("inf")):
        assert_close(encoder(x, given), told)
    changed = x.clone()
    changed[4] += 1
    assert_close(encoder(changed, mask)[:4], told[:4])


def test_transformers_refuse_what_does_not_fit() -> None:
    model = nn.Transformer(4, 2, 1, 1, 6)
    with pytest.raises(RuntimeError, match="src and tgt must have the same batch"):
        model(tf.zeros(3, 2, 4), tf.zeros(3, 1, 4))
    with pytest.raises(RuntimeError, match="must have d_model=4 features"):
        model(tf.zeros(3, 2, 5), tf.zeros(3, 2, 4))
    with pytest.raises(RuntimeError, match="activation must be 'relu', 'gelu' or a function; got 'tanh'"):
        nn.TransformerEncoderLayer(4, 2, activation="tanh")


def test_clones_of_a_layer_learn_apart() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 3)
    assert len({id(parameter) for parameter in encoder.parameters()}) == 3 * 12


# --- Generation and positions


def test_a_cache_gives_what_the_whole_sequence_gives() -> None:
    q, k, v = (drawn(2, 3, 9, 4, seed=seed) for seed in range(3))
    whole = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    for max_length in (None, 9):
        cache, start, pieces = nn.KeyValueCache(max_length), 0, []
        for length in (4, 1, 3, 1):
            part = slice(start, start + length)
            keys, values = cache.update(k[:, :, part], v[:, :, part])
            pieces.append(F.scaled_dot_product_attention(q[:, :, part], keys, values, cache.mask(length)))
            start += length
        assert len(cache) == 9
        assert_close(tf.cat(pieces, 2), whole)


def test_a_cache_can_forget_and_refuses_what_does_not_fit() -> None:
    cache = nn.KeyValueCache(4)
    cache.update(tf.ones(1, 3, 2), tf.ones(1, 3, 5))
    cache.truncate(1)
    keys, _ = cache.update(tf.zeros(1, 2, 2), tf.zeros(1, 2, 5))
    assert keys[0, :, 0].tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="5 positions exceed max_length; got max_length=4"):
        cache.update(tf.zeros(1, 2, 2), tf.zeros(1, 2, 5))
    with pytest.raises(ValueError, match="do not fit those of shape"):
        cache.update(tf.zeros(1, 1, 3), tf.zeros(1, 1, 5))
    with pytest.raises(ValueError, match="length must be from 0 to 3; got 4"):
        cache.truncate(4)


def test_sinusoidal_positions_are_their_formula() -> None:
    position, pair = np.arange(50)[:, None], np.arange(6)[None]
    angle = position / 10000 ** (2 * pair / 12)
    expected = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(50, 12)
    # Two functions of float64, each within some units in the last place.
    np.testing.assert_allclose(array_of(F.sinusoidal_positions(50, 12, dtype=tf.float64)), expected, atol=1e-14)
    encode = nn.SinusoidalPositionalEncoding(12)
    np.testing.assert_allclose(array_of(encode(tf.zeros(2, 5, 12), start=3))[1], expected[3:8], atol=1e-6)
    with pytest.raises(ValueError, match="the width must be even and positive; got 3"):
        F.sinusoidal_positions(2, 3)


@pytest.mark.parametrize("interleaved", [False, True])
def test_products_of_rotated_vectors_depend_on_their_distance_only(interleaved: bool) -> None:
    rotary = nn.RotaryEmbedding(6, interleaved=interleaved)
    q, k = drawn(1, 6, dtype=tf.float64), drawn(1, 6, seed=1, dtype=tf.float64)

    def product(a: int, b: int) -> float:
        return float((rotary(q, tf.tensor([a])) * rotary(k, tf.tensor([b]))).sum())

    assert product(0, 0) == pytest.approx(float((q * k).sum()), abs=1e-12)
    assert product(7, 4) == pytest.approx(product(103, 100), abs=1e-11)
    assert_gradients(lambda x: F.rotary_embedding(x, interleaved=interleaved), numbers(3, 6))


def test_rotary_positions_must_fit() -> None:
    x = tf.zeros(2, 3, 4)
    assert rotary_shape(x, tf.tensor([[5], [9]])) == (2, 3, 4)
    with pytest.raises(ValueError, match="positions must broadcast to"):
        F.rotary_embedding(x, tf.arange(4))
    with pytest.raises(TypeError, match="positions must be integers"):
        F.rotary_embedding(x, tf.zeros(3))


def rotary_shape(x: tf.Tensor, positions: tf.Tensor) -> Any:
    return F.rotary_embedding(x, positions).shape
