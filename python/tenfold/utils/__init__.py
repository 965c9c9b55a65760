"""Tools around training: data."""

from tenfold.utils import data

__all__ = ["data"]
