"""What ``x.size`` is: the array API's integer and PyTorch's method in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Size(int):
    """The number of elements of a tensor. Called, it gives the shape, or the extent along an axis.

    >>> import tenfold as tf
    >>> x = tf.zeros(2, 3)
    >>> x.size, x.size(), x.size(-1)
    (6, (2, 3), 3)
    """

    _extents: Callable[..., Any]

    def __new__(cls, elements: int, extents: Callable[..., Any]) -> Size:
        size = super().__new__(cls, elements)
        size._extents = extents
        return size

    def __call__(self, dim: int | None = None) -> Any:
        return self._extents(dim)

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)
