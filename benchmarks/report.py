"""Rows, means and how they are printed."""

from __future__ import annotations

from statistics import geometric_mean, median, quantiles
from typing import Any

from workloads import GROUPS, Group, Workload

Row = dict[str, Any]
UNITS = {"flops": "matmul rate", "bytes": "bandwidth"}


def row(group: Group, workload: Workload, results: dict[str, dict[str, Any]], limits: dict[str, float]) -> Row:
    packages = {package: statistics(result, workload.operations) for package, result in results.items()}
    made: Row = {"group": group.name, "in_mean": group.in_mean, "workload": workload.name, "packages": packages}
    if ours := packages["tenfold"].get("median_s"):
        made["ratios"] = {
            package: result["median_s"] / ours
            for package, result in packages.items()
            if package != "tenfold" and "median_s" in result
        }
        for resource in UNITS:
            if needed := getattr(workload, resource):
                made[f"fraction_of_{resource}"] = needed / ours / limits[resource]
    return made


def statistics(result: dict[str, Any], operations: int) -> dict[str, Any]:
    """Seconds of an operation."""
    if "samples" not in result:
        return result
    times = [seconds / operations for seconds in result["samples"]]
    quarter, _, three_quarters = quantiles(times, n=4) if len(times) > 1 else times * 3
    return {
        "median_s": median(times), "quarter_s": quarter, "three_quarters_s": three_quarters, "minimum_s": min(times),
        "samples": len(times), "peak_bytes": result["peak_bytes"],
    }  # fmt: skip


def heading(group: str) -> str:
    return f"{group:<58}{'torch':>10}{'tenfold':>10}{'ratio':>8}  {'peak MiB':>13}"


def line(row: Row) -> str:
    packages = row["packages"]
    cells = "".join(f"{time_of(packages.get(package)):>10}" for package in ("torch", "tenfold"))
    ratios = row.get("ratios", {})
    ratio = f"{ratios['torch']:7.2f}×" if "torch" in ratios else " " * 8
    peaks = " → ".join(peak_of(packages.get(package)) for package in ("torch", "tenfold"))
    parts = [f"{row['workload']:<58}{cells}{ratio}  {peaks:>13}"]
    parts += [f"{row[f'fraction_of_{r}']:.0%} of {unit}" for r, unit in UNITS.items() if f"fraction_of_{r}" in row]
    parts += [f"{package} {ratio:.2f}×" for package, ratio in ratios.items() if package != "torch"]
    parts += [result[kind] for result in packages.values() for kind in ("missing", "failed") if kind in result]
    return "  ".join(parts)


def time_of(result: dict[str, Any] | None) -> str:
    if result is None:
        return ""
    if "median_s" not in result:
        return "missing" if "missing" in result else "failed"
    seconds = result["median_s"]
    if seconds < 1e-6:
        return f"{seconds * 1e9:.0f} ns"
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def peak_of(result: dict[str, Any] | None) -> str:
    peak = (result or {}).get("peak_bytes")
    return "–" if peak is None else f"{peak / 2**20:.0f}"


def means(rows: list[Row]) -> dict[str, tuple[float, int]]:
    """By group the geometric mean of the ratios to PyTorch and how many there are."""
    ratios: dict[str, list[float]] = {}
    for row in rows:
        if "torch" in row.get("ratios", {}):
            ratios.setdefault(row["group"], []).append(row["ratios"]["torch"])
    return {group: (geometric_mean(values), len(values)) for group, values in ratios.items()}


def mean_of_groups(rows: list[Row]) -> float | None:
    """The geometric mean of the means of those groups that count; `None` while one of them was not measured."""
    measured = means(rows)
    counting = [group.name for group in GROUPS if group.in_mean]
    if any(group not in measured for group in counting):
        return None
    return geometric_mean(measured[group][0] for group in counting)


def slower(rows: list[Row]) -> list[Row]:
    """The rows below 1×, the slowest first."""
    found = [row for row in rows if row.get("ratios", {}).get("torch", 1) < 1]
    return sorted(found, key=lambda row: row["ratios"]["torch"])


def missing(rows: list[Row]) -> list[Row]:
    """The rows that Tenfold cannot do."""
    return [row for row in rows if "median_s" not in row["packages"]["tenfold"]]


def summary(rows: list[Row]) -> str:
    counting = {row["group"] for row in rows if row["in_mean"]}
    lines = ["geometric means of the ratios to PyTorch"]
    for group, (mean, count) in means(rows).items():
        lines.append(f"  {group:<20}{mean:6.2f}×  {count} rows{'' if group in counting else ', beside the mean'}")
    if mean := mean_of_groups(rows):
        lines.append(f"  {'mean of the groups':<20}{mean:6.2f}×")
    if below := slower(rows):
        lines.append(f"below 1×: {len(below)} rows")
        lines += [f"  {row['ratios']['torch']:5.2f}×  {row['group']}: {row['workload']}" for row in below]
    if without := missing(rows):
        lines.append(f"missing: {len(without)} rows")
        lines += [f"  {row['group']}: {row['workload']}" for row in without]
    return "\n".join(lines)
