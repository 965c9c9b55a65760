"""Pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules._arguments import as_tuple
from tenfold.nn.modules.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

_Sizes = int | Sequence[int]


class _MaxPool(Module):
    def __init__(
        self,
        kernel_size: _Sizes,
        stride: _Sizes | None = None,
        padding: _Sizes = 0,
        dilation: _Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _arguments(self) -> dict[str, Any]:
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
        return {name: getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window: `(N, C, L)` or `(C, L)` to `(N, C, L_out)`.

    Windows of ``kernel_size`` begin ``stride`` apart (by default the kernel size), over ``padding`` times −∞ on both
    sides; ``ceil_mode`` counts a last window that is not full. With ``return_indices`` also where they were found.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.MaxPool1d(2)(tf.tensor([[1.0, 3.0, 2.0, 0.0]])).tolist()
    [[3.0, 2.0]]
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool1d(input, **self._arguments())


class MaxPool2d(_MaxPool):
    """The largest element of each window: `(N, C, H, W)` or `(C, H, W)` to `(N, C, H_out, W_out)`.

    Numbers hold for both axes, pairs for height and width; otherwise as :class:`MaxPool1d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.MaxPool2d(3, stride=2)(tf.zeros(20, 16, 50, 32)).shape
    (20, 16, 24, 15)
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool2d(input, **self._arguments())


class MaxPool3d(_MaxPool):
    """The largest element of each window: `(N, C, D, H, W)` or `(C, D, H, W)` to `(N, C, D_out, H_out, W_out)`.

    Numbers hold for all axes, triples for depth, height and width; otherwise as :class:`MaxPool1d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.MaxPool3d((3, 2, 2), stride=(2, 1, 2))(tf.zeros(20, 16, 9, 10, 12)).shape
    (20, 16, 4, 9, 6)
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(input, **self._arguments())


class AvgPool1d(Module):
    """The mean of each window: `(N, C, L)` or `(C, L)` to `(N, C, L_out)`.

    Windows are those of :class:`MaxPool1d` over zeros as padding, which count unless ``count_include_pad=False``.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AvgPool1d(2)(tf.tensor([[1.0, 3.0, 2.0, 0.0]])).tolist()
    [[2.0, 1.0]]
    """

    def __init__(
        self,
        kernel_size: _Sizes,
        stride: _Sizes | None = None,
        padding: _Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = as_tuple(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else as_tuple(stride, 1)
        self.padding = as_tuple(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """What average pooling over two and three axes share."""

    _function: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: _Sizes,
        stride: _Sizes | None = None,
        padding: _Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window: `(N, C, H, W)` or `(C, H, W)` to `(N, C, H_out, W_out)`; see :class:`AvgPool1d`.

    With ``divisor_override`` the sum of each window is divided by that.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AvgPool2d((3, 2), stride=(2, 1))(tf.zeros(20, 16, 50, 32)).shape
    (20, 16, 24, 31)
    """

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window: `(N, C, D, H, W)` or `(C, D, H, W)` to `(N, C, D_out, H_out, W_out)`.

    See :class:`AvgPool2d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AvgPool3d((3, 2, 2), stride=(2, 1, 2))(tf.zeros(20, 16, 9, 10, 12)).shape
    (20, 16, 4, 9, 6)
    """

    _function = staticmethod(F.avg_pool3d)


class _AdaptivePool(Module):
    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """Means over windows chosen so that the last axis gets ``output_size``.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AdaptiveAvgPool1d(2)(tf.tensor([[1.0, 3.0, 2.0, 0.0]])).tolist()
    [[2.0, 1.0]]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Means over windows chosen so that the last two axes get ``output_size``; None keeps an axis.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AdaptiveAvgPool2d((None, 3))(tf.zeros(1, 64, 8, 9)).shape
    (1, 64, 8, 3)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptivePool):
    """Means over windows chosen so that the last three axes get ``output_size``; None keeps an axis.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AdaptiveAvgPool3d((5, None, 3))(tf.zeros(1, 4, 8, 9, 10)).shape
    (1, 4, 5, 9, 3)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPool(_AdaptivePool):
    _function: Callable[..., Any]

    def __init__(self, output_size: int | Sequence[int | None] | None, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(input, self.output_size, return_indices=self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Largest elements of windows chosen so that the last axis gets ``output_size``.

    With ``return_indices`` also where they were found.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AdaptiveMaxPool1d(2)(tf.tensor([[1.0, 3.0, 2.0, 0.0]])).tolist()
    [[3.0, 2.0]]
    """

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Largest elements of windows chosen so that the last two axes get ``output_size``; None keeps an axis.

    With ``return_indices`` also where they were found.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AdaptiveMaxPool2d(5)(tf.zeros(1, 64, 8, 9)).shape
    (1, 64, 5, 5)
    """

    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Largest elements of windows chosen so that the last three axes get ``output_size``; None keeps an axis.

    With ``return_indices`` also where they were found.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.AdaptiveMaxPool3d((5, None, 3))(tf.zeros(1, 4, 8, 9, 10)).shape
    (1, 4, 5, 9, 3)
    """

    _function = staticmethod(F.adaptive_max_pool3d)
