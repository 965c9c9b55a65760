"""What moves numbers and computes little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads.workload import FLOAT, Group, Step, Workload, forward, training

SIZE = 4096
SQUARE = (SIZE, SIZE)
NUMBERS = SIZE**2


def of_square(name: str, call: Callable[[Any], Any], numbers: int) -> Workload:
    """`call` of a square matrix; so many numbers are read and written."""
    return Workload(name, forward(lambda _, x: call(x), SQUARE), bytes=FLOAT * numbers)


def permute() -> Workload:
    shape = (32, 128, 64, 64)
    return Workload("permute 32×128×64×64 to NHWC", forward(lambda _, x: x.permute(0, 2, 3, 1).contiguous(), shape),
                    bytes=2 * FLOAT * 32 * 128 * 64 * 64)  # fmt: skip


def concat(axis: int) -> Workload:
    return Workload(f"cat 2 × 4096×2048 along axis {axis}",
                    forward(lambda xp, a, b: xp.concat([a, b], axis=axis), (SIZE, SIZE // 2), (SIZE, SIZE // 2)),
                    bytes=2 * FLOAT * NUMBERS)  # fmt: skip


def embedding(tokens: int = 8192, rows: int = 50_000, width: int = 768) -> Workload:
    def prepare(xp: Any) -> Step:
        layer, indices = xp.nn.Embedding(rows, width), xp.randint(0, rows, (tokens,))
        cotangent = xp.randn(tokens, width)

        def step() -> Any:
            layer.weight.grad = None
            out = layer(indices)
            out.backward(cotangent)
            return out, layer.weight.grad

        return step

    # The gradient is dense: all of it is written, and the rows that were looked up are read and written once more.
    needed = FLOAT * width * (2 * tokens + rows + 3 * tokens)
    return Workload(f"embedding {tokens} of {rows}×{width}, forward+backward", prepare, bytes=needed)


def gather(count: int = 4_000_000) -> Workload:
    def prepare(xp: Any) -> Step:
        x, indices = xp.randn(count), xp.randint(0, count, (count,))
        return lambda: x.gather(0, indices)

    return Workload(f"gather {count:,} numbers at random", prepare)


def gather_rows(tokens: int = 32768, rows: int = 50_000, width: int = 256) -> Workload:
    def prepare(xp: Any) -> Step:
        x, indices = xp.randn(rows, width), xp.randint(0, rows, (tokens,))
        return lambda: x[indices]

    return Workload(f"{tokens} of {rows} rows of {width}", prepare, bytes=2 * FLOAT * tokens * width)


def scatter_add(count: int = 1_000_000) -> Workload:
    def prepare(xp: Any) -> Step:
        x, indices, values = xp.zeros(count), xp.randint(0, count, (count,)), xp.randn(count)
        return lambda: x.scatter_add(0, indices, values)

    return Workload(f"scatter-add {count:,} numbers at random", prepare)


def addition(size: int = 16 * 2**20) -> Workload:
    return Workload("x + y on 16 Mi", forward(lambda _, x, y: x + y, (size,), (size,)), bytes=3 * FLOAT * size)


GROUP = Group(
    "memory-bound",
    [
        addition(),
        of_square("copy 4096²", lambda x: x.clone(), 2 * NUMBERS),
        of_square("copy of a transpose 4096²", lambda x: x.transpose(0, 1).contiguous(), 2 * NUMBERS),
        permute(),
        concat(0),
        concat(1),
        Workload("pad 16×64×112² by 1",
                 forward(lambda xp, x: xp.nn.functional.pad(x, (1, 1, 1, 1)), (16, 64, 112, 112)),
                 bytes=FLOAT * 16 * 64 * (112**2 + 114**2)),
        gather(),
        gather_rows(),
        scatter_add(),
        embedding(),
        of_square("cumsum 4096² along axis 0", lambda x: x.cumsum(0), 2 * NUMBERS),
        of_square("cumsum 4096² along axis 1", lambda x: x.cumsum(1), 2 * NUMBERS),
        of_square("sum of all of 4096²", lambda x: x.sum(), NUMBERS),
        of_square("sum 4096² along axis 0", lambda x: x.sum(0), NUMBERS),
        of_square("sum 4096² along axis 1", lambda x: x.sum(1), NUMBERS),
        of_square("max 4096² along axis 1", lambda x: x.amax(1), NUMBERS),
        of_square("variance 4096² along axis 1", lambda x: x.var(1), NUMBERS),
        of_square("argmax 4096² along axis 0", lambda x: x.argmax(0), NUMBERS),
        of_square("argmax 4096² along axis 1", lambda x: x.argmax(1), NUMBERS),
        Workload("mean of 64×256×28² over batch and pixels",
                 training(lambda _, x: x.mean((0, 2, 3)), (64, 256, 28, 28)), bytes=2 * FLOAT * 64 * 256 * 28 * 28),
    ],
)  # fmt: skip
