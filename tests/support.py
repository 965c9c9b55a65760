"""What several test files share: dtypes, numbers in every layout, comparison with NumPy."""

import math

import numpy as np
from hypothesis import strategies as st

import tenfold as tf

UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
SIGNED = ("int8", "int16", "int32", "int64")
INTEGERS = SIGNED + UNSIGNED
FLOATS = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
# What NumPy has too: everything but bfloat16.
SHARED = ("bool", *INTEGERS, *FLOATS, *COMPLEX)
ALL = (*SHARED, "bfloat16")

LAYOUTS = ("dense", "transposed", "reversed", "stepped", "borrowed")

# Ranks 0 to 5, extents from 0 on.
shapes = st.lists(st.integers(0, 4), max_size=5).map(tuple)
full_shapes = st.lists(st.integers(1, 4), max_size=5).map(tuple)
seeds = st.integers(0, 2**32 - 1)
layouts = st.sampled_from(LAYOUTS)


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Small numbers of a dtype, some of them equal."""
    generator = np.random.default_rng(seed)
    if dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype in UNSIGNED:
        return generator.integers(0, 12, shape).astype(dtype)
    if dtype in SIGNED:
        return generator.integers(-9, 9, shape).astype(dtype)
    drawn = generator.normal(size=shape)
    if dtype in COMPLEX:
        drawn = drawn + 1j * generator.normal(size=shape)
    return np.asarray(drawn).astype(dtype)


def laid_out(array: np.ndarray, layout: str = "dense") -> tf.Tensor:
    """A tensor with the elements of an array, whose memory lies otherwise."""
    if array.ndim == 0 or layout == "dense":
        return tf.tensor(array)
    if layout == "transposed":
        return tf.tensor(array.T.copy()).permute(tuple(reversed(range(array.ndim))))
    if layout == "reversed":
        return tf.tensor(array[::-1].copy())[::-1]
    if layout == "stepped":
        return tf.tensor(np.repeat(array, 2, axis=-1))[..., ::2]
    return tf.from_numpy(array)


def array_of(tensor: tf.Tensor) -> np.ndarray:
    """The elements as NumPy has them; bfloat16 in float32, which holds each of its values."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == tf.bfloat16 else tensor).numpy()


def assert_same(tensor: tf.Tensor, expected: np.ndarray, *, dtype: bool = True) -> None:
    """The same shape, dtype (unless told otherwise) and elements, NaNs equal."""
    found = array_of(tensor)
    expected = np.asarray(expected)
    assert found.shape == expected.shape, f"shape {found.shape}, not {expected.shape}"
    assert tuple(tensor.shape) == expected.shape
    if dtype:
        assert found.dtype == expected.dtype, f"dtype {found.dtype}, not {expected.dtype}"
    np.testing.assert_array_equal(found, expected)


def assert_near(tensor: tf.Tensor, expected: np.ndarray, *, rtol: float, atol: float = 0.0) -> None:
    """The same shape and, to a tolerance, the same elements."""
    found = array_of(tensor)
    assert found.shape == np.shape(expected), f"shape {found.shape}, not {np.shape(expected)}"
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def finite_differences(function, points: list[np.ndarray], weight: np.ndarray, step: float = 1e-6) -> list[np.ndarray]:
    """Central differences of `sum(weight * function(*points))` at float64 points."""
    gradients = []
    for index, point in enumerate(points):
        gradient = np.zeros_like(point)
        for place in np.ndindex(point.shape):
            values = []
            for sign in (1.0, -1.0):
                moved = [other.copy() for other in points]
                moved[index][place] += sign * step
                with tf.no_grad():
                    values.append(float((array_of(function(*map(tf.tensor, moved))) * weight).sum()))
            gradient[place] = (values[0] - values[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def assert_gradients(function, *points: np.ndarray, rtol: float = 1e-5, step: float = 1e-6) -> None:
    """The gradients of a function at float64 points are its central differences.

    A central difference with step h is off by O(h²) and by rounding, about eps·|f|/h ≈ 2e-16/1e-6: 1e-5 leaves room
    for functions up to about 10⁴ and third derivatives up to about 10⁷.
    """
    points = [np.asarray(point, dtype=np.float64) for point in points]
    inputs = [tf.tensor(point, requires_grad=True) for point in points]
    output = function(*inputs)
    weight = np.cos(np.arange(math.prod(output.shape), dtype=np.float64)).reshape(tuple(output.shape))
    found = tf.autograd.grad(output, inputs, tf.tensor(weight), allow_unused=True, materialize_grads=True)
    for gradient, point, expected in zip(
        found, points, finite_differences(function, points, weight, step), strict=True
    ):
        assert tuple(gradient.shape) == point.shape
        np.testing.assert_allclose(array_of(gradient), expected, rtol=rtol, atol=rtol)


def equal_bits(one: tf.Tensor, other: tf.Tensor) -> bool:
    """True for tensors of one shape, dtype and the same numbers; all NaNs count as one, −0 and 0 do not."""
    a, b = array_of(one), array_of(other)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    signs = np.isnan(a) | (np.signbit(a) == np.signbit(b))
    return bool(np.array_equal(a, b, equal_nan=True)) and bool(signs.all())
