"""Hooks of every module: what `register_module_…` of PyTorch's `nn.modules.module` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenfold.nn.modules._hooks import AllModules, HookHandle


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> HookHandle:
    """Calls ``hook(module, args)`` before each forward of every module; what it returns replaces the arguments."""
    return AllModules.forward_pre.register(hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> HookHandle:
    """Calls ``hook(module, args, output)`` after each forward of every module; what it returns replaces the output.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.nn.modules.module import register_module_forward_hook
    >>> with register_module_forward_hook(lambda module, args, output: print(type(module).__name__)):
    ...     _ = nn.Sequential(nn.ReLU(), nn.Identity())(tf.zeros(1))
    ReLU
    Identity
    Sequential
    """
    return AllModules.forward.register(hook, with_kwargs=with_kwargs, always_call=always_call)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> HookHandle:
    """Calls ``hook(module, grad_output)`` before each backward of every module."""
    return AllModules.backward_pre.register(hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> HookHandle:
    """Calls ``hook(module, grad_input, grad_output)`` after each backward of every module."""
    return AllModules.backward.register(hook)
