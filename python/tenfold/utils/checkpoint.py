"""Memory against time: what a part of a model computes is computed again in backward instead of being kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.func.tree import flatten, unflatten

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] | None = None,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, of which backward keeps the arguments alone (Chen et al. 2016, "Training deep nets
    with sublinear memory cost").

    In backward the function runs once more, with the same values of its tensor arguments and, with
    ``preserve_rng_state``, the same random numbers; what the derivatives need is taken from that run. Gradients flow to
    everything that the function reads, and checkpoints may be nested, differentiated twice and mapped by ``vmap``.

    With ``determinism_check="default"``, values of other shapes in the second run raise RuntimeError; ``"none"``
    compares only their number. ``context_fn`` gives two context managers, one for each run. ``early_stop`` makes no
    difference: what nobody needs is not computed anyway. ``use_reentrant=True`` is not offered and raises
    NotImplementedError, and so does ``debug``.

    >>> import tenfold as tf
    >>> from tenfold.utils.checkpoint import checkpoint
    >>> x = tf.tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda x: (x * x) * x, x).backward()
    >>> x.grad
    tensor(12.)
    """
    if use_reentrant:
        raise NotImplementedError(
            "checkpoint: use_reentrant=True is not offered. Hint: leave it out, or give use_reentrant=False"
        )
    if debug:
        raise NotImplementedError("checkpoint: debug=True is not offered")
    if determinism_check not in ("default", "none"):
        raise ValueError(f"checkpoint: determinism_check is 'default' or 'none'; got {determinism_check!r}")
    if not isinstance(early_stop, bool):
        raise TypeError(f"checkpoint: early_stop is a bool; got {early_stop!r}")
    first, second = context_fn() if context_fn else (_Nothing(), _Nothing())
    if not _core.is_grad_enabled():
        with first:
            return function(*args, **kwargs)

    leaves, structure = flatten((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    # Of tensors the region keeps the values; this keeps the rest.
    others = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    is_tensor = [isinstance(leaf, Tensor) for leaf in leaves]
    generator = _core.get_rng_state() if preserve_rng_state else None
    levels = _core._levels()

    def recompute(values: Sequence[Tensor]) -> None:
        given = iter(values)
        again = [next(given) if is_own else other for is_own, other in zip(is_tensor, others, strict=True)]
        again_args, again_kwargs = unflatten(again, structure)
        levels_before = _core._set_levels(levels)
        generator_before = None if generator is None else _core.get_rng_state()
        try:
            if generator is not None:
                _core.set_rng_state(generator)
            with second:
                function(*again_args, **again_kwargs)
        finally:
            _core._set_levels(levels_before)
            if generator_before is not None:
                _core.set_rng_state(generator_before)

    with first, _core._Checkpoint(recompute, tensors, determinism_check == "default"):
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Functions (or the parts of a ``Sequential``) applied in turn, in segments of which each but the last is a
    checkpoint.

    >>> import tenfold as tf
    >>> from tenfold.utils.checkpoint import checkpoint_sequential
    >>> x = tf.tensor(0.5, requires_grad=True)
    >>> checkpoint_sequential([tf.exp, tf.sin, tf.exp, tf.log], 2, x).backward()
    >>> round(x.grad.item(), 4)
    -0.1283
    """
    parts = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= len(parts):
        raise ValueError(f"checkpoint_sequential: segments is from 1 to {len(parts)}; got {segments}")
    size = len(parts) // segments

    def run(start: int, end: int) -> Callable[[Any], Any]:
        def forward(value: Any) -> Any:
            for part in parts[start:end]:
                value = part(value)
            return value

        return forward

    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            run(start, start + size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state
        )
    return run(size * (segments - 1), len(parts))(input)


class _Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        pass
