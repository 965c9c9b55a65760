"""Derivatives of functions, in reverse: ``grad`` and ``vjp``, and ``linearize``, which uses it twice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import enable_grad
from tenfold.func.tree import flatten, unflatten

__all__ = ["Recorded", "grad", "grad_and_value", "linearize", "value_and_grad", "vjp"]


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of ``func``, which returns one number, with respect to the arguments ``argnums``, nested alike.

    With ``has_aux`` ``func`` returns the number and anything else, and the gradient comes as ``(gradient, aux)``.

    >>> import tenfold as tf
    >>> from tenfold.func import grad
    >>> grad(grad(tf.sin))(tf.tensor(0.0))
    tensor(-0.)
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, _, aux = _gradient(func, argnums, has_aux, args, kwargs)
        return (found, aux) if has_aux else found

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """As :func:`grad`, and the value: ``(gradient, value)``, with ``has_aux`` ``(gradient, (value, aux))``.

    >>> import tenfold as tf
    >>> from tenfold.func import grad_and_value
    >>> grad_and_value(lambda x: x * x)(tf.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        found, value, aux = _gradient(func, argnums, has_aux, args, kwargs)
        return (found, (value, aux)) if has_aux else (found, value)

    return both


def value_and_grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """As :func:`grad_and_value` in JAX's order: ``(value, gradient)``, with ``has_aux`` ``((value, aux), gradient)``.

    >>> import tenfold as tf
    >>> from tenfold.func import value_and_grad
    >>> value_and_grad(lambda x: x * x)(tf.tensor(3.0))
    (tensor(9.), tensor(6.))
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def exchanged(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return value, found

    return exchanged


def _gradient(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...],
    has_aux: bool,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Any, Tensor, Any]:
    run = Recorded.of_arguments("grad", func, argnums, has_aux, args, kwargs)
    value = run.result
    if not isinstance(value, Tensor):
        hint = ". Hint: has_aux=True for a function that returns more" if isinstance(value, tuple) else ""
        raise RuntimeError(f"grad: the function must return a tensor; got {type(value).__name__}{hint}")
    if value.ndim != 0:
        raise RuntimeError(f"grad: the function must return one number; got shape {tuple(value.shape)}")
    if not value.is_floating_point():
        raise RuntimeError(f"grad: the function must return a floating number; got {value.dtype}")
    found = run.gradients([value], [None], retain_graph=False, create_graph=run.is_watched)
    return run.nested(run.settled(found)), run.settled([value])[0], run.settled_aux()


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """``func`` of the primals, and the function of its vector-Jacobian products there.

    That takes cotangents nested as the results are, and gives a tuple with the products for each primal. With
    ``has_aux`` a third result is what ``func`` returns beside its results.

    >>> import tenfold as tf
    >>> from tenfold.func import vjp
    >>> y, products = vjp(lambda x: x * tf.tensor([1.0, 2.0]), tf.tensor(3.0))
    >>> products(tf.tensor([1.0, 1.0]))
    (tensor(3.),)
    """
    argnums = tuple(range(len(primals)))
    run = Recorded.of_arguments("vjp", func, argnums, has_aux, primals, {})
    outputs, structure = run.outputs("vjp")

    def products(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given, nested = flatten(cotangents)
        if nested != structure:
            raise RuntimeError(f"vjp: cotangents must be nested as the results are, {structure}; got {nested}")
        check_tangents("vjp", "cotangents", given, outputs)
        if create_graph is None:
            create_graph = run.is_watched or any(cotangent.requires_grad for cotangent in given)
        create_graph = create_graph and _core.is_grad_enabled()
        found = run.gradients(outputs, given, retain_graph=retain_graph, create_graph=create_graph)
        return run.nested(found if create_graph else [gradient.detach() for gradient in found])

    results = unflatten(run.settled(outputs), structure)
    return (results, products, run.settled_aux()) if has_aux else (results, products)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """``func`` of the primals, and the linear function of tangents that it is near them: its Jacobian-vector products.

    The function runs once; each call of the linear one costs two walks through what was recorded.

    >>> import tenfold as tf
    >>> from tenfold.func import linearize
    >>> y, tangent = linearize(tf.square, tf.tensor(3.0))
    >>> tangent(tf.tensor(1.0)), tangent(tf.tensor(10.0))
    (tensor(6.), tensor(60.))
    """
    run = Recorded.of_arguments("linearize", func, tuple(range(len(primals))), False, primals, {})
    products = Products(run, "linearize")

    def tangent(*tangents: Any) -> Any:
        return products(tangents)

    return unflatten(run.settled(products.outputs), products.structure), tangent


class Products:
    """The Jacobian-vector products of a recorded function: vector-Jacobian products of its vector-Jacobian products.

    The gradient at the inputs is linear in the cotangents ``u``: its own gradient at ``u``, weighted by the tangents,
    is the Jacobian times these. It is the same at any ``u``, and taken at ones: some derivatives are written with
    logarithms, which have none at zero.
    """

    def __init__(self, run: Recorded, name: str) -> None:
        self.run, self.name = run, name
        self.outputs, self.structure = run.outputs(name)
        with enable_grad():
            self.dummies = [
                _core._alias(_core.ones_like(output)) if _is_differentiable(output) else None for output in self.outputs
            ]
            pairs = [
                (output, dummy)
                for output, dummy in zip(self.outputs, self.dummies, strict=True)
                if dummy is not None and output.requires_grad
            ]
            self.rows: list[Tensor | None] = [None] * len(run.inputs)
            if pairs:
                outputs, cotangents = map(list, zip(*pairs, strict=True))
                self.rows = _core._grad(outputs, run.inputs, cotangents, True, True)

    def __call__(self, tangents: tuple[Any, ...]) -> Any:
        run = self.run
        given, nested = flatten(tangents)
        if nested != run.structure:
            raise RuntimeError(f"{self.name}: tangents must be nested as the primals are; got {nested}")
        check_tangents(self.name, "tangents", given, run.inputs)
        rows = [
            (row, tangent)
            for row, tangent in zip(self.rows, given, strict=True)
            if row is not None and row.requires_grad
        ]
        dummies = [dummy for dummy in self.dummies if dummy is not None]
        found: Sequence[Tensor | None] = [None] * len(dummies)
        watched = run.is_watched or any(tangent.requires_grad for tangent in given)
        if rows and dummies:
            values, weights = map(list, zip(*rows, strict=True))
            found = _core._grad(values, dummies, weights, True, watched and _core.is_grad_enabled())
        columns = iter(found)
        products = []
        for output, dummy in zip(self.outputs, self.dummies, strict=True):
            product = None if dummy is None else next(columns)
            products.append(_core.zeros_like(output) if product is None else product)
        return unflatten(products if watched else [product.detach() for product in products], self.structure)


class Recorded:
    """One run of a function, with tensors of its own to differentiate with respect to."""

    def __init__(self, call: Callable[..., Any], tree: Any, name: str, has_aux: bool) -> None:
        leaves, self.structure = flatten(tree)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise ValueError(f"{name}: can only differentiate with respect to tensors; got {type(leaf).__name__}")
            if not _is_differentiable(leaf):
                raise RuntimeError(f"{name}: only floating and complex tensors have gradients; got {leaf.dtype}")
        outside = _core.is_grad_enabled()
        with enable_grad():
            if outside:
                self.inputs = [_core._alias(leaf) for leaf in leaves]
            else:
                self.inputs = [_core._alias(leaf.detach()) for leaf in leaves]
            result = call(unflatten(self.inputs, self.structure))
        self.aux = None
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(f"{name}: with has_aux the function returns a pair (results, aux); got {result!r}")
            result, self.aux = result
        self.result = result
        tensors = [leaf for leaf in flatten(result)[0] if isinstance(leaf, Tensor)]
        #: Whether somebody outside may differentiate the results again.
        self.is_watched = outside and _core._depend_on_others(tensors, self.inputs)
        self.outside = outside

    @staticmethod
    def of_arguments(
        name: str,
        func: Callable[..., Any],
        argnums: int | tuple[int, ...],
        has_aux: bool,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Recorded:
        """A run that is differentiated with respect to the arguments ``argnums``."""
        places = argnums if isinstance(argnums, tuple) else (argnums,)
        if not all(isinstance(place, int) for place in places):
            raise RuntimeError(f"{name}: argnums is an integer or a tuple of them; got {argnums!r}")
        for place in places:
            if not -len(args) <= place < len(args):
                raise RuntimeError(f"{name}: argnums {place} is out of range for {len(args)} positional arguments")
        places = tuple(place % len(args) for place in places)
        if len(set(places)) != len(places) or not places:
            raise RuntimeError(f"{name}: argnums must name each argument once; got {argnums!r}")
        chosen = tuple(args[place] for place in places)

        def call(own: Any) -> Any:
            arguments = list(args)
            for place, value in zip(places, own if isinstance(argnums, tuple) else (own,), strict=True):
                arguments[place] = value
            return func(*arguments, **kwargs)

        return Recorded(call, chosen if isinstance(argnums, tuple) else chosen[0], name, has_aux)

    def outputs(self, name: str) -> tuple[list[Tensor], Any]:
        """The results as a list of tensors, and how they are nested."""
        outputs, structure = flatten(self.result)
        for output in outputs:
            if not isinstance(output, Tensor):
                raise RuntimeError(f"{name}: the function must return tensors; got {type(output).__name__}")
        return outputs, structure

    def gradients(
        self, outputs: list[Tensor], weights: list[Any], *, retain_graph: bool, create_graph: bool
    ) -> list[Tensor]:
        """The gradients at the inputs: zeros where the outputs do not depend on one."""
        pairs = [(output, weight) for output, weight in zip(outputs, weights, strict=True) if output.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(self.inputs)
        if pairs:
            roots, cotangents = map(list, zip(*pairs, strict=True))
            found = _core._grad(roots, self.inputs, cotangents, retain_graph or create_graph, create_graph)
        return [
            _core.zeros_like(input) if gradient is None else gradient
            for gradient, input in zip(found, self.inputs, strict=True)
        ]

    def nested(self, leaves: list[Any]) -> Any:
        """Nested as what the function is differentiated with respect to."""
        return unflatten(leaves, self.structure)

    def settled(self, tensors: list[Any]) -> list[Any]:
        """Tensors as they leave the transform: without a way to its own inputs, where nobody outside is behind them."""
        return [
            leaf.detach() if isinstance(leaf, Tensor) and leaf.requires_grad and not self.is_watched else leaf
            for leaf in tensors
        ]

    def settled_aux(self) -> Any:
        """The same of what the function returned beside its results."""
        leaves, structure = flatten(self.aux)
        own = self.inputs

        def settled(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or not leaf.requires_grad:
                return leaf
            return leaf if self.outside and _core._depend_on_others([leaf], own) else leaf.detach()

        return unflatten([settled(leaf) for leaf in leaves], structure)


def check_tangents(name: str, what: str, given: list[Any], like: list[Tensor]) -> None:
    """An error unless each has the shape of what it belongs to."""
    for tangent, tensor in zip(given, like, strict=True):
        if not isinstance(tangent, Tensor):
            raise TypeError(f"{name}: {what} are tensors; got {type(tangent).__name__}")
        if tangent.shape != tensor.shape:
            raise RuntimeError(
                f"{name}: {what} have the shapes of what they belong to; "
                f"got {tuple(tangent.shape)} for {tuple(tensor.shape)}"
            )


def _is_differentiable(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()
