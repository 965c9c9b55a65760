"""Convolutions, padding, pooling and resampling: gradients of first and second order, dtypes, arguments of modules."""

from __future__ import annotations

import numpy as np
import pytest

import tenfold as tf
from support import array_of, assert_gradients, assert_near
from tenfold import nn
from tenfold.nn import functional as F


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers without ties."""
    return np.random.default_rng(seed).normal(size=shape)


def assert_second_gradients(function, *points: np.ndarray) -> None:
    """The gradients of a scalar of the gradients are central differences, too."""

    def first(*inputs):
        output = function(*inputs)
        weight = tf.tensor(np.cos(np.arange(output.numel())).reshape(tuple(output.shape)))
        with tf.enable_grad():
            inputs = [x if x.requires_grad else x.requires_grad_() for x in inputs]
            output = (function(*inputs).square() * weight).sum()
            return sum(g.sin().sum() for g in tf.autograd.grad(output, inputs, create_graph=True))

    assert_gradients(first, *points)


CONVOLUTIONS = {
    "1d": ((2, 4, 7), (4, 2, 3), {"stride": 2, "padding": 2, "groups": 2}),
    "2d": ((1, 2, 5, 4), (3, 2, 2, 3), {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)}),
    "3d": ((1, 2, 4, 3, 4), (2, 2, 2, 3, 2), {"stride": (1, 2, 2), "padding": 1, "dilation": (2, 1, 1)}),
    "3d in two groups": ((1, 4, 3, 3, 3), (2, 2, 2, 2, 2), {"groups": 2}),
    "3d by channel": ((1, 2, 3, 4, 3), (2, 1, 2, 3, 2), {"groups": 2}),
}
TRANSPOSED = {
    "1d": ((2, 4, 4), (4, 1, 3), {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2}),
    "2d": ((1, 2, 3, 4), (2, 3, 3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 3)}),
    "2d with an output padding below the dilation": ((1, 1, 3, 2), (1, 2, 2, 2), {"dilation": 3, "output_padding": 2}),
    "3d": ((1, 2, 2, 3, 2), (2, 2, 2, 2, 3), {"stride": 2, "padding": (0, 1, 1), "output_padding": (1, 0, 1)}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_gradients_of_any_order(name: str) -> None:
    x, weight, options = CONVOLUTIONS[name]
    function = getattr(F, f"conv{name[:2]}")
    points = numbers(*x), numbers(*weight, seed=1), numbers(weight[0], seed=2)
    assert_gradients(lambda x, w, b: function(x, w, b, **options), *points)
    assert_second_gradients(lambda x, w: function(x, w, **options), *points[:2])


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolutions_have_gradients_of_any_order(name: str) -> None:
    x, weight, options = TRANSPOSED[name]
    function = getattr(F, f"conv_transpose{name[:2]}")
    outputs = weight[1] * options.get("groups", 1)
    points = numbers(*x), numbers(*weight, seed=1), numbers(outputs, seed=2)
    assert_gradients(lambda x, w, b: function(x, w, b, **options), *points)
    assert_second_gradients(lambda x, w: function(x, w, **options), *points[:2])


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_transposed_convolution_is_the_gradient_of_a_convolution(rank: int) -> None:
    x = tf.tensor(numbers(2, 4, *(7, 6, 5)[:rank]), requires_grad=True)
    weight = tf.tensor(numbers(6, 2, *(3, 2, 3)[:rank], seed=1))
    options = {"stride": 2, "padding": 1, "groups": 2}
    y = getattr(F, f"conv{rank}d")(x, weight, **options)
    cotangent = tf.tensor(numbers(*y.shape, seed=2))
    (expected,) = tf.autograd.grad(y, x, cotangent)
    missing = [
        extent - ((out - 1) * 2 - 2 + kernel)
        for extent, out, kernel in zip(x.shape[2:], y.shape[2:], weight.shape[2:], strict=True)
    ]
    found = getattr(F, f"conv_transpose{rank}d")(cotangent, weight, output_padding=missing, **options)
    np.testing.assert_array_equal(array_of(found), array_of(expected))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("widths", [(2, 1), (1, 3, 0, 2), (2, -1, -2, 2), (1, 0, 2, 1, 1, 1)])
def test_padding_has_gradients_of_any_order(mode: str, widths: tuple[int, ...]) -> None:
    x = numbers(2, *(3, 5, 4)[-(len(widths) // 2) :])
    assert_gradients(lambda x: F.pad(x, widths, mode), x)
    assert_second_gradients(lambda x: F.pad(x.square(), widths, mode), x)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("reflect", [2, 1, 0, 1, 2, 3, 2]), ("replicate", [0, 0, 0, 1, 2, 3, 3]), ("circular", [2, 3, 0, 1, 2, 3, 0])],
)
@pytest.mark.parametrize("dtype", [tf.int64, tf.uint8, tf.float16, tf.float32])
def test_padding_moves_numbers_of_every_dtype(mode: str, expected: list[int], dtype: tf.dtype) -> None:
    padded = F.pad(tf.arange(4, dtype=dtype).reshape(1, 4), (2, 1), mode)
    assert padded.dtype == dtype
    assert padded.tolist() == [expected]


def test_an_output_size_chooses_the_output_padding() -> None:
    layer = nn.ConvTranspose2d(2, 3, 3, stride=(2, 3), padding=1)
    x = tf.zeros(1, 2, 5, 4)
    assert layer(x).shape == (1, 3, 9, 10)
    for height, width in [(9, 10), (10, 12)]:
        assert layer(x, output_size=(height, width)).shape == (1, 3, height, width)
        assert layer(x, output_size=(1, 3, height, width)).shape == (1, 3, height, width)
        assert layer(x[0], output_size=(3, height, width)).shape == (3, height, width)
    for wrong in [(8, 10), (11, 10), (9, 13)]:
        with pytest.raises(ValueError, match=r"ConvTranspose2d: output_size must be from \[9, 10\] to \[10, 12\]; got"):
            layer(x, output_size=wrong)
    with pytest.raises(ValueError, match="ConvTranspose2d: output_size needs 2 or 4 numbers; got 3"):
        layer(x, output_size=(3, 9, 10))


def test_transposed_weights_begin_within_their_bounds() -> None:
    tf.manual_seed(0)
    layer = nn.ConvTranspose2d(8, 32, 3, groups=2)
    bound = (32 // 2 * 9) ** -0.5
    assert layer.weight.shape == (8, 16, 3, 3)
    for values in (layer.weight, layer.bias):
        assert 0.8 * bound < abs(array_of(values)).max() <= bound


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precisions_round_once(dtype: tf.dtype) -> None:
    x, weight = tf.tensor(numbers(1, 3, 4, 5, 4)).to(dtype), tf.tensor(numbers(2, 3, 2, 3, 2, seed=1)).to(dtype)
    wide = F.conv3d(x.double(), weight.double())
    # One rounding, and the sums of 36 products in float32.
    assert_near(F.conv3d(x, weight), array_of(wide.to(dtype)), rtol=float(tf.finfo(dtype).eps), atol=1e-5)
