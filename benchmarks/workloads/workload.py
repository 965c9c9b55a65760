"""What a workload is, and the steps that most of them have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Step = Callable[[], Any]
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Workload:
    """A function of the package `xp` (torch or tenfold) that prepares its operands and returns the step to time.

    `flops` and `bytes` are what the task needs at least, whatever a package really does: each operand read once, each
    result written once. They turn times into fractions of the machine's limits.
    """

    name: str
    prepare: Callable[[Any], Step]
    flops: float = 0
    bytes: float = 0
    # How many operations a step has, where the time of one is the point.
    operations: int = 1
    # Other columns: how the package of that name (`torch.compile`, `jax`) prepares the same.
    others: dict[str, Callable[[], Step]] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Workloads of one kind. The mean over the groups takes those of issue 7's table; the others stand beside it."""

    name: str
    workloads: Sequence[Workload]
    in_mean: bool = True
    # A share of the usual rounds, for groups of very many workloads.
    effort: float = 1.0


def is_torch(xp: Any) -> bool:
    return xp.__name__ == "torch"


def forward(call: Callable[..., Any], *shapes: tuple[int, ...]) -> Callable[[Any], Step]:
    """The step that calls `call(xp, *tensors)` on normal numbers of these shapes."""

    def prepare(xp: Any) -> Step:
        tensors = [xp.randn(*shape) for shape in shapes]
        return lambda: call(xp, *tensors)

    return prepare


def training(call: Callable[..., Any], *shapes: tuple[int, ...]) -> Callable[[Any], Step]:
    """As `forward`, and then the gradients of all those tensors."""

    def prepare(xp: Any) -> Step:
        tensors = [xp.randn(*shape).requires_grad_() for shape in shapes]
        return backward(xp, lambda: call(xp, *tensors), tensors)

    return prepare


def layer_training(make: Callable[[Any], Any], *shapes: tuple[int, ...]) -> Callable[[Any], Step]:
    """Forward and backward of the layer `make(xp.nn)`, with the gradients of its inputs and parameters."""

    def prepare(xp: Any) -> Step:
        layer = make(xp.nn)
        inputs = [xp.randn(*shape).requires_grad_() for shape in shapes]
        return backward(xp, lambda: layer(*inputs), [*inputs, *layer.parameters()])

    return prepare


def backward(xp: Any, call: Callable[[], Any], leaves: Sequence[Any]) -> Step:
    """The step that calls and differentiates, by one cotangent an output; the output itself is kept as well."""
    cotangents = [xp.randn(tuple(output.shape)) for output in floating(call())]

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        outputs = floating(call())
        if len(outputs) == 1:
            outputs[0].backward(cotangents[0])
        else:
            sum((o * c).sum() for o, c in zip(outputs, cotangents, strict=True)).backward()
        return outputs, [leaf.grad for leaf in leaves]

    return step


def floating(outputs: Any) -> list[Any]:
    """The tensors of a result that have gradients."""
    if isinstance(outputs, (tuple, list)):
        return [tensor for output in outputs for tensor in floating(output)]
    return [outputs] if outputs is not None and outputs.requires_grad else []


def adam(xp: Any, parameters: Any, lr: float = 1e-3) -> Any:
    # PyTorch at its best: one fused kernel instead of a loop in Python.
    return xp.optim.Adam(parameters, lr=lr, **({"fused": True} if is_torch(xp) else {}))
