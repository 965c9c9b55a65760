"""Figures, histograms, pictures and embeddings for TensorBoard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tenfold._core import Tensor
from tenfold.train.callbacks.base import Callback
from tenfold.train.history import is_number

if TYPE_CHECKING:
    from tenfold.train.trainer import Trainer

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes event files that TensorBoard shows (``tensorboard --logdir runs``), by tensorboardX.

    Scalars of each epoch, training and validation in one chart, the learning rates, and with ``every_steps`` the
    figures of that many steps; with ``histograms`` those of the parameters each so many epochs; with ``graph`` (an
    input of the model) the modules that a call goes through. More is written during a run, for instance by a callback,
    through :meth:`add_images`, :meth:`add_embedding` and ``writer``, tensorboardX's own.

    Needs tensorboardX (``pip install 'tenfold[tensorboard]'``).

    >>> from tenfold.train import TensorBoard
    >>> TensorBoard("runs/a", histograms=5).histograms
    5
    """

    order = 50

    def __init__(
        self,
        folder: str | os.PathLike[str] = "runs",
        every_steps: int | None = None,
        histograms: int = 0,
        graph: Any = None,
    ) -> None:
        self.folder = os.fspath(folder)
        self.every_steps = every_steps
        self.histograms = histograms
        self.graph = graph
        self.writer: Any = None

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        """Opens the file, before the first epoch."""
        if self.writer is not None:
            return
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "TensorBoard: tensorboardX is not installed. Hint: pip install 'tenfold[tensorboard]'"
            ) from error
        # Of epochs that are done again after a run was killed, the later ones count.
        self.writer = SummaryWriter(self.folder, purge_step=epoch if epoch > 1 and self.every_steps is None else None)
        if self.graph is not None:
            from tenfold.train.graph import graph_of

            # The method that takes a finished graph, whatever it was made of.
            self.writer.file_writer.add_onnx_graph(graph_of(trainer.model, self.graph))

    def on_step_end(self, trainer: Trainer, step: int) -> None:
        """Scalars, if it is time."""
        if self.every_steps is not None and step % self.every_steps == 0:
            for name, value in trainer.running_figures().items():
                if is_number(value):
                    self.writer.add_scalar(f"step/{name}", value, step)

    def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
        """Scalars, and histograms if it is time."""
        for name, value in figures.items():
            if is_number(value):
                part, plain = ("validation", name[4:]) if name.startswith("val_") else ("training", name)
                self.writer.add_scalar(f"{plain}/{part}", value, epoch)
        for number, group in enumerate(trainer.optimizer.param_groups):
            self.writer.add_scalar(f"learning_rate/{number}", float(group["lr"]), epoch)
        if self.histograms and epoch % self.histograms == 0:
            for name, param in trainer.model.named_parameters():
                self.writer.add_histogram(name.replace(".", "/"), _array(param), epoch)
        self.writer.flush()

    def add_images(self, name: str, images: Tensor, step: int) -> None:
        """Pictures (N, C, H, W) with values from 0 to 1."""
        self.writer.add_images(name, _array(images), step)

    def add_embedding(self, vectors: Tensor, labels: list[str] | None = None, images: Tensor | None = None) -> None:
        """Vectors (N, D) for the projector, with a label or a picture each."""
        pictures = None if images is None else _array(images)
        self.writer.add_embedding(_array(vectors), metadata=labels, label_img=pictures)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Closes the file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def _array(tensor: Tensor) -> Any:
    return tensor.detach().float().numpy()
