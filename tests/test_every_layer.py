"""What holds for every layer: gradients in float64, copies, pickles, hooks. The layers are those of `tests/parity`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from parity.cases import Case, draw_cases
from parity.replay import build, draw_inputs
from support import array_of
from tenfold import nn


def cases() -> list[Case]:
    """The first cases of each layer, in training and in evaluation."""
    found: dict[tuple[str, bool], Case] = {}
    for family in draw_cases(0).values():
        for case in family:
            if case["kind"] == "module":
                found.setdefault((case["target"], case["train"]), case)
    return list(found.values())


CASES = cases()
each_layer = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def prepared(case: Case) -> tuple[nn.Module, tf.Tensor]:
    """The layer in float64 and its input."""
    tf.manual_seed(0)
    module = build(tf, case).double().train(case["train"])
    x = draw_inputs(case, np.random.default_rng(0))["input.x"]
    return module, tf.tensor(x.astype(np.float64) if x.dtype.kind == "f" else x)


@each_layer
def test_gradients_are_slopes_in_any_direction(case: Case) -> None:
    """Of a weighted sum of the output, along random directions of the input and all parameters at once.

    A central difference with step h is off by O(h²) and by rounding, about eps·|f|/h: 1e-16·10²/1e-6 = 1e-8 for sums of
    hundreds of numbers, and slopes are of the order of the norm of the gradient.
    """
    module, x = prepared(case)
    leaves = [*module.parameters()]
    if x.is_floating_point():
        leaves.append(x.requires_grad_())
    output = module(x)
    generator = np.random.default_rng(1)
    weight = tf.tensor(generator.standard_normal(tuple(output.shape)))
    if not leaves:
        assert not output.requires_grad
        return
    gradients = tf.autograd.grad(output, leaves, weight, allow_unused=True, materialize_grads=True)
    step = 1e-6
    size = sum(float((gradient * gradient).sum().item()) for gradient in gradients) ** 0.5
    for _ in range(3):
        directions = [tf.tensor(generator.standard_normal(tuple(leaf.shape))) for leaf in leaves]
        expected = sum(float((g * d).sum().item()) for g, d in zip(gradients, directions, strict=True))
        sums = []
        with tf.no_grad():
            for sign in (step, -2 * step):
                for leaf, direction in zip(leaves, directions, strict=True):
                    leaf += sign * direction
                sums.append(float((module(x) * weight).sum().item()))
            for leaf, direction in zip(leaves, directions, strict=True):
                leaf += step * direction
        assert (sums[0] - sums[1]) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-6 * (1 + size))


@each_layer
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_compute_the_same_and_share_nothing(case: Case, copied: Callable[[Any], Any]) -> None:
    module, x = prepared(case)
    other = copied(module)
    assert repr(other) == repr(module)
    assert other.training == module.training
    assert list(other.state_dict()) == list(module.state_dict())
    np.testing.assert_array_equal(array_of(other(x)), array_of(module(x)))
    for value in module.state_dict().values():
        value.zero_()
    for name, value in other.state_dict().items():
        # Statistics and biases may be zero from the start.
        assert "weight" not in name or np.count_nonzero(array_of(value)), name


@each_layer
def test_hooks_see_what_goes_in_and_out(case: Case) -> None:
    module, x = prepared(case)
    seen = []
    module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    module.register_forward_hook(lambda module, inputs, output: seen.append(output))
    output = module(x)
    assert seen[0][0] is x
    assert seen[1] is output
