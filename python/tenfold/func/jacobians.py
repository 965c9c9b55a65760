"""Matrices of derivatives: rows by ``vjp``, columns by ``jvp``, mapped over a basis."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.func.derivatives import Products, Recorded
from tenfold.func.mapping import vmap
from tenfold.func.tree import flatten, unflatten

__all__ = ["hessian", "jacfwd", "jacrev"]


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The Jacobian of ``func`` with respect to the arguments ``argnums``, by rows: for few results of many inputs.

    Nested as the results are, and each of them as the arguments: a result of shape ``(m…)`` and an argument of shape
    ``(n…)`` give ``(m…, n…)``. ``chunk_size`` rows are computed at a time, all of them by default.

    >>> import tenfold as tf
    >>> from tenfold.func import jacrev
    >>> jacrev(lambda x: x**2)(tf.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if _preallocate_and_copy:
        raise NotImplementedError("jacrev: _preallocate_and_copy is not offered. Hint: give chunk_size")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"jacrev: chunk_size must be positive; got {chunk_size}")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        run = Recorded.of_arguments("jacrev", func, argnums, has_aux, args, kwargs)
        outputs, structure = run.outputs("jacrev")
        rows = []
        for output in outputs:

            def products(cotangent: Tensor, output: Tensor = output) -> list[Tensor]:
                create = run.is_watched and _core.is_grad_enabled()
                return run.gradients([output], [cotangent], retain_graph=True, create_graph=create)

            found = vmap(products, chunk_size=chunk_size)(_basis(output))
            shaped = [
                matrix.reshape(*output.shape, *input.shape) for matrix, input in zip(found, run.inputs, strict=True)
            ]
            rows.append(run.nested(run.settled(shaped)))
        result = unflatten(rows, structure)
        return (result, run.settled_aux()) if has_aux else result

    return jacobian


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """The Jacobian of ``func`` with respect to the arguments ``argnums``, by columns: for many results of few inputs.

    Shapes and nesting are those of :func:`jacrev`. ``randomness`` is that of the :func:`vmap` over the columns.

    >>> import tenfold as tf
    >>> from tenfold.func import jacfwd
    >>> jacfwd(lambda x: tf.stack([x, x**2]))(tf.tensor(3.0))
    tensor([1., 6.])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        places = argnums if isinstance(argnums, tuple) else (argnums,)
        leaves, nested = flatten(tuple(args[place] for place in places))
        kept: dict[str, Any] = {}

        def column(number: int, tangent: Tensor) -> list[Tensor]:
            run = Recorded.of_arguments("jacfwd", func, argnums, has_aux, args, kwargs)
            products = Products(run, "jacfwd")
            kept.update(run=run, products=products)
            tangents = unflatten(
                [tangent if place == number else _core.zeros_like(leaf) for place, leaf in enumerate(leaves)], nested
            )
            found: list[Tensor] = flatten(products(tangents if isinstance(argnums, tuple) else tangents[0]))[0]
            return found

        by_input = []
        for number, leaf in enumerate(leaves):
            columns = vmap(functools.partial(column, number), out_dims=-1, randomness=randomness)(_basis(leaf))
            by_input.append([matrix.reshape(*matrix.shape[:-1], *leaf.shape) for matrix in columns])
        run, products = kept["run"], kept["products"]
        rows = [run.nested([columns[place] for columns in by_input]) for place in range(len(products.outputs))]
        result = unflatten(rows, products.structure)
        return (result, run.settled_aux()) if has_aux else result

    return jacobian


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The matrix of second derivatives of ``func``, as ``jacfwd(jacrev(func))``.

    >>> import tenfold as tf
    >>> from tenfold.func import hessian
    >>> hessian(lambda x: x[0] * x[1] ** 2)(tf.tensor([1.0, 2.0]))
    tensor([[0., 4.],
            [4., 2.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def _basis(tensor: Tensor) -> Tensor:
    """The unit vectors of a tensor's space: ``(elements, shape…)``."""
    count = tensor.numel()
    return _core.eye(count, dtype=tensor.dtype).reshape(count, *tensor.shape)
