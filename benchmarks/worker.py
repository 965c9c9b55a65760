"""One package in a process of its own: prepares a workload and times its steps when told to.

Reads a JSON command a line and answers with a JSON line. `benchmarks/run.py` starts one a package and lets them take
turns, so that no package's threads disturb another's.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from workloads import GROUPS, LIMITS
from workloads.workload import Step

PREPARABLE = {(group.name, workload.name): workload for group in GROUPS for workload in group.workloads}
PREPARABLE |= {("limits", name): workload for name, workload in LIMITS.items()}
# What a package raises for what it does not have.
MISSING = (AttributeError, NotImplementedError)


class Worker:
    def __init__(self, package: str, threads: int) -> None:
        self.package = package
        self.xp: Any = importlib.import_module(package.removesuffix(".compile"))
        # One thread's processor time is disturbed less by whatever else runs.
        self.now = time.process_time if threads == 1 else time.perf_counter
        if package.startswith("torch"):
            self.xp.set_num_threads(threads)
        elif package == "tenfold":
            # The submodules that workloads reach as attributes.
            for name in ("nn", "optim", "nn.functional"):
                importlib.import_module(f"{package}.{name}")
        self.step: Step | None = None
        self.memory_before = 0

    def describe(self) -> dict[str, Any]:
        return {"package": self.package, "version": self.xp.__version__}

    def prepare(self, group: str, workload: str) -> dict[str, Any]:
        """Make the operands and run until a step's time is steady; answers that time."""
        self.step = None
        self.memory_before = give_back(self.xp)
        chosen = PREPARABLE[group, workload]
        if self.package in ("torch", "tenfold"):
            self.xp.manual_seed(0)
            self.step = chosen.prepare(self.xp)
        else:
            self.step = chosen.others[self.package]()
        seconds = [self.once() for _ in range(2)]
        while len(seconds) < 6 and sum(seconds) < 0.5:
            seconds.append(self.once())
        return {"seconds": min(seconds)}

    def run(self, count: int) -> dict[str, Any]:
        """The seconds of each of so many steps, after one that wakes the threads up."""
        if self.once() > 0.2:
            count = max(1, count - 1)
        return {"seconds": [self.once() for _ in range(count)]}

    def finish(self) -> dict[str, Any]:
        """The peak of memory since the workload was prepared, beyond what was there before; None where unknown."""
        peak = memory("VmHWM")
        return {"peak_bytes": None if peak is None else max(0, peak - self.memory_before)}

    def once(self) -> float:
        assert self.step is not None
        started = self.now()
        result = self.step()
        if self.package == "tenfold":
            # Tenfold computes when somebody looks; `result` keeps what is to be computed alive.
            self.xp.synchronize()
        seconds = self.now() - started
        del result
        return seconds


def give_back(xp: Any) -> int:
    """Give unused memory back to the system, begin to look for a new peak, and answer what is in use."""
    gc.collect()
    if hasattr(xp, "empty_cache"):
        xp.empty_cache()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        return 0  # not Linux with glibc: `memory` knows nothing either
    return memory("VmRSS") or 0


def memory(field: str) -> int | None:
    """A field of this process's status in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return None


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
            kind = "missing" if isinstance(error, MISSING) else "error"
            answer = {kind: f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
