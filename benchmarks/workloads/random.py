"""Random numbers."""

from __future__ import annotations

from typing import Any

from workloads.workload import Group, Workload, forward, training

COUNT = 10_000_000


def dropout(xp: Any, x: Any) -> Any:
    return xp.nn.functional.dropout(x, 0.1)


GROUP = Group(
    "random",
    [
        Workload("uniform 10,000,000", forward(lambda xp: xp.rand(COUNT))),
        Workload("normal 10,000,000", forward(lambda xp: xp.randn(COUNT))),
        Workload("dropout of 10,000,000, forward+backward", training(dropout, (COUNT,))),
        Workload("integers 10,000,000", forward(lambda xp: xp.randint(0, 1000, (COUNT,)))),
        Workload("Bernoulli 10,000,000", forward(lambda xp: xp.bernoulli(xp.full((COUNT,), 0.3)))),
        Workload("permutation of 1,000,000", forward(lambda xp: xp.randperm(1_000_000))),
    ],
)
