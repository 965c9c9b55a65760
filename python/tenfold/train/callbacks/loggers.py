"""Figures in files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tenfold.train.callbacks.base import Callback

if TYPE_CHECKING:
    from tenfold.train.trainer import Trainer

__all__ = ["CSVLogger", "JSONLogger"]


class _Logger(Callback):
    # After those that add figures, before checkpoints.
    order = 50

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
        """Writes the table again: a run that goes on from an earlier epoch leaves no line twice."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        raise NotImplementedError


class CSVLogger(_Logger):
    """Writes a table of a line an epoch to ``path`` after each one; what is no number is left out.

    >>> from tenfold.train import CSVLogger
    >>> CSVLogger("runs/a/history.csv").path
    'runs/a/history.csv'
    """

    def __init__(self, path: str | os.PathLike[str] = "runs/history.csv") -> None:
        super().__init__(path)

    def _write(self, trainer: Trainer) -> None:
        trainer.history.to_csv(self.path)


class JSONLogger(_Logger):
    """Writes a line of JSON an epoch (JSON Lines) to ``path`` after each one.

    >>> from tenfold.train import JSONLogger
    >>> JSONLogger("runs/a/history.jsonl").path
    'runs/a/history.jsonl'
    """

    def __init__(self, path: str | os.PathLike[str] = "runs/history.jsonl") -> None:
        super().__init__(path)

    def _write(self, trainer: Trainer) -> None:
        trainer.history.to_json(self.path)
