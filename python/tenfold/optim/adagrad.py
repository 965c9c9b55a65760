"""Adagrad."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of its squares so far.

    g = gradient + ``weight_decay``·p; s += g²; p −= ``lr``/(1 + (step − 1)·``lr_decay``)·g/(√s + ``eps``), where s
    begins as ``initial_accumulator_value``. ``maximize`` climbs. ``foreach``, ``differentiable`` and ``fused`` are
    not offered. ValueError where an option is out of its range.

    J. Duchi, E. Hazan and Y. Singer, Journal of Machine Learning Research 12, 2011.

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.Adagrad([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.item()
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        refuse("Adagrad", foreach=foreach, differentiable=differentiable, fused=fused)
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative(
            "Adagrad", group, lr="learning rate", lr_decay="lr_decay value", weight_decay="weight_decay value",
            initial_accumulator_value="initial_accumulator_value value", eps="epsilon value",
        )  # fmt: skip

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with options of their own; their sums begin at once."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for param in group["params"]:
            start = _core.full_like(param, float(group["initial_accumulator_value"]))
            self.state[param] = {"step": 0, "sum": start}

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = [self.state[param] for param in params]
        for state in states:
            state["step"] += 1
        _optim.adagrad_step(
            params,
            grads,
            [state["sum"] for state in states],
            [state["step"] for state in states],
            lr=float(group["lr"]),
            lr_decay=group["lr_decay"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
        )
