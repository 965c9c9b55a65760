"""Writes a program from a seed, running it on the way: what comes next depends on the shapes and dtypes there are."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tenfold as tf
from programs.language import (
    Assign,
    Attribute,
    Binary,
    Call,
    Delete,
    Evaluate,
    Expression,
    Global,
    Item,
    Name,
    Statement,
    walk,
)
from programs.running import Outcome, Program, Run, Variant, begin

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
FLOATS = ("float32", "float64", "float16", "bfloat16")
COMPLEX = ("complex64", "complex128")
ALL = ("bool", *INTEGERS, *FLOATS, *COMPLEX)

EXTENTS = (1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 11, 13)
# Just over a tile of 1 KB in float32, in float64, and a row that is no multiple of anything.
TILES = ((257,), (7, 13), (2, 129), (17, 16), (5, 61), (1, 300), (130, 2, 1))
# Just over a chunk of a reduction, rows beside it, and enough work for a second thread.
CHUNKS = ((16385,), (2, 8200), (129, 128), (3, 1, 5500), (33000,), (200, 171), (70000,))

ODD_NUMBERS = {
    "floating": (0.0, -0.0, 1.0, -1.0, 0.5, 3.0, -2.5, 1e-3, 1e4, 65504.0, 1e-40, math.inf, -math.inf, math.nan),
    "integer": (0, 1, -1, 2, 3, 7, -5, 100, 127, -128, 255, 2**15, 2**31 - 1, -(2**31)),
}  # fmt: skip


def call(path: str, *arguments: Any, **options: Any) -> Call:
    """``path(*arguments, **options)`` of something that exists before the program."""
    return Call(Global(path), arguments, tuple(options.items()))


def method(receiver: Expression, name: str, *arguments: Any, **options: Any) -> Call:
    """``receiver.name(*arguments, **options)``."""
    return Call(Attribute(receiver, name), arguments, tuple(options.items()))


def dtype_of(name: str) -> Global:
    """A dtype by its name."""
    return Global("tf." + name)


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor of the program: how it is written, and what is known of it."""

    name: Name
    value: tf.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> str:
        return self.value.dtype.name

    @property
    def rank(self) -> int:
        return len(self.value.shape)

    @property
    def count(self) -> int:
        return math.prod(self.value.shape)

    @property
    def is_floating(self) -> bool:
        return self.dtype in FLOATS


Family = Callable[["Writer"], None]
FAMILIES: list[tuple[float, Family]] = []


def family(weight: float) -> Callable[[Family], Family]:
    """Registers a function that adds statements to a program, with how often it is to be called."""

    def register(function: Family) -> Family:
        FAMILIES.append((weight, function))
        return function

    return register


class Writer:
    """A program in the making."""

    def __init__(self, seed: int, variant: Variant) -> None:
        self.random = random.Random(seed)
        self.machine = begin(variant)
        self.body: list[Statement] = []
        self.tensors: list[str] = []
        self.named = 0
        # Within a body of a thread: the names of its own; and those of them that are made of nothing but each other,
        # which alone may be written to: a view of what all threads see is read by others meanwhile.
        self.own: set[str] | None = None
        self.unshared: set[str] = set()
        self.large = self.random.random() < 0.015
        self.limit = 150_000 if self.large else 1500

    # --- Chance.

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def choose(self, options: Sequence[Any]) -> Any:
        return options[int(self.random.random() * len(options))]

    def shape(self, max_rank: int = 4, min_rank: int = 0) -> tuple[int, ...]:
        """A shape, small as a rule."""
        if min_rank <= 1 <= max_rank:
            if self.large and self.chance(0.5):
                return self.choose(CHUNKS)
            if self.chance(0.06):
                return self.choose(TILES)
        rank = min(max_rank, max(min_rank, self.choose((0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4))))
        extents = [self.choose(EXTENTS) for _ in range(rank)]
        if extents and self.chance(0.04):
            extents[self.random.randrange(rank)] = 0
        while math.prod(extents) > self.limit:
            extents[extents.index(max(extents))] = 1
        return tuple(extents)

    def dtype(self) -> str:
        """A dtype, float32 more often than others."""
        draw = self.random.random()
        if draw < 0.4:
            return "float32"
        if draw < 0.65:
            return self.choose(FLOATS)
        if draw < 0.88:
            return self.choose(("int64", "bool", *INTEGERS))
        return self.choose(COMPLEX)

    def number(self, dtype: str) -> Any:
        """A Python number that goes with a dtype."""
        if dtype == "bool":
            return self.chance(0.5)
        if dtype in INTEGERS:
            return abs(self.small()) if dtype in UNSIGNED else self.small()
        real = self.choose(ODD_NUMBERS["floating"]) if self.chance(0.25) else round(self.random.uniform(-3, 3), 2)
        if dtype in COMPLEX and self.chance(0.5):
            return complex(real, round(self.random.uniform(-2, 2), 2))
        return self.small() if self.chance(0.15) else real

    def small(self) -> int:
        """An integer; seldom one that does not fit everywhere."""
        return self.choose(ODD_NUMBERS["integer"]) if self.chance(0.15) else self.random.randint(-4, 6)

    def axis(self, rank: int) -> int:
        """An axis, counted from either side; seldom one that does not exist."""
        if rank == 0:
            return self.choose((0, -1))
        axis = self.random.randrange(rank)
        if self.chance(0.005):
            return rank + 1
        return axis - rank if self.chance(0.4) else axis

    def axes(self, rank: int) -> tuple[int, ...]:
        """Some axes, each once."""
        return tuple(sorted(self.random.sample(range(rank), self.random.randint(1, rank)))) if rank else ()

    # --- Statements.

    def emit(self, statement: Statement) -> bool:
        """Adds a statement and runs it; true where it did not raise."""
        self.body.append(statement)
        return self.machine.step(statement)

    def do(self, expression: Expression) -> bool:
        """Adds an expression for its effect."""
        return self.emit(Evaluate(expression))

    def new_name(self, prefix: str = "") -> str:
        """A name that no statement has used."""
        self.named += 1
        letters, number = prefix or "abcdefghijklmnopqrstuvwxyz"[(self.named - 1) % 26], (self.named - 1) // 26
        return f"{letters}{self.named}" if prefix else letters + (str(number) if number else "")

    def define(self, value: Any, prefix: str = "", count: int | None = None) -> Name | None:
        """Assigns a value (or, with a count, its parts) to new names; the last of them, where that went well."""
        names = tuple(self.new_name(prefix) for _ in range(count or 1))
        if count == 1:
            value = Item(value, 0)
        if not self.emit(Assign(names, value)):
            return None
        for name in names:
            self.note(name)
        return Name(names[-1])

    def note(self, name: str) -> None:
        """Takes notice of a name that was defined: tensors are operands from now on."""
        if self.own is not None:
            self.own.add(name)
            if {node.name for node in walk(self.body[-1]) if isinstance(node, Name)} <= self.unshared:
                self.unshared.add(name)
        value = self.machine.names.get(name)
        # What has grown too large is held, but nothing more is made of it.
        if isinstance(value, tf.Tensor) and name not in self.tensors and value.numel() <= 2 * self.limit:
            self.tensors.append(name)

    # --- Operands.

    def operand(self, name: str) -> Operand:
        return Operand(Name(name), self.machine.names[name])

    def find(self, test: Callable[[Operand], Any] = lambda _: True, tries: int = 7) -> Operand | None:
        """A tensor that passes a test, newer ones more often."""
        for _ in range(tries if self.tensors else 0):
            position = int(len(self.tensors) * self.random.random() ** 0.6)
            operand = self.operand(self.tensors[position])
            if test(operand):
                return operand
        return None

    def pick(self, test: Callable[[Operand], Any] = lambda _: True, dtype: str = "") -> Operand | None:
        """A tensor that passes a test; a new one where none is found."""
        found = self.find(test)
        if found is None:
            made = self.define(self.fresh(self.shape(), dtype or self.dtype()))
            found = self.operand(made.name) if made else None
            if found is not None and not test(found):
                return None
        return found

    def floating(self, min_rank: int = 0) -> Operand | None:
        """A tensor of a floating dtype."""
        found = self.find(lambda operand: operand.is_floating and operand.rank >= min_rank)
        if found is None:
            made = self.define(self.fresh(self.shape(min_rank=min_rank), self.choose(("float32", *FLOATS))))
            found = self.operand(made.name) if made else None
        return found

    def writable(self, test: Callable[[Operand], Any] = lambda _: True) -> Operand | None:
        """A tensor that may be written to in place (though the program may be told off for it)."""
        allowed = lambda operand: self.own is None or operand.name.name in self.unshared  # noqa: E731
        leaf = lambda operand: not (operand.value.requires_grad and operand.value.is_leaf)  # noqa: E731
        found = self.find(lambda operand: allowed(operand) and (leaf(operand) or self.chance(0.05)) and test(operand))
        if found is None:
            made = self.define(self.fresh(self.shape(), self.dtype()))
            found = self.operand(made.name) if made else None
            if found is not None and not test(found):
                return None
        return found

    def fresh(self, shape: tuple[int, ...], dtype: str, requires_grad: bool = False) -> Expression:
        """A new tensor with numbers of its own."""
        options: dict[str, Any] = {"dtype": dtype_of(dtype)}
        if requires_grad:
            options["requires_grad"] = True
        count = math.prod(shape)
        if dtype in FLOATS and count > 6 and self.chance(0.7) and self.own is None:
            return call(self.choose(("tf.randn", "tf.randn", "tf.rand")), *shape, **options)
        if count <= 16 and self.chance(0.9):
            return call("tf.tensor", self.nested(shape, dtype), **options)
        if dtype in INTEGERS and self.chance(0.6) and self.own is None:
            low = 0 if dtype in UNSIGNED else -5
            return call("tf.randint", low, self.choose((2, 5, 9, 100)), shape, **options)
        counts = dtype != "bool" and (dtype not in ("int8", "uint8") or count < 120)
        if counts and not requires_grad and self.chance(0.6):
            numbers = call("tf.arange", count, dtype=dtype_of(dtype))
            if dtype not in UNSIGNED and self.chance(0.7):
                numbers = Binary("-", numbers, count // 2)
            if dtype in FLOATS:
                numbers = Binary("*", numbers, self.choose((0.25, 1.5, -0.01)))
            return method(numbers, "reshape", shape)
        return call("tf.full", shape, self.number(dtype), **options)

    def nested(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Numbers in nested lists."""
        if not shape:
            return self.number(dtype)
        return [self.nested(shape[1:], dtype) for _ in range(shape[0])]

    def beside(self, operand: Operand, same: bool = False) -> Any:
        """Something to be combined with an operand, elementwise: a number, another tensor, a new one."""
        draw = self.random.random()
        if draw < 0.25:
            return self.number(operand.dtype)
        shape, dtype = operand.shape, operand.dtype
        if draw < 0.8:
            fits = lambda other: (not same or other.dtype == dtype) and broadcasts(shape, other.shape, self.limit)  # noqa: E731
            other = self.find(fits)
            if other is not None:
                return self.dressed(other) if self.chance(0.3) else other.name
        cut = self.random.randint(0, len(shape)) if self.chance(0.4) else 0
        other_shape = tuple(1 if extent and self.chance(0.2) else extent for extent in shape[cut:])
        other_dtype = dtype if same or self.chance(0.6) else self.dtype()
        return self.fresh(other_shape, other_dtype)

    def dressed(self, operand: Operand, depth: int = 2) -> Expression:
        """An operand within a few operations that keep its shape: temporaries that nobody names."""
        expression: Expression = operand.name
        calm = ("tanh", "sin", "sigmoid", "abs", "clone", "neg", "detach", "cos", "exp", "square")
        if not operand.is_floating:
            calm = ("abs", "clone", "neg", "contiguous", "detach", "square")
        for _ in range(self.random.randint(1, depth)):
            draw = self.random.random()
            if draw < 0.6:
                expression = method(expression, self.choose(calm))
            elif draw < 0.9:
                expression = Binary(self.choose("+-*"), expression, self.number(operand.dtype))
            else:
                expression = Binary(self.choose("+*"), expression, operand.name)
        return expression

    # --- Blocks.

    @contextmanager
    def block(self) -> Iterator[list[Statement]]:
        """Collects what is emitted instead of adding it to the program."""
        outer, self.body = self.body, []
        try:
            yield self.body
        finally:
            self.body = outer

    @contextmanager
    def thread(self) -> Iterator[tuple[Run, list[Statement]]]:
        """Writes the body of a thread, which sees all names and writes to its own."""
        outer, tensors = self.machine, list(self.tensors)
        self.machine, self.own, self.unshared = outer.branch(), set(), set()
        try:
            # A thread of its own begins with gradients on.
            with self.block() as body, tf.enable_grad():
                yield self.machine, body
        finally:
            self.machine, self.own, self.unshared, self.tensors = outer, None, set(), tensors

    def some(self, count: int) -> None:
        """Adds a few more steps."""
        for _ in range(count):
            self.random.choices(_FUNCTIONS, cum_weights=_CUMULATIVE)[0](self)


_FUNCTIONS: list[Family] = []
_CUMULATIVE: list[float] = []


def broadcasts(left: tuple[int, ...], right: tuple[int, ...], limit: int) -> bool:
    """True where two shapes broadcast to one that is not too large."""
    count = 1
    for number in range(1, max(len(left), len(right)) + 1):
        one = left[-number] if number <= len(left) else 1
        other = right[-number] if number <= len(right) else 1
        if one != other and 1 not in (one, other):
            return False
        count *= max(one, other) if one and other else 0
    return count <= limit


def write(seed: int, variant: Variant) -> tuple[Program, Outcome]:
    """A program, and what came of it in a variant."""
    if not _FUNCTIONS:
        from programs import families  # noqa: F401  (registers them)

        total = 0.0
        for weight, function in FAMILIES:
            total += weight
            _FUNCTIONS.append(function)
            _CUMULATIVE.append(total)
    writer = Writer(seed, variant)
    writer.do(call("tf.manual_seed", seed % 1000))
    for _ in range(writer.random.randint(1, 3)):
        writer.define(writer.fresh(writer.shape(), writer.dtype()))
    length = writer.random.choice((4, 8, 8, 12, 12, 20, 20, 40))
    while len(writer.body) < length:
        writer.some(1)
    if writer.chance(0.6):
        # Names that go before anybody looked: what they held is a step on the way to other values, or dead.
        names = list(writer.machine.names)
        for name in writer.random.sample(names, writer.random.randint(0, len(names) * 3 // 4)):
            writer.emit(Delete(name))
    return tuple(writer.body), writer.machine.finish(variant.backwards)
