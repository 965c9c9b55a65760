"""Scalar operations, with broadcasting, mixed dtypes, Python numbers, in place and not."""

from __future__ import annotations

import tenfold as tf
from programs.language import Augmented, Binary, Unary
from programs.writer import ALL, FLOATS, INTEGERS, Writer, call, dtype_of, family, method

# The names of the operation table by their number of arguments; `real` and `imag` are attributes of a tensor, and the
# sign of a computed NaN, which `signbit` shows, is the processor's.
ROWS = {
    count: [
        row["name"] for row in tf._core._operation_table()
        if len(row["arguments"]) == count and row["name"] not in ("real", "imag", "signbit")
    ] for count in (1, 2)
}  # fmt: skip
# Operations whose results stay finite and moderate, so that long chains keep numbers worth comparing.
CALM = ("tanh", "sigmoid", "sin", "cos", "neg", "abs", "relu", "atan", "erf", "exp", "sqrt", "square", "silu", "floor")
CALM_PAIRS = ("add", "sub", "mul", "maximum", "minimum", "add", "mul", "div", "atan2", "remainder")
FOR_INTEGERS = ("add", "sub", "mul", "bitwise_and", "bitwise_or", "bitwise_xor", "floor_divide", "remainder", "maximum")
FOR_INTEGERS_ALONE = ("neg", "abs", "sign", "square", "bitwise_not", "logical_not", "positive", "relu")
SIGNS = ("+", "-", "*", "/", "+", "-", "*", "//", "%", "**")
BIT_SIGNS = ("&", "|", "^", "<<", ">>")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


@family(9)
def unary(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    calm = FOR_INTEGERS_ALONE if x.dtype in (*INTEGERS, "bool") else CALM
    name = w.choose(calm) if w.chance(0.6) else w.choose(ROWS[1])
    inner = w.dressed(x) if w.chance(0.3) else x.name
    if w.chance(0.12):
        w.define(Unary(w.choose("-~+") if x.dtype in INTEGERS else "-", inner))
    elif w.chance(0.2):
        w.define(call("tf." + name, inner))
    else:
        w.define(method(inner, name))


@family(2)
def unary_in_place(w: Writer) -> None:
    x = w.writable(lambda x: x.is_floating or w.chance(0.3))
    if x is None:
        return
    calm = CALM if x.is_floating else FOR_INTEGERS_ALONE
    w.do(method(x.name, (w.choose(calm) if w.chance(0.7) else w.choose(ROWS[1])) + "_"))


@family(13)
def binary(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    integers = x.dtype in INTEGERS
    other = w.beside(x)
    inner = w.dressed(x) if w.chance(0.3) else x.name
    draw = w.random.random()
    if draw < 0.45:
        sign = w.choose(BIT_SIGNS) if (integers or x.dtype == "bool") and w.chance(0.3) else w.choose(SIGNS)
        left, right = (other, inner) if w.chance(0.2) else (inner, other)
        w.define(Binary(sign, left, right))
    elif draw < 0.6:
        w.define(Binary(w.choose(COMPARISONS), inner, other))
    else:
        name = w.choose(FOR_INTEGERS if integers else CALM_PAIRS) if w.chance(0.6) else w.choose(ROWS[2])
        w.define(call("tf." + name, inner, other) if w.chance(0.3) else method(inner, name, other))


@family(6)
def binary_in_place(w: Writer) -> None:
    x = w.writable()
    if x is None:
        return
    other = w.beside(x, same=True)
    if w.chance(0.6):
        bits = x.dtype in (*INTEGERS, "bool") and w.chance(0.4)
        sign = w.choose(BIT_SIGNS) if bits else w.choose("+-*+-*+-*/%")
        w.emit(Augmented(x.name.name, sign, other))
        w.note(x.name.name)
    else:
        calm = FOR_INTEGERS if x.dtype in INTEGERS else CALM_PAIRS
        name = w.choose(calm) if w.chance(0.75) else w.choose(ROWS[2])
        w.do(method(x.name, name + "_", other))


@family(2)
def with_options(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    other = w.beside(x)
    match w.random.randrange(7):
        case 0:
            w.define(method(x.name, w.choose(("add", "sub")), other, alpha=w.number(x.dtype)))
        case 1:
            w.define(method(x.name, "div", other, rounding_mode=w.choose((None, "floor", "trunc"))))
        case 2:
            w.define(method(x.name, "round", decimals=w.random.randint(-1, 2)))
        case 3:
            w.define(method(x.name, "nan_to_num", *((0.5, 100.0, -100.0) if w.chance(0.5) else ())))
        case 4:
            w.define(method(x.name, "clamp", w.number(x.dtype), other if w.chance(0.3) else w.number(x.dtype)))
        case 5:
            w.define(method(x.name, "lerp", w.beside(x, same=True), w.choose((0.25, 0.75, 1.5))))
        case _:
            w.define(method(x.name, "isclose", other))


@family(4)
def where(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    condition = Binary(w.choose(COMPARISONS), x.name, w.number(x.dtype))
    mask = w.find(lambda mask: mask.dtype == "bool" and mask.shape == x.shape)
    if mask is not None and w.chance(0.7):
        condition = mask.name
    left = w.dressed(x) if w.chance(0.4) else x.name
    right = w.beside(x)
    w.define(call("tf.where", condition, *((left, right) if w.chance(0.7) else (right, left))))


@family(5)
def cast(w: Writer) -> None:
    x = w.pick()
    if x is None:
        return
    # Complex to real is refused.
    target = w.choose(ALL) if x.dtype not in ("complex64", "complex128") or w.chance(0.1) else "complex64"
    if w.chance(0.5):
        target = w.choose(FLOATS) if not x.dtype.startswith("complex") else "complex128"
    inner = w.dressed(x) if w.chance(0.3) else x.name
    if w.chance(0.2):
        w.define(method(inner, w.choose(("float", "double", "half", "bfloat16", "long", "int", "bool", "byte"))))
    else:
        w.define(method(inner, "to", dtype_of(target)))


@family(5)
def chain(w: Writer) -> None:
    """A longer expression without names: what fusion is for."""
    x = w.floating()
    if x is None:
        return
    expression = w.dressed(x, depth=4)
    for _ in range(w.random.randint(1, 3)):
        draw = w.random.random()
        if draw < 0.5:
            expression = Binary(w.choose("+-*+*/"), expression, w.beside(x))
        elif draw < 0.8:
            expression = method(expression, w.choose(CALM))
        else:
            expression = method(expression, "to", dtype_of(w.choose(FLOATS)))
    w.define(expression)


@family(2)
def made_alike(w: Writer) -> None:
    """Tensors in the likeness of another."""
    x = w.pick()
    if x is None:
        return
    match w.random.randrange(6):
        case 0:
            w.define(call(w.choose(("tf.zeros_like", "tf.ones_like")), x.name))
        case 1:
            w.define(call("tf.full_like", x.name, w.number(x.dtype)))
        case 2:
            w.define(method(x.name, "new_full", w.shape(max_rank=2), w.number(x.dtype)))
        case 3:
            w.define(method(w.fresh(w.shape(), w.dtype()), "type_as", x.name))
        case 4:
            w.define(call("tf.eye", w.random.randint(0, 5), w.random.randint(0, 5), dtype=dtype_of(x.dtype)))
        case _:
            w.define(call("tf.linspace", w.small(), w.small(), w.random.randint(0, 9)))
