"""Relatives of Adam: Adamax, NAdam and RAdam."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_betas, check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["Adamax", "NAdam", "RAdam"]


class _AdamFamily(Optimizer):
    """Checks and arguments that the three share."""

    def _check(self, group: dict[str, Any]) -> None:
        operation = type(self).__name__
        check_not_negative(operation, group, lr="learning rate", eps="epsilon value", weight_decay="weight_decay value")
        check_betas(operation, group)

    @staticmethod
    def _options(group: dict[str, Any]) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        names = ("eps", "weight_decay", "maximize")
        return {"lr": float(group["lr"]), "beta1": beta1, "beta2": beta2, **{name: group[name] for name in names}}


class Adamax(_AdamFamily):
    """:class:`Adam` with the largest of the decayed sizes of gradients in the place of the root of their mean square.

    g = gradient + ``weight_decay``·p; m = β₁·m + (1 − β₁)·g; u = max(β₂·u, |g| + ``eps``);
    p −= ``lr``/(1 − β₁ᵗ)·m/u. ``maximize`` climbs. ``foreach``, ``differentiable`` and ``capturable`` are not
    offered. ValueError where an option is out of its range.

    D. Kingma and J. Ba, Adam, 2014, https://arxiv.org/abs/1412.6980

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.Adamax([x], lr=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> round(x.item(), 4)
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        refuse("Adamax", foreach=foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = self._counted(params, ["exp_avg", "exp_inf"])
        _optim.adamax_step(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_inf"] for state in states],
            [state["step"] for state in states],
            **self._options(group),
        )


class NAdam(_AdamFamily):
    """:class:`Adam` with Nesterov's look ahead along a momentum that grows with the steps (by ``momentum_decay``).

    With ``decoupled_weight_decay`` p shrinks by lr·weight_decay instead of adding to the gradient. ``maximize``
    climbs. ``foreach``, ``capturable`` and ``differentiable`` are not offered. ValueError where an option is out of
    its range.

    T. Dozat, Incorporating Nesterov Momentum into Adam, 2016.

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.NAdam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.item() < 1.0
    True
    """

    _numbers = ("step", "mu_product")

    def __init__(
        self,
        params: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("NAdam", foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        check_not_negative("NAdam", group, momentum_decay="momentum_decay value")

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = self._counted(params, ["exp_avg", "exp_avg_sq"])
        products = _optim.nadam_step(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state.get("mu_product", 1.0) for state in states],
            [state["step"] for state in states],
            momentum_decay=group["momentum_decay"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            **self._options(group),
        )
        for state, product in zip(states, products, strict=True):
            state["mu_product"] = product


class RAdam(_AdamFamily):
    """:class:`Adam` that goes by the gradients' sizes only once enough of them were seen.

    With ``decoupled_weight_decay`` p shrinks by lr·weight_decay instead of adding to the gradient. ``maximize``
    climbs. ``foreach``, ``capturable`` and ``differentiable`` are not offered. ValueError where an option is out of
    its range.

    L. Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2019, https://arxiv.org/abs/1908.03265

    >>> import tenfold as tf
    >>> x = tf.tensor([1.0], requires_grad=True)
    >>> optimizer = tf.optim.RAdam([x], lr=0.125)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> round(x.item(), 4)
    0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("RAdam", foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = self._counted(params, ["exp_avg", "exp_avg_sq"])
        _optim.radam_step(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["step"] for state in states],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            **self._options(group),
        )
