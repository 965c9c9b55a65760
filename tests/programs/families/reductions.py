"""Reductions, scans, orders."""

from __future__ import annotations

from typing import Any

from programs.language import Binary
from programs.writer import FLOATS, Operand, Writer, call, dtype_of, family, method

WHOLE = ("sum", "mean", "prod", "var", "std", "amax", "amin", "all", "any", "logsumexp", "count_nonzero", "sum", "mean")


def inner(w: Writer, x: Operand) -> Any:
    """What is reduced: often an expression that ends in the reduction."""
    if not w.chance(0.5):
        return x.name
    if w.chance(0.2):
        return Binary(w.choose("+*-"), x.name, w.beside(x))
    return w.dressed(x, depth=3)


@family(12)
def reduction(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    name = w.choose(WHOLE)
    if name in ("mean", "var", "std", "logsumexp") and not x.is_floating and w.chance(0.9):
        name = w.choose(("sum", "prod", "amax"))
    arguments: tuple[Any, ...] = ()
    if w.chance(0.65):
        arguments = (w.axis(x.rank),) if w.chance(0.7) else (w.axes(x.rank),)
    elif name == "logsumexp":
        arguments = (w.axes(x.rank),)
    options: dict[str, Any] = {}
    if arguments and w.chance(0.3):
        options["keepdim"] = True
    if name in ("sum", "prod", "mean") and w.chance(0.1):
        options["dtype"] = dtype_of(w.choose(FLOATS))
    if name in ("var", "std") and w.chance(0.4):
        options["correction"] = w.choose((0, 1, 2))
    result = method(inner(w, x), name, *arguments, **options)
    if w.chance(0.2):
        result = Binary(w.choose("+*-"), result, w.number(x.dtype))
    w.define(result)


@family(3)
def normalising(w: Writer) -> None:
    """An expression of a tensor and its own reduction, as normalisations have it."""
    x = w.floating(min_rank=1)
    if x is None or not x.rank:
        return
    axis = w.axis(x.rank)
    middle = method(inner(w, x), w.choose(("mean", "sum", "amax")), axis, keepdim=True)
    w.define(Binary(w.choose("-*/+"), x.name, middle))


@family(4)
def places(w: Writer) -> None:
    x = w.pick(lambda x: not x.dtype.startswith("complex"))
    if x is None:
        return
    axis = w.axis(x.rank)
    match w.random.randrange(6):
        case 0 | 1:
            w.define(method(inner(w, x), w.choose(("argmax", "argmin")), *((axis,) if w.chance(0.7) else ())))
        case 2:
            w.define(method(inner(w, x), w.choose(("max", "min")), axis), count=2)
        case 3:
            w.define(method(x.name, w.choose(("max", "min"))))
        case 4:
            w.define(method(x.name, "median", axis), count=2)
        case _:
            w.define(method(x.name, "kthvalue", 1, axis), count=2)


@family(4)
def scan(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    axis = w.axis(x.rank)
    if w.chance(0.25) and not x.dtype.startswith("complex"):
        w.define(method(inner(w, x), w.choose(("cummax", "cummin")), axis), count=2)
        return
    names = ("cumsum", "cumsum", "cumprod", "logcumsumexp") if x.is_floating else ("cumsum", "cumprod")
    w.define(method(inner(w, x), w.choose(names), axis))


@family(4)
def order(w: Writer) -> None:
    x = w.pick(lambda x: not x.dtype.startswith("complex"))
    if x is None:
        return
    axis = w.axis(x.rank)
    extent = x.shape[axis] if -x.rank <= axis < x.rank else 1
    descending = w.chance(0.4)
    match w.random.randrange(4):
        case 0:
            w.define(method(inner(w, x), "sort", axis, descending=descending), count=2)
        case 1:
            w.define(method(inner(w, x), "argsort", axis, descending=descending))
        case 2:
            w.define(call("tf.sort", x.name, axis=axis, descending=descending))
        case _:
            w.define(method(x.name, "topk", w.random.randint(0, extent), axis, w.chance(0.6)), count=2)


@family(1.5)
def norms(w: Writer) -> None:
    x = w.floating()
    if x is None:
        return
    axis = (w.axis(x.rank),) if w.chance(0.6) else ()
    w.define(method(inner(w, x), "norm", w.choose((2, 1, float("inf"), 3, 0)), *axis))
