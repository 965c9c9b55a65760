"""Unpooling, pooling by powers, and pooling over random windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules._arguments import as_tuple
from tenfold.nn.modules.module import Module

__all__ = [
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]

_Sizes = int | Sequence[int]


class _MaxUnpool(Module):
    _rank: int
    _function: Callable[..., Tensor]

    def __init__(self, kernel_size: _Sizes, stride: _Sizes | None = None, padding: _Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = as_tuple(kernel_size, self._rank)
        self.stride = self.kernel_size if stride is None else as_tuple(stride, self._rank)
        self.padding = as_tuple(padding, self._rank)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return type(self)._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Zeros with the elements of `(N, C, L)` or `(C, L)` where :class:`MaxPool1d` found them.

    Called with what the pooling returned (``return_indices=True``) and, where several lengths pool to one,
    ``output_size``.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> values, indices = nn.MaxPool1d(2, return_indices=True)(tf.tensor([[1.0, 3.0, 2.0, 0.0]]))
    >>> nn.MaxUnpool1d(2)(values, indices).tolist()
    [[0.0, 3.0, 2.0, 0.0]]
    """

    _rank = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Zeros with the elements of `(N, C, H, W)` or `(C, H, W)` where :class:`MaxPool2d` found them.

    See :class:`MaxUnpool1d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> values, indices = nn.MaxPool2d(2, return_indices=True)(tf.zeros(1, 16, 9, 8))
    >>> nn.MaxUnpool2d(2)(values, indices, output_size=(9, 8)).shape
    (1, 16, 9, 8)
    """

    _rank = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Zeros with the elements of `(N, C, D, H, W)` or `(C, D, H, W)` where :class:`MaxPool3d` found them.

    See :class:`MaxUnpool1d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> values, indices = nn.MaxPool3d(2, return_indices=True)(tf.zeros(1, 3, 4, 6, 8))
    >>> nn.MaxUnpool3d(2)(values, indices).shape
    (1, 3, 4, 6, 8)
    """

    _rank = 3
    _function = staticmethod(F.max_unpool3d)


class _LPPool(Module):
    _function: Callable[..., Tensor]

    def __init__(
        self, norm_type: float, kernel_size: _Sizes, stride: _Sizes | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window, with p = ``norm_type``: `(N, C, L)` or `(C, L)` to `(N, C, L_out)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.LPPool1d(2, 2)(tf.tensor([[3.0, 4.0, 0.0, 1.0]])).tolist()
    [[5.0, 1.0]]
    """

    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window, with p = ``norm_type``: `(N, C, H, W)` or `(C, H, W)` to `(N, C, H_out, W_out)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.LPPool2d(1.2, (3, 2), stride=(2, 1))(tf.zeros(20, 16, 50, 32)).shape
    (20, 16, 24, 31)
    """

    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """(Σ xᵖ)^(1/p) over each window, with p = ``norm_type``, of `(N, C, D, H, W)` or `(C, D, H, W)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.LPPool3d(2, 2)(tf.zeros(2, 3, 4, 6, 8)).shape
    (2, 3, 2, 3, 4)
    """

    _function = staticmethod(F.lp_pool3d)


class _FractionalMaxPool(Module):
    _rank: int
    _function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: _Sizes,
        output_size: _Sizes | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        operation = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{operation}: give one of output_size and output_ratio")
        self.kernel_size = as_tuple(kernel_size, self._rank)
        self.output_size = None if output_size is None else as_tuple(output_size, self._rank)
        self.output_ratio = None
        if output_ratio is not None:
            ratio = tuple(output_ratio) if isinstance(output_ratio, Sequence) else (output_ratio,) * self._rank
            if not all(0 < share < 1 for share in ratio):
                raise ValueError(f"{operation}: output_ratio must be between 0 and 1; got {output_ratio}")
            self.output_ratio = ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """Largest elements of windows at random places: `(N, C, H, W)` or `(C, H, W)` to `(N, C, H_out, W_out)`.

    ``output_size`` says how many windows there are, or ``output_ratio`` which share of the extents. With
    ``return_indices`` also where the elements were found. B. Graham, Fractional Max-Pooling, 2014,
    https://arxiv.org/abs/1412.6071

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.FractionalMaxPool2d(3, output_ratio=0.5)(tf.zeros(20, 16, 50, 32)).shape
    (20, 16, 25, 16)
    """

    _rank = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """Largest elements of windows at random places of `(N, C, D, H, W)` or `(C, D, H, W)`.

    See :class:`FractionalMaxPool2d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.FractionalMaxPool3d(2, output_size=(3, 4, 2))(tf.zeros(2, 3, 8, 9, 7)).shape
    (2, 3, 3, 4, 2)
    """

    _rank = 3
    _function = staticmethod(F.fractional_max_pool3d)
