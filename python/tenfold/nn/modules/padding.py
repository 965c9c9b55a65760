"""Layers that add a border."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules._arguments import as_tuple
from tenfold.nn.modules.module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_Widths = int | Sequence[int]


class _Pad(Module):
    """What all padding layers share: a subclass says over how many axes it pads, and how."""

    _rank: int
    _mode: str

    def __init__(self, padding: _Widths) -> None:
        super().__init__()
        self.padding = as_tuple(padding, 2 * self._rank)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPad(_Pad):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (self._rank + 1, self._rank + 2):
            raise ValueError(
                f"{type(self).__name__}: the input needs {self._rank + 1} or {self._rank + 2} axes; got {input.ndim}"
            )
        return super().forward(input)


class _ConstantPad(Module):
    """Padding with one number, which any number of axes may have in front."""

    _rank: int

    def __init__(self, padding: _Widths, value: float) -> None:
        super().__init__()
        self.padding = as_tuple(padding, 2 * self._rank)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: _Widths) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """Adds ``value`` around the last axis of a tensor.

    ``padding`` is one number for all sides or `(left, right)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ConstantPad1d(1, 9.0)(tf.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[9.0, 1.0, 2.0, 3.0, 9.0]]
    """

    _rank = 1


class ConstantPad2d(_ConstantPad):
    """Adds ``value`` around the last two axes of a tensor.

    ``padding`` is one number for all sides or `(left, right, top, bottom)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ConstantPad2d((1, 1, 2, 0), 9.0)(tf.zeros(1, 3, 4)).shape
    (1, 5, 6)
    """

    _rank = 2


class ConstantPad3d(_ConstantPad):
    """Adds ``value`` around the last three axes of a tensor.

    ``padding`` is one number for all sides or `(left, right, top, bottom, front, back)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ConstantPad3d(1, 9.0)(tf.zeros(1, 2, 3, 4)).shape
    (1, 4, 5, 6)
    """

    _rank = 3


class ZeroPad1d(_ZeroPad):
    """Adds zeros around the last axis of a tensor.

    ``padding`` is one number for all sides or `(left, right)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ZeroPad1d(1)(tf.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[0.0, 1.0, 2.0, 3.0, 0.0]]
    """

    _rank = 1


class ZeroPad2d(_ZeroPad):
    """Adds zeros around the last two axes of a tensor.

    ``padding`` is one number for all sides or `(left, right, top, bottom)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ZeroPad2d((1, 1, 2, 0))(tf.zeros(1, 3, 4)).shape
    (1, 5, 6)
    """

    _rank = 2


class ZeroPad3d(_ZeroPad):
    """Adds zeros around the last three axes of a tensor.

    ``padding`` is one number for all sides or `(left, right, top, bottom, front, back)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ZeroPad3d(1)(tf.zeros(1, 2, 3, 4)).shape
    (1, 4, 5, 6)
    """

    _rank = 3


class ReflectionPad1d(_Pad):
    """Mirrors the last axis of `(N, C, L)` or `(C, L)` at their border elements, which are not repeated.

    ``padding`` is one number for all sides or `(left, right)`.
    It is less than the extent; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ReflectionPad1d(1)(tf.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[2.0, 1.0, 2.0, 3.0, 2.0]]
    """

    _rank = 1
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Mirrors the last two axes of `(N, C, H, W)` or `(C, H, W)` at their border elements, which are not repeated.

    ``padding`` is one number for all sides or `(left, right, top, bottom)`.
    It is less than the extent; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ReflectionPad2d((1, 1, 2, 0))(tf.zeros(1, 3, 4)).shape
    (1, 5, 6)
    """

    _rank = 2
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Mirrors the last three axes of `(N, C, D, H, W)` or `(C, D, H, W)` at their ends, which are not repeated.

    ``padding`` is one number for all sides or `(left, right, top, bottom, front, back)`.
    It is less than the extent; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ReflectionPad3d(1)(tf.zeros(1, 2, 3, 4)).shape
    (1, 4, 5, 6)
    """

    _rank = 3
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Repeats the border elements of the last axis of `(N, C, L)` or `(C, L)`.

    ``padding`` is one number for all sides or `(left, right)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ReplicationPad1d(1)(tf.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[1.0, 1.0, 2.0, 3.0, 3.0]]
    """

    _rank = 1
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Repeats the border elements of the last two axes of `(N, C, H, W)` or `(C, H, W)`.

    ``padding`` is one number for all sides or `(left, right, top, bottom)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ReplicationPad2d((1, 1, 2, 0))(tf.zeros(1, 3, 4)).shape
    (1, 5, 6)
    """

    _rank = 2
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Repeats the border elements of the last three axes of `(N, C, D, H, W)` or `(C, D, H, W)`.

    ``padding`` is one number for all sides or `(left, right, top, bottom, front, back)`; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ReplicationPad3d(1)(tf.zeros(1, 2, 3, 4)).shape
    (1, 4, 5, 6)
    """

    _rank = 3
    _mode = "replicate"


class CircularPad1d(_CircularPad):
    """Continues the last axis of `(N, C, L)` or `(C, L)` from the other end.

    ``padding`` is one number for all sides or `(left, right)`.
    It is at most the extent; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.CircularPad1d(1)(tf.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[3.0, 1.0, 2.0, 3.0, 1.0]]
    """

    _rank = 1


class CircularPad2d(_CircularPad):
    """Continues the last two axes of `(N, C, H, W)` or `(C, H, W)` from the other end.

    ``padding`` is one number for all sides or `(left, right, top, bottom)`.
    It is at most the extent; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.CircularPad2d((1, 1, 2, 0))(tf.zeros(1, 3, 4)).shape
    (1, 5, 6)
    """

    _rank = 2


class CircularPad3d(_CircularPad):
    """Continues the last three axes of `(N, C, D, H, W)` or `(C, D, H, W)` from the other end.

    ``padding`` is one number for all sides or `(left, right, top, bottom, front, back)`.
    It is at most the extent; a negative number crops.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.CircularPad3d(1)(tf.zeros(1, 2, 3, 4)).shape
    (1, 4, 5, 6)
    """

    _rank = 3
