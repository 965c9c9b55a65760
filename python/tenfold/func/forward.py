"""Derivatives along tangents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenfold.func.derivatives import Products, Recorded
from tenfold.func.tree import unflatten

__all__ = ["jvp"]


def jvp(
    func: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """``func`` of the primals, and its Jacobian there times the tangents, nested as the results are.

    With ``strict``, a result that does not depend on the primals is an error instead of zero. With ``has_aux`` a third
    result is what ``func`` returns beside its results. Computed as a double ``vjp``.

    >>> import tenfold as tf
    >>> from tenfold.func import jvp
    >>> jvp(tf.sin, (tf.tensor(0.0),), (tf.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise RuntimeError("jvp: primals and tangents are tuples with one entry for each argument")
    if len(primals) != len(tangents) or not primals:
        raise RuntimeError(f"jvp: needs a tangent for each primal; got {len(primals)} and {len(tangents)}")
    run = Recorded.of_arguments("jvp", func, tuple(range(len(primals))), has_aux, tuple(primals), {})
    products = Products(run, "jvp")
    if strict and not all(output.requires_grad for output in products.outputs):
        raise RuntimeError("jvp: with strict, each result must depend on the primals")
    tangent = products(tuple(tangents))
    results = unflatten(run.settled(products.outputs), products.structure)
    return (results, tangent, run.settled_aux()) if has_aux else (results, tangent)
