"""Layers that change the shape alone."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold._core import Tensor
from tenfold.nn.modules.module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Joins the axes from ``start_dim`` to ``end_dim`` to one: `(N, C, H, W)` to `(N, C·H·W)` by default.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Flatten()(tf.zeros(32, 1, 5, 5)).shape
    (32, 25)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits the axis ``dim`` into axes of ``unflattened_size``; one extent may be −1.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Unflatten(1, (2, 5, 5))(tf.zeros(3, 50)).shape
    (3, 2, 5, 5)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if isinstance(dim, str):
            raise NotImplementedError("Unflatten: named dimensions (dim) are not offered")
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten: dim should be an int; got {type(dim).__name__}")
        if not isinstance(unflattened_size, list | tuple) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(f"Unflatten: unflattened_size should be a tuple of ints; got {unflattened_size!r}")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
