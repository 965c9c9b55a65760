"""Dropout."""

from __future__ import annotations

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


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


class Dropout3d(_Dropout):
    """As :class:`Dropout`, but whole channels of `(N, C, D, H, W)` or `(C, D, H, W)` at a time.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Dropout3d(1.0)(tf.ones(2, 3, 4, 4, 4)).sum().item()
    0.0
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout that keeps the mean and variance of what :class:`SELU` gives: dropped elements become its lowest value.

    G. Klambauer et al., Self-Normalizing Neural Networks, 2017, https://arxiv.org/abs/1706.02515

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AlphaDropout(0.5).eval()(tf.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        # In place or not, PyTorch's layer leaves its input alone too.
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """As :class:`AlphaDropout`, but whole channels of `(N, C, *)` at a time.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> len(set(nn.FeatureAlphaDropout(0.5)(tf.ones(1, 1, 100)).flatten().tolist()))
    1
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
