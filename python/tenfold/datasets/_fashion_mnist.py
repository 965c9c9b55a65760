"""Fashion-MNIST, from files that are already there."""

from __future__ import annotations

import os
from pathlib import Path

import tenfold as tf
from tenfold.datasets._idx import read_idx

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"


def fashion_mnist(root: str | os.PathLike[str] = DEBIAN_FOLDER, train: bool = True) -> tuple[tf.Tensor, tf.Tensor]:
    """Fashion-MNIST's 60,000 training images or 10,000 test images of clothes in 10 classes.

    `root` is the folder of the four idx files (`train-images-idx3-ubyte`, …), gzipped or plain; the
    default is where Debian's package `dataset-fashion-mnist` puts them. Nothing is downloaded.
    Returns images, float32 `(N, 1, 28, 28)` with values from 0 to 1, and labels, int64 `(N,)`.
    Raises `FileNotFoundError` when a file is missing and `ValueError` when one is damaged.
    Source: H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017 (MIT licence).
    """
    part = "train" if train else "t10k"
    images = read_idx(_find(Path(root), f"{part}-images-idx3-ubyte"))
    labels = read_idx(_find(Path(root), f"{part}-labels-idx1-ubyte"))
    if images.ndim != 3 or labels.ndim != 1 or images.shape[0] != labels.shape[0]:
        raise ValueError(
            f"fashion_mnist: images and labels do not belong together; "
            f"got shapes {tuple(images.shape)} and {tuple(labels.shape)} in {root}"
        )
    return images.to(tf.float32).unsqueeze(1) / 255, labels.to(tf.int64)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"fashion_mnist: no {name} or {name}.gz in {folder}. "
        f"Hint: `apt-get install dataset-fashion-mnist` puts the files into {DEBIAN_FOLDER}; "
        f"else give the folder that holds them"
    )
