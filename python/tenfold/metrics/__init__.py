"""Figures that say how good predictions are, gathered batch by batch.

A metric takes outputs and targets as a loss does, classes along axis 1:

>>> import tenfold as tf
>>> from tenfold import metrics
>>> accuracy = metrics.Accuracy()
>>> accuracy.update(tf.tensor([[2.0, 1.0], [0.5, 3.0]]), tf.tensor([0, 1]))
>>> accuracy.update(tf.tensor([[2.0, 1.0]]), tf.tensor([1]))
>>> round(accuracy.compute(), 3)
0.667

Called, it computes the figure of one batch alone: ``metrics.Accuracy()(output, target)``.
"""

from tenfold.metrics.base import Metric
from tenfold.metrics.classification import (
    Accuracy,
    BinaryAccuracy,
    ConfusionMatrix,
    F1Score,
    Precision,
    Recall,
    TopKAccuracy,
)
from tenfold.metrics.names import get, names
from tenfold.metrics.ranking import ROCAUC
from tenfold.metrics.regression import MeanAbsoluteError, MeanSquaredError, R2Score, RootMeanSquaredError
from tenfold.metrics.text import BLEU, Perplexity

__all__ = [
    "BLEU",
    "ROCAUC",
    "Accuracy",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "F1Score",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Perplexity",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "get",
    "names",
]
