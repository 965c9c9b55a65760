"""What an operation costs beside its arithmetic: recording, small tensors, the collector, a small training step.

    python benchmarks/recording.py [--torch-python PYTHON] [--threads 1]

Each row is timed in many short turns; printed is the median, in nanoseconds an operation (microseconds a step for the
training step). With a Python that has PyTorch the two packages take turns in processes of their own, and the last
column is PyTorch's time divided by ours. Tenfold runs in deferred mode, unless TENFOLD_EAGER says otherwise.

An operation of 8 numbers whose result nobody keeps is recorded and never run: that is the cost of recording. The rows
`chain` and `step` look at their results.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

# On one thread its processor time, which others that use the machine disturb less.
now = time.perf_counter

# Calls of an operation between two readings of the clock.
CALLS = 500
LINKS = 1000
KEPT = 100_000

Turn = Callable[[], float]


def rows(xp: Any) -> dict[str, Turn]:
    """The rows by name; each call of one takes a turn and gives the nanoseconds of one operation."""
    F = importlib.import_module(f"{xp.__name__}.nn.functional")
    x, y = xp.ones(8), xp.ones(8)
    matrix = xp.ones(4, 2)
    leaf = xp.ones(8, requires_grad=True)

    def each(body: Callable[[], Any]) -> Turn:
        def turn() -> float:
            calls = range(CALLS)
            start = now()
            for _ in calls:
                body()
            return (now() - start) / CALLS * 1e9

        return turn

    def chain() -> float:
        start = now()
        z = x
        for _ in range(LINKS):
            z = z + y
        z.tolist()
        return (now() - start) / LINKS * 1e9

    return {
        "nothing: a call of a lambda": each(lambda: None),
        "x + y": each(lambda: x + y),
        "x * 2.0": each(lambda: x * 2.0),
        "relu(x)": each(lambda: F.relu(x)),
        "matrix[0]": each(lambda: matrix[0]),
        "x.reshape(2, 4)": each(lambda: x.reshape(2, 4)),
        "leaf + y": each(lambda: leaf + y),
        "leaf * y": each(lambda: leaf * y),
        "leaf * 2.0": each(lambda: leaf * 2.0),
        "relu(leaf)": each(lambda: F.relu(leaf)),
        f"chain: {LINKS} dependent additions": chain,
        f"collector, a tensor of {KEPT} kept": lambda: collector(xp),
        "step: MLP 64-128-10, batch 32, Adam": training(xp, F),
    }


def collector(xp: Any) -> float:
    """What the garbage collector adds to making a tensor, where very many are kept."""
    x = xp.ones(8)

    def make() -> float:
        gc.collect()
        start = now()
        kept = [x.reshape(8) for _ in range(KEPT)]
        seconds = now() - start
        del kept
        return seconds / KEPT * 1e9

    with_collector = make()
    gc.disable()
    try:
        return with_collector - make()
    finally:
        gc.enable()


def training(xp: Any, F: Any) -> Turn:
    nn = importlib.import_module(f"{xp.__name__}.nn")
    optim = importlib.import_module(f"{xp.__name__}.optim")
    xp.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    inputs, targets = xp.randn(32, 64), xp.arange(32) % 10

    def turn() -> float:
        steps = 50
        start = now()
        for _ in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
        loss.item()
        return (now() - start) / steps * 1e9

    return turn


def work(package: str, threads: int) -> None:
    """A process with one package: reads the name of a row a line, answers with a time a line."""
    global now
    if threads == 1:
        now = time.thread_time
    xp = importlib.import_module(package)
    if package == "torch":
        xp.set_num_threads(threads)
    turns = rows(xp)
    print(json.dumps(list(turns)), flush=True)
    for line in sys.stdin:
        print(turns[json.loads(line)](), flush=True)


class Process:
    def __init__(self, python: str, package: str, threads: int) -> None:
        environment = {"TENFOLD_EAGER": "0", **os.environ, "TENFOLD_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [python, __file__, "--work", package, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.rows: list[str] = json.loads(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a process ended in the middle of the run; see its output above")
        return line

    def turn(self, row: str) -> float:
        assert self.process.stdin is not None
        print(json.dumps(row), file=self.process.stdin, flush=True)
        return float(self._line())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", help="a Python with PyTorch, to compare with")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=40, help="how often each row is timed")
    parser.add_argument("--only", default="", help="rows that contain this text")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.threads)
        return
    processes = [Process(sys.executable, "tenfold", options.threads)]
    if options.torch_python:
        processes.append(Process(options.torch_python, "torch", options.threads))
    for row in processes[0].rows:
        if options.only not in row:
            continue
        # The collector's row makes 100,000 tensors a turn.
        turns = max(3, options.turns // 8) if row.startswith("collector") else options.turns
        samples = [[process.turn(row) for process in processes] for _ in range(turns)]
        times = [median(sample) for sample in zip(*samples, strict=True)]
        unit, scale = ("µs", 1e3) if row.startswith("step") else ("ns", 1)
        line = f"{row:40}" + "".join(f"{time / scale:10.0f} {unit}" for time in times)
        if len(times) == 2 and times[0] > 0:
            line += f"{times[1] / times[0]:8.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
