"""tenfold.train's callbacks: their order, stopping, logs, checkpoints, Ctrl-C."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold import metrics, nn, optim
from tenfold.train import Callback, CSVLogger, EarlyStopping, JSONLogger, TensorBoard, Trainer
from toy_training import bits, blobs, network

# --- Callbacks


def falling(values: list[float]) -> tuple[Trainer, Any]:
    """A trainer whose validation loss goes through these values."""

    class Scripted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count = nn.Parameter(tf.zeros(1))

        def forward(self, x: tf.Tensor) -> tf.Tensor:
            if self.training:
                return self.count + x * 0
            return x * 0 + values[int(self.count.item()) - 1]

    class Up(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            with tf.no_grad():
                self.param_groups[0]["params"][0].add_(1.0)

    model = Scripted()
    trainer = Trainer(model, Up(model.parameters(), lr=0.1), loss="mae")
    return trainer, (tf.zeros(1, 1), tf.zeros(1, 1))


def test_early_stopping_ends_after_its_patience_with_the_best_weights() -> None:
    trainer, data = falling([5.0, 3.0, 4.0, 3.5, 2.0, 1.0])
    stopping = EarlyStopping(patience=2)
    history = trainer.fit(data, validation_data=data, epochs=6, callbacks=[stopping])
    assert history["val_loss"] == [5.0, 3.0, 4.0, 3.5]
    assert (stopping.best_epoch, stopping.best, stopping.stopped_epoch) == (2, 3.0, 4)
    assert trainer.model.count.item() == 2.0


def test_early_stopping_wants_more_than_min_delta_and_knows_directions() -> None:
    trainer, data = falling([5.0, 4.9, 4.8, 4.7])
    assert (
        len(trainer.fit(data, validation_data=data, epochs=4, callbacks=[EarlyStopping(patience=1, min_delta=0.2)]))
        == 2
    )
    trainer, data = falling([1.0, 2.0, 3.0, 2.0])
    trainer.metrics = trainer._figures.metrics = [metrics.get("r2"), metrics.get("mae")]
    assert trainer.higher_is_better("val_r2")
    assert not trainer.higher_is_better("val_mae")
    stopping = EarlyStopping(monitor="val_loss", mode="max", patience=1, restore_best=False)
    trainer.fit(data, validation_data=data, epochs=4, callbacks=[stopping])
    assert (stopping.best_epoch, trainer.model.count.item()) == (3, 4.0)
    with pytest.raises(ValueError, match=r"^EarlyStopping: there is no figure 'val_acc' to monitor. Hint: one of loss"):
        trainer.fit(data, epochs=1, callbacks=[EarlyStopping(monitor="val_acc")])


def test_logs_have_a_line_an_epoch(tmp_path: Path) -> None:
    x, y = blobs()
    trainer = Trainer(network(), "adam", loss="cross_entropy", metrics=["accuracy", "confusion_matrix"])
    logs = [CSVLogger(tmp_path / "a" / "log.csv"), JSONLogger(tmp_path / "log.jsonl")]
    history = trainer.fit(x, y, epochs=3, validation_data=(x, y), callbacks=logs)
    table = np.genfromtxt(tmp_path / "a" / "log.csv", delimiter=",", names=True)
    assert table["epoch"].tolist() == [1, 2, 3]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert table[name].tolist() == history[name]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == history["loss"]
    assert lines[0]["confusion_matrix"] == history["confusion_matrix"][0].tolist()
    assert not list(tmp_path.glob("**/*.tmp"))


def test_tensorboard_files_have_scalars_histograms_and_the_graph(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.graph_pb2 import GraphDef

    x, y = blobs()
    model = network()
    board = TensorBoard(tmp_path, every_steps=2, histograms=1, graph=x[:1])

    class Showing(Callback):
        def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
            board.add_images("pictures", tf.rand(2, 3, 8, 8), epoch)
            if epoch == 2:
                board.add_embedding(x[:5], labels=list("abcde"))

    trainer = Trainer(model, "adam", loss="cross_entropy", metrics=["accuracy"])
    history = trainer.fit(x, y, epochs=2, validation_data=(x, y), callbacks=[board, Showing()])
    (path,) = [file for file in tmp_path.iterdir() if "tfevents" in file.name]
    scalars: dict[str, list[float]] = {}
    kinds: dict[str, str] = {}
    graph = None
    for record in tfrecords(path.read_bytes()):
        event = Event.FromString(record)
        if event.graph_def:
            graph = GraphDef.FromString(event.graph_def)
        for value in event.summary.value:
            kinds[value.tag] = value.WhichOneof("value")
            if kinds[value.tag] == "simple_value":
                scalars.setdefault(value.tag, []).append(value.simple_value)
    np.testing.assert_allclose(scalars["loss/training"], history["loss"], rtol=1e-6)
    np.testing.assert_allclose(scalars["accuracy/validation"], history["val_accuracy"], rtol=1e-6)
    assert len(scalars["step/loss"]) == 4
    assert scalars["learning_rate/0"] == pytest.approx([1e-3] * 2)
    assert kinds["0/weight"] == "histo"
    assert kinds["pictures"] == "image"
    assert graph is not None
    nodes = {node.name: (node.op, list(node.input)) for node in graph.node}
    assert nodes["0"] == ("Linear", ["input"])
    assert nodes["4"] == ("Linear", ["3"])
    assert "projector_config.pbtxt" in {file.name for file in tmp_path.iterdir()}
    (vectors,) = tmp_path.rglob("tensors.tsv")
    np.testing.assert_allclose(np.loadtxt(vectors, delimiter="\t"), x[:5].numpy(), rtol=1e-6)
    assert (vectors.parent / "metadata.tsv").read_text().split() == list("abcde")


def tfrecords(content: bytes) -> list[bytes]:
    """The records of a TFRecord file: length, checksum, bytes, checksum."""
    records = []
    while content:
        length = int.from_bytes(content[:8], "little")
        records.append(content[12 : 12 + length])
        content = content[16 + length :]
    return records


def test_callbacks_are_called_in_their_order() -> None:
    moments: list[str] = []

    class Watching(Callback):
        def on_fit_begin(self, trainer: Trainer) -> None:
            moments.append("fit begins")

        def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
            moments.append(f"epoch {epoch} begins")

        def on_step_end(self, trainer: Trainer, step: int) -> None:
            moments.append(f"step {step}")

        def on_validation_begin(self, trainer: Trainer) -> None:
            moments.append("validation")

        def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
            moments.append(f"epoch {epoch} ends")
            figures["own"] = epoch * 2.0

        def on_fit_end(self, trainer: Trainer) -> None:
            moments.append("fit ends")

    x, y = blobs(20)
    trainer = Trainer(network(), "sgd", loss="cross_entropy")
    history = trainer.fit(x, y, epochs=2, batch_size=10, validation_data=(x, y), callbacks=[Watching])
    assert moments == [
        "fit begins",
        *("epoch 1 begins", "step 1", "step 2", "validation", "epoch 1 ends"),
        *("epoch 2 begins", "step 3", "step 4", "validation", "epoch 2 ends"),
        "fit ends",
    ]
    assert history["own"] == [2.0, 4.0]


def test_a_callback_ends_the_run() -> None:
    class Stop(Callback):
        def on_step_end(self, trainer: Trainer, step: int) -> None:
            trainer.stop_training = step == 3

    x, y = blobs(100)
    trainer = Trainer(network(), "sgd", loss="cross_entropy")
    assert len(trainer.fit(x, y, epochs=5, batch_size=10, callbacks=[Stop()])) == 1
    assert trainer.step == 3


def test_ctrl_c_ends_after_the_step_with_what_was_learnt() -> None:
    class Press(Callback):
        def on_step_end(self, trainer: Trainer, step: int) -> None:
            if step == 3:
                signal.raise_signal(signal.SIGINT)

    x, y = blobs(100)
    one = network()
    trainer = Trainer(one, "sgd", loss="cross_entropy")
    history = trainer.fit(x, y, epochs=5, batch_size=10, seed=0, callbacks=[Press()])
    assert history.interrupted
    assert (trainer.step, len(history)) == (3, 0)
    other = network()
    Trainer(other, "sgd", loss="cross_entropy").fit(x, y, batch_size=10, seed=0, steps_per_epoch=3)
    assert bits(one) == bits(other)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_interrupts_at_once() -> None:
    class Press(Callback):
        def on_step_end(self, trainer: Trainer, step: int) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    x, y = blobs(100)
    with pytest.raises(KeyboardInterrupt):
        Trainer(network(), "sgd", loss="cross_entropy").fit(x, y, callbacks=[Press()])
