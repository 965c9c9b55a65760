"""Losses by name, and of samples that count differently."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.module import Module

__all__ = ["Loss", "get", "names"]

# Name: function, and whether its targets are shaped like its outputs.
_FUNCTIONS: dict[str, tuple[Callable[..., Tensor], bool]] = {
    "cross_entropy": (F.cross_entropy, False),
    "nll": (F.nll_loss, False),
    "bce": (F.binary_cross_entropy, True),
    "bce_with_logits": (F.binary_cross_entropy_with_logits, True),
    "mse": (F.mse_loss, True),
    "mae": (F.l1_loss, True),
    "smooth_l1": (F.smooth_l1_loss, True),
    "huber": (F.huber_loss, True),
    "soft_margin": (F.soft_margin_loss, True),
    "poisson_nll": (F.poisson_nll_loss, True),
    "kl_div": (F.kl_div, True),
    "multi_margin": (F.multi_margin_loss, False),
}
# PyTorch's and Keras's names of the same. (Keras's crossentropies take probabilities unless told otherwise: logits
# are meant here, as the name of the loss that replaces them says.)
_OTHER_NAMES = {
    "l1": "mae",
    "l1_loss": "mae",
    "mse_loss": "mse",
    "nll_loss": "nll",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "binary_cross_entropy": "bce",
    "binary_crossentropy": "bce",
    "binary_cross_entropy_with_logits": "bce_with_logits",
    "kl_divergence": "kl_div",
    "huber_loss": "huber",
    "smooth_l1_loss": "smooth_l1",
}


def names() -> list[str]:
    """The names that :func:`get` knows."""
    return sorted({*_FUNCTIONS, *_OTHER_NAMES})


class Loss:
    """A loss of a batch: ``loss(output, target, weight)`` is the mean over samples, counted by ``weight`` (N,).

    ``name`` is the loss's own where it has one of :func:`names`.
    """

    def __init__(self, function: Callable[..., Any], name: str = "", shaped_alike: bool = False) -> None:
        self.function = function
        self.name = name
        self._shaped_alike = shaped_alike

    def __call__(self, output: Any, target: Any, weight: Tensor | None = None) -> Tensor:
        if self._shaped_alike:
            target = _alike(self.name, output, target)
        if weight is None:
            return self.function(output, target)
        each = self._each(output, target)
        if each.ndim == 0 or each.shape[0] != weight.shape[0]:
            raise ValueError(
                f"Trainer: weights need a loss of each sample; got losses {tuple(each.shape)} for weights "
                f"{tuple(weight.shape)}"
            )
        weight = weight.to(each.dtype)
        if weight.ndim < each.ndim:
            weight = weight.reshape(*weight.shape, *[1] * (each.ndim - weight.ndim)).expand(each.shape)
        ignore = getattr(self.function, "ignore_index", -100)
        if self.name in ("cross_entropy", "nll") and tuple(target.shape) == tuple(each.shape):
            weight = weight * (target != ignore).to(each.dtype)
        return (each * weight).sum() / weight.sum()

    def _each(self, output: Any, target: Any) -> Tensor:
        """The losses of single samples."""
        function = self.function
        if isinstance(function, Module):
            if not hasattr(function, "reduction"):
                raise ValueError(f"Trainer: {type(function).__name__} has no reduction: it cannot weigh samples")
            function = copy.copy(function)
            function.__dict__["reduction"] = "none"
            return function(output, target)
        if not self.name and "reduction" not in inspect.signature(function).parameters:
            raise ValueError(
                "Trainer: to weigh samples a loss must take reduction='none'; "
                f"got {getattr(function, '__name__', function)}"
            )
        return function(output, target, reduction="none")


def _alike(name: str, output: Tensor, target: Tensor) -> Tensor:
    """The target in the output's dtype, and in its shape where both are one column."""
    if tuple(target.shape) != tuple(output.shape):
        if target.numel() != output.numel() or target.shape[:1] != output.shape[:1]:
            raise ValueError(
                f"Trainer: the loss {name!r} needs outputs and targets of one shape; got {tuple(output.shape)} and "
                f"{tuple(target.shape)}"
            )
        target = target.reshape(output.shape)
    return target.to(output.dtype)


def get(loss: str | Callable[..., Any]) -> Loss:
    """The loss of that name, or one made of a function ``(output, target)`` or a module.

    >>> from tenfold.train import losses
    >>> losses.get("mean_squared_error").name
    'mse'
    """
    if isinstance(loss, Loss):
        return loss
    if callable(loss):
        known = {"CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll", "BCELoss": "bce"}
        known |= {"BCEWithLogitsLoss": "bce_with_logits"}
        return Loss(loss, known.get(type(loss).__name__, ""))
    if not isinstance(loss, str):
        raise TypeError(f"Trainer: a loss is a name or a function; got {type(loss).__name__}")
    name = _OTHER_NAMES.get(loss, loss)
    if name not in _FUNCTIONS:
        from tenfold.train.named import unknown

        raise unknown("loss", loss, names())
    return Loss(_FUNCTIONS[name][0], name, _FUNCTIONS[name][1])
