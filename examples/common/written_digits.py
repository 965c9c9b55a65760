"""For the examples that write digits: what a classifier of real digits takes them for, and a grid of many of them."""

from __future__ import annotations

import tenfold as tf
from digits_cnn import build_model, predict, train_epoch
from tenfold import optim
from tenfold.nn import functional as F
from tenfold.utils.data import DataLoader


def judged(written: tf.Tensor, batches: DataLoader) -> tuple[float, list[int]]:
    """The mean confidence of a classifier trained on ``batches`` in the digits ``(N, 1, 8, 8)``, and how many it takes
    for each of 0 to 9."""
    classifier = build_model()
    learning = optim.AdamW(classifier.parameters(), lr=2e-3)
    for _ in range(8):
        train_epoch(classifier, learning, batches)
    verdict = F.softmax(predict(classifier, written), dim=1)
    counts = [(verdict.argmax(dim=1) == digit).sum().item() for digit in range(10)]
    print(f"what the classifier takes the new digits for, from 0 to 9: {counts}")
    return verdict.amax(dim=1).mean().item(), counts


def grid(images: tf.Tensor) -> tf.Tensor:
    """The first 100 images ``(N, 1, 8, 8)`` as one, ten by ten, with a margin."""
    return F.pad(images[:100, 0], (1, 1, 1, 1)).reshape(10, 10, 10, 10).permute(0, 2, 1, 3).reshape(100, 100)
