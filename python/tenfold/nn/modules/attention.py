"""Multi-head attention, and the keys and values kept for generation."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import new_tensor_options
from tenfold.nn.modules.linear import Linear
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["KeyValueCache", "MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` under the name that PyTorch gives the output projection, so that texts and states agree."""


class MultiheadAttention(Module):
    """Attention of several heads (Vaswani et al. 2017).

    ``query`` `(L, N, embed_dim)`, ``key`` `(S, N, kdim)` and ``value`` `(S, N, vdim)`, with N first where
    ``batch_first``, or all without N, give the output `(L, N, embed_dim)` and, with ``need_weights``, the weights `(N,
    L, S)` (`(N, num_heads, L, S)` without ``average_attn_weights``), else None. ``key_padding_mask`` `(N, S)` and
    ``attn_mask`` `(L, S)` or `(N·num_heads, L, S)` are bool (true: not looked at) or added to the scores.
    ``is_causal`` says that ``attn_mask`` is the causal one. ``dropout`` acts on the weights.

    ``in_proj_weight`` `(3·embed_dim, embed_dim)` (or ``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight``, where
    ``kdim`` or ``vdim`` differ) begins Xavier-uniform, biases zero. ``add_bias_kv`` adds a learned key and value,
    ``add_zero_attn`` a key and value of zeros.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> x = tf.zeros(2, 5, 8)
    >>> output, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> output.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"MultiheadAttention: embed_dim and num_heads must be positive; got {embed_dim} and {num_heads}"
            )
        if embed_dim % num_heads:
            raise AssertionError(
                f"MultiheadAttention: embed_dim must be divisible by num_heads; got {embed_dim} and {num_heads}"
            )
        options = new_tensor_options(device, dtype)
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn

        widths = {"q_proj_weight": embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(_core.empty((3 * embed_dim, embed_dim), **options))
            for name in widths:
                self.register_parameter(name, None)
        else:
            for name, width in widths.items():
                self.register_parameter(name, Parameter(_core.empty((embed_dim, width), **options)))
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", Parameter(_core.empty(3 * embed_dim, **options)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **options)
        for name in ("bias_k", "bias_v"):
            learned = Parameter(_core.empty((1, 1, embed_dim), **options)) if add_bias_kv else None
            self.register_parameter(name, learned)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)
        for learned in (self.bias_k, self.bias_v):
            if learned is not None:
                init.xavier_normal_(learned)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        turned = self.batch_first and query.ndim == 3
        if turned:
            # One tensor given twice stays one tensor: it is then projected with one product.
            new_query = query.transpose(0, 1)
            new_key = new_query if key is query else key.transpose(0, 1)
            value = new_query if value is query else new_key if value is key else value.transpose(0, 1)
            query, key = new_query, new_key
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias,
            training=self.training, key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim, q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight, v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return (output.transpose(0, 1) if turned else output), weights


class KeyValueCache:
    """Keys and values of the positions seen so far, for generating one position after the other.

    `update` takes those of new positions, `(*, L, D)`, and gives those of all, `(*, S, D)`, old ones first: what
    `scaled_dot_product_attention` needs beside the new queries. `mask` says what the new queries may look at. The
    memory grows as it is needed, or is reserved with ``max_length``, which may then not be exceeded. No gradients are
    kept.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.nn import functional as F
    >>> cache = nn.KeyValueCache()
    >>> for length in (5, 1, 1):  # a prompt, then two tokens
    ...     q = k = v = tf.ones(1, 2, length, 4)
    ...     keys, values = cache.update(k, v)
    ...     y = F.scaled_dot_product_attention(q, keys, values, cache.mask(length))
    >>> len(cache), keys.shape, y.shape
    (7, (1, 2, 7, 4), (1, 2, 1, 4))
    """

    def __init__(self, max_length: int | None = None) -> None:
        if max_length is not None and max_length <= 0:
            raise ValueError(f"KeyValueCache: max_length must be positive; got {max_length}")
        self.max_length = max_length
        self._length = 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"KeyValueCache(length={self._length}, max_length={self.max_length})"

    def update(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Adds keys and values `(*, L, D)` of new positions; gives those of all positions.

        ValueError where they do not fit what is there, or exceed ``max_length``.
        """
        if key.ndim < 2 or value.ndim < 2 or key.shape[:-1] != value.shape[:-1]:
            raise _core.ShapeError(
                f"KeyValueCache: key and value must have the same positions; got shapes {key.shape} and {value.shape}"
            )
        end = self._length + key.shape[-2]
        if self.max_length is not None and end > self.max_length:
            raise ValueError(f"KeyValueCache: {end} positions exceed max_length; got max_length={self.max_length}")
        with no_grad():
            self._keys = self._stored(self._keys, key.detach(), end)
            self._values = self._stored(self._values, value.detach(), end)
            self._length = end
            return self._keys[..., :end, :], self._values[..., :end, :]

    def _stored(self, buffer: Tensor | None, new: Tensor, end: int) -> Tensor:
        """The buffer, made larger where needed, with the new positions behind the old ones."""
        start = self._length
        if buffer is not None and (
            buffer.shape[:-2] != new.shape[:-2] or buffer.shape[-1] != new.shape[-1] or buffer.dtype != new.dtype
        ):
            raise _core.ShapeError(
                f"KeyValueCache: new positions of shape {new.shape} and dtype {new.dtype} do not fit those of shape "
                f"{buffer.shape} and dtype {buffer.dtype}"
            )
        if buffer is None or buffer.shape[-2] < end:
            # Twice as much each time, so that adding one by one costs a constant number of copies each.
            capacity = self.max_length or max(end, 2 * start)
            grown = _core.zeros((*new.shape[:-2], capacity, new.shape[-1]), dtype=new.dtype)
            if buffer is not None:
                grown[..., :start, :] = buffer[..., :start, :]
            buffer = grown
        buffer[..., start:end, :] = new
        return buffer

    def mask(self, length: int) -> Tensor:
        """What the last ``length`` positions may look at: bool `(length, len(self))`, true up to each one itself."""
        if not 0 <= length <= self._length:
            raise ValueError(f"KeyValueCache: length must be from 0 to {self._length}; got {length}")
        whole = _core.ones((length, self._length), dtype=_core.bool)
        return _core.tril(whole, k=self._length - length)

    def truncate(self, length: int) -> None:
        """Forgets all positions from ``length`` on."""
        if not 0 <= length <= self._length:
            raise ValueError(f"KeyValueCache: length must be from 0 to {self._length}; got {length}")
        self._length = length
