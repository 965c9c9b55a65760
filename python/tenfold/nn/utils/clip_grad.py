"""Limits to gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    tensors = [parameters] if isinstance(parameters, Tensor) else parameters
    return [tensor.grad for tensor in tensors if tensor.grad is not None]


def _check_foreach(operation: str, foreach: bool | None) -> None:
    if foreach:
        raise NotImplementedError(f"{operation}: foreach is not offered")


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all elements of all tensors together, a tensor with one element.

    ``norm_type`` may be ``inf``. RuntimeError where it is not finite and ``error_if_nonfinite``.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils import get_total_norm
    >>> get_total_norm([tf.tensor([3.0]), tf.tensor([4.0])]).item()
    5.0
    """
    _check_foreach("get_total_norm", foreach)
    norm_type = float(norm_type)
    norms = [tensor.norm(norm_type) for tensor in ([tensors] if isinstance(tensors, Tensor) else tensors)]
    if not norms:
        return _core.tensor(0.0)
    total = _core.stack(norms).norm(norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(f"the total norm of order {norm_type} for gradients is non-finite, so it cannot be clipped")
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales the gradients of ``parameters`` so that their norm together is at most ``max_norm``; returns that norm.

    They change in place. RuntimeError where the norm is not finite and ``error_if_nonfinite``.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils import clip_grad_norm_
    >>> x = tf.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> clip_grad_norm_(x, 1.0).item()
    5.0
    >>> round(x.grad.norm().item(), 4)
    1.0
    """
    _check_foreach("clip_grad_norm_", foreach)
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    with no_grad():
        total = get_total_norm(_gradients(tensors), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(tensors, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales the gradients of ``parameters`` by ``max_norm``/``total_norm`` where that is less than 1, in place.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils import clip_grads_with_norm_
    >>> x = tf.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> clip_grads_with_norm_(x, 1.0, tf.tensor(10.0))
    >>> round(x.grad.norm().item(), 4)
    0.5
    """
    _check_foreach("clip_grads_with_norm_", foreach)
    with no_grad():
        # Multiplying by 1 where nothing is to be clipped needs no look at the norm.
        scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for grad in _gradients(parameters):
            grad.mul_(scale.to(grad.dtype))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clips each element of the gradients of ``parameters`` to ±``clip_value``, in place.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils import clip_grad_value_
    >>> x = tf.tensor([3.0, 0.5], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> clip_grad_value_(x, 1.0)
    >>> x.grad
    tensor([1.0000, 0.5000])
    """
    _check_foreach("clip_grad_value_", foreach)
    with no_grad():
        for grad in _gradients(parameters):
            grad.clamp_(-float(clip_value), float(clip_value))
