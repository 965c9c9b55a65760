"""Worker processes of a loader: what they give is what a plain loop gives, whatever happens to them."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

METHODS = [method for method in ("fork", "spawn", "forkserver") if method in multiprocessing.get_all_start_methods()]


class Numbers(Dataset[Any]):
    """Tensors, numbers and texts, some of them large: more than a pipe holds."""

    def __init__(self, count: int = 23, size: int = 50_000) -> None:
        self.count = count
        self.size = size

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return {"x": tf.full((self.size,), float(index)).sqrt(), "n": index, "t": (str(index), np.float32(index))}


class Drawing(Dataset[Any]):
    """Draws from all sequences of random numbers."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> Any:
        return tf.rand(2), random.random(), np.random.rand(), index


class Stream(IterableDataset[int]):
    """Each worker reads a part."""

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        return iter(range(20)) if info is None else iter(range(info.id * 100, info.id * 100 + 3 + 4 * info.id))


class Dying(Dataset[int]):
    """Ends its process at some samples, as often as there are files for it."""

    def __init__(self, folder: Path, at: dict[int, int], how: str = "kill") -> None:
        self.folder = folder
        self.how = how
        for index, times in at.items():
            for number in range(times):
                (folder / f"{index}-{number}").touch()

    def __len__(self) -> int:
        return 30

    def __getitem__(self, index: int) -> int:
        for path in self.folder.glob(f"{index}-*"):
            path.unlink()
            if self.how == "exit":
                os._exit(3)
            os.kill(os.getpid(), signal.SIGKILL)
        return index


def said(batches: Any) -> list[Any]:
    return [str(batch) for batch in batches]


# --- The same as without


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_give_what_a_plain_loop_gives(method: str, workers: int) -> None:
    dataset = Numbers()
    options: dict[str, Any] = {"num_workers": workers, "multiprocessing_context": method}
    for own in ({"batch_size": 4}, {"batch_size": 5, "drop_last": True}, {"batch_size": None}):
        assert said(DataLoader(dataset, **own, **options)) == said(DataLoader(dataset, **own))
    (first, *_) = DataLoader(dataset, batch_size=4, **options)
    assert first["x"][3, 0].item() == np.sqrt(np.float32(3))
    assert first["t"][0] == ["0", "1", "2", "3"]


def test_a_shuffle_is_the_same_with_workers_and_without() -> None:
    dataset = TensorDataset(tf.arange(50))

    def order(**options: Any) -> list[Any]:
        tf.manual_seed(1)
        loader = DataLoader(dataset, batch_size=7, shuffle=True, **options)
        orders = [[batch[0].tolist() for batch in loader] for _ in range(2)]
        return [*orders, tf.rand(1).item()]

    without = order()
    assert without[0] != without[1]
    assert order(num_workers=2) == order(num_workers=3, prefetch_factor=1) == without
    assert order(num_workers=2, persistent_workers=True) == without


def test_what_is_drawn_depends_on_the_seed_and_the_batch_alone() -> None:
    def drawn(seed: int, workers: int) -> list[str]:
        tf.manual_seed(seed)
        return said(DataLoader(Drawing(), batch_size=3, shuffle=True, num_workers=workers))

    assert drawn(1, 1) == drawn(1, 2) == drawn(1, 4)
    assert drawn(1, 2) != drawn(2, 2)
    samples = [row for batch in DataLoader(Drawing(), batch_size=3, num_workers=3) for row in batch[0].tolist()]
    assert len({tuple(row) for row in samples}) == 20


def test_another_epoch_draws_other_numbers() -> None:
    loader = DataLoader(Drawing(), num_workers=2, persistent_workers=True)
    assert said(loader) != said(loader)


def test_it_begins_in_the_middle() -> None:
    for workers in (0, 2):
        tf.manual_seed(0)
        loader = DataLoader(Numbers(size=3), batch_size=4, shuffle=True, num_workers=workers)
        state = tf.get_rng_state()
        whole = said(loader)
        tf.set_rng_state(state)
        assert said(loader._iterate(3)) == whole[3:]


# --- Streams


def test_streams_are_read_in_parts_in_turns() -> None:
    one = [batch.tolist() for batch in DataLoader(Stream(), batch_size=2, num_workers=2)]
    # Worker 0 has 3 numbers, worker 1 has 7; who has no more is left out.
    assert one == [[0, 1], [100, 101], [2], [102, 103], [104, 105], [106]]
    assert one == [batch.tolist() for batch in DataLoader(Stream(), batch_size=2, num_workers=2, prefetch_factor=5)]
    singles = list(DataLoader(Stream(), batch_size=None, num_workers=2))
    assert sorted(singles) == [0, 1, 2, *range(100, 107)]
    dropped = DataLoader(Stream(), batch_size=2, num_workers=2, drop_last=True)
    assert [batch.tolist() for batch in dropped] == [[0, 1], [100, 101], [102, 103], [104, 105]]
    assert get_worker_info() is None


# --- Workers themselves


class Asking(Dataset[Any]):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        info = get_worker_info()
        assert info is not None
        assert info.dataset is not None
        return os.getpid(), info.id, info.num_workers, os.environ.get("BEGUN"), tf.get_num_threads()


def begin(number: int) -> None:
    os.environ["BEGUN"] = f"{number} {os.environ.get('BEGUN', '')}"


def test_workers_know_who_they_are_and_persist_if_they_should() -> None:
    for persistent in (True, False):
        loader = DataLoader(
            Asking(), batch_size=None, num_workers=2, worker_init_fn=begin, persistent_workers=persistent
        )
        epochs = [list(loader), list(loader)]
        for samples in epochs:
            assert [number for _, number, *_ in samples] == [0, 1] * 4
            assert {(count, begun, threads) for _, _, count, begun, threads in samples} == {(2, "0 ", 1), (2, "1 ", 1)}
        processes = [{pid for pid, *_ in samples} for samples in epochs]
        assert (processes[0] == processes[1]) is persistent
        assert os.getpid() not in processes[0]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_with_their_epoch_their_loader_or_their_program() -> None:
    loader = DataLoader(Asking(), batch_size=None, num_workers=2)
    iterator = iter(loader)
    pids = {next(iterator)[0], next(iterator)[0]}
    assert all(alive(pid) for pid in pids)
    iterator.close()  # type: ignore[attr-defined]
    assert not any(alive(pid) for pid in pids)
    loader = DataLoader(Asking(), batch_size=None, num_workers=2, persistent_workers=True)
    pids = {pid for pid, *_ in loader}
    assert all(alive(pid) for pid in pids)
    del loader
    assert not any(alive(pid) for pid in pids)


_PARENT = """
import sys
sys.path.insert(0, {tests!r})
from test_data_workers import *

class Endless(Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, index):
        return os.getpid(), tf.zeros(300_000)

if __name__ == "__main__":
    iterator = iter(DataLoader(Endless(), batch_size=None, num_workers=3, prefetch_factor=4))
    print(*(next(iterator)[0] for _ in range(3)), flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_when_their_program_is_killed() -> None:
    program = _PARENT.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    assert len(set(pids)) == 3
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    end = time.monotonic() + 15
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize("method", METHODS)
def test_workers_that_persist_may_wait_long(method: str) -> None:
    loader = DataLoader(
        Asking(), batch_size=None, num_workers=1, persistent_workers=True, multiprocessing_context=method
    )
    before = list(loader)
    time.sleep(2.5)  # longer than they go without a look at who started them
    assert list(loader) == before


def test_an_epoch_left_early_leaves_nothing_behind() -> None:
    loader = DataLoader(Numbers(), batch_size=2, num_workers=2, persistent_workers=True)
    for number, _ in enumerate(loader):
        if number == 2:
            break
    assert said(loader) == said(DataLoader(Numbers(), batch_size=2))
    # Two at a time.
    assert [(str(one), str(two)) for one, two in zip(loader, loader, strict=True)] == [
        (batch, batch) for batch in said(DataLoader(Numbers(), batch_size=2))
    ]


class Uneven(Dataset[int]):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> int:
        time.sleep(0.3 if index == 0 else 0.0)
        return index


def test_batches_come_in_order_or_as_they_are_done() -> None:
    assert list(DataLoader(Uneven(), batch_size=None, num_workers=2)) == list(range(12))
    loader = DataLoader(Uneven(), batch_size=None, num_workers=2, in_order=False, prefetch_factor=1)
    assert sorted(loader) == list(range(12))
    assert next(iter(loader)) != 0


def test_workers_run_beside_computing_threads() -> None:
    # The pool of threads computes while processes are forked and end.
    x = tf.rand(300, 300)
    for _ in range(5):
        total = 0.0
        for batch in DataLoader(Numbers(size=1000), batch_size=4, num_workers=2):
            total += (x @ x).sum().item() * 0 + batch["n"].sum().item()
        assert total == sum(range(23))


# --- What goes wrong


@pytest.mark.parametrize("how", ["kill", "exit"])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_worker_that_dies_is_replaced_and_nothing_is_lost(tmp_path: Path, how: str, persistent: bool) -> None:
    dataset = Dying(tmp_path, {0: 1, 7: 1, 22: 1}, how)
    loader = DataLoader(dataset, batch_size=3, num_workers=2, shuffle=True, persistent_workers=persistent)
    fate = "was killed by SIGKILL" if how == "kill" else "ended with exit code 3"
    tf.manual_seed(5)
    with pytest.warns(RuntimeWarning, match=rf"^DataLoader: worker [01] \(pid \d+\) {fate}; another one loads"):
        found = [batch.tolist() for batch in loader]
    tf.manual_seed(5)
    assert found == [batch.tolist() for batch in DataLoader(dataset, batch_size=3, shuffle=True)]
    assert len(list(loader)) == 10


def test_a_batch_of_which_two_workers_die_is_an_error(tmp_path: Path) -> None:
    loader = DataLoader(Dying(tmp_path, {13: 100}), batch_size=3, num_workers=2)
    with (
        pytest.warns(RuntimeWarning, match="another one loads its batches"),
        pytest.raises(RuntimeError, match=r"killed by SIGKILL while it loaded batch 4, and so did the worker before"),
    ):
        list(loader)


def killing(loader: DataLoader, generator: random.Random) -> Iterator[Any]:
    """The batches, while workers are killed now and then."""
    for number, batch in enumerate(loader):
        yield batch
        if number % 9 == 3:
            os.kill(loader._workers._workers[generator.randrange(3)].process.pid, signal.SIGKILL)
            time.sleep(generator.uniform(0, 0.02))


def test_workers_killed_at_random_moments_lose_nothing() -> None:
    generator = random.Random(int(os.environ.get("SEED", "0")))
    loader = DataLoader(Numbers(60, 20_000), batch_size=2, num_workers=3, persistent_workers=True)
    expected = said(DataLoader(Numbers(60, 20_000), batch_size=2))
    for _ in range(4):
        with pytest.warns(RuntimeWarning, match="was killed by SIGKILL"):
            found = said(killing(loader, generator))
        assert found == expected


class DyingStream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        yield 1
        os._exit(1)


def test_a_stream_whose_reader_dies_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"worker 0 .pid \d+. ended with exit code 1; what it had read of"):
        list(DataLoader(DyingStream(), batch_size=None, num_workers=1))


class Odd(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


class Failing(Dataset[int]):
    def __init__(self, error: str) -> None:
        self.error = error

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        if index == 4:
            raise KeyError("four") if self.error == "key" else Odd(4, 5)
        return (lambda: 1) if self.error == "answer" else index


def test_errors_come_with_the_traceback_of_the_worker() -> None:
    loader = DataLoader(Failing("key"), batch_size=None, num_workers=2)
    found: list[int] = []
    with pytest.raises(KeyError, match="four") as raised:
        found.extend(loader)
    assert found == [0, 1, 2, 3]
    assert any("In DataLoader worker 0" in note and "in __getitem__" in note for note in raised.value.__notes__)
    with pytest.raises(RuntimeError, match=r"a worker raised an error that cannot be sent(.|\n)*Odd: 4 and 5"):
        list(DataLoader(Failing("odd"), batch_size=None, num_workers=2))
    with pytest.raises((AttributeError, TypeError, Exception), match="lambda"):
        list(DataLoader(Failing("answer"), batch_size=None, num_workers=1))


def fail_to_begin(number: int) -> None:
    raise OSError(f"worker {number} cannot begin")


def test_errors_of_the_beginning_are_raised() -> None:
    with pytest.raises(OSError, match="worker 0 cannot begin"):
        list(DataLoader(Numbers(), num_workers=2, worker_init_fn=fail_to_begin))


class Slow(Dataset[int]):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        time.sleep(30)
        return index


def test_a_batch_that_does_not_come_in_time_is_an_error() -> None:
    began = time.monotonic()
    with pytest.raises(RuntimeError, match=r"^DataLoader: timed out after 0.3 seconds"):
        list(DataLoader(Slow(), num_workers=1, timeout=0.3))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers should be non-negative; got -1"),
        ({"num_workers": 1, "timeout": -1}, "timeout should be non-negative; got -1"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor should be at least 1; got 0"),
    ],
)
def test_wrong_arguments_are_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^DataLoader: {message}"):
        DataLoader(Numbers(), **options)
