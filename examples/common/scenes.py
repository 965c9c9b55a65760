"""Scenes for unet.py and detection.py: handwritten digits of several sizes, placed apart on an uneven, noisy ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import tenfold as tf
from tenfold.datasets import digits
from tenfold.nn import functional as F

SIZES = (10, 12, 14)
# The darkness from which a pixel belongs to its digit.
INK = 0.35


@dataclass
class Scenes:
    """`images` (N, 1, S, S); `masks` (N, S, S), 0 for ground and d + 1 for digit d; of each scene its digits as rows
    (left, top, right, bottom, digit)."""

    images: tf.Tensor
    masks: tf.Tensor
    boxes: list[np.ndarray]


def make_scenes(count: int, side: int, held_out: bool, seed: int) -> Scenes:
    """Scenes of one to three digits; those held out are made of other digits (the last 400) than those to train on."""
    images, labels = digits()
    images, labels = (images[-400:], labels[-400:]) if held_out else (images[:-400], labels[:-400])
    glyphs = {size: F.interpolate(images, size=(size, size), mode="bilinear")[:, 0].numpy() for size in SIZES}
    classes = labels.tolist()
    draw = np.random.default_rng(seed)

    slopes = np.linspace(-1, 1, side)
    tilt = draw.uniform(-0.15, 0.15, (2, count, 1, 1))
    ground = 0.2 + tilt[0] * slopes[:, None] + tilt[1] * slopes + draw.normal(0, 0.08, (count, side, side))
    masks = np.zeros((count, side, side), dtype=np.int64)
    boxes = []
    for scene, mask in zip(ground, masks, strict=True):
        placed: list[tuple[int, int, int, int, int]] = []
        for _ in range(draw.integers(1, 4)):
            size, which = int(draw.choice(SIZES)), int(draw.integers(len(classes)))
            left, top = (int(place) for place in draw.integers(0, side - size + 1, 2))
            here = np.s_[top : top + size, left : left + size]
            if mask[here].any():
                continue  # there is a digit already
            glyph = glyphs[size][which]
            scene[here] = np.maximum(scene[here], glyph)
            mask[here][glyph > INK] = classes[which] + 1
            rows, columns = np.nonzero(glyph > INK)
            placed.append(
                (left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1, classes[which])
            )
        boxes.append(np.array(placed, dtype=np.float32))
    return Scenes(tf.asarray(ground).float().clamp(0, 1).unsqueeze(1), tf.asarray(masks), boxes)
