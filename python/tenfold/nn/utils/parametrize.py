"""Parameters that are computed from others: `register_parametrization` and what belongs to it.

>>> import tenfold as tf
>>> from tenfold import nn
>>> from tenfold.nn.utils import parametrize
>>> class Symmetric(nn.Module):
...     def forward(self, x):
...         return x.triu() + x.triu(1).T
>>> layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
>>> bool((layer.weight == layer.weight.T).all())
True
>>> [name for name, _ in layer.named_parameters()]
['bias', 'parametrizations.weight.original']
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn.modules.container import ModuleDict, ModuleList
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class _Cache:
    """Parametrized tensors that were computed inside of :func:`cached`."""

    depth = 0
    tensors: dict[tuple[int, str], Tensor] = {}  # noqa: RUF012  (one for the process)


@contextmanager
def cached() -> Iterator[None]:
    """Computes each parametrized tensor once at most, inside of a ``with`` block.

    For models that use a parametrized tensor several times; parameters must not change inside.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.orthogonal(nn.Linear(3, 3))
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.tensors.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_same(operation: str, what: str, before: Tensor, after: Any) -> None:
    """Raises ValueError unless a parametrization keeps dtype and shape."""
    if not isinstance(after, Tensor):
        raise ValueError(f"{operation}: {what} must return a tensor; got {type(after).__name__}")
    if after.dtype != before.dtype:
        raise ValueError(
            f"{operation}: {what} may not change the dtype; got {after.dtype} for {before.dtype}. Hint: unsafe=True"
        )
    if tuple(after.shape) != tuple(before.shape):
        raise ValueError(
            f"{operation}: {what} may not change the shape; got {tuple(after.shape)} for {tuple(before.shape)}. "
            "Hint: unsafe=True"
        )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in order, with ``original`` (or ``original0``, ``original1`` …).

    A call gives the parametrized tensor.
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList: requires one or more modules; got none")
        super().__init__(modules)
        self.unsafe = unsafe
        shaped_as = original.detach().clone()
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, Tensor | Sequence):
            raise ValueError(
                f"ParametrizationList: right_inverse must return a tensor or a sequence; got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            if new.dtype != original.dtype:
                raise ValueError(
                    f"ParametrizationList: right_inverse may not change the dtype; got {new.dtype} for {original.dtype}"
                )
            _set(original, new)
            _register(self, "original", original)
        else:
            for number, tensor in enumerate(new):
                if not isinstance(tensor, Tensor):
                    raise ValueError(
                        f"ParametrizationList: right_inverse must return tensors; got {type(tensor).__name__}"
                    )
                one = Parameter(tensor, original.requires_grad) if isinstance(original, Parameter) else tensor
                _register(self, f"original{number}", one)
        if not unsafe:
            _check_same("register_parametrization", "the parametrization", shaped_as, self())

    def right_inverse(self, value: Any) -> None:
        """Sets the originals so that the parametrized tensor becomes ``value``."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"right_inverse: {type(module).__name__} does not implement it")
                value = module.right_inverse(value)
        values = (value,) if self.is_tensor else tuple(value)
        if len(values) != self.ntensors:
            raise ValueError(f"right_inverse: must return {self.ntensors} tensors; got {len(values)}")
        for own, new in zip(self._originals(), values, strict=True):
            if not isinstance(new, Tensor):
                raise ValueError(f"right_inverse: must return tensors; got {type(new).__name__}")
            if new.dtype != own.dtype:
                raise ValueError(f"right_inverse: may not change the dtype; got {new.dtype} for {own.dtype}")
            _set(own, new)

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{number}") for number in range(self.ntensors)]

    def forward(self) -> Tensor:
        first, *others = list(self)
        x = first(*self._originals())
        for module in others:
            x = module(x)
        return x


def _set(tensor: Tensor, value: Tensor) -> None:
    tensor.data = value.detach().clone()


def _with_class(module: Module, cls: type[Module]) -> None:
    """Gives the module a class of its own, which has properties for its parametrized tensors."""

    def __deepcopy__(self: Module, memo: dict[int, Any]) -> Module:
        if id(self) in memo:
            return memo[id(self)]
        other = cls.__new__(cls)
        memo[id(self)] = other
        other.__dict__.update(copy.deepcopy(self.__dict__, memo))
        # A class of its own again: what is removed from the copy stays in the original.
        _with_class(other, cls)
        for name in self.parametrizations:
            _add_property(other, name)
        return other

    def __getstate__(self: Module) -> Any:  # noqa: ARG001
        raise RuntimeError("pickle: a parametrized module is saved by its state_dict() only")

    members = {"__deepcopy__": __deepcopy__, "__getstate__": __getstate__, "__module__": cls.__module__}
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _add_property(module: Module, name: str) -> None:
    def get(self: Module) -> Tensor:
        parametrization = self.parametrizations[name]
        if not _Cache.depth:
            return parametrization()
        key = (id(self), name)
        if key not in _Cache.tensors:
            _Cache.tensors[key] = parametrization()
        return _Cache.tensors[key]

    def set(self: Module, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, set))


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """True where the module has parametrizations, or one of the tensor of that name."""
    found = module._modules.get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Makes the parameter or buffer ``tensor_name`` the result of ``parametrization``, of a tensor that is trained.

    The parametrization is called whenever the tensor is used. Where it has a ``right_inverse``, that gives the
    tensor (or tensors) to start from, and assigning to the parametrized tensor works. A second one is put behind
    the first. ValueError where dtype or shape would change, unless ``unsafe``.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            before = getattr(module, tensor_name)
            after = parametrization(before)
            _check_same("register_parametrization", "the parametrization", before, after)
            if hasattr(parametrization, "right_inverse"):
                try:
                    back = parametrization.right_inverse(after)
                except NotImplementedError:
                    pass
                else:
                    _check_same("register_parametrization", "right_inverse", before, back)
        found = module.parametrizations[tensor_name]
        found.append(parametrization)
        found.unsafe |= unsafe
        return module
    if tensor_name not in module._buffers and tensor_name not in module._parameters:
        raise ValueError(
            f"register_parametrization: {type(module).__name__} has no parameter, buffer or parametrized tensor "
            f"{tensor_name!r}"
        )
    original = getattr(module, tensor_name)
    # Made before the module changes, which then stays as it is where this fails.
    made = ParametrizationList([parametrization], original, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _with_class(module, type(module))
        module.parametrizations = ModuleDict()
    _add_property(module, tensor_name)
    module.parametrizations[tensor_name] = made
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Makes the tensor a plain parameter or buffer again: with the parametrized value, or with the original one.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(nn.Linear(2, 2))
    >>> type(parametrize.remove_parametrizations(layer, "weight")).__name__
    'Linear'
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {type(module).__name__} has no parametrization of {tensor_name!r}")
    found = module.parametrizations[tensor_name]
    if not leave_parametrized and not found.is_tensor:
        raise ValueError(
            "remove_parametrizations: leave_parametrized=False, but the tensor is made of several; "
            "there is no original one"
        )
    value = getattr(module, tensor_name)
    if found.is_tensor:
        original = found.original
        if leave_parametrized:
            _set(original, value)
    else:
        original = Parameter(value.detach()) if value.requires_grad else value.detach()
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type_before_parametrizations(module) if _is_injected(module) else type(module)
    return module


def _is_injected(module: Module) -> bool:
    return type(module).__name__.startswith("Parametrized") and "__getstate__" in vars(type(module))


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before it was parametrized.

    >>> from tenfold import nn
    >>> from tenfold.nn.utils import parametrizations, parametrize
    >>> parametrize.type_before_parametrizations(parametrizations.weight_norm(nn.Linear(2, 2))).__name__
    'Linear'
    """
    return type(module).__bases__[0] if _is_injected(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Gives ``to_module`` the parametrizations of ``from_module`` (of one tensor or of all) and their originals."""
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        found = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in found:
            register_parametrization(to_module, name, parametrization, unsafe=found.unsafe)
        target = to_module.parametrizations[name]
        for key in ["original"] if found.is_tensor else [f"original{number}" for number in range(found.ntensors)]:
            setattr(target, key, getattr(found, key))
    return to_module
