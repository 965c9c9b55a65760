"""Functions called before and after a module's forward and backward."""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from tenfold._core import Tensor
from tenfold.autograd.function import Function

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


class Hook(NamedTuple):
    """A function with how it is called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class Hooks(dict[int, Hook]):
    """Hooks in the order in which they are called."""

    __slots__ = ("__weakref__",)

    def register(
        self, hook: Callable[..., Any], prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> HookHandle:
        """Adds a hook at the end, or at the beginning."""
        # Hooks that were unpickled may have any number.
        number = next(number for number in _numbers if number not in self)
        before = dict(self) if prepend else {}
        if prepend:
            self.clear()
        self[number] = Hook(hook, with_kwargs, always_call)
        self.update(before)
        return HookHandle(self, number)


class AllModules:
    """Hooks of every module, which are called before a module's own."""

    forward_pre = Hooks()
    forward = Hooks()
    backward_pre = Hooks()
    backward = Hooks()

    @classmethod
    def any(cls) -> bool:
        """True where a call of a module must look at them."""
        return bool(cls.forward_pre or cls.forward or cls.backward_pre or cls.backward)


def call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` between its hooks; each may replace the arguments or the result by returning others."""
    after = [*AllModules.forward.values(), *module._forward_hooks.values()]
    called = 0
    result = None
    try:
        for hook in [*AllModules.forward_pre.values(), *module._forward_pre_hooks.values()]:
            args, kwargs = _changed_arguments(module, hook, args, kwargs)
        watch = _Watch.of(module)
        if watch is not None:
            args = watch.inputs(args)
        result = module.forward(*args, **kwargs)
        for hook in after:
            called += 1
            result = _changed_result(module, hook, args, kwargs, result)
        return result if watch is None else watch.outputs(result)
    except Exception:
        # Those that must be called are, and the first error stands.
        for hook in after[called:]:
            if hook.always_call:
                try:
                    result = _changed_result(module, hook, args, kwargs, result)
                except Exception as error:
                    warnings.warn(f"register_forward_hook: a hook with always_call raised {error!r}", stacklevel=3)
        raise


def _changed_arguments(
    module: Any, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not hook.with_kwargs:
        changed = hook.function(module, args)
        if changed is None:
            return args, kwargs
        return changed if isinstance(changed, tuple) else (changed,), kwargs
    changed = hook.function(module, args, kwargs)
    if changed is None:
        return args, kwargs
    if not (isinstance(changed, tuple) and len(changed) == 2):
        raise RuntimeError(
            "register_forward_pre_hook: a hook with kwargs returns None or a pair of args and kwargs; "
            f"got {type(changed).__name__}"
        )
    return changed


def _changed_result(module: Any, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
    if hook.with_kwargs:
        changed = hook.function(module, args, kwargs, result)
    else:
        changed = hook.function(module, args, result)
    return result if changed is None else changed


class _Watch:
    """Calls backward hooks for one call of a module: its results and its arguments pass through functions of ours."""

    def __init__(self, module: Any, before: list[Hook], after: list[Hook]) -> None:
        self.module = module
        self.before = before
        self.after = after
        self.grad_outputs: tuple[Tensor | None, ...] | None = None
        self.places: list[int] = []
        self.arguments = 0

    @staticmethod
    def of(module: Any) -> _Watch | None:
        before = [*AllModules.backward_pre.values(), *module._hooks_of("backward_pre").values()]
        after = [*AllModules.backward.values(), *module._hooks_of("backward").values()]
        return _Watch(module, before, after) if before or after else None

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with their tensors watched (where a gradient flows to one of them)."""
        self.arguments = len(args)
        tensors = [(place, arg) for place, arg in enumerate(args) if isinstance(arg, Tensor)]
        if not self.after or not any(tensor.requires_grad for _, tensor in tensors):
            return args
        self.places = [place for place, _ in tensors]
        watched = _WatchInputs.apply(self, *(tensor for _, tensor in tensors))
        changed = list(args)
        for place, tensor in zip(self.places, watched, strict=True):
            changed[place] = tensor
        return tuple(changed)

    def outputs(self, result: Any) -> Any:
        """The result, with its tensors watched."""
        if isinstance(result, Tensor):
            return _WatchOutputs.apply(self, result)[0] if result.requires_grad else result
        if not isinstance(result, tuple | list):
            warnings.warn(
                "register_full_backward_hook: the module should return a tensor or a tuple of them; "
                f"got {type(result).__name__}, whose gradients no hook sees",
                stacklevel=4,
            )
            return result
        places = [place for place, value in enumerate(result) if isinstance(value, Tensor)]
        if not any(result[place].requires_grad for place in places):
            return result
        changed = list(result)
        watched = _WatchOutputs.apply(self, *(result[place] for place in places))
        for place, tensor in zip(places, watched, strict=True):
            changed[place] = tensor
        return type(result)(changed) if type(result) in (tuple, list) else type(result)(*changed)

    def on_outputs(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """The gradients of the results, as the hooks before leave them."""
        for hook in self.before:
            changed = hook.function(self.module, grads)
            if changed is not None:
                grads = _as_many("register_full_backward_pre_hook", changed, grads)
        self.grad_outputs = grads
        if self.after and not self.places:
            # No gradient flows to an argument: there is nothing to wait for.
            self._call_after((None,) * self.arguments)
        return grads

    def on_inputs(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """The gradients of the arguments, as the hooks leave them."""
        all_grads: list[Tensor | None] = [None] * self.arguments
        for place, grad in zip(self.places, grads, strict=True):
            all_grads[place] = grad
        changed = self._call_after(tuple(all_grads))
        return tuple(changed[place] for place in self.places)

    def _call_after(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in self.after:
            changed = hook.function(self.module, grads, self.grad_outputs)
            if changed is not None:
                grads = _as_many("register_full_backward_hook", changed, grads)
        return grads


def _as_many(operation: str, changed: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
    found = changed if isinstance(changed, tuple) else (changed,)
    if len(found) != len(grads):
        raise RuntimeError(f"{operation}: a hook returned {len(found)} gradients; {len(grads)} were expected")
    return found


def _passed_on(ctx: Any, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The tensors themselves; those that need no gradient get none."""
    ctx.set_materialize_grads(False)
    passed = tuple(tensor.view(*tensor.shape) for tensor in tensors)
    needed = ctx.needs_input_grad[1:]
    ctx.mark_non_differentiable(*(tensor for tensor, need in zip(passed, needed, strict=True) if not need))
    return passed


class _WatchInputs(Function):
    @staticmethod
    def forward(ctx: Any, watch: _Watch, *tensors: Tensor) -> Any:
        ctx.watch = watch
        return _passed_on(ctx, tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.watch.on_inputs(grads))


class _WatchOutputs(Function):
    @staticmethod
    def forward(ctx: Any, watch: _Watch, *tensors: Tensor) -> Any:
        ctx.watch = watch
        return _passed_on(ctx, tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.watch.on_outputs(grads))
