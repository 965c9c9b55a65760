"""Reductions, scans, sorting and searching: NumPy's values over every axis and dtype."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tenfold as tf
from support import (
    COMPLEX,
    FLOATS,
    INTEGERS,
    SHARED,
    UNSIGNED,
    array_of,
    assert_gradients,
    assert_near,
    assert_same,
    laid_out,
    layouts,
    numbers,
    seeds,
    shapes,
)

# n summands of float32 pairwise are off by at most about log2(n)·eps of Σ|x|; a plain loop in float16's accumulator
# (float32) and one rounding by eps/2. With n ≤ 1024 elements 16·eps of Σ|x| holds all of it.
EPS = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-53, "complex64": 2.0**-24, "complex128": 2.0**-53}


def axes_of(shape, draw):
    """None, one axis or several, from either end."""
    rank = len(shape)
    if rank == 0 or draw(st.booleans()):
        return None
    chosen = draw(st.lists(st.integers(0, rank - 1), min_size=1, unique=True))
    signed = tuple(axis - rank if draw(st.booleans()) else axis for axis in chosen)
    return signed[0] if len(signed) == 1 and draw(st.booleans()) else signed


@pytest.mark.parametrize("name", ["sum", "prod"])
@given(shapes, st.sampled_from(SHARED), layouts, seeds, st.booleans(), st.data())
def test_sums_and_products_are_those_of_exact_numbers(name, shape, dtype, layout, seed, keepdims, data) -> None:
    array = numbers(shape, dtype, seed)
    axis = axes_of(shape, data.draw)
    found = getattr(tf, name)(laid_out(array, layout), axis=axis, keepdims=keepdims)
    if dtype in (*FLOATS, *COMPLEX):
        wide = array.astype("complex128" if dtype in COMPLEX else "float64")
        expected = getattr(np, name)(wide, axis=axis, keepdims=keepdims)
        assert found.dtype == getattr(tf, dtype)
        scale = np.sum(np.abs(wide), axis=axis, keepdims=keepdims) if name == "sum" else np.abs(expected)
        count = max(1, math.prod(shape)) if name == "prod" else 16  # each factor rounds once
        error = np.abs(array_of(found) - expected)
        # The smallest numbers of float16 are rounded absolutely.
        assert (error <= 4 * count * EPS[dtype] * scale + (2.0**-24 if dtype == "float16" else 0)).all()
    else:
        # The standard: sums of small integers in the default integer, unsigned ones in uint64.
        wide = "uint64" if dtype in UNSIGNED else "int64"
        assert_same(found, getattr(np, name)(array, axis=axis, keepdims=keepdims, dtype=wide))


@pytest.mark.parametrize("name", ["max", "min", "any", "all", "count_nonzero"])
@given(shapes, st.sampled_from(SHARED), layouts, st.booleans(), st.data())
def test_exact_reductions_are_numpys(name, shape, dtype, layout, keepdims, data) -> None:
    array = numbers(shape, dtype)
    axis = axes_of(shape, data.draw)
    ours = lambda: getattr(tf, name)(laid_out(array, layout), axis=axis, keepdims=keepdims)  # noqa: E731
    if name in ("max", "min") and (dtype in (*COMPLEX, "bool")):
        return
    reduced = range(len(shape)) if axis is None else np.atleast_1d(np.asarray(axis, dtype=int))
    if name in ("max", "min") and 0 in (shape[number] for number in reduced):
        # An extreme of nothing is an error even where the result has no elements, as in PyTorch.
        with pytest.raises((ValueError, IndexError), match=rf"^{name}: "):
            ours()
        return
    expected = getattr(np, name)(array, axis=axis, keepdims=keepdims)
    assert_same(ours(), np.asarray(expected), dtype=name in ("max", "min"))


@pytest.mark.parametrize("name", ["mean", "var", "std"])
@given(
    st.lists(st.integers(1, 4), max_size=4).map(tuple),
    st.sampled_from(["float32", "float64"]),
    layouts,
    seeds,
    st.data(),
)
def test_moments_are_numpys(name, shape, dtype, layout, seed, data) -> None:
    array = numbers(shape, dtype, seed)
    axis = axes_of(shape, data.draw)
    expected = getattr(np, name)(array.astype("float64"), axis=axis)
    # Numbers up to about 5: a sum of up to 256 in pairs and a division; var squares the differences.
    assert_near(
        getattr(tf, name)(laid_out(array, layout), axis=axis), expected, rtol=64 * EPS[dtype], atol=64 * EPS[dtype]
    )


def test_the_correction_of_function_and_method_differ_as_documented() -> None:
    x = np.array([1.0, 2.0, 4.0])
    assert tf.var(tf.tensor(x)).item() == pytest.approx(x.var())
    assert tf.tensor(x).var().item() == pytest.approx(x.var(ddof=1))
    assert tf.tensor(x).std(correction=0).item() == pytest.approx(x.std())
    assert tf.std(tf.tensor(x), correction=1).item() == pytest.approx(x.std(ddof=1))


def test_reductions_of_nothing_give_their_neutral_element() -> None:
    x = tf.zeros(0, 3)
    assert_same(x.sum(0), np.zeros(3, np.float32))
    assert_same(x.prod(0), np.ones(3, np.float32))
    assert_same(x.bool().any(0), np.zeros(3, bool))
    assert_same(x.bool().all(0), np.ones(3, bool))
    assert math.isnan(x.mean().item())
    assert tuple(x.amax(1).shape) == (0,)
    for call in (x.amax, x.amin, x.argmax, lambda: x.max(0), lambda: x.argmin(dim=0)):
        with pytest.raises((ValueError, IndexError)):
            call()


def test_nan_and_infinity_pass_through() -> None:
    x = tf.tensor([1.0, math.nan, math.inf, -math.inf])
    for call in (x.sum, x.prod, x.mean, x.max, x.min, x.amax, x.amin, x.var):
        assert math.isnan(call().item())
    assert x.argmax().item() == 1
    assert x.argmin().item() == 1
    assert tf.tensor([1.0, math.inf]).sum().item() == math.inf
    assert tf.tensor([-math.inf, math.inf]).max().item() == math.inf


@pytest.mark.parametrize("size", [1, 15, 16, 17, 255, 1000, 4097, 100_003])
def test_long_sums_are_as_exact_as_pairwise_ones(size) -> None:
    x = np.random.default_rng(size).normal(size=size).astype(np.float32)
    # log2(100003) ≈ 17 levels of pairs, each rounding by eps/2 of a partial sum at most Σ|x|.
    bound = 17 * 2.0**-24 * np.abs(x).sum()
    assert abs(tf.tensor(x).sum().item() - x.astype("float64").sum()) <= bound


def test_more_than_the_caches_hold_is_reduced_in_the_same_order() -> None:
    # Rows side by side are read several chunks in turns; of rows that lie apart the same sums are taken one by one.
    generator = tf.Generator().manual_seed(5)
    apart = tf.randn(5, 500_004, generator=generator)
    apart[3, 77_777] = float("nan")
    for width in (500_003, 16_385, 4_099):
        rows = 2_500_000 // width
        kept = apart.reshape(-1)[: rows * (width + 1)].reshape(rows, width + 1)[:, :-1]
        close = kept.clone()
        for name in ("sum", "amax", "amin", "prod"):
            one, other = getattr(close, name)(1), getattr(kept, name)(1)
            assert np.array_equal(one.numpy(), other.numpy(), equal_nan=True), (name, width)
        scale = np.abs(close.numpy()).astype(np.float64).sum(1)
        off = np.abs(close.sum(1).numpy() - close.numpy().astype(np.float64).sum(1))
        assert bool((np.isnan(off) | (off <= 1e-6 * scale)).all())
    # All of them, and columns: the order is that of a row of the same elements.
    row = close.reshape(-1)
    assert np.array_equal(close.sum().numpy(), row.sum().numpy(), equal_nan=True)
    for lines in (255, 256, 257, 1_000, 20_000):
        columns = tf.randn(lines, 37, generator=generator)
        assert (columns.sum(0) == columns.T.contiguous().sum(1)).all()
        assert (columns.var(0) == columns.T.contiguous().var(1)).all()


def test_sums_of_float16_accumulate_in_float32() -> None:
    assert tf.ones(4000, dtype=tf.float16).sum().item() == 4000
    assert tf.ones(60000, dtype=tf.float16).mean().item() == 1
    assert tf.ones(1000, dtype=tf.bfloat16).sum().item() == 1000


def test_integers_sum_in_int64_and_wrap_there() -> None:
    assert tf.tensor([2**31 - 1] * 3, dtype=tf.int32).sum().item() == 3 * (2**31 - 1)
    assert tf.tensor([2**63 - 1, 1]).sum().item() == -(2**63)
    assert tf.sum(tf.tensor([200, 100], dtype=tf.uint8)).item() == 300


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple),
    st.sampled_from([*INTEGERS, *FLOATS]),
    layouts,
    st.booleans(),
    st.data(),
)
def test_the_first_of_equal_extremes_counts(name, shape, dtype, layout, keepdims, data) -> None:
    array = numbers(shape, dtype)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    tensor = laid_out(array, layout)
    expected = np.asarray(getattr(np, name)(array, axis=axis, keepdims=keepdims))
    assert_same(getattr(tf, name)(tensor, axis=axis, keepdims=keepdims), expected)
    assert_same(getattr(tensor, name)(axis, keepdims), expected)


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple),
    st.sampled_from(["int8", "int64", "uint8", "bool"]),
    layouts,
    st.data(),
)
def test_cumulative_sums_and_products_of_integers_are_numpys(shape, dtype, layout, data) -> None:
    array = numbers(shape, dtype)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    wide = "uint64" if dtype in UNSIGNED else "int64"
    tensor = laid_out(array, layout)
    assert_same(tf.cumulative_sum(tensor, axis=axis), array.cumsum(axis, dtype=wide))
    assert_same(tf.cumulative_prod(tensor, axis=axis), array.cumprod(axis, dtype=wide))
    assert_same(tensor.cumsum(axis), array.cumsum(axis, dtype="int64"))
    first = np.expand_dims(np.zeros_like(array.sum(axis, dtype=wide)), axis % len(shape))
    whole = np.concatenate([first, array.cumsum(axis, dtype=wide)], axis)
    assert_same(tf.cumulative_sum(tensor, axis=axis, include_initial=True), whole)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple), seeds, st.data())
def test_cumulative_extremes_remember_where_they_were(shape, seed, data) -> None:
    array = numbers(shape, "float32", seed)
    axis = data.draw(st.integers(0, len(shape) - 1))
    values, indices = tf.tensor(array).cummax(axis)
    assert_same(values, np.maximum.accumulate(array, axis))
    assert_same(tf.tensor(array).gather(axis, indices), np.maximum.accumulate(array, axis))
    values, indices = tf.tensor(array).cummin(axis)
    assert_same(values, np.minimum.accumulate(array, axis))
    assert_same(tf.take_along_axis(tf.tensor(array), indices, axis=axis), np.minimum.accumulate(array, axis))


def test_logcumsumexp_and_logsumexp_do_not_overflow() -> None:
    x = np.array([[1000.0, 1000.5, -1000.0], [-math.inf, -math.inf, 0.0]])
    # One exponential, one sum and one logarithm of numbers near 1000: eps·1000.
    assert_near(tf.tensor(x).logsumexp(1), np.logaddexp.reduce(x, 1), rtol=4 * 2.0**-52)
    assert_near(tf.tensor(x).logcumsumexp(1), np.logaddexp.accumulate(x, 1), rtol=4 * 2.0**-52)


@pytest.mark.parametrize("descending", [False, True])
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=4).map(tuple),
    st.sampled_from([*INTEGERS, *FLOATS, "bool"]),
    layouts,
    seeds,
    st.data(),
)
def test_sorting_is_numpys_and_stable(descending, shape, dtype, layout, seed, data) -> None:
    array = numbers(shape, dtype, seed)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    tensor = laid_out(array, layout)
    if descending:
        flipped = np.flip(array, axis)
        order = shape[axis] - 1 - np.flip(np.argsort(flipped, axis, kind="stable"), axis)
    else:
        order = np.argsort(array, axis, kind="stable")
    expected = np.take_along_axis(array, order, axis)
    assert_same(tf.argsort(tensor, axis=axis, descending=descending, stable=True), order)
    assert_same(tf.sort(tensor, axis=axis, descending=descending), expected)
    values, indices = tensor.sort(axis, descending, stable=True)
    assert_same(values, expected)
    assert_same(indices, order)


def test_nan_sorts_behind_everything_and_long_rows_sort_too() -> None:
    x = np.random.default_rng(0).normal(size=(3, 10_000)).astype(np.float32)
    x[:, ::97] = np.nan
    x[:, 5] = np.inf
    assert_same(tf.sort(tf.tensor(x)), np.sort(x))
    assert_same(tf.argsort(tf.tensor(x)), np.argsort(x, kind="stable"))


@given(st.integers(0, 4), st.integers(1, 30), st.data())
def test_topk_kthvalue_and_median_come_from_the_sorted_row(rows, length, data) -> None:
    array = numbers((rows, length), "float32", data.draw(seeds))
    k = data.draw(st.integers(1, length))
    tensor = tf.tensor(array)
    ordered = np.sort(array, 1)
    values, indices = tensor.topk(k)
    assert_same(values, ordered[:, ::-1][:, :k])
    assert_same(tensor.gather(1, indices), ordered[:, ::-1][:, :k])
    assert_same(tensor.topk(k, largest=False)[0], ordered[:, :k])
    assert_same(tensor.kthvalue(k)[0], ordered[:, k - 1])
    assert_same(tensor.median(1)[0], ordered[:, (length - 1) // 2])


@given(st.integers(0, 30), st.integers(0, 9), st.sampled_from(["left", "right"]), st.sampled_from(["float32", "int16"]))
def test_searchsorted_is_numpys(length, wanted, side, dtype) -> None:
    row = np.sort(numbers((length,), dtype))
    values = numbers((wanted, 2), dtype, 7)
    found = tf.searchsorted(tf.tensor(row), tf.tensor(values), side=side)
    assert_same(found, np.searchsorted(row, values, side))
    order = np.random.default_rng(0).permutation(length)
    mixed = tf.tensor(row[order])
    assert_same(
        tf.searchsorted(mixed, tf.tensor(values), side=side, sorter=tf.argsort(mixed)),
        np.searchsorted(row, values, side),
    )


@given(shapes, st.sampled_from(SHARED), layouts)
def test_nonzero_lists_places_in_logical_order(shape, dtype, layout) -> None:
    array = numbers(shape, dtype)
    tensor = laid_out(array, layout)
    assert_same(tensor.nonzero(), np.argwhere(array))
    if shape:
        for ours, numpys in zip(tf.nonzero(tensor), np.nonzero(array), strict=True):
            assert_same(ours, numpys)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple), st.integers(0, 3), st.data())
def test_differences_are_numpys(shape, n, data) -> None:
    array = numbers(shape, "int64")
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    assert_same(tf.diff(tf.tensor(array), n=n, axis=axis), np.diff(array, n, axis))


def test_dim_and_axis_mean_the_same() -> None:
    x = tf.tensor(numbers((2, 3, 4), "float32"))
    for name in ("sum", "prod", "mean", "amax", "amin", "any", "all", "var", "std"):
        method = getattr(x, name)
        by_dim, by_axis = method(dim=(0, 2), keepdim=True), method(axis=(0, 2), keepdims=True)
        assert tuple(by_dim.shape) == (1, 3, 1)
        assert_same(by_dim, array_of(by_axis))
    values, indices = x.max(dim=1)
    assert_same(values, array_of(x).max(1))
    assert_same(indices, array_of(x).argmax(1))


X = np.random.default_rng(5).normal(size=(7, 13))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(),
        lambda x: x.sum(0),
        lambda x: x.sum((0, 1), keepdim=True),
        lambda x: x.mean(1),
        lambda x: x.prod(1),
        lambda x: x.var(0),
        lambda x: x.std(1, correction=0),
        lambda x: x.amax(1),
        lambda x: x.amin((0, 1)),
        lambda x: x.max(0)[0],
        lambda x: x.min(),
        lambda x: x.logsumexp(1),
        lambda x: x.cumsum(1),
        lambda x: x.cumprod(1),
        lambda x: x.logcumsumexp(0),
        lambda x: x.cummax(1)[0],
        lambda x: x.sort(1)[0],
        lambda x: x.topk(3, 0)[0],
        lambda x: x.median(1)[0],
        lambda x: x.kthvalue(4)[0],
        lambda x: x.norm(),
        lambda x: x.norm(1, 1),
        lambda x: x.norm(3, 0),
        lambda x: x.diff(),
        lambda x: x.norm(math.inf),
        lambda x: x.prod(),
    ],
)
def test_gradients_of_reductions_are_their_differences(function) -> None:
    assert_gradients(function, X)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(1),
        lambda x: x.mean(),
        lambda x: x.prod(0),
        lambda x: x.amax(),
        lambda x: x.cumsum(0),
        lambda x: x.sort(0)[0],
        lambda x: x.norm(),
        lambda x: x.logsumexp(1),
    ],
)
@pytest.mark.parametrize("shape", [(1,), (1, 1), (13, 1), (1, 7)])
def test_gradients_of_reductions_hold_for_columns_and_single_elements(function, shape) -> None:
    points = X.ravel()[: math.prod(shape)].reshape(shape)
    if len(shape) == 1:
        points = points[:, None]
    assert_gradients(function, points)


def test_reductions_of_nothing_have_a_gradient_of_nothing() -> None:
    for function in (lambda x: x.sum(), lambda x: x.sum(1), lambda x: x.prod(0), lambda x: x.cumsum(1)):
        x = tf.zeros(0, 3, requires_grad=True)
        function(x).sum().backward()
        assert tuple(x.grad.shape) == (0, 3)


def test_the_spread_of_equal_numbers_has_gradient_zero() -> None:
    x = tf.ones(3, requires_grad=True)
    x.std().backward()
    assert_same(x.grad, np.zeros(3, np.float32))


def test_the_product_has_its_gradient_at_zeros() -> None:
    for row in ([2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [0.0, 5.0, 1.0]):
        assert_gradients(lambda x: x.prod(0), np.array(row))
        assert_gradients(lambda x: x.cumprod(0), np.array(row))


def test_equal_extremes_share_the_gradient_of_amax_and_the_first_takes_that_of_max_along_an_axis() -> None:
    x = tf.tensor([1.0, 3.0, 3.0], requires_grad=True)
    x.amax().backward()
    assert_same(x.grad, np.array([0, 0.5, 0.5], np.float32))
    x.grad = None
    x.max(0)[0].backward()
    assert_same(x.grad, np.array([0, 1, 0], np.float32))
