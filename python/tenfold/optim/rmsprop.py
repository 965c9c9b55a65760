"""RMSprop."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Divides the gradient by the root of a running mean of its squares.

    g = gradient + ``weight_decay``·p; v = ``alpha``·v + (1 − alpha)·g², less the square of g's running mean where
    ``centered``; p −= ``lr``·g/(√v + ``eps``), by way of a ``momentum`` buffer where that is set. ``maximize``
    climbs. ``capturable``, ``foreach`` and ``differentiable`` are not offered. ValueError where an option is out of
    its range.

    G. Hinton, Neural Networks for Machine Learning, lecture 6e, 2012.

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.RMSprop([x], lr=0.05)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> round(x.item(), 4)
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("RMSprop", capturable=capturable, foreach=foreach, differentiable=differentiable)
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative(
            "RMSprop", group, lr="learning rate", eps="epsilon value", momentum="momentum value",
            weight_decay="weight_decay value", alpha="alpha value",
        )  # fmt: skip

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        names = ["square_avg"]
        if group["centered"]:
            names.append("grad_avg")
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        states = self._counted(params, names)
        _optim.rmsprop_step(
            params,
            grads,
            [state["square_avg"] for state in states],
            [state["grad_avg"] for state in states] if group["centered"] else [],
            [state["momentum_buffer"] for state in states] if group["momentum"] > 0 else [],
            lr=float(group["lr"]),
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            maximize=group["maximize"],
        )
