"""Every row of the operation table against its oracle, on every dtype; generated from the table alone.

The oracle is evaluated in higher precision: float64 for float16, bfloat16 and float32, extended precision (where NumPy
has it) for float64. Bounds are the rows' own, plus half a unit for the rounding to half precision, plus what is said at
`allowed_error`.
"""

import functools
import itertools
import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tenfold as tf
from tenfold import _core

TABLE = _core._operation_table()
ROWS = {row["name"]: row for row in TABLE}
REAL = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
INTEGER = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
few = settings(max_examples=max(6, settings.default.max_examples // 6))
seeds = st.integers(0, 2**32 - 1)


def rows(condition=lambda row: True):
    """The rows that hold a condition, as parameters of a test."""
    return pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in TABLE if condition(row)])


def function(row):
    return getattr(tf, row["name"])


def takes(row, category):
    """True where arguments of the category are taken, converted or not."""
    if row["rule"] == "Logical":
        return row["boolean"]
    if row["rule"] == "Floating" and category in ("boolean", "integer"):
        return row["floating"]
    return row[category]


@functools.cache
def oracle(expression):
    names = {"numpy": np, "scipy": scipy}
    compiled = eval(expression, names)

    def call(*arguments):
        with np.errstate(all="ignore"):
            return np.asarray(compiled(*arguments))

    return call


# --- Arguments.


def tensor(array, dtype):
    """A tensor of a NumPy array, with the array's strides where NumPy has the dtype."""
    if dtype == "bfloat16":
        return tf.tensor(np.ascontiguousarray(array), dtype=tf.bfloat16)
    return tf.from_numpy(array)


def array(value):
    """A tensor's elements, wide enough for NumPy to have them."""
    return (value.to(tf.float32) if value.dtype is tf.bfloat16 else value).numpy()


def strided(values, layout):
    """The same values in another layout: transposed, flipped, every second element of a larger array."""
    if layout == "transposed":
        return np.ascontiguousarray(values.T).T
    if layout == "flipped":
        reverse = (slice(None, None, -1),) * values.ndim
        return np.ascontiguousarray(values[reverse])[reverse]
    if layout == "spread" and values.ndim:
        spread = np.repeat(values, 2, axis=-1)
        return spread[..., ::2]
    return values


def draw_values(random, row, index, shape, dtype, coarse=False):
    """Values from the row's domain."""
    low, high = row["domain"][index]
    if index == 0 and row["rule"] == "Choose":
        return random.integers(0, 2, shape).astype(bool)
    if dtype == "bool":
        return random.integers(0, 2, shape).astype(bool)
    if dtype in INTEGER:
        limits = np.iinfo(dtype)
        low, high = max(math.ceil(low), limits.min), min(math.floor(high), limits.max)
        return random.integers(low, high, shape, endpoint=True).astype(dtype)
    real = random.uniform(low, high, shape)
    if coarse:
        real = np.clip(np.round(real), low, high)
    if dtype in COMPLEX:
        imaginary = random.uniform(low, high, shape)
        return np.asarray(real + 1j * (np.round(imaginary) if coarse else imaginary)).astype(dtype)
    return np.asarray(real).astype("float32" if dtype == "bfloat16" else dtype)


@st.composite
def calls(draw, row, dtypes):
    """Arguments of one call: a dtype of them, shapes that broadcast, layouts."""
    dtype = draw(st.sampled_from(dtypes))
    arity = len(row["arguments"])
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=arity, max_dims=5, min_side=0, max_side=4)).input_shapes
    layouts = draw(st.tuples(*[st.sampled_from(["dense", "transposed", "flipped", "spread"])] * arity))
    random, coarse = np.random.default_rng(draw(seeds)), draw(st.booleans())
    values = [draw_values(random, row, index, shape, dtype, coarse) for index, shape in enumerate(shapes)]
    values = [strided(value, layout) for value, layout in zip(values, layouts, strict=True)]
    condition = row["rule"] == "Choose"
    tensors = [tensor(value, "bool" if condition and index == 0 else dtype) for index, value in enumerate(values)]
    return dtype, [array(x) for x in tensors], tensors


# --- Comparison.

EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}
REAL_OF = {"complex64": "float32", "complex128": "float64"}


# Rows whose result depends on the dtype itself.
IN_THEIR_OWN_DTYPE = {"nextafter"}


def wider(row, dtype):
    if row["name"] in IN_THEIR_OWN_DTYPE:
        return dtype
    return {"float64": np.longdouble, "complex64": np.complex128, "complex128": np.clongdouble}.get(dtype, np.float64)


def expected_values(row, arguments, dtype):
    """The oracle in higher precision, and what it may be wrong by itself, in units in the last place."""
    converted = [value if value.dtype == bool else value.astype(wider(row, dtype)) for value in arguments]
    if dtype in ("float64", "complex128"):
        # SciPy's special functions have no extended precision; theirs are within 16 units (64 for complex arguments
        # in magnitude), so that the row's own bound is held by float32 there.
        narrow = [value if value.dtype == bool else value.astype(dtype) for value in arguments]
        try:
            return oracle(row["oracle"])(*converted), 0.0
        except TypeError:
            return oracle(row["oracle"])(*narrow), 64.0 if dtype == "complex128" else 16.0
    return oracle(row["oracle"])(*converted), 0.0


def allowed_error(row, expected, dtype, slack):
    """The error that a result may have.

    A complex result has the bound for its magnitude: each part may be wrong by that many epsilons of it, where every
    real operation that it is made of (up to 8 of them) adds the row's bound.
    """
    if dtype in COMPLEX:
        epsilon = EPSILON[REAL_OF[dtype]]
        return (8 * max(row["ulp"], 1.0) + row["absolute"] + slack) * epsilon * np.abs(expected)
    _, exponent = np.frexp(expected)
    spacing = np.maximum(np.ldexp(np.asarray(EPSILON[dtype], expected.dtype), exponent - 1), SMALLEST[dtype])
    ulp = row["ulp"] + slack
    if dtype in ("float16", "bfloat16"):
        # Computed in float32 and rounded once.
        ulp = 0.5 + ulp * 2.0**-13 * (8 if dtype == "float16" else 1) if ulp else 0.0
    # A rounded result can be half a unit of the next larger numbers away.
    return ulp * spacing * 1.001 + row["absolute"] * EPSILON[dtype]


def assert_close(row, result, arguments, dtype):
    found = array(result)
    if row["result"] == "Bool":
        expected = oracle(row["oracle"])(*arguments)
        np.testing.assert_array_equal(found, expected, strict=True)
        return
    expected, slack = expected_values(row, arguments, dtype)
    assert found.shape == expected.shape
    # Beyond the largest number lies infinity, and what was exact is rounded.
    with np.errstate(over="ignore"):
        rounded = np.asarray(tf.tensor(expected.astype(np.complex128 if dtype in COMPLEX else np.float64)).numpy())
        rounded = array(tf.tensor(rounded).to(result.dtype)).astype(expected.dtype)
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    with np.errstate(invalid="ignore"):
        difference = found.astype(expected.dtype) - expected
        allowed = allowed_error(row, expected, dtype, slack)
        close = (np.abs(difference.real) <= allowed) & (np.abs(difference.imag) <= allowed)
    wrong = ~(same | close)
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0])
        broadcast = [value[place] for value in np.broadcast_arrays(*arguments)]
        raise AssertionError(
            f"{row['name']}{tuple(broadcast)} in {dtype}: {found[place]!r}, not {expected[place]!r}; "
            f"off by {difference[place]!r}, allowed {allowed[place]!r}"
        )


def next_bfloat16(x, y):
    """The neighbour of x towards y among the float32 numbers whose lower half is zero."""
    x, y = np.broadcast_arrays(x.astype(np.float32), y.astype(np.float32))
    upper = x.view(np.uint32) >> 16
    away = np.where((y > x) == (x > 0), upper + 1, upper - 1)
    from_zero = np.where(np.signbit(y), 0x8001, 1)
    stepped = np.where(x == 0, from_zero, away).astype(np.uint32)
    result = (stepped << 16).view(np.float32)
    return np.where(np.isnan(x) | np.isnan(y), np.nan, np.where(x == y, y, result)).astype(np.float32)


# --- Values.


@rows(lambda row: takes(row, "floating"))
@few
@given(data=st.data())
def test_real_numbers(row, data):
    dtype, arguments, tensors = data.draw(calls(row, REAL))
    result = function(row)(*tensors)
    if row["name"] == "nextafter" and dtype in ("float16", "bfloat16"):
        assert result.dtype is getattr(tf, dtype)
        neighbours = np.nextafter if dtype == "float16" else next_bfloat16
        np.testing.assert_array_equal(array(result), neighbours(*arguments))
        return
    expected = {"Bool": "bool"}.get(row["result"], "bool" if row["rule"] == "Logical" else dtype)
    assert result.dtype is getattr(tf, expected)
    assert_close(row if result.dtype is not tf.bool else row | {"result": "Bool"}, result, arguments, dtype)


@rows(lambda row: takes(row, "complex"))
@few
@given(data=st.data())
def test_complex_numbers(row, data):
    dtype, arguments, tensors = data.draw(calls(row, COMPLEX))
    result = function(row)(*tensors)
    if row["rule"] == "Logical":
        row = row | {"result": "Bool"}
    expected = {"Bool": "bool", "Real": REAL_OF[dtype]}.get(row["result"], dtype)
    assert result.dtype is getattr(tf, expected)
    if row["result"] == "Real":
        found, expected = array(result), oracle(row["oracle"])(*[value.astype(np.clongdouble) for value in arguments])
        bound = (row["ulp"] + 1) * EPSILON[REAL_OF[dtype]] * np.abs(expected)
        assert (np.abs(found - expected) <= bound).all()
        return
    assert_close(row, result, arguments, dtype)


def integer_oracle(row, arguments):
    """The oracle, with the corner table where NumPy raises or goes by way of floating point."""
    if row["name"] == "pow":
        base, exponent = np.broadcast_arrays(*arguments)
        with np.errstate(all="ignore"):
            positive = np.power(base, np.maximum(exponent, 0))
        # A negative power is truncated: only 1 and −1 have one that is not 0.
        sign = np.where(exponent % 2 == 0, 1, base)
        return np.where(exponent < 0, np.where(np.abs(base) == 1, sign, 0).astype(base.dtype), positive)
    if row["name"] == "heaviside":
        x, y = arguments
        return np.where(x == 0, y, (x > 0).astype(x.dtype))
    return oracle(row["oracle"])(*arguments)


@rows(lambda row: row["integer"] and row["rule"] in ("Promote", "Choose"))
@pytest.mark.parametrize("dtype", INTEGER)
def test_integers_are_exact_in_all_corners(row, dtype):
    limits = np.iinfo(dtype)
    corners = {limits.min, limits.min + 1, 0, 1, 2, 3, 7, 8, 31, 63, 64, limits.max - 1, limits.max}
    corners |= {-1, -2, -3, -64} if limits.min else set()
    corners = [corner for corner in corners if corner <= limits.max and corner >= limits.min]
    conditions = 1 if row["rule"] == "Choose" else 0
    lists = [[False, True]] * conditions + [corners] * (len(row["arguments"]) - conditions)
    columns = list(zip(*itertools.product(*lists), strict=True))
    arguments = [np.array(column, "bool" if index < conditions else dtype) for index, column in enumerate(columns)]
    result = function(row)(*[tf.tensor(value) for value in arguments])
    assert result.dtype is (tf.bool if row["result"] == "Bool" else getattr(tf, dtype))
    expected = integer_oracle(row, arguments).astype(array(result).dtype)
    np.testing.assert_array_equal(array(result), expected)


@rows(lambda row: takes(row, "integer"))
@few
@given(data=st.data())
def test_integers_of_all_shapes(row, data):
    dtype, arguments, tensors = data.draw(calls(row, INTEGER))
    result = function(row)(*tensors)
    if row["rule"] == "Floating":
        assert result.dtype is tf.float32
        assert_close(row, result, [value.astype("float32") for value in arguments], "float32")
        return
    bool_comes_out = row["result"] == "Bool" or row["rule"] == "Logical"
    assert result.dtype is (tf.bool if bool_comes_out else getattr(tf, dtype))
    expected = integer_oracle(row, arguments)
    np.testing.assert_array_equal(array(result), expected.astype(array(result).dtype))
    assert result.shape == expected.shape


@rows(lambda row: row["boolean"])
def test_truth_values(row):
    columns = list(zip(*itertools.product([False, True], repeat=len(row["arguments"])), strict=True))
    arguments = [np.array(column) for column in columns]
    result = function(row)(*[tf.tensor(value) for value in arguments])
    assert result.dtype is tf.bool
    np.testing.assert_array_equal(array(result), oracle(row["oracle"])(*arguments).astype(bool))


@rows()
def test_other_dtypes_are_refused(row):
    for category, dtype in [
        ("boolean", tf.bool),
        ("integer", tf.int8),
        ("floating", tf.float32),
        ("complex", tf.complex64),
    ]:
        if not takes(row, category):
            arguments = [tf.zeros(2, dtype=dtype)] * len(row["arguments"])
            with pytest.raises(tf.DTypeError, match=rf"^{row['name']}: not defined for {dtype.name}"):
                function(row)(*arguments)


SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 3e38, -3e38, 1e-45, -1e-45]

# Where the oracle is not what we follow: a reason, and the arguments that it is about.
DIFFERENT = {
    "floor_divide": (
        "1 // −∞ is −0 and ∞ // 1 is ∞ (array API); NumPy: −1 and NaN",
        lambda x, y: np.isinf(x) | np.isinf(y),
    ),
    "sinc": ("π times the argument is infinite, as in PyTorch", lambda x: np.abs(x) > 1e38),
    "angle": ("the angle of −0 is 0, as in PyTorch; NumPy: π", lambda x: x == 0),
    "lgamma": ("infinite at −∞, as in C; SciPy: −∞", lambda x: x == -np.inf),
    "trigamma": ("not defined at −∞; SciPy: ∞", lambda x: x == -np.inf),
    "i0": ("grows without bound; SciPy: NaN", lambda x: np.isinf(x)),
    "i1": ("grows without bound; SciPy: NaN", lambda x: np.isinf(x)),
    "lerp": ("goes from the end that is nearer", lambda x, y, w: ~((np.abs(x) < 1e30) & (np.abs(y) < 1e30))),
}


@rows(lambda row: takes(row, "floating"))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values(row, dtype):
    """Where the result is NaN or infinite, and the sign of what is neither NaN nor zero."""
    conditions = 1 if row["rule"] == "Choose" else 0
    lists = [[False, True]] * conditions + [SPECIAL] * (len(row["arguments"]) - conditions)
    columns = list(zip(*itertools.product(*lists), strict=True))
    with np.errstate(all="ignore"):
        arguments = [np.array(column, "bool" if index < conditions else dtype) for index, column in enumerate(columns)]
        found = array(function(row)(*[tf.tensor(value) for value in arguments]))
        own = row["name"] in IN_THEIR_OWN_DTYPE
        wide = [value if own or value.dtype == bool else value.astype("float64") for value in arguments]
        expected = oracle(row["oracle"])(*wide).astype(found.dtype)
        if found.dtype == bool:
            np.testing.assert_array_equal(found, expected)
            return
        # Numbers that vanish in the narrower dtype, and zeros of the function, are near enough.
        near = np.abs(found - expected) <= max(row["absolute"], 1.0) * EPSILON[dtype]
        same = np.isnan(found) & np.isnan(expected) | (np.sign(found) == np.sign(expected))
        same &= np.isinf(found) == np.isinf(expected)
        if row["name"] in DIFFERENT:
            same |= DIFFERENT[row["name"]][1](*arguments)
    place = np.argwhere(~(near | same))
    assert not place.size, (
        f"{row['name']}{tuple(value[place[0, 0]] for value in arguments)}: {found[place[0, 0]]}, "
        f"not {expected[place[0, 0]]}"
    )


@rows(
    lambda row: row["name"] in ("negative", "floor", "ceil", "round", "trunc", "sqrt", "copysign", "sin", "tanh", "erf")
)
def test_zeros_keep_their_sign(row):
    zeros = np.array([0.0, -0.0])
    arguments = [tf.tensor(zeros)] + [tf.tensor(zeros[::-1].copy())] * (len(row["arguments"]) - 1)
    expected = oracle(row["oracle"])(*[array(x) for x in arguments])
    assert np.signbit(array(function(row)(*arguments))).tolist() == np.signbit(expected).tolist()


# --- Ways to call.


def methods(row):
    """The row's name and aliases, as methods; the method `equal` is PyTorch's, which gives one bool."""
    names = [name for name in [row["name"], *row["aliases"]] if name != "equal"]
    return [name for name in names if callable(getattr(tf.Tensor, name, None))]


def sample(row, dtype="float32", shapes=((2, 3), (3,), (2, 1))):
    if not takes(row, "floating"):
        dtype = "int16" if row["integer"] else "bool"
    random = np.random.default_rng(7)
    values = [
        draw_values(random, row, index, shape, dtype)
        for index, shape in zip(range(len(row["arguments"])), shapes, strict=False)
    ]
    return [tf.tensor(value) for value in values]


def same(a, b):
    return a.dtype is b.dtype and np.array_equal(array(a), array(b), equal_nan=a.dtype not in (tf.bool, tf.int16))


@rows()
def test_methods_and_aliases_are_the_function(row):
    arguments = sample(row)
    expected = function(row)(*arguments)
    for alias in row["aliases"]:
        assert same(getattr(tf, alias)(*arguments), expected)
    first, *others = arguments
    if row["name"] == "where":
        # The method's condition is an argument: x.where(condition, y).
        assert same(arguments[1].where(first, arguments[2]), expected)
        return
    names = methods(row)
    assert names or row["name"] in ("real", "imag")
    for name in names:
        assert same(getattr(first, name)(*others), expected)


@rows()
def test_in_place_methods_store_what_the_function_gives(row):
    names = [name + "_" for name in methods(row) if name + "_" in dir(tf.Tensor)]
    assert names or row["name"] in ("where", "real", "imag")
    for name in names:
        first, *others = sample(row)
        expected = function(row)(first, *others).to(first.dtype)
        view = first.view(-1)
        result = getattr(first, name)(*others)
        assert result is first
        assert same(first, expected)
        assert same(view, expected.reshape(-1))


@rows(lambda row: len(row["arguments"]) == 2)
@pytest.mark.parametrize("dtype", ["int8", "float16", "float32", "float64", "complex64"])
def test_python_numbers_take_the_dtype_of_the_tensor(row, dtype):
    category = {"int8": "integer", "complex64": "complex"}.get(dtype, "floating")
    if not row[category]:
        pytest.skip("not defined for the dtype")
    random = np.random.default_rng(3)
    x, y = (tf.tensor(draw_values(random, row, index, (5,), dtype)) for index in range(2))
    for number in (2,) if dtype == "int8" else (2, 0.75):
        full = tf.full((5,), number, dtype=x.dtype)
        # Powers that are exact are exact by a number.
        if row["name"] != "pow":
            assert same(function(row)(x, number), function(row)(x, full))
        assert same(function(row)(number, y), function(row)(full, y))


@rows(lambda row: len(row["arguments"]) == 2 and row["rule"] != "Choose")
def test_arguments_meet_in_the_promoted_dtype(row):
    random = np.random.default_rng(5)
    for first, second in itertools.combinations(["int8", "uint8", "int32", "float16", "float32", "float64"], 2):
        promoted = (tf.zeros(1, dtype=getattr(tf, first)) + tf.zeros(1, dtype=getattr(tf, second))).dtype
        category = "integer" if promoted.name.startswith(("int", "uint")) else "floating"
        if not takes(row, category):
            continue
        x = tf.tensor(draw_values(random, row, 0, (4,), first))
        y = tf.tensor(draw_values(random, row, 1, (4,), second))
        assert same(function(row)(x, y), function(row)(x.to(promoted), y.to(promoted)))


# --- Derivatives.

AWKWARD = [[(), (), ()], [(3, 1), (1, 4), (2, 1, 1)], [(2, 0), (1,), (2, 1)], [(1, 3), (3,), (1, 1, 3)]]


def derivative_arguments(row, shapes, seed, dtype="float64"):
    random = np.random.default_rng(seed)
    return [
        draw_values(random, row, index, shape, dtype)
        for index, shape in zip(range(len(row["arguments"])), shapes, strict=False)
    ]


def differences(compute, arguments, index, direction=1.0):
    """Central differences, elementwise: `compute` at the arguments with one of them moved both ways."""
    step = 1e-6 * np.maximum(1.0, np.abs(arguments[index]))
    up, down = list(arguments), list(arguments)
    up[index], down[index] = arguments[index] + direction * step, arguments[index] - direction * step
    return (compute(up) - compute(down)) / (2 * step)


def value_of(row):
    return lambda arguments: array(function(row)(*[tf.tensor(np.asarray(value)) for value in arguments]))


def summed(values, shape):
    """Summed over what was broadcast."""
    values = values.sum(axis=tuple(range(values.ndim - len(shape))))
    axes = tuple(axis for axis, extent in enumerate(shape) if extent == 1 and values.shape[axis] != 1)
    return values.sum(axis=axes, keepdims=True)


def leaves(row, arguments):
    inexact = [value.dtype.kind in "fc" for value in arguments]
    tensors = [
        tf.tensor(value, requires_grad=bool(floating)) for value, floating in zip(arguments, inexact, strict=True)
    ]
    return tensors, [index for index, floating in enumerate(inexact) if floating]


def assert_derivative(found, expected, where):
    # Rounding of the two values by 1e-16 over a step of 1e-6, and the third derivative times 1e-12.
    scale = np.maximum(np.abs(expected), np.abs(expected).max(initial=1.0) * 1e-2)
    assert (np.abs(found - expected) <= 1e-5 * scale + 1e-6).all(), f"{where}: {found}, not {expected}"


@rows(lambda row: row["differentiable"])
@pytest.mark.parametrize("shapes", AWKWARD, ids=str)
def test_first_derivatives(row, shapes):
    arguments = derivative_arguments(row, shapes, 11)
    tensors, indices = leaves(row, arguments)
    result = function(row)(*tensors)
    weights = np.random.default_rng(12).normal(size=result.shape)
    gradients = tf.autograd.grad(result, [tensors[index] for index in indices], tf.tensor(weights))
    full = list(np.broadcast_arrays(*arguments))
    for index, gradient in zip(indices, gradients, strict=True):
        expected = summed(weights * differences(value_of(row), full, index), arguments[index].shape)
        assert gradient.shape == arguments[index].shape
        assert_derivative(array(gradient), expected, f"argument {index} at {arguments}")


@rows(lambda row: row["differentiable"] and row["complex"])
def test_first_derivatives_of_complex_numbers(row):
    """The gradient of a real loss: its derivative by the real part, plus i times that by the imaginary part."""
    arguments = derivative_arguments(row, [(2, 3)] * 3, 13, "complex128")
    tensors, indices = leaves(row, arguments)
    result = function(row)(*tensors)
    random = np.random.default_rng(14)
    weights = random.normal(size=(2, 3)) + (1j * random.normal(size=(2, 3)) if result.dtype is tf.complex128 else 0)
    gradients = tf.autograd.grad(result, [tensors[index] for index in indices], tf.tensor(weights))

    def loss(arguments):
        values = value_of(row)(arguments)
        return weights.real * values.real + np.imag(weights) * np.imag(values)

    for index, gradient in zip(indices, gradients, strict=True):
        by_real, by_imaginary = differences(loss, arguments, index), differences(loss, arguments, index, 1j)
        assert_derivative(array(gradient), by_real + 1j * by_imaginary, f"argument {index} at {arguments}")


@rows(lambda row: row["differentiable"])
def test_second_derivatives(row):
    arguments = derivative_arguments(row, [(2, 3)] * 3, 15)
    random = np.random.default_rng(16)
    weights, outer = random.normal(size=(2, 3)), tf.tensor(random.normal(size=(2, 3)))

    def first(arguments, index):
        tensors, indices = leaves(row, [np.asarray(value) for value in arguments])
        result = function(row)(*tensors)
        inputs = [tensors[index] for index in indices]
        found = tf.autograd.grad(result, inputs, tf.tensor(weights), create_graph=True)
        return inputs, dict(zip(indices, found, strict=True))[index]

    def gradient_of(index, arguments):
        return array(first(arguments, index)[1].detach())

    _, indices = leaves(row, arguments)
    for index in indices:
        try:
            inputs, gradient = first(arguments, index)
        except NotImplementedError as error:
            # Where the derivative is made of a row that has none itself.
            if ROWS[str(error).split(":")[0]]["differentiable"]:
                raise
            continue
        if gradient.requires_grad:
            second = tf.autograd.grad(gradient, inputs, outer, materialize_grads=True)
        else:
            second = [tf.zeros_like(x) for x in inputs]
        for other, found in zip(indices, second, strict=True):
            slopes = differences(functools.partial(gradient_of, index), arguments, other)
            assert_derivative(array(found), array(outer) * slopes, f"arguments {index}, {other} at {arguments}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize("distinct", [1, 40, 10**6])
@pytest.mark.parametrize("length", [131_072, 131_087, 150_001])
def test_searches_in_long_rows_are_numpys(length, distinct, dtype) -> None:
    random = np.random.default_rng(length)
    row = np.sort(random.integers(0, distinct, length).astype(dtype))
    values = random.integers(-2, distinct + 2, 20_000).astype(dtype)
    if dtype != "int16":
        row[-5:] = np.nan
        values[:9] = [np.nan, np.inf, -np.inf, 0, -0.0, distinct, distinct - 1, -1, 0.5]
    for side in ("left", "right"):
        for step in (1, 2):
            found = tf.searchsorted(tf.tensor(row)[::step], tf.tensor(values), side=side)
            np.testing.assert_array_equal(found.numpy(), np.searchsorted(row[::step], values, side))


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_copysign_takes_a_nan_for_positive(dtype: tf.dtype) -> None:
    nans = tf.tensor([np.nan, -np.nan, np.nan], dtype=dtype)
    nans[2:] = tf.atanh(tf.tensor([2.0], dtype=dtype))  # a computed one, whose sign the processor chooses
    assert tf.copysign(tf.full((3,), -2.0, dtype=dtype), nans).tolist() == [2.0] * 3
    assert tf.copysign(nans, -tf.ones(3, dtype=dtype)).isnan().all()
