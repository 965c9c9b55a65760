"""Instance normalisation."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.batchnorm import _BatchNorm

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(_BatchNorm):
    """What instance normalisations of all ranks share; ``_ranks`` are those without and with a batch."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in self._ranks:
            expected = " or ".join(f"{rank}D" for rank in self._ranks)
            raise _core.ShapeError(f"{type(self).__name__}: expected {expected} input; got {input.ndim}D")
        channels = input.shape[-self._ranks[0]]
        if channels != self.num_features and self.affine:
            raise _core.ShapeError(
                f"{type(self).__name__}: expected num_features={self.num_features} channels; got shape {input.shape}"
            )
        batched = input.ndim == self._ranks[1]
        result = F.instance_norm(
            input if batched else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return result if batched else result.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample over its places: `(N, C, L)` or `(C, L)`, the same shape out.

    y = (x − mean)/√(var + eps)·weight + bias; without weight and bias unless ``affine``. With
    ``track_running_stats`` the means over the samples are gathered by ``momentum`` and used in evaluation.

    D. Ulyanov, A. Vedaldi and V. Lempitsky, Instance Normalization, 2016, https://arxiv.org/abs/1607.08022

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.InstanceNorm1d(2)(tf.ones(3, 2, 4)).abs().max().item()
    0.0
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """As :class:`InstanceNorm1d`, for `(N, C, H, W)` or `(C, H, W)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.InstanceNorm2d(2)(tf.ones(3, 2, 4, 4)).abs().max().item()
    0.0
    """

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """As :class:`InstanceNorm1d`, for `(N, C, D, H, W)` or `(C, D, H, W)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.InstanceNorm3d(2)(tf.ones(3, 2, 4, 4, 4)).abs().max().item()
    0.0
    """

    _ranks = (4, 5)
