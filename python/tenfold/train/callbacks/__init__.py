"""What happens between the steps of a training run: stopping, saving, logging.

>>> from tenfold.train import Callback
>>> class Hello(Callback):
...     def on_epoch_end(self, trainer, epoch, figures):
...         print(f"epoch {epoch}: loss {figures['loss']:.1f}")
"""

from __future__ import annotations

from typing import Any

from tenfold.train.callbacks.base import Callback
from tenfold.train.callbacks.checkpoint import Checkpoint
from tenfold.train.callbacks.early_stopping import EarlyStopping
from tenfold.train.callbacks.loggers import CSVLogger, JSONLogger
from tenfold.train.callbacks.progress import ProgressBar
from tenfold.train.callbacks.tensorboard import TensorBoard

__all__ = ["CSVLogger", "Callback", "Checkpoint", "EarlyStopping", "JSONLogger", "ProgressBar", "TensorBoard", "get"]

_BY_NAME: dict[str, type[Callback]] = {
    "checkpoint": Checkpoint,
    "csv": CSVLogger,
    "early_stopping": EarlyStopping,
    "json": JSONLogger,
    "tensorboard": TensorBoard,
}


def get(callback: Any) -> Callback:
    """A callback, or one of that name or class with its defaults.

    >>> from tenfold.train import callbacks
    >>> callbacks.get("early_stopping").patience
    3
    """
    if isinstance(callback, Callback):
        return callback
    if isinstance(callback, type) and issubclass(callback, Callback):
        return callback()
    if not isinstance(callback, str):
        raise TypeError(f"Trainer: a callback is a name or a Callback; got {type(callback).__name__}")
    if callback not in _BY_NAME:
        from tenfold.train.named import unknown

        raise unknown("callback", callback, _BY_NAME)
    return _BY_NAME[callback]()
