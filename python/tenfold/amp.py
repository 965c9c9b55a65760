"""Products in half precision where they are asked for: PyTorch's ``torch.amp``."""

from __future__ import annotations

from tenfold import _core
from tenfold._core import bfloat16, dtype
from tenfold.autograd.modes import decorated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _F = TypeVar("_F", bound=Callable[..., Any])

__all__ = ["autocast", "is_autocast_available"]


class autocast:
    """Computes products in ``dtype`` within a ``with`` block or a decorated function, on this thread.

    Matrix products, linear and bilinear layers, convolutions, attention and recurrent layers convert float32 operands
    to it, and losses convert half precisions to float32; everything else computes in the dtypes it is given, as ever.
    Parameters stay as they are, and their gradients have their dtype. ``backward()`` takes the dtypes of the way
    forward, wherever it is called. Sums within a product are float32; its result is rounded once.

    Matrix products of bfloat16 (linear layers among them), and those of their gradients, use the processor's
    instructions for bfloat16 (AMX tiles, else AVX512-BF16) where it has them. These add in an order of their own and
    take subnormal numbers for zero, so that the last bits differ from those of other processors. Everywhere else, and
    outside of autocast, bfloat16 is widened to float32, and bits are the same on all processors.

    - ``device_type``: ``"cpu"``.
    - ``dtype``: ``bfloat16`` (default) or ``float16``. The range of float16 is small: its gradients want a scaled loss,
      which :class:`tenfold.train.Trainer` sees to with ``precision="float16"``.
    - ``enabled``: with False products compute in the dtypes they are given, inside another block too.
    - ``cache_enabled``: None or True. Equal conversions that run together are one anyway.

    Source: P. Micikevicius et al., Mixed Precision Training, ICLR 2018.

    >>> import tenfold as tf
    >>> layer, x = tf.nn.Linear(3, 2), tf.ones(4, 3)
    >>> with tf.autocast("cpu", dtype=tf.bfloat16):
    ...     y = layer(x)
    >>> y.dtype
    tenfold.bfloat16
    >>> y.sum().backward()
    >>> layer.weight.grad.dtype
    tenfold.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if device_type != "cpu":
            raise NotImplementedError(f"autocast: device_type is 'cpu'; got {device_type!r}")
        if cache_enabled is False:
            raise NotImplementedError("autocast: cache_enabled=False is not offered")
        self.device_type = device_type
        self.dtype = bfloat16 if dtype is None else dtype
        self.enabled = enabled
        self._before: list[Any] = []
        # A dtype that is not offered is an error of this call.
        _core._set_autocast(_core._set_autocast(self.dtype))

    def __enter__(self) -> autocast:
        self._before.append(_core._set_autocast(self.dtype if self.enabled else None))
        return self

    def __exit__(self, *_error: object) -> None:
        _core._set_autocast(self._before.pop())

    def __call__(self, function: _F) -> _F:
        return decorated(function, lambda: autocast(self.device_type, self.dtype, self.enabled))


def is_autocast_available(device_type: str) -> bool:
    """True where :class:`autocast` takes this device."""
    return device_type == "cpu"


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """True while :class:`autocast` is at work on this thread."""
    return device_type == "cpu" and _core._autocast_dtype() is not None


def get_autocast_dtype(device_type: str) -> dtype:
    """The dtype of :class:`autocast`: the one at work, else the default."""
    if device_type != "cpu":
        raise NotImplementedError(f"get_autocast_dtype: device_type is 'cpu'; got {device_type!r}")
    return _core._autocast_dtype() or bfloat16


_PRECISIONS = ("highest", "high", "medium")
_float32_precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Permits matrix products of float32 to round their operands to fewer bits: ``"high"`` to 16, ``"medium"`` to 8.

    It is a permission, for all threads. With ``"medium"``, matrix products (linear layers among them) round their
    operands to bfloat16 where the processor has AMX or AVX512-BF16; sums and results stay float32, and so do
    convolutions, attention and recurrent layers. A product keeps the permission of the moment it was called, for its
    gradients too. On other processors, and with ``"high"``, products stay exact to float32. To have results in bfloat16
    as well, use :class:`autocast`.

    >>> import tenfold as tf
    >>> tf.set_float32_matmul_precision("high")
    >>> tf.get_float32_matmul_precision()
    'high'
    >>> tf.set_float32_matmul_precision("highest")
    """
    global _float32_precision
    if precision not in _PRECISIONS:
        raise ValueError(
            f"set_float32_matmul_precision: the precision is one of {', '.join(_PRECISIONS)}; got {precision!r}"
        )
    _float32_precision = precision
    _core._allow_bfloat16_products(precision == "medium")


def get_float32_matmul_precision() -> str:
    """What :func:`set_float32_matmul_precision` last permitted; ``"highest"`` at first."""
    return _float32_precision
