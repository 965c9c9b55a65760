"""Epochs, steps and validations, one after the other."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.metrics import Metric
from tenfold.train import data as _data
from tenfold.train.figures import Figures
from tenfold.train.run_state import RunState
from tenfold.train.state import random_state, set_random_state
from tenfold.train.step import Stepper

__all__ = ["Loop"]


class Loop(RunState):
    """Runs through the data as often as asked for."""

    metrics: Sequence[Metric]

    def compute(self, batch: Any) -> tuple[Tensor, Any, Any, Any]:
        """Loss, output, target and number of samples of a batch."""
        raise NotImplementedError

    def _run(self, loader: Any, validation: Any, steps_per_epoch: int | None) -> None:
        self._loader = loader
        length = _data.length_of(loader)
        known = [count for count in (length, steps_per_epoch) if count is not None]
        self.batches_per_epoch = min(known) if known else None
        self._make_scheduler()
        self._is_beginning = False
        self._load_rates()
        stepper = Stepper(self)
        self._stand()
        while not self.is_finished:
            started = time.perf_counter()
            begun_at = self.batch
            if self.batch == 0:
                self._figures.reset()
            self._each("on_epoch_begin", self.epoch + 1)
            if self.batch:
                # What callbacks have drawn just now was drawn when the epoch began.
                self._stand()
            if not self._train_epoch(stepper, loader):
                return
            seconds = time.perf_counter() - started
            figures = self._figures.compute()
            if validation is not None:
                before = self._running_state()
                self._each("on_validation_begin")
                measured = self._measure(validation)
                if self._interrupted:
                    # As if the validation had not begun: it is done again.
                    self._restore_running(before)
                    self._end_interrupted()
                    return
                figures |= {f"val_{name}": value for name, value in measured.items()}
            if self.scheduler is not None and self._schedules("epoch"):
                self._step_scheduler(figures)
            figures["seconds"] = seconds
            if begun_at == 0 and seconds > 0:
                figures["samples_per_second"] = self._figures.samples / seconds
            self.history.epochs.append(figures)
            self.epoch += 1
            self.batch = 0
            self._each("on_epoch_end", self.epoch, figures)
            if self._interrupted and not self.is_finished:
                self._end_interrupted()
                return

    def _stand(self) -> None:
        """Goes on with the random numbers where a run that was loaded stood."""
        if self._loaded_random is not None:
            set_random_state(self._loaded_random, _data.generators_of(self._loader))

    def _train_epoch(self, stepper: Stepper, loader: Any) -> bool:
        """The rest of the epoch; False where Ctrl-C ended it."""
        self.model.train()
        if self.batch:
            # The order is drawn as it was when the epoch began; what is drawn then goes on where it stood.
            set_random_state(self._epoch_random, _data.generators_of(loader))
            batches = _data.batches_from(loader, self.batch)
            self._stand()
        else:
            self._epoch_random = random_state(_data.generators_of(loader))
            batches = iter(loader)
        try:
            return self._train_batches(stepper, batches)
        finally:
            # Workers end now, and not when somebody collects the iterator.
            if hasattr(batches, "close"):
                batches.close()

    def _train_batches(self, stepper: Stepper, batches: Iterator[Any]) -> bool:
        pending: list[Any] = []
        while self.batches_per_epoch is None or self.batch + len(pending) < self.batches_per_epoch:
            batch = next(batches, None)
            if batch is None:
                break
            pending.append(batch)
            whole = self.batches_per_epoch is not None and self.batch + len(pending) == self.batches_per_epoch
            if len(pending) == self.accumulate or whole:
                self._do_step(stepper, pending)
                pending = []
                if self._interrupted:
                    self._end_interrupted()
                    return False
                if self.stop_training:
                    break
        if pending:
            self._do_step(stepper, pending)
        if self.batch == 0:
            raise ValueError("fit: the data has no batches")
        return True

    def _do_step(self, stepper: Stepper, batches: list[Any]) -> None:
        stepper(batches)
        self.batch += len(batches)
        self.step += 1
        if self.scheduler is not None and self._schedules("step"):
            self.scheduler.step()
        self._each("on_step_end", self.step)

    def _measure(self, loader: Any) -> dict[str, Any]:
        figures = Figures([_new(metric) for metric in self.metrics])
        with self._evaluating():
            for batch in loader:
                loss, output, target, count = self.compute(batch)
                figures.add(loss, output, target, count, _data.samples_of(batch))
                if self._interrupted:
                    break
        return figures.compute()

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        was_training = self.model.training
        self.model.eval()
        try:
            with no_grad():
                yield
        finally:
            self.model.train(was_training)

    def _interrupt(self) -> None:
        self._interrupted = True

    def _end_interrupted(self) -> None:
        self.history.interrupted = True
        self._each("on_interrupt")


def _new(metric: Metric) -> Metric:
    """Another metric of the same kind that has gathered nothing."""

    other = copy.copy(metric)
    other.reset()
    return other
