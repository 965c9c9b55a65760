"""Training, evaluating and predicting."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.metrics import Metric
from tenfold.nn.modules.module import Module
from tenfold.optim import Optimizer
from tenfold.train import callbacks as _callbacks
from tenfold.train import data as _data
from tenfold.train import losses as _losses
from tenfold.train.callbacks import Callback, ProgressBar
from tenfold.train.figures import Figures
from tenfold.train.history import History
from tenfold.train.interrupt import asked_to_stop
from tenfold.train.loop import Loop
from tenfold.train.lr_finder import LearningRates, find_learning_rate
from tenfold.train.named import make_metrics, make_optimizer
from tenfold.train.state import random_state, set_random_state
from tenfold.train.step import call

__all__ = ["Trainer"]


class Trainer(Loop):
    """Trains ``model`` by ``optimizer`` for a ``loss``, with figures, callbacks and checkpoints.

    - ``optimizer``: an :class:`Optimizer`, or a name (``"adam"``, ``"sgd"`` …) or class, then with rate ``lr``.
    - ``loss``: a name (``"cross_entropy"``, ``"bce_with_logits"``, ``"mse"`` …), a module such as
      ``nn.CrossEntropyLoss()``, or a function of output and target. None: the model is called with all members of a
      batch and gives the loss itself.
    - ``metrics``: names (``"accuracy"``, ``"top5"``, ``"f1"`` …) or :class:`tenfold.metrics.Metric` objects.
    - ``scheduler``: a scheduler, or ``"cosine"``, ``"linear"``, ``"one_cycle"`` (over all steps of ``fit``) or
      ``"plateau"``. A scheduler is stepped after each epoch, with ``schedule="step"`` after each optimizer step;
      ReduceLROnPlateau is given the loss of the validation.
    - ``accumulate``: batches to one optimizer step; the gradient is the mean over all their samples.
    - ``clip_norm``: the largest norm of all gradients together.
    - ``precision``: ``"bfloat16"`` or ``"float16"`` computes the model in 16 bits with parameters kept in float32;
      float16 with a loss scale that adapts.

    A batch is ``(input, target)`` or ``(input, target, weight)``; an input that is a tuple or list is given to the
    model as arguments, a dictionary as named ones. Everything random comes from the sequence that
    ``tenfold.manual_seed`` begins, shuffles included: one seed, one result.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.train import Trainer
    >>> x = tf.linspace(-1, 1, 64).unsqueeze(1)
    >>> trainer = Trainer(nn.Linear(1, 1), "sgd", loss="mse", lr=0.3)
    >>> history = trainer.fit(x, 3 * x + 1, epochs=20, batch_size=16)
    >>> trainer.evaluate(x, 3 * x + 1)["loss"] < 1e-3
    True
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer | str | Callable[..., Optimizer] = "adam",
        loss: str | Callable[..., Any] | None = None,
        metrics: Sequence[str | Metric | type[Metric]] | str | Metric = (),
        *,
        lr: float | None = None,
        scheduler: Any = None,
        schedule: str = "epoch",
        accumulate: int = 1,
        clip_norm: float | None = None,
        precision: str = "float32",
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"Trainer: model should be a Module; got {type(model).__name__}")
        if schedule not in ("epoch", "step"):
            raise ValueError(f"Trainer: schedule is 'epoch' or 'step'; got {schedule!r}")
        if accumulate < 1:
            raise ValueError(f"Trainer: accumulate should be at least 1; got {accumulate}")
        self.model = model
        self.optimizer = make_optimizer(model, optimizer, lr)
        self.loss = None if loss is None else _losses.get(loss)
        if self.loss is None and metrics:
            raise ValueError("Trainer: metrics need a loss; without one the model tells its loss and no outputs")
        self.metrics = make_metrics(metrics, self.loss.name if self.loss else "")
        self._class_weight: Tensor | None = None
        super().__init__(scheduler, schedule, accumulate, clip_norm, precision, Figures(self.metrics))

    # --- Training

    def fit(
        self,
        data: Any,
        targets: Any = None,
        *,
        validation_data: Any = None,
        validation_split: float = 0.0,
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Any = None,
        callbacks: Iterable[Callback | str | type[Callback]] = (),
        steps_per_epoch: int | None = None,
        seed: int | None = None,
        verbose: int | None = None,
    ) -> History:
        """Trains for so many epochs; gives the figures of each.

        ``data`` and ``targets`` are tensors or arrays; or ``data`` alone is a tuple of them, a ``Dataset``, a
        ``DataLoader`` or a list of batches. ``batch_size`` and ``shuffle`` (of the training data) are for those that
        are no batches yet. ``validation_data`` is likewise, a pair where it is arrays; ``validation_split`` holds
        that share of the training data out instead, drawn at random.

        ``sample_weight`` is a number for each sample of arrays: a sample of weight 2 counts as two.
        ``class_weight`` has one for each class (a dictionary or a list), or is ``"balanced"``.
        ``steps_per_epoch`` ends an epoch after that many batches. ``seed`` begins the random numbers of Tenfold and
        of Python's ``random``. ``verbose``: 0 quiet, 1 a bar and a line an epoch, 2 the lines alone; by default 1
        where standard error is a terminal, else 0.

        Ctrl-C ends the run after the present step: callbacks save, ``history.interrupted`` is True, and the model is
        what it was then. A second Ctrl-C interrupts at once.
        """
        if epochs < 0:
            raise ValueError(f"fit: epochs should not be negative; got {epochs}")
        if seed is not None:
            _core.manual_seed(seed)
            random.seed(seed)
        self._begin_run(epochs, callbacks, verbose)
        self._fit_random = random_state()
        with asked_to_stop(self._interrupt):
            try:
                self._each("on_fit_begin")
                # A run that goes on draws the same split and the same order as before.
                set_random_state(self._fit_random)
                dataset = _data.as_dataset(data, targets, sample_weight)
                if validation_split:
                    if validation_data is not None:
                        raise ValueError("fit: validation_data and validation_split exclude one another")
                    dataset, validation_data = _data.split(dataset, validation_split)
                self._class_weight = None if class_weight is None else _data.class_weights(class_weight, dataset)
                validation = None
                if validation_data is not None:
                    validation = _data.make_loader(_data.as_dataset(validation_data), batch_size, shuffle=False)
                self._run(_data.make_loader(dataset, batch_size, shuffle), validation, steps_per_epoch)
            finally:
                self._is_beginning = False
                self._each("on_fit_end")
        return self.history

    def _begin_run(self, epochs: int, callbacks: Any, verbose: int | None) -> None:
        import sys

        found = [_callbacks.get(one) for one in ([callbacks] if isinstance(callbacks, str | Callback) else callbacks)]
        if verbose is None:
            verbose = int(sys.stderr is not None and sys.stderr.isatty())
        if verbose:
            found.append(ProgressBar(bar=verbose == 1))
        self._callbacks = sorted(found, key=lambda callback: callback.order)
        self.history = History()
        self.epochs, self.epoch, self.batch, self.step = epochs, 0, 0, 0
        self.stop_training = self._interrupted = False
        self._loaded_random = self._loader = self._loaded = None
        self._is_beginning = True
        self._figures.reset()

    # --- Evaluating and predicting

    def evaluate(self, data: Any, targets: Any = None, *, batch_size: int = 32) -> dict[str, Any]:
        """The loss and the metrics of data, in evaluation mode; ``data`` as for :meth:`fit`.

        The loss is the mean over samples (batches, where the model tells its loss itself).
        """
        return self._measure(_data.make_loader(_data.as_dataset(data, targets), batch_size, shuffle=False))

    def predict(self, data: Any, *, batch_size: int = 32) -> Any:
        """The model's outputs, in evaluation mode, without gradients, as one tensor (or structure of them).

        ``data`` is a tensor or an array of inputs; or what :meth:`evaluate` takes, of which the first member counts.
        """
        if isinstance(data, _data.Dataset) or not (isinstance(data, Tensor) or hasattr(data, "__array__")):
            loader: Any = _data.make_loader(_data.as_dataset(data), batch_size, shuffle=False)
        else:
            loader = _data.make_loader(_data.TensorDataset(_data.as_tensor(data)), batch_size, shuffle=False)
        outputs = []
        with self._evaluating():
            for batch in loader:
                inputs = batch[0] if isinstance(batch, list | tuple) else batch
                with self.precision.applied():
                    outputs.append(self.precision.raised(call(self.model, inputs)))
        if not outputs:
            raise ValueError("predict: the data has no batches")
        return _joined(outputs)

    def compute(self, batch: Any) -> tuple[Tensor, Any, Any, Any]:
        """Loss, output, target and number of samples of a batch: what a subclass changes for a loss of its own kind.

        The number (or the sum of the weights) says how much the batch counts among others.
        """
        if self.loss is None:
            members = batch if isinstance(batch, list | tuple) else [batch]
            with self.precision.applied():
                loss = self.precision.raised(self.model(*members))
            if not isinstance(loss, Tensor) or loss.ndim:
                raise ValueError('Trainer: without a loss the model should give one number. Hint: loss="cross_entropy"')
            return loss, None, None, 1
        if not isinstance(batch, list | tuple) or len(batch) not in (2, 3):
            raise ValueError(
                "Trainer: a batch is (input, target) or (input, target, weight); got "
                f"{f'{len(batch)} members' if isinstance(batch, list | tuple) else type(batch).__name__}"
            )
        inputs, target = batch[0], batch[1]
        with self.precision.applied():
            output = self.precision.raised(call(self.model, inputs))
        weight = self._weight(batch, target)
        loss = self.loss(output, target, weight)
        count = weight.sum() if weight is not None else len(target) if hasattr(target, "__len__") else 1
        return loss, output, target, count

    def _weight(self, batch: Any, target: Any) -> Tensor | None:
        """What each sample counts: its own weight times that of its class."""
        weight = batch[2] if len(batch) == 3 else None
        if self._class_weight is None or not self.model.training:
            return weight
        table = self._class_weight
        known = (target >= 0) & (target < len(table))
        of_class = table[_core.where(known, target, _core.zeros_like(target)).reshape(-1).to(_core.int64)]
        of_class = _core.where(known, of_class.reshape(target.shape), _core.ones_like(of_class.reshape(target.shape)))
        if weight is None:
            return of_class
        return of_class * weight.reshape(*weight.shape, *[1] * (of_class.ndim - weight.ndim))

    def higher_is_better(self, name: str) -> bool:
        """Which way the figure of that name is good: False for losses."""
        plain = name.removeprefix("val_")
        return any(metric.name == plain and metric.higher_is_better for metric in self.metrics)

    def find_learning_rate(
        self,
        data: Any,
        targets: Any = None,
        *,
        low: float = 1e-6,
        high: float = 1.0,
        steps: int = 100,
        batch_size: int = 32,
    ) -> LearningRates:
        """Tries rates from ``low`` to ``high`` in so many steps; gives the losses, a picture and a suggestion.

        Model, optimizer and random numbers are as before afterwards. See :class:`LearningRates`.
        """
        loader = _data.make_loader(_data.as_dataset(data, targets), batch_size, shuffle=True)
        return find_learning_rate(self, loader, low, high, steps)


def _joined(outputs: list[Any]) -> Any:
    first = outputs[0]
    if isinstance(first, Tensor):
        return _core.concat(outputs)
    if isinstance(first, dict):
        return {key: _joined([one[key] for one in outputs]) for key in first}
    if isinstance(first, list | tuple):
        return type(first)(_joined(list(members)) for members in zip(*outputs, strict=True))
    raise TypeError(f"predict: outputs should be tensors; got {type(first).__name__}")
