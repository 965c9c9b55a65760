"""Spectral normalisation by hooks, PyTorch's older way; `parametrizations.spectral_norm` is the newer one."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn import functional as F
from tenfold.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["remove_spectral_norm", "spectral_norm"]


class SpectralNorm:
    """Computes the weight from ``weight_orig`` before each forward; in training the singular vectors are improved."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ValueError(f"spectral_norm: n_power_iterations must be positive; got {n_power_iterations}")
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def matrix_of(self, weight: Tensor) -> Tensor:
        """The weight as a matrix, with the axis ``dim`` as rows."""
        return weight.movedim(self.dim, 0).flatten(1) if self.dim else weight.flatten(1)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight divided by its largest singular value."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = self.matrix_of(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.T.mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
            # What the backward pass needs must not change with the next call.
            u, v = u.clone(), v.clone()
        return weight / u.dot(matrix.mv(v))

    def __call__(self, module: Module, inputs: Any) -> None:  # noqa: ARG002
        setattr(module, self.name, self.compute_weight(module, module.training))


def _hook_of(module: Module, name: str) -> tuple[int, SpectralNorm] | None:
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook.function, SpectralNorm) and hook.function.name == name:
            return number, hook.function
    return None


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divides a weight by its largest singular value before each forward.

    The parameter becomes ``weight_orig``; ``weight_u`` and ``weight_v`` hold the singular vectors as far as power
    iteration (in training, once a forward) has found them. ``dim`` is the axis of the outputs: 0, or 1 for transposed
    convolutions.

    T. Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018,
    https://arxiv.org/abs/1802.05957

    >>> from tenfold import nn
    >>> from tenfold.nn.utils import spectral_norm
    >>> sorted(spectral_norm(nn.Linear(20, 40)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if _hook_of(module, name) is not None:
        raise RuntimeError(f"spectral_norm: {name!r} has a spectral norm already. Hint: one parameter, one hook")
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d) else 0
    made = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = module._parameters.get(name)
    if weight is None:
        raise ValueError(f"spectral_norm: {type(module).__name__} has no parameter {name!r}")
    rows, columns = made.matrix_of(weight.detach()).shape
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    # A plain tensor in the place of the parameter until the first forward.
    setattr(module, name, weight.detach())
    for suffix, size in (("u", rows), ("v", columns)):
        start = F.normalize(_core.randn(size).to(weight.dtype), dim=0, eps=eps)
        module.register_buffer(f"{name}_{suffix}", start)
    module.register_forward_pre_hook(made)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Makes the normalised weight a plain parameter again. ValueError where it has no spectral norm.

    >>> from tenfold import nn
    >>> from tenfold.nn.utils import remove_spectral_norm, spectral_norm
    >>> sorted(remove_spectral_norm(spectral_norm(nn.Linear(2, 4))).state_dict())
    ['bias', 'weight']
    """
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"remove_spectral_norm: {type(module).__name__} has no spectral norm of {name!r}")
    number, hook = found
    weight = hook.compute_weight(module, False).detach()
    for part in (name, f"{name}_orig", f"{name}_u", f"{name}_v"):
        delattr(module, part)
    module.register_parameter(name, Parameter(weight))
    del module._forward_pre_hooks[number]
    return module
