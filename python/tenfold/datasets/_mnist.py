"""MNIST and Fashion-MNIST: the same format, the same sizes."""

from __future__ import annotations

import os
from pathlib import Path

import tenfold as tf
from tenfold.datasets._download import download as fetch
from tenfold.datasets._folder import root_folder
from tenfold.datasets._idx import read_idx

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"

# Addresses, and the MD5 sums that the publishers give.
FASHION_ADDRESSES = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
FASHION_SUMS = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
MNIST_ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST_SUMS = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}


def fashion_mnist(
    root: str | os.PathLike[str] | None = None, train: bool = True, download: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Fashion-MNIST's 60,000 training images or 10,000 test images of clothes in 10 classes.

    `root` is the folder of the four idx files (`train-images-idx3-ubyte`, …), gzipped or plain; by default
    `data_folder()/fashion_mnist`, else where Debian's package `dataset-fashion-mnist` puts them. With `download`
    files that are missing are fetched (31 MB).
    Returns images, float32 `(N, 1, 28, 28)` with values from 0 to 1, and labels, int64 `(N,)`.
    Raises `FileNotFoundError` when a file is missing and `ValueError` when one is damaged.
    Source: H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017 (MIT licence).
    """
    folder = root_folder(root, "fashion_mnist")
    folders = [folder] if root is not None else [folder, Path(DEBIAN_FOLDER)]
    hint = (
        f"`apt-get install dataset-fashion-mnist` puts the files into {DEBIAN_FOLDER}; download=True fetches them; "
        "else give the folder that holds them"
    )
    return _read("fashion_mnist", folders, train, (FASHION_ADDRESSES, FASHION_SUMS) if download else None, hint)


def mnist(
    root: str | os.PathLike[str] | None = None, train: bool = True, download: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """MNIST's 60,000 training images or 10,000 test images of handwritten digits.

    `root` is the folder of the four idx files (`train-images-idx3-ubyte`, …), gzipped or plain; by default
    `data_folder()/mnist`. With `download` files that are missing are fetched (12 MB).
    Returns images, float32 `(N, 1, 28, 28)` with values from 0 to 1, and labels, int64 `(N,)`.
    Raises `FileNotFoundError` when a file is missing and `ValueError` when one is damaged.
    Source: Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits, 1998.
    """
    folders = [root_folder(root, "mnist")]
    hint = "download=True fetches the files; else give the folder that holds them"
    return _read("mnist", folders, train, (MNIST_ADDRESSES, MNIST_SUMS) if download else None, hint)


def _read(
    operation: str, folders: list[Path], train: bool, source: tuple[tuple[str, ...], dict[str, str]] | None, hint: str
) -> tuple[tf.Tensor, tf.Tensor]:
    part = "train" if train else "t10k"
    paths = [
        _find(operation, folders, name, source, hint)
        for name in (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
    ]
    images, labels = map(read_idx, paths)
    if images.ndim != 3 or labels.ndim != 1 or images.shape[0] != labels.shape[0]:
        raise ValueError(
            f"{operation}: images and labels do not belong together; "
            f"got shapes {tuple(images.shape)} and {tuple(labels.shape)} in {paths[0].parent}"
        )
    return images.to(tf.float32).unsqueeze(1) / 255, labels.to(tf.int64)


def _find(
    operation: str, folders: list[Path], name: str, source: tuple[tuple[str, ...], dict[str, str]] | None, hint: str
) -> Path:
    for folder in folders:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    if source is not None:
        packed = f"{name}.gz"
        return fetch([address + packed for address in source[0]], folders[0] / packed, source[1][packed])
    raise FileNotFoundError(f"{operation}: no {name} or {name}.gz in {' or '.join(map(str, folders))}. Hint: {hint}")
