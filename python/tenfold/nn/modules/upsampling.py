"""Resizing."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """Resizes the spatial axes of `(N, C, …)` to ``size``, or by ``scale_factor`` (rounded down).

    ``mode`` is ``'nearest'``, ``'linear'`` (one spatial axis), ``'bilinear'`` or ``'bicubic'`` (two), ``'trilinear'``
    (three), ``'nearest-exact'`` or ``'area'``. With ``align_corners`` the centres of the outermost elements coincide,
    else their edges do. With ``recompute_scale_factor`` positions are scaled by the ratio of the extents.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Upsample(scale_factor=2, mode="linear")(tf.tensor([[[0.0, 4.0]]])).tolist()
    [[[0.0, 1.0, 3.0, 4.0]]]
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        self.scale_factor: float | tuple[float, ...] | None
        if isinstance(scale_factor, Sequence):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = None if scale_factor is None else float(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        size = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """:class:`Upsample` with mode ``'nearest'``: `(N, C, H, W)` to `(N, C, H_out, W_out)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.UpsamplingNearest2d(scale_factor=2)(tf.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """:class:`Upsample` with mode ``'bilinear'`` and aligned corners: `(N, C, H, W)` to `(N, C, H_out, W_out)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.UpsamplingBilinear2d(size=(1, 3))(tf.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[1.0, 1.5, 2.0]]]]
    """

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
