"""Batches of a data set."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tenfold import _core
from tenfold.utils.data.collate import default_collate, default_convert
from tenfold.utils.data.dataset import Dataset, IterableDataset, Subset
from tenfold.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader"]


class DataLoader:
    """The batches of ``dataset``, anew each time it is iterated.

    ``batch_size`` samples each (None: single samples), in order or, with ``shuffle``, in a random one drawn by
    ``generator`` (else by the numbers that ``manual_seed`` begins); or in the order of ``sampler``, or of
    ``batch_sampler``, which gives lists of numbers. ``collate_fn`` makes a batch of a list of samples;
    :func:`default_collate` stacks them. ``drop_last`` leaves out a last batch that is not full.

    ``num_workers`` processes load ``prefetch_factor`` batches each ahead (2 unless told), in the same order as one
    would (with ``in_order=False`` as they come), and see :func:`get_worker_info`. What a data set draws at random
    there depends on the seed of the epoch and the number of the batch alone, not on how many workers there are.
    ``worker_init_fn`` is called with the number of each worker when it begins; ``persistent_workers`` stay for the
    next epoch. A worker that dies is replaced, with a warning, and its batches are loaded again; where the next one
    dies of the same batch, RuntimeError says of what. Errors of a data set are raised here, with the worker's
    traceback. ``timeout``: seconds after which a batch that did not come is an error. ``multiprocessing_context`` is
    the way to start processes (``"fork"``, ``"spawn"``, ``"forkserver"``), the platform's unless told.

    There is no device that pinned memory would serve: ``pin_memory`` warns and does nothing.

    >>> import tenfold as tf
    >>> from tenfold.utils.data import DataLoader, TensorDataset
    >>> loader = DataLoader(TensorDataset(tf.arange(5)), batch_size=2, drop_last=True)
    >>> len(loader), [batch.tolist() for (batch,) in loader]
    (2, [[0, 1], [2, 3]])
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[int] | Iterable[int] | None = None,
        batch_sampler: Sampler[list[int]] | Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: _core.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError(f"DataLoader: num_workers should be non-negative; got {num_workers}")
        if num_workers == 0:
            needless = {
                "prefetch_factor": prefetch_factor is not None,
                "persistent_workers": persistent_workers,
                "timeout": timeout != 0,
                "multiprocessing_context": multiprocessing_context is not None,
            }
            for name, asked in needless.items():
                if asked:
                    raise ValueError(f"DataLoader: {name} is for worker processes. Hint: num_workers=1 or more")
        if timeout < 0:
            raise ValueError(f"DataLoader: timeout should be non-negative; got {timeout}")
        if prefetch_factor is not None and prefetch_factor < 1:
            raise ValueError(f"DataLoader: prefetch_factor should be at least 1; got {prefetch_factor}")
        if pin_memory or pin_memory_device:
            warnings.warn("DataLoader: pin_memory does nothing, there is no device to copy to", stacklevel=2)
        self._is_iterable = isinstance(dataset, IterableDataset)
        if self._is_iterable and (shuffle or sampler is not None or batch_sampler is not None):
            name = "shuffle" if shuffle else "sampler" if sampler is not None else "batch_sampler"
            raise ValueError(f"DataLoader: an IterableDataset comes in its own order; got {name}")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "DataLoader: batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("DataLoader: batch_size=None is mutually exclusive with drop_last")
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.num_workers = num_workers
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.pin_memory = pin_memory
        self.in_order = in_order
        self._workers: Any = None
        self.sampler: Any = sampler
        if sampler is None and not self._is_iterable:
            sized: Any = dataset
            self.sampler = RandomSampler(sized, generator=generator) if shuffle else SequentialSampler(sized)
        self.batch_sampler: Any = batch_sampler
        if batch_sampler is None and batch_size is not None and not self._is_iterable:
            self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        if self._is_iterable and batch_size is not None and batch_size <= 0:
            raise ValueError(f"DataLoader: batch_size should be a positive integer value; got {batch_size}")
        batched = self.batch_sampler is not None or batch_size is not None
        self.collate_fn: Callable[..., Any] = collate_fn or (default_collate if batched else default_convert)

    def __iter__(self) -> Iterator[Any]:
        return self._iterate(0)

    def _iterate(self, start: int) -> Iterator[Any]:
        """The batches from number ``start`` on; those before are not loaded, unless they come as a stream."""
        # Drawn at once and in this order, with workers or without: the order of the samples is the same.
        seed = int(_core.randint(0, 2**62, size=(), generator=self.generator))
        if self._is_iterable:
            if self.num_workers:
                return _after(self._worked(itertools.repeat(None), seed, 0), start)
            return _after(self._streamed(), start)
        sampler = self.sampler if self.batch_sampler is None else self.batch_sampler
        wanted = _after(iter(sampler), start)
        return self._worked(wanted, seed, start) if self.num_workers else map(self._loaded, wanted)

    def _worked(self, wanted: Iterator[Any], seed: int, start: int) -> Iterator[Any]:
        """The same, loaded by worker processes, which begin with the first batch that is asked for."""
        from tenfold.utils.data.worker import Job
        from tenfold.utils.data.workers import Workers

        workers = self._workers
        if workers is None or workers.is_busy:
            size, collate = self.batch_size, self.collate_fn
            load = Fetcher(self.dataset, collate, is_batched=self.batch_sampler is not None)
            job = Job(
                *(self.dataset, load, self._is_iterable, size, self.drop_last, collate),
                *(self.worker_init_fn, self.num_workers),
            )
            prefetch = self.prefetch_factor or 2
            workers = Workers(job, self.multiprocessing_context, prefetch, self.timeout, self.in_order)
            if self.persistent_workers and self._workers is None:
                self._workers = workers
        try:
            yield from workers.run(wanted, seed, start)
        finally:
            if workers is not self._workers:
                workers.close()

    def __del__(self) -> None:
        if getattr(self, "_workers", None) is not None:
            self._workers.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_workers": None}

    @property
    def _loaded(self) -> Fetcher:
        return Fetcher(self.dataset, self.collate_fn, is_batched=self.batch_sampler is not None)

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        if not self._is_iterable:
            return len(self.sampler)
        count = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return count
        whole, rest = divmod(count, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def _streamed(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        if self.batch_size is None:
            for sample in samples:
                yield self.collate_fn(sample)
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield self.collate_fn(batch)


class Fetcher:
    """Loads the batch of a list of numbers, or the sample of one; what worker processes are sent."""

    def __init__(self, dataset: Any, collate_fn: Callable[[Any], Any], is_batched: bool) -> None:
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.is_batched = is_batched

    def __call__(self, indices: Any) -> Any:
        dataset = self.dataset
        if not self.is_batched:
            return self.collate_fn(dataset[indices])
        # What only changes the batch that default_collate makes, as transforms.OnBatch does.
        on_batch = getattr(self.collate_fn, "on_batch", None)
        if self.collate_fn is default_collate or on_batch is not None:
            gathered = _gathered(dataset, indices)
            if gathered is not None:
                return gathered if on_batch is None else on_batch(gathered)
        if hasattr(dataset, "__getitems__"):
            return self.collate_fn(dataset.__getitems__(indices))
        return self.collate_fn([dataset[index] for index in indices])


def _after(iterator: Iterator[Any], start: int) -> Iterator[Any]:
    """The iterator, with so many items taken."""
    for _ in itertools.islice(iterator, start):
        pass
    return iterator


def _gathered(dataset: Any, indices: list[int]) -> list[_core.Tensor] | None:
    """The whole batch by one gather a tensor, where the data set offers it, as :class:`TensorDataset` does."""
    while type(dataset) is Subset:
        indices = [dataset.indices[index] for index in indices]
        dataset = dataset.dataset
    # A subclass that has samples of its own does not mean the batches of its base.
    owner: Any = next((base for base in type(dataset).__mro__ if "collated" in vars(base)), None)
    if owner is None or owner.__getitem__ is not type(dataset).__getitem__:
        return None
    return dataset.collated(indices)
