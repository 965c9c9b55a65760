"""Checkpoints: the same numbers and gradients, computed again instead of kept."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import tenfold as tf
from support import equal_bits
from tenfold import nn
from tenfold.func import grad, hessian, jvp, vmap
from tenfold.utils.checkpoint import checkpoint, checkpoint_sequential


@pytest.fixture(autouse=True, params=["deferred", "immediate"])
def mode(request):
    before = tf.is_eager()
    tf.set_eager(request.param == "immediate")
    yield
    tf.set_eager(before)


class Counted(nn.Module):
    """A block that counts its runs."""

    def __init__(self, width: int = 5, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 7), nn.GELU(), nn.Dropout(dropout), nn.Linear(7, width), nn.Tanh())
        self.runs = 0

    def forward(self, x, scale=1.0):
        self.runs += 1
        return self.layers(x) * scale


def gradients_of(model, x, call):
    model.zero_grad()
    x = x.detach().requires_grad_()
    tf.manual_seed(3)
    y = call(x)
    (y**2).sum().backward()
    return [y, x.grad, *(parameter.grad for parameter in model.parameters())]


def assert_equal(found, expected):
    assert len(found) == len(expected)
    assert all(equal_bits(one, other) for one, other in zip(found, expected, strict=True))


def test_gradients_are_the_same_bits_with_and_without():
    tf.manual_seed(0)
    block = Counted(dropout=0.5)
    x = tf.rand(4, 5)
    expected = gradients_of(block, x, block)
    block.runs = 0
    found = gradients_of(block, x, lambda x: checkpoint(block, x, use_reentrant=False))
    assert_equal(found, expected)
    assert block.runs == 2


def test_keyword_arguments_and_nested_tensors_are_handed_on():
    block = Counted()
    x = tf.rand(4, 5)
    expected = gradients_of(block, x, lambda x: block(x, scale=3.0))
    assert_equal(gradients_of(block, x, lambda x: checkpoint(block, x, scale=3.0)), expected)
    y = tf.tensor([2.0, 3.0], requires_grad=True)
    z = tf.tensor(5.0, requires_grad=True)
    found = checkpoint(lambda data, *, extra: {"sum": data["y"][0].exp() * extra[0]}, {"y": (y,)}, extra=[z])
    found["sum"].sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), 5 * np.exp([2.0, 3.0]), rtol=1e-6)
    np.testing.assert_allclose(z.grad.item(), np.exp([2.0, 3.0]).sum(), rtol=1e-6)


def test_random_numbers_are_drawn_again_and_the_sequence_goes_on():
    tf.manual_seed(0)
    block = Counted(dropout=0.5)
    x = tf.rand(64, 5, requires_grad=True)
    tf.manual_seed(1)
    y = checkpoint(block, x)
    after = tf.rand(3)
    y.sum().backward()
    later = tf.rand(3)
    tf.manual_seed(1)
    block(x)
    assert equal_bits(tf.rand(3), after)
    assert equal_bits(tf.rand(3), later)


def test_without_preserving_the_numbers_are_new_ones():
    x = tf.ones(1000, requires_grad=True)
    tf.manual_seed(0)
    y = checkpoint(lambda x: (x * tf.rand(1000)).square(), x, preserve_rng_state=False)
    y.sum().backward()
    assert not np.allclose(x.grad.numpy(), 2 * y.detach().numpy())
    x.grad = None
    y = checkpoint(lambda x: (x * tf.rand(1000)).square(), x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * y.detach().numpy(), rtol=1e-6)


def test_checkpoints_are_nested():
    blocks = [Counted() for _ in range(3)]
    model = nn.Sequential(*blocks)
    x = tf.rand(4, 5)
    expected = gradients_of(model, x, model)

    def outer(x):
        for block in blocks:
            x = checkpoint(block, x)
        return x

    for block in blocks:
        block.runs = 0
    assert_equal(gradients_of(model, x, lambda x: checkpoint(outer, x)), expected)
    # Forward, the outer region again, and the inner one again.
    assert [block.runs for block in blocks] == [3, 3, 3]


def test_sequential_segments():
    blocks = nn.Sequential(*(Counted() for _ in range(5)))
    x = tf.rand(4, 5)
    expected = gradients_of(blocks, x, blocks)
    for segments in (1, 2, 5):
        for block in blocks:
            block.runs = 0
        assert_equal(gradients_of(blocks, x, lambda x, n=segments: checkpoint_sequential(blocks, n, x)), expected)
        size = 5 // segments
        kept = 5 - size * (segments - 1)
        assert [block.runs for block in blocks] == [2] * (5 - kept) + [1] * kept
    with pytest.raises(ValueError, match="segments is from 1 to 5; got 6"):
        checkpoint_sequential(blocks, 6, x)


def test_gradients_flow_to_what_the_function_closes_over():
    w = tf.tensor([2.0, 3.0], requires_grad=True)
    x = tf.tensor([1.0, 2.0])
    y = checkpoint(lambda x: (w * x).exp(), x).sum()
    (found,) = tf.autograd.grad(y, w)
    np.testing.assert_allclose(found.numpy(), [1 * np.exp(2), 2 * np.exp(6)], rtol=1e-6)
    assert w.grad is None


def test_a_graph_can_be_gone_through_twice_and_differentiated_again():
    x = tf.tensor(0.7, dtype=tf.float64, requires_grad=True)
    runs = []

    def function(x):
        runs.append(1)
        return x.sin() * x.exp()

    y = checkpoint(function, x)
    for _ in range(2):
        (_found,) = tf.autograd.grad(y, x, retain_graph=True)
    assert len(runs) == 2
    (first,) = tf.autograd.grad(y, x, create_graph=True)
    (second,) = tf.autograd.grad(first, x)
    np.testing.assert_allclose(second.item(), 2 * np.cos(0.7) * np.exp(0.7), rtol=1e-14)
    y = checkpoint(function, x)
    y.backward()
    with pytest.raises(RuntimeError, match="already freed"):
        y.backward()


def test_transforms_of_checkpoints():
    w = tf.tensor(np.random.default_rng(0).normal(size=(3, 3)))
    x = tf.tensor(np.random.default_rng(1).normal(size=(4, 3)))
    plain = lambda x: (x @ w).tanh().square().sum()  # noqa: E731
    kept = lambda x: checkpoint(plain, x)  # noqa: E731
    for transform in (grad, hessian, lambda f: lambda x: jvp(f, (x,), (x,))[1]):
        np.testing.assert_allclose(
            vmap(transform(kept))(x).numpy(), vmap(transform(plain))(x).numpy(), rtol=1e-13, atol=1e-14
        )
    of_map = grad(lambda x: vmap(kept)(x).sum())(x)
    np.testing.assert_allclose(of_map.numpy(), vmap(grad(plain))(x).numpy(), rtol=1e-13, atol=1e-14)
    # Differentiating inside the region, before it has ended.
    inside = lambda x: checkpoint(lambda x: grad(plain)(x).square().sum(), x)  # noqa: E731
    expected = grad(lambda x: grad(plain)(x).square().sum())(x[0])
    np.testing.assert_allclose(grad(inside)(x[0]).numpy(), expected.numpy(), rtol=1e-13, atol=1e-14)


def test_random_numbers_for_each_sample_are_drawn_again():
    x = tf.ones(6, 50)
    tf.manual_seed(0)
    function = lambda x: checkpoint(lambda x: (x * tf.rand(50)).square().sum(), x)  # noqa: E731
    values, gradients = [], []
    for randomness in ("different", "same"):
        x.requires_grad_()
        y = vmap(function, randomness=randomness)(x)
        (found,) = tf.autograd.grad(y.sum(), x)
        # x is 1: half the gradient is the squared factor.
        np.testing.assert_allclose(found.sum(1).numpy() / 2, y.detach().numpy(), rtol=1e-5)
        values.append(len(set(y.tolist())))
        gradients.append(found)
    assert values == [6, 1]


def test_writes_to_the_arguments_after_the_call_change_nothing():
    x = tf.tensor([1.0, 2.0])
    w = tf.tensor([3.0, 4.0], requires_grad=True)
    y = checkpoint(lambda x, w: (x * w).exp(), x, w)
    x.zero_()
    y.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), [np.exp(3), 2 * np.exp(8)], rtol=1e-6)


def test_without_gradients_nothing_is_recorded():
    block = Counted()
    with tf.no_grad():
        y = checkpoint(block, tf.rand(2, 5))
    assert block.runs == 1
    assert not y.requires_grad


def test_context_managers_of_the_two_runs():
    seen = []

    class Note:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            seen.append(self.name)

        def __exit__(self, *error):
            pass

    x = tf.ones(2, requires_grad=True)
    y = checkpoint(tf.exp, x, context_fn=lambda: (Note("first"), Note("second")))
    assert seen == ["first"]
    y.sum().backward()
    assert seen == ["first", "second"]


def test_a_function_that_does_something_else_is_found_out():
    shapes = iter([2, 3, 2, 3])
    x = tf.ones((), requires_grad=True)

    def changing(x):
        return (x.expand(next(shapes)) * 2).exp().sum()

    with pytest.raises(RuntimeError, match="did something else when it ran again; a value had shape"):
        checkpoint(changing, x).backward()
    calls = []

    def growing(x):
        calls.append(1)
        for _ in calls:
            x = x.exp()
        return x

    with pytest.raises(RuntimeError, match="1 values were saved first, then 2"):
        checkpoint(growing, x, determinism_check="none").backward()


def test_an_exception_in_the_second_run_is_the_users_own():
    runs = []

    def function(x):
        runs.append(1)
        if len(runs) == 2:
            raise KeyError("second")
        return x.exp()

    x = tf.ones(2, requires_grad=True)
    y = checkpoint(function, x)
    with pytest.raises(KeyError, match="second"):
        y.sum().backward()
    assert tf.is_grad_enabled()
    checkpoint(tf.exp, x).sum().backward()


def test_what_is_not_offered_says_so():
    x = tf.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="use_reentrant=True is not offered"):
        checkpoint(tf.exp, x, use_reentrant=True)
    with pytest.raises(NotImplementedError, match="debug=True"):
        checkpoint(tf.exp, x, debug=True)
    with pytest.raises(ValueError, match="determinism_check is 'default' or 'none'"):
        checkpoint(tf.exp, x, determinism_check="some")


MEMORY = """
import json, sys
import tenfold as tf
from tenfold import nn
from tenfold.utils.checkpoint import checkpoint

tf.set_eager(sys.argv[2] == "immediate")
tf.manual_seed(0)
blocks = [nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.Tanh()) for _ in range(12)]
x = tf.rand(20_000, 64)
def run(kept):
    y = x.clone().requires_grad_()
    for block in blocks:
        y = block(y) if kept else checkpoint(block, y)
    y.sum().backward()
    tf.synchronize()
run(sys.argv[1] == "kept")
# The peak of this program's own memory; `ru_maxrss` would begin with that of the process which started it.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps(int(peak.split()[1])))
"""


def test_memory_falls(request):
    how = request.node.callspec.params["mode"]

    def peak(what):
        done = subprocess.run([sys.executable, "-c", MEMORY, what, how], capture_output=True, text=True, check=True)
        return json.loads(done.stdout) / 1024

    # Each of 12 blocks keeps about three activations of 4.9 MiB; a checkpoint keeps one of them, and the block that
    # runs again has its own: 176 MiB against 59 + 15.
    kept, again = peak("kept"), peak("again")
    assert again < kept - 60, (kept, again)
