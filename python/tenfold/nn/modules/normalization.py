"""Normalisation within a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import extents, new_tensor_options
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class LayerNorm(Module):
    """Normalises over the last axes, those of ``normalized_shape``: (x − mean)/√(var + eps)·weight + bias.

    ``weight`` (ones) and ``bias`` (zeros) have shape ``normalized_shape``; ``elementwise_affine=False`` has neither.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.LayerNorm(4, eps=0.0)(tf.tensor([[1.0, 1.0, 3.0, 3.0]])).tolist()
    [[-1.0, -1.0, 1.0, 1.0]]
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options = new_tensor_options(device, dtype)
        self.normalized_shape = extents(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(_core.ones(self.normalized_shape, **options)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        offset = Parameter(_core.zeros(self.normalized_shape, **options)) if elementwise_affine and bias else None
        self.register_parameter("bias", offset)

    def reset_parameters(self) -> None:
        """Weights one, biases zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides by the root of the mean square over the last axes: x/√(mean(x²) + eps)·weight.

    ``eps=None`` is the dtype's smallest step at 1. ``weight`` (ones) has shape ``normalized_shape``.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.RMSNorm(2, eps=0.0)(tf.tensor([[2.0, 2.0]])).tolist()
    [[1.0, 1.0]]
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options = new_tensor_options(device, dtype)
        self.normalized_shape = extents(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(_core.ones(self.normalized_shape, **options)) if elementwise_affine else None
        self.register_parameter("weight", weight)

    def reset_parameters(self) -> None:
        """Weights one."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalises each of ``num_groups`` groups of channels within a sample: `(N, C, *)`, the same shape out.

    ``weight`` (ones) and ``bias`` (zeros) have one number a channel.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.GroupNorm(3, 6)(tf.zeros(20, 6, 10, 10)).shape
    (20, 6, 10, 10)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                "GroupNorm: num_channels must be divisible by num_groups; "
                f"got num_channels={num_channels}, num_groups={num_groups}"
            )
        options = new_tensor_options(device, dtype)
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.register_parameter("weight", Parameter(_core.ones(num_channels, **options)) if affine else None)
        self.register_parameter("bias", Parameter(_core.zeros(num_channels, **options)) if affine and bias else None)

    def reset_parameters(self) -> None:
        """Weights one, biases zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """x/(``k`` + ``alpha``·m)^``beta``, m the mean of squares over ``size`` neighbouring channels: `(N, C, *)`.

    A. Krizhevsky, I. Sutskever and G. Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.LocalResponseNorm(1, alpha=3.0, beta=0.5)(tf.ones(1, 2, 1)).flatten().tolist()
    [0.5, 0.5]
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """:class:`LocalResponseNorm` of images `(N, C, H, W)`, under its older name.

    The sums are over ``size`` channels everywhere; those of PyTorch's keep the first channel.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.CrossMapLRN2d(1, alpha=3.0, beta=0.5)(tf.ones(1, 2, 1, 1)).flatten().tolist()
    [0.5, 0.5]
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim != 4:
            raise _core.ShapeError(f"CrossMapLRN2d: expected 4D input; got {input.ndim}D")
        return super().forward(input)
