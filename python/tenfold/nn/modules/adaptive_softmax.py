"""Softmax over very many classes of very different frequency."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.container import ModuleList, Sequential
from tenfold.nn.modules.linear import Linear
from tenfold.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    """The log-probability of each target, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over ``n_classes`` sorted by falling frequency, in clusters that begin at ``cutoffs``.

    The first cluster is computed always, the others, in ``in_features``/``div_value``ⁱ dimensions, only for the
    samples that need them. A call takes inputs `(N, in_features)` and targets `(N,)` and gives ``output``, the
    log-probabilities of the targets, and ``loss``.

    E. Grave et al., Efficient softmax approximation for GPUs, 2016, https://arxiv.org/abs/1609.04309

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> softmax = nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[5, 10])
    >>> softmax(tf.zeros(3, 8), tf.tensor([1, 7, 19])).output.shape
    (3,)
    """

    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        starts = list(cutoffs)
        rising = all(int(cutoff) == cutoff for cutoff in starts) and all(a < b for a, b in pairwise(starts))
        if not starts or not rising or starts[0] <= 0 or starts[-1] > n_classes - 1:
            raise ValueError(
                "AdaptiveLogSoftmaxWithLoss: cutoffs should be rising integers between 1 and n_classes - 1; "
                f"got {cutoffs}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*starts, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = starts[0]
        self.n_clusters = len(starts)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for number, (start, end) in enumerate(pairwise(self.cutoffs), 1):
            width = int(in_features // (div_value**number))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, False, device, dtype),
                    Linear(width, end - start, False, device, dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        self.head.reset_parameters()
        for cluster in self.tail:
            for layer in cluster:
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        if target_.ndim > 1 or input_.ndim != target_.ndim + 1:
            raise _core.ShapeError(
                "AdaptiveLogSoftmaxWithLoss: needs (N, in_features) with a target (N,), or (in_features,) with (); "
                f"got shapes {input_.shape} and {target_.shape}"
            )
        if target_.dtype not in (_core.int32, _core.int64):
            raise _core.DTypeError(
                f"AdaptiveLogSoftmaxWithLoss: targets must be classes in int64 or int32; got {target_.dtype}"
            )
        batched = target_.ndim == 1
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        if input.shape[0] != target.shape[0]:
            raise _core.ShapeError(
                f"AdaptiveLogSoftmaxWithLoss: {input.shape[0]} samples with {target.shape[0]} targets"
            )
        if target.numel() and not 0 <= target.min().item() <= target.max().item() < self.n_classes:
            raise RuntimeError(
                f"AdaptiveLogSoftmaxWithLoss: target values should be in [0, {self.n_classes - 1}]; "
                f"got values from {target.min().item()} to {target.max().item()}"
            )
        output = _core.zeros_like(target, dtype=input.dtype)
        in_head = target
        for number, (start, end) in enumerate(pairwise(self.cutoffs)):
            inside = (target >= start) & (target < end)
            rows = inside.nonzero().squeeze(1)
            if not rows.numel():
                continue
            logits = self.tail[number](input.index_select(0, rows))
            local = F.log_softmax(logits, 1).gather(1, (target.index_select(0, rows) - start).unsqueeze(1))
            output = output.index_copy(0, rows, local.squeeze(1))
            in_head = in_head.masked_fill(inside, self.shortlist_size + number)
        head = F.log_softmax(self.head(input), 1)
        output = output + head.gather(1, in_head.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes: `(N, in_features)` to `(N, n_classes)`."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for number, cluster in enumerate(self.tail):
            column = self.shortlist_size + number
            parts.append(F.log_softmax(cluster(input), 1) + head[:, column : column + 1])
        return _core.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each sample: `(N, in_features)` to `(N,)`."""
        return self.log_prob(input).argmax(1)
