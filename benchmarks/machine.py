"""What a measurement was taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    return {
        "cpu": cpu_name(),
        "simd": simd(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        # Above zero before the run began: something else was running too.
        "load_before": round(os.getloadavg()[0], 2),
    }


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_field(field: str) -> str:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return ""
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def cpu_name() -> str:
    return cpu_field("model name") or platform.processor() or platform.machine()


def simd() -> list[str]:
    flags = cpu_field("flags").split()
    return [name for name in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile") if name in flags]
