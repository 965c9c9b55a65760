"""What counts, ranks and combines whole tensors, beside NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tenfold as tf
from support import array_of, assert_gradients

GENERATOR = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return GENERATOR.standard_normal(shape)


def same(result: tf.Tensor, expected: object) -> None:
    expected = np.asarray(expected)
    np.testing.assert_array_equal(array_of(result), expected)
    assert array_of(result).dtype == expected.dtype


def test_the_method_equal_compares_whole_tensors_and_the_function_elements() -> None:
    x = tf.tensor([1, 2])
    assert x.equal(tf.tensor([1, 2])) is True
    assert x.equal(tf.tensor([1, 3])) is False
    assert x.equal(tf.tensor([[1, 2]])) is False
    assert x.equal(tf.tensor([1.0, 2.0])) is True
    assert tf.tensor(math.nan).equal(tf.tensor(math.nan)) is False
    assert tf.zeros(0, 2).equal(tf.zeros(0, 2)) is True
    assert tf.zeros(0, 2).equal(tf.zeros(2, 0)) is False
    assert tf.equal(x, tf.tensor([1, 3])).tolist() == [True, False]
    assert x.eq(1).tolist() == [True, False]
    assert x.clone().eq_(1).tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (7, 13), (2, 0, 3), ()])
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.uint8, np.bool_])
def test_distinct_elements_are_numpys(shape: tuple[int, ...], dtype: type) -> None:
    x = GENERATOR.integers(0, 5, shape).astype(dtype)
    values, inverse, counts = tf.tensor(x).unique(return_inverse=True, return_counts=True)
    expected = np.unique(x, return_inverse=True, return_counts=True)
    same(values, expected[0])
    same(inverse, expected[1].reshape(shape))
    same(counts, expected[2])
    same(tf.unique(tf.tensor(x)), expected[0])


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64, np.uint8, np.uint32, np.uint64])
@pytest.mark.parametrize("spread", [0, 3, 39, 40, 41, 100, 1 << 40])
def test_distinct_integers_are_numpys_however_far_apart(dtype: type, spread: int) -> None:
    # Of ten elements the list of all numbers between is short up to a range of 40.
    bounds = np.iinfo(dtype)
    spread = min(spread, int(bounds.max))
    for low in {int(bounds.min), int(bounds.max) - spread, max(int(bounds.min), -spread // 2)}:
        steps = [0, spread, spread, *GENERATOR.integers(0, spread + 1, 7).tolist()]
        x = np.array([low + step for step in steps], dtype)
        values, inverse, counts = tf.tensor(x).unique(return_inverse=True, return_counts=True)
        expected = np.unique(x, return_inverse=True, return_counts=True)
        same(values, expected[0])
        same(inverse, expected[1].reshape(-1))
        same(counts, expected[2])


@pytest.mark.parametrize("count", [40_000, 1_000])
@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_distinct_elements_of_views_are_numpys(count: int, dtype: type) -> None:
    x = GENERATOR.integers(-count * 9, count * 9, (count, 3)).astype(dtype)
    for view in (lambda y: y[::2].T, lambda y: y[:, 1], lambda y: y // 100):
        same(tf.unique(view(tf.tensor(x))), np.unique(view(x)))


def test_every_nan_is_distinct_and_zeros_are_not() -> None:
    values, counts = tf.tensor([math.nan, 0.0, -0.0, math.nan]).unique(return_counts=True)
    assert counts.tolist() == [2, 1, 1]
    assert values[0] == 0
    assert values[1:].isnan().all()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_distinct_slices_are_numpys(axis: int) -> None:
    x = GENERATOR.integers(0, 2, (6, 5, 3))
    values, inverse, counts = tf.tensor(x).unique(dim=axis, return_inverse=True, return_counts=True)
    expected = np.unique(x, axis=axis, return_inverse=True, return_counts=True)
    same(values, expected[0])
    same(inverse, expected[1].reshape(-1))
    same(counts, expected[2])


def test_neighbours_that_are_equal_are_one() -> None:
    x = tf.tensor([1, 1, 2, 2, 3, 1, 1, 2])
    # PyTorch's example.
    values, inverse, counts = x.unique_consecutive(return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 3, 1, 2]
    assert inverse.tolist() == [0, 0, 1, 1, 2, 3, 3, 4]
    assert counts.tolist() == [2, 2, 1, 2, 1]
    assert tf.unique_consecutive(tf.tensor([[1, 1], [1, 1], [2, 1]]), dim=0).tolist() == [[1, 1], [2, 1]]


@pytest.mark.parametrize("length", [0, 1, 91])
def test_counts_are_numpys(length: int) -> None:
    x = GENERATOR.integers(0, 9, length)
    weights = normal(length)
    same(tf.tensor(x).bincount(), np.bincount(x))
    same(tf.bincount(tf.tensor(x.astype(np.uint8)), minlength=20), np.bincount(x, minlength=20))
    # Both add each bin's weights in their order; NumPy forgets the dtype where there are none.
    same(tf.tensor(x).bincount(tf.tensor(weights)), np.bincount(x, weights).astype(np.float64))
    single = tf.tensor(x).bincount(tf.tensor(weights.astype(np.float32)))
    assert single.dtype == tf.float32
    for call in (lambda: tf.tensor([1, -1]).bincount(), lambda: tf.tensor([[1]]).bincount(),
                 lambda: tf.tensor([1.0]).bincount(), lambda: tf.tensor([1]).bincount(tf.ones(2))):  # fmt: skip
        with pytest.raises(RuntimeError, match=r"^bincount: "):
            call()


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "nearest", "midpoint"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("keep", [False, True])
def test_quantiles_are_numpys(interpolation: str, axis: int | None, keep: bool) -> None:
    x = normal(7, 5, 3)
    for q in (0.0, 0.3, 1.0, np.array([0.1, 0.5, 0.9])):
        result = tf.tensor(x).quantile(q, axis, keep, interpolation=interpolation)
        expected = np.quantile(x, q, axis=axis, keepdims=keep, method=interpolation)
        assert result.shape == expected.shape
        # Numbers up to 4, each rounded twice on the way.
        np.testing.assert_allclose(array_of(result), expected, rtol=0, atol=4 * 4 * np.finfo(np.float64).eps)


def test_quantiles_of_nan_and_infinities() -> None:
    x = tf.tensor([[1.0, math.nan, 2.0], [1.0, math.inf, math.inf]])
    result = x.quantile(tf.tensor([0.5, 1.0]), dim=1)
    assert result[:, 0].isnan().all()
    assert result[:, 1].tolist() == [math.inf, math.inf]
    for call, what in (
        (lambda: x.quantile(1.5), "q must be between 0 and 1"),
        (lambda: x.quantile(tf.tensor([0.5], dtype=tf.float64)), "needs float32 or float64, and q of the same"),
        (lambda: tf.zeros(2, 0).quantile(0.5, 1), "nothing to rank"),
        (lambda: x.quantile(0.5, interpolation="cubic"), "interpolation is"),
        (lambda: tf.tensor([1]).quantile(0.5), "needs float32 or float64"),
    ):
        with pytest.raises(RuntimeError, match=f"^quantile: {what}"):
            call()


def test_quantiles_have_gradients() -> None:
    assert_gradients(lambda x: x.quantile(tf.tensor([0.2, 0.7], dtype=tf.float64), 1), normal(3, 7))


def test_each_is_repeated() -> None:
    x = normal(3, 4)
    for repeats, axis in ((2, None), (3, 1), ([1, 0, 2], 0), (np.array([2]), 1)):
        expected = np.repeat(x, repeats, axis)
        same(tf.tensor(x).repeat_interleave(tf.tensor(repeats) if axis == 0 else repeats, axis), expected)
        same(tf.repeat(tf.tensor(x), repeats, axis=axis), expected)
    assert tf.repeat_interleave(tf.tensor([2, 0, 1])).tolist() == [0, 0, 2]
    assert tf.tensor([1, 2]).repeat_interleave(2, output_size=4).tolist() == [1, 1, 2, 2]
    with pytest.raises(RuntimeError, match=r"^repeat_interleave: output_size must be 4; got 3"):
        tf.tensor([1, 2]).repeat_interleave(2, output_size=3)
    with pytest.raises(RuntimeError, match=r"^repeat_interleave: 2 repeats for axis 0 of extent 3"):
        tf.tensor([1, 2, 3]).repeat_interleave(tf.tensor([1, 2]))


def test_products_and_quotients_are_added() -> None:
    x, a, b = normal(3, 4), normal(4), normal(3, 1)
    tensors = [tf.tensor(array) for array in (x, a, b)]
    same(tf.addcmul(*tensors, value=2), x + 2 * a * b)
    same(tf.addcdiv(*tensors, value=0.5), x + 0.5 * a / b)
    same(tensors[0].clone().addcmul_(*tensors[1:]), x + a * b)
    same(tensors[0].clone().addcdiv_(*tensors[1:], value=-1), x - a / b)
    assert_gradients(lambda x, a, b: x.addcdiv(a, b, value=3), x, a, np.abs(b) + 1)
    with pytest.raises(RuntimeError, match=r"^addcdiv: integers do not divide here\. Hint"):
        tf.tensor([1.0]).addcdiv_(tf.tensor([1]), tf.tensor([2]))


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 5, 5), (0, 0)])
def test_determinants_and_inverses_are_numpys(shape: tuple[int, ...]) -> None:
    x = normal(*shape)
    tensor = tf.tensor(x)
    # Elimination with pivots: n·eps times the growth and the condition, both below 1e3 for these few normal numbers.
    np.testing.assert_allclose(array_of(tensor.det()), np.linalg.det(x), rtol=1e-9)
    np.testing.assert_allclose(
        array_of(tensor.inverse() @ tensor), np.broadcast_to(np.eye(shape[-1]), shape), atol=1e-9
    )
    if x.size:
        assert_gradients(lambda x: x.det(), x)
        assert_gradients(lambda x: x.inverse(), x)


def test_singular_matrices_and_wrong_shapes() -> None:
    assert tf.det(tf.ones(2, 2)) == 0
    assert not tf.inverse(tf.ones(2, 2)).isfinite().all()
    for name in ("det", "inverse"):
        with pytest.raises(RuntimeError, match=f"^{name}: needs square matrices"):
            getattr(tf, name)(tf.ones(2, 3))
    with pytest.raises(RuntimeError, match=r"^trace: needs a matrix"):
        tf.ones(3).trace()


def test_small_methods() -> None:
    x = normal(4, 3)
    tensor = tf.tensor(x)
    np.testing.assert_allclose(array_of(tensor.trace()), np.trace(x), rtol=1e-15)
    assert tf.tensor([[1, 2], [3, 4]], dtype=tf.int8).trace().dtype == tf.int64
    assert tensor.nelement() == 12
    assert tensor.ndimension() == 2
    assert tf.softmax(tensor, dim=1).equal(tf.nn.functional.softmax(tensor, dim=1))
    assert tensor.log_softmax(-1, dtype=tf.float32).dtype == tf.float32
    same(tf.tensor([0.0, 1.0]).bernoulli(), np.array([0, 1], np.float32))
    assert tf.bernoulli(tf.zeros(100), 1.0).all()
    assert tf.tensor([0.0, 3.0, 0.0]).multinomial(5, replacement=True).tolist() == [1] * 5


def test_top_level_functions_take_pytorchs_arguments_too() -> None:
    x = normal(2, 3, 4)
    tensor = tf.tensor(x)
    for function, numpys in ((tf.sum, np.sum), (tf.mean, np.mean), (tf.prod, np.prod), (tf.all, np.all)):
        np.testing.assert_allclose(array_of(function(tensor, 1)), numpys(x, 1), rtol=1e-14)
        np.testing.assert_allclose(
            array_of(function(tensor, dim=(0, 2), keepdim=True)), numpys(x, (0, 2), keepdims=True), rtol=1e-14
        )
        with pytest.raises(TypeError, match="give dim or axis, not both"):
            function(tensor, 1, axis=1)
    same(tf.argmax(tensor, dim=1, keepdim=True), np.argmax(x, 1, keepdims=True))
    same(tf.argmin(tensor, 2), np.argmin(x, 2))
    same(tf.concat((tensor, tensor), 1), np.concatenate((x, x), 1))
    same(tf.concat((tensor, tensor), dim=2), np.concatenate((x, x), 2))
    same(tf.stack((tensor, tensor), 1), np.stack((x, x), 1))
    same(tf.flip(tensor, (0, 1)), np.flip(x, (0, 1)))
    same(tf.roll(tensor, (1, 2), (0, 1)), np.roll(x, (1, 2), (0, 1)))
    same(tf.roll(tensor, shifts=1, dims=2), np.roll(x, 1, 2))
    same(tf.tril(tensor, -1), np.tril(x, -1))
    same(tf.triu(tensor, diagonal=1), np.triu(x, 1))
    assert tf.squeeze(tf.ones(1, 2, 1)).shape == (2,)
    assert tf.squeeze(tf.ones(1, 2, 1), dim=1).shape == (1, 2, 1)
    np.testing.assert_allclose(array_of(tf.tensordot(tensor, tensor, dims=3)), np.tensordot(x, x, 3), rtol=1e-14)


def test_dim_is_the_methods_and_axis_the_standards() -> None:
    x = normal(3, 4)
    tensor = tf.tensor(x)
    values, indices = tf.max(tensor, 1)
    same(values, x.max(1))
    same(indices, x.argmax(1))
    same(tf.min(tensor, dim=0, keepdim=True).values, x.min(0, keepdims=True))
    same(tf.max(tensor, axis=1), x.max(1))
    same(tf.max(tensor, tensor * 2), np.maximum(x, 2 * x))
    same(tf.sort(tensor, dim=0).indices, np.argsort(x, 0))
    same(tf.sort(tensor, axis=0), np.sort(x, 0))
    same(tf.argsort(tensor, 0, True), np.argsort(-x, 0))
