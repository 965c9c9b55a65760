"""Windows as columns, and elements moved between channels and space."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.module import Module

__all__ = ["ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold"]

_Sizes = int | Sequence[int]


class Unfold(Module):
    """The windows of `(N, C, H, W)` or `(C, H, W)` as columns: `(N, C·kernel_h·kernel_w, windows)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Unfold(kernel_size=(2, 3))(tf.zeros(2, 5, 3, 4)).shape
    (2, 30, 4)
    """

    def __init__(self, kernel_size: _Sizes, dilation: _Sizes = 1, padding: _Sizes = 0, stride: _Sizes = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """The sum of windows given as columns `(N, C·kernel_h·kernel_w, windows)`: `(N, C, H, W)` of ``output_size``.

    The gradient of :class:`Unfold`; the batch is optional.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Fold(output_size=(4, 5), kernel_size=2)(tf.ones(1, 12, 12))[0, 0].tolist()[0]
    [1.0, 2.0, 2.0, 2.0, 1.0]
    """

    def __init__(
        self,
        output_size: _Sizes,
        kernel_size: _Sizes,
        dilation: _Sizes = 1,
        padding: _Sizes = 0,
        stride: _Sizes = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class PixelShuffle(Module):
    """`(…, C·r², H, W)` to `(…, C, H·r, W·r)`, with r = ``upscale_factor``: channels become blocks of pixels.

    W. Shi et al., Real-Time Single Image and Video Super-Resolution, 2016, https://arxiv.org/abs/1609.05158

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.PixelShuffle(2)(tf.arange(4.0).reshape(1, 4, 1, 1)).tolist()
    [[[[0.0, 1.0], [2.0, 3.0]]]]
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """`(…, C, H·r, W·r)` to `(…, C·r², H, W)`, with r = ``downscale_factor``: the reverse of :class:`PixelShuffle`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.PixelUnshuffle(2)(tf.arange(4.0).reshape(1, 1, 2, 2)).shape
    (1, 4, 1, 1)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """`(N, C, …)` with the channels of ``groups`` groups dealt out in turn.

    X. Zhang et al., ShuffleNet, 2018, https://arxiv.org/abs/1707.01083

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ChannelShuffle(2)(tf.arange(4.0).reshape(1, 4, 1, 1)).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
