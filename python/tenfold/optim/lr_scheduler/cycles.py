"""Rates that go up and down, with momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tenfold.optim.lr_scheduler.base import LRScheduler, check_momentum, function_state, one_a_group, set_momentum
from tenfold.optim.optimizer import Optimizer


class CyclicLR(LRScheduler):
    """Up from ``base_lr`` to ``max_lr`` in ``step_size_up`` steps and down in ``step_size_down``, again and again.

    ``mode`` is "triangular", "triangular2" (half as high each time) or "exp_range" (times ``gamma``^step); a
    ``scale_fn`` of the cycle or of the step (``scale_mode`` "cycle" or "iterations") stands for it. With
    ``cycle_momentum`` the momentum (or the first beta) moves the other way, between ``max_momentum`` and
    ``base_momentum``.

    L. Smith, Cyclical Learning Rates for Training Neural Networks, 2015, https://arxiv.org/abs/1506.01186

    >>> import tenfold as tf
    >>> optimizer = tf.optim.SGD([tf.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tf.optim.lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2, cycle_momentum=False)
    >>> [(scheduler.step(), scheduler.get_last_lr()[0])[1] for _ in range(5)]
    [0.5, 1.0, 0.5, 0.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"CyclicLR: {type(optimizer).__name__} is not an Optimizer")
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(f"CyclicLR: mode must be triangular, triangular2 or exp_range; got {mode!r}")
        groups = optimizer.param_groups
        base_lrs = one_a_group("CyclicLR", "base_lr", base_lr, len(groups))
        if last_epoch == -1:
            for rate, group in zip(base_lrs, groups, strict=True):
                group["lr"] = rate
        self.max_lrs = one_a_group("CyclicLR", "max_lr", max_lr, len(groups))
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = one_a_group("CyclicLR", "base_momentum", base_momentum, len(groups))
            self.max_momentums = one_a_group("CyclicLR", "max_momentum", max_momentum, len(groups))
            for low, high, group in zip(self.base_momentums, self.max_momentums, groups, strict=True):
                check_momentum("CyclicLR", group)
                if last_epoch == -1:
                    set_momentum(group, high)
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """How high a cycle (or step) goes, of the whole height."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / 2.0 ** (x - 1)
        return self.gamma**x if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        place = 1.0 + self.last_epoch / self.total_size - cycle
        height = place / self.step_ratio if place <= self.step_ratio else (place - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                set_momentum(group, high - (high - low) * height * scale)
        # The rates of the groups, from which the first step starts, are the lowest ones.
        base_lrs = self._rates() if self._is_initial else self.base_lrs
        return [low + (high - low) * height * scale for low, high in zip(base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer and a plain function; of an object that can be called, its attributes."""
        return {**super().state_dict(), "_scale_fn_custom": function_state(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state; a plain function stays the one that was given."""
        self.__dict__.update({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if (state := state_dict["_scale_fn_custom"]) is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(state)


class OneCycleLR(LRScheduler):
    """From ``max_lr``/``div_factor`` up to ``max_lr``, then down to the initial rate/``final_div_factor``.

    The cycle has ``total_steps`` steps, or ``epochs``·``steps_per_epoch``, of which ``pct_start`` go up. With
    ``cycle_momentum`` the momentum (or the first beta) moves the other way, between ``max_momentum`` and
    ``base_momentum``. With ``three_phase`` it comes down as fast as it went up, and then to the end.

    L. Smith and N. Topin, Super-Convergence, 2017, https://arxiv.org/abs/1708.07120
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or both epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if total_steps <= 0 or not isinstance(total_steps, int):
            raise ValueError(f"OneCycleLR: expected positive integer total_steps; got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: expected pct_start between 0 and 1; got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear'; got {anneal_strategy!r}")
        self.total_steps = total_steps
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        up = float(pct_start * total_steps) - 1
        ends = (up, 2 * up, total_steps - 1) if three_phase else (up, total_steps - 1)
        rates = ("initial_lr", "max_lr", "initial_lr", "min_lr") if three_phase else ("initial_lr", "max_lr", "min_lr")
        momenta = ("max_momentum", "base_momentum", "max_momentum", "max_momentum")[: len(rates)]
        self._phases = [(end, rates[i : i + 2], momenta[i : i + 2]) for i, end in enumerate(ends)]
        if last_epoch == -1:
            groups = optimizer.param_groups
            highest = one_a_group("OneCycleLR", "max_lr", max_lr, len(groups))
            for group, high in zip(groups, highest, strict=True):
                group["lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = high / div_factor / final_div_factor
            if cycle_momentum:
                bounds = zip(
                    groups,
                    one_a_group("OneCycleLR", "base_momentum", base_momentum, len(groups)),
                    one_a_group("OneCycleLR", "max_momentum", max_momentum, len(groups)),
                    strict=True,
                )
                for group, low, high in bounds:
                    check_momentum("OneCycleLR", group)
                    group["base_momentum"], group["max_momentum"] = low, high
                    set_momentum(group, high)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR: tried to step {self.last_epoch} times; the specified number of total steps is "
                f"{self.total_steps}"
            )
        ends = [end for end, _, _ in self._phases]
        phase = next((i for i, end in enumerate(ends) if self.last_epoch <= end), len(ends) - 1)
        end, rates, momenta = self._phases[phase]
        start = ends[phase - 1] if phase else 0.0
        part = (self.last_epoch - start) / (end - start)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                set_momentum(group, self._between(group[momenta[0]], group[momenta[1]], part))
        return [self._between(group[rates[0]], group[rates[1]], part) for group in self.optimizer.param_groups]

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * part
        return end + (start - end) / 2 * (1 + math.cos(math.pi * part))
