"""Schedulers of schedulers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from tenfold.optim.lr_scheduler.base import LRScheduler
from tenfold.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tenfold.optim.optimizer import Optimizer


class _OfSchedulers(LRScheduler):
    """Checks and state of a scheduler that has others."""

    def _take(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        operation = type(self).__name__
        if not schedulers:
            raise ValueError(f"{operation}: expects at least one scheduler; got none")
        for number, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{operation}: scheduler {number} has no optimizer; got {type(scheduler).__name__}")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{operation}: does not support ReduceLROnPlateau, whose step needs a measure; got one as {number}"
                )
            if scheduler.optimizer is not (optimizer or schedulers[0].optimizer):
                raise ValueError(f"{operation}: all schedulers must belong to one optimizer; not so scheduler {number}")
        self._schedulers = schedulers
        self.optimizer = optimizer or schedulers[0].optimizer

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer, with the states of the schedulers."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.__dict__.update({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_OfSchedulers):
    """One scheduler after the other: the next one begins at each of the steps in ``milestones``.

    >>> import tenfold as tf
    >>> from tenfold.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = tf.optim.SGD([tf.zeros(1, requires_grad=True)], lr=1.0)
    >>> first, second = ConstantLR(optimizer, 0.25, total_iters=9), ExponentialLR(optimizer, 0.5)
    >>> scheduler = SequentialLR(optimizer, [first, second], milestones=[2])
    >>> [(scheduler.step(), scheduler.get_last_lr()[0])[1] for _ in range(4)]
    [0.25, 1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._take(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones; "
                f"got {len(milestones)}"
            )
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        # Each has set its first rates when it was made: that is taken back, and the first one begins.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self.recursive_undo()
        first = self._schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: LRScheduler | None = None) -> None:
        """Takes the first step of all schedulers back, and of those that they have."""
        scheduler = self if sched is None else sched
        if hasattr(scheduler, "_schedulers"):
            for part in scheduler._schedulers:
                self.recursive_undo(part)
        else:
            scheduler.last_epoch -= 1

    def step(self, epoch: int | None = None) -> None:
        """Goes one step on and sets the rates."""
        if epoch is not None:
            raise TypeError("SequentialLR: step takes no epoch")
        self.last_epoch += 1
        number = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[number]
        if number > 0 and self._milestones[number - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_OfSchedulers):
    """All of several schedulers at each step, one after the other.

    >>> import tenfold as tf
    >>> from tenfold.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = tf.optim.SGD([tf.zeros(1, requires_grad=True)], lr=1.0)
    >>> both = [ConstantLR(optimizer, 0.25, total_iters=2), ExponentialLR(optimizer, 0.5)]
    >>> scheduler = ChainedScheduler(both)
    >>> [(scheduler.step(), scheduler.get_last_lr()[0])[1] for _ in range(2)]
    [0.125, 0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take(optimizer, schedulers)
        self._last_lr = self._rates()

    def step(self, epoch: int | None = None) -> None:
        """Goes one step on and sets the rates."""
        if epoch is not None:
            raise TypeError("ChainedScheduler: step takes no epoch")
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates()
