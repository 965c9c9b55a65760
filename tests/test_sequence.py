"""Recurrent layers, packed sequences, embeddings: what PyTorch's records do not hold."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from sequences import assert_close, assert_module_gradients, drawn, numbers
from support import array_of, assert_gradients
from tenfold import nn
from tenfold.nn import functional as F
from tenfold.nn.utils import rnn

RECURRENT = [nn.RNN, nn.LSTM, nn.GRU]


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
