"""Lion."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_betas, check_not_negative
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["Lion"]


class Lion(Optimizer):
    """Steps of equal length in each element, by the sign of a mean of gradients.

    p = p·(1 − ``lr``·``weight_decay``) − lr·sign(β₁·m + (1 − β₁)·g), then m = β₂·m + (1 − β₂)·g. PyTorch has no
    such optimizer. ``maximize`` climbs. ValueError where an option is out of its range.

    X. Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, https://arxiv.org/abs/2302.06675

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.Lion([x], lr=0.25)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.item()
    0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative("Lion", group, lr="learning rate", weight_decay="weight_decay value")
        check_betas("Lion", group)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = self._states(params, ["exp_avg"])
        beta1, beta2 = group["betas"]
        _optim.lion_step(
            params,
            grads,
            [state["exp_avg"] for state in states],
            lr=float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
