"""Lists and dictionaries of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from tenfold._core import Tensor
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


def _as_parameter(operation: str, value: Any) -> Parameter:
    if isinstance(value, Parameter):
        return value
    if isinstance(value, Tensor):
        return Parameter(value)
    raise TypeError(f"{operation}: needs tensors; got {type(value).__name__}")


def _described(parameter: Parameter) -> str:
    size = "x".join(str(extent) for extent in parameter.shape)
    return f"Parameter containing: [{parameter.dtype} of size {size}]"


class ParameterList(Module):
    """A list whose parameters belong to the module that holds it; plain tensors become parameters.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> weights = nn.ParameterList([tf.zeros(2), tf.zeros(3)])
    >>> [name for name, _ in weights.named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _key(self, index: int) -> str:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"ParameterList: index {index} is out of range for {length} parameters")
        return str(index % length)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parameters.values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._parameters[self._key(index)]

    def __setitem__(self, index: int, value: Any) -> None:
        self.register_parameter(self._key(index), _as_parameter("ParameterList", value))

    def append(self, value: Any) -> Self:
        """Adds a parameter at the end."""
        self.register_parameter(str(len(self)), _as_parameter("ParameterList", value))
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Adds parameters at the end."""
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        return "\n".join(f"({number}): {_described(parameter)}" for number, parameter in enumerate(self))

    def __repr__(self) -> str:
        return _repr_of_lines(self)


class ParameterDict(Module):
    """A dictionary whose parameters belong to the module that holds it; plain tensors become parameters.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> weights = nn.ParameterDict({"left": tf.zeros(2), "right": tf.zeros(3)})
    >>> list(weights.keys())
    ['left', 'right']
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return self._parameters[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, _as_parameter("ParameterDict", value))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: object) -> bool:
        return key in self._parameters

    def keys(self) -> Iterable[str]:
        """The keys."""
        return self._parameters.keys()

    def values(self) -> Iterable[Any]:
        """The parameters."""
        return self._parameters.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Keys with their parameters."""
        return self._parameters.items()

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of a key, or ``default``."""
        return self._parameters.get(key, default)

    def pop(self, key: str) -> Any:
        """Removes the parameter of a key, and returns it."""
        return self._parameters.pop(key)

    def popitem(self) -> tuple[str, Any]:
        """Removes the last parameter, and returns it with its key."""
        return self._parameters.popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The parameter of a key, which is ``default`` from now on if there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return ParameterDict(self.items())

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dictionary of these keys, all with the same parameter."""
        return ParameterDict((key, default) for key in keys)

    def clear(self) -> None:
        """Removes all parameters."""
        self._parameters.clear()

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Adds parameters from a dictionary or from pairs; those of known keys are replaced."""
        pairs = parameters.items() if isinstance(parameters, Mapping | ParameterDict) else parameters
        for key, value in pairs:
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(f"({key}): {_described(parameter)}" for key, parameter in self.items())

    def __repr__(self) -> str:
        return _repr_of_lines(self)


def _repr_of_lines(module: Module) -> str:
    lines = module.extra_repr().splitlines()
    if not lines:
        return f"{type(module).__name__}()"
    return "\n  ".join([f"{type(module).__name__}(", *lines]) + "\n)"
