"""Convolutions, forward, and forward with all gradients."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from workloads.workload import Group, Step, Workload, layer_training


def convolution(name: str, shape: tuple[int, ...], layer: str, *arguments: Any, **options: Any) -> Iterator[Workload]:
    """Two workloads of the layer nn.`layer`: inference, and training on a batch of this shape."""
    channels, out_channels, kernel = arguments[:3]
    kernel_size = prod(kernel) if isinstance(kernel, tuple) else kernel ** (len(shape) - 2)

    def make(nn: Any) -> Any:
        return getattr(nn, layer)(*arguments, **options)

    def prepare(xp: Any) -> Step:
        module, x = make(xp.nn), xp.randn(*shape)

        def step() -> Any:
            with xp.no_grad():
                return module(x)

        return step

    stride, dilation, padding = (
        options.get(key, default) for key, default in (("stride", 1), ("dilation", 1), ("padding", 0))
    )
    # Every window multiplies each of its kernel's elements once; a transposed layer has a window an input pixel.
    extents = shape[2:] if "Transpose" in layer else tuple(
        (extent + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 for extent in shape[2:])  # fmt: skip
    flops = 2 * shape[0] * prod(extents) * channels * out_channels // options.get("groups", 1) * kernel_size
    yield Workload(f"{name}, forward", prepare, flops=flops)
    yield Workload(f"{name}, forward+backward", layer_training(make, shape), flops=3 * flops)


GROUP = Group(
    "convolution",
    [
        *convolution("3×3 64→64 56² b8", (8, 64, 56, 56), "Conv2d", 64, 64, 3, padding=1),
        *convolution("3×3 256→256 14² b16", (16, 256, 14, 14), "Conv2d", 256, 256, 3, padding=1),
        *convolution("7×7 s2 3→64 224² b4", (4, 3, 224, 224), "Conv2d", 3, 64, 7, stride=2, padding=3),
        *convolution("1×1 256→256 14² b16", (16, 256, 14, 14), "Conv2d", 256, 256, 1),
        *convolution("depthwise 3×3 128 28² b16", (16, 128, 28, 28), "Conv2d", 128, 128, 3, padding=1, groups=128),
        *convolution("grouped 3×3 128→128 g8 28² b8", (8, 128, 28, 28), "Conv2d", 128, 128, 3, padding=1, groups=8),
        *convolution("dilated 3×3 64→64 56² b4", (4, 64, 56, 56), "Conv2d", 64, 64, 3, padding=2, dilation=2),
        *convolution("transposed 4×4 s2 128→64 14² b8", (8, 128, 14, 14), "ConvTranspose2d", 128, 64, 4, stride=2,
                     padding=1),
        *convolution("1-D k5 128→128 1000 b8", (8, 128, 1000), "Conv1d", 128, 128, 5, padding=2),
        *convolution("3-D 3×3×3 16→32 16³ b2", (2, 16, 16, 16, 16), "Conv3d", 16, 32, 3, padding=1),
    ],
)  # fmt: skip
