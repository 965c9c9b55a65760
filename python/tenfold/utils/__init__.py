"""Tools around training: data, and checkpoints of activations."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from tenfold.utils import data

if TYPE_CHECKING:
    from tenfold.utils import checkpoint

__all__ = ["checkpoint", "data"]


def __getattr__(name: str) -> object:
    """What few programs need is imported when it is first used."""
    if name == "checkpoint":
        return _import_module("tenfold.utils.checkpoint")
    raise AttributeError(f"module 'tenfold.utils' has no attribute {name!r}")
