"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_betas, check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Divides a running mean of the gradient by the root of a running mean of its squares, both without bias.

    g = gradient + ``weight_decay``·p; m = β₁·m + (1 − β₁)·g; v = β₂·v + (1 − β₂)·g²;
    p −= ``lr``·m/(1 − β₁ᵗ)/(√(v/(1 − β₂ᵗ)) + ``eps``). ``amsgrad`` divides by the largest v so far. With
    ``decoupled_weight_decay`` p shrinks by lr·weight_decay instead. ``maximize`` climbs. ``foreach``,
    ``capturable``, ``differentiable`` and ``fused`` are not offered. ValueError where an option is out of its range.

    D. Kingma and J. Ba, Adam, 2014, https://arxiv.org/abs/1412.6980

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.Adam([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> round(x.item(), 4)
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        operation = type(self).__name__
        refuse(operation, foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        operation = type(self).__name__
        check_not_negative(operation, group, lr="learning rate", eps="epsilon value", weight_decay="weight_decay value")
        check_betas(operation, group)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        amsgrad = ["max_exp_avg_sq"] if group["amsgrad"] else []
        states = self._counted(params, ["exp_avg", "exp_avg_sq", *amsgrad])
        beta1, beta2 = group["betas"]
        _optim.adam_step(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else [],
            [state["step"] for state in states],
            lr=float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


class AdamW(Adam):
    """:class:`Adam` whose weight decay shrinks the parameters themselves: p −= ``lr``·``weight_decay``·p.

    I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, 2017, https://arxiv.org/abs/1711.05101

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.AdamW([x], lr=0.5, weight_decay=0.0)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> round(x.item(), 4)
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
