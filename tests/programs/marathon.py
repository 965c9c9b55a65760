"""Many programs in processes of their own, so that a crash or a hang is a finding and not the end."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import queue
import time
import warnings
from collections.abc import Iterator
from ctypes import c_int64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A program takes milliseconds; one that takes this many seconds hangs.
PATIENCE = 120.0


def work(first: int, step: int, end: int, seed: Any, failures: Any) -> None:
    """Holds every ``step``-th program; ``seed`` says which one is being run."""
    warnings.simplefilter("ignore")
    from programs.checking import check

    parent = os.getppid()
    for number in range(first, end, step):
        if os.getppid() != parent:
            return  # nobody would hear of what is found
        seed.value = number
        failure = check(number)
        if failure is None:
            continue
        failures.put((number, failure.report()))
        if failure.is_fatal():
            failures.close()
            failures.join_thread()
            os._exit(1)
        failures.put((number, failure.shrunk().report()))
    seed.value = end


def autopsy(seed: int, failures: Any) -> None:
    """Shrinks a program that ended a worker."""
    warnings.simplefilter("ignore")
    from programs.checking import examine

    failures.put((seed, examine(seed)))


@dataclass
class Worker:
    """A process and where it is."""

    process: Any
    seed: Any
    step: int
    last: int = -1
    since: float = 0.0

    def is_hanging(self) -> bool:
        """True where the same program has been running for too long."""
        if self.seed.value != self.last:
            self.last, self.since = self.seed.value, time.monotonic()
        return time.monotonic() - self.since > PATIENCE


def marathon(programs: int, seed: int, jobs: int, seconds: float = float("inf")) -> Iterator[tuple[int, str]]:
    """The failures among so many programs: a seed and a report, the shrunk one after the whole one."""
    context = multiprocessing.get_context("spawn")
    failures = context.Queue()
    end, deadline = seed + programs, time.monotonic() + seconds

    def start(first: int, step: int) -> Worker:
        at = context.Value(c_int64, first)
        process = context.Process(target=work, args=(first, step, end, at, failures), daemon=True)
        process.start()
        return Worker(process, at, step)

    workers = [start(seed + number, jobs) for number in range(jobs)]
    examined = []
    while (workers or any(process.is_alive() for process in examined)) and time.monotonic() < deadline:
        try:
            yield failures.get(timeout=0.5)
            continue
        except queue.Empty:
            pass
        for worker in list(workers):
            alive = worker.process.is_alive()
            if alive and not worker.is_hanging():
                continue
            workers.remove(worker)
            worker.process.kill()
            at = worker.seed.value
            if at < end:
                examined.append(context.Process(target=autopsy, args=(at, failures)))
                examined[-1].start()
                workers.append(start(at + worker.step, worker.step))
    for process in (*examined, *(worker.process for worker in workers)):
        process.kill()
    while True:
        try:
            yield failures.get(timeout=0.1)
        except queue.Empty:
            return


def main() -> int:
    """The command; 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=200_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first program's seed (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes (default: cores)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--out", type=Path, help="folder for the failing programs")
    options = parser.parse_args()
    begun, found = time.monotonic(), {}
    for seed, report in marathon(options.programs, options.seed, options.jobs, options.seconds):
        found[seed] = report
        print(report, flush=True)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / f"{seed}.py").write_text(report)
    took = time.monotonic() - begun
    print(f"{options.programs} programs in every variant, {len(found)} with a difference, {took:.0f} s")
    return 1 if found else 0
