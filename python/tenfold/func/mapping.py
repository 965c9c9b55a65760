"""Mapping a function over a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.func.tree import broadcast_prefix, flatten, unflatten

__all__ = ["vmap"]


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """``func``, written for one sample, mapped over a batch: as a loop that stacks the results, but computed at once.

    ``in_dims`` says which axis of each argument counts the samples: one integer for all, or a tuple with one for each
    argument, nested as this is; None for what is the same for all samples. ``out_dims`` says where that axis stands in
    the results; None for a result that is the same for all. Keyword arguments are not mapped.

    ``randomness`` inside ``func``: ``"error"`` refuses it, ``"different"`` draws for each sample, ``"same"`` for all.
    ``chunk_size`` maps over so many samples at a time, which takes less memory.

    Everything works inside ``func`` but what looks at a value: ``if``, ``item()``, ``numpy()`` and results whose shape
    depends on values raise RuntimeError or NotImplementedError. Arguments are not changed by writing to them in place.

    >>> import tenfold as tf
    >>> from tenfold.func import vmap
    >>> distances = vmap(vmap(lambda a, b: ((a - b) ** 2).sum(), in_dims=(None, 0)), in_dims=(0, None))
    >>> points = tf.tensor([[0.0, 0.0], [3.0, 4.0]])
    >>> distances(points, points)
    tensor([[ 0., 25.],
            [25.,  0.]])
    """
    if randomness not in ("error", "different", "same"):
        raise ValueError(f"vmap: randomness is 'error', 'different' or 'same'; got {randomness!r}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size must be positive; got {chunk_size}")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten(args)
        dims = _input_dims(in_dims, args, leaves, structure)
        extent = _extent(leaves, dims)
        run = functools.partial(_run, func, structure, out_dims, randomness, kwargs)
        if chunk_size is None or chunk_size >= extent:
            results, nested, _ = run(leaves, dims, extent)
            return unflatten(results, nested)
        chunks = []
        for start in range(0, extent, chunk_size):
            size = min(chunk_size, extent - start)
            part = [x if dim is None else x.narrow(dim, start, size) for x, dim in zip(leaves, dims, strict=True)]
            chunks.append(run(part, dims, size))
        _, nested, places = chunks[0]
        columns = zip(*(results for results, _, _ in chunks), strict=True)
        joined = [
            column[0] if place is None else _core.cat(list(column), place)
            for column, place in zip(columns, places, strict=True)
        ]
        return unflatten(joined, nested)

    return mapped


def _run(
    func: Callable[..., Any],
    structure: Any,
    out_dims: Any,
    randomness: str,
    kwargs: dict[str, Any],
    leaves: list[Any],
    dims: list[int | None],
    extent: int,
) -> tuple[list[Any], Any, list[int | None]]:
    """The results of ``func`` as a list of leaves, how they are nested, and where their batch axes stand."""
    level = _core._Level(extent, randomness)
    try:
        samples = [x if dim is None else level.batched(x, dim) for x, dim in zip(leaves, dims, strict=True)]
        found = func(*unflatten(samples, structure), **kwargs)
    finally:
        level.leave()
    results, nested = flatten(found)
    places = broadcast_prefix(out_dims, nested, _is_dim)
    if places is None and isinstance(out_dims, tuple | list) and len(out_dims) == 1:
        places = broadcast_prefix(out_dims[0], nested, _is_dim)
    if places is None:
        raise ValueError(f"vmap: out_dims is not nested as the result is; got out_dims={out_dims} for {nested}")
    out = []
    for result, place in zip(results, places, strict=True):
        if not isinstance(result, Tensor):
            raise ValueError(
                f"vmap: the function must return tensors, in tuples, lists or dicts; got {type(result).__name__}"
            )
        if place is not None:
            if not -result.ndim - 1 <= place <= result.ndim:
                raise IndexError(
                    f"vmap: out_dims {place} is out of range for a result with {result.ndim} axes for each sample"
                )
            out.append(level.unbatched(result, place))
        elif level.maps(result):
            raise ValueError("vmap: out_dims is None for a result that differs from sample to sample")
        else:
            out.append(result)
    return out, nested, places


def _is_dim(leaf: Any) -> bool:
    return leaf is None or isinstance(leaf, int)


def _input_dims(in_dims: Any, args: tuple[Any, ...], leaves: list[Any], structure: Any) -> list[int | None]:
    if not args:
        raise ValueError("vmap: got no inputs to map over. Hint: only positional arguments are mapped")
    if not isinstance(in_dims, int | tuple | list):
        raise ValueError(
            f"vmap: in_dims is an integer or a tuple nested as the arguments are; got {type(in_dims).__name__}"
        )
    dims = broadcast_prefix(in_dims, structure, _is_dim)
    if dims is None:
        raise ValueError(f"vmap: in_dims is not nested as the arguments are; got in_dims={in_dims} for {structure}")
    found: list[int | None] = []
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is None:
            found.append(None)
            continue
        if not isinstance(leaf, Tensor):
            raise ValueError(f"vmap: in_dims is {dim} for an argument that is no tensor; got {type(leaf).__name__}")
        if not -leaf.ndim <= dim < leaf.ndim:
            raise ValueError(f"vmap: in_dims is {dim} for a tensor with {leaf.ndim} axes")
        found.append(dim % leaf.ndim)
    if all(dim is None for dim in found):
        raise ValueError("vmap: in_dims must say of at least one argument which axis to map over; got None for all")
    return found


def _extent(leaves: list[Any], dims: list[int | None]) -> int:
    extents = {leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None}
    if len(extents) > 1:
        raise ValueError(f"vmap: all mapped axes have one extent; got {', '.join(map(str, sorted(extents)))}")
    return int(extents.pop())
