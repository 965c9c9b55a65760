"""Optimizers, schedulers and metrics by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from tenfold import metrics, optim
from tenfold.metrics import Metric
from tenfold.nn.modules.module import Module

__all__ = ["make_metrics", "make_optimizer", "make_scheduler", "unknown"]

_OPTIMIZERS = {
    name.lower(): value
    for name in optim.__all__
    if isinstance(value := getattr(optim, name), type) and name not in ("Optimizer", "SparseAdam")
}
_SCHEDULERS = ("cosine", "linear", "one_cycle", "plateau")


def unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a name that nothing has."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"one of {', '.join(known)}"
    return ValueError(f"Trainer: there is no {kind} {name!r}. Hint: {hint}")


def make_optimizer(model: Module, optimizer: Any, lr: float | None) -> optim.Optimizer:
    """The optimizer, or one of that name or class over the model's parameters."""
    if isinstance(optimizer, optim.Optimizer):
        if lr is not None:
            raise ValueError("Trainer: lr is for an optimizer given by name; this one has its own")
        return optimizer
    if isinstance(optimizer, str):
        if optimizer.lower() not in _OPTIMIZERS:
            raise unknown("optimizer", optimizer, _OPTIMIZERS)
        optimizer = _OPTIMIZERS[optimizer.lower()]
    if not callable(optimizer):
        raise TypeError(f"Trainer: an optimizer is a name, a class or an Optimizer; got {type(optimizer).__name__}")
    params = [param for param in model.parameters() if param.requires_grad]
    return optimizer(params) if lr is None else optimizer(params, lr=lr)


def make_scheduler(optimizer: optim.Optimizer, scheduler: str, steps: int | None) -> tuple[Any, str]:
    """The scheduler of that name over so many optimizer steps, and when to step it."""
    from tenfold.optim import lr_scheduler

    if scheduler not in _SCHEDULERS:
        raise unknown("scheduler", scheduler, _SCHEDULERS)
    if scheduler == "plateau":
        return lr_scheduler.ReduceLROnPlateau(optimizer), "epoch"
    if steps is None:
        raise ValueError(f"Trainer: the scheduler {scheduler!r} needs data with a length, or steps_per_epoch")
    steps = max(steps, 1)
    if scheduler == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, steps), "step"
    if scheduler == "linear":
        return lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps), "step"
    rates = [group["lr"] for group in optimizer.param_groups]
    return lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps), "step"


def make_metrics(wanted: Sequence[Any] | str | Metric, loss: str) -> list[Metric]:
    """Metrics by name; accuracy suits the loss: of logits or probabilities where it is a binary one."""
    if isinstance(wanted, str | Metric):
        wanted = [wanted]
    thresholds = {"bce": 0.5, "bce_with_logits": 0.0}
    found = []
    for one in wanted:
        if loss in thresholds and isinstance(one, str):
            binary: dict[str, Any] = dict.fromkeys(("accuracy", "acc", "binary_accuracy"), metrics.BinaryAccuracy)
            binary |= {"precision": metrics.Precision, "recall": metrics.Recall, "f1": metrics.F1Score}
            if one in binary:
                found.append(binary[one](threshold=thresholds[loss]))
                continue
        found.append(metrics.get(one))
    taken = [metric.name for metric in found]
    if len(set(taken)) != len(taken) or "loss" in taken:
        raise ValueError(f"Trainer: metrics need names of their own, other than 'loss'; got {taken}")
    return found
