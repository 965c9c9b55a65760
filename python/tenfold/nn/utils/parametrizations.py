"""Ready parametrizations: orthogonal weights, weight normalisation, spectral normalisation."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._array_api import finfo
from tenfold._core import Tensor, _matrix
from tenfold.autograd import no_grad
from tenfold.nn import functional as F
from tenfold.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tenfold.nn.modules.module import Module
from tenfold.nn.utils import parametrize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

_MAPS = ("matrix_exp", "cayley", "householder")


def _make_orthogonal(a: Tensor) -> Tensor:
    """The first factor of the QR decomposition of high matrices, with positive diagonals in the second."""
    reduced, scales = _matrix.reflections(a)
    width = scales.shape[-1]
    signs = reduced.diagonal(0, -2, -1)[..., :width].sign()
    return _matrix.householder_product(reduced, scales) * signs.unsqueeze(-2)


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    tolerance = 10.0 * n * finfo(q.dtype).eps
    return bool((q.mT @ q).allclose(_core.eye(k, dtype=q.dtype).expand(*q.shape[:-2], k, k), atol=tolerance))


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        low = x.shape[-2] < x.shape[-1]
        if low:
            x = x.mT
        n, k = x.shape[-2:]
        if self.orthogonal_map == "householder":
            vectors = x.tril(-1)
            scales = 2.0 / (1.0 + (vectors * vectors).sum(-2))
            q = _matrix.householder_product(vectors, scales)
            # The diagonal holds signs, which are not trained.
            q = q * x.detach().diagonal(0, -2, -1).trunc().unsqueeze(-2)
        else:
            x = x.tril()
            if n != k:
                x = _core.cat([x, _core.zeros((*x.shape[:-2], n, n - k), dtype=x.dtype)], -1)
            skew = x - x.mT
            if self.orthogonal_map == "matrix_exp":
                q = _matrix.matrix_exp(skew)
            else:
                identity = _core.eye(n, dtype=x.dtype)
                q = _matrix.solve(identity - skew / 2, identity + skew / 2)
            q = q[..., :k]
        if self.use_trivialization and self.base is not None:
            q = self.base @ q
        return q.mT if low else q

    def right_inverse(self, q: Tensor) -> Tensor:
        if tuple(q.shape) != tuple(self.shape):
            raise ValueError(f"orthogonal: needs a tensor of shape {tuple(self.shape)}; got {tuple(q.shape)}")
        if not self.use_trivialization and self.orthogonal_map != "householder":
            raise NotImplementedError(
                f"orthogonal: a tensor cannot be assigned to {self.orthogonal_map} without use_trivialization"
            )
        low = q.shape[-2] < q.shape[-1]
        high = q.mT if low else q
        n, k = high.shape[-2:]
        with no_grad():
            if not self.use_trivialization:
                reduced, scales = _matrix.reflections(high)
                signs = reduced.diagonal(0, -2, -1).sign() * _core.where(scales == 0, -1.0, 1.0).to(q.dtype)
                start = reduced.tril(-1) + _diagonal(signs, n)
                return start.mT if low else start
            if n == k:
                self.base = high.detach().clone() if _is_orthogonal(high) else _make_orthogonal(high)
            else:
                filled = _core.cat([high, _core.randn(*high.shape[:-2], n, n - k).to(q.dtype)], -1)
                self.base = _make_orthogonal(filled)
            start = _diagonal(-_core.ones(*high.shape[:-2], k, dtype=q.dtype), n)
            return start.mT if low else start


def _diagonal(values: Tensor, rows: int) -> Tensor:
    """High matrices with these numbers on the diagonal."""
    k = values.shape[-1]
    square = _core.eye(rows, k, dtype=values.dtype)
    return square * values.unsqueeze(-2)


def _tensor_of(operation: str, module: Module, name: str) -> Tensor:
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{operation}: {type(module).__name__} has no parameter or buffer {name!r}")
    return tensor


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keeps a matrix (or a batch of them) orthogonal while it is trained: Q·Qᵀ = 1 or, for high ones, Qᵀ·Q = 1.

    ``orthogonal_map`` is "matrix_exp" (exp(A − Aᵀ), the default for square matrices), "cayley"
    ((1 + A/2)(1 − A/2)⁻¹ of the same) or "householder" (a product of reflections, the default for others). With
    ``use_trivialization`` the result is multiplied by a fixed orthogonal matrix ``base``, which makes assigning
    possible. ValueError for tensors with fewer than two axes and for an unknown map.

    M. Lezcano-Casado, Trivializations for Gradient-Based Optimization on Manifolds, 2019,
    https://arxiv.org/abs/1909.09501

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.nn.utils.parametrizations import orthogonal
    >>> layer = orthogonal(nn.Linear(4, 2))
    >>> (layer.weight @ layer.weight.T).allclose(tf.eye(2), atol=1e-6)
    True
    """
    weight = _tensor_of("orthogonal", module, name)
    if weight.ndim < 2:
        raise ValueError(f"orthogonal: needs a matrix or a batch of them; got {weight.ndim} axes")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(f"orthogonal: orthogonal_map has to be one of {', '.join(_MAPS)}; got {orthogonal_map!r}")
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)


def norm_except(tensor: Tensor, dim: int) -> Tensor:
    """The 2-norm over all axes but ``dim``, which are kept; over all axes for −1, as one number."""
    if dim == -1:
        return tensor.norm()
    axes = [axis for axis in range(tensor.ndim) if axis != dim % tensor.ndim]
    return tensor.norm(2, axes, True) if axes else tensor.abs()


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Splits a weight into its length and its direction: w = g·v/‖v‖, with a length for each index of ``dim``.

    ``dim=None`` has one length for all. The parameters are ``parametrizations.weight.original0`` (g) and
    ``original1`` (v); states of :func:`tenfold.nn.utils.weight_norm` load too.

    T. Salimans and D. Kingma, Weight Normalization, 2016, https://arxiv.org/abs/1602.07868

    >>> from tenfold import nn
    >>> from tenfold.nn.utils.parametrizations import weight_norm
    >>> weight_norm(nn.Linear(20, 40)).parametrizations.weight.original0.shape
    (40, 1)
    """
    _tensor_of("weight_norm", module, name)
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_old_names(_module: Module, state: dict[str, Any], prefix: str, *_others: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state for key in old):
            for number, key in enumerate(old):
                state[f"{prefix}parametrizations.{name}.original{number}"] = state.pop(key)

    module.register_load_state_dict_pre_hook(take_old_names)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        rank = weight.ndim
        if not -rank <= dim < rank:
            raise IndexError(f"spectral_norm: dim must be from {-rank} to {rank - 1}; got {dim}")
        if n_power_iterations <= 0:
            raise ValueError(f"spectral_norm: n_power_iterations must be positive; got {n_power_iterations}")
        self.dim = dim % rank
        self.eps = eps
        if rank > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix_of(weight).detach()
            for name, size in (("_u", matrix.shape[0]), ("_v", matrix.shape[1])):
                start = _core.randn(size).to(matrix.dtype)
                self.register_buffer(name, F.normalize(start, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _matrix_of(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1) if self.dim else weight.flatten(1)

    def _power_method(self, matrix: Tensor, n_power_iterations: int) -> None:
        with no_grad():
            for _ in range(n_power_iterations):
                self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.T.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix_of(weight)
        if self.training:
            self._power_method(matrix.detach(), self.n_power_iterations)
        # What the backward pass needs must not change with the next call.
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        # A weight that is assigned is taken as it is, and normalised when it is used.
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divides a weight by its largest singular value, found by power iteration (in training, at each use).

    ``dim`` is the axis of the outputs: 0, or 1 for transposed convolutions; the others count as one.

    T. Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018,
    https://arxiv.org/abs/1802.05957

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.nn.utils.parametrizations import spectral_norm
    >>> spectral_norm(nn.Linear(1, 1, bias=False)).weight.abs().allclose(tf.ones(1, 1))
    True
    """
    weight = _tensor_of("spectral_norm", module, name)
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d) else 0
    return parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
