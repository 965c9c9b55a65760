"""Pooling and batch, group and instance normalisation, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from workloads.workload import FLOAT, Group, Workload, layer_training


def layer(name: str, make: Callable[[Any], Any], shape: tuple[int, ...], passes: int = 0) -> Workload:
    """`passes`: how often as many numbers as the input has go through memory at least."""
    return Workload(name, layer_training(make, shape), bytes=FLOAT * passes * prod(shape))


# A norm reads its input twice (its statistics come before its output) and its cotangent, writes output and gradient.
NORM = 5

GROUP = Group(
    "pooling and norms",
    [
        layer("max pool 2×2 64ch 56² b16", lambda nn: nn.MaxPool2d(2), (16, 64, 56, 56)),
        layer("max pool 3×3 s2 64ch 112² b4", lambda nn: nn.MaxPool2d(3, 2, 1), (4, 64, 112, 112)),
        layer("average pool 2×2 256ch 28² b16", lambda nn: nn.AvgPool2d(2), (16, 256, 28, 28)),
        layer("average pool 3×3 s1 128ch 28² b16", lambda nn: nn.AvgPool2d(3, 1, 1), (16, 128, 28, 28)),
        layer("adaptive average pool to 1 512ch 7² b32", lambda nn: nn.AdaptiveAvgPool2d(1), (32, 512, 7, 7)),
        layer("batch norm 64ch 56² b16", lambda nn: nn.BatchNorm2d(64), (16, 64, 56, 56), NORM),
        layer("batch norm 512ch 7² b32", lambda nn: nn.BatchNorm2d(512), (32, 512, 7, 7), NORM),
        layer("batch norm 256 features b512", lambda nn: nn.BatchNorm1d(256), (512, 256), NORM),
        layer("group norm 32 groups 256ch 28² b16", lambda nn: nn.GroupNorm(32, 256), (16, 256, 28, 28), NORM),
        layer("instance norm 64ch 56² b16", lambda nn: nn.InstanceNorm2d(64, affine=True), (16, 64, 56, 56), NORM),
    ],
)
