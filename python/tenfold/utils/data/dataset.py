"""Data sets: samples by number."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from tenfold import _core
from tenfold._core import Tensor

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

_T = TypeVar("_T", covariant=True)


class Dataset(Generic[_T]):
    """Samples by number: a subclass defines ``__getitem__``, and ``__len__`` where there is an end."""

    def __getitem__(self, index: Any) -> _T:
        raise NotImplementedError(f"{type(self).__name__}: __getitem__ is missing")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_T]):
    """Samples as they come: a subclass defines ``__iter__``."""

    def __iter__(self) -> Iterator[_T]:
        raise NotImplementedError(f"{type(self).__name__}: __iter__ is missing")

    def __add__(self, other: Dataset[Any]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors with one first axis: sample i is ``(tensor[i] for each tensor)``.

    A loader reads whole batches of it at once. ValueError where the first extents differ.

    >>> import tenfold as tf
    >>> from tenfold.utils.data import TensorDataset
    >>> TensorDataset(tf.tensor([1.0, 2.0]), tf.tensor([0, 1]))[1]
    (tensor(2.), tensor(1))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: needs at least one tensor")
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(f"TensorDataset: needs tensors; got {type(tensor).__name__}")
            if tensor.ndim == 0:
                raise ValueError("TensorDataset: a 0-dimensional tensor has no samples")
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) != 1:
            raise ValueError(f"TensorDataset: size mismatch between tensors; got first extents {lengths}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def collated(self, indices: Sequence[int]) -> list[Tensor]:
        """The batch of these samples, one gather a tensor: what collating them one by one gives."""
        index = _core.tensor(list(indices), dtype=_core.int64)
        return [tensor.index_select(0, index) for tensor in self.tensors]


class Subset(Dataset[_T]):
    """The samples of ``dataset`` whose numbers are ``indices``, in that order."""

    def __init__(self, dataset: Dataset[_T], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> _T:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[_T]:
        """The samples of several numbers."""
        own = [self.indices[i] for i in indices]
        if hasattr(self.dataset, "__getitems__"):
            return self.dataset.__getitems__(own)
        return [self.dataset[i] for i in own]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[_T]):
    """Data sets one after the other.

    >>> import tenfold as tf
    >>> from tenfold.utils.data import ConcatDataset, TensorDataset
    >>> both = ConcatDataset([TensorDataset(tf.zeros(2)), TensorDataset(tf.ones(3))])
    >>> len(both), both[2]
    (5, (tensor(1.),))
    """

    def __init__(self, datasets: Iterable[Dataset[_T]]) -> None:
        self.datasets: list[Any] = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: datasets should not be empty")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError("ConcatDataset: does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> _T:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"ConcatDataset: index {index} is out of range for {length} samples")
        index %= length
        number = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[number - 1] if number else 0
        return self.datasets[number][index - before]


class StackDataset(Dataset[Any]):
    """Data sets side by side: sample i has the i-th of each, as a tuple, or as a dictionary where they have names.

    >>> from tenfold.utils.data import StackDataset
    >>> StackDataset(image=[1, 2], text=["one", "two"])[1]
    {'image': 2, 'text': 'two'}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset: needs data sets, either all with names or all without")
        self.datasets: Any = kwargs or args
        lengths = [len(dataset) for dataset in (kwargs.values() if kwargs else args)]
        if len(set(lengths)) != 1:
            raise ValueError(f"StackDataset: size mismatch between datasets; got lengths {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class ChainDataset(IterableDataset[Any]):
    """Streams one after the other.

    >>> from tenfold.utils.data import ChainDataset, IterableDataset
    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(2))
    >>> list(ChainDataset([Count(), Count()]))
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(f"ChainDataset: needs IterableDatasets; got {type(dataset).__name__}")
            yield from dataset

    def __len__(self) -> int:
        sized: Any = self.datasets
        return sum(len(dataset) for dataset in sized)


def random_split(
    dataset: Dataset[_T], lengths: Sequence[int | float], generator: _core.Generator | None = None
) -> list[Subset[_T]]:
    """Parts of given lengths with samples drawn at random, none twice.

    ``lengths`` add up to the number of samples, or to 1 as fractions (rounded down, what is left over given out one
    by one from the first). Drawn by ``generator``, else by the numbers that ``manual_seed`` begins.

    >>> import tenfold as tf
    >>> from tenfold.utils.data import TensorDataset, random_split
    >>> [len(part) for part in random_split(TensorDataset(tf.arange(10)), [0.7, 0.3])]
    [7, 3]
    """
    count = len(dataset)  # type: ignore[arg-type]
    sizes = list(lengths)
    if math.isclose(sum(sizes), 1) and sum(sizes) <= 1:
        if any(not 0 <= fraction <= 1 for fraction in sizes):
            raise ValueError(f"random_split: fractions are between 0 and 1; got {sizes}")
        sizes = [math.floor(count * fraction) for fraction in sizes]
        for i in range(count - int(sum(sizes))):
            sizes[i % len(sizes)] += 1
    if sum(sizes) != count:
        raise ValueError(
            "random_split: sum of input lengths does not equal the length of the input dataset; "
            f"got {sizes} for {count}"
        )
    order = _core.randperm(count, generator=generator).tolist()
    ends = itertools.accumulate(int(size) for size in sizes)
    return [Subset(dataset, order[end - int(size) : end]) for end, size in zip(ends, sizes, strict=True)]
