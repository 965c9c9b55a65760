"""Tensors in nested tuples, lists and dicts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = ["Structure", "broadcast_prefix", "flatten", "map_leaves", "unflatten"]


class Structure(NamedTuple):
    """How leaves are nested: the type of the container (None for a leaf), its keys, and its parts."""

    container: type | None
    keys: tuple[Any, ...]
    parts: tuple[Structure, ...]

    def __repr__(self) -> str:
        if self.container is None:
            return "*"
        if self.keys:
            return "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(self.keys, self.parts, strict=True)) + "}"
        inner = ", ".join(map(repr, self.parts))
        return f"[{inner}]" if self.container is list else f"({inner})"


LEAF = Structure(None, (), ())


def _is_sequence(tree: Any) -> bool:
    return type(tree) in (tuple, list) or (isinstance(tree, tuple) and hasattr(tree, "_fields"))


def _is_mapping(tree: Any) -> bool:
    return type(tree) in (dict, OrderedDict)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of nested tuples, lists and dicts, in order, and how they are nested. Anything else is a leaf."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    if _is_mapping(tree):
        return Structure(type(tree), tuple(tree), tuple(_flatten(part, leaves) for part in tree.values()))
    if _is_sequence(tree):
        return Structure(type(tree), (), tuple(_flatten(part, leaves) for part in tree))
    leaves.append(tree)
    return LEAF


def unflatten(leaves: list[Any], structure: Structure) -> Any:
    """The reverse of :func:`flatten`."""
    return _unflatten(iter(leaves), structure)


def _unflatten(leaves: Iterator[Any], structure: Structure) -> Any:
    container = structure.container
    if container is None:
        return next(leaves)
    parts = [_unflatten(leaves, part) for part in structure.parts]
    if container in (dict, OrderedDict):
        return container(zip(structure.keys, parts, strict=True))
    if hasattr(container, "_fields"):
        return container(*parts)
    return container(parts)


def map_leaves(function: Callable[..., Any], tree: Any) -> Any:
    """``function`` of each leaf, nested as before."""
    leaves, structure = flatten(tree)
    return unflatten([function(leaf) for leaf in leaves], structure)


def broadcast_prefix(prefix: Any, structure: Structure, is_leaf: Callable[[Any], bool]) -> list[Any] | None:
    """One leaf of ``prefix`` for each leaf of the structure, of which it has the upper part; None where it has not."""
    if is_leaf(prefix):
        return [prefix] * _count(structure)
    if structure.container is None:
        return None
    if _is_mapping(prefix) and structure.container in (dict, OrderedDict):
        if set(prefix) != set(structure.keys):
            return None
        parts = [prefix[key] for key in structure.keys]
    elif _is_sequence(prefix) and structure.container not in (dict, OrderedDict):
        parts = list(prefix)
    else:
        return None
    if len(parts) != len(structure.parts):
        return None
    found: list[Any] = []
    for part, below in zip(parts, structure.parts, strict=True):
        leaves = broadcast_prefix(part, below, is_leaf)
        if leaves is None:
            return None
        found += leaves
    return found


def _count(structure: Structure) -> int:
    return 1 if structure.container is None else sum(map(_count, structure.parts))
