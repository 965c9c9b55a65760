"""What all metrics share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad

__all__ = ["Metric", "check_classes", "class_scores", "flat_pair"]


class Metric:
    """A figure gathered batch by batch: ``update`` with each batch, then ``compute``.

    A subclass keeps what it gathers in attributes named in ``_gathered`` (tensors, numbers or lists of them), sets
    them in ``reset``, and defines ``_update`` and ``compute``. ``higher_is_better`` says which way is good, ``name``
    under which name a trainer reports the figure.

    >>> import tenfold as tf
    >>> from tenfold.metrics import Metric
    >>> class Largest(Metric):
    ...     name = "largest"
    ...     _gathered = ("value",)
    ...     def reset(self):
    ...         self.value = 0.0
    ...     def _update(self, output, target):
    ...         self.value = max(self.value, output.max().item())
    ...     def compute(self):
    ...         return self.value
    >>> Largest()(tf.tensor([1.0, 4.0]), tf.tensor([0.0, 0.0]))
    4.0
    """

    name: str = ""
    higher_is_better: bool = True
    _gathered: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.name = self.name or type(self).__name__.lower()
        self.reset()

    def reset(self) -> None:
        """Forgets what was gathered."""
        raise NotImplementedError(f"{type(self).__name__}: reset is missing")

    def _update(self, output: Any, target: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__}: _update is missing")

    def update(self, output: Any, target: Any) -> None:
        """Adds a batch; no gradient is recorded."""
        with no_grad():
            self._update(output, target)

    def compute(self) -> Any:
        """The figure of all batches since the last ``reset``."""
        raise NotImplementedError(f"{type(self).__name__}: compute is missing")

    def __call__(self, output: Any, target: Any) -> Any:
        """The figure of this batch alone; what was gathered before stays."""
        kept = self.state_dict()
        self.reset()
        try:
            self.update(output, target)
            return self.compute()
        finally:
            self.load_state_dict(kept)

    def state_dict(self) -> dict[str, Any]:
        """What was gathered, to go on from later."""
        return {
            name: list(value) if isinstance(value := getattr(self, name), list) else value for name in self._gathered
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on from a state."""
        for name in self._gathered:
            value = state_dict[name]
            setattr(self, name, list(value) if isinstance(value, list) else value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


def flat_pair(operation: str, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Output and target of one shape as vectors of float64; (N, 1) fits (N,)."""
    if tuple(output.shape) != tuple(target.shape) and _squeezed(output) != _squeezed(target):
        raise _core.ShapeError(
            f"{operation}: output and target should have one shape; got {tuple(output.shape)} and {tuple(target.shape)}"
        )
    return output.detach().double().reshape(-1), target.detach().double().reshape(-1)


def _squeezed(tensor: Tensor) -> tuple[int, ...]:
    return tuple(extent for extent in tensor.shape if extent != 1)


def check_classes(operation: str, output: Tensor, target: Tensor) -> None:
    """Raises ShapeError unless there are scores (N, C, …) and classes (N, …)."""
    if output.ndim != target.ndim + 1 or (*output.shape[:1], *output.shape[2:]) != tuple(target.shape):
        raise _core.ShapeError(
            f"{operation}: needs scores (N, C, …) and classes (N, …); got {tuple(output.shape)} and "
            f"{tuple(target.shape)}"
        )


def class_scores(operation: str, output: Tensor, target: Tensor, ignore_index: int | None) -> tuple[Tensor, Tensor]:
    """Scores (M, C) and classes (M,) out of outputs (N, C, …) and targets (N, …), without what is ignored."""
    check_classes(operation, output, target)
    classes = output.shape[1]
    scores = output.detach().movedim(1, -1).reshape(-1, classes)
    labels = target.detach().reshape(-1)
    if ignore_index is not None:
        kept = labels != ignore_index
        scores, labels = scores[kept], labels[kept]
    return scores, labels.to(_core.int64)
