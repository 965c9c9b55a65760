"""Write docs/benchmarks.md from a result of `make bench`: python scripts/benchmarks_page.py RESULT.json ..."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import report  # noqa: E402

INTRODUCTION = """\
# Speed beside PyTorch

Written by `scripts/benchmarks_page.py` from what `make bench` measured; `benchmarks/README.md` says how. The ratio is
PyTorch's time divided by Tenfold's: above 1 Tenfold is faster. Peaks are what a process needed beyond what it had
before the workload began. Each run names the rates that its machine reached: where others use its memory they are
lower, and ratios of what is bound by memory differ.
"""


def section(result: dict[str, Any], name: str) -> str:
    machine, rows = result["machine"], result["rows"]
    versions = ", ".join(f"{v['package']} {v['version']}" for v in result["versions"])
    limits = result["limits"]
    lines = [
        f"## {machine['cpu']}, {result['threads']} thread{'s' * (result['threads'] > 1)}",
        "",
        f"`{name}`: {', '.join(machine['simd'])}{forced(result)}; {versions}; {machine['system']}. The best matrix "
        f"product seen ran at {limits['flops'] / 1e9:.0f} GFLOP/s, `x + y` on 16 Mi numbers at "
        f"{limits['bytes'] / 1e9:.1f} GB/s. Load before the run: {machine['load_before']}.",
        "",
        *means(rows),
    ]
    for group in report.means(rows) | {row["group"]: None for row in rows}:
        lines += ["", f"### {group}", "", *table([row for row in rows if row["group"] == group])]
    return "\n".join(lines)


def forced(result: dict[str, Any]) -> str:
    return f" (measured with {result['simd']} alone)" if result["simd"] else ""


def means(rows: list[report.Row]) -> list[str]:
    counting = {row["group"] for row in rows if row["in_mean"]}
    lines = ["| group | geometric mean | rows | below 1× | missing |", "|---|---|---|---|---|"]
    below, missing = report.slower(rows), report.missing(rows)
    for group, (mean, count) in report.means(rows).items():
        beside = "" if group in counting else " (beside the mean)"
        counts = [sum(row["group"] == group for row in some) for some in (below, missing)]
        lines.append(f"| {group}{beside} | {mean:.2f}× | {count} | {counts[0]} | {counts[1]} |")
    if mean := report.mean_of_groups(rows):
        lines.append(f"| **mean of the groups** | **{mean:.2f}×** | | | |")
    return lines


def table(rows: list[report.Row]) -> list[str]:
    packages = list(dict.fromkeys(package for row in rows for package in row["packages"]))
    others = [package for package in packages if package not in ("torch", "tenfold")]
    head = [
        "workload",
        *packages,
        "ratio",
        *(f"to {other}" for other in others),
        "of the limit",
        "peak MiB, PyTorch → Tenfold",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        ratios = row.get("ratios", {})
        cells = [row["workload"], *(report.time_of(row["packages"].get(package)) for package in packages)]
        cells += [f"{ratios[package]:.2f}×" if package in ratios else "" for package in ("torch", *others)]
        fractions = [
            f"{row[f'fraction_of_{r}']:.0%} of {unit}" for r, unit in report.UNITS.items() if f"fraction_of_{r}" in row
        ]
        peaks = " → ".join(report.peak_of(row["packages"].get(package)) for package in ("torch", "tenfold"))
        lines.append("| " + " | ".join([*cells, ", ".join(fractions), peaks]) + " |")
    return lines


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    sections = [section(json.loads(Path(path).read_text()), Path(path).name) for path in sys.argv[1:]]
    page = ROOT / "docs/benchmarks.md"
    page.write_text("\n\n".join([INTRODUCTION.rstrip(), *sections]) + "\n")
    print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
