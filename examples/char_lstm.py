"""A language model of characters: an LSTM learns to write, letter by letter.

Data: the World English Bible, 4 million characters (`apt-get install diatheke sword-text-web`); each twentieth
chapter is held out. One layer reads a character and guesses the next; what it has read before is in its state (A.
Graves, Generating Sequences With Recurrent Neural Networks, 2013). The figure is how many bits the model needs for a
character it has not seen: `gzip -9` needs 2.4. Writes text that it drew, one character after the other, from three
beginnings.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import tenfold as tf
from common.bible import split_text
from tenfold import nn, optim
from tenfold.nn import functional as F
from tenfold.text import TokenWindows
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader

LENGTH = 128  # characters of a window, through which the gradient flows


class CharacterModel(nn.Module):
    """Characters `(N, T)` and, from the second call on, a state to the logits of the next ones `(N, T, C)`."""

    def __init__(self, characters: int, width: int):
        super().__init__()
        self.embedding = nn.Embedding(characters, 64)
        self.lstm = nn.LSTM(64, width, batch_first=True)
        self.output = nn.Linear(width, characters)

    def step(self, tokens: tf.Tensor, state: tuple | None = None) -> tuple[tf.Tensor, tuple]:
        """The logits and the state after the last character."""
        hidden, state = self.lstm(self.embedding(tokens), state)
        return self.output(hidden), state

    def forward(self, tokens: tf.Tensor) -> tf.Tensor:
        # Classes stand second, as the cross-entropy of many places wants them.
        return self.step(tokens)[0].transpose(1, 2)


def write(model: CharacterModel, alphabet: str, beginning: str, length: int, temperature: float = 0.7) -> str:
    """Draws characters; below temperature 1 the likely ones become likelier."""
    text = beginning
    with tf.no_grad():
        logits, state = model.step(tf.tensor([[alphabet.index(c) for c in beginning]]))
        for _ in range(length):
            drawn = tf.multinomial(F.softmax(logits[0, -1] / temperature, dim=0), 1)
            text += alphabet[drawn.item()]
            logits, state = model.step(drawn.unsqueeze(0), state)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/char_lstm"), help="folder of the text that it writes")
    parser.add_argument("--quick", action="store_true", help="a smaller model that reads Genesis and Exodus")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    tf.manual_seed(options.seed)
    train, test = split_text(["Genesis", "Exodus"]) if options.quick else split_text()
    alphabet = "".join(sorted(set(train + test)))
    number = {character: i for i, character in enumerate(alphabet)}

    def windows(text: str) -> TokenWindows:
        return TokenWindows(tf.tensor([number[character] for character in text]), LENGTH)

    batches = DataLoader(windows(train), batch_size=16 if options.quick else 32, shuffle=True)
    held_out = DataLoader(windows(test), batch_size=64)
    model = CharacterModel(len(alphabet), width=96 if options.quick else 256)
    optimizer = optim.AdamW(model.parameters())
    total = options.epochs * len(batches)
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-2 if options.quick else 6e-3, total_steps=total, pct_start=0.1
    )
    trainer = Trainer(model, optimizer, "cross_entropy", scheduler=schedule, schedule="step", clip_norm=1.0)
    trainer.fit(batches, epochs=options.epochs, validation_data=held_out, verbose=2)

    model.eval()
    length = 200 if options.quick else 600
    drawn = [write(model, alphabet, beginning, length) for beginning in ("In the beginning", "Jesus said", "The king")]
    (options.out / "text.txt").write_text("\n\n---\n\n".join(drawn) + "\n", "utf-8")
    print(*drawn, sep="\n\n---\n\n", end="\n\n")

    bits, wanted = trainer.evaluate(held_out)["loss"] / math.log(2), 3.2 if options.quick else 1.9
    print(f"held-out bits per character: {bits:.3f} (at most {wanted})")
    assert bits <= wanted, "the model did not learn as it should"


if __name__ == "__main__":
    main()
