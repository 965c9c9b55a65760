"""What is measured: each workload is written once and runs with PyTorch and with Tenfold.

A workload is a function of the package `xp` (torch or tenfold) that prepares its operands and returns the
step to time. Its `flops` and `bytes` are what the task needs at least, whatever a package really does:
each operand read once, each result written once. They turn times into fractions of the machine's limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Step = Callable[[], Any]
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Workload:
    name: str
    prepare: Callable[[Any], Step]
    flops: float = 0
    bytes: float = 0
    # How many operations a step has, where the time of one is the point.
    operations: int = 1


def is_torch(xp: Any) -> bool:
    return xp.__name__ == "torch"


def matmul(size: int) -> Workload:
    def prepare(xp: Any) -> Step:
        a, b = xp.randn(size, size), xp.randn(size, size)
        if is_torch(xp):
            # At its best: without fresh memory for each result.
            out = xp.empty(size, size)
            return lambda: xp.matmul(a, b, out=out)
        return lambda: a @ b

    return Workload(f"matmul {size}³", prepare, flops=2 * size**3)


def convolution() -> Workload:
    def prepare(xp: Any) -> Step:
        x = xp.randn(8, 64, 56, 56).requires_grad_()
        layer = xp.nn.Conv2d(64, 64, 3, padding=1)
        cotangent = xp.randn(8, 64, 56, 56)

        def step() -> Any:
            x.grad = layer.weight.grad = layer.bias.grad = None
            layer(x).backward(cotangent)
            return x.grad, layer.weight.grad, layer.bias.grad

        return step

    forward = 2 * 8 * 56 * 56 * 64 * 64 * 9
    return Workload("convolution 3×3 64→64, 56², batch 8, forward and backward", prepare, flops=3 * forward)


def training_step() -> Workload:
    """One step of examples/fashion_mnist.py."""

    def prepare(xp: Any) -> Step:
        nn = xp.nn
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 7 * 7, 10),
        )  # fmt: skip
        optimizer = adam(xp, model.parameters())
        images, labels = xp.randn(128, 1, 28, 28), xp.randint(0, 10, (128,))

        def step() -> Any:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return step

    first, second, last = 28 * 28 * 32 * 9, 14 * 14 * 64 * 32 * 9, 64 * 7 * 7 * 10
    # The first layer needs no gradient of its input.
    return Workload("training step of the Fashion-MNIST CNN, batch 128", prepare,
                    flops=2 * 128 * (2 * first + 3 * second + 3 * last))  # fmt: skip


def elementwise() -> Workload:
    size = 4_000_000

    def prepare(xp: Any) -> Step:
        x, y = xp.randn(size), xp.randn(size)
        return lambda: xp.tanh(x * 1.5 + y) * xp.sigmoid(y - 0.5) + x * x

    return Workload("tanh(x*1.5+y)*sigmoid(y-0.5)+x*x on 4,000,000", prepare, bytes=3 * FLOAT * size)


def addition() -> Workload:
    size = 16 * 2**20

    def prepare(xp: Any) -> Step:
        x, y = xp.randn(size), xp.randn(size)
        return lambda: x + y

    return Workload("x + y on 16 Mi", prepare, bytes=3 * FLOAT * size)


def layer_norm() -> Workload:
    rows, columns = 4096, 1024

    def prepare(xp: Any) -> Step:
        x = xp.randn(rows, columns).requires_grad_()
        layer = xp.nn.LayerNorm(columns)
        cotangent = xp.randn(rows, columns)

        def step() -> Any:
            x.grad = layer.weight.grad = layer.bias.grad = None
            layer(x).backward(cotangent)
            return x.grad, layer.weight.grad, layer.bias.grad

        return step

    # Forward reads x and writes y; backward reads x and the cotangent and writes the gradient.
    return Workload("layer norm 4096×1024, forward and backward", prepare, bytes=5 * FLOAT * rows * columns)


def softmax() -> Workload:
    rows, columns = 4096, 1024

    def prepare(xp: Any) -> Step:
        x = xp.randn(rows, columns)
        return lambda: xp.nn.functional.softmax(x, dim=1)

    return Workload("softmax 4096×1024", prepare, bytes=2 * FLOAT * rows * columns)


def cross_entropy() -> Workload:
    rows, columns = 4096, 1024

    def prepare(xp: Any) -> Step:
        x = xp.randn(rows, columns).requires_grad_()
        labels = xp.randint(0, columns, (rows,))

        def step() -> Any:
            x.grad = None
            xp.nn.functional.cross_entropy(x, labels).backward()
            return x.grad

        return step

    # Forward reads the logits; backward reads them again and writes the gradient.
    return Workload("cross-entropy 4096×1024, forward and backward", prepare, bytes=3 * FLOAT * rows * columns)


def adam_step() -> Workload:
    count, size = 10, 1_000_000

    def prepare(xp: Any) -> Step:
        parameters = [xp.nn.Parameter(xp.randn(size)) for _ in range(count)]
        for parameter in parameters:
            parameter.grad = xp.randn(size)
        optimizer = adam(xp, parameters)
        return lambda: optimizer.step()

    # Reads parameter, gradient and two moments; writes parameter and moments.
    return Workload("Adam step on 10 × 1,000,000", prepare, bytes=7 * FLOAT * count * size)


def small_operations() -> Workload:
    count = 1000

    def prepare(xp: Any) -> Step:
        x, y = xp.ones(8), xp.full((8,), 0.001)

        def step() -> Any:
            result = x
            for _ in range(count):
                result = result + y
            return result

        return step

    return Workload("1,000 dependent additions of 8 numbers", prepare, operations=count)


def adam(xp: Any, parameters: Any) -> Any:
    # PyTorch at its best: one fused kernel instead of a loop in Python.
    return xp.optim.Adam(parameters, lr=1e-3, **({"fused": True} if is_torch(xp) else {}))


WORKLOADS = [
    matmul(1024),
    convolution(),
    training_step(),
    elementwise(),
    addition(),
    layer_norm(),
    softmax(),
    cross_entropy(),
    adam_step(),
    small_operations(),
]
# What the machine can do, measured by its own tasks: the faster package's rate is the limit.
LIMITS = {"flops": matmul(2048), "bytes": addition()}
