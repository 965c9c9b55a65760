"""Products of matrices."""

from __future__ import annotations

from typing import Any

from programs.language import Attribute, Binary
from programs.writer import Writer, call, family, method


def times(w: Writer, left: Any, right: Any) -> Any:
    return Binary("@", left, right) if w.chance(0.6) else call("tf.matmul", left, right)


def ended(w: Writer, product: Any, columns: int, dtype: str) -> Any:
    """A product with what may become its epilogue: bias, activation, residual, scale."""
    for _ in range(w.random.randint(0, 3)):
        draw = w.random.random()
        if draw < 0.35:
            product = Binary(w.choose("+-"), product, w.fresh((columns,), dtype))
        elif draw < 0.6:
            product = Binary("*", product, w.number(dtype))
        elif draw < 0.85 and not dtype.startswith("complex"):
            product = method(product, "relu" if w.chance(0.5) else "square")
        else:
            product = method(product, w.choose(("neg", "abs", "mean", "sum")))
    return product


@family(6)
def product(w: Writer) -> None:
    x = w.find(lambda x: 1 <= x.rank <= 3 and x.count <= 20_000) or w.pick(lambda x: 1 <= x.rank <= 3)
    if x is None:
        return
    inner = x.shape[-1]
    if inner > 2000:
        return
    columns = w.choose((1, 2, 3, 5, 8, 17))
    draw = w.random.random()
    if draw < 0.2:
        w.define(times(w, x.name, w.fresh((inner,), x.dtype)))
    elif draw < 0.35 and x.rank >= 2 and x.count * x.shape[-2] < 20 * w.limit and x.shape[-2] < 400:
        other = w.find(lambda other: other.rank == x.rank and other.shape == x.shape)
        w.define(times(w, x.name, Attribute((other or x).name, "mT")))
    elif draw < 0.5:
        fits = lambda other: other.rank == 2 and other.shape[0] == inner and other.dtype == x.dtype  # noqa: E731
        other = w.find(fits)
        w.define(times(w, x.name, other.name if other else w.fresh((inner, columns), x.dtype)))
    elif draw < 0.6 and x.rank >= 2:
        w.define(times(w, Attribute(x.name, "mT"), w.fresh((x.shape[-2], columns), x.dtype)))
    else:
        left = w.dressed(x) if w.chance(0.3) else x.name
        weight = w.fresh((inner, columns), x.dtype)
        if w.chance(0.3):
            weight = Attribute(w.fresh((columns, inner), x.dtype), "T")
        w.define(ended(w, times(w, left, weight), columns, x.dtype))


@family(2)
def contraction(w: Writer) -> None:
    x = w.find(lambda x: x.rank == 2 and x.count < 2000) or w.pick(lambda x: x.rank == 2 and x.count < 2000)
    if x is None:
        return
    rows, columns = x.shape
    match w.random.randrange(6):
        case 0:
            w.define(call("tf.einsum", "ij,kj->ik", x.name, w.fresh((3, columns), x.dtype)))
        case 1:
            w.define(call("tf.einsum", w.choose(("ij->ji", "ij->j", "ij->")), x.name))
        case 2:
            w.define(call("tf.tensordot", x.name, w.fresh((columns, 2), x.dtype), axes=1))
        case 3:
            w.define(method(x.name, "mv", w.fresh((columns,), x.dtype)))
        case 4 if rows * columns < 300:
            w.define(method(method(x.name, "flatten"), "outer", w.fresh((4,), x.dtype)))
        case _:
            w.define(call("tf.vecdot", x.name, w.fresh((columns,), x.dtype)))


@family(1.5)
def linear(w: Writer) -> None:
    """A layer of a network, as a function."""
    x = w.floating(min_rank=1)
    if x is None or not x.rank or x.shape[-1] > 2000:
        return
    out = w.choose((1, 3, 4, 16))
    bias = w.fresh((out,), x.dtype) if w.chance(0.6) else None
    layer = call("F.linear", x.name, w.fresh((out, x.shape[-1]), x.dtype), bias)
    w.define(method(layer, w.choose(("relu", "tanh", "sigmoid"))) if w.chance(0.5) else layer)


@family(1)
def powers(w: Writer) -> None:
    """A matrix times itself again and again."""
    square = lambda x: x.rank == 2 and x.shape[0] == x.shape[1] and x.is_floating  # noqa: E731
    found = w.find(square)
    if found is None:
        made = w.define(w.fresh((3, 3), "float32"))
        found = w.operand(made.name) if made else None
    if found is not None:
        w.define(Binary("*", Binary("@", Binary("@", found.name, found.name), found.name), 0.1))
