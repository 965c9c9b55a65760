"""What a person watching a terminal sees."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from tenfold.train.callbacks.base import Callback
from tenfold.train.history import is_number, said

if TYPE_CHECKING:
    from tenfold.train.trainer import Trainer

__all__ = ["ProgressBar"]


class ProgressBar(Callback):
    """A bar an epoch with loss, metrics and rate (by tqdm), and a line when the epoch is done.

    Where tqdm is not installed there are the lines alone, and so with ``bar=False``. A trainer adds one by itself
    when standard error is a terminal; see ``verbose`` of :meth:`Trainer.fit`.
    """

    # After those that add figures.
    order = 40
    interval = 0.2

    def __init__(self, bar: bool = True) -> None:
        self._tqdm: Any = None
        if bar:
            try:
                from tqdm import tqdm
            except ImportError:
                pass
            else:
                self._tqdm = tqdm
        self._bar: Any = None
        self._drawn = 0.0

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        """Begins the bar."""
        if self._tqdm is not None:
            self._bar = self._tqdm(
                total=trainer.batches_per_epoch,
                initial=trainer.batch,
                desc=self._title(trainer, epoch),
                unit="batch",
                leave=False,
                file=sys.stderr,
                dynamic_ncols=True,
            )

    def on_step_end(self, trainer: Trainer, step: int) -> None:
        """Moves the bar; looks at the figures now and then, because looking costs."""
        if self._bar is None:
            return
        now = time.monotonic()
        if now - self._drawn >= self.interval:
            self._drawn = now
            self._bar.set_postfix_str(_line(trainer.running_figures()), refresh=False)
        self._bar.update(trainer.batch - self._bar.n)

    def on_validation_begin(self, trainer: Trainer) -> None:
        """Says what it waits for."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"{_line(trainer.running_figures())}, validating")

    def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
        """The line of the epoch."""
        self._close()
        print(f"{self._title(trainer, epoch)}  {_line(figures, '  ')}", file=sys.stderr, flush=True)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Takes a bar away that was not finished."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @staticmethod
    def _title(trainer: Trainer, epoch: int) -> str:
        return f"epoch {epoch:{len(str(trainer.epochs))}}/{trainer.epochs}"


def _line(figures: dict[str, Any], between: str = ", ") -> str:
    parts = []
    for name, value in figures.items():
        if name == "seconds":
            parts.append(f"{value:.1f} s")
        elif name == "samples_per_second":
            parts.append(f"{value:,.0f} samples/s")
        elif is_number(value):
            parts.append(f"{name} {said(value)}")
    return between.join(parts)
