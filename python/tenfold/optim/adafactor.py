"""Adafactor."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor, _optim
from tenfold.optim._arguments import check_not_negative, refuse
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """Divides the gradient by its size as :class:`Adam` does, with one number a row and one a column for a matrix.

    Steps are relative to the size of the parameter (``eps[1]`` at least): min(``lr``, 1/√t) of it. The update is
    scaled down where its size exceeds ``d``. Means become longer with the power ``beta2_decay`` of t. p shrinks by
    lr·``weight_decay``. ``maximize`` climbs. ``foreach`` is not offered. ValueError where an option is out of its
    range.

    N. Shazeer and M. Stern, Adafactor, 2018, https://arxiv.org/abs/1804.04235

    >>> import tenfold as tf
    >>> x = tf.ones(2, 3, requires_grad=True)
    >>> optimizer = tf.optim.Adafactor([x])
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> {name: tuple(value.shape) for name, value in optimizer.state[x].items() if name != "step"}
    {'row_var': (2, 1), 'col_var': (1, 3)}
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        refuse("Adafactor", foreach=foreach)
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative("Adafactor", group, lr="learning rate", weight_decay="weight_decay value")
        if not group["beta2_decay"] <= 0.0:
            raise ValueError(f"Adafactor: beta2_decay should be <= 0; got {group['beta2_decay']}")
        first, second = group["eps"]
        if (first is not None and not first >= 0.0) or not second >= 0.0:
            raise ValueError(f"Adafactor: eps should be >= 0; got {group['eps']}")
        if not group["d"] >= 1.0:
            raise ValueError(f"Adafactor: d should be >= 1; got {group['d']}")

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        for param, grad in zip(params, grads, strict=True):
            state = self.state.setdefault(param, {"step": 0})
            if len(state) == 1 and param.ndim > 1:
                shape = tuple(param.shape)
                state["row_var"] = _core.zeros((*shape[:-1], 1), dtype=param.dtype)
                state["col_var"] = _core.zeros((*shape[:-2], 1, shape[-1]), dtype=param.dtype)
            elif len(state) == 1:
                state["variance"] = _core.zeros_like(param)
            state["step"] += 1
            names = ("row_var", "col_var") if param.ndim > 1 else ("variance",)
            _optim.adafactor_step(
                param,
                grad,
                [state[name] for name in names],
                state["step"],
                lr=float(group["lr"]),
                beta2_decay=group["beta2_decay"],
                eps1=group["eps"][0],
                eps2=group["eps"][1],
                d=group["d"],
                weight_decay=group["weight_decay"],
                maximize=group["maximize"],
            )
        _core.synchronize()
