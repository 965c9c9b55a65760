"""What all schedulers share."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any

from tenfold.optim.optimizer import Optimizer


class LRScheduler:
    """Sets the rate of each group of ``optimizer``; ``last_epoch`` is the number of steps done, −1 to begin.

    A subclass gives the rates of the present step in ``get_lr``, as a rule from the present ones, so that schedulers
    can be chained. One that has a formula for any step gives it in ``_get_closed_form_lr`` too.
    """

    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: {type(optimizer).__name__} is not an Optimizer")
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: param 'initial_lr' is not specified in param_groups[{number}] "
                    "when resuming"
                )
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """The step that sets the first rates."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[float]:
        """The rates of the present step, one a group."""
        raise NotImplementedError(f"{type(self).__name__}: get_lr is missing")

    def get_last_lr(self) -> list[float]:
        """The rates that were set last, one a group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Goes one step on and sets the rates. To go to step ``epoch`` instead is deprecated, as in PyTorch."""
        self._step_count += 1
        if epoch is not None:
            warnings.warn(
                f"{type(self).__name__}: step(epoch) is deprecated. Hint: call step() without one", stacklevel=2
            )
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            self.last_epoch = epoch
            closed_form = getattr(self, "_get_closed_form_lr", self.get_lr)
            rates = closed_form()
        self._set(rates)

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr: list[float] = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.__dict__.update(state_dict)


def one_a_group(operation: str, name: str, value: Any, groups: int) -> list[Any]:
    """One value for all groups, or a list of one a group."""
    if not isinstance(value, list | tuple):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{operation}: expected {groups} values for {name}; got {len(value)}")
    return list(value)


def function_state(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """What is saved of a function: nothing of a plain one, the attributes of an object that can be called."""
    if function is None or isinstance(function, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        return None
    return dict(function.__dict__)


def set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Sets the momentum of a group, or its first beta."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def check_momentum(operation: str, group: dict[str, Any]) -> None:
    """Raises ValueError for a group that has neither momentum nor betas."""
    if "betas" not in group and "momentum" not in group:
        raise ValueError(f"{operation}: optimizer must support momentum or beta1 with cycle_momentum enabled")
