"""Indexing and assignment: basic, by integers, by masks; gather, scatter and their kin."""

from __future__ import annotations

from typing import Any

from programs.language import Assign, Augmented, Binary, Item, SetItem
from programs.writer import COMPLEX, Operand, Writer, call, dtype_of, family, method


def a_slice(w: Writer, extent: int) -> slice:
    """A slice, with a step of either sign now and then."""
    step = w.choose((None, None, None, 2, 3, -1, -2))
    start, stop = (w.choose((None, w.random.randint(-extent - 1, extent + 1))) for _ in range(2))
    return slice(start, stop, step)


def an_index(w: Writer, extent: int) -> int:
    """An index in range; seldom one out of it."""
    if w.chance(0.01):
        return extent + 1
    return w.random.randint(-extent, extent - 1) if extent else 0


def indices(w: Writer, extent: int, count: int | None = None) -> Any:
    """A tensor of indices."""
    count = w.random.randint(0, 5) if count is None else count
    numbers = [an_index(w, extent) for _ in range(count if extent else 0)]
    return call("tf.tensor", numbers, dtype=dtype_of(w.choose(("int64", "int64", "int32"))))


def basic_key(w: Writer, shape: tuple[int, ...]) -> Any:
    parts: list[Any] = []
    for extent in shape[: w.random.randint(1, max(1, len(shape)))]:
        parts.append(an_index(w, extent) if w.chance(0.4) and extent else a_slice(w, extent))
    if w.chance(0.15):
        parts.insert(w.random.randint(0, len(parts)), None)
    if w.chance(0.12):
        parts.append(...)
    return parts[0] if len(parts) == 1 else tuple(parts)


def key(w: Writer, x: Operand) -> Any:
    """Any key."""
    draw = w.random.random()
    if not x.rank or draw < 0.5:
        return basic_key(w, x.shape) if x.rank else w.choose((..., None, ()))
    if draw < 0.7:
        first = indices(w, x.shape[0])
        if x.rank > 1 and w.chance(0.4):
            return (first, w.choose((a_slice(w, x.shape[1]), an_index(w, x.shape[1])))) if x.shape[1] else first
        if x.rank > 1 and w.chance(0.3):
            return (slice(None), indices(w, x.shape[1]))
        return first
    if x.dtype in COMPLEX or draw > 0.95:
        mask = w.find(lambda mask: mask.dtype == "bool" and mask.shape == x.shape)
        return mask.name if mask else Binary("==", x.name, w.number(x.dtype))
    return Binary(w.choose(("<", ">", "!=")), x.name, w.number(x.dtype))


@family(9)
def get(w: Writer) -> None:
    x = w.pick(lambda x: x.rank or w.chance(0.1))
    if x is None:
        return
    item = Item(w.dressed(x) if w.chance(0.2) else x.name, key(w, x))
    w.define(method(item, "clone") if w.chance(0.2) else item)


@family(9)
def put(w: Writer) -> None:
    x = w.writable(lambda x: x.rank or w.chance(0.1))
    if x is None:
        return
    where = key(w, x)
    value: Any = w.number(x.dtype)
    if w.chance(0.35):
        value = w.fresh(tuple(extent for extent in x.shape[1:] if w.chance(0.6)), x.dtype)
    elif w.chance(0.4):
        other = w.find(lambda other: other.dtype == x.dtype and other.rank <= x.rank)
        value = other.name if other is not None else value
    elif w.chance(0.1):
        value = Item(x.name, where)
    w.emit(SetItem(x.name, where, value, w.choose(("", "", "+", "*", "-"))))


@family(5)
def write_through_a_view(w: Writer) -> None:
    """`y = x.view(-1); y += 1` and its like."""
    x = w.writable(lambda x: x.rank)
    if x is None:
        return
    view = w.choose((
        method(x.name, "view", -1), method(x.name, "detach"), method(x.name, "transpose", 0, -1),
        Item(x.name, basic_key(w, x.shape)), Item(x.name, basic_key(w, x.shape)),
        method(x.name, "unsqueeze", 0), method(x.name, "expand", 2, *x.shape),
    ))  # fmt: skip
    if w.chance(0.3):
        w.do(method(view, w.choose(("zero_", "neg_", "abs_", "square_"))))
        return
    made = w.define(view)
    if made is None:
        return
    if w.chance(0.3):
        w.define(Binary("*", made, 2))
    match w.random.randrange(4):
        case 0:
            w.emit(Augmented(made.name, w.choose("+-*"), w.number(x.dtype)))
        case 1:
            w.do(method(made, "copy_", w.beside(w.operand(made.name))))
        case 2:
            w.emit(SetItem(made, ..., w.number(x.dtype)))
        case _:
            w.do(method(made, "add_", x.name))


@family(6)
def by_indices(w: Writer) -> None:
    x = w.pick(lambda x: x.rank and x.count)
    if x is None or 0 in x.shape:
        return
    axis = w.axis(x.rank)
    extent = x.shape[axis] if -x.rank <= axis < x.rank else 1
    count = w.random.randint(1, 4)
    index = indices(w, extent, count)
    rows = list(x.shape)
    rows[axis % x.rank] = count
    full = method(
        call("tf.randint", 0, extent, tuple(rows), dtype=dtype_of("int64")) if w.own is None
        else call("tf.zeros", tuple(rows), dtype=dtype_of("int64")), "contiguous",
    )  # fmt: skip
    source = w.fresh(tuple(rows), x.dtype)
    place = "_" if w.chance(0.3) and not x.value.requires_grad and w.own is None else ""
    make = w.do if place else w.define
    match w.random.randrange(14):
        case 0:
            w.define(method(x.name, "index_select", axis, index))
        case 1:
            w.define(call("tf.take", x.name, index, axis=axis))
        case 2:
            w.define(method(x.name, "take", index))
        case 3 | 4:
            w.define(method(x.name, w.choose(("gather", "gather")), axis, full))
        case 5:
            w.define(method(x.name, "take_along_dim", full, axis))
        case 6:
            make(method(x.name, "scatter" + place, axis, full, source))
        case 7:
            reduce = w.choose(("add", "multiply"))
            make(method(x.name, "scatter" + place, axis, full, source, reduce=reduce))
        case 8:
            make(method(x.name, "scatter_add" + place, axis, full, source))
        case 9:
            make(method(x.name, "index_add" + place, axis, index, source))
        case 10:
            make(method(x.name, "index_copy" + place, axis, index, source))
        case 11:
            make(method(x.name, "index_fill" + place, axis, index, w.number(x.dtype)))
        case 12:
            of_axes = (*[None] * (axis % x.rank), index)
            make(method(x.name, "index_put" + place, of_axes, source, w.chance(0.5)))
        case _:
            w.define(call("tf.searchsorted", call("tf.sort", method(x.name, "flatten")), source))


@family(4)
def by_mask(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    mask = Binary(w.choose(("<", ">", "==")), x.name, w.number(x.dtype))
    match w.random.randrange(5):
        case 0:
            w.define(method(x.name, "masked_select", mask))
        case 1:
            w.define(method(x.name, "masked_fill", mask, w.number(x.dtype)))
        case 2 if not x.value.requires_grad and w.own is None:
            w.do(method(x.name, "masked_fill_", mask, w.number(x.dtype)))
        case 3:
            w.define(method(x.name, "masked_scatter", mask, w.fresh(x.shape, x.dtype)))
        case _:
            w.define(method(x.name, "nonzero"))


@family(2)
def swap(w: Writer) -> None:
    """Two names exchanged, or one bound to the other's tensor."""
    x, y = w.pick(), w.pick()
    if x is not None and y is not None and w.own is None:
        first, second = x.name.name, y.name.name
        w.emit(Assign((first, second), (y.name, x.name)) if w.chance(0.5) else Assign((first,), y.name))
