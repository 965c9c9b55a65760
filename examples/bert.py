"""Learning a language before a task: masked tokens first, then few labels, in the manner of BERT.

Data: the World English Bible, 31,000 verses (`apt-get install diatheke sword-text-web`). A Transformer first guesses
tokens that were hidden from it, with what stands on both sides (J. Devlin et al., BERT, NAACL 2019). Then it learns
from 600 labelled verses which of six parts of the book a verse is from, beside the same network without the first
step; 3,000 verses that neither step has seen are held out. Writes what it fills into gaps.
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
LENGTH = 32  # tokens that are read of a verse
PADDING, UNKNOWN, MASK = 0, 1, 2
GAPS = (
    "in the <mask> god created the heavens and the earth .",
    "he said to them , “ go , and tell the king of <mask> .",
    "jesus answered <mask> , “ most certainly i tell you",
    "the word of yahweh came to me , <mask> ,",
    "moses stretched out his <mask> over the sea",
)


class Encoder(nn.Module):
    """Tokens `(N, T)`, padded with 0, to what they mean where they stand `(N, T, width)`."""

    def __init__(self, tokens: int, width: int, layers: int):
        super().__init__()
        self.embedding, self.position = nn.Embedding(tokens, width), nn.Embedding(LENGTH, width)
        for table in (self.embedding, self.position):
            nn.init.normal_(table.weight, std=0.05)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.1, F.gelu, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)

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
        self.output = nn.Linear(encoder.embedding.embedding_dim, len(PARTS))

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
    parser.add_argument("--epochs", type=int, default=3, help="of the masked tokens")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/bert"), help="folder of the gaps that it fills")
    parser.add_argument("--quick", action="store_true", help="a smaller model, one epoch of 5,000 verses")
    options = parser.parse_args()
    width, layers, epochs = (64, 1, 1) if options.quick else (64, 2, options.epochs)
    options.out.mkdir(parents=True, exist_ok=True)

    tf.manual_seed(options.seed)
    part_of_book = [number for number, books in enumerate(PARTS.values()) for _ in range(books)]
    texts, labels = [], []
    for book, part in zip(BOOKS, part_of_book, strict=True):
        here = [text.lower() for text in verses(ENGLISH, [book]).values()]
        texts += here
        labels += [part] * len(here)
    order = tf.randperm(len(texts)).tolist()
    if options.quick:
        order = order[:6000]
    tests = 1000 if options.quick else 3000
    held_out, seen = order[:tests], order[tests:]
    tokenizer = Tokenizer.train((texts[i] for i in seen), 3000, ["<pad>", "<unk>", "<mask>"], kind="wordpiece")
    tokens, _ = tokenizer.batch(texts, max_length=LENGTH)
    parts = tf.tensor(labels)
    few = [i for part in range(len(PARTS)) for i in [j for j in seen if labels[j] == part][:100]]
    print(f"{len(seen)} verses to read, {len(few)} of them labelled, {len(held_out)} held out")

    # First the language ...
    masked = MaskedModel(Encoder(len(tokenizer), width, layers))
    reading = DataLoader(
        TensorDataset(tokens[tf.tensor(seen)]), 32, shuffle=True,
        collate_fn=lambda samples: hide(tf.stack([one for (one,) in samples]), len(tokenizer)),
    )  # fmt: skip
    trainer = Trainer(masked, "adamw", lr=3e-3, scheduler="one_cycle", schedule="step", clip_norm=1.0)
    trainer.fit(reading, epochs=epochs, verbose=2)
    masked.eval()
    with tf.no_grad():
        loss = masked(*hide(tokens[tf.tensor(held_out[:1000])], len(tokenizer))).item()
    lines = [fill(masked, tokenizer, sentence) for sentence in GAPS]
    (options.out / "gaps.txt").write_text("\n".join(lines) + "\n", "utf-8")
    print(*lines, sep="\n")

    # ... then the task, and the task alone.
    reached = {}
    for name, encoder in (("nothing", Encoder(len(tokenizer), width, layers)), ("masked tokens", masked.encoder)):
        tf.manual_seed(options.seed + 1)
        trainer = Trainer(
            Classifier(encoder),
            "adamw",
            "cross_entropy",
            ["accuracy"],
            lr=1e-3,
            scheduler="one_cycle",
            schedule="step",
            clip_norm=1.0,
        )
        trainer.fit(tokens[tf.tensor(few)], parts[tf.tensor(few)], epochs=3 if options.quick else 10, batch_size=16)
        reached[name] = trainer.evaluate(tokens[tf.tensor(held_out)], parts[tf.tensor(held_out)], batch_size=100)[
            "accuracy"
        ]

    gain = reached["masked tokens"] - reached["nothing"]
    # The reduced form learns how frequent tokens are, too little to be of use for the task.
    most, least = (6.6, -0.2) if options.quick else (6.0, 0.0)
    print(f"held-out loss per masked token: {loss:.3f} (at most {most})")
    for name, accuracy in reached.items():
        print(f"held-out accuracy after {name}: {accuracy:.4f}")
    print(f"gained by learning the language first: {gain:.4f} (at least {least})")
    assert loss <= most, "the model did not learn as it should"
    assert gain >= least, "pre-training should help"


if __name__ == "__main__":
    main()
