"""What a worker process of a loader does."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import pickle
import random
import signal
import sys
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenfold import _core

__all__ = ["Job", "WorkerInfo", "get_worker_info", "work"]

# The loader's ends of the connections to its workers. A forked worker inherits those of all others; as long as it
# holds them nobody notices when the loader's process is gone.
LOADER_ENDS: weakref.WeakSet[Any] = weakref.WeakSet()


# How long a worker that has nothing to do may not notice that the loader's process is gone.
_SECONDS_BETWEEN_LOOKS = 2.0


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this process is: ``id`` of ``num_workers``, its ``seed``, and its copy of ``dataset``."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Which worker of a loader this process is; None in the process of the loader itself.

    A stream asks it in order to give each worker another part.

    >>> from tenfold.utils.data import get_worker_info
    >>> get_worker_info() is None
    True
    """
    return _info


@dataclass(frozen=True)
class Job:
    """What a worker loads, and how."""

    dataset: Any
    #: The batch of a list of numbers, or the sample of one.
    load: Callable[[Any], Any]
    #: For streams: how many samples a batch has (None: no batches), whether a last one that is not full counts.
    is_stream: bool
    batch_size: int | None
    drop_last: bool
    collate: Callable[[Any], Any]
    worker_init_fn: Callable[[int], None] | None
    num_workers: int


def seed_of(base: int, number: int) -> int:
    """The seed of a batch: what a data set draws depends on it, and not on which worker loads it."""
    digest = hashlib.blake2b(f"{base} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def seed_all(seed: int) -> None:
    """Begins the random numbers of Tenfold, of Python, and of NumPy if it is used."""
    _core.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        from numpy import random as numpy_random  # NumPy itself loads it only when it is used

        numpy_random.seed(seed & 0xFFFFFFFF)


def work(job: Job, number: int, connection: Any) -> None:
    """Loads what it is told to until it is told to end, or the loader's process is gone.

    Told ``(epoch, seed)`` it begins an epoch, told ``(epoch, number, what)`` it loads, told None it ends. It answers
    ``(epoch, number, state, value)``, where the state is "loaded", "end" of a stream, or "raised".
    """
    global _info
    # Ctrl-C is for the process that watches over the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for end in list(LOADER_ENDS):
        end.close()
    LOADER_ENDS.clear()
    parent = os.getppid()
    # The cores are the workers' together.
    _core.set_num_threads(1)
    stream: Any = None
    failed: BaseException | None = None
    base = 0
    begun = False
    while (told := _next_message(connection, parent)) is not None:
        if len(told) == 2:
            base = told[1]
            seed_all(base + number)
            _info = WorkerInfo(number, job.num_workers, base + number, job.dataset)
            stream, failed = None, None
            try:
                if job.worker_init_fn is not None and not begun:
                    job.worker_init_fn(number)
                begun = True
                if job.is_stream:
                    stream = iter(job.dataset)
            except Exception as error:
                failed = error
            continue
        epoch, batch, what = told
        try:
            if failed is not None:
                raise failed
            if job.is_stream:
                state, value = _from_stream(job, stream)
            else:
                seed_all(seed_of(base, batch))
                state, value = "loaded", job.load(what)
            answer = pickle.dumps((epoch, batch, state, value), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            answer = _raised(epoch, batch, error)
        try:
            connection.send_bytes(answer)
        except (BrokenPipeError, ConnectionResetError):
            return


def _next_message(connection: Any, parent: int) -> Any:
    while not connection.poll(_SECONDS_BETWEEN_LOOKS):
        # Who started the worker need not be the loader's process: there are servers that fork.
        loader = multiprocessing.parent_process()
        if os.getppid() != parent or (loader is not None and not loader.is_alive()):
            return None
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        return None


def _from_stream(job: Job, stream: Any) -> tuple[str, Any]:
    if job.batch_size is None:
        for sample in stream:
            return "loaded", job.collate(sample)
        return "end", None
    samples = list(itertools.islice(stream, job.batch_size))
    if not samples or (job.drop_last and len(samples) < job.batch_size):
        return "end", None
    return "loaded", job.collate(samples)


def _raised(epoch: int, batch: int, error: Exception) -> bytes:
    """The error as it can be sent: as itself, if it comes out as it went in, else as text."""
    text = "".join(traceback.format_exception(error))
    try:
        content = pickle.dumps(error)
        if type(pickle.loads(content)) is not type(error):
            content = b""
    except Exception:
        content = b""
    return pickle.dumps((epoch, batch, "raised", (content, text)))
