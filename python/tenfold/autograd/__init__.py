"""Automatic differentiation: gradients, modes, custom functions."""

from importlib import import_module as _import_module

from tenfold.autograd.modes import enable_grad, grad, no_grad, set_grad_enabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tenfold.autograd import functional
    from tenfold.autograd.function import Function

__all__ = ["Function", "enable_grad", "functional", "grad", "no_grad", "set_grad_enabled"]


def __getattr__(name: str) -> object:
    """Custom functions and `functional` are imported when they are first used."""
    if name == "Function":
        return _import_module("tenfold.autograd.function").Function
    if name == "functional":
        return _import_module("tenfold.autograd.functional")
    raise AttributeError(f"module 'tenfold.autograd' has no attribute {name!r}")
