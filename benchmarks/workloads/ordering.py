"""Sorting and searching of a million numbers."""

from __future__ import annotations

from typing import Any

from workloads.workload import Group, Step, Workload, forward

COUNT = 1_000_000


def unique(xp: Any) -> Step:
    x = xp.randint(0, 100_000, (COUNT,))
    return lambda: x.unique()


def searchsorted(xp: Any) -> Step:
    boundaries, values = xp.randn(COUNT).sort()[0], xp.randn(COUNT)
    return lambda: xp.searchsorted(boundaries, values)


def nonzero(xp: Any) -> Step:
    x = (xp.randn(COUNT) > 0).to(xp.float32)
    return lambda: x.nonzero()


def masked_select(xp: Any) -> Step:
    x = xp.randn(COUNT)
    return lambda: x[x > 0]


GROUP = Group(
    "ordering",
    [
        # Ours is stable always.
        Workload("sort 1,000,000", forward(lambda _, x: x.sort(stable=True), (COUNT,))),
        Workload("sort 1000×1000", forward(lambda _, x: x.sort(stable=True), (1000, 1000))),
        Workload("sort 1000×1000 along axis 0", forward(lambda _, x: x.sort(dim=0, stable=True), (1000, 1000))),
        Workload("argsort 1,000,000", forward(lambda _, x: x.argsort(stable=True), (COUNT,))),
        Workload("topk 10 of 1,000,000", forward(lambda _, x: x.topk(10), (COUNT,))),
        Workload("topk 10 of 1000×1000", forward(lambda _, x: x.topk(10), (1000, 1000))),
        Workload("unique of 1,000,000 integers", unique),
        Workload("searchsorted 1,000,000 in 1,000,000", searchsorted),
        Workload("nonzero of 1,000,000", nonzero),
        Workload("x[x > 0] of 1,000,000", masked_select),
    ],
)
