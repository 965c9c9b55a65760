"""Matrix products."""

from __future__ import annotations

from typing import Any

from workloads.workload import FLOAT, Group, Step, Workload


def product(m: int, k: int, n: int, *, batch: int = 0, transposed: str = "", name: str = "") -> Workload:
    """(m, k) @ (k, n); `transposed` holds the operands that lie transposed in memory."""

    def prepare(xp: Any) -> Step:
        a = operand(xp, batch, m, k, "A" in transposed)
        b = operand(xp, batch, k, n, "B" in transposed)
        return multiplication(xp, a, b)

    flops = 2 * m * k * n * max(batch, 1)
    # With one row or column there is no reuse: the bandwidth is the limit.
    skinny = min(m, n) == 1 or k == 1
    needed = FLOAT * (m * k + k * n + m * n) if skinny else 0
    return Workload(name or f"{m}×{k} @ {k}×{n}", prepare, flops=0 if skinny else flops, bytes=needed)


def operand(xp: Any, batch: int, rows: int, columns: int, transposed: bool) -> Any:
    lead = (batch,) if batch else ()
    return xp.randn(*lead, columns, rows).mT if transposed else xp.randn(*lead, rows, columns)


def multiplication(xp: Any, a: Any, b: Any) -> Step:
    if xp.__name__ == "torch":
        # At its best: without fresh memory for each result.
        out = xp.matmul(a, b)
        return lambda: xp.matmul(a, b, out=out)
    return lambda: a @ b


def of_dtype(dtype: str, size: int = 1024) -> Workload:
    def prepare(xp: Any) -> Step:
        kind = getattr(xp, dtype)
        return multiplication(xp, xp.randn(size, size).to(kind), xp.randn(size, size).to(kind))

    return Workload(f"{size}³ {dtype}", prepare, flops=2 * size**3)


def in_autocast(dtype: str, size: int = 1024) -> Workload:
    def prepare(xp: Any) -> Step:
        kind = getattr(xp, dtype)
        a, b = xp.randn(size, size).to(kind), xp.randn(size, size).to(kind)

        def step() -> Any:
            with xp.autocast("cpu", dtype=kind):
                return a @ b

        return step

    return Workload(f"{size}³ {dtype} inside autocast", prepare, flops=2 * size**3)


def int8(size: int = 1024) -> Workload:
    def prepare(xp: Any) -> Step:
        a, b = (xp.randint(-128, 128, (size, size)).to(xp.int8) for _ in range(2))
        # PyTorch's only product of int8 that sums in int32.
        return lambda: xp._int_mm(a, b)

    return Workload(f"{size}³ int8 → int32", prepare, flops=2 * size**3)


def limit(size: int = 2048) -> Workload:
    return product(size, size, size, name=f"{size}³")


GROUP = Group(
    "gemm",
    [
        *(product(size, size, size, name=f"{size}³") for size in (64, 128, 256, 512, 1024, 2048)),
        *(product(1024, 1024, 1024, transposed=which, name=f"1024³, {which} transposed") for which in ("A", "B", "AB")),
        product(32, 4096, 4096),
        product(32, 4096, 4096, transposed="B", name="32×4096 @ 4096×4096, B transposed"),
        product(1, 4096, 4096),
        product(1, 4096, 4096, transposed="B", name="1×4096 @ 4096×4096, B transposed"),
        product(4096, 1, 4096),
        product(100_000, 64, 64),
        product(64, 64, 64, batch=128, name="batch of 128, 64³"),
        product(8, 8, 8, batch=1000, name="batch of 1000, 8³"),
        of_dtype("float64"),
        in_autocast("float16"),
        in_autocast("bfloat16"),
        int8(),
    ],
)
