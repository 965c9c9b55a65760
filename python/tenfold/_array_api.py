"""What the Python array API standard asks for beside functions on tensors: dtypes and their limits, inspection."""

from __future__ import annotations

from tenfold import _core
from tenfold._core import Tensor, dtype

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "__array_namespace_info__",
    "can_cast",
    "finfo",
    "iinfo",
    "isdtype",
    "result_type",
]

_SIGNED = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
_REAL = ("float16", "bfloat16", "float32", "float64")
_COMPLEX = ("complex64", "complex128")

_KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
    "integral": _SIGNED + _UNSIGNED,
    "real floating": _REAL,
    "complex floating": _COMPLEX,
    "numeric": _SIGNED + _UNSIGNED + _REAL + _COMPLEX,
}


class _Limits:
    """Limits of a dtype: read-only attributes that print themselves."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__.removesuffix('_object')}({shown})"


# Plain classes: importing `dataclasses` costs more than the rest of the package together.
class finfo_object(_Limits):
    """Limits of a floating dtype; those of its parts for a complex one."""

    __slots__ = ("bits", "dtype", "eps", "max", "min", "smallest_normal")

    def __init__(self, bits: int, eps: float, largest: float, smallest_normal: float, dtype: dtype) -> None:
        self.bits = bits
        self.eps = eps
        self.max = largest
        self.min = -largest
        self.smallest_normal = smallest_normal
        self.dtype = dtype

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return self.smallest_normal

    @property
    def resolution(self) -> float:
        """The decimal digits that are surely kept, as a power of ten."""
        return {16: 1e-3, 32: 1e-6, 64: 1e-15}[self.bits]


class iinfo_object(_Limits):
    """Limits of an integer dtype."""

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, bits: int, low: int, high: int, dtype: dtype) -> None:
        self.bits = bits
        self.max = high
        self.min = low
        self.dtype = dtype


_LIMITS = {
    "float16": (16, 2.0**-10, 65504.0, 2.0**-14),
    "bfloat16": (16, 2.0**-7, float.fromhex("0x1.fep127"), 2.0**-126),
    "float32": (32, 2.0**-23, float.fromhex("0x1.fffffep127"), 2.0**-126),
    "float64": (64, 2.0**-52, float.fromhex("0x1.fffffffffffffp1023"), 2.0**-1022),
}


def _dtype_of(value: Any, function: str) -> dtype:
    if isinstance(value, Tensor):
        return value.dtype
    if isinstance(value, dtype):
        return value
    raise TypeError(f"{function}: needs a dtype or a tensor; got {type(value).__name__}")


def finfo(type: dtype | Tensor, /) -> finfo_object:
    """Limits of a floating or complex dtype.

    >>> import tenfold as tf
    >>> tf.finfo(tf.float32).eps
    1.1920928955078125e-07
    """
    of = _dtype_of(type, "finfo").to_real()
    if of.name not in _LIMITS:
        raise TypeError(f"finfo: needs a floating or complex dtype; got {of.name}. Hint: iinfo is for integers")
    bits, eps, largest, smallest = _LIMITS[of.name]
    return finfo_object(bits, eps, largest, smallest, of)


def iinfo(type: dtype | Tensor, /) -> iinfo_object:
    """Limits of an integer dtype.

    >>> import tenfold as tf
    >>> tf.iinfo(tf.int8).max
    127
    """
    of = _dtype_of(type, "iinfo")
    bits = 8 * of.itemsize
    if of.name in _SIGNED:
        return iinfo_object(bits, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, of)
    if of.name in _UNSIGNED:
        return iinfo_object(bits, 0, 2**bits - 1, of)
    raise TypeError(f"iinfo: needs an integer dtype; got {of.name}. Hint: finfo is for floats")


def isdtype(dtype: dtype, kind: dtype | str | tuple[dtype | str, ...]) -> bool:
    """True if a dtype is, or is of the kind of, ``kind`` (or one of several).

    Kinds: ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``, ``"real floating"``,
    ``"complex floating"``, ``"numeric"``.
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise ValueError(f"isdtype: no such kind; got {kind!r}. Hint: the kinds are {', '.join(_KINDS)}")
        return dtype.name in _KINDS[kind]
    return dtype == kind


def result_type(*arrays_and_dtypes: Tensor | dtype | complex) -> dtype:
    """The dtype that tensors, dtypes and Python numbers meet in.

    >>> import tenfold as tf
    >>> tf.result_type(tf.int8, tf.uint8)
    tenfold.int16
    """
    if not arrays_and_dtypes:
        raise ValueError("result_type: needs at least one argument")
    dtypes: list[dtype] = []
    numbers: list[complex] = []
    for value in arrays_and_dtypes:
        if isinstance(value, Tensor):
            dtypes.append(value.dtype)
        elif isinstance(value, dtype):
            dtypes.append(value)
        elif isinstance(value, (bool, int, float, complex)):
            numbers.append(value)
        else:
            raise TypeError(f"result_type: needs tensors, dtypes or numbers; got {type(value).__name__}")
    if not dtypes:
        raise ValueError("result_type: needs a tensor or dtype among the arguments")
    return _core._result_type(dtypes, numbers)


def can_cast(from_: dtype | Tensor, to: dtype, /) -> bool:
    """True if the standard's promotion leads from a dtype to another.

    >>> import tenfold as tf
    >>> tf.can_cast(tf.int32, tf.int64), tf.can_cast(tf.int64, tf.int32)
    (True, False)
    """
    source = _dtype_of(from_, "can_cast")
    try:
        return _core._result_type([source, to], []) == to
    except TypeError:
        return False


class _NamespaceInfo:
    """The standard's inspection of the package."""

    def capabilities(self) -> dict[str, bool | int | None]:
        """What the package can do."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": None}

    def default_device(self) -> str:
        """The device of tensors that name none."""
        return "cpu"

    def default_dtypes(self, *, device: str | None = None) -> dict[str, dtype]:
        """The dtypes of tensors that name none."""
        self._check(device)
        return {
            "real floating": _core.float32,
            "complex floating": _core.complex64,
            "integral": _core.int64,
            "indexing": _core.int64,
        }

    def devices(self) -> list[str]:
        """The devices there are."""
        return ["cpu"]

    def dtypes(self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None) -> dict[str, dtype]:
        """The standard's dtypes, all or those of a kind."""
        self._check(device)
        names = _KINDS["bool"] + _SIGNED + _UNSIGNED + ("float32", "float64") + _COMPLEX
        every: dict[str, dtype] = {name: getattr(_core, name) for name in names}
        if kind is None:
            return every
        return {name: one for name, one in every.items() if isdtype(one, kind)}

    def _check(self, device: str | None) -> None:
        if device not in (None, "cpu"):
            raise ValueError(f"__array_namespace_info__: no such device; got {device!r}. Hint: the devices are 'cpu'")


def __array_namespace_info__() -> _NamespaceInfo:
    """The standard's inspection of the package."""
    return _NamespaceInfo()
