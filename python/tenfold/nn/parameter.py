"""Parameters: tensors that a module owns and an optimizer trains."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    Starts from the value of ``data`` (by default an empty tensor) and shares nothing with it. It requires a gradient
    unless ``requires_grad=False``; only floating-point and complex parameters can.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Parameter(tf.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = _core.empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(f"Parameter: needs a tensor; got {type(data).__name__}. Hint: make one with tenfold.tensor")
        parameter = super().__new__(cls, data)
        if requires_grad:
            parameter.requires_grad_()
        return parameter

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        # As in PyTorch, and unlike a plain tensor's copy: the gradient stays behind.
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach(), self.requires_grad)
        return memo[id(self)]
