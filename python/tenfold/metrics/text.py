"""Figures about language models and translations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold._core import nn_functional as F
from tenfold.metrics.base import Metric, class_scores

__all__ = ["BLEU", "Perplexity"]


class Perplexity(Metric):
    """exp of the mean cross-entropy of logits (N, C, …) for targets (N, …): among how many tokens a model hesitates.

    >>> import tenfold as tf
    >>> from tenfold.metrics import Perplexity
    >>> round(Perplexity()(tf.zeros(3, 8), tf.tensor([0, 1, 2])), 6)
    8.0
    """

    name = "perplexity"
    higher_is_better = False
    _gathered = ("total", "count")
    total: Any
    count: int

    def __init__(self, ignore_index: int | None = -100) -> None:
        self.ignore_index = ignore_index
        super().__init__()

    def reset(self) -> None:
        self.total = _core.tensor(0.0, dtype=_core.float64)
        self.count = 0

    def _update(self, output: Tensor, target: Tensor) -> None:
        scores, labels = class_scores("Perplexity", output, target, self.ignore_index)
        if labels.numel():
            own = F.log_softmax(scores.double(), dim=1).gather(1, labels.unsqueeze(1))
            self.total = self.total - own.sum()
            self.count += labels.numel()

    def compute(self) -> float:
        """The perplexity; NaN of nothing, infinite where it is too large for a float."""
        if not self.count:
            return float("nan")
        try:
            return math.exp(float(self.total) / self.count)
        except OverflowError:
            return math.inf


class BLEU(Metric):
    """How many word sequences translations share with references, of the whole corpus, from 0 to 1.

    ``update`` takes translations and, for each, one reference or a list of them; each is a string (split at white
    space) or a list of tokens, as its references are. The figure is the geometric mean of the precisions of
    1 to ``max_n`` tokens, each counted at most as often as in the reference that has it most often, times
    exp(1 − r/c) where the corpus c is shorter than the closest references r. ``smooth`` adds one to the counts of
    2 tokens and more.
    Sources: K. Papineni et al., BLEU, ACL 2002; C.-Y. Lin and F. J. Och, ORANGE, COLING 2004 (smoothing).

    >>> from tenfold.metrics import BLEU
    >>> round(BLEU()(["the cat sat on the mat"], ["the cat sat on a mat"]), 4)
    0.5373
    """

    name = "bleu"
    _gathered = ("matches", "totals", "length", "reference_length")
    matches: list[int]
    totals: list[int]
    length: int
    reference_length: int

    def __init__(self, max_n: int = 4, smooth: bool = False) -> None:
        if max_n < 1:
            raise ValueError(f"BLEU: max_n should be at least 1; got {max_n}")
        self.max_n = max_n
        self.smooth = smooth
        super().__init__()

    def reset(self) -> None:
        self.matches = [0] * self.max_n
        self.totals = [0] * self.max_n
        self.length = self.reference_length = 0

    def _update(self, output: Sequence[Any], target: Sequence[Any]) -> None:
        if isinstance(output, str) or isinstance(target, str) or len(output) != len(target):
            raise ValueError(
                f"BLEU: needs a list of translations and one of as many references; got {_said(output)} and "
                f"{_said(target)}"
            )
        for translation, references in zip(output, target, strict=True):
            self._add(_tokens(translation), _references(references, isinstance(translation, str)))

    def _add(self, told: list[Any], references: list[list[Any]]) -> None:
        self.length += len(told)
        # The closest length; of two equally close ones the shorter.
        self.reference_length += min((abs(len(one) - len(told)), len(one)) for one in references)[1]
        for n in range(1, self.max_n + 1):
            most: Counter[tuple[Any, ...]] = Counter()
            for reference in references:
                most |= _sequences(reference, n)
            found = _sequences(told, n)
            self.matches[n - 1] += sum((found & most).values())
            self.totals[n - 1] += sum(found.values())

    def compute(self) -> float:
        """The figure; 0 where some length has no match."""
        logarithm = 0.0
        for n, (matches, totals) in enumerate(zip(self.matches, self.totals, strict=True)):
            more = int(self.smooth and n > 0)
            if matches + more == 0 or totals + more == 0:
                return 0.0
            logarithm += math.log((matches + more) / (totals + more)) / self.max_n
        shortness = min(0.0, 1 - self.reference_length / self.length)
        return math.exp(logarithm + shortness)


def _said(value: Any) -> str:
    return "a string" if isinstance(value, str) else f"{len(value)}"


def _tokens(text: Any) -> list[Any]:
    return text.split() if isinstance(text, str) else list(text)


def _references(references: Any, of_text: bool) -> list[list[Any]]:
    """Beside a text a list has texts, each a reference; beside a list of tokens it has tokens, or lists of them."""
    if isinstance(references, str):
        return [references.split()]
    several = list(references)
    if not several:
        raise ValueError("BLEU: a translation has no reference")
    if of_text or isinstance(several[0], list | tuple):
        return [_tokens(one) for one in several]
    return [several]


def _sequences(tokens: list[Any], n: int) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
