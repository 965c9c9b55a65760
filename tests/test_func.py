"""Derivatives of functions against finite differences, and transforms of transforms against loops."""

from __future__ import annotations

import numpy as np
import pytest

import tenfold as tf
from mapping import BATCH, CASES, INTEGER_RESULTS, F, assert_close, drawn, loop, weighted
from tenfold import nn
from tenfold.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    value_and_grad,
    vjp,
    vmap,
)
from tenfold.func.tree import map_leaves


@pytest.fixture(autouse=True, params=["deferred", "immediate"])
def mode(request):
    before = tf.is_eager()
    tf.set_eager(request.param == "immediate")
    yield
    tf.set_eager(before)


def smooth(x, w):
    return tf.tanh(x @ w).square().sum() + (x**3).mean()


def differences(function, x, step=1e-5):
    """Central differences of a function of one float64 tensor: (results…, x…)."""
    columns = []
    for place in range(x.numel()):
        move = tf.tensor(np.eye(x.numel())[place].reshape(x.shape) * step)
        columns.append((function(x + move) - function(x - move)).detach().numpy() / (2 * step))
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


# A central difference with step h is off by O(h²) and by rounding, about 2e-16 / h: 1e-5 and 1e-8 leave room for both.
DIFFERENCE = {"rtol": 1e-8, "atol": 1e-8}


def test_grad_is_the_difference():
    x, w = drawn((2, 3)), drawn((3, 4), 1)
    np.testing.assert_allclose(grad(smooth)(x, w).numpy(), differences(lambda x: smooth(x, w), x), **DIFFERENCE)
    found = grad(smooth, argnums=(1, 0))(x, w)
    assert found[0].shape == w.shape
    assert found[1].shape == x.shape
    gradient, value = grad_and_value(smooth)(x, w)
    assert_close(gradient, grad(smooth)(x, w))
    assert_close(value, smooth(x, w))
    assert_close(value_and_grad(smooth)(x, w), (value, gradient))


def test_grad_hands_on_what_comes_beside_the_number():
    def function(x):
        return x.sum(), {"twice": x * 2, "name": "aux"}

    gradient, aux = grad(function, has_aux=True)(tf.ones(2))
    assert gradient.tolist() == [1.0, 1.0]
    assert aux["twice"].tolist() == [2.0, 2.0]
    assert aux["name"] == "aux"
    assert not aux["twice"].requires_grad
    assert not gradient.requires_grad
    gradient, (value, aux) = grad_and_value(function, has_aux=True)(tf.ones(2))
    assert value.item() == 2.0
    assert aux["name"] == "aux"


def test_gradients_of_nested_arguments_are_nested():
    tree = {"a": [tf.tensor(2.0)], "b": (tf.tensor(3.0), tf.tensor(5.0))}
    found = grad(lambda tree: tree["a"][0] * tree["b"][0])(tree)
    assert map_leaves(lambda leaf: leaf.item(), found) == {"a": [3.0], "b": (2.0, 0.0)}


@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [
        (lambda x: x, tf.ones(2), "must return one number; got shape"),
        (lambda x: (x.sum(), x), tf.ones(2), "has_aux=True"),
        (lambda x: x.sum().int(), tf.ones(2), "must return a floating number"),
        (lambda x: x.sum(), tf.tensor([1, 2]), "only floating and complex tensors have gradients"),
    ],
)
def test_what_grad_refuses(function, argument, message):
    with pytest.raises(RuntimeError, match=message):
        grad(function)(argument)
    with pytest.raises(RuntimeError, match="argnums 3 is out of range"):
        grad(lambda x: x.sum(), argnums=3)(tf.ones(2))


def test_orders_of_grad():
    x = tf.tensor(0.7, dtype=tf.float64)
    slopes = [tf.sin, tf.cos, lambda x: -tf.sin(x), lambda x: -tf.cos(x), tf.sin]
    function = tf.sin
    for expected in slopes:
        assert_close(function(x), expected(x))
        function = grad(function)


def test_inner_derivatives_do_not_mix_with_outer_ones():
    # d/dx x · (d/dy (x + y)) at y = 1 is 1: an inner derivative that took x for its own variable would give 2.
    assert grad(lambda x: x * grad(lambda y: x + y)(tf.tensor(1.0)))(tf.tensor(1.0)).item() == 1.0
    assert (
        jvp(lambda x: x * grad(lambda y: x * y)(tf.tensor(1.0)), (tf.tensor(3.0),), (tf.tensor(1.0),))[1].item() == 6.0
    )


def test_transforms_and_backward_go_together():
    x = tf.tensor(2.0, requires_grad=True)
    slope = grad(lambda y: y**3)(x)
    slope.backward()
    assert x.grad.item() == 12.0
    y = tf.tensor(2.0)
    assert not grad(lambda y: y**3)(y).requires_grad
    weight = tf.tensor(3.0, requires_grad=True)
    closed = grad(lambda y: weight * y**2)(y)
    closed.backward()
    assert weight.grad.item() == 4.0
    with tf.no_grad():
        inside = grad(lambda y: weight * y**2)(y)
    assert inside.item() == 12.0
    assert not inside.requires_grad


def test_vjp_gives_products_for_any_cotangent():
    x, w = drawn((2, 3)), drawn((3, 4), 1)
    function = lambda x, w: {"y": x @ w, "z": [x.sum()]}  # noqa: E731
    results, products = vjp(function, x, w)
    assert_close(results, function(x, w))
    cotangents = {"y": drawn((2, 4), 2), "z": [tf.tensor(2.0, dtype=tf.float64)]}
    for _ in range(2):
        of_x, of_w = products(cotangents)
        assert_close(of_x, cotangents["y"] @ w.t() + 2)
        assert_close(of_w, x.t() @ cotangents["y"])
    with pytest.raises(RuntimeError, match="cotangents must be nested as the results are"):
        products(cotangents["y"])
    with pytest.raises(RuntimeError, match="cotangents have the shapes"):
        products({"y": tf.ones(1), "z": [tf.tensor(1.0)]})
    _, _, aux = vjp(lambda x: (x, "aux"), x, has_aux=True)
    assert aux == "aux"


def test_jvp_is_the_difference():
    x, v = drawn((2, 3)), drawn((2, 3), 5)
    w = drawn((3, 4), 1)
    function = lambda x: tf.tanh(x @ w).cumsum(1) * x.exp().sum()  # noqa: E731
    value, product = jvp(function, (x,), (v,))
    assert_close(value, function(x))
    expected = (differences(function, x) * v.numpy()).sum((-2, -1))
    np.testing.assert_allclose(product.numpy(), expected, **DIFFERENCE)
    value, tangent = linearize(function, x)
    assert_close(tangent(v), product)
    assert_close(tangent(v * 2), product * 2)


def test_jvp_of_what_does_not_depend_on_the_primals_is_zero():
    _value, product = jvp(lambda x: (tf.ones(2), x * 2), (tf.ones(3),), (tf.ones(3),))
    assert product[0].tolist() == [0.0, 0.0]
    assert product[1].tolist() == [2.0] * 3
    with pytest.raises(RuntimeError, match="with strict"):
        jvp(lambda x: tf.ones(2), (tf.ones(3),), (tf.ones(3),), strict=True)
    with pytest.raises(RuntimeError, match="needs a tangent for each primal"):
        jvp(lambda x: x, (tf.ones(3),), ())


@pytest.mark.parametrize("name", [name for name in CASES if name not in INTEGER_RESULTS | {"ctc_loss"}])
def test_jvp_of_a_function_is_its_difference(name):
    function, shapes = CASES[name]
    points = [drawn(shape, seed) for seed, shape in enumerate(shapes)]
    tangents = [drawn(shape, seed + 7) - 1 for seed, shape in enumerate(shapes)]
    number = lambda *own: weighted(function(*own))  # noqa: E731
    _, product = jvp(number, tuple(points), tuple(tangents))
    step = 1e-6

    def moved(sign):
        return number(*(x + tangent * (sign * step) for x, tangent in zip(points, tangents, strict=True))).item()

    expected = (moved(1.0) - moved(-1.0)) / (2 * step)
    # Values up to about 10² in double precision: 2e-16 · 10² / 1e-6.
    assert product.item() == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_jacobians_by_rows_and_by_columns_are_the_differences():
    x, w = drawn((3,)), drawn((3, 4), 1)
    function = lambda x, w: (tf.tanh(x @ w), {"s": x.sum() * w})  # noqa: E731
    for transform in (jacrev, jacfwd):
        found = transform(function, argnums=(0, 1))(x, w)
        assert [tuple(leaf.shape) for leaf in found[0]] == [(4, 3), (4, 3, 4)]
        assert [tuple(leaf.shape) for leaf in found[1]["s"]] == [(3, 4, 3), (3, 4, 3, 4)]
        for place, pick in enumerate((lambda r: r[0], lambda r: r[1]["s"])):
            leaves = found[0] if place == 0 else found[1]["s"]
            expected = differences(lambda x, pick=pick: pick(function(x, w)), x)
            np.testing.assert_allclose(leaves[0].numpy(), expected, **DIFFERENCE)
            expected = differences(lambda w, pick=pick: pick(function(x, w)), w)
            np.testing.assert_allclose(leaves[1].numpy(), expected, **DIFFERENCE)
    assert_close(jacrev(function, chunk_size=2)(x, w), jacrev(function)(x, w))
    matrix, aux = jacrev(lambda x: (x * 2, "aux"), has_aux=True)(x)
    assert aux == "aux"
    assert_close(matrix, jacfwd(lambda x: x * 2)(x))
    assert jacfwd(lambda x: (x * 2, "aux"), has_aux=True)(x)[1] == "aux"


def test_the_hessian_is_the_difference_of_the_gradient():
    x, w = drawn((2, 3)), drawn((3, 4), 1)
    function = lambda x: smooth(x, w)  # noqa: E731
    expected = differences(grad(function), x)
    for found in (
        hessian(function)(x),
        jacfwd(jacrev(function))(x),
        jacrev(jacrev(function))(x),
        jacrev(jacfwd(function))(x),
        jacfwd(jacfwd(function))(x),
        jacrev(grad(function))(x),
    ):
        np.testing.assert_allclose(found.numpy(), expected, **DIFFERENCE)
    both = hessian(smooth, argnums=(0, 1))(x, w)
    assert tuple(both[0][1].shape) == (2, 3, 3, 4)
    np.testing.assert_allclose(both[0][0].numpy(), expected, **DIFFERENCE)


# --- Composition.


def test_maps_of_maps():
    x, y = drawn((4, 5)), drawn((BATCH, 5), 1)
    found = vmap(vmap(lambda a, b: (a * b).sum(), (None, 0)), (0, None))(x, y)
    assert_close(found, x @ y.t())
    nested = vmap(vmap(vmap(tf.dot, (None, 0)), (0, None)), (0, 0))
    a, b = drawn((2, 4, 5)), drawn((2, 3, 5), 1)
    assert_close(nested(a, b), a @ b.mT)


def test_maps_and_derivatives_in_every_order():
    x, w = drawn((BATCH, 2, 3)), drawn((3, 4), 1)
    function = lambda x: smooth(x, w)  # noqa: E731
    assert_close(vmap(hessian(function))(x), loop(hessian(function), (0,), x))
    assert_close(
        vmap(grad(lambda x: grad(function)(x).square().sum()))(x),
        loop(grad(lambda x: grad(function)(x).square().sum()), (0,), x),
    )
    v = drawn((BATCH, 2, 3), 9)
    product = lambda x, v: jvp(function, (x,), (v,))[1]  # noqa: E731
    assert_close(vmap(product)(x, v), loop(product, (0, 0), x, v))
    assert_close(jvp(vmap(function), (x,), (v,))[1], loop(product, (0, 0), x, v))
    # The gradient of a mapped function with respect to what is the same for all samples is the sum over them.
    total = lambda w: vmap(smooth, (0, None))(x, w).sum()  # noqa: E731
    assert_close(grad(total)(w), loop(lambda x: grad(smooth, 1)(x, w), (0,), x).sum(0))
    curvature = lambda w: vmap(grad(smooth), (0, None))(x, w).square().sum()  # noqa: E731
    one = lambda x: grad(lambda w: grad(smooth)(x, w).square().sum())(w)  # noqa: E731
    assert_close(grad(curvature)(w), loop(one, (0,), x).sum(0))
    rows = vmap(jacrev(lambda x: tf.tanh(x @ w)))(x)
    assert_close(rows, loop(jacfwd(lambda x: tf.tanh(x @ w)), (0,), x))
    # Levels of which one ends before the other is differentiated.
    twice = lambda w: vmap(lambda x: vmap(lambda r: (r @ w).tanh().sum())(x).sum())(x).sum()  # noqa: E731
    np.testing.assert_allclose(hessian(twice)(w[:, :1]).numpy(), differences(grad(twice), w[:, :1]), **DIFFERENCE)


def test_backward_goes_through_a_map():
    x = drawn((BATCH, 4)).requires_grad_()
    w = drawn((4,), 1).requires_grad_()
    vmap(lambda x: (x * w).sum().exp())(x).sum().backward()
    expected = tf.exp(x.detach() @ w.detach())
    assert_close(w.grad, (expected[:, None] * x.detach()).sum(0))
    assert_close(x.grad, expected[:, None] * w.detach())


def test_backward_inside_a_map_does_not_add_to_leaves_outside():
    w = tf.ones(2, requires_grad=True)

    def step(x):
        (x * w).sum().backward()
        return x

    with pytest.raises(RuntimeError, match="backward: inside vmap the gradient of a tensor from outside differs"):
        vmap(step)(tf.ones(3, 2))
    assert w.grad is None


def test_gradients_of_each_sample_of_a_small_network():
    tf.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.GELU(),
        nn.GroupNorm(2, 6), nn.Flatten(), nn.Linear(6 * 3 * 3, 5),
    ).double()  # fmt: skip
    params = {name: value.detach() for name, value in model.named_parameters()}
    images, labels = drawn((BATCH, 1, 1, 8, 8)), tf.tensor([[0], [3], [1]])

    def loss(params, image, label):
        return F.cross_entropy(functional_call(model, params, image), label)

    found = vmap(grad(loss), in_dims=(None, 0, 0))(params, images, labels)
    for number in range(BATCH):
        model.zero_grad()
        F.cross_entropy(model(images[number]), labels[number]).backward()
        for name, parameter in model.named_parameters():
            assert_close(found[name][number], parameter.grad)


def test_an_ensemble_is_mapped_over_its_members():
    tf.manual_seed(0)
    models = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).eval() for _ in range(BATCH)]
    params, buffers = stack_module_state(models)
    assert params["0.weight"].shape == (BATCH, 4, 3)
    assert params["0.weight"].requires_grad
    x = tf.rand(5, 3)
    found = vmap(lambda p, b: functional_call(models[0], (p, b), (x,)))(params, buffers)
    expected = tf.stack([model(x) for model in models])
    # Single precision: sums of a few terms of size one.
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    found.sum().backward()
    assert params["0.weight"].grad.shape == (BATCH, 4, 3)
    with pytest.raises(RuntimeError, match="of one class"):
        stack_module_state([models[0], nn.Linear(2, 2)])


# --- Modules as functions.


def test_functional_call_leaves_the_module_as_it_is():
    layer = nn.Linear(2, 2)
    before = dict(layer.named_parameters())
    weights = {"weight": tf.ones(2, 2), "bias": tf.zeros(2)}
    assert functional_call(layer, weights, (tf.ones(2),)).tolist() == [2.0, 2.0]
    assert functional_call(layer, {}, tf.ones(2)).shape == (2,)
    assert all(value is before[name] for name, value in layer.named_parameters())
    with pytest.raises(RuntimeError, match="missing \\['bias'\\]"):
        functional_call(layer, {"weight": tf.ones(2, 2)}, tf.ones(2), strict=True)
    with pytest.raises(tf.ShapeError):
        functional_call(layer, {"weight": tf.ones(2, 7)}, tf.ones(2))
    assert all(value is before[name] for name, value in layer.named_parameters())
    with pytest.raises(ValueError, match="several dicts name"):
        functional_call(layer, (weights, weights), tf.ones(2))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("count", tf.zeros(()))

    def forward(self, x, scale=1.0):
        self.count += 1
        return self.second(self.first(x)) * scale


def test_functional_call_ties_weights_and_writes_given_buffers():
    model = Tied()
    count = tf.zeros(())
    eye = tf.eye(2)
    given = {"first.weight": eye * 2, "count": count}
    assert functional_call(model, given, (tf.ones(2),), {"scale": 3.0}).tolist() == [12.0, 12.0]
    assert count.item() == 1.0
    assert model.count.item() == 0.0
    with pytest.raises(ValueError, match="are one tensor of the module"):
        functional_call(model, {"first.weight": eye, "second.weight": eye * 2}, tf.ones(2))
    untied = functional_call(model, {"first.weight": eye, "second.weight": eye * 2}, tf.ones(2), tie_weights=False)
    assert untied.tolist() == [2.0, 2.0]


# --- torch.autograd.functional.


def test_the_functional_interface_of_autograd():
    functional = tf.autograd.functional
    x, y = drawn((2,)), drawn((2,), 1)
    f = lambda x, y: (x * y).sin()  # noqa: E731
    both = functional.jacobian(f, (x, y))
    assert_close(both, jacrev(f, (0, 1))(x, y))
    assert_close(functional.jacobian(f, (x, y), strategy="forward-mode"), both)
    second = functional.hessian(lambda x, y: f(x, y).sum(), (x, y))
    assert_close(second, hessian(lambda x, y: f(x, y).sum(), (0, 1))(x, y))
    _, products = functional.vjp(f, (x, y), tf.ones(2, dtype=tf.float64))
    assert_close(products, vjp(f, x, y)[1](tf.ones(2, dtype=tf.float64)))
    _, product = functional.jvp(f, (x, y), (x, y))
    assert_close(product, jvp(f, (x, y), (x, y))[1])
    _value, product = functional.hvp(lambda x: (x**3).sum(), x, y)
    assert_close(product, 6 * x * y)
    x.requires_grad_()
    assert functional.jacobian(tf.square, x, create_graph=True).requires_grad
    assert not functional.jacobian(tf.square, x).requires_grad
    with pytest.raises(NotImplementedError, match="strict=True"):
        functional.jacobian(tf.square, x, strict=True)
