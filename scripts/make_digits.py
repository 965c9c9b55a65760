"""Write the digits of `tenfold.datasets.digits` as two gzipped idx files.

Run once, in an environment with scikit-learn: `python scripts/make_digits.py`. The files are
committed; this script says how they came to be. Their source and licence stand beside them in
`python/tenfold/datasets/data/digits/SOURCE.md`.
"""

import gzip
import struct
from pathlib import Path

from sklearn.datasets import load_digits

FOLDER = Path(__file__).parent.parent / "python/tenfold/datasets/data/digits"
UNSIGNED_BYTE = 0x08


def write_idx(path: Path, shape: tuple[int, ...], values: bytes) -> None:
    """Write an array of bytes in the idx format: two zeros, type, rank, extents, values."""
    header = struct.pack(">HBB", 0, UNSIGNED_BYTE, len(shape)) + struct.pack(f">{len(shape)}I", *shape)
    # No time stamp: the same digits give the same file.
    path.write_bytes(gzip.compress(header + values, compresslevel=9, mtime=0))


def main() -> None:
    bunch = load_digits()
    images, labels = bunch.images.astype("uint8"), bunch.target.astype("uint8")
    assert (images == bunch.images).all()
    assert images.max() == 16
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_idx(FOLDER / "images-idx3-ubyte.gz", images.shape, images.tobytes())
    write_idx(FOLDER / "labels-idx1-ubyte.gz", labels.shape, labels.tobytes())


if __name__ == "__main__":
    main()
