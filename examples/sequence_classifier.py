"""Who is speaking: an LSTM and a GRU that tell nine speakers apart by two vowels.

Data: JapaneseVowels, 270 utterances for training and 370 held out, each of 7 to 29 frames of 12 cepstral coefficients
(M. Kudo et al., Pattern Recognition Letters 20, 1999), as the package sktime carries it (`pip install --no-deps
sktime`). The network reads the frames in both directions, only as many as there are (packed sequences), and averages
what it has understood. Draws the confusion of the nine speakers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tenfold as tf
from common.packages import data_of
from tenfold import nn
from tenfold.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader

COEFFICIENTS, SPEAKERS = 12, 9


def utterances(part: str) -> list[tuple[tf.Tensor, int]]:
    """Frames `(T, 12)` and the speaker, from 0 on, of each utterance."""
    path = data_of("sktime", f"sktime/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts")
    found = []
    for line in path.read_text("utf-8").partition("@data\n")[2].splitlines():
        *dimensions, speaker = line.split(":")
        frames = tf.tensor([[float(value) for value in one.split(",")] for one in dimensions]).T
        found.append((frames, int(speaker) - 1))
    return found


def batched(samples: list[tuple[tf.Tensor, int]]) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Frames `(N, T, 12)`, the shorter filled up with zeros, how many each has `(N,)`, and the speakers `(N,)`."""
    frames, speakers = zip(*samples, strict=True)
    counts = tf.tensor([len(one) for one in frames])
    return (pad_sequence(frames, batch_first=True), counts), tf.tensor(speakers)


class Listener(nn.Module):
    """Frames `(N, T, 12)` with their numbers `(N,)` to the logits of the speakers `(N, 9)`."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU], width: int = 64):
        super().__init__()
        self.rnn = kind(COEFFICIENTS, width, batch_first=True, bidirectional=True)
        self.output = nn.Sequential(nn.Dropout(0.5), nn.Linear(2 * width, SPEAKERS))

    def forward(self, frames: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        packed = pack_padded_sequence(frames, counts, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)  # zeros after the last frame
        return self.output(hidden.sum(dim=1) / counts.unsqueeze(1))


def draw(confusions: dict[str, list[list[int]]], path: Path) -> None:
    """How many utterances of each speaker were taken for whose."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(confusions), figsize=(5 * len(confusions), 4.6), layout="constrained")
    for axis, (name, counts) in zip(axes, confusions.items(), strict=True):
        axis.imshow([[count**0.5 for count in row] for row in counts], cmap="Blues")
        for speaker, row in enumerate(counts):
            for heard, count in enumerate(row):
                if count:
                    axis.text(heard, speaker, str(count), ha="center", va="center", color="w" if count > 15 else "k")
        axis.set(title=name, xlabel="speaker heard", ylabel="speaker", xticks=range(SPEAKERS), yticks=range(SPEAKERS))
    figure.savefig(path, dpi=110)
    print(f"drew {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/sequence_classifier"), help="folder of the picture")
    parser.add_argument("--quick", action="store_true", help="12 epochs of the GRU and the LSTM")
    options = parser.parse_args()
    epochs, wanted = (12, 0.9) if options.quick else (options.epochs, 0.97)
    options.out.mkdir(parents=True, exist_ok=True)

    train, test = utterances("TRAIN"), utterances("TEST")
    # A coefficient's place and spread are those of the training frames.
    frames = tf.cat([one for one, _ in train])
    mean, deviation = frames.mean(dim=0), frames.std(dim=0)
    train, test = ([((one - mean) / deviation, speaker) for one, speaker in part] for part in (train, test))

    def noisy(samples: list[tuple[tf.Tensor, int]]) -> tuple:
        # No two utterances are alike to the last digit: noise keeps the network from learning them by heart.
        return batched([(one + 0.8 * tf.randn(*one.shape), speaker) for one, speaker in samples])

    accuracies, confusions = {}, {}
    for kind in (nn.LSTM, nn.GRU):
        tf.manual_seed(options.seed)
        trainer = Trainer(
            Listener(kind), "adamw", "cross_entropy", ["accuracy", "confusion_matrix"],
            lr=5e-3, scheduler="cosine", schedule="step", clip_norm=1.0,
        )  # fmt: skip
        trainer.fit(DataLoader(train, 30, shuffle=True, collate_fn=noisy), epochs=epochs)
        reached = trainer.evaluate(DataLoader(test, 370, collate_fn=batched))
        accuracies[kind.__name__] = reached["accuracy"]
        confusions[kind.__name__] = reached["confusion_matrix"].long().tolist()

    draw(confusions, options.out / "confusion.png")
    for name, accuracy in accuracies.items():
        print(f"held-out accuracy, {name}: {accuracy:.4f} (at least {wanted})")
    assert min(accuracies.values()) >= wanted, "the networks did not learn as they should"


if __name__ == "__main__":
    main()
