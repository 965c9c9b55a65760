"""Cases of convolutions, padding, pooling, resampling and folding, and of their errors."""

from __future__ import annotations

import random
from typing import Any

from parity.cases import Case, module, normal


def spatial_families(seed: int) -> dict[str, list[Case]]:
    """The cases of a seed by family; drawn apart from the others, so that neither moves the other."""
    draw = random.Random(f"spatial {seed}")
    layers = [*convolutions(draw), *transposed_convolutions(draw), *paddings(draw)]
    return {"spatial_layers": layers, "spatial_calls": [*padding_calls(draw)], "spatial_errors": [*errors()]}


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


def errors() -> list[Case]:
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
