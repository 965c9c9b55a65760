"""Resilient propagation."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """Goes by the signs of the gradients: each element's step grows while its sign stays, and shrinks when it changes.

    Steps begin as ``lr``, change by the factors ``etas`` and stay within ``step_sizes``. For gradients of all data,
    not of batches. ``maximize`` climbs. ``capturable``, ``foreach`` and ``differentiable`` are not offered.
    ValueError where an option is out of its range.

    M. Riedmiller and H. Braun, The RPROP Algorithm, 1993.

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.Rprop([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.item()
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("Rprop", capturable=capturable, foreach=foreach, differentiable=differentiable)
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative("Rprop", group, lr="learning rate")
        low, high = group["etas"]
        if not 0.0 < low < 1.0 < high:
            raise ValueError(f"Rprop: Invalid eta values: {low}, {high}")
        _low, _high = group["step_sizes"]

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = self._counted(params, ["prev"])
        for state, param in zip(states, params, strict=True):
            if "step_size" not in state:
                state["step_size"] = _core.full_like(param, float(group["lr"]))
        _optim.rprop_step(
            params,
            grads,
            [state["prev"] for state in states],
            [state["step_size"] for state in states],
            etaminus=group["etas"][0],
            etaplus=group["etas"][1],
            step_size_min=group["step_sizes"][0],
            step_size_max=group["step_sizes"][1],
            maximize=group["maximize"],
        )
