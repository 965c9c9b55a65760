"""The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import enable_grad, no_grad
from tenfold.optim._arguments import check_not_negative
from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["LBFGS"]


class _Point(NamedTuple):
    """A place on the line of search: how far, the loss there, its gradient and its slope along the line."""

    distance: float
    loss: float
    gradient: Tensor
    slope: float


class LBFGS(Optimizer):
    """A quasi-Newton method: goes along −H·gradient, H estimated from the last ``history_size`` steps.

    ``step(closure)`` does up to ``max_iter`` iterations with at most ``max_eval`` calls of ``closure``, which clears
    the gradients, computes the loss and its gradients, and returns it. It ends where no element of the gradient
    exceeds ``tolerance_grad``, or the loss or the parameters change by less than ``tolerance_change``.
    ``line_search_fn="strong_wolfe"`` searches along each direction; without it the step is ``lr``. One parameter
    group only. ``maximize`` climbs. ValueError where an option is out of its range.

    J. Nocedal and S. Wright, Numerical Optimization, 2006, algorithms 7.4, 3.5 and 3.6.

    >>> import tenfold as tf
    >>> x = tf.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = tf.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> x.allclose(tf.ones(2), atol=1e-4)
    True
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS: does not support per-parameter options; got several parameter groups")

    def _check(self, group: dict[str, Any]) -> None:
        check_not_negative("LBFGS", group, lr="learning rate")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(f"LBFGS: line_search_fn must be 'strong_wolfe' or None; got {group['line_search_fn']!r}")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to ``max_iter`` iterations; gives the loss before them."""
        if closure is None:
            raise TypeError("LBFGS: step needs a closure that computes the loss and its gradients")
        closure = self._before_step(closure)
        with enable_grad():
            first_loss = closure()
        with no_grad():
            self._iterate(closure, first_loss)
        self._after_step(closure)
        return first_loss

    def _iterate(self, closure: Callable[[], Any], first_loss: Any) -> None:
        group = self.param_groups[0]
        params: list[Tensor] = group["params"]
        state = self.state.setdefault(params[0], {})
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        state["func_evals"] += 1
        sign = -1.0 if group["maximize"] else 1.0
        loss, gradient = sign * float(first_loss), self._gradient(sign)
        evaluations = 1
        if gradient.abs().max().item() <= group["tolerance_grad"]:
            return
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(state, gradient, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = gradient, loss
            slope = gradient.dot(direction).item()
            distance = float(group["lr"])
            if state["n_iter"] == 1:
                distance *= min(1.0, 1.0 / gradient.abs().sum().item())
            state["d"], state["t"] = direction, distance
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = _Point(0.0, loss, gradient, slope)
                search = _Search(partial(self._at, closure, sign, direction), start, direction)
                found = search.run(distance, group["max_eval"] - evaluations, group["tolerance_change"])
                used, distance, loss, gradient = search.evaluations, found.distance, found.loss, found.gradient
                state["t"] = distance
                self._move(direction, distance)
            else:
                self._move(direction, distance)
                if iteration != group["max_iter"]:
                    # After the last one the caller evaluates anyway.
                    with enable_grad():
                        loss = sign * float(closure())
                    gradient, used = self._gradient(sign), 1
            evaluations += used
            state["func_evals"] += used
            if (
                evaluations >= group["max_eval"]
                or gradient.abs().max().item() <= group["tolerance_grad"]
                or direction.abs().max().item() * distance <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break

    def _direction(self, state: dict[str, Any], gradient: Tensor, history: int) -> Tensor:
        """−H·gradient by the two-loop recursion over what the last steps have shown."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -gradient
        change, step = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = change.dot(step).item()
        if curvature > 1e-10:
            for name, newest in (("old_dirs", change), ("old_stps", step), ("ro", 1.0 / curvature)):
                state[name].append(newest)
                del state[name][:-history]
            state["H_diag"] = curvature / change.dot(change).item()
        q = -gradient
        memory = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
        shares = []
        for change, step, factor in reversed(memory):
            shares.append(step.dot(q).item() * factor)
            q = q - change * shares[-1]
        r = q * state["H_diag"]
        for (change, step, factor), share in zip(memory, reversed(shares), strict=True):
            r = r + step * (share - change.dot(r).item() * factor)
        return r

    def _gradient(self, sign: float) -> Tensor:
        """The gradients of all parameters in one vector; those without one count as zeros."""
        parts = [
            (_core.zeros_like(param) if param.grad is None else param.grad).reshape(-1)
            for param in self.param_groups[0]["params"]
        ]
        return _core.cat(parts, 0) * sign

    def _move(self, direction: Tensor, distance: float) -> None:
        start = 0
        for param in self.param_groups[0]["params"]:
            end = start + param.numel()
            param.add_(direction[start:end].reshape(*param.shape), alpha=distance)
            start = end
        _core.synchronize()

    def _at(self, closure: Callable[[], Any], sign: float, direction: Tensor, distance: float) -> _Point:
        """The loss at a distance; the parameters stay where they are."""
        params: list[Tensor] = self.param_groups[0]["params"]
        before = [param.clone() for param in params]
        self._move(direction, distance)
        with enable_grad():
            loss = sign * float(closure())
        gradient = self._gradient(sign)
        for param, value in zip(params, before, strict=True):
            param.copy_(value)
        return _Point(distance, loss, gradient, gradient.dot(direction).item())

    def _restored(self, name: str, value: Any, param: Tensor) -> Any:
        if isinstance(value, list):
            return [super(LBFGS, self)._restored(name, item, param) for item in value]
        return super()._restored(name, value, param)


class _Search:
    """A search for a distance with enough descent (C1) and a flat enough slope (C2): the strong Wolfe conditions."""

    C1, C2 = 1e-4, 0.9

    def __init__(self, evaluate: Callable[[float], _Point], start: _Point, direction: Tensor) -> None:
        self._evaluate = evaluate
        self._start = start
        self._size = direction.abs().max().item()
        self.evaluations = 0

    def _at(self, distance: float) -> _Point:
        self.evaluations += 1
        return self._evaluate(distance)

    def _too_high(self, point: _Point) -> bool:
        return not point.loss <= self._start.loss + self.C1 * point.distance * self._start.slope

    def _flat(self, point: _Point) -> bool:
        return abs(point.slope) <= -self.C2 * self._start.slope

    def run(self, distance: float, more: int, tolerance: float) -> _Point:
        """The best point found with one evaluation and at most so many more."""
        before, point = self._start, self._at(distance)
        while self.evaluations <= more:
            rises = self.evaluations > 2 and point.loss >= before.loss
            if rises or self._too_high(point):
                return self._zoom([before, point], more, tolerance)
            if self._flat(point):
                return point
            if point.slope >= 0:
                return self._zoom([before, point], more, tolerance)
            nearest = point.distance + 0.01 * (point.distance - before.distance)
            further = _minimum(before, point, nearest, 10 * point.distance)
            before, point = point, self._at(further)
        return [self._start, point][_lower([self._start, point])]

    def _zoom(self, ends: list[_Point], more: int, tolerance: float) -> _Point:
        """Narrows an interval; gives its better end."""
        low = _lower(ends)
        stalled = False
        while self.evaluations <= more and abs(ends[1].distance - ends[0].distance) * self._size >= tolerance:
            left, right = sorted(end.distance for end in ends)
            distance = _minimum(ends[0], ends[1], left, right)
            margin = 0.1 * (right - left)
            if min(right - distance, distance - left) < margin:
                # Too near an end for a second time: away from it.
                if stalled or distance in (left, right):
                    near_right = abs(distance - right) < abs(distance - left)
                    distance = right - margin if near_right else left + margin
                    stalled = False
                else:
                    stalled = True
            else:
                stalled = False
            point = self._at(distance)
            if self._too_high(point) or point.loss >= ends[low].loss:
                ends[1 - low] = point
                low = _lower(ends)
                continue
            if self._flat(point):
                return point
            if point.slope * (ends[1 - low].distance - ends[low].distance) >= 0:
                ends[1 - low] = ends[low]
            ends[low] = point
        return ends[low]


def _lower(ends: list[_Point]) -> int:
    """Which of two points has the lower loss, or one at all; the first where neither has."""
    first, second = ends[0].loss, ends[1].loss
    return 1 if second < first or (math.isnan(first) and not math.isnan(second)) else 0


def _minimum(a: _Point, b: _Point, left: float, right: float) -> float:
    """Where the cubic through two points with their slopes is lowest, held within bounds; the middle if nowhere."""
    if a.distance > b.distance:
        a, b = b, a
    width = b.distance - a.distance
    if width <= 0 or not all(map(math.isfinite, (a.loss, b.loss, a.slope, b.slope))):
        return (left + right) / 2
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.distance - b.distance)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (left + right) / 2
    d2 = math.sqrt(square)
    denominator = b.slope - a.slope + 2 * d2
    if denominator == 0:
        return (left + right) / 2
    place = b.distance - width * (b.slope + d2 - d1) / denominator
    return min(max(place, left), right)
