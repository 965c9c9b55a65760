"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["SGD"]


class SGD(Optimizer):
    """Descends along the gradient, with momentum where asked for.

    g = gradient + ``weight_decay``·p; b = ``momentum``·b + (1 − ``dampening``)·g (g at first); p −= ``lr``·b, or with
    ``nesterov`` lr·(g + momentum·b). ``maximize`` climbs. ``foreach``, ``differentiable`` and ``fused`` are not
    offered. ValueError where an option is out of its range.

    I. Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.SGD([x], lr=0.25, momentum=0.9)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.item()
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        refuse("SGD", foreach=foreach, differentiable=differentiable, fused=fused)
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative(
            "SGD", group, lr="learning rate", momentum="momentum value", weight_decay="weight_decay value"
        )
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("SGD: Nesterov momentum requires a momentum and zero dampening")

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        buffers = _optim.sgd_step(
            params,
            grads,
            [self.state[param].get("momentum_buffer") if param in self.state else None for param in params],
            lr=float(group["lr"]),
            momentum=group["momentum"],
            dampening=group["dampening"],
            weight_decay=group["weight_decay"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
        for param, buffer in zip(params, buffers, strict=True):
            if buffer is not None:
                self.state[param] = {"momentum_buffer": buffer}
