"""Texts, from files or from elsewhere."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from tenfold.datasets._download import download as fetch
from tenfold.datasets._folder import root_folder

__all__ = ["text_file"]


def text_file(
    source: str | os.PathLike[str],
    checksum: str | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    encoding: str = "utf-8",
) -> str:
    """The text of a file, or of an address (``https://…``), which is fetched once and kept in ``root``.

    ``root`` is ``data_folder()/texts`` by default; ``checksum`` is as for :func:`download`, and is checked of a file
    that is fetched. Gzipped files are unpacked. Ends of lines become ``\\n``, and a mark of the byte order is left
    out. ValueError where the bytes are no text in that encoding.

    >>> import tempfile, pathlib
    >>> from tenfold.datasets import text_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "poem.txt")
    ...     _ = path.write_bytes(b"one\\r\\ntwo")
    ...     text_file(path)
    'one\\ntwo'
    """
    address = os.fspath(source)
    if "://" in address:
        name = address.split("?")[0].rstrip("/").rpartition("/")[2] or "text"
        path = fetch(address, root_folder(root, "texts") / name, checksum)
    else:
        path = Path(address)
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"text_file: {path} is no {encoding} text: {error}. Hint: another encoding") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
