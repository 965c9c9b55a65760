"""A product with what follows it: bias, activation, residual."""

from __future__ import annotations

from typing import Any

from workloads.workload import Group, Step, Workload

ROWS, DEPTH, COLUMNS = 512, 1024, 4096


def linear(name: str, *, bias: bool = True, activation: str = "", residual: bool = False) -> Workload:
    def prepare(xp: Any) -> Step:
        F = xp.nn.functional
        x, weight = xp.randn(ROWS, DEPTH), xp.randn(COLUMNS, DEPTH)
        added = xp.randn(COLUMNS) if bias else None
        other = xp.randn(ROWS, COLUMNS)

        def step() -> Any:
            y = F.linear(x, weight, added)
            if activation:
                y = getattr(F, activation)(y)
            return y + other if residual else y

        return step

    return Workload(f"512×1024×4096, {name}", prepare, flops=2 * ROWS * DEPTH * COLUMNS)


GROUP = Group(
    "fused gemm",
    [
        linear("the bare product", bias=False),
        linear("bias"),
        linear("bias, ReLU", activation="relu"),
        linear("bias, GELU", activation="gelu"),
        linear("bias, ReLU, residual", activation="relu", residual=True),
    ],
)
