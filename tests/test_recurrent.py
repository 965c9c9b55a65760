"""The fused recurrent layers against the textbook's steps, one operation after the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from support import array_of, equal_bits
from tenfold import nn
from tenfold.nn import functional as F

Step = Callable[..., tuple[tf.Tensor, ...]]


def rnn_step(activation: Callable[[tf.Tensor], tf.Tensor]) -> Step:
    def step(p: tf.Tensor, q: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return (activation(p + q),)

    return step


def lstm_step(p: tf.Tensor, q: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, ...]:
    i, f, g, o = (p + q).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(p: tf.Tensor, q: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, ...]:
    (pr, pz, pn), (qr, qz, qn) = p.chunk(3, -1), q.chunk(3, -1)
    r, z = (pr + qr).sigmoid(), (pz + qz).sigmoid()
    n = (pn + r * qn).tanh()
    return (n + z * (h - n),)


KINDS: dict[str, tuple[Callable[..., nn.Module], Step, int]] = {
    "RNN": (nn.RNN, rnn_step(tf.tanh), 1),
    "RNN relu": (lambda *args, **kwargs: nn.RNN(*args, nonlinearity="relu", **kwargs), rnn_step(F.relu), 1),
    "LSTM": (nn.LSTM, lstm_step, 2),
    "GRU": (nn.GRU, gru_step, 1),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def composed(
    kind: str, parameters: list[tf.Tensor], x: tf.Tensor, states: list[tf.Tensor], backwards: bool = False
) -> tuple[tf.Tensor, ...]:
    """The states at all steps, and the last ones, of one direction of one layer."""
    _, step, _ = KINDS[kind]
    w_ih, w_hh, b_ih, b_hh = parameters
    gru = kind == "GRU"
    outputs: list[tf.Tensor] = []
    for now in reversed(range(len(x))) if backwards else range(len(x)):
        p = F.linear(x[now], w_ih, b_ih if gru else b_ih + b_hh)
        states = list(step(p, F.linear(states[0], w_hh, b_hh if gru else None), *states))
        outputs.append(states[0])
    return (tf.stack(outputs[::-1] if backwards else outputs), *states)


def setting(
    kind: str, shape: tuple[int, int, int], units: int, dtype: Any = tf.float32
) -> tuple[nn.Module, tf.Tensor, list[tf.Tensor]]:
    """A layer, its input and its first states, all of which require gradients."""
    make, _, states = KINDS[kind]
    generator = np.random.default_rng(units)

    def drawn(*extents: int) -> tf.Tensor:
        return tf.tensor(generator.normal(size=extents), dtype=dtype).requires_grad_()

    return make(shape[2], units).to(dtype), drawn(*shape), [drawn(1, shape[1], units) for _ in range(states)]


def run(layer: nn.Module, x: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, ...]:
    """The states at all steps, and the last ones without their axis of layers."""
    output, last = layer(x, tuple(states) if len(states) == 2 else states[0])
    return (output, *(state[0] for state in (last if len(states) == 2 else (last,))))


@kinds
@pytest.mark.parametrize(("steps", "batch", "units"), [(1, 1, 1), (5, 3, 7), (3, 1, 13), (4, 2, 100), (2, 9, 300)])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_layers_give_the_bits_of_their_steps(kind: str, steps: int, batch: int, units: int, dtype: Any) -> None:
    layer, x, states = setting(kind, (steps, batch, 4), units, dtype)
    expected = composed(kind, list(layer.parameters()), x, [state[0] for state in states])
    for gradients in (True, False):
        with tf.set_grad_enabled(gradients):
            found = run(layer, x, states)
        assert all(itertools.starmap(equal_bits, zip(found, expected, strict=True)))


@kinds
@pytest.mark.parametrize("which", [(0,), (1,), (-1,), (0, 1, -1)])
@pytest.mark.parametrize(("batch", "units"), [(1, 13), (3, 7), (5, 1), (2, 40)])
def test_gradients_are_those_of_the_steps(kind: str, which: tuple[int, ...], batch: int, units: int) -> None:
    layer, x, states = setting(kind, (4, batch, 3), units, tf.float64)
    inputs = [x, *states, *layer.parameters()]

    def gradients(results: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        loss = sum((results[index] * results[index]).sum() for index in which)
        return tf.autograd.grad(loss, inputs)

    found = gradients(run(layer, x, states))
    expected = gradients(composed(kind, list(layer.parameters()), x, [state[0] for state in states]))
    for one, other in zip(found, expected, strict=True):
        # Sums of at most 4 steps · 160 gate gradients of magnitude below 10: 640 · 2⁻⁵³ · 10 ≈ 7e-13.
        np.testing.assert_allclose(array_of(one), array_of(other), rtol=1e-12, atol=1e-12)


@kinds
def test_a_layer_that_runs_backwards_starts_at_the_end(kind: str) -> None:
    layer, x, states = setting(kind, (4, 2, 3), 5)
    make, _, _ = KINDS[kind]
    both = make(3, 5, bidirectional=True)
    backwards = dict(layer.state_dict())
    both.load_state_dict(backwards | {name + "_reverse": value for name, value in backwards.items()})
    first = [tf.cat([state, state], 0) for state in states]
    output, last = both(x, tuple(first) if len(first) == 2 else first[0])
    expected = composed(kind, list(layer.parameters()), x, [state[0] for state in states], backwards=True)
    assert equal_bits(output[..., 5:], expected[0])
    assert equal_bits((last[0] if len(states) == 2 else last)[1], expected[1])


@kinds
def test_layers_can_be_differentiated_twice_through_all_operands(kind: str) -> None:
    layer, x, states = setting(kind, (3, 2, 2), 3, tf.float64)
    inputs = [x, *states, *layer.parameters()]

    def second(results: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        loss = sum((result**3).sum() for result in results)
        first = tf.autograd.grad(loss, inputs, create_graph=True)
        return tf.autograd.grad(sum((gradient * gradient).sum() for gradient in first), inputs)

    found = second(run(layer, x, states))
    expected = second(composed(kind, list(layer.parameters()), x, [state[0] for state in states]))
    for one, other in zip(found, expected, strict=True):
        # The same operations in another order of sums: below 100 terms of magnitude below 1e3.
        np.testing.assert_allclose(array_of(one), array_of(other), rtol=1e-11, atol=1e-11)


def test_a_layer_is_one_product_and_one_operation_over_all_steps() -> None:
    layer = nn.LSTM(3, 4)
    x = tf.randn(50, 2, 3)
    tf.synchronize()
    output, _ = layer(x)
    if not output.explain().kernels:
        pytest.skip("nothing is pending in immediate mode")
    names = [kernel.split()[0] for kernel in output.explain().kernels]
    # The sum of the biases, zeros for the states, the input's product, and the layer.
    assert names.count("lstm") == names.count("gemm") == 1
    assert len(names) <= 6


@kinds
def test_gradients_of_gradients_go_no_further_than_they_must(kind: str) -> None:
    layer, x, states = setting(kind, (2, 1, 3), 2)
    seen: list[tf.Tensor] = []
    before = x * 2
    before.register_hook(seen.append)
    output, *_ = run(layer, before, states)
    (gradient,) = tf.autograd.grad(output.sum(), x, create_graph=True)
    assert len(seen) == 1
    tf.autograd.grad(gradient.sum(), [next(layer.parameters())])
    # Layers share nothing with what lies before their input.
    assert gradient.shape == x.shape


@kinds
def test_sequences_of_nothing(kind: str) -> None:
    layer, _, _ = setting(kind, (1, 1, 3), 4)
    output, _ = layer(tf.zeros(3, 0, 3).requires_grad_())
    assert output.shape == (3, 0, 4)
    output.sum().backward()
    assert all(not array_of(parameter.grad).any() for parameter in layer.parameters())


def test_nan_and_infinity_pass_through() -> None:
    layer, x, states = setting("LSTM", (3, 2, 3), 4)
    wild = array_of(x).copy()
    wild[1, 0, 0] = np.nan
    wild[1, 1, 0] = np.inf
    found = run(layer, tf.tensor(wild), states)
    expected = composed("LSTM", list(layer.parameters()), tf.tensor(wild), [state[0] for state in states])
    assert all(itertools.starmap(equal_bits, zip(found, expected, strict=True)))
    assert np.isnan(array_of(found[0])[1:, 0]).all()
    assert not np.isnan(array_of(found[0])[0]).any()
