"""Speed beside PyTorch: `make bench`, or `python benchmarks/run.py --torch-python PYTHON`.

Two processes, one a package, take turns of a fraction of a second on each workload; the order changes each
round. Printed are the median times, the ratio (above 1: Tenfold is faster) and the fraction of what this
machine can do; they go to a JSON file with the quartiles and a description of the machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import machine
from workloads import LIMITS, WORKLOADS, Workload

HERE = Path(__file__).parent
# Threads of the package whose turn ended go to sleep in this time.
PAUSE = 0.02


class BenchmarkError(Exception):
    """A package could not run a workload."""


class Process:
    """A package's worker process."""

    def __init__(self, python: str, package: str, threads: int) -> None:
        self.package = package
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), package, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TENFOLD_THREADS": str(threads)},
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline() or "null")
        except (BrokenPipeError, json.JSONDecodeError):
            answer = None
        if answer is None:
            raise SystemExit(f"{self.package}'s process ended in the middle of the run; see its output above")
        if "error" in answer:
            raise BenchmarkError(f"{self.package}: {answer['error']}")
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(workload: Workload, processes: list[Process], rounds: int, turn: float) -> dict[str, list[float]]:
    """The seconds of each step by package, from turns that alternate."""
    counts = {}
    for process in processes:
        seconds = process.ask("prepare", workload=workload.name)["seconds"]
        counts[process.package] = max(1, min(1000, round(turn / seconds)))
    samples: dict[str, list[float]] = {process.package: [] for process in processes}
    for number in range(rounds):
        for process in processes if number % 2 else reversed(processes):
            time.sleep(PAUSE)
            samples[process.package] += process.ask("run", count=counts[process.package])["seconds"]
    return samples


def measure_limits(processes: list[Process], turn: float) -> dict[str, float]:
    """The best rates seen: floating-point operations and bytes a second."""
    limits = {}
    for resource, workload in LIMITS.items():
        samples = measure(workload, processes, rounds=4, turn=turn)
        limits[resource] = getattr(workload, resource) / min(min(times) for times in samples.values())
    return limits


def summarize(workload: Workload, samples: dict[str, list[float]], limits: dict[str, float]) -> dict[str, Any]:
    result: dict[str, Any] = {"workload": workload.name, "flops": workload.flops, "bytes": workload.bytes}
    for package, times in samples.items():
        quarter, middle, three_quarters = quantiles(times, n=4) if len(times) > 1 else times * 3
        result[package] = {
            "median_s": middle, "quarter_s": quarter, "three_quarters_s": three_quarters, "minimum_s": min(times),
            "samples": len(times), "operation_s": middle / workload.operations,
        }  # fmt: skip
    if {"torch", "tenfold"} <= set(samples):
        result["ratio"] = median(samples["torch"]) / median(samples["tenfold"])
    ours = median(samples[next(reversed(samples))])
    for resource in ("flops", "bytes"):
        if needed := getattr(workload, resource):
            result[f"fraction_of_{resource}"] = needed / ours / limits[resource]
    return result


def line(result: dict[str, Any], packages: list[str]) -> str:
    times = "".join(f"{show(result[package]['operation_s']):>12}" for package in packages)
    ratio = f"{result['ratio']:8.2f}×" if "ratio" in result else " " * 9
    limit = next((f"{result[f'fraction_of_{r}']:5.0%} of {n}" for r, n in
                  (("flops", "matmul rate"), ("bytes", "bandwidth")) if f"fraction_of_{r}" in result), "")  # fmt: skip
    return f"{result['workload']:<60}{times}{ratio}  {limit}"


def show(seconds: float) -> str:
    if seconds < 1e-6:
        return f"{seconds * 1e9:.0f} ns"
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", help="a Python with PyTorch; without it Tenfold runs alone")
    parser.add_argument("--only", action="append", default=[], help="workloads whose name holds this; may be repeated")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--turn", type=float, default=0.15, help="seconds of a turn")
    parser.add_argument("--threads", type=int, default=machine.cores())
    parser.add_argument("--out", type=Path, help="the JSON file; default: benchmarks/results/DATE-CPU.json")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    chosen = [w for w in WORKLOADS if not options.only or any(part in w.name for part in options.only)]
    if not chosen:
        raise SystemExit(f"no workload's name holds {options.only}; there are: {', '.join(w.name for w in WORKLOADS)}")
    description = machine.describe()
    # Tenfold stands last: the fractions of the limits are those of the last one.
    processes = [Process(options.torch_python, "torch", options.threads)] if options.torch_python else []
    processes.append(Process(sys.executable, "tenfold", options.threads))
    packages = [process.package for process in processes]
    try:
        versions = [process.ask("describe") for process in processes]
        limits = measure_limits(processes, options.turn)
        print(f"{description['cpu']}, {options.threads} threads; " + ", ".join(" ".join(v.values()) for v in versions))
        print(f"limits: {limits['flops'] / 1e9:.0f} GFLOP/s (matmul 2048³), {limits['bytes'] / 1e9:.1f} GB/s (x + y)")
        print(f"{'median':<60}" + "".join(f"{package:>12}" for package in packages) + f"{'ratio':>9}")
        results, failures = [], []
        for workload in chosen:
            try:
                samples = measure(workload, processes, options.rounds, options.turn)
            except BenchmarkError as error:
                failures.append(f"{workload.name}: {error}")
                print(f"{workload.name:<60}  failed: {error}", flush=True)
                continue
            results.append(summarize(workload, samples, limits))
            print(line(results[-1], packages), flush=True)
    finally:
        for process in processes:
            process.close()
    out = options.out or HERE / "results" / f"{datetime.date.today()}-{slug(description['cpu'])}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": description, "threads": options.threads, "versions": versions, "limits": limits,
        "results": results, "failures": failures,
    }  # fmt: skip
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"wrote {out}")
    if failures:
        raise SystemExit(f"{len(failures)} of {len(chosen)} workloads failed")


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


if __name__ == "__main__":
    main()
