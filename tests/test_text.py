"""tenfold.text: tokens come back as the text they were, and windows are those of a plain loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tenfold as tf
from tenfold.text import Tokenizer, TokenWindows
from tenfold.utils.data import DataLoader, Subset

TEXTS = ["the cat sat on the mat", "the dog sat on the cat", "a dog and a cat, on a mat!"] * 5


@pytest.fixture
def tokenizer() -> Tokenizer:
    pytest.importorskip("tokenizers")
    return Tokenizer.train(TEXTS, vocab_size=320)


@pytest.mark.parametrize("text", ["the cat", "süß – 猫\n\ttabs  and spaces ", ""])
def test_any_text_comes_back_from_pairs_of_bytes(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer.encode(text)
    assert tokens.dtype == tf.int64
    assert tokenizer.decode(tokens) == text
    assert tokenizer.decode(tokens.tolist()) == text


def test_words_that_were_learnt_are_one_token(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("the cat sat")) < 8
    assert 256 < len(tokenizer) <= 320
    assert tokenizer.number("<pad>") == 0
    with pytest.raises(KeyError, match="there is no token '<mask>'"):
        tokenizer.number("<mask>")


@pytest.mark.parametrize("kind", ["word", "wordpiece"])
def test_other_kinds_know_words_and_parts(kind: str) -> None:
    pytest.importorskip("tokenizers")
    tokenizer = Tokenizer.train(TEXTS, 200, kind=kind)
    assert tokenizer.decode(tokenizer.encode("the dog sat")) == "the dog sat"
    assert tokenizer.encode("☃").tolist() == [tokenizer.number("<unk>")]
    with pytest.raises(ValueError, match=r"needs '<unk>' among special_tokens"):
        Tokenizer.train(TEXTS, kind=kind, special_tokens=["<pad>"])
    with pytest.raises(ValueError, match=r"^Tokenizer: kind is 'bpe', 'wordpiece' or 'word'; got 'char'"):
        Tokenizer.train(TEXTS, kind="char")


def test_batches_are_padded_and_say_where(tokenizer: Tokenizer) -> None:
    texts = ["the cat", "the dog sat on the mat", ""]
    tokens, mask = tokenizer.batch(texts, begin="<bos>", end="<eos>")
    for text, row, kept in zip(texts, tokens.tolist(), mask.tolist(), strict=True):
        expected = tokenizer.encode(text, "<bos>", "<eos>").tolist()
        assert row[: len(expected)] == expected
        assert set(row[len(expected) :]) <= {0}
        assert kept == [place < len(expected) for place in range(len(row))]
    assert (tokens[:, 0] == tokenizer.number("<bos>")).all()
    cut, _ = tokenizer.batch(texts, max_length=3)
    assert cut.shape == (3, 3)
    empty, _ = tokenizer.batch([])
    assert empty.shape == (0, 0)


def test_it_is_saved_and_loaded(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.encode("the cat, süß").tolist() == tokenizer.encode("the cat, süß").tolist()


@pytest.mark.parametrize(("count", "length", "stride"), [(20, 4, None), (21, 4, 4), (22, 4, 1), (9, 8, 3), (23, 5, 7)])
def test_windows_are_those_of_a_plain_loop(count: int, length: int, stride: Any) -> None:
    tokens = tf.arange(count) * 3
    windows = TokenWindows(tokens, length, stride)
    values = tokens.tolist()
    step = stride or length
    expected = [
        (values[start : start + length], values[start + 1 : start + length + 1])
        for start in range(0, count - length, step)
    ]
    assert [(x.tolist(), y.tolist()) for x, y in (windows[i] for i in range(len(windows)))] == expected
    assert windows[-1][0].tolist() == expected[-1][0]
    loaded = [
        pair
        for x, y in DataLoader(Subset(windows, list(range(len(windows)))), batch_size=2)
        for pair in zip(x.tolist(), y.tolist(), strict=True)
    ]
    assert loaded == expected
    with pytest.raises(IndexError, match="out of range"):
        windows[len(windows)]


def test_texts_that_are_too_short_are_said() -> None:
    with pytest.raises(ValueError, match=r"^TokenWindows: 4 tokens are too few for a window of 4 and the next"):
        TokenWindows(tf.arange(4), 4)
    with pytest.raises(ValueError, match=r"^TokenWindows: needs tokens \(T,\); got \(2, 2\)"):
        TokenWindows(tf.zeros(2, 2), 1)
