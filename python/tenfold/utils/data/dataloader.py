"""Batches of a data set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tenfold import _core
from tenfold.utils.data.collate import default_collate, default_convert
from tenfold.utils.data.dataset import Dataset, IterableDataset, Subset, TensorDataset
from tenfold.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader"]


class DataLoader:
    """The batches of ``dataset``, anew each time it is iterated.

    ``batch_size`` samples each (None: single samples), in order or, with ``shuffle``, in a random one drawn by
    ``generator`` (else by the numbers that ``manual_seed`` begins); or in the order of ``sampler``, or of
    ``batch_sampler``, which gives lists of numbers. ``collate_fn`` makes a batch of a list of samples;
    :func:`default_collate` stacks them. ``drop_last`` leaves out a last batch that is not full.

    Worker processes and pinned memory are not offered: any of their arguments raises NotImplementedError.

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
        for name, asked in {
            "num_workers": num_workers > 0,
            "pin_memory": pin_memory,
            "timeout": timeout != 0,
            "worker_init_fn": worker_init_fn is not None,
            "multiprocessing_context": multiprocessing_context is not None,
            "prefetch_factor": prefetch_factor is not None,
            "persistent_workers": persistent_workers,
            "pin_memory_device": pin_memory_device != "",
            "in_order": not in_order,
        }.items():
            if asked:
                raise NotImplementedError(f"DataLoader: {name} is not offered")
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
        if self._is_iterable:
            return _after(self._streamed(), start)
        sampler = self.sampler if self.batch_sampler is None else self.batch_sampler
        return map(self._loaded, _after(iter(sampler), start))

    def _loaded(self, indices: Any) -> Any:
        return self.collate_fn(self.dataset[indices]) if self.batch_sampler is None else self._fetched(indices)

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

    def _fetched(self, indices: list[int]) -> Any:
        dataset: Any = self.dataset
        if self.collate_fn is default_collate:
            gathered = _gathered(dataset, indices)
            if gathered is not None:
                return gathered
        if hasattr(dataset, "__getitems__"):
            return self.collate_fn(dataset.__getitems__(indices))
        return self.collate_fn([dataset[index] for index in indices])

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


def _after(iterator: Iterator[Any], start: int) -> Iterator[Any]:
    """The iterator, with so many items taken."""
    for _ in itertools.islice(iterator, start):
        pass
    return iterator


def _gathered(dataset: Any, indices: list[int]) -> list[_core.Tensor] | None:
    """The whole batch by one gather a tensor, where the samples come from a :class:`TensorDataset`."""
    # Subclasses may have samples of their own.
    while type(dataset) is Subset:
        indices = [dataset.indices[index] for index in indices]
        dataset = dataset.dataset
    return dataset.collated(indices) if type(dataset) is TensorDataset else None
