"""Figures about classes that were told."""

from __future__ import annotations

from typing import Any, Literal

from tenfold import _core
from tenfold._core import Tensor
from tenfold.metrics.base import Metric, check_classes, class_scores, flat_pair

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "F1Score",
    "Precision",
    "Recall",
    "TopKAccuracy",
]

Average = Literal["binary", "micro", "macro", "weighted"]


class _Share(Metric):
    """Hits among trials."""

    _gathered = ("hits", "trials")
    hits: Any
    trials: Any

    def reset(self) -> None:
        self.hits = _core.tensor(0)
        self.trials = _core.tensor(0)

    def _add(self, hit: Tensor, counts: Tensor | None = None) -> None:
        # Not looked at: the counts wait with the work of the step.
        self.hits = self.hits + (hit if counts is None else hit & counts).sum()
        self.trials = self.trials + (hit.numel() if counts is None else counts.sum())

    def compute(self) -> float:
        """Hits over trials; NaN where there were none."""
        trials = int(self.trials)
        return int(self.hits) / trials if trials else float("nan")


class Accuracy(_Share):
    """The share of samples whose highest score is their class: outputs (N, C, …), targets int (N, …) or (N, C, …).

    Targets of the outputs' shape are probabilities or one-hot: their largest class counts. ``ignore_index``: targets
    that do not count.

    >>> import tenfold as tf
    >>> from tenfold.metrics import Accuracy
    >>> Accuracy()(tf.tensor([[0.1, 0.9], [0.8, 0.2]]), tf.tensor([1, 1]))
    0.5
    """

    name = "accuracy"

    def __init__(self, ignore_index: int | None = -100) -> None:
        self.ignore_index = ignore_index
        super().__init__()

    def _update(self, output: Tensor, target: Tensor) -> None:
        if target.ndim == output.ndim > 1:
            target = target.argmax(dim=1)
        check_classes("Accuracy", output, target)
        counts = None if self.ignore_index is None else target != self.ignore_index
        self._add(output.detach().argmax(dim=1) == target, counts)


class BinaryAccuracy(_Share):
    """The share of outputs on the right side of ``threshold``: outputs and targets (0 or 1) of one shape.

    0.5 suits probabilities, 0 logits.

    >>> import tenfold as tf
    >>> from tenfold.metrics import BinaryAccuracy
    >>> BinaryAccuracy()(tf.tensor([0.2, 0.7, 0.9]), tf.tensor([0.0, 0.0, 1.0])) == 2 / 3
    True
    """

    name = "accuracy"

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold
        super().__init__()

    def _update(self, output: Tensor, target: Tensor) -> None:
        told, true = flat_pair("BinaryAccuracy", output, target)
        self._add((told > self.threshold) == (true > 0.5))


class TopKAccuracy(_Share):
    """The share of samples whose class is among the ``k`` highest scores: outputs (N, C, …), targets (N, …).

    Of equal scores the class of the lower number counts as the higher one.

    >>> import tenfold as tf
    >>> from tenfold.metrics import TopKAccuracy
    >>> TopKAccuracy(2)(tf.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), tf.tensor([1, 2]))
    0.5
    """

    def __init__(self, k: int = 5, ignore_index: int | None = -100) -> None:
        if k < 1:
            raise ValueError(f"TopKAccuracy: k should be at least 1; got {k}")
        self.k = k
        self.ignore_index = ignore_index
        self.name = f"top{k}"
        super().__init__()

    def _update(self, output: Tensor, target: Tensor) -> None:
        scores, labels = class_scores("TopKAccuracy", output, target, self.ignore_index)
        own = scores.gather(1, labels.unsqueeze(1))
        before = _core.arange(scores.shape[1]).unsqueeze(0) < labels.unsqueeze(1)
        higher = (scores > own).to(_core.int64) + ((scores == own) & before).to(_core.int64)
        self._add(higher.sum(dim=1) < self.k)


class ConfusionMatrix(Metric):
    """How often samples of class i were told to be class j: an int64 tensor (C, C) whose rows are the true classes.

    Outputs are scores (N, C, …), or classes told (N, …). Where outputs have the targets' shape and are floating-point,
    they are binary: above ``threshold`` is class 1. ``num_classes`` is needed for classes told as integers, and found
    otherwise. ``normalize``: None counts, ``"true"``, ``"pred"`` or ``"all"`` divides by the sums of rows, of
    columns, or of all.

    >>> import tenfold as tf
    >>> from tenfold.metrics import ConfusionMatrix
    >>> ConfusionMatrix(2)(tf.tensor([0, 1, 1]), tf.tensor([0, 0, 1])).tolist()
    [[1, 1], [0, 1]]
    """

    name = "confusion_matrix"
    _gathered = ("counts",)
    counts: Tensor | None

    def __init__(
        self,
        num_classes: int | None = None,
        normalize: Literal["true", "pred", "all"] | None = None,
        threshold: float = 0.5,
        ignore_index: int | None = -100,
    ) -> None:
        if normalize not in (None, "true", "pred", "all"):
            raise ValueError(f"ConfusionMatrix: normalize is None, 'true', 'pred' or 'all'; got {normalize!r}")
        self.num_classes = num_classes
        self.normalize = normalize
        self.threshold = threshold
        self.ignore_index = ignore_index
        super().__init__()

    def reset(self) -> None:
        self.counts = None

    def _update(self, output: Tensor, target: Tensor) -> None:
        told, true, classes = self._told(output, target)
        if self.counts is None:
            self.counts = _core.zeros(classes * classes, dtype=_core.int64)
        if true.numel() == 0:
            return
        outside = (told < 0) | (told >= classes) | (true < 0) | (true >= classes)
        if bool(outside.any()):
            raise IndexError(
                f"{type(self).__name__}: classes are 0 to {classes - 1}; got {int(true.min())} to {int(true.max())} "
                f"for {int(told.min())} to {int(told.max())}"
            )
        self.counts = self.counts.index_add(0, true * classes + told, _core.ones_like(true))

    def _told(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor, int]:
        """Classes told, true classes, and how many there are."""
        operation = type(self).__name__
        output, target = output.detach(), target.detach()
        if output.ndim == target.ndim + 1 and output.shape[1] > 1:
            scores, true = class_scores(operation, output, target, self.ignore_index)
            return scores.argmax(dim=1), true, scores.shape[1]
        if output.dtype.is_floating_point:
            scores, true = flat_pair(operation, output, target)
            return (scores > self.threshold).to(_core.int64), true.to(_core.int64), 2
        if self.num_classes is None:
            raise ValueError(f"{operation}: classes told as integers need num_classes")
        if tuple(output.shape) != tuple(target.shape):
            flat_pair(operation, output, target)
        told, true = output.reshape(-1).to(_core.int64), target.reshape(-1).to(_core.int64)
        if self.ignore_index is not None:
            kept = true != self.ignore_index
            told, true = told[kept], true[kept]
        return told, true, self.num_classes

    def _matrix(self) -> Tensor:
        if self.counts is None:
            classes = self.num_classes or 0
            return _core.zeros((classes, classes), dtype=_core.int64)
        classes = round(self.counts.numel() ** 0.5)
        return self.counts.reshape(classes, classes)

    def compute(self) -> Any:
        """The matrix (C, C); float64 where it is normalised, 0 where a sum is 0."""
        counts = self._matrix()
        if self.normalize is None:
            return counts
        matrix = counts.double()
        sums = {"true": lambda: matrix.sum(dim=1, keepdim=True), "pred": lambda: matrix.sum(dim=0, keepdim=True)}
        total = sums.get(self.normalize, matrix.sum)()
        return matrix / _core.where(total == 0, _core.ones_like(total), total)


class _ByClass(ConfusionMatrix):
    """A figure of each class, out of the confusion matrix."""

    def __init__(
        self,
        average: Average | None = None,
        num_classes: int | None = None,
        threshold: float = 0.5,
        zero_division: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None:
        if average not in (None, "binary", "micro", "macro", "weighted", "none"):
            raise ValueError(
                f"{type(self).__name__}: average is 'binary', 'micro', 'macro', 'weighted' or 'none'; got {average!r}"
            )
        self.average = average
        self.zero_division = zero_division
        super().__init__(num_classes, None, threshold, ignore_index)

    def _figure(self, hits: float, told: float, true: float) -> float:
        raise NotImplementedError

    def compute(self) -> Any:
        """The figure: a number, or with ``average="none"`` a list of one a class."""
        matrix = self._matrix().tolist()
        classes = range(len(matrix))
        hits = [matrix[c][c] for c in classes]
        true = [sum(matrix[c]) for c in classes]
        told = [sum(row[c] for row in matrix) for c in classes]
        average = self.average or ("binary" if len(matrix) == 2 else "macro")
        if average == "micro":
            return self._figure(sum(hits), sum(told), sum(true))
        if average == "binary":
            if len(matrix) != 2:
                raise ValueError(
                    f"{type(self).__name__}: average='binary' needs two classes; got {len(matrix)}. "
                    "Hint: average='macro'"
                )
            return self._figure(hits[1], told[1], true[1])
        figures = [self._figure(hits[c], told[c], true[c]) for c in classes]
        if average == "none":
            return figures
        # As scikit-learn has it: a class that neither occurs nor was told is none.
        present = [c for c in classes if true[c] or told[c]]
        if average == "macro":
            return sum(figures[c] for c in present) / len(present) if present else self.zero_division
        return sum(figures[c] * true[c] for c in present) / sum(true) if sum(true) else self.zero_division

    def _divided(self, a: float, b: float) -> float:
        return a / b if b else self.zero_division


_OPTIONS = """
    ``average``: ``"binary"`` (that of class 1), ``"macro"`` (mean over the classes that occur or were told),
    ``"weighted"`` (by how often they occur), ``"micro"`` (of all samples together) or ``"none"`` (a list); None is
    binary for two classes and macro for more. ``zero_division`` stands where nothing can be said.
    Outputs and targets as for :class:`ConfusionMatrix`.
"""


class Precision(_ByClass):
    __doc__ = f"""Of the samples told to be of a class, the share that is.
{_OPTIONS}
    >>> import tenfold as tf
    >>> from tenfold.metrics import Precision
    >>> Precision()(tf.tensor([0.9, 0.8, 0.1]), tf.tensor([1, 0, 1]))
    0.5
    """

    name = "precision"

    def _figure(self, hits: float, told: float, true: float) -> float:
        return self._divided(hits, told)


class Recall(_ByClass):
    __doc__ = f"""Of the samples of a class, the share that was told to be.
{_OPTIONS}
    >>> import tenfold as tf
    >>> from tenfold.metrics import Recall
    >>> Recall()(tf.tensor([0.9, 0.8, 0.1]), tf.tensor([1, 1, 1])) == 2 / 3
    True
    """

    name = "recall"

    def _figure(self, hits: float, told: float, true: float) -> float:
        return self._divided(hits, true)


class F1Score(_ByClass):
    __doc__ = f"""The harmonic mean of precision and recall, 2·hits/(told + true).
{_OPTIONS}
    >>> import tenfold as tf
    >>> from tenfold.metrics import F1Score
    >>> F1Score()(tf.tensor([0.9, 0.8, 0.1]), tf.tensor([1, 0, 1]))
    0.5
    """

    name = "f1"

    def _figure(self, hits: float, told: float, true: float) -> float:
        return self._divided(2 * hits, told + true)
