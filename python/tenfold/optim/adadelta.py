"""Adadelta."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Steps as long as the recent steps were, for the size of the recent gradients.

    g = gradient + ``weight_decay``·p; v = ``rho``·v + (1 − rho)·g²; d = √(u + ``eps``)/√(v + eps)·g;
    u = rho·u + (1 − rho)·d²; p −= ``lr``·d. ``maximize`` climbs. ``foreach``, ``capturable`` and
    ``differentiable`` are not offered. ValueError where an option is out of its range.

    M. Zeiler, ADADELTA, 2012, https://arxiv.org/abs/1212.5701

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.Adadelta([x])
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.item() < 1.0
    True
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("Adadelta", foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative(
            "Adadelta", group, lr="learning rate", eps="epsilon value", weight_decay="weight_decay value"
        )
        if not 0.0 <= group["rho"] <= 1.0:
            raise ValueError(f"Adadelta: Invalid rho value: {group['rho']}")

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = self._counted(params, ["square_avg", "acc_delta"])
        _optim.adadelta_step(
            params,
            grads,
            [state["square_avg"] for state in states],
            [state["acc_delta"] for state in states],
            lr=float(group["lr"]),
            rho=group["rho"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
