"""How tensors are made, what dtype they have, and what becomes of a number in another dtype."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tenfold as tf
from support import ALL, COMPLEX, FLOATS, INTEGERS, SHARED, SIGNED, array_of, assert_same, numbers, seeds, shapes

any_dtype = st.sampled_from(SHARED)


@pytest.mark.parametrize("name", ALL)
def test_every_dtype_has_its_name_and_size(name) -> None:
    dtype = getattr(tf, name)
    assert dtype.name == name
    assert repr(dtype) == f"tenfold.{name}"
    assert tf.zeros(3, dtype=dtype).dtype == dtype
    assert tf.zeros(3, dtype=name).dtype == dtype
    assert (
        dtype.itemsize == tf.zeros((), dtype=dtype).itemsize == (2 if name == "bfloat16" else np.dtype(name).itemsize)
    )


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int64"), (True, "bool"), (1.0, "float32"), (1j, "complex64"), ([], "float32"), ([1, 2.5], "float32"),
        ([True, 2], "int64"), ([[1], [2j]], "complex64"), (range(4), "int64"), ((1, (2)), "int64"),
        (np.float64(1), "float64"), (np.int8(1), "int8"), ([np.float64(1), np.float64(2)], "float64"),
    ],
)  # fmt: skip
def test_plain_numbers_have_the_default_dtypes_and_numpys_keep_theirs(data, dtype) -> None:
    assert tf.tensor(data).dtype == getattr(tf, dtype)


@given(shapes, any_dtype, seeds)
def test_a_tensor_of_an_array_or_of_its_nested_lists_holds_its_elements(shape, dtype, seed) -> None:
    array = numbers(shape, dtype, seed)
    assert_same(tf.tensor(array), array)
    # Zero extents behind others cannot be told from a list.
    listed = np.array(array.tolist(), dtype=dtype)
    assert_same(tf.tensor(array.tolist(), dtype=dtype), listed)


def test_a_tensor_is_a_copy_and_asarray_the_tensor_itself() -> None:
    array = np.arange(3.0)
    copied = tf.tensor(array)
    array[0] = 9
    assert_same(copied, np.arange(3.0))
    assert tf.asarray(copied) is copied
    assert tf.asarray(copied, copy=True) is not copied
    with pytest.raises(ValueError, match=r"^asarray: a copy is needed, and copy=False forbids it"):
        tf.asarray([1, 2], copy=False)


@given(shapes, st.sampled_from(ALL))
def test_zeros_ones_and_full_fill_a_shape(shape, name) -> None:
    dtype = getattr(tf, name)
    numpys = "float32" if name == "bfloat16" else name
    for made, like, number in ((tf.zeros, tf.zeros_like, 0), (tf.ones, tf.ones_like, 1)):
        tensor = made(shape, dtype=dtype)
        assert tensor.dtype == dtype
        assert_same(tensor, np.full(shape, number, numpys))
        assert_same(like(tensor), np.full(shape, number, numpys))
    assert_same(tf.full(shape, 1, dtype=dtype), np.full(shape, 1, numpys))
    assert tf.full_like(tensor, 1, dtype=tf.int8).dtype == tf.int8


def test_extents_are_given_one_by_one_or_as_a_tuple() -> None:
    assert tuple(tf.zeros(2, 3).shape) == tuple(tf.zeros((2, 3)).shape) == tuple(tf.zeros([2, 3]).shape) == (2, 3)
    assert tuple(tf.zeros(()).shape) == ()
    assert tf.zeros(2).dtype == tf.float32
    assert tf.full((2,), True).dtype == tf.bool
    assert tf.full((2,), 3).dtype == tf.int64
    assert tf.full((2,), 3.0).dtype == tf.float32


@given(
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.integers(-7, 7).filter(bool),
    st.sampled_from(["int64", "int8", "float64"]),
)
def test_arange_counts_from_start_to_before_stop(start, stop, step, dtype) -> None:
    assert_same(tf.arange(start, stop, step, dtype=dtype), np.arange(start, stop, step, dtype=dtype))
    assert tf.arange(start, stop, step).dtype == tf.int64


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(0.1, 3))
def test_arange_in_steps_of_a_fraction_has_numpys_length(start, stop, step) -> None:
    expected = np.arange(start, stop, step)
    found = array_of(tf.arange(start, stop, step, dtype=tf.float64))
    assert found.shape == expected.shape
    # start + i·step is rounded twice, NumPy adds a rounded difference i times: i ≤ 200.
    np.testing.assert_allclose(found, expected, rtol=0, atol=200 * 2 * np.finfo(float).eps * 30)
    assert tf.arange(0.0, 1.0, 0.5).dtype == tf.float32


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(0, 40), st.booleans())
def test_linspace_takes_equal_steps(start, stop, count, endpoint) -> None:
    found = array_of(tf.linspace(start, stop, count, endpoint=endpoint, dtype=tf.float64))
    expected = np.linspace(start, stop, count, endpoint=endpoint)
    # Both compute start + i·step, rounded at most three times, of numbers up to 200.
    np.testing.assert_allclose(found, expected, rtol=0, atol=4 * 200 * np.finfo(float).eps)
    if count > 1 and endpoint:
        assert (found[0], found[-1]) == (start, stop)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(-8, 8))
def test_eye_tril_and_triu_are_numpys(rows, columns, k) -> None:
    assert_same(tf.eye(rows, columns, k=k, dtype=tf.float64), np.eye(rows, columns, k))
    matrix = np.arange(float(rows * columns)).reshape(rows, columns) + 1
    assert_same(tf.tril(tf.tensor(matrix), k=k), np.tril(matrix, k))
    assert_same(tf.triu(tf.tensor(matrix), k=k), np.triu(matrix, k))


def test_meshgrid_is_numpys_with_both_indexings() -> None:
    axes = [np.arange(2.0), np.arange(3.0), np.arange(4.0)]
    for indexing in ("xy", "ij"):
        found = tf.meshgrid(*map(tf.tensor, axes), indexing=indexing)
        for grid, expected in zip(found, np.meshgrid(*axes, indexing=indexing), strict=True):
            assert_same(grid, expected)


# --- Promotion.

CATEGORY = (
    {"bool": 0} | dict.fromkeys(INTEGERS, 1) | dict.fromkeys((*FLOATS, "bfloat16"), 2) | dict.fromkeys(COMPLEX, 3)
)


def promoted(a: str, b: str) -> str | None:
    """The standard's promotion, where it speaks; torch's where it does not; None where neither has one."""
    if a == b:
        return a
    if CATEGORY[a] > CATEGORY[b]:
        a, b = b, a
    if CATEGORY[b] != CATEGORY[a]:
        if CATEGORY[a] == 2 and CATEGORY[b] == 3:
            return "complex128" if "float64" in (a, b) or b == "complex128" else "complex64"
        return b
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    if "bfloat16" in (a, b):
        return a if b == "bfloat16" else b
    if "uint64" in (a, b) and (a in SIGNED or b in SIGNED):
        return None
    return np.promote_types(a, b).name


@pytest.mark.parametrize(("a", "b"), list(product(ALL, ALL)))
def test_two_dtypes_meet_as_the_standard_and_torch_say(a, b) -> None:
    expected = promoted(a, b)
    left, right = tf.ones(2, dtype=a), tf.ones(1, dtype=b)
    if expected is None:
        with pytest.raises(tf.DTypeError, match="no integer dtype holds both"):
            tf.result_type(left, right)
        with pytest.raises(tf.DTypeError, match=r"^multiply: no integer dtype holds both"):
            left * right
        return
    assert tf.result_type(left, right) == getattr(tf, expected)
    assert tf.where(tf.tensor([True, False]), left, right).dtype == getattr(tf, expected)
    assert tf.concat([left, right]).dtype == getattr(tf, expected)
    if (a, b) != ("bool", "bool"):
        assert (left * right).dtype == getattr(tf, expected)
        assert (left * right[0]).dtype == getattr(tf, expected)  # 0-d tensors are not weak


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("number", [True, 2, 2.0, 2j])
def test_python_numbers_are_weak(name, number) -> None:
    category = {bool: 0, int: 1, float: 2, complex: 3}[type(number)]
    if category <= CATEGORY[name]:
        expected = name
    elif category == 1:
        expected = "int64"
    elif category == 2:
        expected = "float32"
    else:
        expected = {"float64": "complex128"}.get(name, "complex64")
    for result in (tf.ones(2, dtype=name) + number, number + tf.ones(2, dtype=name)):
        if (name, type(number)) != ("bool", bool):
            assert result.dtype == getattr(tf, expected)


@given(st.sampled_from(INTEGERS), st.integers(-(2**70), 2**70))
@example("int8", 127)
@example("int8", 128)
@example("uint64", 2**64 - 1)
@example("uint64", 2**64)
@example("int64", -(2**63))
def test_a_python_integer_that_does_not_fit_the_dtype_overflows(name, number) -> None:
    limits = np.iinfo(name)
    if limits.min <= number <= limits.max:
        assert (tf.zeros(1, dtype=name) + number)[0].item() == number
        assert tf.full((1,), number, dtype=name)[0].item() == number
    else:
        for call in (
            lambda: tf.zeros(1, dtype=name) + number,
            lambda: tf.tensor([number], dtype=name),
            lambda: tf.full((1,), number, dtype=name),
            lambda: tf.zeros(1, dtype=name).fill_(number),
            lambda: tf.zeros(1, dtype=name).__setitem__(0, number),
        ):
            with pytest.raises(OverflowError):
                call()


@pytest.mark.parametrize("name", ALL)
def test_limits_of_dtypes_are_numpys(name) -> None:
    dtype = getattr(tf, name)
    if name in INTEGERS:
        found, expected = tf.iinfo(dtype), np.iinfo(name)
        assert (found.bits, found.min, found.max) == (expected.bits, expected.min, expected.max)
    elif name in FLOATS + COMPLEX:
        found, expected = tf.finfo(dtype), np.finfo(name)
        assert (found.bits, found.min, found.max, found.eps) == (
            expected.bits,
            expected.min,
            expected.max,
            expected.eps,
        )
        assert found.smallest_normal == expected.smallest_normal
    elif name == "bool":
        with pytest.raises(TypeError, match=r"^iinfo: needs an integer dtype; got bool"):
            tf.iinfo(dtype)


# --- Casts.

AWKWARD = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 127.0, 127.9, 128.0, -128.9, -129.0, 255.5, 256.0, 65504.0, 65519.9,
           65520.0, 2.0**31, 2.0**32, 2.0**63, -(2.0**63), 2.0**64, 1e30, 3.5e38, -1e300, 1e-8, 6e-8, 1e-40, 1e-320,
           math.inf, -math.inf, math.nan]  # fmt: skip


def saturated(value: float, name: str) -> int:
    limits = np.iinfo(name)
    if math.isnan(value):
        return 0
    return max(
        limits.min, min(limits.max, int(value) if math.isfinite(value) else (limits.max if value > 0 else limits.min))
    )


@pytest.mark.parametrize("source", ["float16", "float32", "float64"])
@pytest.mark.parametrize("target", INTEGERS)
def test_floats_saturate_in_integers_and_nan_is_zero(source, target) -> None:
    with np.errstate(over="ignore"):
        values = np.array(AWKWARD * 5).astype(source)  # long enough for whole vectors and remainders
    expected = np.array([saturated(float(value), target) for value in values], dtype=target)
    assert_same(tf.tensor(values).to(getattr(tf, target)), expected)


@pytest.mark.parametrize("source", INTEGERS)
@pytest.mark.parametrize("target", [*INTEGERS, "bool", "float16", "float32", "float64", "complex64"])
def test_integers_wrap_in_integers_and_round_in_floats(source, target) -> None:
    limits = np.iinfo(source)
    values = [limits.min, limits.max, 0, 1, limits.max // 2, limits.max // 3, limits.max - 1, 127 % limits.max]
    array = np.array(values * 5, dtype=source)
    with np.errstate(over="ignore"):
        assert_same(tf.tensor(array).to(getattr(tf, target)), array.astype(target))


@pytest.mark.parametrize(("source", "target"), list(product(FLOATS, (*FLOATS, *COMPLEX, "bool"))))
def test_floats_round_to_nearest_even_in_floats(source, target) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.array(AWKWARD * 3).astype(source)
        assert_same(tf.tensor(array).to(getattr(tf, target)), array.astype(target))


@given(st.lists(st.floats(width=32), min_size=1, max_size=40))
def test_bfloat16_is_float32_rounded_to_eight_bits_of_precision(values) -> None:
    array = np.array(values, dtype=np.float32)
    bits = array.view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    expected = np.where(np.isnan(array), np.float32(np.nan), rounded)
    assert_same(tf.tensor(array).bfloat16().float(), expected)


def test_complex_numbers_lose_their_imaginary_part_only_when_asked() -> None:
    x = tf.tensor([1 + 2j, 3 - 4j])
    assert_same(x.real, np.array([1, 3], np.float32))
    assert_same(x.imag, np.array([2, -4], np.float32))
    with pytest.raises(TypeError):
        tf.zeros(2)[0] = 1j


@pytest.mark.parametrize("name", INTEGERS)
def test_the_corner_cases_of_integers(name) -> None:
    limits = np.iinfo(name)
    low, high, bits = limits.min, limits.max, limits.bits

    def of(*values):
        return tf.tensor(list(values) * 9, dtype=name)

    def first(tensor):
        found = array_of(tensor)
        assert (found.reshape(9, -1) == found.reshape(9, -1)[0]).all()  # vectors and remainders agree
        return found.reshape(9, -1)[0].tolist()

    assert first(of(5, 0, high) // of(0, 0, 0)) == [0, 0, 0]
    assert first(of(5, 0, high) % of(0, 0, 0)) == [0, 0, 0]
    assert first(of(high) + of(1)) == [low]
    assert first(of(low) - of(1)) == [high]
    assert first(of(high) * of(2)) == [int(np.array(high).astype(name) * 0) + (-2 if low < 0 else high - 1)]
    assert first(of(1, high) << of(bits, bits)) == [0, 0]
    assert first(of(high) >> of(bits)) == [0]
    if low < 0:
        assert first(of(low) // of(-1)) == [low]
        assert first(of(low) % of(-1)) == [0]
        assert first(of(-7, 7, -7) // of(2, -2, -2)) == [-4, -4, 3]
        assert first(of(-7, 7, -7) % of(2, -2, -2)) == [1, -1, -1]
        assert first(of(low, -1) >> of(bits, bits)) == [-1, -1]
        assert first(of(1, low) << of(-1, -1)) == [0, 0]
        assert first(of(5, -5) >> of(-1, -1)) == [0, -1]
        assert first(abs(of(low))) == [low]


@pytest.mark.parametrize("name", [*FLOATS, "bfloat16"])
def test_minimum_and_maximum_pass_nan_on(name) -> None:
    x = tf.tensor([math.nan, 1.0, math.nan] * 9, dtype=name)
    y = tf.tensor([1.0, math.nan, math.nan] * 9, dtype=name)
    for result in (tf.minimum(x, y), tf.maximum(x, y)):
        assert np.isnan(array_of(result)).all()
