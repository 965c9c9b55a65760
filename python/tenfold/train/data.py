"""What a trainer is given, as batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

__all__ = ["as_dataset", "batches_from", "class_weights", "generators_of", "length_of", "make_loader", "split"]


def as_tensor(value: Any) -> Tensor:
    """A tensor of its own; float64 arrays and lists of floats as float32, as layers need them."""
    if isinstance(value, Tensor):
        return value
    tensor = _core.asarray(value, copy=True)
    return tensor.to(_core.float32) if tensor.dtype == _core.float64 else tensor


def as_dataset(data: Any, targets: Any = None, weights: Any = None) -> Any:
    """Arrays as a data set of (input, target, weight), as far as given; anything else as it is."""
    if targets is None and weights is None:
        return TensorDataset(*map(as_tensor, data)) if isinstance(data, tuple) else data
    if isinstance(data, Dataset | DataLoader):
        raise ValueError(
            f"Trainer: targets and sample_weight belong to arrays; a {type(data).__name__} brings its own. "
            "Hint: let it give (input, target, weight)"
        )
    members = list(data) if isinstance(data, tuple) and targets is None else [data]
    if targets is not None:
        members.append(targets)
    if weights is not None:
        members.append(weights)
    return TensorDataset(*map(as_tensor, members))


def make_loader(data: Any, batch_size: int, shuffle: bool) -> Iterable[Any]:
    """The batches of a data set; a loader, or whatever else gives batches, as it is."""
    if isinstance(data, Dataset):
        from tenfold.utils.data import IterableDataset

        return DataLoader(data, batch_size=batch_size, shuffle=shuffle and not isinstance(data, IterableDataset))
    if isinstance(data, Iterator):
        raise TypeError("Trainer: an iterator ends after one epoch. Hint: a list, a Dataset or a DataLoader")
    if not isinstance(data, Iterable) or isinstance(data, Tensor):
        raise TypeError(
            f"Trainer: data is arrays with targets, a Dataset, a DataLoader or a list of batches; "
            f"got {type(data).__name__}"
        )
    return data


def split(dataset: Any, share: float) -> tuple[Any, Any]:
    """Two parts drawn at random, the second with this share of the samples."""
    if not 0 < share < 1:
        raise ValueError(f"Trainer: validation_split should be between 0 and 1; got {share}")
    if not isinstance(dataset, Dataset) or not hasattr(dataset, "__len__"):
        raise TypeError("Trainer: validation_split needs arrays or a Dataset with a length. Hint: validation_data")
    count = len(dataset)
    held_out = max(1, round(count * share))
    if held_out >= count:
        raise ValueError(f"Trainer: {count} samples are too few to hold out {share:g} of them")
    training, validation = random_split(dataset, [count - held_out, held_out])
    return training, validation


def length_of(loader: Any) -> int | None:
    """How many batches there are; None where nobody knows."""
    try:
        return len(loader)
    except TypeError:
        return None


def samples_of(batch: Any) -> int:
    """How many samples a batch has: the length of its first member."""
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, list | tuple) and batch:
        first = batch[0]
        if hasattr(first, "__len__") and not isinstance(first, str | bytes):
            return samples_of(first)
    try:
        return len(batch)
    except TypeError:
        return 1


def generators_of(loader: Any) -> list[_core.Generator]:
    """The generators that a loader draws from, beside the process's own sequence."""
    sampler = getattr(loader, "sampler", None)
    batch_sampler = getattr(loader, "batch_sampler", None)
    holders = [loader, sampler, batch_sampler, getattr(batch_sampler, "sampler", None)]
    found = [getattr(holder, "generator", None) for holder in holders]
    unique = {id(one): one for one in found if isinstance(one, _core.Generator)}
    return list(unique.values())


def batches_from(loader: Any, start: int) -> Iterator[Any]:
    """The batches from number ``start`` on; a :class:`DataLoader` does not load those before."""
    if start and isinstance(loader, DataLoader):
        return loader._iterate(start)
    iterator = iter(loader)
    for _ in itertools.islice(iterator, start):
        pass
    return iterator


def class_weights(weights: Any, dataset: Any) -> Tensor:
    """A weight a class: given as a dictionary or one after the other, or ``"balanced"``: N / (C · count of the class).

    Source of the latter: G. King and L. Zeng, Logistic Regression in Rare Events Data, 2001.
    """
    if isinstance(weights, dict):
        table = [1.0] * (max(weights) + 1)
        for number, weight in weights.items():
            table[number] = float(weight)
        return _core.tensor(table)
    if not isinstance(weights, str):
        return as_tensor(weights)
    if weights != "balanced":
        raise ValueError(f"Trainer: class_weight is 'balanced' or a weight a class; got {weights!r}")
    labels = _labels(dataset)
    counts = _core.zeros(int(labels.max()) + 1, dtype=_core.int64).index_add(0, labels, _core.ones_like(labels))
    present = counts > 0
    balanced = labels.numel() / (int(present.sum()) * counts.to(_core.float32))
    return _core.where(present, balanced, _core.ones_like(balanced))


def _labels(dataset: Any) -> Tensor:
    """The targets of all samples."""
    dataset = getattr(dataset, "dataset", dataset) if isinstance(dataset, DataLoader) else dataset
    if isinstance(dataset, TensorDataset):
        return dataset.tensors[1].reshape(-1).to(_core.int64)
    if isinstance(dataset, Subset) and isinstance(dataset.dataset, TensorDataset):
        index = _core.tensor(list(dataset.indices), dtype=_core.int64)
        return dataset.dataset.tensors[1].index_select(0, index).reshape(-1).to(_core.int64)
    if not isinstance(dataset, Dataset) or not hasattr(dataset, "__len__"):
        raise TypeError("Trainer: class_weight='balanced' needs a data set with a length. Hint: a weight a class")
    return _core.tensor([int(dataset[i][1]) for i in range(len(dataset))])
