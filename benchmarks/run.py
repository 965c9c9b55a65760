"""Speed beside PyTorch: `make bench`, or `python benchmarks/run.py --torch-python PYTHON`.

Processes, one a package, take turns of a fraction of a second on each workload; the order changes each round. Printed
are the median times, PyTorch's time divided by ours (above 1: Tenfold is faster), the fraction of what this machine can
do, and the peaks of memory; at the end the means of the groups. All goes to a JSON file with the quartiles and a
description of the machine. On one thread (`--threads 1`) processor time is measured instead of the clock.
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
from typing import Any

import machine
import report
from workloads import GROUPS, LIMITS, Group, Workload

HERE = Path(__file__).parent
# Threads of the package whose turn ended go to sleep in this time.
PAUSE = 0.02
# What keeps the other packages to the tier that TENFOLD_SIMD=avx2 asks of Tenfold.
ONLY_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}


class Refusal(Exception):
    """A package could not run a workload: `missing` when it does not have what the workload needs."""

    def __init__(self, package: str, kind: str, message: str) -> None:
        super().__init__(f"{package}: {message}")
        self.package, self.missing = package, kind == "missing"


class Process:
    """A package's worker process."""

    def __init__(self, python: str, package: str, threads: int) -> None:
        self.package = package
        environment = {**os.environ, "TENFOLD_THREADS": str(threads), "JAX_PLATFORMS": "cpu"}
        if os.environ.get("TENFOLD_SIMD") == "avx2":
            environment |= ONLY_AVX2
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), package, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
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
        for kind in ("missing", "error"):
            if kind in answer:
                raise Refusal(self.package, kind, answer[kind])
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Bench:
    """The processes, and how long they run."""

    def __init__(self, options: argparse.Namespace, packages: set[str]) -> None:
        self.rounds, self.turn = (3, 0.05) if options.quick else (options.rounds, options.turn)
        pythons = {
            "torch": options.torch_python,
            "torch.compile": options.torch_python,
            "jax": options.jax_python,
            "tenfold": sys.executable,
        }
        self.processes = [
            Process(python, package, options.threads)
            for package, python in pythons.items()
            if python and package in packages
        ]
        self.versions = [process.ask("describe") for process in self.processes]

    def measure(self, group: str, name: str, workload: Workload, effort: float = 1.0) -> dict[str, dict[str, Any]]:
        """By package the seconds of each step, from turns that alternate, and the peak of memory; or why not."""
        results: dict[str, dict[str, Any]] = {}
        able, counts = [], {}
        for process in self.processes:
            if process.package not in ("torch", "tenfold", *workload.others):
                continue
            try:
                seconds = process.ask("prepare", group=group, workload=name)["seconds"]
            except Refusal as refusal:
                results[process.package] = {"missing" if refusal.missing else "failed": str(refusal)}
                continue
            able.append(process)
            counts[process.package] = max(1, min(1000, round(self.turn / max(seconds, 1e-6))))
            results[process.package] = {"samples": []}
        for number in range(max(2, round(self.rounds * effort))):
            for process in able if number % 2 else reversed(able):
                time.sleep(PAUSE)
                results[process.package]["samples"] += process.ask("run", count=counts[process.package])["seconds"]
        for process in able:
            results[process.package] |= process.ask("finish")
        return results

    def limits(self) -> dict[str, float]:
        """The best rates seen: floating-point operations and bytes a second."""
        limits = {}
        for resource, workload in LIMITS.items():
            results = self.measure("limits", resource, workload, effort=0.5)
            best = min(min(result["samples"]) for result in results.values())
            limits[resource] = getattr(workload, resource) / best
        return limits

    def close(self) -> None:
        for process in self.processes:
            process.close()


def chosen(options: argparse.Namespace) -> list[tuple[Group, Workload]]:
    names = [group.name for group in GROUPS]
    if unknown := set(options.group) - set(names):
        raise SystemExit(f"no group {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    picked = [
        (group, workload)
        for group in GROUPS
        for workload in group.workloads
        if (not options.group or group.name in options.group)
        and (not options.only or any(part in workload.name for part in options.only))
    ]
    if not picked:
        raise SystemExit(f"no workload's name holds {options.only}; --list lists them")
    return picked


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", help="a Python with PyTorch; without it Tenfold runs alone")
    parser.add_argument("--jax-python", help="a Python with JAX, for the group fusion")
    parser.add_argument("--group", action="append", default=[], help="only this group; may be repeated")
    parser.add_argument("--only", action="append", default=[], help="workloads whose name holds this; may be repeated")
    parser.add_argument("--list", action="store_true", help="the names of the groups and workloads")
    parser.add_argument("--quick", action="store_true", help="few short turns")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--turn", type=float, default=0.1, help="seconds of a turn")
    parser.add_argument("--threads", type=int, default=machine.cores())
    parser.add_argument("--out", type=Path, help="the JSON file; default: benchmarks/results/DATE-CPU.json")
    parser.add_argument("--update", action="store_true", help="keep what the file has of other workloads")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    picked = chosen(options)
    if options.list:
        for group, workload in picked:
            print(f"{group.name}: {workload.name}")
        return
    description = machine.describe()
    bench = Bench(options, {"torch", "tenfold"}.union(*(workload.others for _, workload in picked)))
    limits, rows = bench.limits(), []
    try:
        versions = ", ".join(" ".join(version.values()) for version in bench.versions)
        print(f"{description['cpu']}, {options.threads} threads; {versions}")
        print(f"limits: {limits['flops'] / 1e9:.0f} GFLOP/s (matmul 2048³), {limits['bytes'] / 1e9:.1f} GB/s (x + y)")
        for group, workload in picked:
            if not rows or rows[-1]["group"] != group.name:
                print(f"\n{report.heading(group.name)}", flush=True)
            results = bench.measure(group.name, workload.name, workload, group.effort)
            rows.append(report.row(group, workload, results, limits))
            print(report.line(rows[-1]), flush=True)
    finally:
        bench.close()
        # Also what was measured before a process ended or somebody interrupted.
        rows = save(options, description, bench.versions, limits, rows)
    if failed := [row["workload"] for row in rows if any("failed" in result for result in row["packages"].values())]:
        raise SystemExit(f"{len(failed)} of {len(rows)} workloads failed: {', '.join(failed)}")


def save(
    options: argparse.Namespace,
    description: dict[str, Any],
    versions: list[dict[str, Any]],
    limits: dict[str, float],
    rows: list[report.Row],
) -> list[report.Row]:
    """Write the result, print its summary, and answer all rows that the file has now."""
    cpu = re.sub(r"[^a-z0-9]+", "-", description["cpu"].lower()).strip("-")
    out = options.out or HERE / "results" / f"{datetime.date.today()}-{cpu}.json"
    if options.update and out.exists():
        rows = merged(json.loads(out.read_text())["rows"], rows)
    result = {
        "machine": description, "simd": os.environ.get("TENFOLD_SIMD"), "threads": options.threads,
        "versions": versions, "limits": limits, "rows": rows,
    }  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print("\n" + report.summary(rows))
    print(f"wrote {out}")
    return rows


def merged(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of both, the later ones in the place of earlier ones, in the order of the groups."""
    rows = {(row["group"], row["workload"]): row for row in [*before, *now]}
    order = [(group.name, workload.name) for group in GROUPS for workload in group.workloads]
    return [rows[key] for key in order if key in rows]


if __name__ == "__main__":
    main()
