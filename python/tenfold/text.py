"""Texts as numbers of tokens, by the library tokenizers (``pip install 'tenfold[text]'``).

>>> import tenfold as tf
>>> from tenfold.text import Tokenizer
>>> tokenizer = Tokenizer.train(["low lower lowest", "new newer newest"], vocab_size=300)
>>> tokenizer.decode(tokenizer.encode("lower newest"))
'lower newest'
>>> tokens, mask = tokenizer.batch(["low", "newest lowest"])
>>> tokens.shape == mask.shape, mask.sum(dim=1).tolist()[0] < mask.shape[1]
(True, True)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.utils.data import Dataset

__all__ = ["TokenWindows", "Tokenizer"]


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError("Tokenizer: tokenizers is not installed. Hint: pip install 'tenfold[text]'") from error
    return tokenizers


class Tokenizer:
    """Cuts texts into tokens with numbers, and puts them together again.

    Made by :meth:`train` from texts, by :meth:`load` from a ``tokenizer.json``, or of a ``tokenizers.Tokenizer``,
    which stays there as ``inner``. ``padding`` is the token that fills shorter texts of a batch.
    """

    def __init__(self, inner: Any, padding: str = "<pad>") -> None:
        self.inner = inner
        self.padding = padding

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int = 8000,
        special_tokens: Sequence[str] = ("<pad>", "<unk>", "<bos>", "<eos>"),
        kind: str = "bpe",
        min_frequency: int = 2,
    ) -> Tokenizer:
        """Learns up to ``vocab_size`` tokens from texts; ``special_tokens`` have the first numbers, padding first.

        ``kind``: ``"bpe"`` (pairs of bytes: any text comes back as it was), ``"wordpiece"``, or ``"word"`` (whole
        words and marks, others ``<unk>``). Sources: R. Sennrich et al., ACL 2016; M. Schuster and K. Nakajima, 2012.
        """
        library = _library()
        models, pre, decoders, trainers = (
            getattr(library, name) for name in ("models", "pre_tokenizers", "decoders", "trainers")
        )
        special = list(special_tokens)
        unknown = "<unk>" if "<unk>" in special else None
        options: dict[str, Any] = {"vocab_size": vocab_size, "special_tokens": special, "show_progress": False}
        if kind == "bpe":
            inner = library.Tokenizer(models.BPE())
            inner.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
            inner.decoder = decoders.ByteLevel()
            options["initial_alphabet"] = pre.ByteLevel.alphabet()
            trainer = trainers.BpeTrainer(min_frequency=min_frequency, **options)
        elif kind in ("wordpiece", "word"):
            if unknown is None:
                raise ValueError(f"Tokenizer: kind={kind!r} needs '<unk>' among special_tokens; got {special}")
            pieces = kind == "wordpiece"
            model = models.WordPiece if pieces else models.WordLevel
            make = trainers.WordPieceTrainer if pieces else trainers.WordLevelTrainer
            inner = library.Tokenizer(model(unk_token=unknown))
            inner.pre_tokenizer = pre.Whitespace()
            if pieces:
                inner.decoder = decoders.WordPiece()
            trainer = make(min_frequency=min_frequency, **options)
        else:
            raise ValueError(f"Tokenizer: kind is 'bpe', 'wordpiece' or 'word'; got {kind!r}")
        inner.train_from_iterator(texts, trainer)
        return cls(inner, special[0] if special else "<pad>")

    @classmethod
    def load(cls, path: str | os.PathLike[str], padding: str = "<pad>") -> Tokenizer:
        """The tokenizer of a file ``tokenizer.json``."""
        return cls(_library().Tokenizer.from_file(os.fspath(path)), padding)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file ``tokenizer.json``."""
        self.inner.save(os.fspath(path))

    def __len__(self) -> int:
        """How many tokens there are."""
        return self.inner.get_vocab_size()

    def number(self, token: str) -> int:
        """The number of a token; KeyError where there is none."""
        found = self.inner.token_to_id(token)
        if found is None:
            raise KeyError(f"Tokenizer: there is no token {token!r}")
        return found

    def encode(self, text: str, begin: str | None = None, end: str | None = None) -> Tensor:
        """The numbers of a text's tokens, int64 (T,), between the tokens ``begin`` and ``end`` if given."""
        return _core.tensor(self._between(self.inner.encode(text).ids, begin, end), dtype=_core.int64)

    def batch(
        self, texts: Sequence[str], max_length: int | None = None, begin: str | None = None, end: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """The numbers of several texts, int64 (N, T), padded at the end, and where they are tokens, bool (N, T).

        Texts longer than ``max_length`` tokens are cut.
        """
        rows = [self._between(one.ids, begin, end)[:max_length] for one in self.inner.encode_batch(list(texts))]
        length = max(map(len, rows), default=0)
        fill = self.number(self.padding)
        padded = [row + [fill] * (length - len(row)) for row in rows]
        tokens = _core.tensor(padded, dtype=_core.int64).reshape(len(rows), length)
        lengths = _core.tensor([len(row) for row in rows], dtype=_core.int64).reshape(-1, 1)
        return tokens, _core.arange(length).unsqueeze(0) < lengths

    def decode(self, tokens: Tensor | Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of numbers (T,)."""
        return self.inner.decode(tokens.tolist() if isinstance(tokens, Tensor) else list(tokens), skip_special_tokens)

    def _between(self, ids: list[int], begin: str | None, end: str | None) -> list[int]:
        first = [] if begin is None else [self.number(begin)]
        return [*first, *ids, *([] if end is None else [self.number(end)])]


class TokenWindows(Dataset[tuple[Tensor, Tensor]]):
    """Windows of a long text for a language model: ``length`` tokens, and the ``length`` tokens one place on.

    A window begins every ``stride`` tokens, by default where the one before it ends. A loader reads whole batches of
    it at once. ValueError where the text is too short for one.

    >>> import tenfold as tf
    >>> from tenfold.text import TokenWindows
    >>> windows = TokenWindows(tf.arange(10), length=4)
    >>> len(windows), windows[1]
    (2, (tensor([4, 5, 6, 7]), tensor([5, 6, 7, 8])))
    """

    def __init__(self, tokens: Tensor, length: int, stride: int | None = None) -> None:
        if tokens.ndim != 1:
            raise _core.ShapeError(f"TokenWindows: needs tokens (T,); got {tuple(tokens.shape)}")
        self.tokens = tokens
        self.length = length
        self.stride = length if stride is None else stride
        if self.length < 1 or self.stride < 1:
            raise ValueError(f"TokenWindows: length and stride should be at least 1; got {length} and {stride}")
        if len(tokens) <= length:
            raise ValueError(f"TokenWindows: {len(tokens)} tokens are too few for a window of {length} and the next")

    def __len__(self) -> int:
        return (len(self.tokens) - self.length - 1) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"TokenWindows: index {index} is out of range for {len(self)} windows")
        start = index % len(self) * self.stride
        return self.tokens[start : start + self.length], self.tokens[start + 1 : start + self.length + 1]

    def collated(self, indices: Sequence[int]) -> list[Tensor]:
        """The batch of these windows by one gather each."""
        starts = _core.tensor(list(indices), dtype=_core.int64) * self.stride
        places = starts.unsqueeze(1) + _core.arange(self.length).unsqueeze(0)
        return [self.tokens[places], self.tokens[places + 1]]
