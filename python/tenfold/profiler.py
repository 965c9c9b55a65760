"""Which kernels ran, when, for how long, and which line of the program asked for them.

>>> import tenfold as tf
>>> from tenfold.profiler import profile
>>> x = tf.ones(1000)
>>> with profile() as record:
...     y = tf.tanh(x)
>>> [event.name for event in record.events]
['map [tanh]']
>>> print(record.key_averages().table())  # doctest: +ELLIPSIS
kernel ... calls ... total us ...
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tenfold import _core, synchronize

__all__ = ["Averages", "KernelAverage", "KernelEvent", "profile"]


@dataclass(frozen=True)
class KernelEvent:
    """One run of a kernel. Times are in nanoseconds; `start` counts from the first event of the process."""

    name: str
    start: int
    duration: int
    bytes: int
    flops: int
    thread: int
    site: str | None


@dataclass(frozen=True)
class KernelAverage:
    """All runs of kernels of one name that one line asked for."""

    name: str
    site: str | None
    calls: int
    duration: int
    bytes: int
    flops: int

    @property
    def gigabytes_per_second(self) -> float:
        """Bytes read and written over time."""
        return self.bytes / max(self.duration, 1)

    @property
    def gflops_per_second(self) -> float:
        """Floating-point operations over time, in 10⁹ a second."""
        return self.flops / max(self.duration, 1)


class Averages(list[KernelAverage]):
    """The kernels of a profile, the dearest first."""

    def table(self, sort_by: str = "duration", row_limit: int = 100) -> str:
        """The kernels as text: calls, total and mean time in microseconds, share, GB/s, GFLOP/s, and who asked.

        `sort_by` is an attribute of :class:`KernelAverage`; the largest come first. At most `row_limit` rows.
        """
        if sort_by not in ("name", "calls", "duration", "bytes", "flops", "gigabytes_per_second", "gflops_per_second"):
            raise ValueError(f"table: no column {sort_by!r}. Hint: duration, calls, bytes, flops or name")
        rows = sorted(self, key=lambda row: getattr(row, sort_by), reverse=sort_by != "name")[:row_limit]
        total = sum(row.duration for row in self) or 1
        width = max([len(row.name) for row in rows] + [6])
        lines = [f"{'kernel':{width}}  calls   total us    mean us  share    GB/s  GFLOP/s  line"]
        lines += [
            f"{row.name:{width}} {row.calls:6d} {row.duration / 1e3:10.1f} {row.duration / 1e3 / row.calls:10.1f} "
            f"{row.duration / total:6.1%} {row.gigabytes_per_second:7.2f} {row.gflops_per_second:8.2f}"
            f"  {row.site or ''}"
            for row in rows
        ]
        return "\n".join(lines)


class profile:
    """Records the kernels that run within the `with` statement, those of all threads.

    What was recorded before and is pending runs first, and does not count; at the end what this thread has pending runs
    and counts. One profile at a time.

    >>> import tenfold as tf
    >>> with profile() as record:
    ...     tf.synchronize()
    >>> record.events
    []
    """

    events: list[KernelEvent]

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins recording."""
        synchronize()
        self.events = []
        _core._profile.start()

    def stop(self) -> None:
        """Ends recording: `events` are there."""
        synchronize()
        self.events = [KernelEvent(*row) for row in _core._profile.stop()]

    def key_averages(self) -> Averages:
        """The kernels added up by name and line."""
        return Averages(sorted(self._sums(), key=lambda row: row.duration, reverse=True))

    def _sums(self) -> Iterator[KernelAverage]:
        groups: dict[tuple[str, str | None], list[KernelEvent]] = {}
        for event in self.events:
            groups.setdefault((event.name, event.site), []).append(event)
        for (name, site), events in groups.items():
            yield KernelAverage(
                name,
                site,
                len(events),
                sum(event.duration for event in events),
                sum(event.bytes for event in events),
                sum(event.flops for event in events),
            )

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the events as JSON that Chrome's `about:tracing` and Perfetto open (the Trace Event Format)."""
        events: list[dict[str, Any]] = [
            {
                "name": event.name,
                "ph": "X",
                "ts": event.start / 1e3,
                "dur": event.duration / 1e3,
                "pid": os.getpid(),
                "tid": event.thread,
                "args": {"bytes": event.bytes, "flops": event.flops, "line": event.site or ""},
            }
            for event in self.events
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ns"}, file)


def _profile_process(path: str) -> None:
    """What the switch TENFOLD_PROFILE does: records until the process ends, then writes the trace."""
    import atexit

    record = profile()
    record.start()

    def finish() -> None:
        record.stop()
        record.export_chrome_trace(path)

    atexit.register(finish)
