"""Movement: views and copies in another order."""

from __future__ import annotations

from math import prod

from programs.language import Attribute
from programs.writer import Operand, Writer, call, family, method


def other_shape(w: Writer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Another shape of the same number of elements (as a rule)."""
    count = prod(shape)
    if count == 0:
        return w.choose((shape[::-1], (0,), (0, 3)))
    factors: list[int] = []
    rest, divisor = count, 2
    while divisor * divisor <= rest:
        while rest % divisor == 0:
            factors.append(divisor)
            rest //= divisor
        divisor += 1
    factors += [rest] if rest > 1 else []
    w.random.shuffle(factors)
    extents = [1] * w.random.randint(1, 4)
    for factor in factors:
        extents[w.random.randrange(len(extents))] *= factor
    if w.chance(0.3):
        extents[w.random.randrange(len(extents))] = -1
    return (*extents, 2) if w.chance(0.01) else tuple(extents)


def moved(w: Writer, x: Operand) -> object:
    """An expression of a tensor's elements in another order or shape."""
    name, rank, shape = x.name, x.rank, x.shape
    axis = w.axis(rank)
    extent = shape[axis] if -rank <= axis < rank else 1
    match w.random.randrange(22):
        case 0 | 1:
            return method(name, w.choose(("reshape", "view", "reshape")), *other_shape(w, shape))
        case 2:
            return method(name, "flatten", *((min(axis % max(rank, 1), rank - 1),) if rank > 1 else ()))
        case 3 | 4:
            return method(name, "transpose", axis, w.axis(rank))
        case 5:
            return method(name, "permute", tuple(w.random.sample(range(rank), rank)))
        case 6:
            return Attribute(name, "mT") if rank > 1 else method(name, "clone")
        case 7:
            return method(name, "unsqueeze", w.random.randint(-rank - 1, rank))
        case 8:
            return method(name, "squeeze", *((axis,) if w.chance(0.5) else ()))
        case 9 | 10:
            grown = [w.choose((2, 3)) if size == 1 and x.count * 3 < w.limit else size for size in shape]
            lead = (2,) if x.count * 6 < w.limit and w.chance(0.4) else ()
            return method(name, "expand", *lead, *grown)
        case 11 | 12:
            return method(name, "flip", *w.axes(rank))
        case 13:
            return method(name, "roll", w.random.randint(-3, 5), *((axis,) if w.chance(0.6) else ()))
        case 14:
            start = w.random.randint(0, extent)
            return method(name, "narrow", axis, start, w.random.randint(0, extent - start))
        case 15:
            return method(name, "select", axis, w.random.randint(-extent, extent - 1) if extent else 0)
        case 16:
            size = w.random.randint(1, max(1, min(3, extent)))
            return method(name, "unfold", axis, size, w.random.randint(1, 3)) if x.count * 3 < w.limit else name
        case 17:
            return method(name, w.choose(("tril", "triu", "diagonal")), w.random.randint(-1, 2))
        case 18:
            repeats = [w.random.randint(1, 2) for _ in shape]
            fits = x.count * prod(repeats) < w.limit
            return method(name, w.choose(("repeat", "tile")), *repeats) if fits and rank else method(name, "clone")
        case 19:
            return method(name, w.choose(("contiguous", "clone", "detach")))
        case 20:
            return method(name, "diff", 1, axis)
        case _:
            if x.dtype.startswith("complex"):
                return Attribute(name, w.choose(("real", "imag")))
            return method(name, "reshape", -1)


@family(12)
def movement(w: Writer) -> None:
    x = w.pick()
    if x is not None:
        w.define(moved(w, x))


@family(4)
def movement_within(w: Writer) -> None:
    """Movement in the middle of an expression, where it can be folded into what reads it."""
    x = w.pick()
    if x is None:
        return
    expression = moved(w, x)
    calm = "tanh" if x.is_floating else "abs"
    w.define(method(method(expression, calm), w.choose(("clone", "abs", "square", "neg"))))


@family(4)
def joining(w: Writer) -> None:
    x = w.pick()
    if x is None or x.count * 3 > w.limit:
        return
    axis = w.axis(x.rank)
    if w.chance(0.4):
        others = [w.find(lambda other: other.shape == x.shape) for _ in range(w.random.randint(0, 2))]
        parts = [x.name, *(other.name for other in others if other is not None)]
        w.define(call("tf.stack", parts, axis=axis))
        return
    fits = lambda other: (  # noqa: E731
        other.rank == x.rank > 0 and other.count < w.limit // 3
        and all(a == b for i, (a, b) in enumerate(zip(other.shape, x.shape, strict=True)) if i != axis % x.rank)
    )  # fmt: skip
    others = [w.find(fits) for _ in range(w.random.randint(1, 2))]
    parts = [w.dressed(x) if w.chance(0.3) else x.name, *(other.name for other in others if other is not None)]
    name, option = w.choose((("tf.cat", "dim"), ("tf.concat", "axis")))
    w.define(call(name, parts, **{option: axis}))


@family(2)
def moved_like(w: Writer) -> None:
    """Movement whose shape another tensor gives, and views by strides."""
    x = w.pick()
    if x is None or x.count * 3 > w.limit:
        return
    match w.random.randrange(5):
        case 0:
            w.define(call("tf.broadcast_to", x.name, (2, *x.shape)))
        case 1:
            w.define(call("tf.meshgrid", method(x.name, "flatten"), w.fresh((3,), x.dtype)), count=2)
        case 2 if x.count > 4:
            w.define(method(x.name, "as_strided", (2, 2), (w.choose((1, 2)), 1), 1))
        case 3 if x.rank:
            w.define(method(x.name, "unflatten", 0, (-1, 1)))
        case _:
            w.define(method(method(x.name, "flatten"), "view_as", x.name))


@family(3)
def taking_apart(w: Writer) -> None:
    x = w.pick(lambda x: x.rank > 0 and 0 < x.shape[0] < 20)
    if x is None:
        return
    extent = x.shape[0]
    match w.random.randrange(3):
        case 0:
            size = w.random.randint(1, extent)
            w.define(method(x.name, "split", size), count=-(-extent // size))
        case 1:
            w.define(method(x.name, "chunk", 1))
        case _ if extent <= 4:
            w.define(method(x.name, "unbind"), count=extent)
