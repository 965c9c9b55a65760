"""Where gradients are recorded, and what they are."""

from __future__ import annotations

from tenfold import _core
from tenfold._core import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    _F = TypeVar("_F", bound=Callable[..., Any])

__all__ = ["enable_grad", "grad", "no_grad", "set_grad_enabled"]


def decorated(function: _F, block: Callable[[], Any]) -> _F:
    """``function`` run within ``block()`` each time: what the blocks of this package are as decorators."""
    import functools

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with block():
            return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


class set_grad_enabled:
    """Records gradients on this thread or not: from the call on, or within a ``with`` block, or as a decorator.

    >>> import tenfold as tf
    >>> x = tf.ones(2, requires_grad=True)
    >>> with tf.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._before = [_core._set_grad_enabled(mode)]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        _core._set_grad_enabled(self._before.pop())


class _Mode:
    _on: bool

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(_core._set_grad_enabled(self._on))

    def __exit__(self, *_error: object) -> None:
        _core._set_grad_enabled(self._before.pop())

    def __call__(self, function: _F) -> _F:
        return decorated(function, type(self))

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        if function is not None:
            return cls()(function)
        return super().__new__(cls)


class no_grad(_Mode):
    """Records no gradients within a ``with`` block or a decorated function.

    >>> import tenfold as tf
    >>> x = tf.ones(2, requires_grad=True)
    >>> with tf.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    _on = False


class enable_grad(_Mode):
    """Records gradients within a ``with`` block or a decorated function, inside :class:`no_grad` too."""

    _on = True


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of ``outputs``, weighted by ``grad_outputs``, at ``inputs``; ``.grad`` is not touched.

    With ``create_graph`` the gradients can be differentiated again. An input that the outputs do not depend on is an
    error, unless ``allow_unused`` (then None) or ``materialize_grads`` (then zeros).

    >>> import tenfold as tf
    >>> x = tf.tensor(3.0, requires_grad=True)
    >>> (first,) = tf.autograd.grad(x**3, x, create_graph=True)
    >>> tf.autograd.grad(first, x)
    (tensor(18.),)
    """
    if is_grads_batched:
        raise NotImplementedError("grad: is_grads_batched is not offered")
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if grad_outputs is None:
        grad_outputs = [None] * len(outputs)
    elif isinstance(grad_outputs, Tensor):
        grad_outputs = [grad_outputs]
    if len(grad_outputs) != len(outputs):
        raise ValueError(f"grad: needs as many grad_outputs as outputs; got {len(grad_outputs)} and {len(outputs)}")
    retain = create_graph if retain_graph is None else retain_graph
    found = _core._grad(outputs, inputs, list(grad_outputs), retain, create_graph)
    if materialize_grads:
        found = [_core.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]
    elif not allow_unused and any(gradient is None for gradient in found):
        raise RuntimeError(
            "grad: the outputs do not depend on one of the inputs. Hint: give allow_unused=True to get None for it"
        )
    return tuple(found)
