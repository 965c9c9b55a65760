"""Angles and distances."""

from __future__ import annotations

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along ``dim``; lengths count as ``eps`` at least.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.CosineSimilarity(dim=0)(tf.tensor([1.0, 0.0]), tf.tensor([0.0, 2.0])).item()
    0.0
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The ``p``-norm of x₁ − x₂ + ``eps`` along the last axis: `(N, D)` and `(N, D)` to `(N)`.

    ``keepdim`` keeps that axis.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.PairwiseDistance(eps=0.0)(tf.tensor([[3.0, 0.0]]), tf.tensor([[0.0, 4.0]])).tolist()
    [5.0]
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
