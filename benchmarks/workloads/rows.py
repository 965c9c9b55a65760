"""Functions of rows, with gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads.workload import FLOAT, Group, Step, Workload, forward, layer_training, training

ROWS, COLUMNS = 4096, 1024
NUMBERS = ROWS * COLUMNS


def layer(name: str, make: Callable[[Any], Any]) -> Workload:
    # Forward reads x and writes y; backward reads x and the cotangent and writes the gradient.
    return Workload(f"{name} {ROWS}×{COLUMNS}, forward+backward", layer_training(make, (ROWS, COLUMNS)),
                    bytes=5 * FLOAT * NUMBERS)  # fmt: skip


def along(name: str, axis: int) -> Workload:
    def call(xp: Any, x: Any) -> Any:
        return getattr(xp.nn.functional, name)(x, dim=axis)

    # Backward reads y and the cotangent and writes the gradient.
    return Workload(f"{name} {ROWS}×{COLUMNS} along axis {axis}, forward+backward",
                    training(call, (ROWS, COLUMNS)), bytes=5 * FLOAT * NUMBERS)  # fmt: skip


def cross_entropy(rows: int, columns: int) -> Workload:
    def prepare(xp: Any) -> Step:
        x, labels = xp.randn(rows, columns).requires_grad_(), xp.randint(0, columns, (rows,))

        def step() -> Any:
            x.grad = None
            loss = xp.nn.functional.cross_entropy(x, labels)
            loss.backward()
            return loss, x.grad

        return step

    # Forward reads the logits; backward reads them again and writes the gradient.
    return Workload(f"cross-entropy {rows}×{columns}, forward+backward", prepare, bytes=3 * FLOAT * rows * columns)


GROUP = Group(
    "rows",
    [
        Workload(f"softmax {ROWS}×{COLUMNS}, forward",
                 forward(lambda xp, x: xp.nn.functional.softmax(x, dim=1), (ROWS, COLUMNS)), bytes=2 * FLOAT * NUMBERS),
        along("softmax", 1),
        along("log_softmax", 1),
        along("softmax", 0),
        layer("layer norm", lambda nn: nn.LayerNorm(COLUMNS)),
        layer("RMS norm", lambda nn: nn.RMSNorm(COLUMNS)),
        cross_entropy(512, 32000),
        cross_entropy(4096, 1024),
    ],
)  # fmt: skip
