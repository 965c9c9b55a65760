"""Rows of a few numbers: classes of a classifier, pixels of a small plane, heads of a small model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads.workload import FLOAT, Group, Workload, forward

Call = Callable[[Any, Any], Any]

CALLS: dict[str, Call] = {
    "sum": lambda _, x: x.sum(1),
    "sum of squares": lambda _, x: (x * x).sum(1),
    "variance": lambda _, x: x.var(1),
    "max": lambda _, x: x.amax(1),
    "argmax": lambda _, x: x.argmax(1),
    "softmax": lambda xp, x: xp.nn.functional.softmax(x, 1),
    "layer norm": lambda xp, x: xp.nn.functional.layer_norm(x, (x.shape[1],)),
}

SHAPES = [(100_000, 10), (16_384, 49), (8_192, 100)]


def of_rows(name: str, call: Call, shape: tuple[int, int]) -> Workload:
    return Workload(
        f"{name} of {shape[0]:,} rows of {shape[1]}", forward(call, shape), bytes=FLOAT * shape[0] * shape[1]
    )


GROUP = Group(
    "short rows", [of_rows(name, call, shape) for shape in SHAPES for name, call in CALLS.items()], in_mean=False
)
