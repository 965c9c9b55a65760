"""Batch normalisation."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import new_tensor_options
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"]


class _BatchNorm(Module):
    """What batch normalisations of all ranks share; each says its ``_ranks``."""

    _ranks: tuple[int, ...]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        options = new_tensor_options(device, dtype)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.register_parameter("weight", Parameter(_core.ones(num_features, **options)) if affine else None)
        self.register_parameter("bias", Parameter(_core.zeros(num_features, **options)) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", _core.zeros(num_features, **options) if tracked else None)
        self.register_buffer("running_var", _core.ones(num_features, **options) if tracked else None)
        count = _core.tensor(0, dtype=_core.int64, device=device) if tracked else None
        self.register_buffer("num_batches_tracked", count)

    def _complete_state(self, state: dict[str, Any], prefix: str) -> None:
        # States from before PyTorch 0.4.1 do not count the batches; many published weights are such.
        if self.num_batches_tracked is not None:
            state.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked.detach())

    def reset_running_stats(self) -> None:
        """Forgets the batches seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weights one, biases zero, no batches seen."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in self._ranks:
            expected = " or ".join(f"{rank}D" for rank in self._ranks)
            raise _core.ShapeError(f"{type(self).__name__}: expected {expected} input; got {input.ndim}D")
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the plain average over all batches
                momentum = 1.0 / self.num_batches_tracked.item()
        use_batch = self.training or (self.running_mean is None and self.running_var is None)
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, use_batch, momentum, self.eps
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Normalises each feature over the batch: `(N, C)` or `(N, C, L)`, the same shape out.

    y = (x − mean)/√(var + eps)·weight + bias. In training mean and variance are the batch's, and the running ones
    move towards them by ``momentum`` (None: their plain average over all batches); in evaluation the running ones
    are used, unless ``track_running_stats=False``.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.BatchNorm1d(100)(tf.ones(20, 100)).abs().max().item()
    0.0
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalises each channel of images over the batch: `(N, C, H, W)`, the same shape out; see :class:`BatchNorm1d`.

    S. Ioffe and C. Szegedy, Batch Normalization, 2015, https://arxiv.org/abs/1502.03167

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.BatchNorm2d(3)(tf.ones(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalises each channel of volumes over the batch: `(N, C, D, H, W)`, the same shape out.

    See :class:`BatchNorm1d`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.BatchNorm3d(3)(tf.ones(2, 3, 4, 4, 4)).shape
    (2, 3, 4, 4, 4)
    """

    _ranks = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over several processes: not offered, and making one raises NotImplementedError.

    >>> from tenfold import nn
    >>> nn.SyncBatchNorm(3)
    Traceback (most recent call last):
    NotImplementedError: SyncBatchNorm: is not offered; there is one process. Hint: use BatchNorm1d to BatchNorm3d
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "SyncBatchNorm: is not offered; there is one process. Hint: use BatchNorm1d to BatchNorm3d"
        )
