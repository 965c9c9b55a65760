"""Losses that keep margins, losses of predicted distributions, and connectionist temporal classification."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules._arguments import not_offered
from tenfold.nn.modules.linear import Linear
from tenfold.nn.modules.loss import _Loss, _WeightedLoss

__all__ = [
    "CTCLoss",
    "CosineEmbeddingLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "LinearCrossEntropyLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "PoissonNLLLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class MarginRankingLoss(_Loss):
    """max(0, ``margin`` − y·(x₁ − x₂)): the first should rank higher where y is 1, the second where it is −1.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.MarginRankingLoss(margin=1.0)(tf.tensor([1.0]), tf.tensor([3.0]), tf.tensor([1.0])).item()
    3.0
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(_Loss):
    """x where y is 1, max(0, ``margin`` − x) where y is −1; x is a distance.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.HingeEmbeddingLoss()(tf.tensor([0.25, 0.25]), tf.tensor([1, -1])).item()
    0.5
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + exp(−y·x)) for y of 1 and −1.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.SoftMarginLoss()(tf.tensor([1000.0]), tf.tensor([-1.0])).item()
    1000.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """Σ max(0, 1 − x[t] + x[i])/C over the target classes t of a sample and its other classes i.

    Scores have shape `(N, C)` or `(C,)`; a row of targets, of the same shape, lists classes up to the first −1.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.MultiLabelMarginLoss()(tf.tensor([[1.0, 0.5]]), tf.tensor([[0, -1]])).item()
    0.25
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean over classes of the binary cross-entropy of sigmoid(x): `(N, C)`, targets 0 and 1 of the same shape.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.MultiLabelSoftMarginLoss()(tf.tensor([[1000.0, 0.0]]), tf.tensor([[0.0, 1.0]])).item() > 500
    True
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """weight[y]·Σ max(0, ``margin`` − x[y] + x[i])^``p``/C over the other classes i: `(N, C)` and classes `(N,)`.

    ``p`` is 1 or 2.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.MultiMarginLoss()(tf.tensor([[1.0, 0.5]]), tf.tensor([0])).item()
    0.25
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p must be 1 or 2; got {p}")
        if weight is not None and weight.ndim != 1:
            raise ValueError(f"MultiMarginLoss: weight must have one axis; got shape {weight.shape}")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 − cos(x₁, x₂) where y is 1, max(0, cos(x₁, x₂) − ``margin``) where y is −1: `(N, D)`, `(N, D)` and `(N,)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.CosineEmbeddingLoss()(tf.tensor([1.0, 0.0]), tf.tensor([0.0, 1.0]), tf.tensor(1)).item()
    1.0
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """max(0, d(a, p) − d(a, n) + ``margin``) for anchors, positive and negative examples `(N, D)`.

    d is the ``p``-norm of the difference plus ``eps``; with ``swap`` d(p, n) stands for d(a, n) where it is shorter.
    ValueError unless the margin is positive.

    V. Balntas et al., Learning shallow convolutional feature descriptors with triplet losses, 2016.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> a, p, n = tf.tensor([[0.0]]), tf.tensor([[2.0]]), tf.tensor([[1.0]])
    >>> nn.TripletMarginLoss(eps=0.0)(a, p, n).item()
    2.0
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: margin must be positive; got {margin}")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )


class TripletMarginWithDistanceLoss(_Loss):
    """:class:`TripletMarginLoss` with distances of one's own: ``distance_function(x, y)`` gives `(N,)`.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> squares = nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: ((x - y) ** 2).sum(1))
    >>> squares(tf.tensor([[0.0]]), tf.tensor([[2.0]]), tf.tensor([[1.0]])).item()
    4.0
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: margin must be positive; got {margin}")
        self.distance_function = distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class PoissonNLLLoss(_Loss):
    """exp(x) − y·x for logarithms x of the rates of counts y; x − y·log(x + ``eps``) for rates, without ``log_input``.

    ``full`` adds Stirling's approximation of log(y!) for counts above 1.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.PoissonNLLLoss()(tf.tensor([0.0]), tf.tensor([3.0])).item()
    1.0
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction)


class GaussianNLLLoss(_Loss):
    """½·(log v + (x − y)²/v) for means x and variances v, held at ``eps`` at least; ``full`` adds ½·log 2π.

    Variances have the shape of the input, or one for each of its rows. ValueError where one is negative.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.GaussianNLLLoss()(tf.tensor([1.0]), tf.tensor([3.0]), tf.tensor([1.0])).item()
    2.0
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class CTCLoss(_Loss):
    """−log of the probability of labels, over all ways of spreading them over the steps with blanks between.

    A call takes log-probabilities `(T, N, C)` (or `(T, C)`), targets `(N, S)` (or all labels in one row), and the
    lengths of both. The mean is over samples, each divided by its number of labels. ``zero_infinity`` ignores
    samples whose labels do not fit in their steps.

    A. Graves et al., Connectionist Temporal Classification, 2006.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> steps = tf.log(tf.tensor([[[0.5, 0.5]]]))
    >>> round(nn.CTCLoss()(steps, tf.tensor([[1]]), (1,), (1,)).exp().item(), 6)
    2.0
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross-entropy of the scores of a linear layer: inputs `(N, *, in_features)` and classes `(N, *)`.

    With ``out_features`` the scores are `(N, *, num_classes, *out_features)`. ``options`` (of the chunks that PyTorch
    computes in) are not offered.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> loss = nn.LinearCrossEntropyLoss(8, 1)
    >>> loss(tf.ones(2, 8), tf.tensor([0, 0])).item()
    0.0
    """

    linear: Linear

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        not_offered("LinearCrossEntropyLoss", options=options)
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise _core.ShapeError(
                f"LinearCrossEntropyLoss: weight must have shape {(num_classes,)}; got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(f"LinearCrossEntropyLoss: label_smoothing must be from 0 to 1; got {label_smoothing}")
        super().__init__(weight, None, None, reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.linear = Linear(in_features, math.prod(out_features, start=num_classes), bias, device, dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        outputs = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*outputs, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(*outputs),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )
