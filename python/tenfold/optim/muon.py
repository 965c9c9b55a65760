"""Muon."""

from __future__ import annotations

import math
from typing import Any

from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_not_negative
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["Muon"]


class Muon(Optimizer):
    """Steps along the momentum with all its singular values made equal; for matrices only.

    m += (1 − ``momentum``)·(g − m); the step (with ``nesterov`` the mean of g and m) is brought near an orthogonal
    matrix by ``ns_steps`` rounds of a polynomial with ``ns_coefficients``; p = p·(1 − ``lr``·``weight_decay``) −
    lr·f·step. ``adjust_lr_fn`` chooses f for a parameter of shape `(A, B)`: "original" √max(1, A/B),
    "match_rms_adamw" 0.2·√max(A, B), "spectral_unclamped" √(A/B). It computes in float32 (PyTorch: in bfloat16).
    ValueError for parameters of other ranks and where an option is out of its range.

    K. Jordan et al., Muon, 2024, https://kellerjordan.github.io/posts/muon/

    >>> import tenfold as tf
    >>> x = tf.eye(2).requires_grad_()
    >>> optimizer = tf.optim.Muon([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x[0, 0].item() < 1.0
    True
    """

    _ADJUSTMENTS = (None, "original", "match_rms_adamw", "spectral_unclamped")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative(
            "Muon", group, lr="learning rate", momentum="momentum value", weight_decay="weight_decay value"
        )
        if group["adjust_lr_fn"] not in self._ADJUSTMENTS:
            raise ValueError(f"Muon: adjust_lr_fn {group['adjust_lr_fn']!r} is unknown; got one not of 3 names")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError(f"Muon: ns_coefficients must be 3 numbers; got {group['ns_coefficients']}")
        if group["ns_steps"] >= 100:
            raise ValueError(f"Muon: ns_steps must be below 100; got {group['ns_steps']}")
        for param in group["params"]:
            if param.ndim != 2:
                raise ValueError(f"Muon: parameters must be matrices; got shape {tuple(param.shape)}")

    @staticmethod
    def _factor(adjust_lr_fn: str | None, shape: tuple[int, ...]) -> float:
        rows, columns = shape
        if adjust_lr_fn == "match_rms_adamw":
            return 0.2 * math.sqrt(max(rows, columns))
        ratio = rows / columns
        return math.sqrt(ratio if adjust_lr_fn == "spectral_unclamped" else max(1.0, ratio))

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        states = self._states(params, ["momentum_buffer"])
        _optim.muon_step(
            params,
            grads,
            [state["momentum_buffer"] for state in states],
            [self._factor(group["adjust_lr_fn"], tuple(param.shape)) for param in params],
            lr=float(group["lr"]),
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            nesterov=group["nesterov"],
            ns_coefficients=tuple(group["ns_coefficients"]),
            eps=group["eps"],
            ns_steps=group["ns_steps"],
        )
