"""Where data sets are kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder", "root_folder"]


def data_folder() -> Path:
    """The folder that holds a folder of each data set: ``TENFOLD_DATA``, else ``tenfold`` in the user's cache.

    >>> from tenfold.datasets import data_folder
    >>> data_folder().is_absolute()
    True
    """
    if chosen := os.environ.get("TENFOLD_DATA"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "tenfold"


def root_folder(root: str | os.PathLike[str] | None, name: str) -> Path:
    """The folder of one data set."""
    return data_folder() / name if root is None else Path(root)
