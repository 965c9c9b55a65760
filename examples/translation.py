"""A Transformer that translates Spanish into English, with beam search.

Data: the verses that the Reina-Valera of 1909 and the World English Bible share, 31,000 pairs
(`apt-get install diatheke sword-text-web sword-text-sparv`); learnt from are those of up to 32 tokens, 300 pairs drawn
at random are held out. Encoder and decoder are those of A. Vaswani et al., Attention Is All You Need, 2017, with one
table of tokens for both languages (O. Press and L. Wolf, EACL 2017). Of several translations the search keeps the
likeliest, their length made up for (Y. Wu et al., 2016). Writes translations beside the references.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterator
from pathlib import Path

import tenfold as tf
from common.bible import ENGLISH, SPANISH, verses
from tenfold import nn, optim
from tenfold.metrics import BLEU
from tenfold.nn import functional as F
from tenfold.text import Tokenizer
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader, Sampler

LONGEST = 32  # tokens of a sentence
PADDING, BEGIN, END = 0, 1, 2
Pair = tuple[list[int], list[int]]


class Translator(nn.Module):
    """Spanish tokens `(N, S)` and the English ones so far `(N, T)` to the logits of the next, `(N · T, tokens)`."""

    def __init__(self, tokens: int, width: int = 128, layers: int = 2):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.transformer = nn.Transformer(
            width, 4, layers, layers, 2 * width, dropout=0.1, batch_first=True, norm_first=True
        )
        self.register_buffer("position", sinusoids(LONGEST + 2, width))

    def embedded(self, tokens: tf.Tensor) -> tf.Tensor:
        x = self.embedding(tokens) * self.position.shape[1] ** 0.5 + self.position[: tokens.shape[1]]
        return F.dropout(x, 0.1, self.training)

    def encode(self, source: tf.Tensor) -> tf.Tensor:
        return self.transformer.encoder(self.embedded(source), src_key_padding_mask=source == PADDING)

    def decode(self, memory: tf.Tensor, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        # Padding stands at the end, where no place before it looks: of the target, only what comes later is hidden.
        later = tf.ones(target.shape[1], target.shape[1], dtype=tf.bool).triu(1)
        return self.transformer.decoder(
            self.embedded(target), memory, tgt_mask=later, memory_key_padding_mask=source == PADDING
        )

    def logits(self, decoded: tf.Tensor) -> tf.Tensor:
        return decoded @ self.embedding.weight.T

    def forward(self, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        return self.logits(self.decode(self.encode(source), source, target)).flatten(0, 1)


def sinusoids(places: int, width: int) -> tf.Tensor:
    """Sines and cosines of the place, of wavelengths from 2π to 20,000π, `(places, width)`."""
    angle = tf.arange(places).unsqueeze(1) * tf.exp(tf.arange(0, width, 2) * (-math.log(10_000) / width))
    return tf.stack([tf.sin(angle), tf.cos(angle)], dim=2).reshape(places, width)


class ByLength(Sampler):
    """Batches of pairs of about the same length, in random order, so that little padding is computed."""

    def __init__(self, pairs: list[Pair], batch_size: int):
        self.pairs, self.batch_size = pairs, batch_size

    def __len__(self) -> int:
        return -(-len(self.pairs) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = tf.randperm(len(self.pairs)).tolist()
        order.sort(key=lambda i: (len(self.pairs[i][1]), len(self.pairs[i][0])))  # equal ones stay shuffled
        for batch in tf.randperm(len(self)).tolist():
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size]


def padded(rows: list[list[int]]) -> tf.Tensor:
    longest = max(map(len, rows))
    return tf.tensor([row + [PADDING] * (longest - len(row)) for row in rows])


def batched(pairs: list[Pair]) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
    """What is read, Spanish and English from a beginning on, and what is to be said: English up to an end."""
    source, target = padded([one for one, _ in pairs]), padded([[BEGIN, *other, END] for _, other in pairs])
    return (source, target[:, :-1]), target[:, 1:].flatten()


def translate(model: Translator, sources: list[list[int]], beams: int = 4) -> list[list[int]]:
    """The likeliest English sentences found when `beams` of them are followed, for a batch of Spanish ones."""
    n = len(sources)
    with tf.no_grad():
        source = padded(sources).unsqueeze(1).expand(n, beams, -1).flatten(0, 1)
        memory = model.encode(source)
        said = tf.full((n * beams, 1), BEGIN)
        scores = tf.full((n, beams), -1e9)
        scores[:, 0] = 0.0  # all beams begin alike: one of them is enough
        rows = tf.arange(n).unsqueeze(1) * beams
        for _ in range(LONGEST + 1):
            steps = F.log_softmax(model.logits(model.decode(memory, source, said)[:, -1]), dim=1)
            # What has ended goes on with padding, at no cost.
            ended = (said[:, -1:] == END) | (said[:, -1:] == PADDING)
            free = tf.where(tf.arange(steps.shape[1]) == PADDING, 0.0, -1e9)
            steps = tf.where(ended, free, steps).reshape(n, beams, -1)
            scores, best = (scores.unsqueeze(2) + steps).flatten(1).topk(beams)
            came_from, token = rows + best // steps.shape[2], best % steps.shape[2]
            said = tf.cat([said[came_from.flatten()], token.reshape(-1, 1)], dim=1)
            if bool(((token == END) | (token == PADDING)).all()):
                break
    # A longer sentence is less likely: the mean of a token counts, between the two.
    lengths = (said != PADDING).sum(dim=1).reshape(n, beams).float()
    best = rows[:, 0] + (scores / lengths**0.7).argmax(dim=1)
    return [[token for token in one if token not in (PADDING, BEGIN, END)] for one in said[best].tolist()]


def words(text: str) -> list[str]:
    """Words and marks, as BLEU counts them."""
    return re.findall(r"\w+|[^\w\s]", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/translation"), help="folder of the translations")
    parser.add_argument("--quick", action="store_true", help="verses of up to 18 tokens, a smaller model")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    longest, tokens, width, layers = (18, 2000, 64, 1) if options.quick else (LONGEST, 4000, 128, 2)
    epochs, batch_size, tests = (3, 16, 50) if options.quick else (options.epochs, 32, 300)
    tf.manual_seed(options.seed)
    english, spanish = verses(ENGLISH), verses(SPANISH)
    texts = [(spanish[place], english[place]) for place in spanish if place in english]
    tokenizer = Tokenizer.train((text for pair in texts for text in pair), tokens, ["<pad>", "<bos>", "<eos>"])
    encoded = [[each.ids for each in tokenizer.inner.encode_batch(list(side))] for side in zip(*texts, strict=True)]
    pairs = [pair for pair in zip(*encoded, strict=True) if max(map(len, pair)) <= longest]
    pairs = [pairs[i] for i in tf.randperm(len(pairs)).tolist()]
    test, train = pairs[:tests], pairs[tests:]
    print(f"{len(texts)} pairs of verses; {len(train)} short ones to learn from, {len(test)} held out")

    model = Translator(len(tokenizer), width, layers)
    batches = DataLoader(train, batch_sampler=ByLength(train, batch_size), collate_fn=batched)
    optimizer = optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=epochs * len(batches), pct_start=0.15)
    loss = nn.CrossEntropyLoss(ignore_index=PADDING, label_smoothing=0.1)
    trainer = Trainer(model, optimizer, loss, scheduler=schedule, schedule="step", clip_norm=1.0)
    held_out = DataLoader(test, 50, collate_fn=batched)
    trainer.fit(batches, epochs=epochs, validation_data=held_out, verbose=2)

    model.eval()
    test.sort(key=lambda pair: len(pair[0]))
    translations = []
    for start in range(0, len(test), 50):
        translations += translate(model, [source for source, _ in test[start : start + 50]])
    said = [tokenizer.decode(one) for one in translations]
    wanted = [tokenizer.decode(target) for _, target in test]
    lines = [
        f"{tokenizer.decode(source)}\n  {one}\n  reference: {other}"
        for (source, _), one, other in zip(test, said, wanted, strict=True)
    ]
    (options.out / "translations.txt").write_text("\n\n".join(lines) + "\n", "utf-8")
    print(*lines[:: len(lines) // 8], sep="\n\n", end="\n\n")

    loss = trainer.evaluate(held_out)["loss"]
    bleu = 100 * BLEU(smooth=True)(list(map(words, said)), list(map(words, wanted)))
    most, least = (5.75, 2.0) if options.quick else (3.7, 20.0)
    print(f"held-out loss per token (labels smoothed): {loss:.3f} (at most {most})")
    print(f"held-out BLEU, of 100: {bleu:.2f} (at least {least})")
    assert loss <= most, "the model did not learn as it should"
    assert bleu >= least, "the translations have too little of the references"


if __name__ == "__main__":
    main()
