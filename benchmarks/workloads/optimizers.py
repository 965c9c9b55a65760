"""A step of an optimizer on ten million numbers in a hundred tensors."""

from __future__ import annotations

from typing import Any

from workloads.workload import FLOAT, Group, Step, Workload, is_torch

TENSORS, SIZE = 100, 100_000


def step_of(kind: str, passes: int, *, fused: bool, **options: Any) -> Workload:
    """`passes`: numbers read and written a parameter. `fused` concerns PyTorch alone, whose default is slower."""

    def prepare(xp: Any) -> Step:
        parameters = [xp.nn.Parameter(xp.randn(SIZE)) for _ in range(TENSORS)]
        for parameter in parameters:
            parameter.grad = xp.randn(SIZE)
        more = {"fused": True} if fused and is_torch(xp) else {}
        optimizer = getattr(xp.optim, kind)(parameters, lr=1e-3, **options, **more)
        return lambda: optimizer.step()

    name = f"{kind}{' with momentum' if 'momentum' in options else ''} beside "
    return Workload(
        name + ("fused=True" if fused else "PyTorch's default"), prepare, bytes=passes * FLOAT * TENSORS * SIZE
    )


# Reads parameter, gradient and state; writes parameter and state.
GROUP = Group(
    "optimizers",
    [
        step_of(kind, passes, fused=fused, **options)
        for kind, passes, options in (("SGD", 5, {"momentum": 0.9}), ("Adam", 7, {}), ("AdamW", 7, {}))
        for fused in (False, True)
    ],
)
