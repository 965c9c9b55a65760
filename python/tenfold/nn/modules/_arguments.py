"""Checks and forms of constructor arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def as_tuple(value: int | Iterable[int], length: int) -> tuple[int, ...]:
    """One number for all axes, or one an axis."""
    if isinstance(value, Iterable):
        return tuple(value)
    return (value,) * length


def extents(shape: int | Sequence[int]) -> tuple[int, ...]:
    """A shape given as one extent or several."""
    return (shape,) if isinstance(shape, int) else tuple(shape)


def not_offered(operation: str, **arguments: Any) -> None:
    """Raises NotImplementedError naming the first argument that is set (not None, not False)."""
    for name, value in arguments.items():
        if value is not None and value is not False:
            raise NotImplementedError(f"{operation}: {name} is not offered")


def check_positive(operation: str, **arguments: int) -> None:
    """Raises ValueError naming the first argument that is not a positive integer."""
    for name, value in arguments.items():
        if value <= 0:
            raise ValueError(f"{operation}: {name} must be a positive integer; got {value}")


def new_tensor_options(device: Any, dtype: Any) -> dict[str, Any]:
    """Keyword arguments of the functions that create tensors."""
    return {"device": device, "dtype": dtype}
