"""Figures about the order of scores."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.metrics.base import Metric, class_scores, flat_pair

__all__ = ["ROCAUC"]


class ROCAUC(Metric):
    """The area under the receiver operating characteristic: how likely a positive outranks a negative, ties half.

    Binary: scores (N,) or (N, 1) and targets 0 or 1. Several classes: scores (N, C) and classes (N,); each class
    against the rest, then their mean over the classes that occur and are not alone. All scores are kept until
    ``reset``. NaN where there is but one class.

    >>> import tenfold as tf
    >>> from tenfold.metrics import ROCAUC
    >>> ROCAUC()(tf.tensor([0.1, 0.4, 0.35, 0.8]), tf.tensor([0, 0, 1, 1]))
    0.75
    """

    name = "roc_auc"
    _gathered = ("scores", "targets")
    scores: list[Tensor]
    targets: list[Tensor]

    def reset(self) -> None:
        self.scores = []
        self.targets = []

    def _update(self, output: Tensor, target: Tensor) -> None:
        if output.ndim == target.ndim + 1 and output.shape[1] > 1:
            scores, targets = class_scores("ROCAUC", output, target, None)
        else:
            scores, targets = flat_pair("ROCAUC", output, target)
            scores, targets = scores.unsqueeze(1), targets.to(_core.int64)
        self.scores.append(scores.double())
        self.targets.append(targets)

    def compute(self) -> float:
        """The area, from 0 to 1."""
        if not self.scores:
            return float("nan")
        scores, targets = _core.concat(self.scores), _core.concat(self.targets)
        classes = scores.shape[1]
        if classes == 1:
            return _area(scores[:, 0], targets > 0)
        # Two columns tell one thing twice.
        areas = [_area(scores[:, c], targets == c) for c in (range(classes) if classes > 2 else [1])]
        known = [area for area in areas if area == area]
        return sum(known) / len(known) if known else float("nan")


def _area(scores: Any, positive: Any) -> float:
    """By trapezoids over the distinct scores, from the highest down."""
    positives = int(positive.to(_core.int64).sum())
    negatives = positive.numel() - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    order = _core.argsort(scores, descending=True)
    ranked = scores[order]
    hits = positive[order].to(_core.int64).cumsum(0)
    alarms = _core.arange(1, len(ranked) + 1) - hits
    last_of_ties = _core.concat([ranked[1:] != ranked[:-1], _core.tensor([True])])
    start = _core.zeros(1, dtype=_core.int64)
    hits = _core.concat([start, hits[last_of_ties]])
    alarms = _core.concat([start, alarms[last_of_ties]])
    # Twice the area in whole numbers: exact.
    twice = ((alarms[1:] - alarms[:-1]) * (hits[1:] + hits[:-1])).sum()
    return int(twice) / (2 * positives * negatives)
