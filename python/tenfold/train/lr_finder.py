"""Which learning rate to begin with."""

from __future__ import annotations

import copy
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenfold.train import data as _data
from tenfold.train.state import random_state, set_random_state

if TYPE_CHECKING:
    from tenfold.train.trainer import Trainer

__all__ = ["LearningRates", "find_learning_rate"]


@dataclass(frozen=True)
class LearningRates:
    """The losses of one step at each of growing rates, smoothed.

    ``suggestion`` is the rate at which the loss falls fastest (by the logarithm of the rate): large, and still on the
    way down. Source: L. N. Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017.
    """

    rates: list[float]
    losses: list[float]

    @property
    def suggestion(self) -> float:
        """The rate at which the loss falls fastest."""
        if len(self.losses) < 3:
            raise ValueError(
                f"find_learning_rate: {len(self.losses)} losses say nothing. Hint: more steps, a lower low"
            )
        # Beyond its lowest point the loss tells nothing of a good rate.
        end = max(2, min(range(len(self.losses)), key=self.losses.__getitem__))
        slopes = [(self.losses[i + 1] - self.losses[i - 1]) for i in range(1, end)]
        return self.rates[1 + min(range(len(slopes)), key=slopes.__getitem__)]

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draws the losses over the rates, the suggestion marked; saves it to ``path``; gives the picture."""
        from tenfold.train.plots import new_figure, save

        figure = new_figure(figsize=(6, 4))
        axes = figure.add_subplot()
        axes.plot(self.rates, self.losses)
        axes.axvline(self.suggestion, linestyle="--", color="gray", label=f"suggestion {self.suggestion:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        return save(figure, path)


def find_learning_rate(trainer: Trainer, loader: Any, low: float, high: float, steps: int) -> LearningRates:
    """Trains with rates that grow by one factor a step, until the loss is four times its best; undoes it all."""
    if not 0 < low < high:
        raise ValueError(f"find_learning_rate: needs 0 < low < high; got {low:g} and {high:g}")
    if steps < 3:
        raise ValueError(f"find_learning_rate: steps should be at least 3; got {steps}")
    from tenfold.train.step import Stepper

    optimizer, model = trainer.optimizer, trainer.model
    generators = _data.generators_of(loader)
    before = random_state(generators)
    weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    scaling = trainer.precision.state_dict()
    was_training = model.training
    stepper = Stepper(trainer)
    rates: list[float] = []
    losses: list[float] = []
    average = 0.0
    try:
        model.train()
        batches = iter(loader)
        for step in range(steps):
            rate = low * (high / low) ** (step / (steps - 1))
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = next(batches, None)
            if batch is None:
                batches = iter(loader)
                batch = next(batches)
            trainer._figures.reset()
            stepper([batch])
            loss = trainer._figures.compute()["loss"]
            # An exponential mean without the bias of its beginning.
            average = 0.9 * average + 0.1 * loss
            smooth = average / (1 - 0.9 ** (step + 1))
            if not math.isfinite(smooth) or (losses and smooth > 4 * min(losses)):
                break
            rates.append(rate)
            losses.append(smooth)
    finally:
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
        optimizer.zero_grad()
        trainer.precision.load_state_dict(scaling)
        trainer._figures.reset()
        model.train(was_training)
        set_random_state(before, generators)
    return LearningRates(rates, losses)
