"""Losses."""

from __future__ import annotations

import warnings

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]


class _Loss(Module):
    """``reduction`` is "mean", "sum" or "none"; size_average and reduce are its old names, which warn."""

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            mean = "mean" if size_average in (None, True) else "sum"
            reduction = mean if reduce in (None, True) else "none"
            warnings.warn(
                f"{type(self).__name__}: size_average and reduce are deprecated. Hint: use reduction={reduction!r}",
                stacklevel=3,
            )
        self.reduction = reduction


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """|x − y|, its mean by default; input and target have one shape.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.L1Loss()(tf.tensor([1.0, 2.0]), tf.tensor([1.0, 4.0])).item()
    1.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """(x − y)², its mean by default; input and target have one shape.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.MSELoss()(tf.tensor([1.0, 2.0]), tf.tensor([1.0, 4.0])).item()
    2.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """(x − y)²/(2·``beta``) where |x − y| < beta, |x − y| − beta/2 elsewhere; the mean by default.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.SmoothL1Loss()(tf.tensor([1.0]), tf.tensor([3.0])).item()
    1.5
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """(x − y)²/2 where |x − y| < ``delta``, delta·(|x − y| − delta/2) elsewhere; the mean by default.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.HuberLoss(delta=2.0)(tf.tensor([1.0]), tf.tensor([4.0])).item()
    4.0
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """−weight[y]·x[y] for log-probabilities `(N, C, *)` and classes `(N, *)`; ``ignore_index`` counts for nothing.

    The mean is weighted too.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.NLLLoss()(tf.tensor([[-1.0, -2.0]]), tf.tensor([1])).item()
    2.0
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CrossEntropyLoss(_WeightedLoss):
    """−log softmax(x)[y] for logits `(N, C, *)` and classes `(N, *)`, or probabilities `(N, C, *)`.

    ``weight`` `(C,)` weights the classes, ``ignore_index`` counts for nothing, ``label_smoothing`` mixes the target
    with the uniform distribution.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.CrossEntropyLoss()(tf.zeros(1, 1), tf.tensor([0])).item()
    0.0
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """−(y·log x + (1 − y)·log(1 − x)) for probabilities x; logarithms are at least −100.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.BCELoss()(tf.tensor([1.0]), tf.tensor([0.0])).item()
    100.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross-entropy of sigmoid(x), computed without overflow; ``pos_weight`` weights positive examples.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.BCEWithLogitsLoss()(tf.tensor([1000.0]), tf.tensor([0.0])).item()
    1000.0
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, weight=self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """y·(log y − x) for log-probabilities x, and y as probabilities or, with ``log_target``, their logarithms.

    ``reduction`` may also be "batchmean", which the mathematical definition asks for.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.KLDivLoss(reduction="sum")(tf.tensor([0.0]), tf.tensor([1.0])).item()
    0.0
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
