"""tenfold.datasets: the digits that come along, and files in the idx format."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import tenfold as tf
from tenfold.datasets import digits, fashion_mnist, read_idx

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx_bytes(type_byte: int, values: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{values.ndim}I", 0, type_byte, values.ndim, *values.shape)
    return header + values.astype(TYPES[type_byte]).tobytes()


def write_fashion(folder: Path, images: int = 3, labels: int = 3, suffix: str = "") -> None:
    pixels = np.arange(images * 28 * 28).reshape(images, 28, 28) % 256
    for name, values in (("images-idx3-ubyte", pixels), ("labels-idx1-ubyte", np.arange(labels))):
        content = idx_bytes(0x08, values)
        (folder / f"train-{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)


def test_digits_are_1797_images_in_unit_range_with_their_labels() -> None:
    images, labels = digits()
    assert tuple(images.shape) == (1797, 1, 8, 8)
    assert tuple(labels.shape) == (1797,)
    assert images.dtype == tf.float32
    assert labels.dtype == tf.int64
    assert (images.min().item(), images.max().item()) == (0.0, 1.0)
    # The counts that the data set's own note gives.
    assert np.bincount(labels.numpy()).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_first_digit_is_a_zero_as_scikit_learn_has_it() -> None:
    images, labels = digits()
    assert labels[0].item() == 0
    assert (images[0, 0, 0] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert (images[0, 0, 7] * 16).tolist() == [0, 0, 6, 13, 10, 0, 0, 0]


@pytest.mark.parametrize("type_byte", TYPES)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 0, 4), (2, 3, 4, 5)])
def test_read_idx_returns_the_dtype_shape_and_values_of_the_file(
    tmp_path: Path, type_byte: int, shape: tuple[int, ...]
) -> None:
    values = (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 7 % 100).astype(TYPES[type_byte])
    path = tmp_path / "values"
    path.write_bytes(idx_bytes(type_byte, values))
    read = read_idx(path).numpy()
    assert read.dtype == values.dtype.newbyteorder("=")
    np.testing.assert_array_equal(read, values, strict=False)
    assert read.shape == shape


def test_read_idx_reads_gzipped_files_too(tmp_path: Path) -> None:
    path = tmp_path / "values.gz"
    path.write_bytes(gzip.compress(idx_bytes(0x0C, np.array([-1, 2**31 - 1]))))
    assert read_idx(path).tolist() == [-1, 2**31 - 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an idx file"),
        (b"PK\x03\x04", "is not an idx file"),
        (b"\0\0\x07\x01\0\0\0\0", "is not an idx file"),
        (b"\0\0\x08\x02\0\0\0\x01", "ends inside its header of 12 bytes"),
        (b"\0\0\x08\x01\0\0\0\x05abcd", r"should hold 5 bytes of uint8 for shape \(5,\); got 4"),
        (b"\0\0\x08\x01\0\0\0\x03abcd", r"should hold 3 bytes of uint8 for shape \(3,\); got 4"),
        (b"\x1f\x8bdamaged", "is a damaged gzip file"),
        (gzip.compress(bytes(range(256)), mtime=0)[:60], "is a damaged gzip file"),
    ],
)
def test_read_idx_names_the_file_and_what_is_wrong_with_it(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as raised:
        read_idx(path)
    assert str(raised.value).startswith(f"read_idx: {path} ")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_fashion_mnist_reads_plain_and_gzipped_files(tmp_path: Path, suffix: str) -> None:
    write_fashion(tmp_path, suffix=suffix)
    images, labels = fashion_mnist(tmp_path)
    assert tuple(images.shape) == (3, 1, 28, 28)
    assert images.dtype == tf.float32
    assert labels.dtype == tf.int64
    assert labels.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(images[0, 0, 0].numpy(), np.arange(28, dtype=np.float32) / np.float32(255))


def test_fashion_mnist_says_where_missing_files_come_from(tmp_path: Path) -> None:
    write_fashion(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"no t10k-images-idx3-ubyte or .*apt-get install dataset-fashion-mnist"
    ):
        fashion_mnist(tmp_path, train=False)


def test_fashion_mnist_refuses_images_and_labels_that_do_not_belong_together(tmp_path: Path) -> None:
    write_fashion(tmp_path, images=3, labels=4)
    with pytest.raises(ValueError, match=r"do not belong together; got shapes \(3, 28, 28\) and \(4,\)"):
        fashion_mnist(tmp_path)
