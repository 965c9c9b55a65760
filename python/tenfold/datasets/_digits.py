"""The 8×8 digits that come with the package."""

from __future__ import annotations

from pathlib import Path

import tenfold as tf
from tenfold.datasets._idx import read_idx

_FOLDER = Path(__file__).parent / "data" / "digits"


def digits() -> tuple[tf.Tensor, tf.Tensor]:
    """The 1,797 handwritten 8×8 digits that scikit-learn ships too, in the same order.

    Returns images, float32 `(1797, 1, 8, 8)` with values from 0 to 1, and labels, int64 `(1797,)`.
    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998 (CC BY 4.0); the note stands beside the files.

    >>> images, labels = digits()
    >>> images.shape, labels[:5].tolist()
    ((1797, 1, 8, 8), [0, 1, 2, 3, 4])
    """
    images = read_idx(_FOLDER / "images-idx3-ubyte.gz")
    labels = read_idx(_FOLDER / "labels-idx1-ubyte.gz")
    return images.to(tf.float32).unsqueeze(1) / 16, labels.to(tf.int64)
