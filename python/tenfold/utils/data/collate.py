"""Batches out of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """One batch of several samples of one structure: tensors stacked along a new first axis.

    Numbers become a tensor (float64 or int64), NumPy arrays too; dictionaries, named tuples, tuples and lists are
    collated member by member (tuples give a list); strings stay a list. RuntimeError where lengths differ.

    >>> import tenfold as tf
    >>> from tenfold.utils.data import default_collate
    >>> default_collate([(tf.tensor([1.0]), 0), (tf.tensor([2.0]), 1)])
    [tensor([[1.],
            [2.]]), tensor([0, 1])]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _core.stack(list(batch))
    if type(first).__module__ == "numpy":
        if getattr(first, "shape", ()):
            return _core.stack([_core.asarray(sample) for sample in batch])
        # Scalars of NumPy, of one dtype.
        return _core.stack([_core.asarray(sample, dtype=_dtype_of(first)) for sample in batch])
    if isinstance(first, float):
        return _core.tensor(list(batch), dtype=_core.float64)
    if isinstance(first, int):
        return _core.tensor(list(batch))
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        collated = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return collated if type(first) is dict else _rebuilt(first, collated)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(members) for members in _members(batch)))
    if isinstance(first, tuple):
        return [default_collate(members) for members in _members(batch)]
    if isinstance(first, Sequence):
        collated_list = [default_collate(members) for members in _members(batch)]
        return collated_list if type(first) is list else _rebuilt(first, collated_list)
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first).__name__}. Hint: give the loader a collate_fn"
    )


def default_convert(data: Any) -> Any:
    """A sample with its NumPy arrays as tensors: what a loader gives without batches.

    >>> import tenfold as tf
    >>> from tenfold.utils.data import default_convert
    >>> default_convert({"x": tf.ones(2), "name": "one"})
    {'x': tensor([1., 1.]), 'name': 'one'}
    """
    if isinstance(data, Tensor | str | bytes):
        return data
    if type(data).__module__ == "numpy":
        return _core.asarray(data)
    if isinstance(data, Mapping):
        converted = {key: default_convert(value) for key, value in data.items()}
        return converted if type(data) is dict else _rebuilt(data, converted)
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence):
        converted_list = [default_convert(value) for value in data]
        return converted_list if type(data) is list else _rebuilt(data, converted_list)
    return data


def _members(batch: Sequence[Any]) -> list[list[Any]]:
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise RuntimeError(
            f"default_collate: each element in list of batch should be of equal size; got lengths {sorted(lengths)}"
        )
    return [list(members) for members in zip(*batch, strict=True)]


def _rebuilt(original: Any, values: Any) -> Any:
    """The values in a container of the original's kind, where it can be made of them; else as they are."""
    try:
        return type(original)(values)
    except TypeError:
        return values


def _dtype_of(scalar: Any) -> Any:
    return getattr(_core, scalar.dtype.name)
