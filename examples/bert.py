"""Learning a language before a task: masked tokens first, then few labels, in the manner of BERT.

Data: the World English Bible, 31,000 verses (`apt-get install diatheke sword-text-web`). A Transformer first guesses
tokens that were hidden from it, with what stands on both sides (J. Devlin et al., BERT, NAACL 2019). Then it learns
from 120 labelled verses which of six parts of the book a verse is from, beside the same network without the first
step; which 120 is drawn five times. 3,000 verses that neither step has seen are held out. Writes what it fills into
gaps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tenfold as tf
from common.bible import BOOKS, ENGLISH, verses
from tenfold import nn
from tenfold.nn import functional as F
from tenfold.text import Tokenizer
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader, TensorDataset

PARTS = {"law": 5, "history": 12, "poetry": 5, "prophets": 17, "gospels and acts": 5, "letters": 22}  # books of each
LABELS = 20  # verses of each part whose label is known
WIDTH, LENGTH = 64, 32  # of an encoded token; tokens that are read of a verse
PADDING, UNKNOWN, MASK = 0, 1, 2
GAPS = (
    "in the <mask> god created the heavens and the earth .",
    "he said to them , “ go , and tell the king of <mask> .",
    "jesus answered <mask> , “ most certainly i tell you",
    "the word of yahweh came to me , <mask> ,",
    "moses stretched out his <mask> over the sea",
)


class Encoder(nn.Module):
    """Tokens `(N, T)`, padded with 0, to what they mean where they stand `(N, T, WIDTH)`."""

    def __init__(self, tokens: int, layers: int):
        super().__init__()
        self.embedding, self.position = nn.Embedding(tokens, WIDTH), nn.Embedding(LENGTH, WIDTH)
        for table in (self.embedding, self.position):
            nn.init.normal_(table.weight, std=0.05)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, 0.1, F.gelu, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(WIDTH), enable_nested_tensor=False)

    def forward(self, tokens: tf.Tensor) -> tf.Tensor:
        x = self.embedding(tokens) + self.position.weight[: tokens.shape[1]]
        return self.layers(x, src_key_padding_mask=tokens == PADDING)


class MaskedModel(nn.Module):
    """The loss of guessing the tokens that are hidden; chances come from the table of the tokens itself."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder
        self.bias = nn.Parameter(tf.zeros(encoder.embedding.num_embeddings))

    def logits(self, meanings: tf.Tensor) -> tf.Tensor:
        return meanings @ self.encoder.embedding.weight.T + self.bias

    def forward(self, tokens: tf.Tensor, hidden: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        meanings = self.encoder(tokens).flatten(0, 1)[places]  # nothing is computed for what was not hidden
        return F.cross_entropy(self.logits(meanings), hidden)


class Classifier(nn.Module):
    """The average of what the tokens mean decides."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder
        self.output = nn.Linear(WIDTH, len(PARTS))

    def forward(self, tokens: tf.Tensor) -> tf.Tensor:
        words = (tokens != PADDING).float().unsqueeze(2)
        return self.output(F.dropout((self.encoder(tokens) * words).sum(1) / words.sum(1), 0.2, self.training))


def hide(tokens: tf.Tensor, kinds: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Hides 15 % of the tokens: of these 80 % become a mask, 10 % another token, 10 % stay; their values and places."""
    chosen = (tf.rand(*tokens.shape) < 0.15) & (tokens != PADDING)
    how = tf.rand(*tokens.shape)
    changed = tf.where(how < 0.8, MASK, tf.where(how < 0.9, tf.randint(MASK + 1, kinds, tokens.shape), tokens))
    places = chosen.flatten().nonzero()[:, 0]
    return tf.where(chosen, changed, tokens), tokens.flatten()[places], places


def fill(model: MaskedModel, tokenizer: Tokenizer, sentence: str) -> str:
    """A sentence with what the model would write into its gap, and how sure it is."""
    tokens = tokenizer.encode(sentence)
    with tf.no_grad():
        gap = (tokens == MASK).nonzero()[0, 0]
        chances, guesses = F.softmax(model.logits(model.encoder(tokens.unsqueeze(0))[0, gap]), dim=0).topk(4)
    told = (
        f"{tokenizer.decode([guess])} {100 * chance:.0f} %"
        for chance, guess in zip(chances.tolist(), guesses.tolist(), strict=True)
    )
    return f"{sentence.replace('<mask>', '____')}  {', '.join(told)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5, help="of the masked tokens")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/bert"), help="folder of the gaps that it fills")
    parser.add_argument("--quick", action="store_true", help="one layer, one epoch of 5,000 verses")
    options = parser.parse_args()
    layers, epochs, draws = (1, 3, 2) if options.quick else (2, options.epochs, 5)
    options.out.mkdir(parents=True, exist_ok=True)

    tf.manual_seed(options.seed)
    part_of_book = [number for number, books in enumerate(PARTS.values()) for _ in range(books)]
    texts, labels = [], []
    for book, part in zip(BOOKS, part_of_book, strict=True):
        here = [text.lower() for text in verses(ENGLISH, [book]).values()]
        texts += here
        labels += [part] * len(here)
    order = tf.randperm(len(texts)).tolist()
    tests = 1000 if options.quick else 3000
    held_out, seen = order[:tests], order[tests : 6000 if options.quick else None]
    tokenizer = Tokenizer.train((texts[i] for i in seen), 3000, ["<pad>", "<unk>", "<mask>"], kind="wordpiece")
    tokens, _ = tokenizer.batch(texts, max_length=LENGTH)
    parts = tf.tensor(labels)
    print(f"{len(seen)} verses to read, {len(held_out)} held out")

    # First the language ...
    masked = MaskedModel(Encoder(len(tokenizer), layers))
    reading = DataLoader(
        TensorDataset(tokens[seen]), 32, shuffle=True,
        collate_fn=lambda samples: hide(tf.stack([one for (one,) in samples]), len(tokenizer)),
    )  # fmt: skip
    trainer = Trainer(masked, "adamw", lr=3e-3, scheduler="one_cycle", clip_norm=1.0)
    trainer.fit(reading, epochs=epochs, verbose=2)
    masked.eval()
    with tf.no_grad():
        loss = masked(*hide(tokens[held_out[:1000]], len(tokenizer))).item()
    lines = [fill(masked, tokenizer, sentence) for sentence in GAPS]
    (options.out / "gaps.txt").write_text("\n".join(lines) + "\n", "utf-8")
    print(*lines, sep="\n")

    # ... then the task, and the task alone, with other labels each time.
    reached: dict[str, list[float]] = {"nothing": [], "masked tokens": []}
    of_part = [[i for i in seen if labels[i] == part] for part in range(len(PARTS))]
    for draw in range(draws):
        few = [i for verses_of_it in of_part for i in verses_of_it[draw * LABELS : (draw + 1) * LABELS]]
        for name in reached:
            encoder = Encoder(len(tokenizer), layers)
            if name == "masked tokens":
                encoder.load_state_dict(masked.encoder.state_dict())
            trainer = Trainer(
                Classifier(encoder), "adamw", "cross_entropy", ["accuracy"],
                lr=1e-3, scheduler="one_cycle", clip_norm=1.0,
            )  # fmt: skip
            trainer.fit(tokens[few], parts[few], epochs=20, batch_size=20)
            reached[name].append(trainer.evaluate(tokens[held_out], parts[held_out], batch_size=100)["accuracy"])
            print(f"draw {draw + 1}, after {name}: accuracy {reached[name][-1]:.4f}")

    means = {name: sum(values) / draws for name, values in reached.items()}
    gain = 100 * (means["masked tokens"] - means["nothing"])
    # The reduced form learns too little of the language to be of use for the task; it should do no harm.
    most, fewest, least = (5.8, 0.34, -2.0) if options.quick else (3.6, 0.42, 5.0)
    print(f"held-out loss per masked token: {loss:.3f} (at most {most})")
    print(f"held-out accuracy after nothing: {means['nothing']:.4f}")
    print(f"held-out accuracy after masked tokens: {means['masked tokens']:.4f} (at least {fewest})")
    print(f"gained by learning the language first: {gain:.1f} points (at least {least})")
    assert loss <= most, "the model did not learn as it should"
    assert means["masked tokens"] >= fewest, "the classifier did not learn as it should"
    assert gain >= least, "pre-training should help"


if __name__ == "__main__":
    main()
