"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import as_tuple, check_positive, new_tensor_options
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
_Sizes = int | Iterable[int]


class _Convolution(Module):
    """What convolutions of all ranks share; each says its ``_rank`` and whether it is ``transposed``."""

    _rank: int
    transposed = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Sizes,
        stride: _Sizes,
        padding: str | _Sizes,
        dilation: _Sizes,
        output_padding: _Sizes,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        operation = type(self).__name__
        check_positive(operation, groups=groups)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(
                    f"{operation}: {name} must be divisible by groups; got {name}={channels}, groups={groups}"
                )
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"{operation}: padding_mode must be one of {_PADDING_MODES}; got {padding_mode!r}")
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
        self.output_padding = as_tuple(output_padding, self._rank)
        self.groups = groups
        self.padding_mode = padding_mode
        options = new_tensor_options(device, dtype)
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(_core.empty((first, second // groups, *self.kernel_size), **options))
        if bias:
            self.bias = Parameter(_core.empty(out_channels, **options))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew: uniform in ±1/√fan_in; fan_in is the product of all but the first extent."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            if fan_in > 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Forward(_Convolution):
    """A convolution that is not transposed."""

    _function: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Sizes,
        stride: _Sizes = 1,
        padding: str | _Sizes = 0,
        dilation: _Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        padding: str | int | tuple[int, ...] = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_widths(), mode=self.padding_mode)
            padding = 0
        return type(self)._function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _reversed_widths(self) -> tuple[int, ...]:
        """What :attr:`padding` adds before and after each axis, as ``F.pad`` takes it: the last axis first."""
        widths: list[int] = []
        for axis in reversed(range(self._rank)):
            if isinstance(self.padding, str):
                total = self.dilation[axis] * (self.kernel_size[axis] - 1) if self.padding == "same" else 0
                widths += (total // 2, total - total // 2)
            else:
                widths += (self.padding[axis], self.padding[axis])
        return tuple(widths)


class Conv1d(_Forward):
    """Cross-correlation along one axis: `(N, C_in, L)` or `(C_in, L)` to `(N, C_out, L_out)`.

    ``weight`` `(C_out, C_in/groups, kernel)` and ``bias`` `(C_out,)` begin uniform in ±1/√(C_in/groups·kernel).
    ``padding`` is a number of elements on both sides, ``'same'`` (stride 1 only) or ``'valid'``; ``padding_mode`` says
    what they are: ``'zeros'``, ``'reflect'``, ``'replicate'`` or ``'circular'``. An axis of length L becomes
    ⌊(L + 2·padding − dilation·(kernel − 1) − 1)/stride⌋ + 1.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Conv1d(16, 33, 3, stride=2)(tf.zeros(20, 16, 50)).shape
    (20, 33, 24)
    """

    _rank = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Forward):
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
    _function = staticmethod(F.conv2d)


class Conv3d(_Forward):
    """Cross-correlation over volumes: `(N, C_in, D, H, W)` or `(C_in, D, H, W)` to `(N, C_out, D_out, H_out, W_out)`.

    ``weight`` `(C_out, C_in/groups, kernel_d, kernel_h, kernel_w)` and ``bias`` as in :class:`Conv2d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Conv3d(4, 6, 3, stride=2)(tf.zeros(2, 4, 9, 9, 9)).shape
    (2, 6, 4, 4, 4)
    """

    _rank = 3
    _function = staticmethod(F.conv3d)


class _Transposed(_Convolution):
    """The gradient of a convolution with respect to its input, as a layer."""

    transposed = True
    _function: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Sizes,
        stride: _Sizes = 1,
        padding: _Sizes = 0,
        output_padding: _Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: _Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__}: padding_mode must be 'zeros'; got {padding_mode!r}")
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        output_padding = self.output_padding if output_size is None else self._padding_for(input, output_size)
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation
        )

    def _padding_for(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output padding that gives these extents (or, with all axes, this shape)."""
        operation = type(self).__name__
        extents = tuple(output_size)
        if len(extents) == input.ndim and input.ndim > self._rank:
            extents = extents[-self._rank :]
        if len(extents) != self._rank:
            raise ValueError(
                f"{operation}: output_size needs {self._rank} or {input.ndim} numbers; got {len(output_size)}"
            )
        least = [
            (input.shape[axis - self._rank] - 1) * self.stride[axis]
            - 2 * int(self.padding[axis])
            + self.dilation[axis] * (self.kernel_size[axis] - 1)
            + 1
            for axis in range(self._rank)
        ]
        most = [low + step - 1 for low, step in zip(least, self.stride, strict=True)]
        if any(not low <= extent <= high for low, extent, high in zip(least, extents, most, strict=True)):
            raise ValueError(f"{operation}: output_size must be from {least} to {most}; got {extents}")
        return tuple(extent - low for low, extent in zip(least, extents, strict=True))


class ConvTranspose1d(_Transposed):
    """Transposed convolution along one axis: `(N, C_in, L)` or `(C_in, L)` to `(N, C_out, L_out)`.

    The gradient of :class:`Conv1d` with respect to its input. ``weight`` `(C_in, C_out/groups, kernel)` and ``bias``
    `(C_out,)` begin uniform in ±1/√(C_out/groups·kernel). An axis of length L becomes
    (L − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1; ``forward(input, output_size)`` chooses
    the output padding itself.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ConvTranspose1d(16, 33, 3, stride=2)(tf.zeros(20, 16, 50)).shape
    (20, 33, 101)
    """

    _rank = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """Transposed convolution over images: `(N, C_in, H, W)` or `(C_in, H, W)` to `(N, C_out, H_out, W_out)`.

    The gradient of :class:`Conv2d` with respect to its input; ``weight`` `(C_in, C_out/groups, kernel_h, kernel_w)`.
    Extents and ``output_size`` are as in :class:`ConvTranspose1d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> down, up = nn.Conv2d(16, 16, 3, stride=2, padding=1), nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
    >>> x = tf.zeros(1, 16, 12, 12)
    >>> up(down(x), output_size=x.shape).shape
    (1, 16, 12, 12)
    """

    _rank = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_Transposed):
    """Transposed convolution over volumes: `(N, C_in, D, H, W)` to `(N, C_out, D_out, H_out, W_out)`, batch optional.

    The gradient of :class:`Conv3d` with respect to its input; ``weight`` `(C_in, C_out/groups, kernel…)`. Extents and
    ``output_size`` are as in :class:`ConvTranspose1d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ConvTranspose3d(4, 6, 3, stride=2)(tf.zeros(2, 4, 4, 4, 4)).shape
    (2, 6, 9, 9, 9)
    """

    _rank = 3
    _function = staticmethod(F.conv_transpose3d)
