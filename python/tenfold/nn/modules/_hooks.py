"""Functions called before and after a module's forward."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

_numbers = itertools.count()


class HookHandle:
    """What registering a hook returns: ``remove()`` takes the hook away; so does leaving a ``with`` block."""

    def __init__(self, hooks: Hooks, number: int) -> None:
        # Weak: a handle that somebody keeps must not keep the module.
        self._hooks = weakref.ref(hooks)
        self._number = number

    def remove(self) -> None:
        """Takes the hook away; a second time does nothing."""
        if (hooks := self._hooks()) is not None:
            hooks.pop(self._number, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *_error: object) -> None:
        self.remove()


class Hooks(dict[int, tuple[Callable[..., Any], bool]]):
    """Hooks in the order in which they are called, each with whether it takes keyword arguments."""

    __slots__ = ("__weakref__",)

    def register(self, hook: Callable[..., Any], prepend: bool, with_kwargs: bool) -> HookHandle:
        """Adds a hook at the end, or at the beginning."""
        # Hooks that were unpickled may have any number.
        number = next(number for number in _numbers if number not in self)
        before = dict(self) if prepend else {}
        if prepend:
            self.clear()
        self[number] = (hook, with_kwargs)
        self.update(before)
        return HookHandle(self, number)


def call_with_hooks(module: Any, before: Hooks, after: Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` between its hooks; each may replace the arguments or the result by returning others."""
    for hook, with_kwargs in list(before.values()):
        if with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "register_forward_pre_hook: a hook with kwargs returns None or a pair of args and kwargs; "
                        f"got {type(changed).__name__}"
                    )
                args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    result = module.forward(*args, **kwargs)
    for hook, with_kwargs in list(after.values()):
        changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        if changed is not None:
            result = changed
    return result
