"""The idx format of MNIST's files: a header, then the values, row-major and big-endian."""

from __future__ import annotations

import gzip
import math
import os
import struct
import sys
import zlib
from array import array
from pathlib import Path

import tenfold as tf

# Type byte of the header: name of the dtype, and its code and size for the buffer protocol.
_TYPES = {
    0x08: ("uint8", "B", 1),
    0x09: ("int8", "b", 1),
    0x0B: ("int16", "h", 2),
    0x0C: ("int32", "i", 4),
    0x0D: ("float32", "f", 4),
    0x0E: ("float64", "d", 8),
}


def read_idx(path: str | os.PathLike[str]) -> tf.Tensor:
    """Read an array from an idx file, gzipped or plain.

    The dtype (uint8, int8, int16, int32, float32 or float64) and the shape are the file's.
    Raises `FileNotFoundError`, and `ValueError` for a file that is not idx or is cut short.
    """
    path = Path(path)
    content = _read_bytes(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise ValueError(f"read_idx: {path} is not an idx file; it begins with {content[:4]!r}")
    dtype, code, size = _TYPES[content[2]]
    rank = content[3]
    start = 4 + 4 * rank
    if len(content) < start:
        raise ValueError(f"read_idx: {path} ends inside its header of {start} bytes")
    shape = struct.unpack(f">{rank}I", content[4:start])
    expected = math.prod(shape) * size
    if len(content) - start != expected:
        raise ValueError(
            f"read_idx: {path} should hold {expected} bytes of {dtype} for shape {shape}; got {len(content) - start}"
        )
    values = array(code, content[start:])
    if sys.byteorder == "little":
        values.byteswap()
    return tf.asarray(values, dtype=getattr(tf, dtype), copy=True).reshape(shape)


def _read_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"read_idx: {path} is a damaged gzip file: {error}") from error
