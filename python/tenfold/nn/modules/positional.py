"""Positions in sequences: sinusoidal and rotary. PyTorch has no such modules; names and arguments are ours."""

from __future__ import annotations

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.dropout import Dropout
from tenfold.nn.modules.module import Module

__all__ = ["RotaryEmbedding", "SinusoidalPositionalEncoding"]


class SinusoidalPositionalEncoding(Module):
    """Adds the sinusoidal encoding of each position to `(N, L, d_model)`, then dropout (Vaswani et al. 2017).

    Without ``batch_first`` the input is `(L, N, d_model)`. Any length is taken; ``start`` in `forward` is the first
    position's number. There is nothing to learn or to save.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> encode = nn.SinusoidalPositionalEncoding(4)
    >>> encode(tf.zeros(1, 2, 4))[0, 0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """

    def __init__(self, d_model: int, dropout: float = 0.0, base: float = 10000.0, batch_first: bool = True) -> None:
        super().__init__()
        if d_model <= 0 or d_model % 2:
            raise ValueError(f"SinusoidalPositionalEncoding: d_model must be even and positive; got {d_model}")
        self.d_model = d_model
        self.base = base
        self.batch_first = batch_first
        self.dropout = Dropout(dropout)

    def forward(self, input: Tensor, start: int = 0) -> Tensor:
        axis = -2 if self.batch_first else 0
        length = input.shape[axis]
        encoding = F.sinusoidal_positions(start + length, self.d_model, self.base, input.dtype)[start:]
        if not self.batch_first and input.ndim == 3:
            encoding = encoding.unsqueeze(1)
        return self.dropout(input + encoding)

    def extra_repr(self) -> str:
        return f"{self.d_model}, base={self.base}, batch_first={self.batch_first}"


class RotaryEmbedding(Module):
    """Turns the pairs of features of queries and keys `(*, L, dim)` by angles that grow with the position.

    The product of a turned query and a turned key depends on their distance only (Su et al. 2021). Pair i turns by
    position · base^(−2i/dim); a pair is features i and i + dim/2, or 2i and 2i + 1 where ``interleaved``. ``positions``
    (integers that broadcast to `(*, L)`) count from 0 by default.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> rotary = nn.RotaryEmbedding(2)
    >>> x = tf.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> rotary(x).round(decimals=3).tolist()[0]
    [1.0, 0.0]
    """

    def __init__(self, dim: int, base: float = 10000.0, interleaved: bool = False) -> None:
        super().__init__()
        if dim <= 0 or dim % 2:
            raise ValueError(f"RotaryEmbedding: dim must be even and positive; got {dim}")
        self.dim = dim
        self.base = base
        self.interleaved = interleaved

    def forward(self, input: Tensor, positions: Tensor | None = None) -> Tensor:
        return F.rotary_embedding(input, positions, self.base, self.interleaved)

    def extra_repr(self) -> str:
        return f"{self.dim}, base={self.base}, interleaved={self.interleaved}"
