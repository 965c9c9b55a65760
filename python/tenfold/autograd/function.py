"""Functions with a derivative of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd.modes import no_grad

__all__ = ["Function", "FunctionContext", "once_differentiable"]


class FunctionContext:
    """What ``forward`` leaves for ``backward``; it may also hold any attributes that are not tensors."""

    needs_input_grad: tuple[bool, ...]

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self._to_save: tuple[Tensor | None, ...] = ()
        self._saved: tuple[Tensor | None, ...] | None = None
        self._not_differentiable: set[int] = set()
        self._materialize_grads = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps inputs, results or other tensors for ``backward``, as ``ctx.saved_tensors``."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward: can only save tensors; got {type(tensor).__name__}")
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors that were saved, in order; there only while ``backward`` runs."""
        if self._saved is None:
            raise RuntimeError("saved_tensors: they can be read while backward runs")
        return self._saved

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Says which results have no gradient; those of integers need not be named."""
        self._not_differentiable = {id(tensor) for tensor in tensors}

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Not offered: return a new tensor instead of changing an input."""
        raise NotImplementedError("mark_dirty: is not offered. Hint: return a new tensor")

    def set_materialize_grads(self, value: bool) -> None:
        """Whether results that nothing depends on get zeros as their gradient (the default) or None."""
        self._materialize_grads = value


class Function:
    """A function whose derivative is given in Python; it is called by ``apply``, never made.

    A subclass defines two static methods: ``forward(ctx, *args)`` computes a tensor or a tuple of them, without
    recording; ``backward(ctx, *grads)`` gets a gradient for each of them, and gives one for each argument of
    ``forward`` (None for what is no tensor). ``backward`` written with tensor operations can itself be
    differentiated. Where ``setup_context(ctx, inputs, output)`` is defined too, ``forward`` takes no ``ctx``. Inside
    ``tenfold.func.vmap`` the function is called for each sample, unless the subclass says ``generate_vmap_rule = True``
    (it is made of operations that work for all samples at once) or defines ``vmap``.

    >>> import tenfold as tf
    >>> class Cube(tf.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return grad * 3 * x**2
    >>> x = tf.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        raise RuntimeError(f"{type(self).__name__}: functions are not made. Hint: call {type(self).__name__}.apply(…)")

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the results."""
        raise NotImplementedError("Function: a subclass must define forward")

    @staticmethod
    def setup_context(ctx: FunctionContext, inputs: tuple[Any, ...], output: Any) -> None:
        """Keeps what ``backward`` needs, where ``forward`` takes no ``ctx``."""
        raise NotImplementedError("Function: setup_context is not defined")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Computes the gradients of the arguments."""
        raise NotImplementedError("Function: a subclass must define backward to be differentiated")

    #: Inside ``vmap`` the function is called once for each sample, unless this says that it works for all at once.
    generate_vmap_rule: bool = False

    @staticmethod
    def vmap(info: VmapInfo, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        """What ``apply`` computes for all samples of a ``vmap``: the results, and where their batch axes stand.

        ``in_dims`` says where those of the arguments stand, None for what all share. A subclass may define it.
        """
        raise NotImplementedError("Function: vmap is not defined")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Calls the function on ``args`` and records its derivative."""
        if not cls.generate_vmap_rule:
            level = _core._level_of([arg for arg in args if isinstance(arg, Tensor)])
            if level is not None:
                return cls._apply_to_samples(level, args)
        context = FunctionContext(tuple(isinstance(arg, Tensor) and arg.requires_grad for arg in args))
        with no_grad():
            if cls.setup_context is Function.setup_context:
                result = cls.forward(context, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(context, args, result)
        outputs = result if isinstance(result, tuple) else (result,)
        tensors = [output for output in outputs if isinstance(output, Tensor)]
        if not tensors:
            raise TypeError(f"{cls.__name__}: forward returns a tensor or a tuple with tensors; got {result!r}")
        recorded = iter(
            _core._record_function(
                cls.__name__,
                [arg for arg in args if isinstance(arg, Tensor)],
                tensors,
                [id(tensor) not in context._not_differentiable for tensor in tensors],
                [tensor for tensor in context._to_save if tensor is not None],
                _Backward(cls, context, args, tensors),
            )
        )
        results = tuple(next(recorded) if isinstance(output, Tensor) else output for output in outputs)
        # From here on the saved tensors live as long as the recorded derivative.
        context._to_save = tuple(None if tensor is None else _PLACE for tensor in context._to_save)
        return results if isinstance(result, tuple) else results[0]

    @classmethod
    def _apply_to_samples(cls, level: Any, args: tuple[Any, ...]) -> Any:
        # What has a gradient has one for each sample, though its values be the same for all.
        is_mapped = [isinstance(arg, Tensor) and (level.maps(arg) or arg.requires_grad) for arg in args]
        wide = [level.unbatched(arg, 0) if mapped else arg for arg, mapped in zip(args, is_mapped, strict=True)]
        if cls.vmap is not Function.vmap:
            info = VmapInfo(level.extent, level.randomness)
            result, dims = cls.vmap(info, tuple(0 if mapped else None for mapped in is_mapped), *wide)
            if not isinstance(result, tuple):
                return result if dims is None else level.batched(result, dims)
            dims = dims if isinstance(dims, tuple) else (dims,) * len(result)
            return tuple(out if dim is None else level.batched(out, dim) for out, dim in zip(result, dims, strict=True))
        samples = [
            cls.apply(*(arg[number] if mapped else arg for arg, mapped in zip(wide, is_mapped, strict=True)))
            for number in range(level.extent)
        ]
        if not samples:
            raise NotImplementedError(f"{cls.__name__}: a vmap over no samples needs generate_vmap_rule or vmap")
        if not isinstance(samples[0], tuple):
            return level.batched(_core.stack(samples), 0)
        columns = zip(*samples, strict=True)
        return tuple(
            level.batched(_core.stack(list(column)), 0) if isinstance(column[0], Tensor) else column[0]
            for column in columns
        )


class VmapInfo(NamedTuple):
    """What a ``vmap`` rule is told about the mapping."""

    #: How many samples there are.
    batch_size: int
    #: ``"error"``, ``"different"`` or ``"same"``: see :func:`tenfold.func.vmap`.
    randomness: str


_PLACE: Any = object()


class _Backward:
    """The derivative of one call, without a hold on its arguments or results."""

    def __init__(
        self, function: type[Function], context: FunctionContext, args: tuple[Any, ...], outputs: list[Tensor]
    ):
        self.function = function
        self.context = context
        self.is_tensor = [isinstance(arg, Tensor) for arg in args]
        self.outputs = [(tuple(output.shape), output.dtype) for output in outputs]

    def __call__(self, saved: list[Tensor], grads: Sequence[Tensor | None], needs: list[bool]) -> list[Tensor | None]:
        name, context = self.function.__name__, self.context
        if context._materialize_grads:
            grads = [
                _core.zeros(shape, dtype=dtype) if grad is None else grad
                for grad, (shape, dtype) in zip(grads, self.outputs, strict=True)
            ]
        values = iter(saved)
        context._saved = tuple(None if place is None else next(values) for place in context._to_save)
        try:
            found = self.function.backward(context, *grads)
        finally:
            context._saved = None
        results = list(found) if isinstance(found, tuple | list) else [found]
        expected = len(self.is_tensor)
        # More than needed is allowed where it says nothing.
        while len(results) > expected and results[-1] is None:
            results.pop()
        if len(results) != expected:
            raise RuntimeError(
                f"{name}: backward returned an incorrect number of gradients (expected {expected}, got {len(results)})"
            )
        for number, (result, is_tensor) in enumerate(zip(results, self.is_tensor, strict=True)):
            if result is not None and not is_tensor:
                raise RuntimeError(
                    f"{name}: backward returned a gradient for argument {number}, which is no tensor. Hint: return None"
                )
            if result is not None and not isinstance(result, Tensor):
                raise TypeError(
                    f"{name}: backward returns tensors or None; got {type(result).__name__} for argument {number}"
                )
        of_tensors = [result for result, is_tensor in zip(results, self.is_tensor, strict=True) if is_tensor]
        return [result if needed else None for result, needed in zip(of_tensors, needs, strict=True)]


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a ``backward`` that cannot be differentiated itself: trying to raises RuntimeError.

    It runs without recording.
    """

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = backward(ctx, *grads)
        sources = [grad for grad in grads if isinstance(grad, Tensor) and grad.requires_grad]
        if not sources:
            return found
        results = found if isinstance(found, tuple) else (found,)
        tensors = [result for result in results if isinstance(result, Tensor)]
        recorded = iter(
            _core._record_function("once_differentiable", sources, tensors, [True] * len(tensors), [], _refuse)
        )
        marked = tuple(next(recorded) if isinstance(result, Tensor) else result for result in results)
        return marked if isinstance(found, tuple) else marked[0]

    return wrapper


def _refuse(*_arguments: Any) -> Any:
    raise RuntimeError(
        "once_differentiable: trying to differentiate twice a function that was marked with @once_differentiable"
    )
