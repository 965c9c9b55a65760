"""Parameters: tensors that a module owns and an optimizer trains."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    Starts from the value of ``data`` (by default an empty tensor) and shares nothing with it. It requires a gradient
    unless ``requires_grad=False``; only floating-point and complex parameters can.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Parameter(tf.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = _core.empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(f"Parameter: needs a tensor; got {type(data).__name__}. Hint: make one with tenfold.tensor")
        parameter = super().__new__(cls, data)
        if requires_grad:
            parameter.requires_grad_()
        return parameter

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        # As in PyTorch, and unlike a plain tensor's copy: the gradient stays behind.
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach(), self.requires_grad)
        return memo[id(self)]


# What needs no shape: what modules and optimizers do with parameters before the first batch.
_NEEDS_NO_SHAPE = {
    *dir(object), "bfloat16", "copy_", "cpu", "detach", "double", "float", "half", "is_complex", "is_floating_point",
    "register_hook", "requires_grad_", "retain_grad", "to", "__copy__", "__deepcopy__",
}  # fmt: skip


def _refuse_what_needs_a_shape(cls: type[Tensor]) -> type[Tensor]:
    """A class whose other methods and operators raise ValueError, and whose ``shape`` raises RuntimeError."""

    def refused(name: str) -> Any:
        def method(*_args: Any, **_kwargs: Any) -> Any:
            raise ValueError(
                f"{name.strip('_')}: an uninitialized parameter or buffer has no elements yet. Hint: call the lazy"
                " module with an input, or materialize(shape) first"
            )

        return method

    def shape(_self: Tensor) -> Any:
        raise RuntimeError(
            "shape: an uninitialized parameter or buffer has no shape yet. Hint: call the lazy module with an input, or"
            " materialize(shape) first"
        )

    for name in dir(Tensor):
        if name not in _NEEDS_NO_SHAPE and name not in vars(cls) and callable(getattr(Tensor, name)):
            setattr(cls, name, refused(name))
    cls.shape = property(shape)  # type: ignore[assignment, method-assign]
    return cls


@_refuse_what_needs_a_shape
class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet; ``materialize(shape)`` makes it an ordinary one.

    >>> from tenfold import nn
    >>> parameter = nn.UninitializedParameter()
    >>> parameter.materialize((2, 3))
    >>> type(parameter).__name__, parameter.shape
    ('Parameter', (2, 3))
    """

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> UninitializedParameter:
        return super().__new__(cls, _core.empty(0, device=device, dtype=dtype), requires_grad)  # type: ignore[return-value]

    def materialize(self, shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> None:
        """Gives the parameter its shape; its values are arbitrary."""
        self.data = _core.empty(tuple(shape), device=device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = Parameter  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<UninitializedParameter>"

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, dtype=self.dtype)
        return memo[id(self)]


@_refuse_what_needs_a_shape
class UninitializedBuffer(Tensor):
    """A buffer whose shape is not known yet; a lazy module puts a tensor in its place.

    >>> from tenfold import nn
    >>> nn.UninitializedBuffer()
    <UninitializedBuffer>
    """

    persistent: bool

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> UninitializedBuffer:
        made = super().__new__(cls, _core.empty(0, device=device, dtype=dtype))
        made.persistent = persistent
        return made.requires_grad_() if requires_grad else made

    def materialize(self, shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> None:
        """Gives the buffer its shape; its values are arbitrary."""
        self.data = _core.empty(tuple(shape), device=device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = Buffer  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<UninitializedBuffer>"

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedBuffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(dtype=self.dtype, persistent=self.persistent)
        return memo[id(self)]


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module it is assigned to; in its state only if ``persistent``.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> module = nn.Module()
    >>> module.scale = nn.Buffer(tf.ones(1))
    >>> list(module.state_dict())
    ['scale']
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        made = super().__new__(cls, _core.empty(0) if data is None else data)
        made.persistent = persistent
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), persistent=self.persistent)
        return memo[id(self)]


def is_lazy(param: Any) -> bool:
    """True for a parameter or buffer whose shape is not known yet.

    >>> from tenfold import nn
    >>> nn.parameter.is_lazy(nn.LazyLinear(3).weight), nn.parameter.is_lazy(nn.Linear(2, 3).weight)
    (True, False)
    """
    return isinstance(param, UninitializedParameter | UninitializedBuffer)
