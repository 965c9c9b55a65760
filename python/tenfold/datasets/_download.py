"""Files from elsewhere: whole, checked, and resumed where a connection broke."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["download"]

_CHUNK = 1 << 16


def download(
    urls: str | Sequence[str],
    path: str | os.PathLike[str],
    checksum: str | None = None,
    *,
    retries: int = 4,
    timeout: float = 30.0,
    progress: bool | None = None,
) -> Path:
    """Fetches a file to ``path``, unless it is there already; gives the path.

    ``urls`` are tried one after the other. ``checksum`` is ``"sha256:…"`` or another hash of ``hashlib`` with the
    digest in hexadecimal digits. A connection that breaks is taken up again where it broke, up to ``retries`` times
    in a row without a byte; what an interrupted program had fetched (``path`` with ``.part``) is gone on with. The
    file appears under its name when it is whole and right; wrong bytes are thrown away and fetched once more. Two
    programs that want one file do not get into each other's way. ``progress`` shows a bar by tqdm, by default where
    standard error is a terminal. OSError where no address gives the file, ValueError where its bytes are wrong.

    >>> import tempfile, pathlib
    >>> from tenfold.datasets import download
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "here").write_text("hello")
    ...     source = pathlib.Path(folder, "here").as_uri()
    ...     download(source, folder + "/there", "md5:5d41402abc4b2a76b9719d911017c592").read_text()
    'hello'
    """
    path = Path(path)
    addresses = [urls] if isinstance(urls, str) else list(urls)
    if not addresses:
        raise ValueError("download: needs an address")
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    errors: list[Exception] = []
    with part.open("ab") as file, _alone(file):
        # Somebody else may have fetched it while this program waited.
        if path.exists():
            part.unlink(missing_ok=True)
            return path
        # Bytes of an earlier program may be wrong: a second try begins anew.
        for address in [one for one in addresses for _ in range(2)]:
            try:
                _fetch(address, file, retries, timeout, progress, path.name)
                _check(part, checksum, address)
            except (OSError, http.client.HTTPException) as error:
                errors.append(error)
                continue
            except ValueError as error:
                errors.append(error)
                file.truncate(0)
                continue
            os.fsync(file.fileno())
            os.replace(part, path)
            return path
    said = "; ".join(dict.fromkeys(str(error) for error in errors))
    message = f"download: {path.name} could not be fetched: {said}"
    if all(isinstance(error, ValueError) for error in errors):
        part.unlink(missing_ok=True)
        raise ValueError(message)
    raise OSError(f"{message}. Hint: put the file into {path.parent} yourself")


@contextlib.contextmanager
def _alone(file: BinaryIO) -> Iterator[None]:
    """Waits until no other program writes the file, where the system can."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _fetch(address: str, file: BinaryIO, retries: int, timeout: float, progress: bool | None, name: str) -> None:
    """Writes the rest of the file, taking broken connections up again."""
    broken = 0
    while True:
        before = file.seek(0, os.SEEK_END)
        try:
            if _fetch_on(address, file, before, timeout, progress, name):
                return
            error: Exception = ConnectionError(f"{address}: the connection ended early")
        except urllib.error.HTTPError as raised:
            raised.close()
            if raised.code == 416 and before:  # nothing beyond what is there, or another file
                file.truncate(0)
                error = raised
            elif raised.code < 500 and raised.code != 429:
                raise OSError(f"{address}: {raised.code} {raised.reason}") from None
            else:
                error = OSError(f"{address}: {raised.code} {raised.reason}")
        except (OSError, http.client.HTTPException) as raised:
            error = OSError(f"{address}: {raised}")
        broken = 0 if file.seek(0, os.SEEK_END) > before else broken + 1
        if broken > retries:
            raise error
        # A server that is overrun is left in peace a little longer each time.
        time.sleep(min(0.1 * 2**broken, 5.0) if broken else 0.0)


def _fetch_on(address: str, file: BinaryIO, start: int, timeout: float, progress: bool | None, name: str) -> bool:
    """One connection, from byte ``start`` on; True where the file is whole then."""
    request = urllib.request.Request(address, headers={"User-Agent": "tenfold"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        if start and answer.status == 206 and _first_byte(answer) != start:
            # Something else than was asked for: better all of it.
            file.truncate(0)
            return False
        if start and answer.status != 206:
            # A server that knows no ranges sends all from the beginning.
            file.truncate(0)
            start = 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        with _bar(progress, name, start, total) as bar:
            got = start
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                got += len(chunk)
                bar.update(len(chunk))
        file.flush()
    return total is None or got == total


def _first_byte(answer: Any) -> int:
    """The place where the answer begins: `Content-Range: bytes 100-199/200`."""
    place = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(place) if place.isdigit() else -1


def _check(part: Path, checksum: str | None, address: str) -> None:
    if checksum is None:
        return
    kind, _, expected = checksum.partition(":")
    if kind not in hashlib.algorithms_available or not expected:
        raise TypeError(f"download: checksum should be like 'sha256:…'; got {checksum!r}")
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    if found != expected.lower():
        raise ValueError(f"{address} gave other bytes than expected: {kind} {found} instead of {expected}")


class _NoBar:
    def update(self, count: int) -> None:
        """Shows nothing."""


def _bar(progress: bool | None, name: str, start: int, total: int | None) -> Any:
    wanted = sys.stderr is not None and sys.stderr.isatty() if progress is None else progress
    if wanted:
        try:
            from tqdm import tqdm
        except ImportError:
            wanted = False
    if not wanted:
        return contextlib.nullcontext(_NoBar())
    return tqdm(desc=name, initial=start, total=total, unit="B", unit_scale=True, leave=False, file=sys.stderr)
