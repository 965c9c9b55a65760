"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tenfold import _core
from tenfold._core import Tensor

if TYPE_CHECKING:
    from tenfold.nn import Module

__all__ = ["functional_call", "stack_module_state"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls ``module`` with these tensors in place of its parameters and buffers, which stay as they are.

    ``args`` is one argument or a tuple of them. What no dict names is the module's own; with ``strict``, a name that is
    missing or unknown raises RuntimeError. With ``tie_weights``, a tensor that the module holds under several names is
    replaced under all of them by the one that is given. What the module writes to a buffer goes to the tensor given.

    >>> import tenfold as tf
    >>> from tenfold.func import functional_call
    >>> layer = tf.nn.Linear(2, 1)
    >>> weights = {"weight": tf.ones(1, 2), "bias": tf.zeros(1)}
    >>> functional_call(layer, weights, tf.tensor([1.0, 2.0]))
    tensor([3.])
    """
    given = _joined(parameter_and_buffer_dicts)
    places = {name: (members, key) for name, members, key in _places(module)}
    unknown = [name for name in given if name not in places]
    if strict and (unknown or len(given) < len(places)):
        missing = [name for name in places if name not in given]
        raise RuntimeError(f"functional_call: names do not fit the module; missing {missing}, unknown {unknown}")
    if tie_weights:
        given = _tied(given, places)
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    replaced = []
    try:
        for name, value in given.items():
            if name not in places:
                continue
            members, key = places[name]
            replaced.append((members, key, members[key]))
            members[key] = value
        return module(*args, **(kwargs or {}))
    finally:
        for members, key, value in reversed(replaced):
            members[key] = value


def _joined(dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, tuple | list) or not all(isinstance(part, Mapping) for part in dicts):
        raise ValueError(f"functional_call: takes a dict or a sequence of dicts; got {type(dicts).__name__}")
    joined: dict[str, Tensor] = {}
    for part in dicts:
        repeated = sorted(joined.keys() & part.keys())
        if repeated:
            raise ValueError(f"functional_call: several dicts name {repeated}")
        joined.update(part)
    return joined


def _places(module: Module) -> Iterable[tuple[str, dict[str, Any], str]]:
    """Each name of a parameter or buffer, and the dict and key where it is."""
    for prefix, part in module.named_modules(remove_duplicate=False):
        for members in (part._parameters, part._buffers):
            for key, value in members.items():
                if value is not None:
                    yield (f"{prefix}.{key}" if prefix else key), members, key


def _tied(given: dict[str, Tensor], places: dict[str, tuple[dict[str, Any], str]]) -> dict[str, Tensor]:
    """The given tensors under every name of what they replace."""
    names: dict[int, list[str]] = {}
    for name, (members, key) in places.items():
        names.setdefault(id(members[key]), []).append(name)
    result = dict(given)
    for same in names.values():
        values = {id(given[name]): given[name] for name in same if name in given}
        if len(values) > 1:
            raise ValueError(f"functional_call: {same} are one tensor of the module; got different ones for them")
        for value in values.values():
            result.update(dict.fromkeys(same, value))
    return result


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of modules of one kind, each stacked along a new first axis: for :func:`vmap` over
    an ensemble.

    >>> import tenfold as tf
    >>> from tenfold.func import functional_call, stack_module_state, vmap
    >>> models = [tf.nn.Linear(3, 2) for _ in range(5)]
    >>> params, buffers = stack_module_state(models)
    >>> vmap(lambda p, x: functional_call(models[0], p, x), in_dims=(0, None))(params, tf.ones(3)).shape
    (5, 2)
    """
    if not models:
        raise RuntimeError("stack_module_state: got no models")
    kinds = {type(model) for model in models}
    if len(kinds) > 1:
        raise RuntimeError(f"stack_module_state: all models must be of one class; got {sorted(map(str, kinds))}")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state: all models must be in training mode, or all in evaluation")
    params: dict[str, Tensor] = {}
    for name, first in models[0].named_parameters():
        members = [dict(model.named_parameters())[name] for model in models]
        if len({member.requires_grad for member in members}) > 1:
            raise RuntimeError(f"stack_module_state: {name} requires a gradient in some models only")
        stacked = _core.stack([member.detach() for member in members])
        params[name] = stacked.requires_grad_(first.requires_grad)
    buffers = {
        name: _core.stack([dict(model.named_buffers())[name].detach() for model in models])
        for name, _ in models[0].named_buffers()
    }
    return params, buffers
