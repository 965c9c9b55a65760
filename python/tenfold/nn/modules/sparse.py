"""Embeddings."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import new_tensor_options, not_offered
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


def _checked_padding(operation: str, padding_idx: int | None, rows: int) -> int | None:
    """The padding row counted from the start."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ValueError(f"{operation}: padding_idx must be within num_embeddings; got {padding_idx} of {rows}")
    return padding_idx % rows


def _check_weight(operation: str, weight: Tensor, shape: tuple[int, int]) -> None:
    if tuple(weight.shape) != shape:
        raise ValueError(
            f"{operation}: shape of weight does not match num_embeddings and embedding_dim; "
            f"got {tuple(weight.shape)} for {shape}"
        )


class Embedding(Module):
    """A table of ``num_embeddings`` vectors: integers `(*)` to the rows they name, `(*, embedding_dim)`.

    ``weight`` `(num_embeddings, embedding_dim)` begins normal with mean 0 and deviation 1. The row ``padding_idx``
    begins zero and gets no gradient. With ``max_norm`` the vectors that are looked up and longer than that (in the
    ``norm_type``-norm) are shortened in place. ``scale_grad_by_freq`` divides the gradient of a vector by how often it
    was looked up. ``sparse`` is not offered.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Embedding(10, 3)(tf.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
    (2, 4, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        not_offered("Embedding", sparse=sparse)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _checked_padding("Embedding", padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        shape = (num_embeddings, embedding_dim)
        if _weight is None:
            empty = _core.empty(shape, **new_tensor_options(device, dtype))
            self.weight = Parameter(empty, requires_grad=not _freeze)
            self.reset_parameters()
        else:
            _check_weight("Embedding", _weight, shape)
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draws the vectors anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].zero_()

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding whose vectors are the rows of ``embeddings``; they are not trained unless ``freeze=False``."""
        if embeddings.ndim != 2:
            raise ValueError(f"Embedding.from_pretrained: embeddings should be 2-dimensional; got {embeddings.ndim}D")
        rows, columns = embeddings.shape
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text


class EmbeddingBag(Module):
    """A table of vectors of which bags are looked up and reduced by ``mode`` (`"sum"`, `"mean"` or `"max"`).

    Indices `(B, L)`, a bag each row, or `(ΣL)` with ``offsets`` `(B)`, where each bag begins, give `(B,
    embedding_dim)`. With ``include_last_offset`` a further offset says where the last bag ends. ``per_sample_weights``
    (as many as indices) are factors, for sums only. The row ``padding_idx`` belongs to no bag; an empty bag gives
    zeros. ``max_norm``, ``norm_type`` and ``scale_grad_by_freq`` as for `Embedding`; ``sparse`` is not offered.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> bag = nn.EmbeddingBag(10, 3, mode="sum")
    >>> bag(tf.tensor([1, 2, 4, 5]), tf.tensor([0, 3])).shape
    (2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        not_offered("EmbeddingBag", sparse=sparse)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = _checked_padding("EmbeddingBag", padding_idx, num_embeddings)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        if _weight is None:
            self.weight = Parameter(_core.empty((num_embeddings, embedding_dim), **new_tensor_options(device, dtype)))
            self.reset_parameters()
        else:
            _check_weight("EmbeddingBag", _weight, (num_embeddings, embedding_dim))
            self.weight = Parameter(_weight)

    def reset_parameters(self) -> None:
        """Draws the vectors anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].zero_()

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse,
            per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """Bags of the rows of ``embeddings``; they are not trained unless ``freeze=False``."""
        if embeddings.ndim != 2:
            raise ValueError(
                f"EmbeddingBag.from_pretrained: embeddings should be 2-dimensional; got {embeddings.ndim}D"
            )
        rows, columns = embeddings.shape
        bag = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset,
            padding_idx,
        )  # fmt: skip
        bag.weight.requires_grad_(not freeze)
        return bag

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"
