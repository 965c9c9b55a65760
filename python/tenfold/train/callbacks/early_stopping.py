"""Stopping when a figure gets no better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tenfold.train.callbacks.base import Best, Callback

if TYPE_CHECKING:
    from tenfold.train.trainer import Trainer

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Ends the run when ``monitor`` has not become better by more than ``min_delta`` in ``patience`` epochs.

    ``monitor`` is the loss of the validation (of the training where there is none) unless named; ``mode`` ``"min"``
    or ``"max"`` says which way is better, ``"auto"`` knows it of losses and metrics. With ``restore_best`` the model
    has the weights of the best epoch at the end, however it ended. ``best_epoch`` (from 1) and ``best`` say which.

    >>> from tenfold.train import EarlyStopping
    >>> EarlyStopping(monitor="val_accuracy", patience=5).patience
    5
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 3,
        min_delta: float = 0.0,
        mode: Literal["auto", "min", "max"] = "auto",
        restore_best: bool = True,
    ) -> None:
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience should be at least 1; got {patience}")
        self.patience = patience
        self.restore_best = restore_best
        self._best = Best("EarlyStopping", monitor, mode, min_delta)
        self._forget()

    def _forget(self) -> None:
        self._best.value = None
        self.best_epoch = 0
        self.stopped_epoch = 0
        self._weights: dict[str, Any] | None = None

    @property
    def best(self) -> float | None:
        """The figure of the best epoch."""
        return self._best.value

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Forgets an earlier run."""
        self._forget()

    def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
        """Remembers a new best, or stops."""
        if self._best.improved(trainer, figures):
            self.best_epoch = epoch
            if self.restore_best:
                self._weights = {
                    name: value.detach().clone() if hasattr(value, "detach") else value
                    for name, value in trainer.model.state_dict().items()
                }
        elif epoch - self.best_epoch >= self.patience:
            self.stopped_epoch = epoch
            trainer.stop_training = True

    def on_fit_end(self, trainer: Trainer) -> None:
        """Gives the model the weights of the best epoch."""
        if self._weights is not None:
            trainer.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far, with its weights."""
        return {
            "best": self._best.value,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "weights": self._weights,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._best.value = state_dict["best"]
        self.best_epoch = state_dict["best_epoch"]
        self.stopped_epoch = state_dict["stopped_epoch"]
        self._weights = state_dict["weights"]
