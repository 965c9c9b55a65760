"""Putting tensors together, taking them apart, and multiplying them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tenfold as tf
from support import FLOATS, SHARED, array_of, assert_gradients, assert_same, laid_out, layouts, numbers, seeds, shapes
from tenfold.nn import functional as F

some_shapes = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)


# --- Assembly.


@given(some_shapes, st.sampled_from(SHARED), layouts, st.data())
def test_concatenation_is_numpys(shape, dtype, layout, data) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    extents = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    place = axis % len(shape)
    arrays = [numbers((*shape[:place], n, *shape[place + 1 :]), dtype, n) for n in extents]
    tensors = [laid_out(array, layout) for array in arrays]
    assert_same(tf.concat(tensors, axis=axis), np.concatenate(arrays, axis))
    assert_same(tf.cat(tensors, dim=axis), np.concatenate(arrays, axis))
    assert_same(tf.concat(tensors, axis=None), np.concatenate(arrays, None))


@given(shapes, st.sampled_from(SHARED), layouts, st.integers(1, 4), st.data())
def test_stacking_and_unstacking_are_each_others_inverse(shape, dtype, layout, count, data) -> None:
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    arrays = [numbers(shape, dtype, seed) for seed in range(count)]
    stacked = tf.stack([laid_out(array, layout) for array in arrays], axis=axis)
    assert_same(stacked, np.stack(arrays, axis))
    for part, array in zip(tf.unstack(stacked, axis=axis), arrays, strict=True):
        assert_same(part, array)


@given(st.integers(1, 20), st.integers(1, 8), st.data())
def test_splitting_leaves_nothing_out(length, size, data) -> None:
    array = np.arange(3 * length).reshape(3, length)
    parts = tf.tensor(array).split(size, 1)
    for start, part in zip(range(0, length, size), parts, strict=True):
        assert_same(part, array[:, start : start + size])
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=3)))
    sizes = np.diff([0, *cuts, length]).tolist()
    for part, expected in zip(tf.tensor(array).split(sizes, 1), np.split(array, cuts, 1), strict=True):
        assert_same(part, expected)
    chunks = tf.tensor(array).chunk(size, 1)
    assert len(chunks) <= size
    assert_same(tf.concat(chunks, axis=1), array)
    assert len({part.shape[1] for part in chunks[:-1]}) <= 1


@given(some_shapes, st.sampled_from(SHARED), layouts, st.data())
def test_tiling_and_repeating_are_numpys(shape, dtype, layout, data) -> None:
    array = numbers(shape, dtype)
    tensor = laid_out(array, layout)
    counts = tuple(data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)))
    assert_same(tf.tile(tensor, counts), np.tile(array, counts))
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    assert_same(tf.repeat(tensor, counts[0], axis=axis), np.repeat(array, counts[0], axis))
    each = numbers((array.size if axis is None else shape[axis],), "uint8", 3)
    assert_same(tf.repeat(tensor, tf.tensor(each).to(tf.int64), axis=axis), np.repeat(array, each, axis))
    if len(counts) >= len(shape):
        assert_same(tensor.repeat(counts), np.tile(array, counts))  # torch's repeat is NumPy's tile


@given(some_shapes, st.sampled_from(SHARED), st.data())
def test_where_takes_from_one_or_the_other(shape, dtype, data) -> None:
    a, b = numbers(shape, dtype, 1), numbers(shape[-1:], dtype, 2)
    condition = numbers(shape, "bool", 3)
    assert_same(tf.where(tf.tensor(condition), tf.tensor(a), tf.tensor(b)), np.where(condition, a, b))
    assert_same(tf.tensor(a).where(tf.tensor(condition), tf.tensor(b)), np.where(condition, a, b))


@given(
    some_shapes.filter(lambda shape: 0 not in shape),
    st.sampled_from(["float32", "int16", "complex64"]),
    layouts,
    seeds,
    st.data(),
)
def test_gather_scatter_and_taking_along_are_numpys(shape, dtype, layout, seed, data) -> None:
    array = numbers(shape, dtype)
    tensor = laid_out(array, layout)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    count = data.draw(st.integers(0, 5))
    place = axis % len(shape)
    index = np.random.default_rng(seed).integers(0, shape[axis], (*shape[:place], count, *shape[place + 1 :]))
    taken = np.take_along_axis(array, index, axis)
    assert_same(tensor.gather(axis, tf.tensor(index)), taken)
    assert_same(tf.take_along_axis(tensor, tf.tensor(index - shape[axis]), axis=axis), taken)
    source = numbers(index.shape, dtype, 5)
    written, added = array.copy(), array.astype("complex128" if dtype == "complex64" else "float64")
    np.put_along_axis(written, index, source, axis)
    for at in np.ndindex(index.shape):  # in logical order
        target = (*at[:place], index[at], *at[place + 1 :])
        added[target] += source[at]
        written[target] = source[at]
    assert_same(tensor.scatter(axis, tf.tensor(index), tf.tensor(source)), written)
    found = tensor.scatter_add(axis, tf.tensor(index), tf.tensor(source))
    # At most 5 additions to one element of numbers below 10.
    np.testing.assert_allclose(array_of(found), added, rtol=0, atol=5 * 50 * 2.0**-24 if dtype != "int16" else 0)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple), seeds, st.data())
def test_rows_named_by_a_vector_are_read_and_written(shape, seed, data) -> None:
    array = numbers(shape, "int64")
    axis = data.draw(st.integers(0, len(shape) - 1))
    index = np.random.default_rng(seed).integers(0, shape[axis], data.draw(st.integers(0, 5)))
    tensor, places = tf.tensor(array), tf.tensor(index)
    assert_same(tensor.index_select(axis, places), array.take(index, axis))
    assert_same(tf.take(tensor, places, axis=axis), array.take(index, axis))
    source = numbers(array.take(index, axis).shape, "int64", 4)
    key = (slice(None),) * axis + (index,)
    added, copied, filled = array.copy(), array.copy(), array.copy()
    np.add.at(added, key, source)
    copied[key] = source
    filled[key] = 7
    assert_same(tensor.index_add(axis, places, tf.tensor(source)), added)
    assert_same(tensor.index_copy(axis, places, tf.tensor(source)), copied)
    assert_same(tensor.index_fill(axis, places, 7), filled)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=3).map(tuple), seeds, st.data())
def test_elements_named_by_a_tensor_an_axis_are_written_and_added(shape, seed, data) -> None:
    array, random = numbers(shape, "int64"), np.random.default_rng(seed)
    count = data.draw(st.integers(0, 6))
    named = data.draw(st.integers(1, len(shape)))
    places = tuple(random.integers(-extent, extent, count) for extent in shape[:named])
    values = numbers((count, *shape[named:]), "int64", 4)
    written, added = array.copy(), array.copy()
    for at in range(count):  # the last write stays
        written[tuple(index[at] for index in places)] = values[at]
    np.add.at(added, places, values)
    x, indices = tf.tensor(array), tuple(map(tf.tensor, places))
    assert_same(x.index_put(indices, tf.tensor(values)), written)
    assert_same(x.index_put(indices, tf.tensor(values), accumulate=True), added)
    assert_same(x, array)
    assert x.index_put_(list(indices), tf.tensor(values), True) is x
    assert_same(x, added)


def test_an_index_put_takes_masks_whole_axes_and_numbers() -> None:
    array = numbers((3, 4), "float32")
    x, mask = tf.tensor(array), array > 1
    assert_same(x.index_put((tf.tensor(mask),), 7), np.where(mask, np.float32(7), array))
    assert_same(x.index_put((tf.tensor(mask),), tf.tensor(1.0), True), array + mask.astype("float32"))
    expected = array.copy()
    expected[:, [2, 0]] = [[1, 2]]
    assert_same(x.index_put((None, tf.tensor([2, 0])), tf.tensor([1.0, 2.0])), expected)
    x.requires_grad_(True)
    values = tf.tensor([1.0, 2.0], requires_grad=True)
    x.index_put((tf.tensor([0, 2]), tf.tensor([1, 1])), values).sum().backward()
    kept = np.ones((3, 4), "float32")
    kept[[0, 2], 1] = 0
    assert_same(x.grad, kept)
    assert_same(values.grad, np.ones(2, "float32"))
    with pytest.raises(TypeError, match="index_put: indices must be a tuple"):
        x.index_put(tf.tensor([0]), 1)
    with pytest.raises(TypeError, match="index_put: indices are tensors or None; got slice"):
        x.index_put((slice(None),), 1)
    with pytest.raises(IndexError, match="index_put"):
        x.index_put((tf.tensor([3]),), 1)
    with pytest.raises(TypeError, match="index_put: values of dtype float32 cannot be stored in int64"):
        tf.arange(3).index_put((tf.tensor([0]),), 1.5)


def test_masks_select_fill_and_scatter() -> None:
    array = numbers((3, 4), "float32")
    mask = numbers((3, 4), "bool", 2)
    x, m = tf.tensor(array), tf.tensor(mask)
    assert_same(x.masked_select(m), array[mask])
    assert_same(x.masked_fill(m, 9), np.where(mask, np.float32(9), array))
    expected = array.copy()
    expected[mask] = np.arange(mask.sum())
    assert_same(x.masked_scatter(m, tf.arange(12.0)), expected)
    assert_same(x.masked_fill(tf.tensor([True, False, False, True]), 0), array * np.float32([0, 1, 1, 0]))


# --- Products.


def bound(k: int, eps: float) -> float:
    """k products and sums of numbers below 5, each rounded: k·eps·25."""
    return max(k, 1) * eps * 25


@given(st.data(), st.sampled_from(["float32", "float64"]), layouts, layouts)
def test_matmul_multiplies_operands_of_any_rank(data, dtype, left_layout, right_layout) -> None:
    rows, inner, columns = (data.draw(st.integers(0, 9)) for _ in range(3))
    batch = tuple(data.draw(st.lists(st.integers(0, 3), max_size=2)))
    left = (*(1 if data.draw(st.booleans()) else n for n in batch), rows, inner)
    right = (*batch[data.draw(st.integers(0, len(batch))) :], inner, columns)
    a = numbers(left if data.draw(st.booleans()) else (inner,), dtype, 1)
    b = numbers(right if data.draw(st.booleans()) else (inner,), dtype, 2)
    found = laid_out(a, left_layout) @ laid_out(b, right_layout)
    expected = a.astype("float64") @ b.astype("float64")
    assert found.dtype == getattr(tf, dtype)
    assert tuple(found.shape) == expected.shape
    np.testing.assert_allclose(array_of(found), expected, rtol=0, atol=bound(inner, np.finfo(dtype).eps))


@pytest.mark.parametrize(
    ("rows", "inner", "columns"),
    [
        (1, 1, 1),
        (7, 13, 5),
        (64, 64, 64),
        (65, 257, 33),
        (1, 1000, 1),
        (300, 1, 300),
        (2, 600, 129),
        (129, 300, 2),
        (1, 300, 257),
    ],
)
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_matmul_is_exact_for_small_integers_in_every_blocking(rows, inner, columns, transposed) -> None:
    a = numbers((rows, inner), "int8", 1).astype("float32")
    b = numbers((inner, columns), "int8", 2).astype("float32")
    x = tf.tensor(a.T.copy()).T if transposed[0] else tf.tensor(a)
    y = tf.tensor(b.T.copy()).T if transposed[1] else tf.tensor(b)
    # Whole numbers below 2**24 are exact in float32, in whatever order.
    assert_same(x @ y, a @ b)
    assert_same(x.mm(y), a @ b)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_matmul_of_integers_wraps(dtype) -> None:
    a = np.random.default_rng(0).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (7, 13), dtype=dtype)
    b = np.random.default_rng(1).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (13, 5), dtype=dtype)
    assert_same(tf.tensor(a) @ tf.tensor(b), a @ b)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_matmul_of_half_precision_accumulates_in_float32_and_rounds_once(dtype) -> None:
    a, b = (
        tf.tensor(numbers((7, 300), "float32", 1)).to(getattr(tf, dtype)),
        tf.tensor(numbers((300, 5), "float32", 2)).to(getattr(tf, dtype)),
    )
    exact = array_of(a).astype("float64") @ array_of(b).astype("float64")
    half = 2.0**-11 if dtype == "float16" else 2.0**-8
    np.testing.assert_allclose(array_of(a @ b), exact, rtol=1.01 * half, atol=bound(300, 2.0**-24))


def test_matmul_of_complex_numbers() -> None:
    a, b = numbers((7, 13), "complex128", 1), numbers((13, 5), "complex128", 2)
    np.testing.assert_allclose(array_of(tf.tensor(a) @ tf.tensor(b)), a @ b, rtol=0, atol=2 * bound(13, 2.0**-52))


def test_nan_and_infinity_reach_only_their_row_and_column() -> None:
    a, b = np.ones((40, 50), np.float32), np.ones((50, 60), np.float32)
    a[3, 7] = math.nan
    b[9, 5] = math.inf
    found = array_of(tf.tensor(a) @ tf.tensor(b))
    assert np.isnan(found[3]).all()
    assert np.isinf(np.delete(found[:, 5], 3)).all()
    assert (np.delete(np.delete(found, 3, 0), 5, 1) == 50).all()


@pytest.mark.parametrize(
    "equation",
    ["ij,jk->ik", "ij,jk", "ij->ji", "ii->i", "ii", "ij->", "bij,bjk->bik", "i,j->ij", "ij,ij->i", "...ij,...jk->...ik",
     "ijk,kl,l->ij", "i,i", "abc,cd,de->abe", "ij,kj->ik", "bhid,bhjd->bhij"],
)  # fmt: skip
def test_einsum_is_numpys(equation) -> None:
    extents = dict(zip("abcdehijkl", (2, 3, 4, 5, 2, 3, 4, 4, 5, 6), strict=True))
    terms = equation.split("->")[0].split(",")
    arrays = []
    for seed, term in enumerate(terms):
        shape = tuple(extents[letter] for letter in term.replace("...", ""))
        arrays.append(numbers((2, *shape) if "..." in term else shape, "float64", seed))
    found = tf.einsum(equation, *map(tf.tensor, arrays))
    # At most 60 summands of three factors below 5.
    np.testing.assert_allclose(array_of(found), np.einsum(equation, *arrays), rtol=0, atol=5 * bound(60, 2.0**-52))
    assert_gradients(lambda *inputs: tf.einsum(equation, *inputs), *arrays) if math.prod(
        map(np.size, arrays)
    ) < 10**4 else None


@pytest.mark.parametrize("axes", [0, 1, 2, ([0], [1]), ([1, 0], [0, 1]), ([-1], [0])])
def test_tensordot_is_numpys(axes) -> None:
    a, b = numbers((4, 4), "float64", 1), numbers((4, 4), "float64", 2)
    found = tf.tensordot(tf.tensor(a), tf.tensor(b), axes=axes)
    np.testing.assert_allclose(array_of(found), np.tensordot(a, b, axes), rtol=0, atol=bound(16, 2.0**-52))


def test_special_products() -> None:
    a, b = numbers((5, 3), "float64", 1), numbers((5, 3), "float64", 2)
    np.testing.assert_allclose(array_of(tf.vecdot(tf.tensor(a), tf.tensor(b))), (a * b).sum(1), atol=bound(3, 2.0**-52))
    np.testing.assert_allclose(array_of(tf.tensor(a[0]).dot(tf.tensor(b[0]))), a[0] @ b[0], atol=bound(3, 2.0**-52))
    np.testing.assert_allclose(array_of(tf.tensor(a).mv(tf.tensor(b[0]))), a @ b[0], atol=bound(3, 2.0**-52))
    assert_same(tf.tensor(a[0]).outer(tf.tensor(b[:, 0])), np.outer(a[0], b[:, 0]))
    c = numbers((2, 3, 4), "complex128")
    assert_same(tf.matrix_transpose(tf.tensor(c)), c.swapaxes(1, 2))
    z, w = numbers((4,), "complex128", 1), numbers((4,), "complex128", 2)
    # The standard: the first operand is conjugated.
    np.testing.assert_allclose(array_of(tf.vecdot(tf.tensor(z), tf.tensor(w))), np.vdot(z, w), rtol=1e-14)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((7, 13), (13, 5)),
        ((13,), (13, 5)),
        ((7, 13), (13,)),
        ((13,), (13,)),
        ((3, 1, 2, 4), (2, 4, 3)),
        ((1, 1), (1, 1)),
        ((0, 4), (4, 2)),
        ((2, 0), (0, 3)),
    ],
)
def test_gradients_of_matmul(left, right) -> None:
    assert_gradients(lambda a, b: a @ b, numbers(left, "float64", 1), numbers(right, "float64", 2))
    assert_gradients(lambda a, b: (a @ b) ** 2, numbers(left, "float64", 1), numbers(right, "float64", 2))


def test_a_product_with_itself_is_exactly_symmetric() -> None:
    x = tf.tensor(numbers((37, 50), "float32"))
    product = array_of(x @ x.T)
    np.testing.assert_array_equal(product, product.T)


@pytest.mark.parametrize("dtype", FLOATS)
def test_strides_do_not_change_the_bits_of_a_product(dtype) -> None:
    a, b = numbers((33, 65), dtype, 1), numbers((65, 17), dtype, 2)
    expected = array_of(tf.tensor(a) @ tf.tensor(b))
    for layout in ("transposed", "reversed", "stepped", "borrowed"):
        assert_same(laid_out(a, layout) @ laid_out(b, layout), expected)


def test_a_convolution_of_no_images_is_empty_and_its_gradients_are_zeros() -> None:
    x, w = tf.ones(0, 2, 5, 5, requires_grad=True), tf.ones(3, 2, 3, 3, requires_grad=True)
    result = F.conv2d(x, w)
    assert result.shape == (0, 3, 3, 3)
    assert result.detach().numpy().shape == (0, 3, 3, 3)
    result.sum().backward()
    assert w.grad is not None
    assert not w.grad.any()


def test_gradients_of_a_shared_matrix_do_not_depend_on_how_the_batch_lies() -> None:
    tf.manual_seed(0)
    x, weight, g = tf.randn(5, 7, 13), tf.randn(11, 13), tf.randn(5, 7, 11)
    lies_otherwise = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert lies_otherwise.stride() != x.stride()
    for product in (F.linear, lambda x, weight: x @ weight.T):
        results = []
        for batch in (x, lies_otherwise):
            matrix = weight.detach().clone().requires_grad_()
            result = product(batch, matrix)
            result.backward(g)
            results.append((result.detach(), matrix.grad))
        for one, other in zip(*results, strict=True):
            assert (one == other).all()


@pytest.mark.parametrize("shape", [(7, 300, 5), (1, 1, 1), (0, 3, 2), (33, 17, 64)])
def test_the_product_of_int8_matrices_is_summed_in_int32(shape: tuple[int, int, int]) -> None:
    n, k, m = shape
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (n, k), dtype=np.int8), rng.integers(-128, 128, (k, m), dtype=np.int8)
    product = tf._int_mm(tf.asarray(a), tf.asarray(b))
    assert product.dtype == tf.int32
    np.testing.assert_array_equal(product.numpy(), a.astype(np.int32) @ b.astype(np.int32))


def test_the_product_of_int8_matrices_takes_nothing_else() -> None:
    ones = tf.ones(2, 2, dtype=tf.int8)
    with pytest.raises(RuntimeError, match="int8"):
        tf._int_mm(ones, ones.int())
    with pytest.raises(RuntimeError, match="matrices"):
        tf._int_mm(ones[0], ones)
