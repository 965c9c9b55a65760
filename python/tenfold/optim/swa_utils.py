"""Averages of the parameters of a model over its training: equal ones (SWA) and exponential ones (EMA).

>>> import tenfold as tf
>>> from tenfold.optim.swa_utils import AveragedModel, get_ema_avg_fn
>>> model = tf.nn.Linear(2, 1)
>>> average = AveragedModel(model, avg_fn=get_ema_avg_fn(0.99))
>>> average.update_parameters(model)  # after each step of the optimizer
>>> average(tf.ones(1, 2)).allclose(model(tf.ones(1, 2)))
True
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn.modules.batchnorm import _BatchNorm
from tenfold.nn.modules.module import Module
from tenfold.optim.lr_scheduler.base import LRScheduler, one_a_group
from tenfold.optim.optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Tensor | int], Tensor]
MultiAverage = Callable[[list[Tensor], list[Tensor], Tensor | int], None]


def _checked(operation: str, decay: float) -> float:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"{operation}: Invalid decay value {decay}; it must be from 0 to 1")
    return decay


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An average that moves by 1 − ``decay`` towards the newest value.

    >>> import tenfold as tf
    >>> from tenfold.optim.swa_utils import get_ema_avg_fn
    >>> get_ema_avg_fn(0.75)(tf.tensor(0.0), tf.tensor(4.0), 1).item()
    1.0
    """
    _checked("get_ema_avg_fn", decay)

    def average(averaged: Tensor, current: Tensor, number: Tensor | int) -> Tensor:  # noqa: ARG001
        with no_grad():
            return decay * averaged + (1 - decay) * current

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """As :func:`get_ema_avg_fn`, for lists of tensors and in place."""
    _checked("get_ema_multi_avg_fn", decay)

    def average(averaged: list[Tensor], current: list[Tensor], number: Tensor | int) -> None:
        one = get_ema_avg_fn(decay)
        with no_grad():
            for old, new in zip(averaged, current, strict=True):
                old.copy_(one(old, new, number))

    return average


def get_swa_avg_fn() -> Average:
    """The mean of all values so far; ``number`` of them are in it.

    >>> import tenfold as tf
    >>> from tenfold.optim.swa_utils import get_swa_avg_fn
    >>> get_swa_avg_fn()(tf.tensor(1.0), tf.tensor(4.0), 2).item()
    2.0
    """

    def average(averaged: Tensor, current: Tensor, number: Tensor | int) -> Tensor:
        with no_grad():
            return averaged + (current - averaged) / (number + 1)

    return average


def get_swa_multi_avg_fn() -> MultiAverage:
    """As :func:`get_swa_avg_fn`, for lists of tensors and in place."""

    def average(averaged: list[Tensor], current: list[Tensor], number: Tensor | int) -> None:
        one = get_swa_avg_fn()
        with no_grad():
            for old, new in zip(averaged, current, strict=True):
                old.copy_(one(old, new, number))

    return average


class AveragedModel(Module):
    """A copy of ``model`` whose parameters are averages: call ``update_parameters(model)`` after each step.

    Without ``avg_fn`` (or ``multi_avg_fn``, for lists and in place) it is the mean of all. Buffers are averaged too
    with ``use_buffers``, else copied. ``module`` is the copy, ``n_averaged`` counts.

    P. Izmailov et al., Averaging Weights Leads to Wider Optima, 2018, https://arxiv.org/abs/1803.05407

    >>> import tenfold as tf
    >>> from tenfold.optim.swa_utils import AveragedModel
    >>> model = tf.nn.Linear(1, 1, bias=False)
    >>> average = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = tf.nn.init.constant_(model.weight, value)
    ...     average.update_parameters(model)
    >>> average.module.weight.item()
    3.0
    """

    module: Module
    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("AveragedModel: only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module.to(device)
        self.register_buffer("n_averaged", _core.tensor(0, dtype=_core.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the present parameters of ``model`` into the average; the first time they are copied."""

        def averaged_of(module: Module) -> list[Tensor]:
            buffers = module.buffers() if self.use_buffers else ()
            return [tensor.detach() for tensor in chain(module.parameters(), buffers)]

        ours, theirs = averaged_of(self.module), averaged_of(model)
        number = int(self.n_averaged.item())
        with no_grad():
            if number == 0:
                for mine, new in zip(ours, theirs, strict=True):
                    mine.copy_(new)
            elif self.multi_avg_fn is not None:
                self.multi_avg_fn(ours, theirs, self.n_averaged)
            else:
                average = self.avg_fn or get_swa_avg_fn()
                for mine, new in zip(ours, theirs, strict=True):
                    mine.copy_(average(mine, new, self.n_averaged))
            if not self.use_buffers:
                for mine, new in zip(self.module.buffers(), model.buffers(), strict=True):
                    mine.copy_(new)
            self.n_averaged.add_(1)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Measures the running statistics of all batch norms anew, over the batches of ``loader``.

    An average of parameters has no statistics of its own. Of a batch that is a list or tuple the first item counts.

    >>> import tenfold as tf
    >>> from tenfold.optim.swa_utils import update_bn
    >>> model = tf.nn.BatchNorm1d(1)
    >>> update_bn([tf.tensor([[1.0], [3.0]]), tf.tensor([[5.0], [7.0]])], model)
    >>> model.running_mean.item()
    4.0
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    with no_grad():
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
        for batch in loader:
            x = batch[0] if isinstance(batch, list | tuple) else batch
            model(x if device is None else x.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present rate to ``swa_lr`` in ``anneal_epochs`` steps, along half a cosine ("cos") or a line ("linear").

    >>> import tenfold as tf
    >>> from tenfold.optim.swa_utils import SWALR
    >>> optimizer = tf.optim.SGD([tf.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = SWALR(optimizer, swa_lr=0.0, anneal_epochs=2, anneal_strategy="linear")
    >>> [(scheduler.step(), scheduler.get_last_lr()[0])[1] for _ in range(3)]
    [0.5, 0.0, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        for rate, group in zip(one_a_group("SWALR", "swa_lr", swa_lr, len(groups)), groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"SWALR: anneal_strategy must be 'cos' or 'linear'; got {anneal_strategy!r}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs must be an integer from 0 on; got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _part(self, step: int) -> float:
        """The share of ``swa_lr`` in the rate at a step."""
        time = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return time if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * time)) / 2

    def get_lr(self) -> list[float]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._part(step - 1), self._part(step)
        rates = []
        for group in self.optimizer.param_groups:
            target = group["swa_lr"]
            # What the rate would be without annealing, which another scheduler may have changed.
            plain = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            rates.append(target * now + plain * (1 - now))
        return rates
