"""One package in a process of its own: prepares a workload and times its steps when told to.

Reads a JSON command a line and answers with a JSON line. `benchmarks/run.py` starts two of these and lets
them take turns, so that neither package's threads disturb the other's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from typing import Any

from workloads import LIMITS, WORKLOADS, Step, is_torch

PREPARABLE = {workload.name: workload for workload in [*WORKLOADS, *LIMITS.values()]}


class Worker:
    def __init__(self, package: str, threads: int) -> None:
        self.xp: Any = importlib.import_module(package)
        if is_torch(self.xp):
            self.xp.set_num_threads(threads)
        else:
            # The submodules that workloads reach as attributes.
            for name in ("nn", "optim", "nn.functional"):
                importlib.import_module(f"{package}.{name}")
        self.step: Step | None = None

    def describe(self) -> dict[str, Any]:
        return {"package": self.xp.__name__, "version": self.xp.__version__}

    def prepare(self, workload: str) -> dict[str, Any]:
        """Make the operands and run until a step's time is steady; answers that time."""
        self.step = None
        self.xp.manual_seed(0)
        self.step = PREPARABLE[workload].prepare(self.xp)
        for _ in range(3):
            self.once()
        return {"seconds": min(self.once() for _ in range(3))}

    def run(self, count: int) -> dict[str, Any]:
        """The seconds of each of so many steps, after one that wakes the threads up."""
        self.once()
        return {"seconds": [self.once() for _ in range(count)]}

    def once(self) -> float:
        assert self.step is not None
        started = time.perf_counter()
        result = self.step()
        if not is_torch(self.xp):
            # Tenfold computes when somebody looks; `result` keeps what is to be computed alive.
            self.xp.synchronize()
        seconds = time.perf_counter() - started
        del result
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("package")
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    answers = sys.stdout
    sys.stdout = sys.stderr  # nothing that a package prints may stand between the answers
    worker = Worker(options.package, options.threads)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("do"))(**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
