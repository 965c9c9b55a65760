"""Saving all that a run is, and going on from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tenfold import safetensors
from tenfold.train.callbacks.base import Best, Callback
from tenfold.train.state import load_state, save_state

if TYPE_CHECKING:
    from tenfold.train.trainer import Trainer

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Saves the whole state of the run into ``folder``, and goes on from there when the program is started again.

    ``last.safetensors`` has model, optimizer, scheduler, random numbers, the place in the data, the history and what
    callbacks remember, after every ``every_epochs`` epochs and, if given, every ``every_steps`` optimizer steps; a
    run that was killed, at any moment, and is started again ends with the same bits as one that was not.
    ``best.safetensors`` has the weights of the best epoch alone, by ``monitor`` and ``mode`` as in
    :class:`EarlyStopping`. With ``keep`` that many states of earlier epochs stay (``epoch-3.safetensors``).
    ``resume=False`` begins anew whatever is there.

    For the same bits a program must be the same up to ``fit``: same model, data and arguments, and what it draws
    before comes from a seed. More epochs may be asked for than before.

    >>> from tenfold.train import Checkpoint
    >>> Checkpoint("runs/a").last.name
    'last.safetensors'
    """

    order = 100

    def __init__(
        self,
        folder: str | os.PathLike[str] = "runs",
        every_steps: int | None = None,
        every_epochs: int = 1,
        monitor: str | None = None,
        mode: Literal["auto", "min", "max"] = "auto",
        keep: int = 0,
        resume: bool = True,
    ) -> None:
        for name, value, least in (
            ("every_steps", every_steps, 1),
            ("every_epochs", every_epochs, 1),
            ("keep", keep, 0),
        ):
            if value is not None and value < least:
                raise ValueError(f"Checkpoint: {name} should be at least {least}; got {value}")
        self.folder = Path(folder)
        self.every_steps = every_steps
        self.every_epochs = every_epochs
        self.keep = keep
        self.resume = resume
        self._best = Best("Checkpoint", monitor, mode, 0.0)

    @property
    def last(self) -> Path:
        """The file of the last state."""
        return self.folder / "last.safetensors"

    @property
    def best(self) -> Path:
        """The file of the best weights."""
        return self.folder / "best.safetensors"

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Goes on from the last state, if there is one."""
        self._best.value = None
        self.folder.mkdir(parents=True, exist_ok=True)
        # What a process that was killed while it wrote has left.
        for left_over in self.folder.glob("*.safetensors.*.tmp"):
            left_over.unlink(missing_ok=True)
        if self.resume and self.last.exists():
            trainer.load_state_dict(load_state(self.last))

    def on_step_end(self, trainer: Trainer, step: int) -> None:
        """Saves, if it is time."""
        if self.every_steps is not None and step % self.every_steps == 0:
            self.save(trainer)

    def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
        """Saves, if it is time, and always at the end."""
        if self._best.improved(trainer, figures):
            safetensors.save_file(trainer.model.state_dict(), self.best)
        if epoch % self.every_epochs == 0 or trainer.is_finished:
            self.save(trainer)
            if self.keep:
                self._keep(epoch)

    def on_interrupt(self, trainer: Trainer) -> None:
        """Saves what was learnt."""
        self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Saves the state now."""
        save_state(trainer.state_dict(), self.last)

    def _keep(self, epoch: int) -> None:
        """A second name for the file, which the next one does not take away."""
        named = self.folder / f"epoch-{epoch}.safetensors"
        named.unlink(missing_ok=True)
        try:
            os.link(self.last, named)
        except OSError:  # a file system without links
            import shutil

            shutil.copyfile(self.last, named)
        numbers = sorted(
            int(digits)
            for path in self.folder.glob("epoch-*.safetensors")
            if (digits := path.stem.removeprefix("epoch-")).isdigit()
        )
        for number in numbers[: -self.keep]:
            (self.folder / f"epoch-{number}.safetensors").unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        """The best figure so far."""
        return {"best": self._best.value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._best.value = state_dict["best"]
