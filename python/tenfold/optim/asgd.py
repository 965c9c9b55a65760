"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["ASGD"]


class ASGD(Optimizer):
    """Stochastic gradient descent with steps that become shorter, and the average of the parameters beside it.

    p = p·(1 − ``lambd``·η) − η·(gradient + ``weight_decay``·p), then η = ``lr``/(1 + lambd·lr·t)^``alpha``. From
    step ``t0`` on ``state[p]["ax"]`` is the mean of the values of p; before, the last one. ``maximize`` climbs.
    ``foreach``, ``differentiable`` and ``capturable`` are not offered. ValueError where an option is out of its range.

    B. Polyak and A. Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992.

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.ASGD([x], lr=0.25, lambd=0.0)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.item()
    0.5
    """

    _numbers = ("step", "eta", "mu")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        refuse("ASGD", foreach=foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative(
            "ASGD", group, lr="learning rate", lambd="lambd value", alpha="alpha value",
            weight_decay="weight_decay value",
        )  # fmt: skip

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = self._counted(params, ["ax"])
        numbers = _optim.asgd_step(
            params,
            grads,
            [state["ax"] for state in states],
            [state.get("eta", float(group["lr"])) for state in states],
            [state.get("mu", 1.0) for state in states],
            [state["step"] for state in states],
            lr=float(group["lr"]),
            lambd=group["lambd"],
            alpha=group["alpha"],
            t0=group["t0"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
        for state, (eta, mu) in zip(states, numbers, strict=True):
            state["eta"], state["mu"] = eta, mu
