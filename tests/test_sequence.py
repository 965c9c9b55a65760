"""Recurrent layers, attention, transformers, embeddings: what PyTorch's records do not hold."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from support import array_of, assert_gradients
from tenfold import nn
from tenfold.nn import functional as F
from tenfold.nn.utils import rnn

RECURRENT = [nn.RNN, nn.LSTM, nn.GRU]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def drawn(*shape: int, seed: int = 0, dtype: Any = tf.float32) -> tf.Tensor:
    return tf.tensor(numbers(*shape, seed=seed), dtype=dtype)


def assert_close(a: tf.Tensor, b: tf.Tensor, tolerance: float = 1e-5) -> None:
    """Equal but for the order of sums of some tens of float32 numbers near 1."""
    np.testing.assert_allclose(array_of(a), array_of(b), rtol=tolerance, atol=tolerance)


def functional_of(module: nn.Module) -> tuple[Callable[..., Any], list[np.ndarray]]:
    """The module as a function of its parameters (in float64), and their values."""
    names = [name for name, _ in module.named_parameters()]
    values = [array_of(parameter) for parameter in module.parameters()]

    def call(parameters: tuple[tf.Tensor, ...], *args: Any, **kwargs: Any) -> Any:
        for name, value in zip(names, parameters, strict=True):
            owner, _, last = name.rpartition(".")
            inner = module.get_submodule(owner) if owner else module
            inner._parameters[last] = value
        return module(*args, **kwargs)

    return call, values


def assert_module_gradients(module: nn.Module, *points: np.ndarray, join: Callable[..., tf.Tensor]) -> None:
    """Gradients of inputs and parameters are finite differences; `join` makes one tensor of the call's results."""
    call, values = functional_of(module.double())

    def function(*tensors: tf.Tensor) -> tf.Tensor:
        return join(lambda *args, **kwargs: call(tensors[len(points) :], *args, **kwargs), *tensors[: len(points)])

    assert_gradients(function, *points, *values, rtol=1e-5)


# --- Recurrent layers


@pytest.mark.parametrize("module", RECURRENT)
def test_gradients_of_recurrent_layers_are_finite_differences(module: Any) -> None:
    states = 2 if module is nn.LSTM else 1

    def join(call: Any, x: tf.Tensor, *hx: tf.Tensor) -> tf.Tensor:
        output, last = call(x, hx if states == 2 else hx[0])
        last = last if states == 2 else (last,)
        return tf.cat([tensor.reshape(-1) for tensor in (output, *last)], 0)

    points = [numbers(3, 2, 3), *(numbers(4, 2, 2, seed=seed) for seed in range(states))]
    assert_module_gradients(module(3, 2, 2, bidirectional=True), *points, join=join)


@pytest.mark.parametrize("module", RECURRENT)
def test_gradients_through_packed_sequences_are_finite_differences(module: Any) -> None:
    def join(call: Any, x: tf.Tensor) -> tf.Tensor:
        output, last = call(rnn.pack_padded_sequence(x, [2, 4, 1], enforce_sorted=False))
        last = last if module is nn.LSTM else (last,)
        return tf.cat([tensor.reshape(-1) for tensor in (output.data, *last)], 0)

    assert_module_gradients(module(2, 3, bidirectional=True), numbers(4, 3, 2), join=join)


@pytest.mark.parametrize("module", RECURRENT)
def test_recurrent_layers_can_be_differentiated_twice(module: Any) -> None:
    layer = module(2, 3).double()
    x = drawn(3, 2, 2, dtype=tf.float64)

    def slope(x: tf.Tensor) -> tf.Tensor:
        x = x if x.requires_grad else x.requires_grad_()
        output, _ = layer(x)
        (gradient,) = tf.autograd.grad((output * output).sum(), x, create_graph=True)
        return gradient

    weight = numbers(3, 2, 2, seed=1)
    x.requires_grad_()
    (found,) = tf.autograd.grad((slope(x) * tf.tensor(weight)).sum(), x)
    step = 1e-6
    for place in itertools.product(range(3), range(2), range(2)):
        moved = np.zeros((3, 2, 2))
        moved[place] = step
        high, low = (slope(tf.tensor(array_of(x) + sign * moved)) for sign in (1, -1))
        expected = ((array_of(high) - array_of(low)) * weight).sum() / (2 * step)
        np.testing.assert_allclose(array_of(found)[place], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("module", RECURRENT)
def test_a_layer_is_its_cell_step_by_step(module: Any) -> None:
    layer = module(3, 4)
    cell = getattr(nn, f"{module.__name__}Cell")(3, 4)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = drawn(5, 2, 3)
    state = None
    for step, output in zip(x, layer(x)[0], strict=True):
        state = cell(step, state)
        assert_close(state[0] if module is nn.LSTM else state, output)


@pytest.mark.parametrize("module", RECURRENT)
def test_a_packed_batch_is_each_sequence_alone(module: Any) -> None:
    layer = module(3, 4, 2, bidirectional=True)
    sequences = [drawn(length, 3, seed=length) for length in (2, 5, 1, 3)]
    output, last = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    for number, (sequence, rows) in enumerate(zip(sequences, rnn.unpack_sequence(output), strict=True)):
        alone, state = layer(sequence)
        assert_close(rows, alone)
        states, expected = (last, state) if module is nn.LSTM else ((last,), (state,))
        for a, b in zip(states, expected, strict=True):
            assert_close(a[:, number], b)


@pytest.mark.parametrize("module", RECURRENT)
@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precisions_are_computed_in_float32_and_rounded_once(module: Any, dtype: Any) -> None:
    layer = module(3, 4).to(dtype)
    wide = copy.deepcopy(layer).float()
    x = drawn(4, 2, 3, dtype=dtype)
    assert array_of(layer(x)[0]).tolist() == array_of(wide(x.float())[0].to(dtype)).tolist()


def test_dropout_acts_between_layers_in_training_only() -> None:
    layer = nn.GRU(3, 8, 2, dropout=1.0)
    x = drawn(4, 2, 3)
    silent = copy.deepcopy(layer.eval())(tf.zeros(4, 2, 3))
    assert not np.array_equal(array_of(layer(x)[0]), array_of(silent[0]))
    # Everything between the layers is dropped, so that the input does not matter.
    a, b = layer.train()(x)[0], layer(tf.zeros(4, 2, 3))[0]
    assert array_of(a).tolist() == array_of(b).tolist()


def test_recurrent_weights_are_listed_by_layer_and_direction() -> None:
    layer = nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True)
    assert [len(weights) for weights in layer.all_weights] == [5] * 4
    assert layer.all_weights[3][4] is layer.weight_hr_l1_reverse
    layer.flatten_parameters()


def test_recurrent_layers_copy_and_pickle() -> None:
    layer = nn.LSTM(3, 4, 2)
    x = drawn(2, 3, 3)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert_close(other(x)[0], layer(x)[0])


def test_one_dropout_without_a_next_layer_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="dropout acts between layers"):
        nn.GRU(2, 3, dropout=0.5)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "proj_size must be from 0 to less than hidden_size; got 4"),
        (lambda: nn.LSTM(3, 4, num_layers=0), ValueError, "num_layers must be greater than zero; got 0"),
        (lambda: nn.GRU(3, 0), ValueError, "hidden_size must be greater than zero; got 0"),
        (lambda: nn.GRU(3.0, 2), TypeError, "input_size must be an int; got float"),  # type: ignore[arg-type]
        (lambda: nn.GRU(3, 2, bias=1), TypeError, "bias must be a bool; got int"),  # type: ignore[arg-type]
        (lambda: nn.GRU(3, 2, 2, dropout=2), ValueError, "dropout must be a number from 0 to 1; got 2"),
        (lambda: nn.RNN(3, 4, proj_size=2), ValueError, "only LSTM takes proj_size; got 2"),
        (lambda: nn.RNN(3, 4, nonlinearity="x"), ValueError, "nonlinearity must be 'tanh' or 'relu'; got 'x'"),
        (lambda: nn.LSTM(3, 4)(tf.zeros(3)), ValueError, "LSTM: expected input to be 2D or 3D; got 1D"),
        (lambda: nn.LSTM(3, 4)(tf.zeros(2, 2)), RuntimeError, "must be input_size; got 2, expected 3"),
        (lambda: nn.LSTM(3, 4)(tf.zeros(2, 2, 3).double()), ValueError, "must have the weights' dtype"),
        (
            lambda: nn.LSTM(3, 4)(tf.zeros(2, 2, 3), (tf.zeros(1, 2, 5), tf.zeros(1, 2, 4))),
            RuntimeError,
            r"lstm: hx must have shape \(1, 2, 4\); got \(1, 2, 5\)",
        ),
        (
            lambda: nn.GRU(3, 4)(tf.zeros(2, 2, 3), tf.zeros(2, 4)),
            RuntimeError,
            "a 3D input needs initial states with 3 axes; got 2D",
        ),
        (lambda: nn.LSTM(3, 4)(tf.zeros(2, 2, 3), tf.zeros(1, 2, 4)), TypeError, "must be a pair"),
        (lambda: nn.RNN(3, 4)(tf.zeros(0, 2, 3)), RuntimeError, "needs at least one step"),
        (lambda: nn.RNNCell(3, 4)(tf.zeros(2, 5)), RuntimeError, "do not fit weights"),
        (lambda: nn.LSTMCell(3, 4)(tf.zeros(2, 3, 3)), ValueError, "expected input to be 1D or 2D; got 3D"),
        (lambda: nn.RNNCell(3, 4, nonlinearity="x")(tf.zeros(2, 3)), RuntimeError, "'tanh' or 'relu'; got 'x'"),
    ],
)
def test_errors_of_recurrent_layers(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


# --- Packed sequences


def test_packing_and_padding_undo_each_other() -> None:
    x = drawn(4, 3, 2)
    for batch_first, lengths in itertools.product((False, True), ([4, 3, 1], [1, 4, 2])):
        given = x.transpose(0, 1) if batch_first else x
        packed = rnn.pack_padded_sequence(given, lengths, batch_first, enforce_sorted=False)
        padded, found = rnn.pad_packed_sequence(packed, batch_first, padding_value=7.0, total_length=6)
        assert found.tolist() == lengths
        assert padded.shape[1 if batch_first else 0] == 6
        for number, length in enumerate(lengths):
            rows = padded[number] if batch_first else padded[:, number]
            assert rows[:length].tolist() == x[:length, number].tolist()
            assert (rows[length:] == 7).all()


def test_sequences_are_padded_on_either_side() -> None:
    pieces = [tf.tensor([[1.0, 2.0]]), tf.tensor([[3.0, 4.0], [5.0, 6.0]])]
    assert rnn.pad_sequence(pieces, True, 9.0).tolist() == [[[1, 2], [9, 9]], [[3, 4], [5, 6]]]
    assert rnn.pad_sequence(pieces, True, padding_side="left").tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]
    assert rnn.pad_sequence(pieces).shape == (2, 2, 2)


def test_packed_sequences_convert_and_pickle() -> None:
    packed = rnn.pack_sequence([tf.tensor([1.0]), tf.tensor([2.0, 3.0])], enforce_sorted=False)
    assert packed.double().data.dtype == tf.float64
    assert packed.to(tf.float32) is packed
    again = pickle.loads(pickle.dumps(packed))
    assert isinstance(again, rnn.PackedSequence)
    assert again.unsorted_indices.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("lengths", "error", "text"),
    [
        ([1, 3], RuntimeError, r"must be sorted, longest first; got \[1, 3\]. Hint: give enforce_sorted=False"),
        ([3, 0], RuntimeError, "every length must be positive; got 0"),
        ([3], RuntimeError, "2 sequences need as many lengths; got 1"),
        ([4, 3], RuntimeError, "length 4 exceeds the 3 steps"),
    ],
)
def test_lengths_that_lie_are_refused(lengths: list[int], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        rnn.pack_padded_sequence(tf.zeros(3, 2, 1), lengths)


def test_padding_to_less_than_the_longest_is_refused() -> None:
    packed = rnn.pack_sequence([tf.zeros(3), tf.zeros(1)])
    with pytest.raises(ValueError, match="total_length must be at least the longest sequence, 3; got 2"):
        rnn.pad_packed_sequence(packed, total_length=2)


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


# --- Embeddings


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_gradients_of_embedding_bags_are_finite_differences(mode: str) -> None:
    indices, offsets = tf.tensor([1, 4, 4, 0, 2, 1]), tf.tensor([0, 0, 3])

    def bags(weight: tf.Tensor) -> tf.Tensor:
        return F.embedding_bag(indices, weight, offsets, mode=mode)

    assert_gradients(bags, numbers(5, 3))


def test_gradients_of_weights_of_samples_are_finite_differences() -> None:
    indices = tf.tensor([[1, 4, 4], [0, 2, 1]])

    def bags(weight: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        return F.embedding_bag(indices, weight, mode="sum", per_sample_weights=samples, padding_idx=4)

    # The padding row has no gradient by definition, so its points are left out.
    weight = tf.tensor(numbers(5, 2))
    assert_gradients(lambda samples: bags(weight, samples), numbers(2, 3))
    samples = tf.tensor(numbers(2, 3))
    assert_gradients(lambda rows: bags(tf.cat([rows, weight[4:]], 0), samples), numbers(4, 2))


def test_a_bounded_norm_shortens_only_what_is_looked_up() -> None:
    layer = nn.Embedding(4, 2, max_norm=1.0)
    with tf.no_grad():
        layer.weight.copy_(tf.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0], [0.0, 0.0]]))
    layer(tf.tensor([0, 1, 3, 0]))
    np.testing.assert_allclose(array_of(layer.weight), [[0.6, 0.8], [0.3, 0.4], [6, 8], [0, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda w: F.embedding_bag(tf.tensor([0, 1]), w), ValueError, "needs offsets; got none"),
        (
            lambda w: F.embedding_bag(tf.tensor([0, 1]), w, tf.tensor([1])),
            RuntimeError,
            "first offset must be 0; got 1",
        ),
        (
            lambda w: F.embedding_bag(tf.tensor([0, 1]), w, tf.tensor([0, 3])),
            RuntimeError,
            "must not fall nor exceed 2",
        ),
        (lambda w: F.embedding_bag(tf.tensor([[0]]), w, tf.tensor([0])), ValueError, "a bag a row; got offsets too"),
        (lambda w: F.embedding_bag(tf.tensor([[0]]), w, mode="x"), ValueError, 'no such mode; got "x"'),
        (lambda w: F.embedding_bag(tf.tensor([[7]]), w), RuntimeError, "index 7 is out of range for 3 rows"),
        (lambda w: F.embedding_bag(tf.tensor([[[0]]]), w), ValueError, "the input needs 1 or 2 axes"),
        (
            lambda w: F.embedding_bag(tf.tensor([[0]]), w, per_sample_weights=tf.ones(1, 1)),
            NotImplementedError,
            "per_sample_weights need mode sum",
        ),
        (
            lambda w: F.embedding_bag(tf.tensor([[0]]), w, mode="sum", per_sample_weights=tf.ones(1, 2)),
            ValueError,
            "per_sample_weights must have shape",
        ),
        (
            lambda w: F.embedding_bag(tf.tensor([[0]]), w, mode="max", scale_grad_by_freq=True),
            ValueError,
            "mode max takes no scale_grad_by_freq",
        ),
        (lambda w: nn.EmbeddingBag(3, 2, sparse=True), NotImplementedError, "EmbeddingBag: sparse is not offered"),
        (lambda w: F.embedding(tf.tensor([0]), w, sparse=True), NotImplementedError, "embedding: sparse"),
    ],
)
def test_errors_of_embedding_bags(call: Callable[[tf.Tensor], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call(tf.zeros(3, 2))
