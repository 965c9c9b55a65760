"""Training steps on a machine that is shared: with a busy process on each core, with a second thread that trains, and
what memory is kept.

    python benchmarks/sharing.py [--torch-python PYTHON] [--only NAME] [--seconds 3]

Columns: milliseconds a step alone; the speed beside one busy process on each core, as a share of half the speed alone
(1 is a fair share); the speed of two Python threads that train a model each, together, as a share of one alone; and for
Tenfold the memory of buffers that are alive after a step (rounded to size classes), of those that are cached, the
resident memory, and what is left of it after `tenfold.empty_cache()` (both beyond what the process had at first).
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from machine import cores
from workloads.whole_steps import GROUP
from workloads.workload import Step, Workload

BUSY = "while True: pass"
MIB = 2**20


def resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


def finished(xp: Any, step: Step) -> None:
    result = step()
    if xp.__name__ == "tenfold":
        xp.synchronize()
    del result


def seconds_of_a_step(xp: Any, step: Step, seconds: float) -> float:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        finished(xp, step)
        times.append(time.perf_counter() - start)
    return median(times)


def steps_a_second(xp: Any, step: Step, seconds: float) -> float:
    """All of the time counts, also that in which another process had the core."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or count < 3:
        finished(xp, step)
        count += 1
    return count / (time.perf_counter() - start)


def beside_busy_processes(xp: Any, step: Step, seconds: float) -> float:
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(cores())]
    try:
        time.sleep(0.5)
        return steps_a_second(xp, step, seconds)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def of_two_threads(xp: Any, steps: list[Step], seconds: float) -> float:
    speeds: list[float] = []
    threads = [
        threading.Thread(target=lambda step=step: speeds.append(steps_a_second(xp, step, seconds))) for step in steps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(speeds)


def measure(xp: Any, workload: Workload, seconds: float) -> dict[str, float]:
    before = resident()
    xp.manual_seed(0)
    step = workload.prepare(xp)
    for _ in range(3):
        finished(xp, step)
    row = {"alone": seconds_of_a_step(xp, step, seconds)}
    alone = steps_a_second(xp, step, seconds)
    row["busy"] = beside_busy_processes(xp, step, seconds) / (alone / 2)
    row["two threads"] = of_two_threads(xp, [step, workload.prepare(xp)], seconds) / alone
    if xp.__name__ == "tenfold":
        gc.collect()
        row |= {"live": xp.memory_allocated(), "cached": xp.memory_cached(), "resident": resident() - before}
        xp.empty_cache()
        row["left"] = resident() - before
    return row


def child(package: str, only: str, seconds: float) -> None:
    xp = importlib.import_module(package)
    for name in ("nn", "optim", "nn.functional"):
        importlib.import_module(f"{package}.{name}")
    for workload in GROUP.workloads:
        if only in workload.name:
            print(json.dumps({"name": workload.name, **measure(xp, workload, seconds)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", help="a Python that has PyTorch")
    parser.add_argument("--only", default="", help="workloads whose name has this")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each figure")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.only, arguments.seconds)
        return
    pythons = {"tenfold": sys.executable}
    if arguments.torch_python:
        pythons["torch"] = arguments.torch_python
    for package, python in pythons.items():
        command = [python, __file__, "--child", package, "--only", arguments.only, "--seconds", str(arguments.seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            row = json.loads(line)
            text = f"{package:8} {row['name']:46} {row['alone'] * 1e3:8.2f} ms"
            text += f"  busy {row['busy']:5.2f}  two threads {row['two threads']:5.2f}"
            if "live" in row:
                text += (
                    f"  live {row['live'] / MIB:7.1f} MiB, cached {row['cached'] / MIB:7.1f},"
                    f" resident {row['resident'] / MIB:7.1f}, left {row['left'] / MIB:7.1f}"
                )
            print(text, flush=True)
        if process.wait() != 0:
            sys.exit(process.returncode)


if __name__ == "__main__":
    main()
