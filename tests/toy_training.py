"""A small task and a small network, for tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np

import tenfold as tf
from tenfold import nn


def blobs(count: int = 120, classes: int = 3, seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    """Points about one centre a class."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    centres = np.random.default_rng(99).normal(size=(classes, 4)) * 2
    points = centres[labels] + generator.normal(size=(count, 4))
    return tf.tensor(points.astype("f4")), tf.tensor(labels)


def network(seed: int = 0, dropout: float = 0.0) -> nn.Sequential:
    tf.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3))


def bits(model: nn.Module) -> dict[str, list[Any]]:
    return {name: value.tolist() for name, value in model.state_dict().items()}
