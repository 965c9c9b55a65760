"""CIFAR-10, from its binary version, which holds bytes and no program."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import tenfold as tf
from tenfold.datasets._download import download as fetch
from tenfold.datasets._folder import root_folder

ADDRESSES = ("https://www.cs.toronto.edu/~kriz/",)
ARCHIVE = "cifar-10-binary.tar.gz"
SUM = "md5:c32a1d4ab5d03f1284b67883e8d87530"

_FOLDER = "cifar-10-batches-bin"
# A label, then three planes of 32×32.
_SAMPLE = 1 + 3 * 32 * 32


def cifar10(
    root: str | os.PathLike[str] | None = None, train: bool = True, download: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """CIFAR-10's 50,000 training images or 10,000 test images: airplane, automobile, bird, cat, deer, dog, frog,
    horse, ship, truck.

    `root` is the folder of the archive `cifar-10-binary.tar.gz`, or of the files in it; by default
    `data_folder()/cifar10`. With `download` the archive is fetched if it is missing (170 MB).
    Returns images, float32 `(N, 3, 32, 32)` with values from 0 to 1, and labels, int64 `(N,)`.
    Raises `FileNotFoundError` when there is none and `ValueError` when it is damaged.
    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    folder = root_folder(root, "cifar10")
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] if train else ["test_batch.bin"]
    content = b"".join(_contents(folder, names, download))
    count, rest = divmod(len(content), _SAMPLE)
    if rest or not count:
        raise ValueError(f"cifar10: {len(content)} bytes in {folder} are not samples of {_SAMPLE} bytes")
    samples = tf.asarray(bytearray(content), dtype=tf.uint8, copy=True).reshape(count, _SAMPLE)
    labels = samples[:, 0].to(tf.int64)
    if labels.max().item() > 9:
        raise ValueError(f"cifar10: labels are 0 to 9; got {labels.max().item()} in {folder}")
    return samples[:, 1:].to(tf.float32).reshape(count, 3, 32, 32) / 255, labels


def _contents(folder: Path, names: list[str], download: bool) -> list[bytes]:
    for place in (folder, folder / _FOLDER):
        if all((place / name).is_file() for name in names):
            return [(place / name).read_bytes() for name in names]
    archive = folder / ARCHIVE
    if not archive.is_file():
        if not download:
            raise FileNotFoundError(
                f"cifar10: no {ARCHIVE} in {folder}. Hint: download=True fetches it; else give the folder that holds it"
            )
        fetch([address + ARCHIVE for address in ADDRESSES], archive, SUM)
    found = []
    try:
        with tarfile.open(archive, "r:gz") as files:
            # Read, never extracted: no path of the archive is followed.
            for name in names:
                file = files.extractfile(f"{_FOLDER}/{name}")
                if file is None:
                    raise KeyError(name)
                found.append(file.read())
    except (tarfile.TarError, EOFError, OSError, KeyError) as error:
        raise ValueError(f"cifar10: {archive} is damaged: {error}") from error
    return found
