"""A run that is killed at any moment and started again ends with the bits of one that was not."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold import nn, optim, safetensors
from tenfold.train import Callback, Checkpoint, EarlyStopping, Trainer, load_state, save_state
from tenfold.utils.data import DataLoader, Dataset


class Noisy(Dataset[Any]):
    """Samples that draw from every sequence of random numbers that is saved."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Any:
        noise = tf.randn(4) + random.random() + np.random.rand()
        return tf.arange(4.0) * index / 40 + noise / 10, index % 3


def build(optimizer: str, scheduler: Any, **options: Any) -> Trainer:
    tf.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    metrics = ["accuracy", "f1", "confusion_matrix"]
    return Trainer(
        model, optimizer, loss="cross_entropy", metrics=metrics, lr=0.01, scheduler=scheduler, clip_norm=1.0, **options
    )


def loader(**options: Any) -> DataLoader:
    return DataLoader(Noisy(), batch_size=6, shuffle=True, **options)


def outcome(trainer: Trainer) -> dict[str, Any]:
    state = trainer.state_dict()
    figures = [
        {name: getattr(value, "tolist", lambda v=value: v)() for name, value in epoch.items() if "second" not in name}
        for epoch in trainer.history
    ]
    weights = {name: value.tolist() for name, value in state["model"].items()}
    moments = [
        getattr(value, "tolist", lambda v=value: v)()
        for of_param in state["optimizer"]["state"].values()
        for value in of_param.values()
    ]
    rates = [group["lr"] for group in state["optimizer"]["param_groups"]]
    drawn = [tf.rand(2).tolist(), random.random(), np.random.rand()]
    return {"figures": figures, "weights": weights, "moments": moments, "rates": rates, "drawn": drawn}


class Die(Exception):
    pass


class Draws(Callback):
    """Draws at moments of its own."""

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        tf.rand(3)
        random.random()

    def on_step_end(self, trainer: Trainer, step: int) -> None:
        tf.rand(step)


class DieAfter(Callback):
    """Dies after a step, before anything is saved of it or after."""

    def __init__(self, step: int, order: int) -> None:
        self.step = step
        self.order = order

    def on_step_end(self, trainer: Trainer, step: int) -> None:
        if step == self.step:
            raise Die


@pytest.mark.parametrize(
    ("optimizer", "scheduler", "options"),
    [
        ("adamw", "cosine", {}),
        ("sgd", "one_cycle", {"accumulate": 2}),
        ("rmsprop", "plateau", {}),
        ("adam", None, {"precision": "float16"}),
        ("lion", "linear", {"precision": "bfloat16"}),
    ],
)
@pytest.mark.parametrize("own_generator", [False, True])
def test_going_on_gives_the_bits_of_a_run_that_never_stopped(
    tmp_path: Path, optimizer: str, scheduler: Any, options: dict[str, Any], own_generator: bool
) -> None:
    def run(folder: Path, *deaths: Callback) -> Trainer:
        trainer = build(optimizer, scheduler, **options)
        generator = tf.Generator().manual_seed(8) if own_generator else None
        trainer.fit(
            loader(generator=generator),
            validation_data=loader(),
            epochs=4,
            callbacks=[*deaths, Draws(), EarlyStopping(patience=2), Checkpoint(folder, every_steps=2)],
        )
        return trainer

    expected = outcome(run(tmp_path / "whole"))
    folder = tmp_path / "killed"
    for step, order in ((1, 0), (2, 200), (5, 0), (9, 0), (9, 200), (12, 200)):
        with contextlib.suppress(Die):
            run(folder, DieAfter(step, order))
    assert outcome(run(folder)) == expected
    # A run that is done and started once more is left as it is.
    again = run(folder)
    assert outcome(again)["weights"] == expected["weights"]
    assert len(again.history) == len(expected["figures"])


def test_arrays_with_a_validation_split_go_on_too(tmp_path: Path) -> None:
    def run(folder: Path, *deaths: Callback) -> Trainer:
        trainer = build("adam", "cosine")
        x, y = tf.randn(50, 4), tf.arange(50) % 3
        callbacks = [*deaths, Checkpoint(folder, every_steps=3)]
        trainer.fit(x, y, epochs=3, validation_split=0.3, batch_size=5, class_weight="balanced", callbacks=callbacks)
        return trainer

    expected = outcome(run(tmp_path / "whole"))
    for step in (4, 7, 11):
        with pytest.raises(Die):
            run(tmp_path / "killed", DieAfter(step, 200))
    assert outcome(run(tmp_path / "killed")) == expected


def test_more_epochs_may_be_asked_for(tmp_path: Path) -> None:
    def run(folder: Path, epochs: int) -> Trainer:
        trainer = build("adam", None)
        trainer.fit(loader(), epochs=epochs, callbacks=[Checkpoint(folder)])
        return trainer

    run(tmp_path / "more", 2)
    assert outcome(run(tmp_path / "more", 4)) == outcome(run(tmp_path / "whole", 4))


def test_ctrl_c_saves_and_the_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    class Press(Callback):
        def __init__(self, moment: str) -> None:
            self.moment = moment

        def on_step_end(self, trainer: Trainer, step: int) -> None:
            if self.moment == "step" and step == 4:
                signal.raise_signal(signal.SIGINT)

        def on_validation_begin(self, trainer: Trainer) -> None:
            if self.moment == "validation" and trainer.epoch == 1:
                signal.raise_signal(signal.SIGINT)

        def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
            if self.moment == "epoch" and epoch == 1:
                signal.raise_signal(signal.SIGINT)

    def run(folder: Path, moment: str = "") -> Trainer:
        trainer = build("adam", "cosine")
        trainer.fit(loader(), validation_data=loader(), epochs=3, callbacks=[Press(moment), Checkpoint(folder)])
        return trainer

    expected = outcome(run(tmp_path / "whole"))
    for moment in ("step", "validation", "epoch"):
        assert run(tmp_path / moment, moment).history.interrupted
        assert outcome(run(tmp_path / moment)) == expected


_PROGRAM = """
import sys, time
sys.path.insert(0, {tests!r})
from test_resume import *

class Slow(Callback):
    order = 50
    def on_step_end(self, trainer, step):
        time.sleep(0.03)

trainer = build("adamw", "cosine")
workers = {{"num_workers": {workers}, "persistent_workers": {workers} > 0}} if {workers} else {{}}
trainer.fit(
    loader(**workers), validation_data=loader(), epochs=5,
    callbacks=[Slow(), EarlyStopping(patience=3), Checkpoint({folder!r}, every_steps=1, keep=2)],
)
print(outcome(trainer))
"""


def killed_again_and_again(folder: Path, seed: int, workers: int) -> int:
    """Starts the program and kills it at a random moment until it ends by itself; gives how often it was killed."""
    generator = random.Random(seed)
    program = _PROGRAM.format(tests=str(Path(__file__).parent), folder=str(folder), workers=workers)
    for kills in range(60):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        try:
            # From the first moments, with nothing imported, to well into the run; later ever more of it, so as to end.
            process.wait(timeout=generator.uniform(0.1, 1.0) * (1 + kills / 4))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            continue
        (folder / "outcome").write_text(process.communicate()[0])
        assert process.returncode == 0
        return kills
    raise AssertionError("the program never came to its end")


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path: Path, workers: int) -> None:
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    program = _PROGRAM.format(tests=str(Path(__file__).parent), folder=str(folders[0]), workers=workers)
    whole = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    kills = killed_again_and_again(folders[1], int(os.environ.get("SEED", "0")), workers)
    assert kills >= 1
    assert (folders[1] / "outcome").read_text() == whole.stdout
    # What was being written when a kill came is cleared away.
    assert {path.name for path in folders[1].iterdir()} == {
        *("outcome", "last.safetensors", "best.safetensors"),
        *(path.name for path in folders[0].glob("epoch-*")),
    }


# --- Files


def test_states_come_back_as_they_were(tmp_path: Path) -> None:
    from collections import Counter

    state = {
        "none": None,
        "numbers": [1, 2**80, -0.1, float("inf"), True],
        "tuple": ((0.9, 0.999), ["a", "ü"]),
        "$odd": {1: "one", (2, "x"): tf.arange(3), "plain": {}},
        "milestones": Counter({3: 2, 7: 1}),
        "tensors": [tf.randn(2, 3), tf.tensor(True), tf.zeros(0, 4), tf.randn(3).to(tf.bfloat16)],
    }
    path = tmp_path / "state.safetensors"
    save_state(state, path)
    found = load_state(path)
    assert str(found) == str(state)
    assert type(found["tuple"]) is tuple
    assert type(found["milestones"]) is Counter
    assert [tensor.dtype for tensor in found["tensors"]] == [tensor.dtype for tensor in state["tensors"]]


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^save_state: \['a'\]\[1\] is of a kind that cannot be saved; got set"):
        save_state({"a": [1, {2}]}, tmp_path / "state")
    assert not list(tmp_path.iterdir())
    safetensors.save_file({"x": tf.ones(1)}, tmp_path / "plain")
    with pytest.raises(ValueError, match=r"holds no state. Hint: safetensors.load_file reads tensors"):
        load_state(tmp_path / "plain")


def test_every_scheduler_and_optimizer_can_be_saved(tmp_path: Path) -> None:
    S = optim.lr_scheduler
    model = nn.Linear(3, 3)
    for name in optim.__all__:
        make = getattr(optim, name)
        if not isinstance(make, type) or name in ("Optimizer", "SparseAdam"):
            continue
        params = [model.weight] if name == "Muon" else model.parameters()
        optimizer = make(params, lr=0.01)

        def closure(optimizer: Any = optimizer) -> tf.Tensor:
            optimizer.zero_grad()
            loss = model(tf.ones(2, 3)).square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        save_state(optimizer.state_dict(), tmp_path / "optimizer")
        optimizer.load_state_dict(load_state(tmp_path / "optimizer"))
        optimizer.step(closure)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedulers = [
        S.StepLR(optimizer, 2),
        S.MultiStepLR(optimizer, [2, 2, 4]),
        S.CosineAnnealingWarmRestarts(optimizer, 3),
        S.CyclicLR(optimizer, 0.01, 0.1),
        S.OneCycleLR(optimizer, 0.1, total_steps=10),
        S.ReduceLROnPlateau(optimizer),
        S.LambdaLR(optimizer, lambda step: 0.5**step),
        S.SequentialLR(optimizer, [S.ConstantLR(optimizer), S.ExponentialLR(optimizer, 0.9)], [2]),
        S.ChainedScheduler([S.ConstantLR(optimizer), S.ExponentialLR(optimizer, 0.9)]),
    ]
    for scheduler in schedulers:
        save_state(scheduler.state_dict(), tmp_path / "scheduler")
        before = str(scheduler.state_dict())
        scheduler.load_state_dict(load_state(tmp_path / "scheduler"))
        assert str(scheduler.state_dict()) == before


def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "state"
    program = f"""
import tenfold as tf
from tenfold.train import save_state
number = 0
while True:
    number += 1
    save_state({{"number": number, "values": tf.full((200_000,), float(number))}}, {str(path)!r})
"""
    for delay in (0.02, 0.05, 0.11):
        process = subprocess.Popen([sys.executable, "-c", program])
        while not path.exists():
            time.sleep(0.01)
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        state = load_state(path)
        assert (state["values"] == state["number"]).all()


def test_the_best_weights_and_some_earlier_states_are_kept(tmp_path: Path) -> None:
    trainer = build("adam", None)
    checkpoint = Checkpoint(tmp_path, monitor="val_accuracy", keep=2)
    weights = []

    class Watching(Callback):
        def on_epoch_end(self, trainer: Trainer, epoch: int, figures: dict[str, Any]) -> None:
            weights.append({name: value.tolist() for name, value in trainer.model.state_dict().items()})

    history = trainer.fit(loader(), validation_data=loader(), epochs=5, callbacks=[Watching(), checkpoint])
    best = max(range(5), key=lambda epoch: history["val_accuracy"][epoch])
    found = safetensors.load_file(checkpoint.best)
    assert {name: value.tolist() for name, value in found.items()} == weights[best]
    assert sorted(path.name for path in tmp_path.glob("epoch-*")) == ["epoch-4.safetensors", "epoch-5.safetensors"]
    assert load_state(tmp_path / "epoch-4.safetensors")["epoch"] == 4
    fresh = build("adam", None)
    fresh.load(checkpoint.last)
    assert {name: value.tolist() for name, value in fresh.model.state_dict().items()} == weights[-1]
    begun = build("adam", None)
    begun.fit(loader(), epochs=1, callbacks=[Checkpoint(tmp_path, resume=False)])
    assert len(begun.history) == 1
