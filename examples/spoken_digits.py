"""Spoken digits, recognised from mel spectrograms in voices that were never heard before.

Data: the words zero to nine in a hundred voices of espeak-ng (`apt-get install espeak-ng`), each at two speeds and
pitches; whole voices are held out. Tenfold computes the spectrograms: the Fourier transform of a window is a product
with a matrix of cosines and sines, the mel bands are another (S. S. Stevens et al., 1937). Convolutions read the
pictures of sound that come out. Draws ten of them.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import tenfold as tf
from tenfold import nn
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader, TensorDataset

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
WAYS = ((150, 40), (190, 60))  # words a minute and pitch
RATE = 22050  # samples a second, as espeak-ng writes them
SECONDS = 1.0  # the longest word
WINDOW, HOP = 512, 256  # samples
BANDS = 40


def voices() -> list[str]:
    """The names of espeak-ng's voices, men, women and robots."""
    if not shutil.which("espeak-ng"):
        raise FileNotFoundError("no program espeak-ng. Hint: apt-get install espeak-ng")
    listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
    return sorted(re.findall(r"!v/(.*?)\s*(?:\(|$)", listed, re.MULTILINE))


def speak(voice: str, word: str, speed: int, pitch: int) -> tf.Tensor:
    """The samples of a word, float32 from -1 to 1 `(RATE · SECONDS,)`, silence at its end."""
    command = ["espeak-ng", "--stdout", "-z", "-v", f"en-us+{voice}", "-s", str(speed), "-p", str(pitch), word]
    wave = subprocess.run(command, capture_output=True, check=True).stdout[44:]  # after the header of a WAV file
    wave = wave[: 2 * int(RATE * SECONDS)].ljust(2 * int(RATE * SECONDS), b"\0")
    return tf.tensor(np.frombuffer(wave, "<i2").astype(np.float32) / 32768)


def mel_filters(bands: int, frequencies: int) -> tf.Tensor:
    """Triangles of equal width in mel, `(frequencies, bands)`; mel = 2595 · log10(1 + Hz / 700)."""
    highest = 2595 * math.log10(1 + 8000 / 700)
    corners = 700 * (10 ** (tf.linspace(0, highest, bands + 2) / 2595) - 1)
    hertz = tf.linspace(0, RATE / 2, frequencies).unsqueeze(1)
    rising = (hertz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - hertz) / (corners[2:] - corners[1:-1])
    return tf.minimum(rising, falling).clamp(min=0)


def mel_spectrogram(waves: tf.Tensor) -> tf.Tensor:
    """Samples `(N, S)` to the logarithm of the power in each band and window `(N, BANDS, T)`."""
    time = tf.arange(WINDOW)
    angle = 2 * math.pi / WINDOW * time.unsqueeze(1) * tf.arange(WINDOW // 2 + 1)  # `(WINDOW, frequencies)`
    hann = (0.5 - 0.5 * tf.cos(2 * math.pi / WINDOW * time)).unsqueeze(1)
    windows = waves.unfold(1, WINDOW, HOP)  # `(N, T, WINDOW)`
    power = (windows @ (hann * tf.cos(angle))) ** 2 + (windows @ (hann * tf.sin(angle))) ** 2
    return (power @ mel_filters(BANDS, WINDOW // 2 + 1) + 1e-4).log().transpose(1, 2)


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """A 3×3 convolution, normalised; then half as many bands and windows."""
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]


def varied(samples: list[tuple[tf.Tensor, tf.Tensor]]) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch with each word said a little earlier or later, louder or softer, higher or lower."""
    moved = []
    for sound, _ in samples:
        later, higher = tf.randint(0, 9, (1,)).item(), tf.randint(-2, 3, (1,)).item()
        moved.append(tf.roll(sound, (later, higher), axis=(2, 1)) + 0.5 * tf.randn(1))
    return tf.stack(moved), tf.stack([word for _, word in samples])


def draw(sounds: tf.Tensor, heard: list[int], path: Path) -> None:
    """What ten words look like, and as what they were heard."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 5, figsize=(12, 5), layout="constrained", sharex=True, sharey=True)
    for number, axis in enumerate(axes.flat):
        extent = (0, SECONDS, 0, BANDS)
        axis.imshow(sounds[number, 0].tolist(), origin="lower", aspect="auto", cmap="magma", extent=extent)
        axis.set_title(f"{WORDS[number]}, heard as {WORDS[heard[number]]}", fontsize=10)
    figure.supxlabel("seconds")
    figure.supylabel("mel band")
    figure.savefig(path, dpi=110)
    print(f"drew {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/spoken_digits"), help="folder of the picture")
    parser.add_argument("--quick", action="store_true", help="25 voices and 8 epochs")
    options = parser.parse_args()
    ways, epochs, wanted = (WAYS[:1], 8, 0.6) if options.quick else (WAYS, options.epochs, 0.95)
    options.out.mkdir(parents=True, exist_ok=True)

    tf.manual_seed(options.seed)
    speakers = voices()
    speakers = [speakers[i] for i in tf.randperm(len(speakers)).tolist()][: 25 if options.quick else None]
    said = [(voice, word, *way) for voice in speakers for way in ways for word in WORDS]
    with ThreadPoolExecutor(2) as pool:
        waves = list(pool.map(lambda one: speak(*one), said))
    sounds = tf.cat([mel_spectrogram(tf.stack(waves[i : i + 100])) for i in range(0, len(waves), 100)]).unsqueeze(1)
    words = tf.tensor([WORDS.index(word) for _, word, *_ in said])
    held_out = len(speakers) // 5 * len(ways) * len(WORDS)
    train, test = (sounds[held_out:], words[held_out:]), (sounds[:held_out], words[:held_out])
    print(f"{len(train[1])} words of {len(speakers) - len(speakers) // 5} voices, {held_out} words of others held out")

    model = nn.Sequential(
        *block(1, 16), *block(16, 32), *block(32, 64), nn.Dropout2d(0.2), nn.AdaptiveAvgPool2d((5, 4)), nn.Flatten(),
        nn.Linear(64 * 5 * 4, len(WORDS)),
    )  # fmt: skip
    trainer = Trainer(model, "adamw", "cross_entropy", ["accuracy"], lr=3e-3, scheduler="cosine", schedule="step")
    batches = DataLoader(TensorDataset(*train), batch_size=32, shuffle=True, collate_fn=varied)
    trainer.fit(batches, epochs=epochs, validation_data=test, verbose=2)

    heard = trainer.predict(test[0]).argmax(dim=1)
    draw(test[0][:10], heard[:10].tolist(), options.out / "words.png")
    for voice in range(len(speakers) // 5):
        here = slice(voice * len(ways) * len(WORDS), (voice + 1) * len(ways) * len(WORDS))
        wrong = [
            f"{WORDS[a]} as {WORDS[b]}"
            for a, b in zip(words[here].tolist(), heard[here].tolist(), strict=True)
            if a != b
        ]
        if wrong:
            print(f"misheard of the voice {speakers[voice]}: {', '.join(wrong)}")
    accuracy = (heard == test[1]).float().mean().item()
    print(f"held-out accuracy: {accuracy:.4f} (at least {wanted})")
    assert accuracy >= wanted, "the network did not learn as it should"


if __name__ == "__main__":
    main()
