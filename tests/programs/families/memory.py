"""Looks in the middle, borrowed memory, names that go, loops, threads, copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from programs.language import Assign, Augmented, Binary, Delete, Evaluate, Global, Item, Look, Repeat, SetItem, Threads
from programs.writer import COMPLEX, FLOATS, INTEGERS, Writer, call, dtype_of, family, method

WITH_NUMPY = ("float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool", "complex64")


@family(5)
def look(w: Writer) -> None:
    x = w.find(lambda x: x.count == 1 or w.chance(0.3))
    if x is None:
        return
    if x.count == 1 and w.chance(0.9):
        kinds = ("bool", "float", "int") if x.dtype not in COMPLEX else ("bool", "complex")
        w.emit(Look(method(x.name, "item") if w.chance(0.5) else call(w.choose(kinds), x.name)))
        return
    match w.random.randrange(5):
        case 0:
            w.emit(Look(method(x.name, "tolist")))
        case 1:
            w.emit(Look(call("repr", x.name)))
        case 2:
            w.emit(Look(method(method(x.name, "isnan"), "any")))
        case 3:
            w.emit(Look(call("bool", method(Binary("==", x.name, x.name), "all"))))
        case _:
            floats = method(x.name, "detach") if x.dtype != "bfloat16" else method(method(x.name, "detach"), "float")
            w.emit(Look(method(floats, "numpy")))


@family(3)
def handed_out(w: Writer) -> None:
    """A NumPy view of a tensor's memory, and a write to the tensor after it."""
    x = w.writable(lambda x: x.dtype != "bfloat16" and not x.value.requires_grad)
    if x is None:
        return
    array = w.define(method(x.name, "numpy"), prefix="array")
    if array is not None and w.chance(0.7):
        w.do(method(x.name, "add_", 1) if x.dtype in (*INTEGERS, *FLOATS) else method(x.name, "zero_"))


@family(3)
def borrowed(w: Writer) -> None:
    """A tensor over NumPy's memory, something made of it, and a write by NumPy afterwards."""
    shape = w.shape(max_rank=2)
    count = int(np.prod(shape))
    if count > 2000:
        return
    dtype = w.choose(WITH_NUMPY)
    numbers = call("np.zeros", shape, Global("np.bool_"))
    if dtype != "bool":
        numbers = method(call("np.arange", count, dtype=Global("np." + dtype)), "reshape", shape)
    array = w.define(numbers, prefix="array")
    if array is None:
        return
    x = w.define(call(w.choose(("tf.from_numpy", "tf.asarray", "tf.tensor")), array))
    if x is None:
        return
    operand = w.operand(x.name)
    w.define(w.dressed(operand))
    if w.chance(0.4) and w.own is None:
        w.some(1)
    w.emit(SetItem(array, ..., w.choose((5, 0, 1))))
    w.define(w.dressed(operand) if w.chance(0.5) else Binary("+", x, w.beside(operand)))


@family(5)
def forget(w: Writer) -> None:
    names = [name for name in w.machine.names if w.own is None or name in w.own]
    if len(names) < 2:
        return
    name = w.choose(names)
    w.emit(Delete(name))
    if name in w.tensors:
        w.tensors.remove(name)


@family(2.5)
def accumulate(w: Writer) -> None:
    """Loops like `total = total + loss` and `x[i] = v`."""
    x = w.floating()
    if x is None or w.own is not None:
        return
    total = w.define(call("tf.zeros", (), dtype=dtype_of(x.dtype)) if w.chance(0.6) else method(x.name, "clone"))
    if total is None:
        return
    kind = w.random.randrange(4)
    times = w.choose((2, 3, 5, 40)) if not w.large else 2
    if w.chance(0.01) and x.count < 20:
        times = 1100
    operand = w.operand(total.name)
    step: list[Any]
    if kind == 0:
        step = [Assign((total.name,), Binary("+", total, method(w.dressed(x), "mean")))]
    elif kind == 1:
        step = [Augmented(total.name, w.choose("+-"), Binary("*", method(x.name, "sum"), 0.125))]
    elif kind == 2:
        step = [Assign((total.name,), Binary("+", Binary("*", total, 0.5), w.number(x.dtype)))]
        if w.chance(0.5):
            step.append(Evaluate(method(total, "sin_")))
    elif operand.rank:
        step = [SetItem(total, w.choose((0, -1, slice(None, None, 2))), w.number(x.dtype), w.choose(("", "+")))]
    else:
        step = [Evaluate(method(total, "add_", 1))]
    w.emit(Repeat(times, tuple(step)))
    w.note(total.name)


@family(1)
def together(w: Writer) -> None:
    """Two or three bodies on threads of their own, which read the tensors there are."""
    if w.own is not None:
        return
    bodies = []
    branches = []
    for _ in range(w.choose((2, 2, 3))):
        with w.thread() as (branch, body):
            w.some(w.random.randint(2, 5))
        bodies.append(tuple(body))
        branches.append(branch)
    w.machine.merge(branches, tuple(bodies))
    w.body.append(Threads(tuple(bodies)))
    for name in w.machine.names:
        w.note(name)


@family(1.5)
def copies(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    match w.random.randrange(4):
        case 0:
            w.define(call("copy.deepcopy", x.name))
        case 1:
            w.define(call("copy.copy", x.name))
        case 2:
            w.define(call("pickle.loads", call("pickle.dumps", method(x.name, "detach"))))
        case _:
            w.define(call("tf.tensor", method(method(x.name, "detach"), "tolist")))


@family(1)
def same_thing_twice(w: Writer) -> None:
    """One expression computed twice: equal pure nodes, which must not become one where they are written to."""
    x = w.floating()
    if x is None:
        return
    expression = w.dressed(x, depth=3)
    first, second = w.define(expression), w.define(expression)
    if first is not None and second is not None and w.chance(0.6) and x.name != first and w.own is None:
        w.do(method(first, "add_", 1))
        w.define(Binary("-", first, second))


@family(0.5)
def iterate(w: Writer) -> None:
    x = w.find(lambda x: x.rank > 0 and 0 < x.shape[0] <= 4)
    if x is not None:
        w.define(call("list", Item(x.name, slice(None, None, -1))), count=x.shape[0])
