"""Metrics by name."""

from __future__ import annotations

import re
from collections.abc import Callable

from tenfold.metrics.base import Metric
from tenfold.metrics.classification import Accuracy, BinaryAccuracy, ConfusionMatrix, F1Score, Precision, Recall
from tenfold.metrics.classification import TopKAccuracy as _TopK
from tenfold.metrics.ranking import ROCAUC
from tenfold.metrics.regression import MeanAbsoluteError, MeanSquaredError, R2Score, RootMeanSquaredError
from tenfold.metrics.text import BLEU, Perplexity

__all__ = ["get", "names"]

_BY_NAME: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "bleu": BLEU,
    "confusion_matrix": ConfusionMatrix,
    "precision": Precision,
    "recall": Recall,
    "f1": F1Score,
    "roc_auc": ROCAUC,
    "auc": ROCAUC,
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "rmse": RootMeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "r2": R2Score,
    "perplexity": Perplexity,
}


def names() -> list[str]:
    """The names that :func:`get` knows; beside them ``"top3"``, ``"top5"`` and so on."""
    return sorted(_BY_NAME)


def get(metric: str | Metric | type[Metric]) -> Metric:
    """A new metric of that name or class; a metric stays itself.

    >>> from tenfold import metrics
    >>> metrics.get("top5").k
    5
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, type) and issubclass(metric, Metric):
        return metric()
    if not isinstance(metric, str):
        raise TypeError(f"metrics.get: needs a name or a Metric; got {type(metric).__name__}")
    if found := re.fullmatch(r"top_?(\d+)(?:_accuracy)?", metric):
        return _TopK(int(found[1]))
    if metric not in _BY_NAME:
        import difflib

        close = difflib.get_close_matches(metric, _BY_NAME, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"one of {', '.join(names())}, or top5"
        raise ValueError(f"metrics.get: there is no metric {metric!r}. Hint: {hint}")
    return _BY_NAME[metric]()
