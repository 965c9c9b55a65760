"""Sequences of different lengths: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, NamedTuple

from tenfold import _core
from tenfold._core import Tensor
from tenfold._core import nn_functional as _functions

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _PackedFields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_PackedFields):
    """Rows of several sequences sorted by time, without padding: what the recurrent layers take and give.

    ``data`` `(ΣN, *)` has first the rows of step 0, longest sequence first, then those of step 1 and so on;
    ``batch_sizes`` (int64) is the number of rows of each step. ``sorted_indices`` orders the caller's sequences by
    length, ``unsorted_indices`` puts them back. Made by `pack_padded_sequence` and `pack_sequence`.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils.rnn import pack_sequence
    >>> packed = pack_sequence([tf.tensor([1, 2, 3]), tf.tensor([4, 5])])
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 4, 2, 5, 3], [2, 2, 1])
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self)

    def _with_data(self, data: Tensor) -> PackedSequence:
        return self if data is self.data else type(self)(data, *self[1:])

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With ``data`` converted as by `Tensor.to`."""
        return self._with_data(self.data.to(*args, **kwargs))

    def cpu(self) -> PackedSequence:
        """On the CPU."""
        return self.to("cpu")

    def double(self) -> PackedSequence:
        """With float64 data."""
        return self.to(_core.float64)

    def float(self) -> PackedSequence:
        """With float32 data."""
        return self.to(_core.float32)

    def half(self) -> PackedSequence:
        """With float16 data."""
        return self.to(_core.float16)

    def long(self) -> PackedSequence:
        """With int64 data."""
        return self.to(_core.int64)

    def int(self) -> PackedSequence:
        """With int32 data."""
        return self.to(_core.int32)

    def short(self) -> PackedSequence:
        """With int16 data."""
        return self.to(_core.int16)

    def char(self) -> PackedSequence:
        """With int8 data."""
        return self.to(_core.int8)

    def byte(self) -> PackedSequence:
        """With uint8 data."""
        return self.to(_core.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data lie on a CUDA device: never."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one; None for None.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils.rnn import invert_permutation
    >>> invert_permutation(tf.tensor([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    return None if permutation is None else permutation.argsort()


def _as_lengths(lengths: Tensor | Iterable[int]) -> list[int]:
    return lengths.tolist() if isinstance(lengths, Tensor) else [index(length) for length in lengths]


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Iterable[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs padded sequences `(T, N, *)`, or `(N, T, *)` where ``batch_first``, of the given lengths.

    With ``enforce_sorted`` the lengths must not grow; without it the sequences are sorted first, and the result knows
    their order. A length that is not positive, is out of order or exceeds T raises RuntimeError.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils.rnn import pack_padded_sequence
    >>> packed = pack_padded_sequence(tf.tensor([[4, 0], [1, 2]]), [1, 2], batch_first=True, enforce_sorted=False)
    >>> packed.data.tolist(), packed.sorted_indices.tolist()
    ([1, 4, 2], [1, 0])
    """
    numbers, order = _as_lengths(lengths), None
    if not enforce_sorted:
        places = sorted(range(len(numbers)), key=numbers.__getitem__, reverse=True)
        numbers, order = [numbers[place] for place in places], _core.tensor(places, dtype=_core.int64)
        input = input.index_select(0 if batch_first else 1, order)
    data, batch_sizes = _functions._pack_padded_sequence(input, numbers, batch_first)
    return PackedSequence(data, _core.tensor(batch_sizes, dtype=_core.int64), order)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Padded sequences `(T, N, *)`, or `(N, T, *)` where ``batch_first``, in the caller's order, and their lengths.

    T is the longest length, or ``total_length``; ValueError if that is less.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils.rnn import pack_sequence, pad_packed_sequence
    >>> padded, lengths = pad_packed_sequence(pack_sequence([tf.tensor([1, 2, 3]), tf.tensor([4])]), batch_first=True)
    >>> padded.tolist(), lengths.tolist()
    ([[1, 2, 3], [4, 0, 0]], [3, 1])
    """
    padded, numbers = _functions._pad_packed_sequence(
        sequence.data, sequence.batch_sizes.tolist(), batch_first, padding_value, total_length
    )
    lengths = _core.tensor(numbers, dtype=_core.int64)
    if sequence.unsorted_indices is None:
        return padded, lengths
    order = sequence.unsorted_indices
    return padded.index_select(0 if batch_first else 1, order), lengths[order]


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences `(L, *)` of different lengths in one tensor `(T, N, *)`, or `(N, T, *)` where ``batch_first``.

    Filled up with ``padding_value`` behind (``padding_side="right"``) or in front (``"left"``).

    >>> import tenfold as tf
    >>> from tenfold.nn.utils.rnn import pad_sequence
    >>> pad_sequence([tf.tensor([1, 2, 3]), tf.tensor([4])], batch_first=True).tolist()
    [[1, 2, 3], [4, 0, 0]]
    """
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"pad_sequence: padding_side must be 'left' or 'right'; got {padding_side!r}")
    if not isinstance(sequences, Iterable):
        raise RuntimeError(f"pad_sequence: needs a list of tensors; got {type(sequences).__name__}")
    pieces = list(sequences)
    if not pieces:
        raise RuntimeError("pad_sequence: needs at least one sequence; got none")
    longest = max(len(piece) for piece in pieces)
    filled = []
    for piece in pieces:
        missing = longest - len(piece)
        widths = (0, 0) * (piece.ndim - 1) + ((missing, 0) if padding_side == "left" else (0, missing))
        filled.append(_functions.pad(piece, widths, value=padding_value) if missing else piece)
    return _core.stack(filled, axis=0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Iterable[int], batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded tensor `(T, N, *)`, or `(N, T, *)` where ``batch_first``, each of its own length.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils.rnn import unpad_sequence
    >>> [piece.tolist() for piece in unpad_sequence(tf.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)]
    [[1, 2], [3]]
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    numbers = _as_lengths(lengths)
    if len(numbers) != len(padded_sequences):
        raise ValueError(f"unpad_sequence: {len(padded_sequences)} sequences need a length each; got {len(numbers)}")
    if numbers and min(numbers) < 0:
        raise ValueError(f"unpad_sequence: lengths must not be negative; got {min(numbers)}")
    return [piece[:length] for piece, length in zip(padded_sequences, numbers, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences `(L, *)`; with ``enforce_sorted`` the longest must come first.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils.rnn import pack_sequence
    >>> pack_sequence([tf.tensor([1, 2]), tf.tensor([3])]).data.tolist()
    [1, 3, 2]
    """
    lengths = [len(piece) for piece in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed one, in the caller's order.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils.rnn import pack_sequence, unpack_sequence
    >>> [piece.tolist() for piece in unpack_sequence(pack_sequence([tf.tensor([1, 2]), tf.tensor([3])]))]
    [[1, 2], [3]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
