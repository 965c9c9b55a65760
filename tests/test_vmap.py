"""`vmap` against loops over the batch."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tenfold as tf
from mapping import BATCH, CASES, INTEGER_RESULTS, F, assert_close, batched_ways, drawn, loop, weighted
from tenfold import _core, nn
from tenfold.func import functional_call, grad, jvp, vmap
from test_autograd import points_of

TABLE = _core._operation_table()


@pytest.fixture(autouse=True, params=["deferred", "immediate"])
def mode(request):
    before = tf.is_eager()
    tf.set_eager(request.param == "immediate")
    yield
    tf.set_eager(before)


def check(function, shapes, *, gradients=True, ways=None):
    """`vmap` of a function of float64 tensors of these shapes is the loop, for every choice of mapped arguments.

    So are the gradients of all samples together, and of each.
    """
    for dims in ways or batched_ways(len(shapes)):
        args = [
            drawn(shape if dim is None else (BATCH, *shape), seed)
            for seed, (shape, dim) in enumerate(zip(shapes, dims, strict=True))
        ]
        assert_close(vmap(function, in_dims=dims)(*args), loop(function, dims, *args))
        if not gradients:
            continue
        number = lambda *own: weighted(function(*own))  # noqa: E731
        for leaf in args:
            leaf.requires_grad_()
        of_all = tf.autograd.grad(vmap(number, dims)(*args).sum(), args, allow_unused=True, materialize_grads=True)
        of_loop = tf.autograd.grad(loop(number, dims, *args).sum(), args, allow_unused=True, materialize_grads=True)
        assert_close(of_all, of_loop)
        args = [arg.detach() for arg in args]
        of_each = grad(number, argnums=tuple(range(len(args))))
        assert_close(vmap(of_each, dims)(*args), loop(of_each, dims, *args))


# --- Every operation of the table.


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["name"])
def test_an_operation_is_mapped_as_in_a_loop(row):
    function = getattr(tf, row["name"])
    if row["floating"] or row["rule"] == "Choose":
        points = [tf.tensor(point) for point in points_of(row, (BATCH, 2, 3))]
        if row["rule"] == "Choose":
            points[0] = points[0] > 0
    elif row["integer"]:
        points = [tf.arange(1, 19).reshape(BATCH, 2, 3) % 5 + 1 for _ in row["arguments"]]
    else:
        points = [tf.arange(18).reshape(BATCH, 2, 3) % 2 == 0 for _ in row["arguments"]]
    for dims in batched_ways(len(points)):
        args = [point if dim == 0 else point[0] for point, dim in zip(points, dims, strict=True)]
        found, expected = vmap(function, dims)(*args), loop(function, dims, *args)
        # The same elements by the same instructions: the same bits.
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
        assert found.dtype == expected.dtype
    if row["differentiable"] and row["floating"] and row["rule"] != "Choose":
        slope = grad(lambda *own: function(*own).sum(), tuple(range(len(points))))
        dims = (0,) * len(points)
        assert_close(vmap(slope)(*points), loop(slope, dims, *points))


@given(
    st.lists(st.integers(1, 4), max_size=3).map(tuple),
    st.data(),
)
def test_operands_broadcast_by_the_shape_of_a_sample(shape, data):
    other = data.draw(st.sampled_from([shape, shape[1:], (1, *shape), tuple(1 for _ in shape)]))
    in_dim = data.draw(st.integers(0, len(shape)))
    out_dim = data.draw(st.integers(0, max(len(shape), len(other))))
    x = drawn((BATCH, *shape))
    y = drawn((BATCH, *other), 1)
    found = vmap(tf.multiply, in_dims=(in_dim, 0), out_dims=out_dim)(x.movedim(0, in_dim), y)
    expected = tf.stack([x[i] * y[i] for i in range(BATCH)], axis=out_dim)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


# --- Families of operations.


@pytest.mark.parametrize("name", CASES)
def test_a_function_is_mapped_as_in_a_loop(name):
    function, shapes = CASES[name]
    check(function, shapes, gradients=name not in INTEGER_RESULTS)


RECURRENT = {
    "RNN": lambda: nn.RNN(3, 4, batch_first=True),
    "LSTM": lambda: nn.LSTM(3, 4, num_layers=2, batch_first=True),
    "GRU": lambda: nn.GRU(3, 4, bidirectional=True),
    "LSTMCell": lambda: nn.LSTMCell(3, 4),
    "MultiheadAttention": lambda: _SelfAttention(),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
    "Sequential": lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, 2)),
}


class _SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)


@pytest.mark.parametrize("name", RECURRENT)
def test_modules_are_mapped_as_in_a_loop(name):
    tf.manual_seed(0)
    module = RECURRENT[name]().double()
    width = 4 if "ttention" in name or "Transformer" in name else 3
    x = drawn((BATCH, 2, width) if "Cell" in name else (BATCH, 2, 5, width))
    params = {key: value.detach() for key, value in module.named_parameters()}
    assert_close(vmap(module)(x), loop(module, (0,), x))

    def number(params, x):
        return weighted(functional_call(module, params, (x,)))

    per_sample = grad(number, argnums=(0, 1))
    found = vmap(per_sample, in_dims=(None, 0))(params, x)
    results = [per_sample(params, x[number]) for number in range(BATCH)]
    for key in params:
        assert_close(found[0][key], tf.stack([result[0][key] for result in results]))
    assert_close(found[1], tf.stack([result[1] for result in results]))


# --- Indices, masks and writes that differ from sample to sample.


def test_each_sample_has_its_own_indices():
    indices = tf.tensor([[0, 3, 3], [1, 1, 2], [-1, 0, 2]])
    rows = tf.tensor([[0, 1, 1], [1, 0, 1], [0, 0, 1]])
    for x_dim in (0, None):
        x = drawn((BATCH, 4, 5) if x_dim == 0 else (4, 5))
        dims = (x_dim, 0)
        for function in (
            lambda x, i: x[i],
            lambda x, i: x[:, i],
            lambda x, i: x[i, 1:3],
            lambda x, i: x.index_select(0, i % 4),
            lambda x, i: tf.take(x, i, axis=1),
            lambda x, i: x.gather(0, (i % 4).reshape(3, 1)),
            lambda x, i: F.embedding(i % 4, x),
            lambda x, i: x[i[0]],
            lambda x, i: x[i[0], i[1]],
            lambda x, i: x.index_add(0, i % 4, x[:3]),
            lambda x, i: F.cross_entropy(x[:3], i % 4),
            lambda x, i: F.one_hot(i % 4, 4) * x[0, :4],
        ):
            args = [x.detach().requires_grad_(), indices]
            mapped, expected = vmap(function, dims)(*args), loop(function, dims, *args)
            assert_close(mapped, expected)
            weights = tf.tensor(np.cos(np.arange(mapped.numel()))).reshape(mapped.shape)
            assert_close(
                tf.autograd.grad((mapped * weights).sum(), args[0]),
                tf.autograd.grad((expected * weights).sum(), args[0]),
            )
    x = drawn((BATCH, 2, 4))
    both = vmap(lambda x, r, i: x[r, i])(x, rows, indices)
    assert_close(both, tf.stack([x[k][rows[k], indices[k]] for k in range(BATCH)]))


def written(x, v):
    y = x.clone()
    y[1] = v
    y[:, 2:] *= 2
    y.t()[0].add_(v.sum())
    y[y > 1.5] = 0.25
    y[tf.tensor([0, 3, 0])] = v
    return y


def test_writes_in_place_are_those_of_a_sample():
    check(written, [(4, 5), (5,)], ways=[(0, 0), (0, None), (None, 0)])


def test_a_mask_that_differs_from_sample_to_sample_chooses_where_to_write():
    def masked(x, v):
        y = x.clone()
        mask = x[0] > 1
        y[:, mask] = v[:, None]
        return y

    check(masked, [(4, 5), (4,)], gradients=False)


def test_views_inside_see_what_is_written():
    def function(x):
        y = tf.zeros(2, 3, dtype=x.dtype)
        row = y[1]
        y[1] = x
        row *= 2
        return y, row

    check(function, [(3,)])


def test_a_tensor_from_outside_is_not_written():
    total = tf.zeros(3)
    with pytest.raises(
        RuntimeError, match="add: a tensor from outside of vmap cannot be given a value for each sample"
    ):
        vmap(lambda x: total.add_(x))(tf.ones(2, 3))
    assert total.tolist() == [0.0, 0.0, 0.0]
    vmap(lambda x: (total.add_(1), x)[1])(tf.ones(2, 3))
    assert total.tolist() == [1.0, 1.0, 1.0]


# --- What looks at values.


@pytest.mark.parametrize(
    "look",
    [
        lambda x: 1.0 if x.sum() > 0 else 2.0,
        lambda x: x.sum().item(),
        lambda x: float(x[0]),
        lambda x: x.numpy(),
        lambda x: x.tolist(),
        lambda x: tf.allclose(x, x),
    ],
)
def test_looking_at_a_value_is_an_error(look):
    with pytest.raises(RuntimeError, match="a tensor inside vmap has a value for each sample"):
        vmap(lambda x: (look(x), x)[1])(tf.ones(3, 2))


def test_results_whose_shape_depends_on_values_are_an_error():
    for function in (lambda x: x[x > 0], lambda x: tf.nonzero(x)[0], lambda x: x.masked_select(x > 0)):
        with pytest.raises(NotImplementedError, match="nonzero: how many elements there are would differ"):
            vmap(function)(tf.ones(3, 2))


def test_checks_of_values_look_at_every_sample():
    index = tf.tensor([[0], [1], [7]])
    with pytest.raises(IndexError, match="7"):
        vmap(lambda i: tf.zeros(3)[i])(index)
    with pytest.raises(RuntimeError, match="from 0 to 1"):
        vmap(F.binary_cross_entropy)(tf.tensor([[0.5], [1.5]]), tf.ones(2, 1))


def test_a_batched_tensor_can_be_printed():
    shown = []
    vmap(lambda x: (shown.append(repr(x)), x)[1])(tf.ones(3, 2))
    assert shown == ["tensor(…, shape=(2,), dtype=float32, samples=[3])"]


# --- Random numbers.


def noise(x):
    return x + tf.rand(2) + F.dropout(tf.ones(2), 0.5) + tf.randperm(2)


def test_random_numbers_are_refused_unless_asked_for():
    with pytest.raises(RuntimeError, match='Hint: give vmap randomness="different"'):
        vmap(noise)(tf.zeros(4, 2))


def test_random_numbers_differ_or_are_the_same():
    tf.manual_seed(0)
    different = vmap(noise, randomness="different")(tf.zeros(50, 2))
    assert len({tuple(row) for row in different.tolist()}) > 40
    tf.manual_seed(0)
    same = vmap(noise, randomness="same")(tf.zeros(50, 2))
    tf.manual_seed(0)
    alone = noise(tf.zeros(2))
    assert all(row == alone.tolist() for row in same.tolist())
    orders = vmap(lambda _: tf.randperm(8), randomness="different")(tf.zeros(20))
    assert all(sorted(row) == list(range(8)) for row in orders.tolist())
    assert len({tuple(row) for row in orders.tolist()}) > 15


def test_levels_may_differ_in_their_random_numbers():
    inner = vmap(lambda x: tf.rand(()) + x, randomness="same")
    found = vmap(inner, randomness="different")(tf.zeros(5, 4))
    assert all(len(set(row)) == 1 for row in found.tolist())
    assert len({row[0] for row in found.tolist()}) == 5
    with pytest.raises(RuntimeError, match="random numbers are drawn inside vmap"):
        vmap(inner)(tf.zeros(5, 4))


# --- Arguments of vmap.

Pair = namedtuple("Pair", "a b")


def test_arguments_and_results_are_nested():
    data = {"x": tf.arange(6).reshape(3, 2), "pair": Pair([tf.arange(3)], (tf.ones(2),))}

    def function(data, scale):
        return OrderedDict(sum=data["x"].sum() + data["pair"].a[0], rest=[data["pair"].b[0] * scale])

    dims = {"x": 0, "pair": Pair(0, None)}
    found = vmap(function, in_dims=(dims, None))(data, 2.0)
    assert isinstance(found, OrderedDict)
    assert found["sum"].tolist() == [1, 6, 11]
    assert found["rest"][0].tolist() == [[2.0, 2.0]] * 3
    moved = vmap(function, in_dims=(dims, None), out_dims=({"sum": 0, "rest": 1},))(data, 2.0)
    assert moved["rest"][0].shape == (2, 3)


def test_results_that_are_the_same_for_all_samples():
    x = tf.ones(3, 2)
    assert vmap(lambda x: tf.arange(2))(x).tolist() == [[0, 1]] * 3
    assert vmap(lambda x: tf.arange(2), out_dims=None)(x).tolist() == [0, 1]
    with pytest.raises(ValueError, match="out_dims is None for a result that differs"):
        vmap(lambda x: x, out_dims=None)(x)


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7])
def test_chunks_change_nothing(chunk_size):
    x = drawn((5, 3))
    function = lambda x: (x * 2, x.sum())  # noqa: E731
    assert_close(vmap(function, chunk_size=chunk_size)(x), vmap(function)(x))
    assert_close(vmap(tf.sin, 1, 1, chunk_size=chunk_size)(x), tf.sin(x))


def test_keyword_arguments_are_not_mapped():
    assert vmap(lambda x, *, y: x + y)(tf.ones(3), y=tf.ones(2)).tolist() == [[2.0, 2.0]] * 3


@pytest.mark.parametrize(
    ("arguments", "call", "message"),
    [
        ({"randomness": "some"}, (tf.ones(2),), "randomness is 'error', 'different' or 'same'"),
        ({"chunk_size": 0}, (tf.ones(2),), "chunk_size must be positive"),
        ({"in_dims": None}, (tf.ones(2),), "in_dims is an integer or a tuple"),
        ({"in_dims": (None,)}, (tf.ones(2),), "at least one argument"),
        ({"in_dims": (0, 0)}, (tf.ones(2),), "not nested as the arguments are"),
        ({"in_dims": 1}, (tf.ones(2),), "in_dims is 1 for a tensor with 1 axes"),
        ({}, (2.0,), "an argument that is no tensor; got float"),
        ({}, (), "got no inputs"),
        ({"out_dims": (0, 0)}, (tf.ones(2),), "out_dims is not nested as the result is"),
    ],
)
def test_wrong_arguments_of_vmap(arguments, call, message):
    with pytest.raises(ValueError, match=message):
        vmap(lambda *args: args[0], **arguments)(*call)


def test_axes_of_different_extents_are_not_mapped_together():
    with pytest.raises(ValueError, match="all mapped axes have one extent; got 2, 3"):
        vmap(tf.add)(tf.ones(2), tf.ones(3))
    with pytest.raises(ValueError, match="the function must return tensors"):
        vmap(lambda x: 1.0)(tf.ones(2))


def test_nothing_is_mapped_over_as_well():
    found = vmap(lambda x: (x @ x.t(), x[0], x.sum(), tf.cat([x, x])))(tf.ones(0, 2, 3))
    assert [tuple(leaf.shape) for leaf in found] == [(0, 2, 2), (0, 3), (0,), (0, 4, 3)]


def test_a_level_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError):
        vmap(lambda x: 1 / 0)(tf.ones(3))
    assert tf.rand(2).shape == (2,)


def test_shapes_inside_are_those_of_a_sample():
    seen = {}

    def look(x):
        seen.update(shape=tuple(x.shape), ndim=x.ndim, numel=x.numel(), length=len(x), dtype=x.dtype)
        return tf.stack([row.sum() for row in x])

    assert vmap(look)(tf.ones(5, 2, 3)).shape == (5, 2)
    assert seen == {"shape": (2, 3), "ndim": 2, "numel": 6, "length": 2, "dtype": tf.float32}
    with pytest.raises(tf.ShapeError, match=r"shapes do not broadcast; got \(2,\) and \(3,\)"):
        vmap(lambda x: x + tf.ones(3))(tf.ones(4, 2))


# --- Custom functions.


class Cube(tf.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        # NumPy sees one sample.
        ctx.save_for_backward(x)
        return tf.tensor(x.numpy() ** 3)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


class MappedCube(Cube):
    generate_vmap_rule = True

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3


class RuledCube(Cube):
    @staticmethod
    def vmap(info, in_dims, x):
        assert info.batch_size == BATCH
        assert in_dims == (0,)
        assert info.randomness == "error"
        return x**3, 0


class Scaled(tf.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w, g * x


def test_each_sample_has_a_gradient_of_what_all_share():
    x, w = drawn((BATCH, 4)), drawn((4,), 1)
    of_w = vmap(grad(lambda w, x: Scaled.apply(x, w).sum()), (None, 0))(w, x)
    assert_close(of_w, x)
    total = grad(lambda w: vmap(lambda x: Scaled.apply(x, w).sum())(x).sum())(w)
    assert_close(total, x.sum(0))


@pytest.mark.parametrize("function", [Cube, MappedCube, RuledCube])
def test_custom_functions_are_mapped(function):
    x = drawn((BATCH, 4))
    assert_close(vmap(function.apply)(x), x**3)
    if function is not RuledCube:
        assert_close(vmap(grad(lambda x: function.apply(x).sum()))(x), 3 * x**2)
        assert_close(grad(lambda x: vmap(function.apply)(x).sum())(x), 3 * x**2)
    assert_close(jvp(MappedCube.apply, (x,), (x,))[1], 3 * x**3)
