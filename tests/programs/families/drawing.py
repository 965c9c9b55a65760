"""Random numbers, from the common generator and from generators of one's own."""

from __future__ import annotations

from typing import Any

import tenfold as tf
from programs.language import Name
from programs.writer import FLOATS, Writer, call, dtype_of, family, method


def generator(w: Writer) -> Name | None:
    """A generator of the program, a new one where there is none (of the thread's own)."""
    names = [name for name, value in w.machine.names.items() if isinstance(value, tf.Generator)]
    if w.own is not None:
        names = [name for name in names if name in w.own]
    if names and w.chance(0.8):
        return Name(w.choose(names))
    made = w.define(call("tf.Generator"), prefix="generator")
    if made is not None:
        w.do(method(made, "manual_seed", w.random.randrange(100)))
    return made


@family(4)
def draw(w: Writer) -> None:
    options: dict[str, Any] = {}
    if w.own is not None or w.chance(0.4):
        options["generator"] = generator(w)
        if options["generator"] is None:
            return
    shape = w.shape()
    match w.random.randrange(7):
        case 0 | 1:
            w.define(call(w.choose(("tf.randn", "tf.rand")), *shape, **options, dtype=dtype_of(w.choose(FLOATS))))
        case 2:
            w.define(call("tf.randint", -3, 9, shape, **options))
        case 3:
            w.define(call("tf.randperm", w.random.randint(0, 40), **options))
        case 4:
            w.define(call("tf.bernoulli", call("tf.full", shape, 0.3), **options))
        case 5:
            weights = call("tf.tensor", [0.1, 2.0, 0.5, 1.0])
            w.define(call("tf.multinomial", weights, w.random.randint(1, 4), w.chance(0.5), **options))
        case _:
            w.define(call("tf.normal", 1.0, 2.0, shape, **options))


@family(2)
def draw_in_place(w: Writer) -> None:
    x = w.writable(lambda x: x.is_floating)
    if x is None:
        return
    options: dict[str, Any] = {"generator": generator(w)} if w.own is not None or w.chance(0.3) else {}
    if options and options["generator"] is None:
        return
    match w.random.randrange(3):
        case 0:
            w.do(method(x.name, "normal_", **options))
        case 1:
            w.do(method(x.name, "uniform_", -1.0, 2.0, **options))
        case _:
            w.do(method(x.name, "bernoulli_", 0.4, **options))


@family(0.7)
def state(w: Writer) -> None:
    """The state of the generator, taken and set again: what follows is drawn twice."""
    if w.own is not None:
        return
    saved = w.define(call("tf.get_rng_state"))
    w.define(call("tf.randn", *w.shape()))
    if saved is not None and w.chance(0.7):
        w.do(call("tf.set_rng_state", saved))
        w.define(call("tf.rand", *w.shape()))
    if w.chance(0.2):
        w.do(call("tf.manual_seed", w.random.randrange(1000)))
