"""Automatic differentiation: gradients, modes, custom functions."""

from tenfold.autograd.function import Function
from tenfold.autograd.modes import enable_grad, grad, no_grad, set_grad_enabled

__all__ = ["Function", "enable_grad", "grad", "no_grad", "set_grad_enabled"]
