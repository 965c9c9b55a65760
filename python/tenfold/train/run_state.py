"""All that a run is, so that it can be saved and gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenfold.nn.modules.module import Module
from tenfold.optim import Optimizer
from tenfold.train import data as _data
from tenfold.train.callbacks import Callback
from tenfold.train.figures import Figures
from tenfold.train.history import History
from tenfold.train.named import make_scheduler
from tenfold.train.precision import Precision
from tenfold.train.state import load_state, random_state, save_state, set_random_state

__all__ = ["RunState"]


class RunState:
    """What a trainer has and where its run is."""

    model: Module
    optimizer: Optimizer

    def __init__(
        self,
        scheduler: Any,
        schedule: str,
        accumulate: int,
        clip_norm: float | None,
        precision: str,
        figures: Figures,
    ) -> None:
        self.scheduler = scheduler
        self.schedule = schedule
        self._scheduler_to_make = scheduler if isinstance(scheduler, str | type) else None
        self.accumulate = accumulate
        self.clip_norm = clip_norm
        self.precision = Precision(precision)
        self.history = History()
        #: Set to True by a callback, it ends the run after the present step.
        self.stop_training = False
        #: How many epochs `fit` was asked for, and how many are done.
        self.epochs = self.epoch = 0
        #: Batches done of the present epoch, and batches in one (None where nobody knows).
        self.batch = 0
        self.batches_per_epoch: int | None = None
        #: Optimizer steps since the run began.
        self.step = 0
        self._figures = figures
        self._callbacks: list[Callback] = []
        self._interrupted = False
        self._loader: Any = None
        # The random numbers where the run and the epoch began.
        self._fit_random: dict[str, Any] = {}
        self._epoch_random: dict[str, Any] = {}
        # What was loaded before the scheduler is made and the data known.
        self._is_beginning = False
        self._loaded: tuple[Any, Any] | None = None
        self._loaded_random: dict[str, Any] | None = None

    @property
    def is_finished(self) -> bool:
        """True when all epochs are done, or a callback ended the run."""
        return self.stop_training or self.epoch >= self.epochs

    def running_figures(self) -> dict[str, Any]:
        """The loss and the metrics of the present epoch so far. Looking makes the computation wait."""
        return self._figures.compute()

    # --- States

    def state_dict(self) -> dict[str, Any]:
        """All that the run is: what :class:`Checkpoint` saves."""
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if hasattr(self.scheduler, "state_dict") else None,
            "precision": self.precision.state_dict(),
            "callbacks": {_name(self._callbacks, i): one.state_dict() for i, one in enumerate(self._callbacks)},
            "history": self.history.state_dict(),
            "stopped": self.stop_training,
            "fit_random": self._fit_random,
            **self._running_state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from such a state, in :meth:`fit` of the same data."""
        self.model.load_state_dict(state_dict["model"])
        self._loaded = state_dict["optimizer"], state_dict["scheduler"]
        if not self._is_beginning:
            self._load_rates()
        self.precision.load_state_dict(state_dict["precision"])
        for i, one in enumerate(self._callbacks):
            if (of_callback := state_dict["callbacks"].get(_name(self._callbacks, i))) is not None:
                one.load_state_dict(of_callback)
        self.history.load_state_dict(state_dict["history"])
        self.stop_training = state_dict["stopped"]
        self._fit_random = state_dict["fit_random"]
        self._restore_running(state_dict)

    def _load_rates(self) -> None:
        """Loads the states of optimizer and scheduler, after a scheduler was made that sets first rates."""
        if self._loaded is not None:
            self.optimizer.load_state_dict(self._loaded[0])
            if self.scheduler is not None and self._loaded[1] is not None:
                self.scheduler.load_state_dict(self._loaded[1])
            self._loaded = None

    def _running_state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "figures": self._figures.state_dict(),
            "random": random_state(_data.generators_of(self._loader)),
            "epoch_random": self._epoch_random,
        }

    def _restore_running(self, state: dict[str, Any]) -> None:
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
        self._figures.load_state_dict(state["figures"])
        self._epoch_random = state["epoch_random"]
        self._loaded_random = state["random"]
        if self._loader is not None:
            set_random_state(state["random"], _data.generators_of(self._loader))

    def save(self, path: Any) -> None:
        """Writes :meth:`state_dict` to a file, whole or not at all."""
        save_state(self.state_dict(), path)

    def load(self, path: Any) -> None:
        """Gives model, optimizer and precision the state of a file that :meth:`save` or a checkpoint wrote."""
        self.load_state_dict(load_state(path))

    def _make_scheduler(self) -> None:
        if isinstance(self._scheduler_to_make, str):
            steps = None
            if self.batches_per_epoch is not None:
                steps = -(-self.batches_per_epoch // self.accumulate) * self.epochs
            self.scheduler, self.schedule = make_scheduler(self.optimizer, self._scheduler_to_make, steps)
        elif self._scheduler_to_make is not None:
            self.scheduler = self._scheduler_to_make(self.optimizer)

    def _schedules(self, when: str) -> bool:
        return self.schedule == when

    def _step_scheduler(self, figures: dict[str, Any]) -> None:
        from tenfold.optim.lr_scheduler import ReduceLROnPlateau

        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(figures.get("val_loss", figures["loss"]))
        else:
            self.scheduler.step()

    def _each(self, moment: str, *arguments: Any) -> None:
        for callback in self._callbacks:
            getattr(callback, moment)(self, *arguments)


def _name(callbacks: Sequence[Callback], number: int) -> str:
    """A name in a checkpoint: by class and place among its like, so that others may be added or left out."""
    kind = type(callbacks[number]).__name__
    return f"{kind}-{sum(type(one).__name__ == kind for one in callbacks[:number])}"
