"""Worker processes of a loader: started, told what to load, watched, and ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import pickle
import queue
import signal
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from tenfold.utils.data.worker import LOADER_ENDS, Job, work

__all__ = ["Workers"]


class _Worker:
    """A process, and what it was told and has not answered yet."""

    def __init__(self, context: Any, job: Job, number: int) -> None:
        self.number = number
        self.connection, other = context.Pipe()
        LOADER_ENDS.add(self.connection)
        self.process = context.Process(
            target=work, args=(job, number, other), name=f"DataLoader worker {number}", daemon=True
        )
        with warnings.catch_warnings():
            # Newer Pythons warn of forks beside threads: the engine's are made for it.
            warnings.filterwarnings("ignore", "This process", DeprecationWarning)
            self.process.start()
        other.close()
        self.waiting: dict[int, Any] = {}
        self.is_exhausted = False
        # The batch that the worker before it died of.
        self.died_at: int | None = None

    def tell(self, message: Any) -> None:
        # A worker that is gone is noticed where its answer is missed.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def fate(self) -> str:
        """How the process ended."""
        self.process.join(1.0)
        code = self.process.exitcode
        if code is None:
            return "hangs"
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


class Workers:
    """The processes of one loader, for one epoch after the other."""

    def __init__(self, job: Job, context: Any, prefetch: int, timeout: float, in_order: bool) -> None:
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        self.job = job
        self.context = context
        self.prefetch = prefetch
        self.timeout = timeout
        self.in_order = in_order
        self.epoch = 0
        self.is_busy = False
        self._seed = 0
        self._answers: queue.SimpleQueue[tuple[_Worker, bytes | None]] = queue.SimpleQueue()
        # Wakes the receiver when there are other connections to listen to.
        self._wake_read, self._wake_write = multiprocessing.Pipe(duplex=False)
        LOADER_ENDS.update((self._wake_read, self._wake_write))
        self._workers = [_Worker(context, job, number) for number in range(job.num_workers)]
        self._new: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._closed = False
        self._receiver = threading.Thread(target=self._receive, name="DataLoader receiver", daemon=True)
        self._receiver.start()

    # --- Receiving, in a thread of its own, so that workers never wait to be heard

    def _receive(self) -> None:
        listened: dict[Any, _Worker] = {worker.connection: worker for worker in self._workers}
        while not self._closed:
            for ready in multiprocessing.connection.wait([*listened, self._wake_read]):
                if ready is self._wake_read:
                    self._wake_read.recv_bytes()
                    while not self._new.empty():
                        worker = self._new.get()
                        listened[worker.connection] = worker
                    continue
                answer: bytes | None
                try:
                    answer = ready.recv_bytes()  # type: ignore[union-attr]
                except (EOFError, OSError):
                    answer = None
                self._answers.put((listened[ready] if answer is not None else listened.pop(ready), answer))

    # --- One epoch

    def run(self, wanted: Iterator[Any], seed: int, start: int) -> Iterator[Any]:
        """The batches of what is ``wanted``, in that order (or as they come), numbered from ``start``."""
        self.is_busy = True
        self.epoch += 1
        self._seed = seed
        for worker in self._workers:
            worker.is_exhausted, worker.died_at = False, None
            worker.waiting.clear()
            worker.tell((self.epoch, seed))
        try:
            yield from self._in_order(wanted, start) if self.in_order else self._as_they_come(wanted, start)
        finally:
            self.is_busy = False

    def _in_order(self, wanted: Iterator[Any], start: int) -> Iterator[Any]:
        # The worker of each batch that was asked for, and what came early.
        asked: dict[int, _Worker] = {}
        early: dict[int, tuple[str, Any]] = {}
        number = asked_to = start
        turn = 0
        more = True
        while True:
            while more and len(asked) < self.prefetch * len(self._workers):
                # Each in its turn, so that the same worker loads the same batches every time.
                active = [worker for worker in self._workers if not worker.is_exhausted]
                if not active or (what := next(wanted, _END)) is _END:
                    more = False
                    break
                while self._workers[turn % len(self._workers)].is_exhausted:
                    turn += 1
                worker = self._workers[turn % len(self._workers)]
                turn += 1
                asked[asked_to] = worker
                self._ask(worker, asked_to, what)
                asked_to += 1
            if number not in asked:
                return
            while number not in early:
                worker, answered, state, value = self._answer(asked)
                early[answered] = (state, value)
            state, value = early.pop(number)
            worker = asked.pop(number)
            number += 1
            if state == "end":
                worker.is_exhausted = True
            else:
                yield _opened(state, value, worker)

    def _as_they_come(self, wanted: Iterator[Any], start: int) -> Iterator[Any]:
        asked: dict[int, _Worker] = {}
        number = start
        more = True
        while True:
            free = [one for one in self._workers if not one.is_exhausted and len(one.waiting) < self.prefetch]
            while more and free:
                what = next(wanted, _END)
                if what is _END:
                    more = False
                    break
                worker = min(free, key=lambda one: len(one.waiting))
                asked[number] = worker
                self._ask(worker, number, what)
                number += 1
                free = [one for one in free if len(one.waiting) < self.prefetch]
            if not asked:
                return
            worker, answered, state, value = self._answer(asked)
            del asked[answered]
            if state == "end":
                worker.is_exhausted = True
            else:
                yield _opened(state, value, worker)

    def _ask(self, worker: _Worker, number: int, what: Any) -> None:
        worker.waiting[number] = what
        worker.tell((self.epoch, number, what))

    def _answer(self, asked: dict[int, _Worker]) -> tuple[_Worker, int, str, Any]:
        """The next answer of this epoch; workers that died are replaced meanwhile."""
        while True:
            try:
                worker, content = self._answers.get(timeout=self.timeout or None)
            except queue.Empty:
                raise RuntimeError(f"DataLoader: timed out after {self.timeout:g} seconds") from None
            if content is None:
                if worker in self._workers:
                    self._replace(worker, asked)
                continue
            epoch, number, state, value = pickle.loads(content)
            if epoch != self.epoch or number not in worker.waiting:
                continue  # of an epoch that was left early
            del worker.waiting[number]
            return worker, number, state, value

    def _replace(self, worker: _Worker, asked: dict[int, _Worker]) -> None:
        """A new process in the place of one that died, once for each batch."""
        fate, pid = worker.fate(), worker.process.pid
        said = f"DataLoader: worker {worker.number} (pid {pid}) {fate}"
        if self.job.is_stream:
            raise RuntimeError(f"{said}; what it had read of its stream is lost")
        first = next(iter(worker.waiting), None)
        if first is not None and worker.died_at == first:
            raise RuntimeError(f"{said} while it loaded batch {first}, and so did the worker before it")
        warnings.warn(f"{said}; another one loads its batches", RuntimeWarning, stacklevel=2)
        worker.connection.close()
        other = _Worker(self.context, self.job, worker.number)
        other.died_at = first
        self._workers[worker.number] = other
        other.tell((self.epoch, self._seed))
        for number, what in worker.waiting.items():
            asked[number] = other
            self._ask(other, number, what)
        self._new.put(other)
        self._wake_write.send_bytes(b"!")

    # --- The end

    def close(self) -> None:
        """Ends the processes, those that do not listen too."""
        if self._closed:
            return
        self._closed = True
        for worker in self._workers:
            worker.tell(None)
        self._wake_write.send_bytes(b"!")
        for worker in self._workers:
            # One that loads does not listen, and what it loads is not wanted any more.
            worker.process.join(0.05)
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join(2.0)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._receiver.join(1.0)
        for worker in self._workers:
            worker.connection.close()
        self._wake_read.close()
        self._wake_write.close()


_END = object()


def _opened(state: str, value: Any, worker: _Worker) -> Any:
    """A batch; or the error that a worker raised, with where it did."""
    if state != "raised":
        return value
    content, text = value
    note = f"In DataLoader worker {worker.number} (pid {worker.process.pid}):\n{text}"
    if not content:
        raise RuntimeError(f"DataLoader: a worker raised an error that cannot be sent. {note}")
    error = pickle.loads(content)
    error.add_note(note)
    raise error
