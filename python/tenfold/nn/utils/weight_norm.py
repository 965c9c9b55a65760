"""Weight normalisation by hooks, PyTorch's older way; `parametrizations.weight_norm` is the newer one."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter
from tenfold.nn.utils.parametrizations import norm_except

__all__ = ["remove_weight_norm", "weight_norm"]


class WeightNorm:
    """Computes the weight from ``weight_g`` and ``weight_v`` before each forward."""

    def __init__(self, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight: its length times its direction."""
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / norm_except(v, self.dim))

    def __call__(self, module: Module, inputs: Any) -> None:  # noqa: ARG002
        setattr(module, self.name, self.compute_weight(module))


def _hook_of(module: Module, name: str) -> tuple[int, WeightNorm] | None:
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook.function, WeightNorm) and hook.function.name == name:
            return number, hook.function
    return None


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Splits a weight into ``weight_g`` (lengths) and ``weight_v`` (directions); before each forward w = g·v/‖v‖.

    ``dim=None`` has one length for all.

    T. Salimans and D. Kingma, Weight Normalization, 2016, https://arxiv.org/abs/1602.07868

    >>> from tenfold import nn
    >>> from tenfold.nn.utils import weight_norm
    >>> sorted(name for name, _ in weight_norm(nn.Linear(20, 40)).named_parameters())
    ['bias', 'weight_g', 'weight_v']
    """
    if _hook_of(module, name) is not None:
        raise RuntimeError(f"weight_norm: {name!r} has a weight norm already. Hint: one parameter, one hook")
    made = WeightNorm(name, -1 if dim is None else dim)
    weight = getattr(module, name)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(norm_except(weight.detach(), made.dim)))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    setattr(module, name, made.compute_weight(module))
    module.register_forward_pre_hook(made)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Makes the weight a plain parameter again. ValueError where it has no weight norm.

    >>> from tenfold import nn
    >>> from tenfold.nn.utils import remove_weight_norm, weight_norm
    >>> sorted(name for name, _ in remove_weight_norm(weight_norm(nn.Linear(2, 4))).named_parameters())
    ['bias', 'weight']
    """
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"remove_weight_norm: {type(module).__name__} has no weight norm of {name!r}")
    number, hook = found
    weight = hook.compute_weight(module).detach()
    for part in (name, f"{name}_g", f"{name}_v"):
        delattr(module, part)
    module.register_parameter(name, Parameter(weight))
    del module._forward_pre_hooks[number]
    return module
