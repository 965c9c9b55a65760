"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import as_tuple, check_positive, new_tensor_options
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What convolutions of all ranks share; each says its ``_rank``."""

    _rank: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Iterable[int],
        stride: int | Iterable[int] = 1,
        padding: int | str | Iterable[int] = 0,
        dilation: int | Iterable[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        operation = type(self).__name__
        check_positive(operation, groups=groups)
        if in_channels % groups:
            raise ValueError(
                f"{operation}: in_channels must be divisible by groups; got in_channels={in_channels}, groups={groups}"
            )
        if out_channels % groups:
            raise ValueError(
                f"{operation}: out_channels must be divisible by groups; "
                f"got out_channels={out_channels}, groups={groups}"
            )
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"{operation}: padding_mode must be one of {_PADDING_MODES}; got {padding_mode!r}")
        if padding_mode != "zeros":
            raise NotImplementedError(f"{operation}: padding_mode={padding_mode!r} is not offered")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_tuple(kernel_size, self._rank)
        self.stride = as_tuple(stride, self._rank)
        self.padding: str | tuple[int, ...]
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"{operation}: padding must be 'same', 'valid' or numbers; got {padding!r}")
            if padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError(f"{operation}: padding='same' is not supported for strided convolutions")
            self.padding = padding
        else:
            self.padding = as_tuple(padding, self._rank)
        self.dilation = as_tuple(dilation, self._rank)
        self.groups = groups
        self.padding_mode = padding_mode
        options = new_tensor_options(device, dtype)
        self.weight = Parameter(_core.empty((out_channels, in_channels // groups, *self.kernel_size), **options))
        if bias:
            self.bias = Parameter(_core.empty(out_channels, **options))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew: uniform in ±1/√fan_in."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = self.in_channels // self.groups * math.prod(self.kernel_size)
            if fan_in > 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text


class Conv1d(_Convolution):
    """Cross-correlation along one axis: `(N, C_in, L)` or `(C_in, L)` to `(N, C_out, L_out)`.

    ``weight`` `(C_out, C_in/groups, kernel)` and ``bias`` `(C_out,)` begin uniform in ±1/√(C_in/groups·kernel).
    ``padding`` is a number of zeros on both sides, ``'same'`` (stride 1 only) or ``'valid'``. An axis of length L
    becomes ⌊(L + 2·padding − dilation·(kernel − 1) − 1)/stride⌋ + 1.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Conv1d(16, 33, 3, stride=2)(tf.zeros(20, 16, 50)).shape
    (20, 33, 24)
    """

    _rank = 1

    def forward(self, input: Tensor) -> Tensor:
        return F.conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(_Convolution):
    """Cross-correlation over images: `(N, C_in, H, W)` or `(C_in, H, W)` to `(N, C_out, H_out, W_out)`.

    ``weight`` `(C_out, C_in/groups, kernel_h, kernel_w)` and ``bias`` `(C_out,)` begin uniform in ±1/√fan_in, where
    fan_in = C_in/groups·kernel_h·kernel_w. Numbers hold for both axes, pairs for height and width; padding and
    extents are as in :class:`Conv1d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))(tf.zeros(20, 16, 50, 100)).shape
    (20, 33, 28, 100)
    """

    _rank = 2

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv3d(_Convolution):
    """Cross-correlation over volumes: `(N, C_in, D, H, W)` or `(C_in, D, H, W)` to `(N, C_out, D_out, H_out, W_out)`.

    ``weight`` `(C_out, C_in/groups, kernel_d, kernel_h, kernel_w)` and ``bias`` as in :class:`Conv2d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Conv3d(4, 6, 3, stride=2)(tf.zeros(2, 4, 9, 9, 9)).shape
    (2, 6, 4, 4, 4)
    """

    _rank = 3

    def forward(self, input: Tensor) -> Tensor:
        return F.conv3d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
