"""What all callbacks share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tenfold.train.trainer import Trainer

__all__ = ["Best", "Callback"]


class Callback:
    """Is called as training goes on; a subclass defines the moments that it cares for.

    ``figures`` has the loss and the metrics of the epoch by name, those of the validation with ``val_`` before; what
    a callback adds to it is in the history. ``trainer.stop_training = True`` ends the run after the step. What a
    callback must remember beyond the process is in its ``state_dict``.
    """

    # Where several callbacks are called, in ascending order; checkpoints come last, so that they hold what the
    # others have come to.
    order = 0

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before anything else."""

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        """Before the first batch of epoch number ``epoch``, counted from 1."""

    def on_step_end(self, trainer: Trainer, step: int) -> None:
        """After optimizer step number ``step``, counted from 1 since training began."""

    def on_validation_begin(self, trainer: Trainer) -> None:
        """After the last batch of an epoch, where there is validation data."""

    def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
        """After the validation."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """When Ctrl-C has ended the run, after the step that it fell into."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """At the end, also after Ctrl-C or an error."""

    def state_dict(self) -> dict[str, Any]:
        """What the callback remembers, for a checkpoint."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state."""


class Best:
    """Which epoch was the best by a figure.

    ``monitor`` None is the loss of the validation, or of the training where there is no validation. ``mode`` is
    ``"min"``, ``"max"``, or ``"auto"``: what the metric of that name says.
    """

    def __init__(
        self, operation: str, monitor: str | None, mode: Literal["auto", "min", "max"], min_delta: float
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{operation}: mode is 'auto', 'min' or 'max'; got {mode!r}")
        self.operation = operation
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.value: float | None = None

    def improved(self, trainer: Trainer, figures: dict[str, Any]) -> bool:
        """True for a new best, which is remembered."""
        name = self.monitor or ("val_loss" if "val_loss" in figures else "loss")
        value = figures.get(name)
        if not isinstance(value, int | float):
            known = ", ".join(key for key, figure in figures.items() if isinstance(figure, int | float))
            raise ValueError(f"{self.operation}: there is no figure {name!r} to monitor. Hint: one of {known}")
        mode = self.mode
        if mode == "auto":
            mode = "max" if trainer.higher_is_better(name) else "min"
        if math.isnan(value):
            return False
        gain = math.inf if self.value is None else (value - self.value) * (1 if mode == "max" else -1)
        if gain <= self.min_delta:
            return False
        self.value = value
        return True
