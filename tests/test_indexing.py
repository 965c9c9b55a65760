"""Indexing and assignment between brackets: NumPy's, over all kinds of keys."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tenfold as tf
from support import SHARED, assert_gradients, assert_same, laid_out, layouts, numbers, seeds

shapes = st.lists(st.integers(0, 4), max_size=5).map(tuple)
bounds = st.none() | st.integers(-7, 7)
slices = st.builds(slice, bounds, bounds, st.sampled_from([None, 1, 2, 3, -1, -2, -3]))


@st.composite
def basic_keys(draw, shape):
    """Integers, slices, None and at most one Ellipsis."""
    key, axis, ellipsis = [], 0, False
    while axis < len(shape) and draw(st.integers(0, 5)) > 0:
        kind = draw(st.sampled_from(["integer", "slice", "slice", "none", "ellipsis"]))
        if kind == "none":
            key.append(None)
        elif kind == "ellipsis" and not ellipsis:
            key.append(...)
            ellipsis = True
            axis += draw(st.integers(0, len(shape) - axis))
        elif kind == "integer" and shape[axis] > 0 and not ellipsis:
            key.append(draw(st.integers(-shape[axis], shape[axis] - 1)))
            axis += 1
        else:
            key.append(draw(slices))
            axis += 1
    return tuple(key)


@st.composite
def keys(draw, shape):
    """Any key: basic ones mixed with integer arrays (which broadcast) and masks."""
    common = tuple(draw(st.lists(st.integers(0, 3), max_size=2)))
    key, axis = [], 0
    mask_used = False
    while axis < len(shape) and draw(st.integers(0, 6)) > 0:
        kind = draw(st.sampled_from(["integer", "slice", "none", "array", "array", "mask"]))
        extent = shape[axis]
        if kind == "none":
            key.append(None)
            continue
        if kind == "integer" and extent > 0:
            key.append(draw(st.integers(-extent, extent - 1)))
        elif kind == "array" and extent > 0 and not mask_used:
            own = common[draw(st.integers(0, len(common))) :]
            seed = draw(st.integers(0, 99))
            key.append(np.random.default_rng(seed).integers(-extent, extent, own))
        elif kind == "mask" and not mask_used and not any(isinstance(k, np.ndarray) for k in key):
            rank = draw(st.integers(1, min(2, len(shape) - axis)))
            seed = draw(st.integers(0, 99))
            key.append(np.random.default_rng(seed).integers(0, 2, shape[axis : axis + rank]).astype(bool))
            mask_used = True
            axis += rank - 1
        else:
            key.append(draw(slices))
        axis += 1
    return tuple(key)


def ours(key):
    return tuple(tf.tensor(k) if isinstance(k, np.ndarray) else k for k in key)


cases = shapes.flatmap(lambda shape: st.tuples(st.just(shape), basic_keys(shape)))
any_cases = shapes.flatmap(lambda shape: st.tuples(st.just(shape), keys(shape)))


@given(cases, st.sampled_from(SHARED), layouts)
@example(((3, 4), (slice(None, None, -2), None, ..., 1)), "int16", "stepped")
def test_basic_keys_give_numpys_elements(case, dtype, layout) -> None:
    shape, key = case
    array = numbers(shape, dtype)
    assert_same(laid_out(array, layout)[key], array[key])


@given(any_cases, st.sampled_from(["float32", "int8", "complex128"]), layouts)
@example(((3, 4, 2), (np.array([0, 2]), slice(None), np.array([1, 0]))), "float32", "dense")
@example(((3, 4, 2), (0, slice(None), np.array([1, 0]))), "float32", "dense")
def test_keys_with_arrays_and_masks_give_numpys_elements(case, dtype, layout) -> None:
    shape, key = case
    array = numbers(shape, dtype)
    tensor = laid_out(array, layout)
    assert_same(tensor[ours(key)], array[key])
    assert_same(tensor[tuple(k.tolist() if isinstance(k, np.ndarray) and k.size else k for k in key)], array[key])


@given(any_cases, st.sampled_from(["float32", "int8", "bool"]), layouts, seeds, st.data())
def test_assignment_writes_where_numpy_writes(case, dtype, layout, seed, data) -> None:
    shape, key = case
    array = numbers(shape, dtype).copy()
    tensor = laid_out(array.copy(), layout)
    # Broadcast along leading and unit axes; on duplicates the last wins, as in NumPy.
    target = array[key].shape
    shrunk = tuple(1 if data.draw(st.booleans()) else extent for extent in target)
    value = numbers(shrunk[data.draw(st.integers(0, len(shrunk))) :] if 0 not in target else target, dtype, seed)
    tensor[ours(key)] = tf.tensor(value)
    array[key] = value
    assert_same(tensor, array)


@given(any_cases)
def test_a_number_is_written_everywhere_the_key_says(case) -> None:
    shape, key = case
    array = numbers(shape, "float32").copy()
    tensor = tf.tensor(array)
    tensor[ours(key)] = 2.5
    array[key] = 2.5
    assert_same(tensor, array)


@given(any_cases)
def test_adding_at_a_key_is_reading_adding_and_writing(case) -> None:
    shape, key = case
    array = numbers(shape, "float32").copy()
    tensor = tf.tensor(array)
    tensor[ours(key)] += 1
    array[key] += 1
    assert_same(tensor, array)


def test_keys_in_other_clothes() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    x = tf.tensor(array)
    assert_same(x[np.int64(1)], array[1])
    assert_same(x[tf.tensor(1)], array[1])
    assert_same(x[[1, 0]], array[[1, 0]])
    assert_same(x[:, [True, False, True]], array[:, [True, False, True]])
    assert_same(x[range(2)], array[range(2)])
    assert_same(x[True], array[True])
    assert_same(x[False], array[False])
    assert_same(x[[]], array[[]])
    assert_same(x[np.array([0, 1], np.uint8)], array[np.array([0, 1], np.uint8)])
    assert_same(x[tf.tensor([0, 1], dtype=tf.int16), 1:], array[[0, 1], 1:])
    assert_same(x[slice(np.int8(0), tf.tensor(1))], array[:1])
    assert_same(x[()], array)
    assert_same(x[x > 5], array[array > 5])
    assert_same(tf.tensor(5)[tf.tensor(True)], np.array(5)[np.array(True)])


@pytest.mark.parametrize(
    "key",
    [3, -4, (0, 4), (0, -5), (slice(None), 4), [0, 3], [-4], (0, [4]), (..., 0, 0, 0), (0, 0, 0), [[True]], 2**62,
     -(2**63), 2**63, 1.0, "a", b"a", (0, 1.5), [1.5], slice(0, 2.0), object()],
)  # fmt: skip
def test_keys_outside_the_tensor_raise_the_same_when_read_and_written(key) -> None:
    x = tf.zeros(3, 4)
    with pytest.raises((IndexError, TypeError, OverflowError)) as read:
        x[key]
    with pytest.raises((IndexError, TypeError, OverflowError)) as written:
        x[key] = 1
    assert type(read.value) is type(written.value)
    assert_same(x, np.zeros((3, 4), np.float32))


def test_a_value_that_does_not_broadcast_leaves_the_tensor_as_it_was() -> None:
    x = tf.zeros(3, 4)
    for value in (tf.ones(3), tf.ones(2, 4), np.ones(5), [1, 2]):
        with pytest.raises(tf.ShapeError, match=r"^setitem: "):
            x[:] = value
    assert_same(x, np.zeros((3, 4), np.float32))
    with pytest.raises(ValueError, match="the step of a slice must not be 0"):
        x[::0]


def test_leading_ones_of_a_value_are_dropped() -> None:
    x = tf.zeros(3)
    x[:] = tf.ones(1, 1, 3)
    assert_same(x, np.ones(3, np.float32))


def test_an_assigned_value_takes_the_tensors_dtype() -> None:
    x = tf.zeros(3, dtype=tf.int8)
    x[0] = tf.tensor(3.7)
    x[1] = tf.tensor(-300.0)
    x[2] = tf.tensor(300)
    assert x.dtype == tf.int8
    assert_same(x, np.array([3, -128, 44], np.int8))


SQUARE = np.random.default_rng(3).normal(size=(5, 3, 4))


@pytest.mark.parametrize(
    "key",
    [2, (slice(None, None, -2), 1), (..., None, 3), [4, 0, 4], (slice(1, 4), [2, 0]), ([0, 1], slice(None), [3, 3]),
     (slice(None), np.array([[0, 1], [2, 2]])), SQUARE > 0, (slice(None), SQUARE[0] > 0)],
    ids=repr,
)  # fmt: skip
def test_gradients_of_reading_and_writing_at_a_key(key) -> None:
    key = tf.tensor(key) if isinstance(key, np.ndarray) else key
    assert_gradients(lambda x: x[key] ** 2, SQUARE)

    def write(x, v):
        y = x * 1
        y[key] = v
        return y**2

    # With duplicates only the last written counts, and only it gets a gradient.
    assert_gradients(write, SQUARE, np.array(0.7))
    value = np.random.default_rng(4).normal(size=SQUARE[np.asarray(key) if isinstance(key, tf.Tensor) else key].shape)
    assert_gradients(write, SQUARE, value)


def test_gradients_of_duplicate_indices_add_up() -> None:
    x = tf.zeros(3, requires_grad=True)
    x[[0, 2, 2, 2]].sum().backward()
    assert_same(x.grad, np.array([1, 0, 3], np.float32))


@pytest.mark.parametrize("step", [1, -2])
def test_elements_at_random_places_of_large_memory(step: int) -> None:
    generator = np.random.default_rng(3)
    x, indices = generator.standard_normal(400_000).astype(np.float32), generator.integers(-200_000, 200_000, 3_000)
    rows = generator.integers(-700, 700, (300, 501))
    columns = generator.standard_normal((700, 501)).astype(np.float32)
    values = tf.tensor(x).flip(0)[::2] if step < 0 else tf.tensor(x)[:200_000]
    expected = x[::-1][::2] if step < 0 else x[:200_000]
    np.testing.assert_array_equal(values[tf.tensor(indices)].numpy(), expected[indices])
    np.testing.assert_array_equal(
        tf.take_along_axis(tf.tensor(columns), tf.tensor(rows), axis=0).numpy(),
        np.take_along_axis(columns, rows, axis=0),
    )
    for wrong in (200_000, -200_001, 2**62, -(2**63)):
        indices[1500] = wrong
        with pytest.raises(IndexError):
            values[tf.tensor(indices)].numpy()
