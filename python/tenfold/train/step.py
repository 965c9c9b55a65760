"""One optimizer step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenfold import _core, optim
from tenfold._core import Tensor
from tenfold.train.data import samples_of

if TYPE_CHECKING:
    from tenfold.train.loop import Loop

__all__ = ["Stepper", "call"]


def call(model: Any, inputs: Any) -> Any:
    """The model's output for inputs: tuples and lists as arguments, dictionaries as named ones."""
    if isinstance(inputs, dict):
        return model(**inputs)
    if isinstance(inputs, list | tuple):
        return model(*inputs)
    return model(inputs)


class Stepper:
    """Computes the gradients of one or several batches and changes the parameters."""

    def __init__(self, trainer: Loop) -> None:
        self.trainer = trainer

    def __call__(self, batches: list[Any]) -> None:
        optimizer = self.trainer.optimizer
        if isinstance(optimizer, optim.LBFGS):
            self._with_closure(batches)
            return
        optimizer.zero_grad()
        divisor = self._gradients(batches)
        params = [param for group in optimizer.param_groups for param in group["params"]]
        if not self.trainer.precision.unscaled(params, divisor):
            return
        if self.trainer.clip_norm is not None:
            from tenfold.nn.utils import clip_grad_norm_

            clip_grad_norm_(params, self.trainer.clip_norm)
        optimizer.step()

    def _gradients(self, batches: list[Any]) -> Tensor | float:
        """Adds gradients up; gives what they are to be divided by to be the mean over samples."""
        trainer = self.trainer
        scale = trainer.precision.scale
        total: Any = 0
        for batch in batches:
            loss, output, target, count = trainer.compute(batch)
            # Batches of different sizes count by their samples, as one large batch would have it.
            factor = scale if len(batches) == 1 else count * scale
            (loss if isinstance(factor, float) and factor == 1 else loss * factor).backward()
            trainer._figures.add(loss, output, target, count, samples_of(batch))
            total = total + count
        return 1.0 if len(batches) == 1 else total if isinstance(total, Tensor) else float(total)

    def _with_closure(self, batches: list[Any]) -> None:
        """For methods that look at the loss several times a step; the first look counts in the figures."""
        trainer = self.trainer
        if len(batches) > 1 or trainer.precision.dtype is _core.float16:
            raise ValueError("Trainer: LBFGS takes one batch a step, and no float16")
        first = True

        def closure() -> Tensor:
            nonlocal first
            trainer.optimizer.zero_grad()
            loss, output, target, count = trainer.compute(batches[0])
            loss.backward()
            if first:
                trainer._figures.add(loss, output, target, count, samples_of(batches[0]))
                first = False
            return loss

        trainer.optimizer.step(closure)
