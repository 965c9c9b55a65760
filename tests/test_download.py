"""tenfold.datasets fetches files from a local server that breaks connections and sends wrong bytes."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold import datasets
from tenfold.datasets import _cifar10, _mnist, _movielens, download

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype="u1").tobytes()
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(http.server.ThreadingHTTPServer):
    """Files by path, and what is done to requests for them, one after the other."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/file": CONTENT}
        self.tricks: list[str] = []
        self.requests: list[tuple[str, str | None]] = []

    def url(self, path: str = "/file") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        trick = self.server.tricks.pop(0) if self.server.tricks else ""
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        if trick.isdigit():
            self.send_error(int(trick))
            return
        if trick == "wrong":
            content = bytes(255 - byte for byte in content)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and trick != "no ranges" else 0
        if start >= len(content) > 0 and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            first = start + 1 if trick == "other range" else start
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if trick != "no length":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if trick.startswith("break"):
            body = body[: int(trick.split()[1])]
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("tricks", "requests"),
    [
        ([], 1),
        (["break 1000", "break 200000"], 3),
        (["break 0", "break 0", "503"], 4),
        (["break 1000", "no ranges"], 2),
        (["break 1000", "other range"], 3),
        (["break 1000", "other range", "break 5", "no ranges"], 4),
        (["wrong"], 2),
        (["break 70000", "wrong"], 3),
        (["no length"], 1),
        (["429"], 2),
    ],
)
def test_the_file_arrives_whatever_the_connection_does(
    server: Server, tmp_path: Path, tricks: list[str], requests: int
) -> None:
    server.tricks = list(tricks)
    path = download(server.url(), tmp_path / "new" / "file", SHA256)
    assert path.read_bytes() == CONTENT
    assert [child.name for child in path.parent.iterdir()] == ["file"]
    assert len(server.requests) == requests


def test_what_broke_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.tricks = ["break 131072", "break 65536"]
    download(server.url(), tmp_path / "file", SHA256)
    assert [wanted for _, wanted in server.requests] == [None, "bytes=131072-", "bytes=196608-"]


def test_what_an_earlier_program_fetched_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:100_000])
    assert download(server.url(), tmp_path / "file", SHA256).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == ["bytes=100000-"]
    # Of another file, or already longer.
    for left in (b"other bytes" * 1000, CONTENT + b"more"):
        (tmp_path / "file").unlink()
        (tmp_path / "file.part").write_bytes(left)
        assert download(server.url(), tmp_path / "file", SHA256).read_bytes() == CONTENT


def test_a_whole_part_needs_but_its_check(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    assert download(server.url(), tmp_path / "file", SHA256).read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_fetched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("own")
    assert download(server.url(), tmp_path / "file", SHA256).read_text() == "own"
    assert server.requests == []


def test_wrong_bytes_are_never_kept(server: Server, tmp_path: Path) -> None:
    server.tricks = ["wrong"] * 4
    with pytest.raises(
        ValueError, match=r"^download: file could not be fetched: .*gave other bytes than expected: sha256"
    ):
        download(server.url(), tmp_path / "file", SHA256)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 2


def test_other_addresses_are_tried(server: Server, tmp_path: Path) -> None:
    server.files["/wrong"] = b"other"
    addresses = [server.url("/missing"), server.url("/wrong"), "http://127.0.0.1:1/refused", server.url()]
    assert download(addresses, tmp_path / "file", SHA256, retries=0).read_bytes() == CONTENT


def test_what_cannot_be_fetched_is_said(server: Server, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^download: file could not be fetched: .*missing: 404 Not Found. Hint: put the"):
        download(server.url("/missing"), tmp_path / "file")
    server.tricks = ["break 10", *["break 0"] * 20]
    with pytest.raises(OSError, match="the connection ended early"):
        download(server.url(), tmp_path / "file", retries=1)
    # What came is kept for the next time.
    assert (tmp_path / "file.part").read_bytes() == CONTENT[:10]
    server.tricks = []
    with pytest.raises(TypeError, match=r"^download: checksum should be like 'sha256:…'; got 'abc'"):
        download(server.url(), tmp_path / "other", "abc")


def test_two_programs_may_want_one_file(server: Server, tmp_path: Path) -> None:
    program = (
        f"from tenfold.datasets import download; download({server.url()!r}, {str(tmp_path / 'file')!r}, {SHA256!r})"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_bar_shows_how_far_it_is(server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    download(server.url(), tmp_path / "one", SHA256)
    assert capfd.readouterr() == ("", "")
    download(server.url(), tmp_path / "two", SHA256, progress=True)
    assert "two:" in capfd.readouterr().err


# --- Data sets


def idx(values: np.ndarray) -> bytes:
    return gzip.compress(struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes())


def sums_of(files: dict[str, bytes]) -> dict[str, str]:
    return {name: f"md5:{hashlib.md5(content).hexdigest()}" for name, content in files.items()}


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mnist_is_fetched_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (5, 28, 28), dtype="u1")
    labels = generator.integers(0, 10, 5, dtype="u1")
    files = {"t10k-images-idx3-ubyte.gz": idx(pixels), "t10k-labels-idx1-ubyte.gz": idx(labels)}
    server.files |= {f"/data/{file}": content for file, content in files.items()}
    prefix = "MNIST" if name == "mnist" else "FASHION"
    monkeypatch.setattr(_mnist, f"{prefix}_ADDRESSES", (server.url("/data/"),))
    monkeypatch.setattr(_mnist, f"{prefix}_SUMS", sums_of(files))
    monkeypatch.setattr(_mnist, "DEBIAN_FOLDER", str(tmp_path / "nowhere"))
    monkeypatch.setenv("TENFOLD_DATA", str(tmp_path / "data"))
    read = getattr(datasets, name)
    with pytest.raises(FileNotFoundError, match=rf"^{name}: no t10k-images-idx3-ubyte or .*Hint: .*download=True"):
        read(train=False)
    for _ in range(2):
        images, found = read(train=False, download=True)
    assert len(server.requests) == 2
    np.testing.assert_array_equal(images.numpy(), pixels[:, None].astype("f4") / np.float32(255))
    assert (found.dtype, found.tolist()) == (tf.int64, labels.tolist())
    assert {path.name for path in (tmp_path / "data" / name).iterdir()} == set(files)


def test_the_sums_are_of_four_files() -> None:
    assert _mnist.MNIST_SUMS.keys() == _mnist.FASHION_SUMS.keys()
    for sums in (_mnist.MNIST_SUMS, _mnist.FASHION_SUMS, {"cifar": _cifar10.SUM, "movielens": _movielens.SUM}):
        assert all(len(one) == len("md5:") + 32 for one in sums.values())


def cifar_archive(names: list[str], count: int) -> tuple[bytes, np.ndarray]:
    samples = np.random.default_rng(2).integers(0, 256, (len(names), count, 3073), dtype="u1")
    samples[:, :, 0] %= 10
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        for name, content in zip(names, samples, strict=True):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = content.size
            files.addfile(member, io.BytesIO(content.tobytes()))
    return packed.getvalue(), samples


def test_cifar_is_read_from_its_archive(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    archive, samples = cifar_archive(names, 3)
    server.files["/cifar-10-binary.tar.gz"] = archive
    monkeypatch.setattr(_cifar10, "ADDRESSES", (server.url("/"),))
    monkeypatch.setattr(_cifar10, "SUM", f"md5:{hashlib.md5(archive).hexdigest()}")
    with pytest.raises(FileNotFoundError, match=r"^cifar10: no cifar-10-binary.tar.gz in .*Hint: download=True"):
        datasets.cifar10(tmp_path)
    images, labels = datasets.cifar10(tmp_path, download=True)
    assert images.shape == (15, 3, 32, 32)
    expected = samples[:5].reshape(15, 3073)
    assert labels.tolist() == expected[:, 0].tolist()
    np.testing.assert_array_equal(images.numpy().reshape(15, -1), expected[:, 1:].astype("f4") / np.float32(255))
    assert datasets.cifar10(tmp_path, train=False)[1].tolist() == samples[5, :, 0].tolist()
    # The files of the archive serve too.
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "test_batch.bin").write_bytes(samples[5].tobytes())
    assert datasets.cifar10(tmp_path / "files", train=False)[1].tolist() == samples[5, :, 0].tolist()
    (tmp_path / "files" / "test_batch.bin").write_bytes(samples[5].tobytes()[:-1])
    with pytest.raises(ValueError, match=r"^cifar10: 9218 bytes in .* are not samples of 3073 bytes"):
        datasets.cifar10(tmp_path / "files", train=False)
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(archive[:1000])
    with pytest.raises(ValueError, match=r"^cifar10: .* is damaged"):
        datasets.cifar10(tmp_path)


RATINGS = "196\t242\t3\t881250949\n186\t302\t4\t891717742\n196\t302\t1\t878887116\n"
FILMS = "242|Kolya (1996)|24-Jan-1997\n302|L.A. Confidential (1997)|01-Jan-1997\n999|Unseen|\n"


@pytest.mark.parametrize("form", ["archive", "files", "recbole"])
def test_movielens_is_read_from_archive_and_files(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("ml-100k/u.data", RATINGS)
        files.writestr("ml-100k/u.item", FILMS.encode("latin-1"))
    server.files["/ml-100k.zip"] = packed.getvalue()
    monkeypatch.setattr(_movielens, "ADDRESSES", (server.url("/"),))
    monkeypatch.setattr(_movielens, "SUM", f"md5:{hashlib.md5(packed.getvalue()).hexdigest()}")
    with pytest.raises(FileNotFoundError, match=r"^movielens_100k: no ml-100k.zip, u.data or ml-100k.inter in"):
        datasets.movielens_100k(tmp_path)
    if form == "files":
        (tmp_path / "u.data").write_text(RATINGS)
        (tmp_path / "u.item").write_text(FILMS)
    elif form == "recbole":
        (tmp_path / "ml-100k").mkdir()
        head = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        (tmp_path / "ml-100k" / "ml-100k.inter").write_text(head + RATINGS)
        films = "item_id:token\tmovie_title:token_seq\n" + "".join(
            "\t".join(line.split("|")[:2]) + "\n" for line in FILMS.splitlines()
        )
        (tmp_path / "ml-100k" / "ml-100k.item").write_text(films)
    found = datasets.movielens_100k(tmp_path, download=form == "archive")
    assert found.users.tolist() == [1, 0, 1]
    assert found.items.tolist() == [0, 1, 1]
    assert found.ratings.tolist() == [3.0, 4.0, 1.0]
    assert found.times.tolist() == [881250949, 891717742, 878887116]
    assert found.titles == ["Kolya (1996)", "L.A. Confidential (1997)"]
    assert len(found) == 3
    (tmp_path / "u.data").write_text("1\t2\tthree\t4\n")
    with pytest.raises(ValueError, match=r"^movielens_100k: .*u.data, line 1: needs four numbers; got '1\\t2\\tthree"):
        datasets.movielens_100k(tmp_path)


def test_texts_come_from_files_and_addresses(server: Server, tmp_path: Path) -> None:
    text = "Süße\nZeile"
    server.files["/texts/poem.txt.gz?x=1"] = gzip.compress(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    for _ in range(2):
        assert datasets.text_file(server.url("/texts/poem.txt.gz?x=1"), root=tmp_path) == text
    latin = tmp_path / "latin"
    latin.write_bytes(text.encode("latin-1"))
    assert datasets.text_file(latin, encoding="latin-1") == text
    with pytest.raises(ValueError, match=r"^text_file: .*latin is no utf-8 text: .* Hint: another encoding"):
        datasets.text_file(latin)


def test_the_folder_is_the_switchs_or_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TENFOLD_DATA", str(tmp_path))
    assert datasets.data_folder() == tmp_path
    monkeypatch.delenv("TENFOLD_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert datasets.data_folder() == tmp_path / "cache" / "tenfold"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert datasets.data_folder() == tmp_path / ".cache" / "tenfold"
    assert os.environ["HOME"] == str(tmp_path)
