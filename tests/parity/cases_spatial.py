"""Cases of convolutions, padding, pooling, resampling and folding, and of their errors."""

from __future__ import annotations

import random
from typing import Any

from parity.cases import Case, module, normal, uniform


def spatial_families(seed: int) -> dict[str, list[Case]]:
    """The cases of a seed by family; drawn apart from the others, so that neither moves the other."""
    draw = random.Random(f"spatial {seed}")
    layers = [
        *(*convolutions(draw), *transposed_convolutions(draw), *paddings(draw)),
        *(*poolings(draw), *resizings(draw), *foldings(draw)),
    ]
    calls = [*padding_calls(draw), *pooling_calls(draw), *resizing_calls(draw), *grid_calls(draw)]
    errors = [*convolution_errors(), *pooling_errors(), *resizing_errors()]
    return {"spatial_layers": layers, "spatial_calls": calls, "spatial_errors": errors}


def call(name: str, target: str, *args: Any, **kwargs: Any) -> Case:
    """A function of `nn.functional`; arguments made by `normal` and its like are drawn, in order."""
    inputs: dict[str, Case] = {}

    def named(value: Any) -> Any:
        if isinstance(value, dict) and "fill" in value:
            inputs[f"x{len(inputs)}"] = value
            return {"input": f"x{len(inputs) - 1}"}
        return value

    arguments = [named(value) for value in args]
    options = {key: named(value) for key, value in kwargs.items()}
    return {"name": name, "kind": "call", "target": target, "args": arguments, "kwargs": options, "inputs": inputs}


def fixed(spec: Case) -> Case:
    """An input that has no gradient."""
    return {**spec, "fixed": True}


def error(target: str, *args: Any, then: Case | None = None, **kwargs: Any) -> Case:
    """A call that must fail: of a function, or of a module's constructor or, with `then`, of the module itself."""
    case = call("", target, *args, **kwargs)
    shown = [*map(str, case["args"]), *(f"{key}={value}" for key, value in kwargs.items())]
    name = f"{target}({', '.join(shown)})"
    if then is not None:
        case["inputs"]["then"] = then
        name += f" of {then['shape']}"
    for place, spec in case["inputs"].items():
        name = name.replace(str({"input": place}), str(spec["shape"]))
    return {**case, "kind": "error", "name": name}


def convolutions(draw: random.Random) -> list[Case]:
    n, c, o = draw.randint(1, 3), 2 * draw.randint(1, 3), 2 * draw.randint(1, 3)
    series, image = normal(n, c, draw.randint(9, 12)), normal(n, c, draw.randint(7, 9), draw.randint(7, 9))
    volume = normal(n, c, draw.randint(5, 6), draw.randint(6, 7), draw.randint(5, 7))
    cases = []
    for mode in ("reflect", "replicate", "circular"):
        cases += [
            module(f"convolution 1d, {mode}", "Conv1d", series, c, o, 3, padding=2, padding_mode=mode),
            module(f"convolution 2d, {mode}", "Conv2d", image, c, o, 3, padding=(1, 2), padding_mode=mode, stride=2),
            module(f"convolution 2d same, {mode}", "Conv2d", image, c, o, (4, 3), padding="same", padding_mode=mode,
                   dilation=(1, 2)),
            module(f"convolution 3d, {mode}", "Conv3d", volume, c, o, 3, padding=(1, 0, 2), padding_mode=mode),
        ]  # fmt: skip
    return [
        *cases,
        module("convolution 1d of one series", "Conv1d", normal(c, 9), c, o, 4, bias=False),
        module("convolution 1d valid", "Conv1d", series, c, o, 2, padding="valid", groups=2),
        module("convolution valid, circular", "Conv2d", image, c, o, 2, padding="valid", padding_mode="circular"),
        module("convolution 3d same", "Conv3d", volume, c, o, (2, 3, 4), padding="same", dilation=(2, 1, 1)),
        module("convolution 3d grouped and strided", "Conv3d", volume, c, o, 3, stride=(2, 1, 3), padding=1, groups=2),
        module("convolution 3d depthwise", "Conv3d", volume, c, c, (3, 2, 3), groups=c, bias=False),
        module("convolution 3d of one volume", "Conv3d", normal(c, 5, 5, 5), c, o, 2),
        module("convolution 3d 1×1×1", "Conv3d", volume, c, o, 1),
    ]


def transposed_convolutions(draw: random.Random) -> list[Case]:
    n, c, o = draw.randint(1, 3), 2 * draw.randint(1, 3), 2 * draw.randint(1, 3)
    series, image, volume = normal(n, c, draw.randint(4, 9)), normal(n, c, 4, 5), normal(n, c, 3, 4, 3)
    return [
        module("transposed 1d", "ConvTranspose1d", series, c, o, 3),
        module("transposed 1d strided", "ConvTranspose1d", series, c, o, 4, stride=3, padding=2, output_padding=2),
        module("transposed 1d of one series", "ConvTranspose1d", normal(c, 6), c, o, 3, bias=False),
        module("transposed 2d", "ConvTranspose2d", image, c, o, 3),
        module("transposed 2d strided", "ConvTranspose2d", image, c, o, (3, 4), stride=(2, 3), padding=1,
               output_padding=(1, 2)),
        module("transposed 2d grouped", "ConvTranspose2d", image, c, o, 3, stride=2, groups=2, bias=False),
        module("transposed 2d depthwise", "ConvTranspose2d", image, c, 2 * c, 3, stride=2, groups=c),
        module("transposed 2d dilated", "ConvTranspose2d", image, c, o, 3, dilation=(2, 3), padding=2, stride=(1, 2),
               output_padding=(1, 2)),
        module("transposed 3d", "ConvTranspose3d", volume, c, o, (2, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        module("transposed 3d grouped", "ConvTranspose3d", volume, c, o, 2, stride=2, groups=2, output_padding=1),
    ]  # fmt: skip


def paddings(draw: random.Random) -> list[Case]:
    n, c = draw.randint(1, 3), draw.randint(1, 3)
    inputs = {1: normal(n, c, 6), 2: normal(n, c, 5, 6), 3: normal(n, c, 4, 5, 4)}
    cases = []
    for rank, x in inputs.items():
        unbatched = normal(*x["shape"][1:])
        uneven = tuple(draw.randint(0, 3) for _ in range(2 * rank))
        for kind in ("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad"):
            cases += [
                module(f"{kind}{rank}d", f"{kind}{rank}d", x, 2),
                module(f"{kind}{rank}d uneven", f"{kind}{rank}d", unbatched, uneven),
            ]
        cases += [
            module(f"ConstantPad{rank}d", f"ConstantPad{rank}d", x, 2, 1.5),
            module(f"ConstantPad{rank}d cropping", f"ConstantPad{rank}d", x, (-1, 2) * rank, -2),
        ]
    return [*cases, module("ReplicationPad2d wide", "ReplicationPad2d", inputs[2], (7, 1, 0, 9))]


def padding_calls(draw: random.Random) -> list[Case]:
    image = normal(2, draw.randint(1, 3), 5, 6)
    return [
        call("pad of the first axes", "pad", image, (0, 0, 1, 0, 2, 1, 0, 1), value=0.5),
        call("pad of a vector", "pad", normal(4), (3, 1)),
        call("pad of nothing", "pad", image, (0, 0, 0, 0), mode="reflect"),
        call("pad mirrored and cropped", "pad", image, (-1, 2, 1, -2), mode="reflect"),
        call("pad repeated and cropped", "pad", image, (-2, 2, 1, -2), mode="replicate"),
        call("pad around", "pad", image, (6, 6, 5, 0), mode="circular"),
    ]


def convolution_errors() -> list[Case]:
    image, series = normal(1, 2, 5, 6), normal(1, 2, 6)
    weight = normal(4, 2, 3, 3)
    return [
        error("Conv2d", 3, 4, 3, groups=2),
        error("Conv2d", 4, 3, 3, groups=2),
        error("Conv2d", 4, 4, 3, groups=0),
        error("Conv2d", 4, 4, 3, padding="full"),
        error("Conv2d", 4, 4, 3, padding="same", stride=2),
        error("Conv2d", 4, 4, 3, padding_mode="mirror"),
        error("Conv2d", 2, 4, 3, then=normal(1, 3, 5, 5)),
        error("Conv2d", 2, 4, 3, then=normal(1, 1, 2, 5, 5)),
        error("Conv2d", 2, 4, 7, then=image),
        error("Conv2d", 2, 4, 3, padding=9, padding_mode="reflect", then=image),
        error("Conv1d", 2, 4, 3, then=image),
        error("conv2d", image, normal(4, 2, 3)),
        error("conv2d", image, weight, normal(3)),
        error("conv2d", image, weight, stride=0),
        error("conv2d", image, weight, padding=-1),
        error("conv2d", image, weight, dilation=0),
        error("conv2d", image, weight, groups=3),
        error("conv2d", image, weight, stride=(1, 2, 3)),
        error("conv2d", image, weight, padding="same", stride=2),
        error("ConvTranspose2d", 2, 4, 3, padding_mode="reflect"),
        error("ConvTranspose2d", 2, 4, 3, output_padding=1, then=image),
        error("ConvTranspose2d", 2, 4, 3, then=normal(1, 3, 5, 5)),
        error("ConvTranspose2d", 2, 4, 1, padding=4, then=image),
        error("conv_transpose2d", image, weight),
        error("ReflectionPad1d", 6, then=series),
        error("ReflectionPad2d", 5, then=image),
        error("CircularPad1d", 7, then=series),
        error("CircularPad1d", 1, then=image),
        error("ZeroPad1d", -4, then=series),
        error("ReplicationPad3d", 1, then=series),
        error("pad", image, (1, 2, 3)),
        error("pad", series, (1,) * 8),
        error("pad", image, (1, 1), mode="mirror"),
        error("pad", image, (1, 1), mode="reflect", value=2.0),
        error("pad", image, (1,) * 8, mode="circular"),
        error("pad", normal(6), (1, 1), mode="reflect"),
        error("pad", image, (0, 0), mode="reflect"),
    ]


def poolings(draw: random.Random) -> list[Case]:
    n, c = draw.randint(1, 3), draw.randint(1, 3)
    series, image = normal(n, c, draw.randint(9, 12)), normal(n, c, draw.randint(7, 9), draw.randint(7, 9))
    volume, one = normal(n, c, draw.randint(5, 6), 6, draw.randint(5, 7)), normal(c, 5, 6, 7)
    positive = {1: uniform(*series["shape"], low=0.1), 2: uniform(*image["shape"], low=0.1)}
    parts = draw.randint(2, 4)
    return [
        module("max pooling 1d dilated", "MaxPool1d", series, 2, stride=1, dilation=3),
        module("max pooling 3d", "MaxPool3d", volume, 2),
        module("max pooling 3d overlapping", "MaxPool3d", volume, (3, 2, 3), stride=(2, 1, 2), padding=(1, 0, 1)),
        module("max pooling 3d rounding up", "MaxPool3d", volume, 2, stride=3, ceil_mode=True, dilation=(1, 2, 1)),
        module("max pooling 3d of one volume", "MaxPool3d", one, 3, stride=2),
        module("average pooling 1d rounding up", "AvgPool1d", series, 4, stride=3, padding=2, ceil_mode=True),
        module("average pooling 3d", "AvgPool3d", volume, 2),
        module("average pooling 3d overlapping", "AvgPool3d", volume, (3, 2, 3), stride=(2, 1, 2), padding=(1, 0, 1)),
        module("average pooling 3d without the padding", "AvgPool3d", volume, 3, 2, 1, count_include_pad=False),
        module("average pooling 3d with another divisor", "AvgPool3d", one, 2, divisor_override=5, ceil_mode=True),
        module("adaptive average pooling 1d, uneven", "AdaptiveAvgPool1d", series, 5),
        module("adaptive average pooling 2d to more", "AdaptiveAvgPool2d", image, (11, 4)),
        module("adaptive average pooling 3d", "AdaptiveAvgPool3d", volume, (parts, None, 3)),
        module("adaptive average pooling 3d of one volume", "AdaptiveAvgPool3d", one, 2),
        module("adaptive max pooling 1d", "AdaptiveMaxPool1d", series, 4),
        module("adaptive max pooling 3d", "AdaptiveMaxPool3d", volume, (parts, 3, None)),
        module("power pooling 1d", "LPPool1d", positive[1], 1.5, 3, stride=2),
        module("power pooling 2d", "LPPool2d", positive[2], 2, (3, 2), ceil_mode=True),
        module("power pooling 2d of squares", "LPPool2d", image, 2, 3, stride=2),
        module("power pooling 3d", "LPPool3d", uniform(*volume["shape"], low=0.1), 3, 2),
    ]


def pooling_calls(draw: random.Random) -> list[Case]:
    n, c = draw.randint(1, 2), draw.randint(1, 3)
    series, image, volume = normal(n, c, 11), normal(n, c, 8, 9), normal(n, c, 6, 7, 5)
    places = {"fill": "integers", "high": 20, "shape": (n, c, 2, 3)}
    return [
        call("max pooling 1d with indices", "max_pool1d", series, 3, 2, 1, return_indices=True),
        call("max pooling 2d with indices", "max_pool2d", image, 3, 2, 1, ceil_mode=True, return_indices=True),
        call("max pooling 3d with indices", "max_pool3d_with_indices", volume, (2, 3, 2), dilation=(2, 1, 1)),
        call("adaptive max pooling 2d with indices", "adaptive_max_pool2d", image, (3, 4), return_indices=True),
        call("adaptive max pooling 3d with indices", "adaptive_max_pool3d_with_indices", volume, (4, 3, 2)),
        call("unpooling 2d", "max_unpool2d", normal(n, c, 2, 3), places, 2, output_size=(5, 6)),
        call("unpooling 1d", "max_unpool1d", normal(n, 4), {"fill": "integers", "high": 8, "shape": (n, 4)}, 2),
        call("unpooling 3d", "max_unpool3d", normal(n, c, 2, 2, 2),
             {"fill": "integers", "high": 48, "shape": (n, c, 2, 2, 2)}, (2, 2, 3), output_size=(n, c, 4, 3, 5)),
        call("fractional pooling 2d", "fractional_max_pool2d", image, 2, output_size=(4, 5), return_indices=True,
             _random_samples=fixed(uniform(n, c, 2))),
        call("fractional pooling 2d by ratio", "fractional_max_pool2d", image, (3, 2), output_ratio=(0.5, 0.6),
             _random_samples=fixed(uniform(n, c, 2))),
        call("fractional pooling 3d", "fractional_max_pool3d", volume, 2, output_size=(3, 4, 2), return_indices=True,
             _random_samples=fixed(uniform(n, c, 3))),
    ]  # fmt: skip


def resizings(draw: random.Random) -> list[Case]:
    n, c = draw.randint(1, 2), draw.randint(1, 3)
    series, image = normal(n, c, draw.randint(5, 8)), normal(n, c, draw.randint(5, 7), draw.randint(5, 8))
    factor = draw.uniform(1.3, 2.8)
    return [
        module("upsampling", "Upsample", image, scale_factor=2),
        module("upsampling to a size", "Upsample", image, (11, 7)),
        module("upsampling, linear", "Upsample", series, scale_factor=factor, mode="linear"),
        module("upsampling, bilinear", "Upsample", image, scale_factor=(2, factor), mode="bilinear"),
        module("upsampling, bilinear and aligned", "Upsample", image, 12, mode="bilinear", align_corners=True),
        module("upsampling, bicubic and recomputed", "Upsample", image, None, factor, "bicubic", False, True),
        module("upsampling 2d, nearest", "UpsamplingNearest2d", image, scale_factor=3),
        module("upsampling 2d, bilinear", "UpsamplingBilinear2d", image, (9, 10)),
    ]


def resizing_calls(draw: random.Random) -> list[Case]:
    n, c = draw.randint(1, 2), draw.randint(1, 2)
    inputs = {1: normal(n, c, 7), 2: normal(n, c, 6, 7), 3: normal(n, c, 4, 5, 3)}
    smooth = {1: "linear", 2: "bilinear", 3: "trilinear"}
    up, down = draw.uniform(1.2, 2.9), draw.uniform(0.35, 0.9)
    # Where a series or a volume keeps its extent by a factor above 1, or doubles it by one above 2, the gradient that
    # PyTorch has for the nearest elements is not that of what it computes.
    while up < 4 / 3 or 2 <= up < 7 / 3:
        up = draw.uniform(1.2, 2.9)
    cases = []
    for rank, x in inputs.items():
        sizes = tuple(draw.randint(2, 13) for _ in range(rank))
        for mode in ("nearest", "nearest-exact", "area"):
            cases += [
                call(f"{mode} {rank}d to {sizes}", "interpolate", x, sizes, mode=mode),
                call(f"{mode} {rank}d by {up}", "interpolate", x, None, up, mode),
                call(f"{mode} {rank}d by {down}", "interpolate", x, None, down, mode),
            ]
        for mode in (smooth[rank], *(("bicubic",) if rank == 2 else ())):
            for aligned in (False, True):
                shown = f"{mode}{' aligned' if aligned else ''}"
                cases += [
                    call(f"{shown} to {sizes}", "interpolate", x, sizes, mode=mode, align_corners=aligned),
                    call(f"{shown} by {up}", "interpolate", x, None, up, mode, aligned),
                    call(f"{shown} by {down}", "interpolate", x, None, down, mode, aligned),
                    call(f"{shown} by {down}, recomputed", "interpolate", x, None, down, mode, aligned, True),
                    call(f"{shown} to 1", "interpolate", x, 1, mode=mode, align_corners=aligned),
                ]
    image = inputs[2]
    for mode in ("bilinear", "bicubic"):
        for size in ((3, 4), (2, 11), (6, 7), (13, 3)):
            cases.append(call(f"{mode} smoothed to {size}", "interpolate", image, size, mode=mode, antialias=True))
        cases += [
            call(f"{mode} smoothed by {down}", "interpolate", image, None, down, mode, antialias=True),
            call(f"{mode} smoothed and aligned", "interpolate", image, (4, 3), mode=mode, align_corners=True,
                 antialias=True),
        ]  # fmt: skip
    return cases


def foldings(draw: random.Random) -> list[Case]:
    n, c, r = draw.randint(1, 3), draw.randint(1, 3), draw.randint(2, 3)
    image = normal(n, c, 6, 7)
    return [
        module("unfold", "Unfold", image, 3),
        module("unfold with options", "Unfold", image, (2, 3), dilation=(1, 2), padding=(2, 1), stride=(3, 2)),
        module("unfold of one image", "Unfold", normal(c, 5, 4), 2, stride=2),
        module("fold", "Fold", normal(n, c * 4, 20), (5, 6), 2),
        module("fold with options", "Fold", normal(n, c * 6, 9), (6, 7), (2, 3), dilation=(1, 2), padding=(2, 1),
               stride=(4, 2)),
        module("fold of one image", "Fold", normal(c * 9, 4), 4, 3),
        module("pixel shuffle", "PixelShuffle", normal(n, c * r * r, 3, 4), r),
        module("pixel shuffle of one image", "PixelShuffle", normal(c * 4, 3, 4), 2),
        module("pixel unshuffle", "PixelUnshuffle", normal(n, c, 2 * r, 3 * r), r),
        module("channel shuffle", "ChannelShuffle", normal(n, 2 * r, 3, 4), r),
        module("channel shuffle of series", "ChannelShuffle", normal(n, 6, 4), 3),
    ]  # fmt: skip


def grid_calls(draw: random.Random) -> list[Case]:
    n, c = draw.randint(1, 2), draw.randint(1, 3)
    image, volume = normal(n, c, 5, 6), normal(n, c, 3, 4, 5)
    # Beyond the image on all sides, so that mirrors are passed more than once.
    grid, wide = uniform(n, 4, 5, 2, low=-1.6, high=1.6), uniform(n, 3, 2, 4, 3, low=-4.0, high=4.0)
    cases = []
    for padding in ("zeros", "border", "reflection"):
        for aligned in (False, True):
            options = {"padding_mode": padding, "align_corners": aligned}
            shown = f"{padding}{', aligned' if aligned else ''}"
            for mode in ("bilinear", "nearest", "bicubic"):
                cases.append(call(f"grid {mode}, {shown}", "grid_sample", image, grid, mode, **options))
            for mode in ("bilinear", "nearest", "bicubic"):
                cases.append(call(f"grid 3d {mode}, {shown}", "grid_sample", volume, wide, mode, **options))
    return [
        *cases,
        call("affine grid", "affine_grid", normal(n, 2, 3), (n, 1, 4, 5), align_corners=False),
        call("affine grid aligned", "affine_grid", normal(n, 2, 3), (n, 3, 1, 5), align_corners=True),
        call("affine grid 3d", "affine_grid", normal(n, 3, 4), (n, 1, 2, 3, 4), align_corners=False),
        call("affine grid 3d aligned", "affine_grid", normal(n, 3, 4), (n, 1, 2, 3, 4), align_corners=True),
    ]


def pooling_errors() -> list[Case]:
    image, volume = normal(1, 2, 5, 6), normal(1, 2, 4, 5, 6)
    places = {"fill": "integers", "high": 30, "shape": (1, 2, 2, 3)}
    return [
        error("max_pool2d", image, 0),
        error("max_pool2d", image, 2, stride=0),
        error("max_pool2d", image, 2, padding=2),
        error("max_pool2d", image, 2, padding=-1),
        error("max_pool2d", image, 2, dilation=0),
        error("max_pool2d", image, 7),
        error("max_pool2d", image, (2, 2, 2)),
        error("max_pool3d", normal(5, 6), 2),
        error("avg_pool2d", image, 2, padding=2),
        error("avg_pool2d", image, 2, divisor_override=0),
        error("avg_pool3d", volume, 7),
        error("adaptive_avg_pool2d", normal(5), 2),
        error("adaptive_avg_pool2d", image, -1),
        error("adaptive_avg_pool2d", image, (1, 2, 3)),
        error("adaptive_max_pool2d", image, (1, 2, 3)),
        error("max_unpool2d", normal(1, 2, 2, 3), places, 2, output_size=(9, 9)),
        error("max_unpool2d", normal(1, 2, 2, 3), places, 1),
        error("max_unpool2d", normal(1, 2, 2, 3), normal(1, 2, 2, 3), 2),
        error("max_unpool2d", normal(1, 2, 3, 3), places, 2),
        error("max_unpool2d", normal(1, 2, 2, 3), places, 2, output_size=(9,)),
        error("FractionalMaxPool2d", 2),
        error("FractionalMaxPool2d", 2, output_size=3, output_ratio=0.5),
        error("FractionalMaxPool2d", 2, output_ratio=1.5),
        error("FractionalMaxPool2d", 3, output_size=4, then=image),
        error("FractionalMaxPool3d", 2, output_ratio=(0.5, 0.5, 0.0)),
        error("fractional_max_pool2d", image, 2),
        error("Fold", (4, 5), 2, then=normal(1, 12, 11)),
        error("Fold", (4, 5), 2, then=normal(1, 13, 12)),
        error("Fold", (4, 5), 2, then=normal(1, 1, 12, 12)),
        error("Fold", (1, 1), 2, then=normal(1, 12, 12)),
        error("Unfold", 7, then=image),
        error("Unfold", 2, stride=0, then=image),
        error("Unfold", 2, dilation=0, then=image),
        error("PixelShuffle", 2, then=image),
        error("PixelShuffle", 0, then=image),
        error("PixelShuffle", 2, then=normal(4, 4)),
        error("PixelUnshuffle", 2, then=image),
        error("PixelUnshuffle", -1, then=image),
        error("ChannelShuffle", 3, then=image),
        error("ChannelShuffle", 0, then=image),
        error("ChannelShuffle", 2, then=normal(4, 4)),
    ]


def resizing_errors() -> list[Case]:
    series, image, volume = normal(1, 2, 6), normal(1, 2, 5, 6), normal(1, 2, 4, 5, 6)
    grid = normal(1, 4, 5, 2)
    return [
        error("interpolate", image),
        error("interpolate", image, 3, 2.0),
        error("interpolate", image, (3, 4, 5)),
        error("interpolate", image, None, (2.0,)),
        error("interpolate", image, 3, mode="nearest", align_corners=True),
        error("interpolate", image, 3, mode="linear"),
        error("interpolate", series, 3, mode="bilinear"),
        error("interpolate", volume, 3, mode="bicubic"),
        error("interpolate", image, 3, mode="lanczos"),
        error("interpolate", normal(5, 6), 3),
        error("interpolate", image, 0),
        error("interpolate", image, -2),
        error("interpolate", image, None, 0.1),
        error("interpolate", image, 3, mode="nearest", antialias=True),
        error("interpolate", series, 3, mode="linear", antialias=True),
        error("interpolate", image, 3, recompute_scale_factor=True),
        error("grid_sample", image, grid, "cubic"),
        error("grid_sample", image, grid, padding_mode="wrap"),
        error("grid_sample", image, normal(2, 4, 5, 2)),
        error("grid_sample", image, normal(1, 4, 5, 3)),
        error("grid_sample", image, normal(1, 4, 2)),
        error("grid_sample", normal(1, 2, 0, 6), grid),
        error("affine_grid", normal(1, 2, 3), (2, 1, 4, 5)),
        error("affine_grid", normal(1, 3, 4), (1, 1, 4, 5)),
        error("affine_grid", normal(1, 2, 3), (1, 4, 5)),
        error("affine_grid", normal(1, 2, 3), (1, 1, 0, 5)),
        error("affine_grid", normal(1, 2, 3), (1, 1, -4, 5)),
    ]
