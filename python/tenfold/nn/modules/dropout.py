"""Dropout."""

from __future__ import annotations

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.module import Module

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p is a probability, from 0 to 1; got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training zeroes each element with probability ``p`` and multiplies the others by 1/(1 − p).

    N. Srivastava et al., Dropout, Journal of Machine Learning Research 15, 2014.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Dropout(0.5).eval()(tf.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """As :class:`Dropout`, but whole channels of `(N, C, L)` or `(C, L)` at a time.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Dropout1d(1.0)(tf.ones(2, 3, 4)).sum().item()
    0.0
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """As :class:`Dropout`, but whole channels of `(N, C, H, W)` or `(C, H, W)` at a time.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Dropout2d(1.0)(tf.ones(2, 3, 4, 4)).sum().item()
    0.0
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)
