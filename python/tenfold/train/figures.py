"""The loss and the metrics of an epoch as it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.metrics import Metric

__all__ = ["Figures"]


class Figures:
    """Gathers them batch by batch; nothing is looked at before ``compute``."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self.reset()

    def reset(self) -> None:
        """Forgets all."""
        self._loss: Any = _core.tensor(0.0, dtype=_core.float64)
        self._count: Any = _core.tensor(0.0, dtype=_core.float64)
        self.samples = 0
        for metric in self.metrics:
            metric.reset()

    def add(self, loss: Tensor, output: Any, target: Any, count: Any, samples: int) -> None:
        """Adds a batch of so many samples, of which the loss is the mean with weights that sum up to ``count``."""
        with no_grad():
            self._loss = self._loss + loss.detach().double() * count
            self._count = self._count + count
            for metric in self.metrics:
                metric.update(output, target)
        self.samples += samples

    def compute(self) -> dict[str, Any]:
        """The figures by name."""
        count = float(self._count)
        loss = float(self._loss) / count if count else float("nan")
        return {"loss": loss, **{metric.name: metric.compute() for metric in self.metrics}}

    def state_dict(self) -> dict[str, Any]:
        """What was gathered, to go on from later."""
        metrics = [metric.state_dict() for metric in self.metrics]
        return {"loss": self._loss, "count": self._count, "samples": self.samples, "metrics": metrics}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._loss, self._count = state_dict["loss"], state_dict["count"]
        self.samples = state_dict["samples"]
        for metric, of_metric in zip(self.metrics, state_dict["metrics"], strict=True):
            metric.load_state_dict(of_metric)
