"""Movement, views, and writing in place: values as NumPy's, aliasing as PyTorch's."""

import gc
import math
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tenfold as tf
from support import assert_gradients, assert_same, full_shapes, laid_out, layouts, numbers, seeds


def counting(*shape, dtype=np.float32):
    return np.arange(math.prod(shape)).reshape(shape).astype(dtype)


# --- Movement: each draws its arguments and returns what it does to a tensor and to an array.


def draw_axis(data, rank):
    return data.draw(st.integers(-rank, rank - 1))


def permute(data, shape):
    order = data.draw(st.permutations(range(len(shape))))
    return lambda t: t.permute(tuple(order)), lambda a: a.transpose(order)


def transpose(data, shape):
    a, b = draw_axis(data, len(shape)), draw_axis(data, len(shape))
    return lambda t: t.transpose(a, b), lambda x: x.swapaxes(a, b)


def movedim(data, shape):
    a, b = draw_axis(data, len(shape)), draw_axis(data, len(shape))
    return lambda t: t.movedim(a, b), lambda x: np.moveaxis(x, a, b)


def unsqueeze(data, shape):
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    return lambda t: t.unsqueeze(axis), lambda x: np.expand_dims(x, axis)


def squeeze(data, shape):
    return lambda t: t.squeeze(), lambda x: x.squeeze()


def expand(data, shape):
    wide = tuple(data.draw(st.integers(0, 3)) if extent == 1 else extent for extent in shape)
    lead = tuple(data.draw(st.lists(st.integers(0, 2), max_size=1)))
    return lambda t: t.expand(lead + wide), lambda x: np.broadcast_to(x, lead + wide)


def flip(data, shape):
    axis = draw_axis(data, len(shape))
    return lambda t: t.flip(axis), lambda x: np.flip(x, axis)


def roll(data, shape):
    axis, shift = draw_axis(data, len(shape)), data.draw(st.integers(-9, 9))
    return lambda t: t.roll(shift, axis), lambda x: np.roll(x, shift, axis)


def roll_flat(data, shape):
    shift = data.draw(st.integers(-9, 9))
    return lambda t: t.roll(shift), lambda x: np.roll(x, shift)


def flatten(data, shape):
    first = data.draw(st.integers(0, len(shape) - 1))
    last = data.draw(st.integers(first, len(shape) - 1))
    new = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
    return lambda t: t.flatten(first, last), lambda x: x.reshape(new)


def select(data, shape):
    axis = data.draw(st.integers(0, len(shape) - 1))
    if shape[axis] == 0:
        return lambda t: t, lambda x: x
    index = data.draw(st.integers(-shape[axis], shape[axis] - 1))
    return lambda t: t.select(axis, index), lambda x: x.take(index, axis)


def narrow(data, shape):
    axis = data.draw(st.integers(0, len(shape) - 1))
    start = data.draw(st.integers(0, shape[axis]))
    length = data.draw(st.integers(0, shape[axis] - start))
    key = (slice(None),) * axis + (slice(start, start + length),)
    return lambda t: t.narrow(axis, start, length), lambda x: x[key]


def unfold(data, shape):
    axis = data.draw(st.integers(0, len(shape) - 1))
    size, step = data.draw(st.integers(1, max(1, shape[axis]))), data.draw(st.integers(1, 3))
    if size > shape[axis]:
        return lambda t: t, lambda x: x
    every = (slice(None),) * axis + (slice(None, None, step),)
    return (
        lambda t: t.unfold(axis, size, step),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, size, axis)[every],
    )


def reshape(data, shape):
    factors = data.draw(st.permutations(shape))
    return lambda t: t.reshape(tuple(factors)), lambda x: x.reshape(factors)


def step_slices(data, shape):
    key = tuple(
        data.draw(
            st.sampled_from([slice(None), slice(None, None, -1), slice(1, None), slice(None, None, 2), None, ...])
        )
        for _ in shape[:3]
    )
    if sum(k is ... for k in key) > 1:
        key = key[:1]
    return lambda t: t[key], lambda x: x[key]


MOVEMENTS = [permute, transpose, movedim, unsqueeze, squeeze, expand, flip, roll, roll_flat, flatten, select, narrow,
             unfold, reshape, step_slices]  # fmt: skip


@pytest.mark.parametrize("movement", MOVEMENTS)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=5).map(tuple),
    st.sampled_from(["float32", "int8", "complex128", "bool"]),
    layouts,
    st.data(),
)
def test_a_movement_moves_elements_as_numpys_does(movement, shape, dtype, layout, data) -> None:
    array = numbers(shape, dtype)
    ours, numpys = movement(data, shape)
    assert_same(ours(laid_out(array, layout)), numpys(array))


@given(full_shapes.filter(bool), st.data())
def test_movements_of_movements_are_numpys(shape, data) -> None:
    tensor, array = tf.tensor(counting(*shape)), counting(*shape)
    for movement in data.draw(st.lists(st.sampled_from(MOVEMENTS), max_size=5)):
        if array.ndim in (0, 6):
            break
        ours, numpys = movement(data, array.shape)
        tensor, array = ours(tensor), numpys(array)
    assert_same(tensor, array)
    assert_same(tensor + 1, array + np.float32(1))


# --- Views share the elements of their base.

VIEWS = {
    "int": lambda t: t[1],
    "slice": lambda t: t[1:, ::2],
    "reversed": lambda t: t[::-1, ::-2],
    "none": lambda t: t[:, None, 0],
    "ellipsis": lambda t: t[..., 1:],
    "T": lambda t: t.T,
    "mT": lambda t: t.mT,
    "t": lambda t: t.t(),
    "transpose": lambda t: t.transpose(0, 1),
    "permute": lambda t: t.permute(1, 0),
    "movedim": lambda t: t.movedim(0, 1),
    "swapaxes": lambda t: t.swapaxes(0, 1),
    "view": lambda t: t.view(-1),
    "reshape": lambda t: t.reshape(2, 6),
    "flatten": lambda t: t.flatten(),
    "unflatten": lambda t: t.unflatten(1, (2, 2)),
    "unsqueeze": lambda t: t.unsqueeze(0),
    "squeeze": lambda t: t.unsqueeze(0).squeeze(),
    "select": lambda t: t.select(1, -1),
    "narrow": lambda t: t.narrow(0, 1, 2),
    "diagonal": lambda t: t.diagonal(1),
    "as_strided": lambda t: t.as_strided((2, 2), (5, 1), 1),
    "unbind": lambda t: t.unbind(0)[2],
    "split": lambda t: t.split(2)[1],
    "chunk": lambda t: t.chunk(2, 1)[0],
    "detach": lambda t: t.detach(),
    "data": lambda t: t.data,
    "view_as": lambda t: t.view_as(tf.zeros(4, 3)),
    "view of view": lambda t: t.T[1:].view(3, 3)[::-1, 1],
    "unfold": lambda t: t.unfold(1, 2, 2),
}


def numpy_view(view):
    """The view's places, found by moving the numbers of the places."""
    places = tf.arange(12).reshape(3, 4)
    return view(places).numpy()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_writing_to_a_view_writes_to_its_base_and_to_other_views(view) -> None:
    base = tf.tensor(counting(3, 4))
    seen, other = view(base), base.view(-1)
    expected = counting(12)
    expected[numpy_view(view).ravel()] = -expected[numpy_view(view).ravel()] - 1
    seen.mul_(-1).sub_(1)
    assert_same(base, expected.reshape(3, 4))
    assert_same(other, expected)
    assert_same(seen, expected[numpy_view(view)])


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_writing_to_the_base_shows_in_its_views(view) -> None:
    base = tf.tensor(counting(3, 4))
    seen = view(base)
    base += 100
    base[1, 2] = 7
    expected = counting(3, 4) + 100
    expected[1, 2] = 7
    assert_same(base, expected)
    assert_same(seen, expected.ravel()[numpy_view(view)])


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_results_are_not_views(view) -> None:
    base = tf.tensor(counting(3, 4))
    result = view(base) + 0
    base.zero_()
    assert_same(result, counting(12)[numpy_view(view)])


def test_the_ways_of_writing_that_people_use() -> None:
    x = tf.ones(3, 2)
    x[0].zero_()
    y = x.view(-1)
    y += 1
    x.T[...] = x.T * 10
    x[1, :].mul_(2)
    x[-1:] -= 5
    x[x == 10] = 3
    assert_same(x, np.array([[3, 3], [40, 40], [15, 15]], np.float32))
    assert y is not x
    assert_same(y, np.array([3, 3, 40, 40, 15, 15], np.float32))


def test_parameters_are_initialised_through_data() -> None:
    p = tf.zeros(50, requires_grad=True)
    tf.manual_seed(0)
    assert p.data.normal_() is not p
    assert p.requires_grad
    assert p.is_leaf
    assert len(set(p.detach().numpy().tolist())) == 50
    p.data = tf.ones(3)
    assert_same(p, np.ones(3, np.float32))
    assert p.requires_grad
    assert p.is_leaf


def test_flip_and_advanced_indices_copy() -> None:
    x = tf.arange(4)
    copies = [x.flip(0), x[[0, 1]], x[tf.tensor([True] * 4)], x.roll(1)]
    expected = [copy.numpy().copy() for copy in copies]
    x.zero_()
    for copy, values in zip(copies, expected, strict=True):
        assert_same(copy, values)


def test_reshape_is_a_view_where_it_can_be_and_view_insists() -> None:
    x = tf.arange(6).reshape(2, 3)
    x.reshape(6).zero_()
    assert x.sum().item() == 0
    x.T.reshape(6).fill_(1)
    assert x.sum().item() == 0
    with pytest.raises(tf.ShapeError, match="Hint: use reshape"):
        x.T.view(6)


def test_shifts_of_a_roll_add_up_without_overflow() -> None:
    shifts = (2**62, 2**62, 2**62)
    assert_same(tf.arange(7).roll(shifts), np.roll(np.arange(7), sum(shifts) % 7))
    assert tuple(tf.zeros(2, 0).roll(shifts).shape) == (2, 0)


def test_an_expanded_view_is_written_only_where_that_means_one_thing() -> None:
    x = tf.zeros(3)
    wide = x.expand(2, 3)
    for write in (
        lambda: wide.add_(1),
        lambda: wide.copy_(tf.ones(2, 3)),
        lambda: wide.normal_(),
        lambda: wide.__setitem__(slice(None), tf.ones(2, 3)),
        lambda: wide.__setitem__(wide == 0, 1.0),
    ):
        with pytest.raises(RuntimeError, match=r"more than one element .* single memory location. Hint: clone\(\)"):
            write()
    assert_same(x, np.zeros(3, np.float32))
    wide[1] = tf.tensor([1.0, 2.0, 3.0])  # a row has each element once
    assert_same(wide, np.float32([[1, 2, 3], [1, 2, 3]]))
    wide[:, 2] = 5  # one number, wherever the elements stand
    wide[0, 1] += 2
    assert_same(x, np.float32([1, 4, 5]))
    wide.fill_(7)
    assert_same(x, np.float32([7, 7, 7]))
    assert_same(wide.zero_(), np.zeros((2, 3), np.float32))
    x.expand(0, 3).add_(1)
    assert_same(wide.clone().add_(1), np.ones((2, 3), np.float32))


def test_writing_from_an_overlapping_view_reads_the_old_elements() -> None:
    x = tf.arange(6)
    x[1:] = x[:-1]
    assert_same(x, np.array([0, 0, 1, 2, 3, 4]))
    x[:] = x[::-1]
    assert_same(x, np.array([4, 3, 2, 1, 0, 0]))
    y = tf.tensor(counting(3, 3))
    y += y.T
    assert_same(y, counting(3, 3) + counting(3, 3).T)


def test_what_cannot_be_stored_in_place_is_an_error_before_it_is_computed() -> None:
    x, y, mask = tf.zeros(3_000_000, 1), tf.ones(3_000_000), tf.zeros(3_000_000, dtype=tf.bool)  # together 36 TB
    for call in (
        lambda: x.add_(y), lambda: x.sub_(y, alpha=2), lambda: x.mul_(y), lambda: x.div_(y), lambda: x.pow_(y),
        lambda: x.maximum_(y), lambda: x.clamp_(y), lambda: x.clamp_(max=y), lambda: x.addcmul_(y, y),
        lambda: x.addcdiv_(y, y), lambda: x.masked_fill_(mask, 1), lambda: x.__iadd__(y), lambda: x.__ipow__(y),
    ):  # fmt: skip
        with pytest.raises(tf.ShapeError, match=r"shape \(3000000, 3000000\) does not fit the tensor"):
            call()
    assert x.add_(tf.ones(1)).sum().item() == 3_000_000


def test_in_place_methods_return_the_object_and_keep_dtype_and_identity() -> None:
    x = tf.ones(2, dtype=tf.float16)
    before = id(x)
    assert x.add_(1) is x
    x *= 3.5
    x -= tf.ones(2, dtype=tf.float64)
    assert id(x) == before
    assert x.dtype == tf.float16
    with pytest.raises(tf.DTypeError, match="cannot be stored in int64"):
        tf.ones(2, dtype=tf.int64).div_(2)
    with pytest.raises(tf.DTypeError, match="cannot be stored in float32"):
        tf.ones(2).mul_(1j)


def test_strides_and_offsets_are_those_of_the_base() -> None:
    x = tf.zeros(3, 4, 5)
    assert x.stride() == (20, 5, 1)
    assert x[1, :, ::2].stride() == (5, 2)
    assert x[1, :, ::2].storage_offset() == 20
    assert x[::-1].stride() == (-20, 5, 1)
    assert x.permute(2, 0, 1).stride() == (1, 20, 5)
    assert x.expand(2, 3, 4, 5).stride() == (0, 20, 5, 1)
    assert x.stride(-1) == 1
    assert x.is_contiguous()
    assert not x.mT.is_contiguous()
    assert (x.mT + 1).is_contiguous()


# Kernels of each family, on a mask, numbers and indices of one shape.
KERNELS = {
    "map": lambda mask, x, index: x * 2 + 1,
    "copy": lambda mask, x, index: x.clone(),
    "reduction": lambda mask, x, index: (x.sum(0), x.sum(1), mask.any(), x.mean(0)),
    "scan": lambda mask, x, index: (x.cumsum(0), x.cumsum(1)),
    "nonzero": lambda mask, x, index: (mask.nonzero(), x[mask], tf.where(mask, x, 1.0)),
    "sort": lambda mask, x, index: (x.sort(0)[0], x.argsort(1), x.unique()),
    "search": lambda mask, x, index: (tf.searchsorted(x, x), tf.searchsorted(tf.arange(3.0), x)),
    "gather": lambda mask, x, index: (tf.arange(3.0)[index], tf.arange(3.0).take(index), x.gather(0, index)),
    "scatter": lambda mask, x, index: (x.scatter(0, index, x), x.scatter_add(0, index, x)),
    "assemble": lambda mask, x, index: (tf.cat([x, x], 1), tf.stack([x, x]), tf.nn.functional.pad(x, (1, 1))),
    "product": lambda mask, x, index: (x @ x.mT, x.mT @ x),
    "rows": lambda mask, x, index: (x.softmax(1), x.softmax(0), tf.nn.functional.rms_norm(x, (x.shape[1],))),
    "pooling": lambda mask, x, index: tf.nn.functional.avg_pool1d(x[:, None].expand(8, 2, 0), 1),
    "convolution": lambda mask, x, index: tf.nn.functional.conv1d(x[None], tf.ones(2, 8, 1)),
    "NumPy": lambda mask, x, index: (tf.asarray(x.numpy()), tf.tensor(x.tolist())),
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS.keys())
def test_a_view_of_no_elements_may_begin_behind_its_memory(kernel, eager: bool) -> None:
    bases = [tf.zeros((4, 8, 0), dtype=dtype) for dtype in (tf.bool, tf.float32, tf.int64)]
    behind, fresh = [base[2] for base in bases], [base[0].clone() for base in bases]
    assert behind[1].storage_offset() > 0

    def outcome(operands):
        try:
            results = kernel(*operands)
            results = results if isinstance(results, tuple) else (results,)
            return [(result.shape, result.dtype, result.tolist()) for result in results]
        except (ValueError, IndexError, RuntimeError) as error:
            return str(error)

    before = tf.is_eager()
    tf.set_eager(eager)
    try:
        assert outcome(behind) == outcome(fresh)
    finally:
        tf.set_eager(before)


def test_a_base_lives_as_long_as_its_views_and_no_longer() -> None:
    base = tf.arange(10)
    watch = weakref.ref(base)
    view = base[2:]
    del base
    gc.collect()
    assert view.sum().item() == sum(range(2, 10))
    view.zero_()
    assert view.sum().item() == 0
    del view
    gc.collect()
    assert watch() is None


@given(full_shapes.filter(bool), seeds, st.data())
def test_any_mix_of_views_and_writes_gives_what_numpy_gives(shape, seed, data) -> None:
    tensors, arrays = [tf.tensor(counting(*shape))], [counting(*shape)]
    movements = [permute, transpose, movedim, unsqueeze, narrow, step_slices]
    for _ in range(data.draw(st.integers(1, 8))):
        which = data.draw(st.integers(0, len(arrays) - 1))
        tensor, array = tensors[which], arrays[which]
        if data.draw(st.booleans()) and 0 < array.ndim < 6:
            ours, numpys = data.draw(st.sampled_from(movements))(data, array.shape)
            tensors.append(ours(tensor))
            arrays.append(numpys(array))
            continue
        match data.draw(st.sampled_from(["scalar", "tensor", "fill", "set", "add"])):
            case "scalar":
                tensor += 3
                array += 3
            case "tensor":
                other = numbers(array.shape, "int8", seed).astype(np.float32)
                tensor *= tf.tensor(other)
                array *= other
            case "fill":
                tensor.fill_(5)
                array[...] = 5
            case "set":
                tensor[...] = tensors[0].sum()
                array[...] = arrays[0].sum()
            case "add":
                tensor.add_(tensor, alpha=2)
                array += 2 * array.copy()
        if np.abs(arrays[0]).max(initial=0) > 2**16:  # every number stays exact
            break
    for tensor, array in zip(tensors, arrays, strict=True):
        assert_same(tensor, array)


# --- Under gradients.


def test_a_leaf_that_requires_a_gradient_is_not_written_to() -> None:
    x = tf.ones(3, requires_grad=True)
    for write in (
        lambda: x.add_(1),
        lambda: x.__setitem__(0, 1),
        lambda: x[0].zero_(),
        lambda: x.view(-1).mul_(2),
        lambda: x.__iadd__(1),
    ):
        with pytest.raises(RuntimeError, match=r"a leaf tensor that requires a gradient.*Hint: do it inside no_grad"):
            write()
    assert_same(x, np.ones(3, np.float32))


def test_a_leaf_written_to_without_gradients_stays_that_leaf() -> None:
    x = tf.ones(3, requires_grad=True)
    with tf.no_grad():
        x.mul_(2)
        x[0] = 7
        x[1:].sub_(1)
    assert x.is_leaf
    assert x.requires_grad
    (x * x).sum().backward()
    assert_same(x.grad, np.array([14, 2, 2], np.float32))
    with tf.no_grad():
        x -= 0.5 * x.grad
    assert_same(x, np.zeros(3, np.float32))


def test_writing_after_use_does_not_change_what_the_gradient_saw() -> None:
    # PyTorch raises here ("modified by an in-place operation"); values never change, so the gradient is right.
    x = tf.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    z = (y * y).sum()
    y.zero_()
    z.backward()
    assert_same(x.grad, np.array([2, 4], np.float32))


SQUARE = np.random.default_rng(1).normal(size=(7, 13))
VECTOR = np.random.default_rng(2).normal(size=13)


def written(body):
    def function(x, v):
        y = x * 1
        body(y, v)
        return y * y

    return function


def through_view_of_view(y, v):
    y.T[2:5].view(3, 7)[1] = v[:7]
    y[1:3, ::-2].mul_(3)


def view_before_write(y, v):
    seen = y[:, 3]
    y.mul_(2)
    seen.add_(v[0])


PROGRAMS = {
    "setitem int": lambda y, v: y.__setitem__(2, v),
    "setitem slice": lambda y, v: y.__setitem__((slice(1, 5), slice(None, None, 2)), v[:7]),
    "setitem number": lambda y, v: y.__setitem__((slice(None), 3), 2.0),
    "setitem mask": lambda y, v: y.__setitem__(y.detach() > 0, v[2]),
    "setitem list": lambda y, v: y.__setitem__(([0, 3], [1, 2]), v[:2]),
    "row zero_": lambda y, v: y[3].zero_(),
    "view mul_": lambda y, v: y.view(-1)[5:30].mul_(v[1]),
    "T add_": lambda y, v: y.T.add_(v[:7]),
    "exp_": lambda y, v: y.exp_(),
    "iadd self": lambda y, v: y.__iadd__(y[0]),
    "diagonal": lambda y, v: y.diagonal().mul_(v[:7]),
    "view of view": through_view_of_view,
    "view before write": view_before_write,
    "masked_fill_": lambda y, v: y.masked_fill_(y.detach() > 0, 3.0),
    "index_add_": lambda y, v: y.index_add_(0, tf.tensor([1, 1]), v.expand(2, 13)),
    "scatter_": lambda y, v: y.scatter_(1, tf.tensor([[0, 2]]), v[:2].view(1, 2)),
}


@pytest.mark.parametrize("body", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_gradients_flow_through_writes_and_views(body) -> None:
    assert_gradients(written(body), SQUARE, VECTOR)


def test_a_view_taken_before_a_write_carries_the_gradient_of_what_it_shows() -> None:
    x = tf.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1
    view = y[1:]
    y.mul_(10)
    view.sum().backward()
    assert_same(x.grad, np.array([0, 10, 10], np.float32))


def test_a_detached_view_is_written_to_without_gradient() -> None:
    x = tf.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.detach().zero_()
    assert_same(y, np.zeros(2, np.float32))
    y.sum().backward()
    assert_same(x.grad, np.array([3, 3], np.float32))


def test_requires_grad_starts_at_a_value_and_writing_carries_it() -> None:
    x = tf.zeros(3)
    w = tf.ones(2, requires_grad=True)
    x[1:] = w * 5
    assert x.requires_grad
    assert not x.is_leaf
    (x * x).sum().backward()
    assert_same(w.grad, np.array([50, 50], np.float32))


def test_whether_a_view_has_a_gradient_does_not_depend_on_where_it_is_first_used_after_a_write() -> None:
    for used_without_recording in (False, True):
        x = tf.ones(3, requires_grad=True)
        base = x * 2
        view = base[1:]
        with tf.no_grad():
            base.add_(1)
            if used_without_recording:
                view.sum()
        assert view.requires_grad
        view.sum().backward()
        assert_same(x.grad, np.array([0, 2, 2], np.float32))


@pytest.mark.parametrize("eager", [False, True])
def test_gradients_do_not_depend_on_who_looks_at_a_view_and_when(eager: bool) -> None:
    def gradient(looks: bool) -> np.ndarray:
        leaf = tf.tensor([-0.57, -1.23, 1.28, 2.61, -1.94, 0.83], requires_grad=True)
        base = leaf.diff(1, 0)
        view = base.transpose(0, -1)
        view += -1.38
        if looks:
            assert view.shape == (5,)
            view.detach().numpy()
        # Its gradient comes in three parts, which are added in the order of what was recorded.
        ((base.neg() * base) - view).mean().backward()
        return leaf.grad.numpy()

    before = tf.is_eager()
    tf.set_eager(eager)
    try:
        assert gradient(False).tobytes() == gradient(True).tobytes()
    finally:
        tf.set_eager(before)
