"""Modules without the work of drawing their weights."""

from __future__ import annotations

from typing import Any

from tenfold.nn.modules.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose weights are about to be loaded: made as usual, since drawing them waits until somebody looks.

    >>> from tenfold import nn
    >>> from tenfold.nn.utils import skip_init
    >>> skip_init(nn.Linear, 5, 1)
    Linear(in_features=5, out_features=1, bias=True)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"skip_init: needs a Module class; got {module_cls}")
    return module_cls(*args, **kwargs)
