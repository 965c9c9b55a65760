"""Figures about numbers that were told."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.metrics.base import Metric, flat_pair

__all__ = ["MeanAbsoluteError", "MeanSquaredError", "R2Score", "RootMeanSquaredError"]


class _Mean(Metric):
    """The mean of an error, summed in float64."""

    higher_is_better = False
    _gathered = ("total", "count")
    total: Any
    count: int

    def reset(self) -> None:
        self.total = _core.tensor(0.0, dtype=_core.float64)
        self.count = 0

    def _error(self, difference: Tensor) -> Tensor:
        raise NotImplementedError

    def _update(self, output: Tensor, target: Tensor) -> None:
        told, true = flat_pair(type(self).__name__, output, target)
        self.total = self.total + self._error(told - true).sum()
        self.count += told.numel()

    def compute(self) -> float:
        """The mean; NaN of nothing."""
        return float(self.total) / self.count if self.count else float("nan")


class MeanSquaredError(_Mean):
    """The mean of (output − target)².

    >>> import tenfold as tf
    >>> from tenfold.metrics import MeanSquaredError
    >>> MeanSquaredError()(tf.tensor([1.0, 2.0]), tf.tensor([1.0, 4.0]))
    2.0
    """

    name = "mse"

    def _error(self, difference: Tensor) -> Tensor:
        return difference.square()


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (output − target)².

    >>> import tenfold as tf
    >>> from tenfold.metrics import RootMeanSquaredError
    >>> RootMeanSquaredError()(tf.tensor([1.0, 2.0]), tf.tensor([3.0, 4.0]))
    2.0
    """

    name = "rmse"

    def compute(self) -> float:
        """The root of the mean; NaN of nothing."""
        return super().compute() ** 0.5


class MeanAbsoluteError(_Mean):
    """The mean of |output − target|.

    >>> import tenfold as tf
    >>> from tenfold.metrics import MeanAbsoluteError
    >>> MeanAbsoluteError()(tf.tensor([1.0, 2.0]), tf.tensor([1.0, 4.0]))
    1.0
    """

    name = "mae"

    def _error(self, difference: Tensor) -> Tensor:
        return difference.abs()


class R2Score(Metric):
    """The share of the targets' variance that the outputs explain: 1 − Σ(t − o)²/Σ(t − mean)².

    The spread about the mean is gathered batch by batch as T. F. Chan, G. H. Golub and R. J. LeVeque do (Updating
    formulae and a pairwise algorithm for computing sample variances, 1979), which keeps its digits. NaN for fewer
    than two samples; for targets that are all equal 1 where the outputs are right and 0 where not.

    >>> import tenfold as tf
    >>> from tenfold.metrics import R2Score
    >>> R2Score()(tf.tensor([1.0, 2.0, 3.0]), tf.tensor([1.0, 2.0, 4.0])) > 0.7
    True
    """

    name = "r2"
    _gathered = ("residual", "count", "mean", "spread")
    residual: float
    count: int
    mean: float
    spread: float

    def reset(self) -> None:
        self.residual = self.mean = self.spread = 0.0
        self.count = 0

    def _update(self, output: Tensor, target: Tensor) -> None:
        told, true = flat_pair("R2Score", output, target)
        count = true.numel()
        if count == 0:
            return
        mean = float(true.mean())
        step = mean - self.mean
        self.residual += float((told - true).square().sum())
        self.spread += float((true - mean).square().sum()) + step * step * self.count * count / (self.count + count)
        self.mean += step * count / (self.count + count)
        self.count += count

    def compute(self) -> float:
        """The score, at most 1."""
        if self.count < 2:
            return float("nan")
        if self.spread == 0:
            return 1.0 if self.residual == 0 else 0.0
        return 1 - self.residual / self.spread
