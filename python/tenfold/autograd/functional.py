"""Derivatives of functions at a point, as in ``torch.autograd.functional``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.func import hessian as _hessian
from tenfold.func import jacfwd as _jacfwd
from tenfold.func import jacrev as _jacrev
from tenfold.func import jvp as _jvp
from tenfold.func import vjp as _vjp
from tenfold.func.tree import map_leaves

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vjp"]

_Tensors = Tensor | Sequence[Tensor]


def jacobian(
    func: Callable[..., Any],
    inputs: _Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,  # noqa: ARG001
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at ``inputs``: a tensor, or a tuple for several inputs or results, of tuples for both.

    It is always computed at once, so that ``vectorize`` makes no difference. ``strategy`` is "reverse-mode" (for few
    results) or "forward-mode" (for few inputs); with ``create_graph`` the Jacobian can be differentiated.

    >>> import tenfold as tf
    >>> tf.autograd.functional.jacobian(tf.square, tf.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_strict(strict)
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(f"jacobian: strategy is 'reverse-mode' or 'forward-mode'; got {strategy!r}")
    transform = _jacrev if strategy == "reverse-mode" else _jacfwd
    args = _arguments(inputs)
    argnums = 0 if isinstance(inputs, Tensor) else tuple(range(len(args)))
    return _finished(transform(func, argnums)(*args), create_graph)


def hessian(
    func: Callable[..., Any],
    inputs: _Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,  # noqa: ARG001
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of ``func``, which returns one number, at ``inputs``.

    >>> import tenfold as tf
    >>> tf.autograd.functional.hessian(lambda x: (x**3).sum(), tf.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    _check_strict(strict)
    if outer_jacobian_strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(
            f"hessian: outer_jacobian_strategy is 'reverse-mode' or 'forward-mode'; got {outer_jacobian_strategy!r}"
        )
    args = _arguments(inputs)
    argnums = 0 if isinstance(inputs, Tensor) else tuple(range(len(args)))

    def number(*values: Tensor) -> Tensor:
        result = func(*values)
        if not isinstance(result, Tensor) or result.numel() != 1:
            raise RuntimeError("hessian: the function must return a tensor with one element")
        return result.reshape(())

    return _finished(_hessian(number, argnums)(*args), create_graph)


def vjp(
    func: Callable[..., Any],
    inputs: _Tensors,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The results of ``func``, and ``v`` times its Jacobian. Without ``v`` the result must be one number.

    >>> import tenfold as tf
    >>> tf.autograd.functional.vjp(lambda x: x.sum(), tf.tensor([1.0, 2.0]))
    (tensor(3.), tensor([1., 1.]))
    """
    _check_strict(strict)
    args = _arguments(inputs)
    results, products = _vjp(func, *args)
    if v is None:
        if not isinstance(results, Tensor) or results.numel() != 1:
            raise RuntimeError("vjp: v can be left out only where the function returns one number")
        v = _core.ones_like(results)
    found = products(tuple(v) if isinstance(v, list) else v)
    found = found[0] if isinstance(inputs, Tensor) else found
    return _finished(results, create_graph), _finished(found, create_graph)


def jvp(
    func: Callable[..., Any],
    inputs: _Tensors,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The results of ``func``, and its Jacobian times ``v``. Without ``v`` the input must be one number.

    >>> import tenfold as tf
    >>> tf.autograd.functional.jvp(tf.square, tf.tensor(3.0), tf.tensor(1.0))
    (tensor(9.), tensor(6.))
    """
    _check_strict(strict)
    args = _arguments(inputs)
    if v is None:
        if len(args) != 1 or args[0].numel() != 1:
            raise RuntimeError("jvp: v can be left out only for an input with one element")
        v = _core.ones_like(args[0])
    return tuple(_finished(part, create_graph) for part in _jvp(func, args, _arguments(v)))


def hvp(
    func: Callable[..., Any],
    inputs: _Tensors,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The result of ``func``, one number, and its matrix of second derivatives times ``v``, without that matrix.

    >>> import tenfold as tf
    >>> tf.autograd.functional.hvp(lambda x: (x**3).sum(), tf.tensor([1.0, 2.0]), tf.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    _check_strict(strict)
    args = _arguments(inputs)
    if v is None:
        if len(args) != 1 or args[0].numel() != 1:
            raise RuntimeError("hvp: v can be left out only for an input with one element")
        v = _core.ones_like(args[0])

    def gradient(*values: Tensor) -> Any:
        result, products = _vjp(func, *values)
        return products(_core.ones_like(result)), result

    _, found, result = _jvp(gradient, args, _arguments(v), has_aux=True)
    found = found[0] if isinstance(inputs, Tensor) else found
    return _finished(result, create_graph), _finished(found, create_graph)


def _check_strict(strict: bool) -> None:
    if strict:
        raise NotImplementedError("functional: strict=True is not offered. Hint: tenfold.func.jvp has it")


def _arguments(inputs: _Tensors) -> tuple[Tensor, ...]:
    return (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)


def _finished(tree: Any, create_graph: bool) -> Any:
    return tree if create_graph else map_leaves(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, tree)
