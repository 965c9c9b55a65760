"""tenfold.train: fitting, weights, precision, names, history; the oracle is a loop written out, or scikit-learn."""

from __future__ import annotations

import contextlib
import math
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold import metrics, nn, optim
from tenfold.nn import functional as F
from tenfold.train import Callback, History, Trainer
from tenfold.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from toy_training import bits, blobs, network

# --- Training


def test_fit_does_what_the_loop_written_out_does() -> None:
    x, y = blobs()
    by_hand = network(dropout=0.3)
    tf.manual_seed(5)
    optimizer = optim.AdamW(by_hand.parameters(), 0.01)
    losses = []
    for _ in range(3):
        by_hand.train()
        total = correct = 0.0
        for xs, ys in DataLoader(TensorDataset(x, y), batch_size=25, shuffle=True):
            output = by_hand(xs)
            loss = F.cross_entropy(output, ys)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(ys)
            correct += (output.argmax(dim=1) == ys).sum().item()
        losses.append((total / 120, correct / 120))
    model = network(dropout=0.3)
    trainer = Trainer(model, optim.AdamW(model.parameters(), 0.01), loss="cross_entropy", metrics=["accuracy"])
    history = trainer.fit(x, y, epochs=3, batch_size=25, seed=5)
    assert bits(model) == bits(by_hand)
    # The loop adds float64 numbers in the same order.
    np.testing.assert_allclose(history["loss"], [loss for loss, _ in losses], rtol=1e-15)
    assert history["accuracy"] == [accuracy for _, accuracy in losses]


@pytest.mark.parametrize("form", ["tuple", "dataset", "loader", "batches", "numpy"])
def test_data_comes_in_many_forms(form: str) -> None:
    x, y = blobs()
    dataset = TensorDataset(x, y)
    data: Any = {
        "tuple": (x, y),
        "dataset": dataset,
        "loader": DataLoader(dataset, batch_size=32),
        "batches": [(x[i : i + 32], y[i : i + 32]) for i in range(0, 120, 32)],
        "numpy": (x.numpy().astype("f8"), y.numpy()),
    }[form]
    found = []
    for given in (data, (x, y)):
        model = network()
        trainer = Trainer(model, "adam", loss="cross_entropy", lr=0.01)
        trainer.fit(given, epochs=2, shuffle=False, validation_data=given)
        found.append((bits(model), trainer.history["val_loss"], trainer.evaluate(given)))
    assert found[0] == found[1]
    predicted = Trainer(model, "adam").predict(data if form != "numpy" else data[0])
    model.eval()
    assert predicted.tolist() == model(x).tolist()


def test_evaluate_is_the_mean_over_samples_whatever_the_batches() -> None:
    x, y = blobs()
    model = network().eval()
    trainer = Trainer(model, "sgd", loss="cross_entropy", metrics=["accuracy", "f1", "confusion_matrix"])
    whole = F.cross_entropy(model(x), y).item()
    for size in (7, 50, 120):
        figures = trainer.evaluate(x, y, batch_size=size)
        # A mean of 120 float32 losses, summed in other orders.
        assert figures["loss"] == pytest.approx(whole, rel=1e-6)
        assert figures["accuracy"] == metrics.Accuracy()(model(x), y)
        assert figures["confusion_matrix"].tolist() == metrics.ConfusionMatrix()(model(x), y).tolist()
    assert not model.training


def test_one_seed_one_result() -> None:
    x, y = blobs()

    def run(seed: int) -> dict[str, list[Any]]:
        model = network(dropout=0.5)
        Trainer(model, "adam", loss="cross_entropy").fit(x, y, epochs=2, seed=seed, validation_split=0.2)
        return bits(model)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_validation_split_is_drawn_and_held_out() -> None:
    x, y = tf.arange(100.0).unsqueeze(1), tf.zeros(100, 1)
    seen: dict[bool, set[float]] = {True: set(), False: set()}

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, x: tf.Tensor) -> tf.Tensor:
            seen[self.training] |= set(x.reshape(-1).tolist())
            return self.layer(x)

    Trainer(Watching(), "sgd", loss="mse", lr=0.0).fit(x, y, epochs=2, validation_split=0.25)
    assert (len(seen[True]), len(seen[False])) == (75, 25)
    assert seen[True] | seen[False] == set(x.reshape(-1).tolist())
    assert sorted(seen[False]) != sorted(x.reshape(-1).tolist())[-25:]


def test_accumulated_batches_have_the_gradient_of_one_large_batch() -> None:
    x, y = blobs(110)
    one, many = nn.Linear(4, 3), nn.Linear(4, 3)
    many.load_state_dict(one.state_dict())
    Trainer(one, "sgd", loss="cross_entropy", lr=0.1).fit(x, y, epochs=2, batch_size=60, shuffle=False)
    # 60 = 3 · 20, and then 50 = 20 + 20 + 10: the last group has batches of different sizes.
    trainer = Trainer(many, "sgd", loss="cross_entropy", lr=0.1, accumulate=3)
    trainer.fit(x, y, epochs=2, batch_size=20, shuffle=False)
    assert trainer.step == 4
    # Gradients of 60 float32 terms in other groups: some roundings of 2⁻²⁴ each.
    np.testing.assert_allclose(many.weight.detach().numpy(), one.weight.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_gradients_are_clipped_to_the_norm() -> None:
    model = nn.Linear(1, 1, bias=False)
    before = model.weight.item()
    Trainer(model, "sgd", loss="mse", lr=1.0, clip_norm=0.5).fit(tf.ones(4, 1) * 100, tf.zeros(4, 1))
    assert abs(model.weight.item() - before) == pytest.approx(0.5, rel=1e-5)


def test_models_take_several_inputs_by_place_or_by_name() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(tf.ones(1))

        def forward(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
            return self.scale * (a - b)

    a, b = tf.ones(4, 1) * 3, tf.ones(4, 1)
    by_place = [([a, b], tf.zeros(4, 1))]
    by_name = [({"b": b, "a": a}, tf.zeros(4, 1))]
    for batches in (by_place, by_name):
        trainer = Trainer(Sum(), "sgd", loss="mse")
        assert trainer.evaluate(batches)["loss"] == 4.0
        assert trainer.predict(batches).tolist() == [[2.0]] * 4


def test_a_model_may_tell_its_loss_itself() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(tf.zeros(1))

        def forward(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
            return (self.weight * x - y).square().mean()

    x = tf.linspace(-1, 1, 32)
    model = Own()
    trainer = Trainer(model, "sgd", lr=0.3)
    history = trainer.fit((x, 2 * x), epochs=20, batch_size=8)
    assert model.weight.item() == pytest.approx(2, abs=1e-3)
    last = history.epochs[-1]
    assert last["seconds"] * last["samples_per_second"] == pytest.approx(32)
    assert trainer.evaluate((x, 2 * x))["loss"] < 1e-5
    with pytest.raises(ValueError, match=r"^Trainer: metrics need a loss"):
        Trainer(model, "sgd", metrics=["accuracy"])


def test_lbfgs_finds_what_least_squares_finds() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(50, 3)).astype("f4")
    y = (x @ [1.0, -2.0, 0.5] + 0.1 * generator.normal(size=50)).astype("f4")[:, None]
    model = nn.Linear(3, 1, bias=False)
    trainer = Trainer(model, optim.LBFGS(model.parameters(), max_iter=20), loss="mse")
    trainer.fit(x, y, epochs=3, batch_size=50)
    expected = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(model.weight.detach().numpy().T, expected, rtol=1e-3)


class Stream(IterableDataset[tuple[tf.Tensor, tf.Tensor]]):
    def __iter__(self) -> Any:
        x, y = blobs()
        return iter(zip(x, y, strict=True))


def test_data_without_a_length_is_read_to_its_end_or_for_so_many_steps() -> None:
    trainer = Trainer(network(), "sgd", loss="cross_entropy")
    trainer.fit(Stream(), epochs=2, batch_size=50)
    assert trainer.step == 6
    trainer.fit(Stream(), epochs=2, batch_size=50, steps_per_epoch=2)
    assert trainer.step == 4


# --- Weights


def test_a_sample_of_weight_two_counts_as_two() -> None:
    x, y = blobs(30)
    weight = tf.tensor([float(i % 3) for i in range(30)])
    repeated = [i for i in range(30) for _ in range(i % 3)]
    one, other = nn.Linear(4, 3), nn.Linear(4, 3)
    other.load_state_dict(one.state_dict())
    trainer = Trainer(one, "sgd", loss="cross_entropy", lr=0.1)
    history = trainer.fit(x, y, sample_weight=weight, epochs=2, batch_size=30, shuffle=False)
    expected = Trainer(other, "sgd", loss="cross_entropy", lr=0.1).fit(
        x[repeated], y[repeated], epochs=2, batch_size=30, shuffle=False
    )
    np.testing.assert_allclose(one.weight.detach().numpy(), other.weight.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-6)


@pytest.mark.parametrize("loss", ["cross_entropy", nn.CrossEntropyLoss(), F.cross_entropy])
def test_class_weights_are_those_of_the_cross_entropy(loss: Any) -> None:
    x, y = blobs(60)
    table = [0.5, 2.0, 1.0]
    one, other = nn.Linear(4, 3), nn.Linear(4, 3)
    other.load_state_dict(one.state_dict())
    weights: Any = {0: 0.5, 1: 2.0, 2: 1.0} if loss == "cross_entropy" else table
    Trainer(one, "sgd", loss=loss, lr=0.1).fit(x, y, class_weight=weights, epochs=2, batch_size=60, shuffle=False)
    weighted = nn.CrossEntropyLoss(weight=tf.tensor(table))
    Trainer(other, "sgd", loss=weighted, lr=0.1).fit(x, y, epochs=2, batch_size=60, shuffle=False)
    np.testing.assert_allclose(one.weight.detach().numpy(), other.weight.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_balanced_class_weights_are_scikit_learns() -> None:
    utils = pytest.importorskip("sklearn.utils.class_weight")
    from tenfold.train.data import class_weights

    labels = np.array([0, 0, 0, 0, 1, 3, 3])
    x = tf.zeros(7, 1)
    expected = dict(
        zip([0, 1, 3], utils.compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels), strict=True)
    )

    class OneByOne(Dataset[Any]):
        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: int) -> Any:
            return x[index], int(labels[index])

    for dataset in (TensorDataset(x, tf.tensor(labels)), OneByOne()):
        found = class_weights("balanced", dataset).tolist()
        assert {number: found[number] for number in expected} == pytest.approx(expected, rel=1e-6)
        assert found[2] == 1.0


def test_weights_and_ignored_targets_go_together() -> None:
    x = tf.randn(4, 3, 5)
    y = tf.tensor([[0, 1, 2, -100, -100]] * 4)
    weight = tf.tensor([1.0, 2.0, 0.0, 1.0])
    from tenfold.train.losses import get

    each = F.cross_entropy(x, y, reduction="none").numpy()
    kept = (y.numpy() != -100) * weight.numpy()[:, None]
    assert get("cross_entropy")(x, y, weight).item() == pytest.approx((each * kept).sum() / kept.sum(), rel=1e-6)


# --- Precision


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_with_float32_parameters(precision: str) -> None:
    x, y = blobs()
    seen = set()

    class Watching(nn.Linear):
        def forward(self, input: tf.Tensor) -> tf.Tensor:
            output = super().forward(input)
            seen.add((output.dtype, self.weight.dtype))
            return output

    tf.manual_seed(0)
    model = nn.Sequential(Watching(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.LSTM(8, 8), Last(), Watching(8, 3))
    trainer = Trainer(model, "adam", loss="cross_entropy", metrics=["accuracy"], lr=0.02, precision=precision)
    history = trainer.fit(x, y, epochs=8)
    half = getattr(tf, precision)
    assert seen == {(half, tf.float32)}
    assert all(param.dtype == tf.float32 for param in model.parameters())
    assert history["accuracy"][-1] > 0.9
    assert trainer.predict(x).dtype == tf.float32


class Last(nn.Module):
    """The outputs of a layer that gives its state too."""

    def forward(self, pair: Any) -> Any:
        return pair[0]


def test_the_loss_scale_of_float16_adapts_and_leaves_steps_out() -> None:
    model = nn.Linear(1, 1, bias=False)
    before = model.weight.item()
    trainer = Trainer(model, "sgd", loss="mse", lr=1e-4, precision="float16")
    # 2 · 200 · 200w · 65,536 is beyond float16's 65,504, whatever w is but tiny.
    model.weight.data.fill_(1.0)
    trainer.fit([(tf.ones(1, 1) * 200, tf.zeros(1, 1))])
    assert model.weight.item() == 1.0 != before
    assert trainer.precision.scale == 2.0**15
    trainer.precision.growth_interval = 2
    trainer.precision.scale = 1.0
    trainer.fit([(tf.ones(1, 1), tf.zeros(1, 1))] * 2)
    assert trainer.precision.scale == 2.0
    assert model.weight.item() != 1.0


# --- Names


@pytest.mark.parametrize("name", ["sgd", "Adam", "adamw", "rmsprop", "lion", "adagrad"])
def test_optimizers_come_by_name(name: str) -> None:
    trainer = Trainer(nn.Linear(1, 1), name, loss="mse", lr=0.25)
    assert type(trainer.optimizer).__name__.lower() == name.lower()
    assert trainer.optimizer.param_groups[0]["lr"] == 0.25


def test_frozen_parameters_are_left_out() -> None:
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    assert len(Trainer(model, "adam").optimizer.param_groups[0]["params"]) == 1


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("mse", nn.MSELoss()),
        ("mean_squared_error", F.mse_loss),
        ("mae", nn.L1Loss()),
        ("huber", nn.HuberLoss()),
        ("bce_with_logits", nn.BCEWithLogitsLoss()),
    ],
)
def test_losses_come_by_name_and_columns_fit_vectors(name: str, same: Any) -> None:
    x, y = tf.randn(6, 4), tf.tensor([0, 1, 0, 1, 1, 0])
    model = nn.Linear(4, 1)
    expected = same(model(x), y.float().unsqueeze(1)).item()
    assert Trainer(model, "sgd", loss=name).evaluate(x, y)["loss"] == pytest.approx(expected, rel=1e-6)


def test_accuracy_of_a_binary_loss_is_binary() -> None:
    x, y = tf.tensor([[-2.0], [0.2], [3.0]]), tf.tensor([0, 0, 1])
    model = nn.Identity()
    model.unused = nn.Parameter(tf.zeros(1))
    for loss, expected in (("bce_with_logits", 2 / 3), (nn.BCEWithLogitsLoss(), 2 / 3)):
        target: Any = y if loss == "bce_with_logits" else y.float().unsqueeze(1)
        assert Trainer(model, "sgd", loss=loss, metrics=["accuracy"]).evaluate(x, target)["accuracy"] == expected
    found = Trainer(model, "sgd", loss="bce", metrics=["accuracy", "precision"]).evaluate(x.sigmoid(), y)
    assert (found["accuracy"], found["precision"]) == (2 / 3, 0.5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cosine", [0.5 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]),
        ("linear", [1 - step / 8 for step in range(8)]),
        (optim.lr_scheduler.ExponentialLR, None),
    ],
)
def test_schedulers_come_by_name_and_go_over_all_steps(name: Any, expected: Any) -> None:
    x, y = blobs(80)
    model = network()
    rates: list[float] = []

    class Watching(Callback):
        def on_step_end(self, trainer: Trainer, step: int) -> None:
            rates.append(trainer.optimizer.param_groups[0]["lr"])

    optimizer = optim.SGD(model.parameters(), lr=1.0)
    if expected is None:
        scheduler = name(optimizer, 0.5)
        trainer = Trainer(model, optimizer, loss="cross_entropy", scheduler=scheduler)
        expected = [1.0] * 4 + [0.5] * 4
    else:
        trainer = Trainer(model, optimizer, loss="cross_entropy", scheduler=name)
        expected = [*expected[1:], 0.0]
    trainer.fit(x, y, epochs=2, batch_size=20, callbacks=[Watching()])
    np.testing.assert_allclose(rates, expected, atol=1e-12)


def test_the_plateau_scheduler_sees_the_loss_of_the_validation() -> None:
    x, y = blobs(20)
    trainer = Trainer(network(), "sgd", loss="cross_entropy", scheduler="plateau", lr=0.0)
    trainer.fit(x, y, epochs=13, validation_data=(x, y))
    # With rate 0 nothing gets better: ten epochs of patience after the first.
    assert trainer.scheduler.num_bad_epochs == 1 or trainer.scheduler.last_epoch == 13


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Trainer(nn.Linear(1, 1), "adamm"),
            ValueError,
            "there is no optimizer 'adamm'. Hint: did you mean 'adam",
        ),
        (
            lambda: Trainer(nn.Linear(1, 1), loss="crossentropy"),
            ValueError,
            "there is no loss 'crossentropy'. Hint: did",
        ),
        (lambda: Trainer(nn.Linear(1, 1), precision="int8"), ValueError, "precision is one of float32"),
        (lambda: Trainer(lambda x: x), TypeError, "model should be a Module; got function"),
        (
            lambda: Trainer(nn.Linear(1, 1), optim.SGD([nn.Parameter(tf.ones(1))]), lr=1.0),
            ValueError,
            "lr is for an optimizer given by name",
        ),
        (
            lambda: Trainer(nn.Linear(1, 1), loss="mse").fit(tf.ones(2, 1), tf.ones(3, 1)),
            ValueError,
            "size mismatch",
        ),
        (
            lambda: Trainer(nn.Linear(1, 1), loss="mse").fit([(tf.ones(2, 1),)]),
            ValueError,
            "a batch is .input, target.",
        ),
        (
            lambda: Trainer(nn.Linear(1, 1), loss="mse").fit(iter([])),
            TypeError,
            "an iterator ends after one epoch",
        ),
        (
            lambda: Trainer(nn.Linear(1, 1), loss="mse").fit(tf.ones(2, 1), tf.ones(2, 1), callbacks=["early_stoping"]),
            ValueError,
            "there is no callback 'early_stoping'. Hint: did you mean 'early_stopping'",
        ),
        (lambda: Trainer(nn.Linear(1, 1), loss="mse").fit([]), ValueError, "the data has no batches"),
        (
            lambda: Trainer(nn.Linear(1, 2), loss="mse").fit(tf.ones(2, 1), tf.ones(2, 1)),
            ValueError,
            "the loss 'mse' needs outputs and targets of one shape",
        ),
        (
            lambda: Trainer(nn.Linear(1, 1), loss=lambda o, t: (o - t).mean()).fit(
                tf.ones(2, 1), tf.ones(2, 1), sample_weight=[1.0, 2.0]
            ),
            ValueError,
            "to weigh samples a loss must take reduction='none'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# --- What a person sees


def test_it_is_quiet_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    x, y = blobs()
    trainer = Trainer(network(), "sgd", loss="cross_entropy", metrics=["accuracy"])
    trainer.fit(x, y, validation_data=(x, y))
    assert capfd.readouterr() == ("", "")
    trainer.fit(x, y, epochs=2, verbose=2, validation_data=(x, y))
    lines = capfd.readouterr().err.splitlines()
    assert [line[:12] for line in lines] == ["epoch 1/2  l", "epoch 2/2  l"]
    assert all(word in lines[0] for word in ("loss 1.", "accuracy 0.", "val_loss", "samples/s"))


def test_the_bar_shows_loss_metrics_and_rate(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    x, y = blobs()
    Trainer(network(), "sgd", loss="cross_entropy", metrics=["accuracy"]).fit(x, y, batch_size=2, verbose=1)
    shown = capfd.readouterr().err
    assert "60/60" in shown or "batch/s" in shown
    assert "loss " in shown
    assert "accuracy " in shown


def test_on_a_terminal_the_bar_comes_by_itself() -> None:
    pytest.importorskip("tqdm")
    import fcntl
    import pty
    import termios

    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_train import *
x, y = blobs()
trainer = Trainer(network(), "sgd", loss="cross_entropy", metrics=["accuracy"])
trainer.fit(x, y, batch_size=2, validation_data=(x, y))
"""
    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    with subprocess.Popen([sys.executable, "-c", program], stderr=side) as process:
        os.close(side)
        shown = b""
        # On Linux reading from a terminal whose other side is closed is an error.
        with contextlib.suppress(OSError):
            while read := os.read(terminal, 4096):
                shown += read
    os.close(terminal)
    assert process.returncode == 0
    *bars, line = (one.strip() for one in shown.decode().replace("\n", "\r").split("\r") if one.strip())
    assert bars[0].startswith("epoch 1/1:   0%|")
    assert re.search(r"\| 60/60 \[.*batch/s, loss \d\.\d{4}, accuracy 0\.\d{4}, validating\]$", bars[-1])
    assert re.match(r"epoch 1/1  loss \d\.\d{4}  accuracy 0\.\d{4}  val_loss \d\.\d{4}  val_accuracy ", line)


def test_a_history_is_a_table_and_a_picture(tmp_path: Path) -> None:
    history = History()
    with pytest.raises(ValueError, match=r"^plot: there is nothing to draw yet"):
        history.plot()
    x, y = blobs()
    trainer = Trainer(network(), "adam", loss="cross_entropy", metrics=["accuracy"])
    history = trainer.fit(x, y, epochs=3, validation_data=(x, y))
    assert history.history.keys() == {"loss", "accuracy", "val_loss", "val_accuracy", "seconds", "samples_per_second"}
    assert "val_loss" in history
    assert repr(history).startswith("History(3 epochs; last: loss ")
    with pytest.raises(KeyError, match=r"no figure 'val_f1'\. Hint: one of loss, accuracy"):
        history["val_f1"]
    pytest.importorskip("matplotlib")
    figure = history.plot(tmp_path / "new" / "curves.png")
    assert (tmp_path / "new" / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["loss", "accuracy"]
    drawn = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    assert drawn == [history["loss"], history["val_loss"]]


# --- The rate to begin with


def test_the_rate_finder_suggests_a_rate_that_learns_and_changes_nothing(tmp_path: Path) -> None:
    x, y = blobs(600)
    model = network(dropout=0.2)
    trainer = Trainer(model, "sgd", loss="cross_entropy")
    before, drawn = bits(model), tf.get_rng_state().tolist()
    found = trainer.find_learning_rate(x, y, low=1e-5, high=100.0, steps=60)
    assert bits(model) == before
    assert tf.get_rng_state().tolist() == drawn
    assert trainer.optimizer.param_groups[0]["lr"] == 1e-3
    assert found.rates == pytest.approx([1e-5 * 1e7 ** (i / 59) for i in range(len(found.rates))])
    assert 1e-3 < found.suggestion < 30
    trainer = Trainer(model, "sgd", loss="cross_entropy", lr=found.suggestion)
    losses = trainer.fit(x, y, epochs=2)["loss"]
    assert losses[-1] < 0.5 * found.losses[0]
    pytest.importorskip("matplotlib")
    found.plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").exists()
