"""Automatic differentiation as PyTorch's: accumulation, modes, hooks, higher derivatives, lifetimes."""

import gc
import math
import resource
import weakref

import numpy as np
import pytest
from scipy import special

import tenfold as tf
from support import INTEGERS, array_of, assert_gradients, assert_near, assert_same, finite_differences

GENERATOR = np.random.default_rng(6)


def leaf(*values, dtype=tf.float64):
    return tf.tensor(list(values), dtype=dtype, requires_grad=True)


# --- backward and grad.


def test_backward_accumulates_into_the_same_object() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    grad = x.grad
    assert_same(grad, np.array([2.0, 4.0]))
    (3 * x).sum().backward()
    assert x.grad is grad
    assert_same(grad, np.array([5.0, 7.0]))
    x.grad.zero_()
    x.sum().backward()
    assert_same(x.grad, np.ones(2))
    x.grad = None
    assert x.grad is None


def test_backward_from_several_elements_needs_their_weights() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"^backward: "):
        (x * x).backward()
    (x * x).backward(tf.tensor([1.0, 10.0], dtype=tf.float64))
    assert_same(x.grad, np.array([2.0, 40.0]))
    with pytest.raises((ValueError, RuntimeError), match=r"^backward: "):
        (x * x).backward(tf.ones(3, dtype=tf.float64))


def test_a_second_backward_raises_unless_the_graph_was_retained() -> None:
    x = leaf(2.0)
    y = (x**3).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert_same(x.grad, np.array([24.0]))
    with pytest.raises(RuntimeError, match=r"^backward: .*Hint: give retain_graph=True"):
        y.backward()
    with pytest.raises(RuntimeError, match=r"^backward: "):
        tf.ones(1).backward()


def test_shared_subexpressions_are_gone_through_once_and_add_up() -> None:
    x = leaf(3.0)
    a = x * x
    b = a + a * a
    (b * a).sum().backward()
    # a² + a³ with a = x²: 4x³ + 6x⁵.
    assert_same(x.grad, np.array([4 * 27 + 6 * 243.0]))


def test_a_chain_of_doublings_is_gone_through_in_linear_time() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.sum().backward()
    assert_same(x.grad, np.array([2.0**60]))


def test_grad_returns_gradients_and_leaves_grad_alone() -> None:
    x, y = leaf(2.0), leaf(5.0)
    z = (x * x * y).sum()
    by_x, by_y = tf.autograd.grad(z, [x, y])
    assert (by_x.item(), by_y.item()) == (20.0, 4.0)
    assert x.grad is None
    inner = x * 3
    (by_inner,) = tf.autograd.grad((inner**2).sum(), inner)
    assert by_inner.item() == 12.0


def test_an_input_that_does_not_matter_is_an_error_unless_allowed() -> None:
    x, unused = leaf(2.0), leaf(5.0)
    with pytest.raises(RuntimeError, match=r"^grad: .*Hint: give allow_unused=True"):
        tf.autograd.grad((x * 2).sum(), [x, unused])
    assert tf.autograd.grad((x * 2).sum(), [x, unused], allow_unused=True)[1] is None
    assert_same(tf.autograd.grad((x * 2).sum(), [x, unused], materialize_grads=True)[1], np.zeros(1))


def test_gradients_have_the_dtype_and_shape_of_their_tensor() -> None:
    for dtype in ("float16", "bfloat16", "float32", "float64", "complex64", "complex128"):
        x = tf.ones(2, 1, dtype=dtype, requires_grad=True)
        (x * tf.ones(3, dtype=tf.float64)).abs().sum().backward()
        assert x.grad.dtype == x.dtype
        assert tuple(x.grad.shape) == (2, 1)
        assert_same(x.grad, np.full((2, 1), 3), dtype=False)


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS])
def test_integers_have_no_gradient(dtype) -> None:
    with pytest.raises(tf.DTypeError, match=r"^requires_grad: only floating and complex tensors have gradients"):
        tf.ones(2, dtype=dtype).requires_grad_()
    x = leaf(1.5, 2.5)
    assert not (x > 2).requires_grad
    assert not x.to(tf.int64).requires_grad
    assert not x.argmax().requires_grad


# --- Modes.


def test_no_grad_and_enable_grad_are_contexts_and_decorators() -> None:
    x = leaf(1.0)

    @tf.no_grad()
    def silent():
        return x * 2

    @tf.no_grad
    def silent_too():
        return x * 2

    @tf.enable_grad()
    def loud():
        return x * 2

    assert not silent().requires_grad
    assert not silent_too().requires_grad
    with tf.no_grad():
        assert not tf.is_grad_enabled()
        assert not (x * 2).requires_grad
        assert loud().requires_grad
        with tf.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
        assert leaf(1.0).requires_grad
    assert tf.is_grad_enabled()
    with tf.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert tf.is_grad_enabled()


def test_modes_end_with_an_exception_too() -> None:
    with pytest.raises(KeyError), tf.no_grad():
        raise KeyError
    assert tf.is_grad_enabled()


def test_detach_and_requires_grad_start_and_end_gradients() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    assert not y.is_leaf
    assert y.grad_fn == "multiply"
    assert x.grad_fn is None
    assert y.detach().is_leaf
    with pytest.raises(RuntimeError, match=r"Hint: use detach\(\)"):
        y.requires_grad_(False)
    (y.detach() * x).sum().backward()
    assert_same(x.grad, np.array([3.0, 6.0]))
    z = tf.zeros(2)
    z.requires_grad = True
    assert z.is_leaf
    assert z.requires_grad
    z.requires_grad = False
    assert not (z * 2).requires_grad


# --- Hooks.


def test_a_hook_sees_and_may_replace_the_gradient_until_it_is_removed() -> None:
    x = leaf(1.0, 2.0)
    seen = []
    y = x * 2
    watching = y.register_hook(lambda gradient: seen.append(array_of(gradient).tolist()))
    doubling = y.register_hook(lambda gradient: gradient * 2)
    (y * 5).sum().backward(retain_graph=True)
    assert seen == [[5.0, 5.0]]
    assert_same(x.grad, np.array([20.0, 20.0]))
    doubling.remove()
    watching.remove()
    x.grad = None
    z = (x * 2 * 5).sum()
    z.backward()
    assert seen == [[5.0, 5.0]]
    assert_same(x.grad, np.array([10.0, 10.0]))


def test_a_hook_of_a_leaf_changes_what_arrives_in_grad() -> None:
    x = leaf(1.0)
    x.register_hook(lambda gradient: gradient * 7)
    (x * 3).sum().backward()
    assert_same(x.grad, np.array([21.0]))


def test_an_exception_in_a_hook_comes_out_of_backward() -> None:
    x = leaf(1.0)

    def refuse(gradient):
        raise LookupError("not today")

    y = x * 2
    y.register_hook(refuse)
    with pytest.raises(LookupError, match="not today"):
        y.sum().backward()


def test_retain_grad_keeps_the_gradient_of_an_inner_tensor() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    assert_same(y.grad, np.array([4.0, 8.0]))
    assert (x * 2).grad is None


# --- Higher derivatives.


def test_derivatives_of_any_order() -> None:
    x = leaf(0.7)
    y = (x.sin() * x**4).sum()
    derivatives = []
    for _ in range(4):
        (y,) = tf.autograd.grad(y, x, create_graph=True)
        y = y.sum()
        derivatives.append(y.item())
    s, c, v = np.sin(0.7), np.cos(0.7), 0.7
    expected = [
        c * v**4 + 4 * s * v**3,
        -s * v**4 + 8 * c * v**3 + 12 * s * v**2,
        -c * v**4 - 12 * s * v**3 + 36 * c * v**2 + 24 * s * v,
        s * v**4 - 16 * c * v**3 - 72 * s * v**2 + 96 * c * v + 24 * s,
    ]
    # Sums of a few products of numbers below 100 in float64.
    np.testing.assert_allclose(derivatives, expected, rtol=1e-12)


def test_backward_with_create_graph_can_be_differentiated_again() -> None:
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    (second,) = tf.autograd.grad(first.sum(), x)
    assert second.item() == 12.0


def test_a_gradient_penalty_has_the_gradient_of_its_differences() -> None:
    points = GENERATOR.normal(size=(3, 4))
    weight = GENERATOR.normal(size=(4, 2))

    def penalty(x, w):
        with tf.enable_grad():
            x = x if x.requires_grad else x.requires_grad_()
            (gradient,) = tf.autograd.grad((x @ w).tanh().sum(), x, create_graph=True)
        return (gradient**2).sum()

    assert_gradients(penalty, points, weight)


# --- Every operation of the table against its differences.

TABLE = [row for row in tf._operation_table() if row["differentiable"] and row["floating"]]
# Shapes that leave remainders of every vector length, columns, single elements, and nothing.
SHAPES = [(7, 13), (1,), (13, 1), (0, 3), ()]


def points_of(row, shape) -> list[np.ndarray]:
    """Points within the row's domain, away from kinks at whole numbers."""
    generator = np.random.default_rng(len(row["name"]))
    domain = row["domain"] or [(-3.0, 3.0)]
    points = []
    for index, _ in enumerate(row["arguments"]):
        low, high = domain[min(index, len(domain) - 1)]
        low, high = max(low, -3.0), min(high, 3.0)
        # Differences must not step over the ends of the domain or a kink.
        drawn = low + (high - low) * generator.uniform(0.05, 0.95, shape)
        near = np.abs(drawn * 2 - np.round(drawn * 2)) < 0.02
        points.append(np.asarray(np.where(near, drawn + 0.013, drawn)))
    return points


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["name"])
def test_an_operations_gradient_is_its_difference(row) -> None:
    function = getattr(tf, row["name"])
    for shape in SHAPES:
        points = points_of(row, shape)
        if row["name"] == "where":
            condition = tf.tensor(points[0] > 0)
            assert_gradients(lambda a, b, condition=condition: tf.where(condition, a, b), *points[1:])
            continue
        assert_gradients(function, *points)


@pytest.mark.parametrize("low", [-6.0, 0.02, 1.0, 30.0])
def test_lgamma_has_derivatives_of_every_order(low) -> None:
    # Away from the poles at the integers.
    points = low + np.array([0.15, 0.3, 0.45, 0.7, 0.85, 2.2])
    x = tf.tensor(points, requires_grad=True)
    found = x.lgamma()
    for order in range(5):
        (found,) = tf.autograd.grad(found.sum(), x, create_graph=True)
        # SciPy has polygamma of positive numbers: ψ⁽ⁿ⁾(x) = ψ⁽ⁿ⁾(x + 1) − (−1)ⁿ n! / xⁿ⁺¹.
        steps = 8 if low < 0 else 0
        between = sum((points + step) ** (-order - 1.0) for step in range(steps))
        expected = special.polygamma(order, points + steps) - (-1.0) ** order * math.factorial(order) * between
        # Each order differentiates sums of some dozen terms; SciPy's own recurrence loses about as much.
        np.testing.assert_allclose(found.detach().numpy(), expected, rtol=2e-13 * 4**order, atol=1e-12)


TWICE = [row for row in TABLE if row["name"] != "where"]


@pytest.mark.parametrize("row", TWICE, ids=lambda row: row["name"])
def test_an_operations_second_derivative_is_the_difference_of_its_first(row) -> None:
    function = getattr(tf, row["name"])
    points = points_of(row, (5,))
    inputs = [tf.tensor(point, requires_grad=True) for point in points]

    def slopes(inputs, create_graph):
        return tf.autograd.grad(
            function(*inputs).sum(), inputs, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )

    total = sum((slope * (index + 1)).sum() for index, slope in enumerate(slopes(inputs, True)))
    if not total.requires_grad:
        return  # piecewise linear: the second derivative is 0
    found = tf.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)

    def first(*values):
        with tf.enable_grad():
            leaves = [value.requires_grad_() for value in values]
            return sum((slope * (index + 1)).sum() for index, slope in enumerate(slopes(leaves, False)))

    expected = finite_differences(first, points, np.array(1.0))
    for ours, theirs in zip(found, expected, strict=True):
        # As in assert_gradients; second derivatives near the end of a domain are steep.
        assert_near(ours, theirs, rtol=1e-4, atol=1e-4)


# --- Shapes.


def test_gradients_of_broadcast_operands_are_summed() -> None:
    assert_gradients(lambda a, b: a * b, GENERATOR.normal(size=(7, 1, 13)), GENERATOR.normal(size=(5, 1)))
    assert_gradients(lambda a, b: a / b, GENERATOR.normal(size=()), 2 + GENERATOR.uniform(size=(3, 2)))
    x = tf.ones(1, 3, requires_grad=True)
    (x * tf.zeros(0, 3)).sum().backward()
    assert_same(x.grad, np.zeros((1, 3), np.float32))


MOVED = {
    "reshape": lambda x: x.reshape(13, 7),
    "T": lambda x: x.T,
    "permute": lambda x: x[None].permute(2, 0, 1),
    "expand": lambda x: x[None].expand(3, 7, 13),
    "flip": lambda x: x.flip(0, 1),
    "roll": lambda x: x.roll((2, -3), (0, 1)),
    "slice": lambda x: x[1::2, ::-3],
    "unfold": lambda x: x.unfold(1, 4, 3),
    "diagonal": lambda x: x.diagonal(2),
    "as_strided": lambda x: x.as_strided((4, 4), (2, 1), 3),
    "tile": lambda x: x.tile(2, 1),
    "repeat": lambda x: x.repeat(2, 1, 2),
    "tril": lambda x: x.tril(1),
    "triu": lambda x: x.triu(-1),
    "diag": lambda x: x.diag(),
    "split": lambda x: x.split(3)[1] * 2,
    "unbind": lambda x: x.unbind(1)[4],
    "gather": lambda x: x.gather(1, tf.tensor([[0, 0, 12], [3, 1, 3]])),
    "take": lambda x: x.take(tf.tensor([0, 5, 5, 90])),
    "index_select": lambda x: x.index_select(0, tf.tensor([6, 0, 6])),
    "masked_select": lambda x: x.masked_select(x.detach() > 0),
    "masked_fill": lambda x: x.masked_fill(x.detach() > 0, 2.0),
    "clamp": lambda x: x.clamp(-0.5, 0.6),
    "concat": lambda x: tf.concat([x, x * 2, x[:1]]),
    "stack": lambda x: tf.stack([x, x.exp()], axis=1),
    "cat": lambda x: tf.cat([x, x], 1),
    "where": lambda x: tf.where(x.detach() > 0, x, x * x),
    "matmul": lambda x: x @ x.T,
    "outer": lambda x: x[0].outer(x[:, 1]),
    "einsum": lambda x: tf.einsum("ij,kj->ik", x, x),
    "tensordot": lambda x: tf.tensordot(x, x, axes=([0], [0])),
    "vecdot": lambda x: tf.vecdot(x, x * 2),
    "scatter": lambda x: x.scatter(1, tf.tensor([[0, 5]]), x[2:3, :2]),
    "scatter_add": lambda x: x.scatter_add(0, tf.tensor([[1, 1, 1]]), x[:1, :3]),
    "index_add": lambda x: x.index_add(0, tf.tensor([2, 2]), x[:2], alpha=0.5),
    "index_copy": lambda x: x.index_copy(0, tf.tensor([3, 1]), x[:2] * 2),
    "to": lambda x: x.to(tf.complex128).abs(),
    "nan_to_num": lambda x: x.nan_to_num(),
}


@pytest.mark.parametrize("function", MOVED.values(), ids=MOVED.keys())
def test_gradients_flow_through_movement_and_assembly(function) -> None:
    points = np.random.default_rng(8).normal(size=(7, 13))
    assert_gradients(lambda x: function(x) ** 2, points)


# --- Lifetimes.


def test_a_chain_of_200_000_edges_neither_overflows_nor_is_slow_to_drop() -> None:
    length = 1_000 if tf.is_checked() else 100_000  # two edges each; the reference interpreter is slow
    x = leaf(1.0)
    y = x
    for _ in range(length):
        y = (y + 1) * 1.0
    y.sum().backward()
    assert_same(x.grad, np.array([1.0]))
    for _ in range(length // 5):
        y = (y + 1) * 1.0
    del y  # never gone through


def test_training_in_a_loop_does_not_grow() -> None:
    size = 10 if tf.is_checked() else 200
    weight = tf.ones(size, size, requires_grad=True)
    x = tf.ones(size, size)

    def step():
        loss = ((x @ weight).tanh() * weight).sum()
        loss.backward()
        with tf.no_grad():
            weight.sub_(weight.grad, alpha=1e-9)
        weight.grad = None

    for _ in range(20):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(200):
        step()
    # 200 steps that kept only one 200×200 matrix each would add 32 MB; the pool may take a few more blocks.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


def test_what_a_graph_holds_goes_with_it() -> None:
    class Watch:
        def __call__(self, gradient):
            return None

    hook = Watch()
    watch = weakref.ref(hook)
    x = leaf(1.0)
    y = x * 2
    y.register_hook(hook)
    del hook
    gc.collect()
    assert watch() is not None
    del y
    gc.collect()
    assert watch() is None


def test_gradients_of_pieces_are_added_piece_by_piece() -> None:
    rng = np.random.default_rng(4)
    x = tf.tensor(rng.standard_normal((6, 7)), requires_grad=True)
    weights = [tf.tensor(rng.standard_normal((6, 7))) for _ in range(6)]
    expected = np.zeros((6, 7))
    total = (x * weights[5]).sum()
    expected += weights[5].numpy()
    pieces = [(slice(None), slice(0, 3)), (slice(None), slice(3, 7)), (slice(2, 5),), (slice(None, None, -2), 4)]
    for piece, weight in zip(pieces, weights, strict=False):
        total = total + (x[piece] * weight[piece]).sum()
        expected[piece] += weight.numpy()[piece]
    # An element twice in one piece, and pieces alone.
    total = total + (x[:, :1].expand(6, 4) * weights[4][:, :4]).sum()
    expected[:, 0] += weights[4].numpy()[:, :4].sum(1)
    total.backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12)
    for cut in (lambda whole: whole.chunk(3, 1), lambda whole: whole.split([1, 5, 1], 1)):
        whole = x.detach().requires_grad_()
        sum((part**2).sum() for part in cut(whole)).backward()
        np.testing.assert_allclose(whole.grad.numpy(), 2 * x.detach().numpy(), rtol=1e-12)


def test_only_what_leads_to_the_inputs_is_differentiated() -> None:
    x, y = (tf.tensor([value], requires_grad=True) for value in (2.0, 3.0))
    squared = x * x
    squared.sum().backward()
    # The values that `squared` had saved are freed; nothing but its gradient is asked for.
    product = squared * y
    (gradient,) = tf.autograd.grad(product.sum(), [squared], retain_graph=True)
    assert gradient.item() == 3.0
    late = y * y
    gradients = tf.autograd.grad(product.sum(), [product, late], allow_unused=True, retain_graph=True)
    assert gradients[0].item() == 1.0
    assert gradients[1] is None
    assert tf.autograd.grad(product.sum(), [y], retain_graph=True)[0].item() == 4.0
    with pytest.raises(RuntimeError, match="already freed"):
        tf.autograd.grad(product.sum(), [x])
