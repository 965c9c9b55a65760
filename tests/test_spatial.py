"""Convolutions, padding, pooling and resampling: gradients of first and second order, dtypes, arguments of modules."""

from __future__ import annotations

from collections.abc import Callable

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


POOLINGS = {
    "max 3d": ((1, 2, 4, 5, 4), lambda x: F.max_pool3d(x, (2, 3, 2), stride=(1, 2, 2), padding=(1, 1, 0))),
    "average 3d": ((1, 2, 4, 5, 4), lambda x: F.avg_pool3d(x, (2, 3, 2), 2, (1, 1, 0), True, False)),
    "adaptive average": ((2, 5, 7), lambda x: F.adaptive_avg_pool2d(x, (3, 4))),
    "adaptive average to more": ((1, 1, 3, 2), lambda x: F.adaptive_avg_pool2d(x, (5, 3))),
    "adaptive maximum": ((2, 5, 7), lambda x: F.adaptive_max_pool2d(x, (3, 4))),
    "powers": ((2, 2, 6), lambda x: F.lp_pool1d(x.square() + 0.5, 3, 3, stride=2, ceil_mode=True)),
    "fractional": (
        (1, 2, 6, 7),
        lambda x: F.fractional_max_pool2d(x, 2, (3, 4), _random_samples=tf.tensor([[[0.3, 0.7], [0.9, 0.1]]]).double()),
    ),
}


@pytest.mark.parametrize("name", POOLINGS)
def test_poolings_have_gradients_of_any_order(name: str) -> None:
    shape, function = POOLINGS[name]
    assert_gradients(function, numbers(*shape))
    assert_second_gradients(function, numbers(*shape, seed=1))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unpooling_puts_back_what_pooling_found(rank: int) -> None:
    x = tf.tensor(abs(numbers(2, 3, *(5, 7, 4)[:rank])) + 1, requires_grad=True)
    values, indices = getattr(F, f"max_pool{rank}d")(x, 2, return_indices=True)
    whole = getattr(F, f"max_unpool{rank}d")(values, indices, 2, output_size=x.shape[2:])
    assert whole.shape == x.shape
    found = array_of(whole)
    kept = found != 0
    np.testing.assert_array_equal(found[kept], array_of(x)[kept])
    assert kept.sum() == values.numel()
    whole.sum().backward()
    np.testing.assert_array_equal(array_of(x.grad), kept)


def test_unpooling_has_gradients_of_any_order() -> None:
    _, indices = F.max_pool2d(tf.tensor(numbers(1, 2, 4, 6)), 2, return_indices=True)
    x = numbers(1, 2, 2, 3, seed=1)
    assert_gradients(lambda x: F.max_unpool2d(x, indices, 2), x)
    assert_second_gradients(lambda x: F.max_unpool2d(x, indices, 2), x)


def test_fractional_pooling_draws_its_windows() -> None:
    tf.manual_seed(0)
    x = tf.tensor(numbers(2, 3, 12, 12))
    layer = nn.FractionalMaxPool2d(2, output_ratio=0.6, return_indices=True)
    values, indices = layer(x)
    assert values.shape == (2, 3, 7, 7)
    np.testing.assert_array_equal(
        array_of(x.flatten(2).gather(2, indices.flatten(2)).reshape(2, 3, 7, 7)), array_of(values)
    )
    assert any((layer(x)[1] != indices).any() for _ in range(3))


INTERPOLATIONS = [
    ("nearest", (1, 2, 4), {"size": 7}),
    ("nearest-exact", (1, 1, 3, 4), {"size": (5, 3)}),
    ("linear", (1, 2, 4), {"scale_factor": 1.7}),
    ("linear", (1, 2, 5), {"size": 3, "align_corners": True}),
    ("bilinear", (1, 2, 3, 4), {"size": (5, 3)}),
    ("bilinear", (1, 1, 5, 6), {"size": (2, 4), "antialias": True}),
    ("bicubic", (1, 1, 4, 3), {"size": (3, 7)}),
    ("bicubic", (1, 1, 6, 5), {"size": (3, 7), "antialias": True}),
    ("trilinear", (1, 1, 2, 3, 2), {"size": (3, 2, 4)}),
    ("area", (1, 1, 5, 4), {"size": (3, 7)}),
]


@pytest.mark.parametrize(("mode", "shape", "options"), INTERPOLATIONS)
def test_interpolations_have_gradients_of_any_order(mode: str, shape: tuple[int, ...], options: dict) -> None:
    assert_gradients(lambda x: F.interpolate(x, mode=mode, **options), numbers(*shape))
    assert_second_gradients(lambda x: F.interpolate(x, mode=mode, **options), numbers(*shape, seed=1))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [False, True])
def test_a_constant_image_stays_constant(mode: str, antialias: bool) -> None:
    for size in [(3, 4), (9, 5), (20, 31)]:
        resized = F.interpolate(tf.full((1, 2, 9, 8), 3.0), size, mode=mode, antialias=antialias)
        # The weights of a row add up to 1 but for the rounding of each, and both axes have such rows.
        assert_near(resized, np.full((1, 2, *size), 3.0, np.float32), rtol=1e-6)


@pytest.mark.parametrize(("mode", "rank"), [("linear", 1), ("bilinear", 2), ("trilinear", 3)])
def test_linear_modes_leave_an_axis_that_keeps_its_extent_as_it_is(mode: str, rank: int) -> None:
    x = tf.tensor(numbers(1, 2, *[3] * rank))
    assert F.interpolate(x, scale_factor=1.219, mode=mode).equal(x)


def test_nearest_by_a_factor_goes_by_the_factor_and_images_that_double_do_just_that() -> None:
    # Recorded from PyTorch 2.15, whose kernel for images alone has the shortcut.
    by_factor = [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
    for shape, expected in (((1, 1, 7), by_factor), ((1, 1, 1, 7), [i // 2 for i in range(14)])):
        x = tf.arange(7.0).reshape(*shape).requires_grad_()
        y = F.interpolate(x, scale_factor=2.0565)
        row = y.reshape(-1, 14)[0]
        assert row.tolist() == expected
        row.sum().backward()
        assert x.grad.flatten().tolist() == [expected.count(i) for i in range(7)]


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_resized_half_precisions_round_once(mode: str, dtype: tf.dtype) -> None:
    x = tf.tensor(numbers(1, 2, 5, 6)).to(dtype)
    resized = F.interpolate(x, (7, 4), mode=mode)
    assert resized.dtype == dtype
    assert_near(
        resized, array_of(F.interpolate(x.double(), (7, 4), mode=mode)), rtol=float(tf.finfo(dtype).eps), atol=1e-6
    )


def test_integers_can_be_repeated() -> None:
    x = tf.arange(6, dtype=tf.uint8).reshape(1, 1, 2, 3)
    assert F.interpolate(x, scale_factor=2)[0, 0].tolist()[::2] == [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]
    with pytest.raises(TypeError, match="interpolate: needs a floating dtype; got uint8"):
        F.interpolate(x, scale_factor=2, mode="bilinear")


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("aligned", [False, True])
def test_samples_have_gradients_of_any_order(mode: str, padding: str, aligned: bool) -> None:
    def sample(x, grid):
        return F.grid_sample(x, grid, mode, padding, aligned)

    grid = np.random.default_rng(3).uniform(-1.4, 1.4, (1, 2, 3, 2))
    assert_gradients(sample, numbers(1, 2, 3, 4), grid)
    assert_second_gradients(sample, numbers(1, 2, 3, 4), grid)


@pytest.mark.parametrize("aligned", [False, True])
def test_the_identity_samples_the_image_itself(aligned: bool) -> None:
    x = tf.tensor(numbers(2, 3, 4, 5, 6), dtype=tf.float32)
    theta = tf.eye(3, 4).expand(2, 3, 4)
    grid = F.affine_grid(theta, x.shape, align_corners=aligned)
    # Positions are off by a few units in the last place of 6, and neighbours differ by about 3.
    assert_near(F.grid_sample(x, grid, padding_mode="border", align_corners=aligned), array_of(x), rtol=0, atol=2e-5)


def test_positions_without_a_place_are_zeros() -> None:
    grid = tf.tensor([[[[np.inf, 0.0], [-np.inf, 1.0], [0.0, 1e30], [-3.0, 0.0]]]], dtype=tf.float32)
    for mode in ("bilinear", "nearest"):
        assert array_of(F.grid_sample(tf.ones(1, 1, 3, 3), grid, mode))[..., 2:].tolist() == [[[[0.0, 0.0]]]]


def test_affine_grids_have_gradients() -> None:
    assert_gradients(lambda theta: F.affine_grid(theta, (2, 1, 3, 4), align_corners=False), numbers(2, 2, 3))


FOLDINGS = {
    "unfold": ((2, 2, 4, 5), lambda x: F.unfold(x, (2, 3), dilation=(2, 1), padding=1, stride=(1, 2))),
    "fold": ((1, 8, 12), lambda x: F.fold(x, (4, 5), 2)),
    "pixel shuffle": ((2, 8, 2, 3), lambda x: F.pixel_shuffle(x, 2)),
    "pixel unshuffle": ((1, 1, 1, 4, 6), lambda x: F.pixel_unshuffle(x, 2)),
    "channel shuffle": ((2, 6, 3), lambda x: F.channel_shuffle(x, 3)),
}


@pytest.mark.parametrize("name", FOLDINGS)
def test_foldings_have_gradients_of_any_order(name: str) -> None:
    shape, function = FOLDINGS[name]
    assert_gradients(function, numbers(*shape))
    assert_second_gradients(function, numbers(*shape, seed=1))


def test_a_convolution_is_a_product_with_unfolded_windows() -> None:
    x, weight = tf.tensor(numbers(2, 3, 6, 7)), tf.tensor(numbers(4, 3, 2, 3, seed=1))
    product = weight.reshape(4, -1) @ F.unfold(x, (2, 3), padding=1, stride=2)
    expected = F.conv2d(x, weight, padding=1, stride=2)
    assert_near(product.reshape(expected.shape), array_of(expected), rtol=1e-12, atol=1e-12)


def test_shuffles_undo_each_other() -> None:
    x = tf.arange(2 * 12 * 3 * 4).reshape(2, 12, 3, 4)
    assert (F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2) == x).all()
    assert (F.channel_shuffle(F.channel_shuffle(x, 3), 4) == x).all()


@pytest.mark.parametrize(
    ("shape", "filters", "convolve"),
    [
        ((8, 16, 12, 15), (24, 16, 3, 3), lambda x, w: F.conv2d(x, w, padding=1)),
        ((4, 32, 12, 15), (24, 32, 5, 5), lambda x, w: F.conv2d(x, w, padding=2)),
        ((4, 16, 24, 24), (32, 16, 3, 3), lambda x, w: F.conv2d(x, w, padding=2, dilation=2)),
        ((4, 3, 64, 60), (64, 3, 7, 7), lambda x, w: F.conv2d(x, w, padding=3, stride=2)),
        ((16, 32, 15, 15), (32, 24, 4, 4), lambda x, w: F.conv_transpose2d(x, w, padding=1, stride=2)),
        ((4, 48, 301), (40, 48, 3), lambda x, w: F.conv1d(x, w, padding=1)),
        ((2, 16, 6, 11, 12), (24, 16, 3, 3, 3), lambda x, w: F.conv3d(x, w, padding=1)),
    ],
    ids=["3x3", "5x5", "dilated", "strided", "transposed", "1-D", "3-D"],
)
def test_convolutions_of_many_channels_are_close_to_their_definition(
    shape: tuple[int, ...], filters: tuple[int, ...], convolve: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
) -> None:
    x, weight = tf.randn(*shape, requires_grad=True), tf.randn(*filters, requires_grad=True)

    def results() -> list[np.ndarray]:
        y = convolve(x, weight)
        return [array_of(values) for values in (y, *tf.autograd.grad(y.square().sum(), [x, weight]))]

    assert tf.get_convolution() == "auto"
    tiled = results()
    tf.set_convolution("direct")
    try:
        assert tf.get_convolution() == "direct"
        direct = results()
    finally:
        tf.set_convolution("auto")
    for ours, expected in zip(tiled, direct, strict=True):
        assert not np.array_equal(ours, expected), "both ways gave the same bits: was the switch heard?"
        # Roundings of some hundred terms, grown by the transforms about tenfold (`winograd/mod.rs`).
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_an_unknown_way_of_convolving_is_refused() -> None:
    with pytest.raises(ValueError, match=r"set_convolution: got fft\. Hint: auto or direct"):
        tf.set_convolution("fft")


@pytest.mark.parametrize(("shape", "groups"), [((2, 6, 101, 120), 1), ((1, 4, 300, 301), 2), ((3, 6, 7, 13), 3)])
def test_groups_larger_than_a_cache_are_normalised_like_small_ones(shape: tuple[int, ...], groups: int) -> None:
    generator = tf.Generator().manual_seed(3)
    leaves = [tf.randn(*size, generator=generator).requires_grad_() for size in (shape, shape[1:2], shape[1:2])]
    x, weight, bias = leaves
    result = F.group_norm(x, groups, weight, bias, 1e-3)
    rows = x.reshape(shape[0], groups, -1).to(tf.float64)
    normal = (rows - rows.mean(-1, keepdim=True)) / (rows.var(-1, correction=0, keepdim=True) + 1e-3).sqrt()
    by_channel = (1, shape[1], 1, 1)
    expected = normal.reshape(*shape) * weight.reshape(*by_channel) + bias.reshape(*by_channel)
    g = tf.randn(*shape, generator=generator)
    found, wanted = tf.autograd.grad((result * g).sum(), leaves), tf.autograd.grad((expected * g).sum(), leaves)
    for one, other in zip([result, *found], [expected, *wanted], strict=True):
        scale = float(other.abs().max())
        assert float((one.to(tf.float64) - other.to(tf.float64)).abs().max()) <= 2e-5 * scale
