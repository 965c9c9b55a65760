"""The language of the programs: expressions and statements as data, which can be run, printed and made smaller.

An expression is an ``Expression``, a constant, or a list, tuple or slice of expressions. Nodes are immutable: shrinking
builds new ones.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from typing import Any

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "&": operator.and_, "|": operator.or_,
    "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
INPLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv, "//": operator.ifloordiv,
    "%": operator.imod, "**": operator.ipow, "@": operator.imatmul, "&": operator.iand, "|": operator.ior,
    "^": operator.ixor, "<<": operator.ilshift, ">>": operator.irshift,
}  # fmt: skip
UNARY: dict[str, Callable[[Any], Any]] = {"-": operator.neg, "~": operator.invert, "+": operator.pos}

Environment = dict[str, Any]


class Undefined(Exception):
    """A name that an earlier statement failed to define: the statement is skipped."""


class Expression:
    """Something with a value."""

    __slots__ = ()

    def evaluate(self, names: Environment) -> Any:
        """The value, computed now."""
        raise NotImplementedError

    def source(self) -> str:
        """The expression in Python."""
        raise NotImplementedError


def value_of(expression: Any, names: Environment) -> Any:
    """The value of an expression, of a constant, or of a container of both."""
    if isinstance(expression, Expression):
        return expression.evaluate(names)
    if isinstance(expression, (tuple, list)):
        return type(expression)(value_of(part, names) for part in expression)
    return expression


def source_of(expression: Any) -> str:
    """An expression, a constant, or a container of both in Python."""
    if isinstance(expression, Expression):
        return expression.source()
    if isinstance(expression, tuple):
        return f"({', '.join(map(source_of, expression))}{',' if len(expression) == 1 else ''})"
    if isinstance(expression, list):
        return "[" + ", ".join(map(source_of, expression)) + "]"
    if isinstance(expression, slice):
        return f"slice({expression.start}, {expression.stop}, {expression.step})"
    if isinstance(expression, (float, complex)):
        return _number_source(expression)
    return "..." if expression is Ellipsis else repr(expression)


def _number_source(number: complex) -> str:
    if isinstance(number, complex):
        return f"complex({_number_source(number.real)}, {_number_source(number.imag)})"
    finite = number - number == 0.0
    return repr(number) if finite else f'float("{number}")'


@dataclass(frozen=True, slots=True)
class Name(Expression):
    """A variable of the program."""

    name: str

    def evaluate(self, names: Environment) -> Any:
        try:
            return names[self.name]
        except KeyError:
            raise Undefined(self.name) from None

    def source(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Global(Expression):
    """Something that exists before the program: ``tf.float32``, ``F.softmax``, ``double``."""

    path: str

    def evaluate(self, names: Environment) -> Any:
        return find_global(self.path)

    def source(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A call; ``function`` is an expression."""

    function: Expression
    arguments: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def evaluate(self, names: Environment) -> Any:
        function = self.function.evaluate(names)
        arguments = [value_of(argument, names) for argument in self.arguments]
        if self.options:
            return function(*arguments, **{name: value_of(value, names) for name, value in self.options})
        return function(*arguments)

    def source(self) -> str:
        parts = [source_of(argument) for argument in self.arguments]
        parts += [f"{name}={source_of(value)}" for name, value in self.options]
        return f"{self.function.source()}({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Attribute(Expression):
    """``receiver.name``."""

    receiver: Expression
    name: str

    def evaluate(self, names: Environment) -> Any:
        return getattr(self.receiver.evaluate(names), self.name)

    def source(self) -> str:
        return f"{self.receiver.source()}.{self.name}"


@dataclass(frozen=True, slots=True)
class Item(Expression):
    """``receiver[key]``."""

    receiver: Expression
    key: Any

    def evaluate(self, names: Environment) -> Any:
        return self.receiver.evaluate(names)[value_of(self.key, names)]

    def source(self) -> str:
        return f"{self.receiver.source()}[{key_source(self.key)}]"


def key_source(key: Any) -> str:
    """What stands between the brackets."""
    if isinstance(key, tuple) and key:
        return ", ".join(map(key_source, key)) + ("," if len(key) == 1 else "")
    if isinstance(key, slice):
        text = ":".join("" if part is None else str(part) for part in (key.start, key.stop, key.step))
        return text.removesuffix(":") if key.step is None else text
    return source_of(key)


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """``left operator right``."""

    operator: str
    left: Any
    right: Any

    def evaluate(self, names: Environment) -> Any:
        return BINARY[self.operator](value_of(self.left, names), value_of(self.right, names))

    def source(self) -> str:
        return f"({source_of(self.left)} {self.operator} {source_of(self.right)})"


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """``operator operand``."""

    operator: str
    operand: Any

    def evaluate(self, names: Environment) -> Any:
        return UNARY[self.operator](value_of(self.operand, names))

    def source(self) -> str:
        return f"({self.operator}{source_of(self.operand)})"


class Statement:
    """One step of a program."""

    __slots__ = ()

    def run(self, machine: Machine) -> None:
        """Does it."""
        raise NotImplementedError

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        """The statement in Python; inner statements whose id is in ``raised`` stand in a ``try``."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Assign(Statement):
    """``name = value``, or ``first, second = value``."""

    targets: tuple[str, ...]
    value: Any

    def run(self, machine: Machine) -> None:
        value = value_of(self.value, machine.names)
        if len(self.targets) == 1:
            machine.names[self.targets[0]] = value
        else:
            machine.names.update(zip(self.targets, value, strict=True))

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield f"{', '.join(self.targets)} = {source_of(self.value)}"


@dataclass(frozen=True, slots=True)
class Evaluate(Statement):
    """An expression for its effect."""

    expression: Expression

    def run(self, machine: Machine) -> None:
        self.expression.evaluate(machine.names)

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield self.expression.source()


@dataclass(frozen=True, slots=True)
class Look(Statement):
    """An expression whose value is taken down at once."""

    expression: Expression

    def run(self, machine: Machine) -> None:
        machine.look(self.expression.evaluate(machine.names))

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield f"print({self.expression.source()})"


@dataclass(frozen=True, slots=True)
class Augmented(Statement):
    """``name += value``."""

    name: str
    operator: str
    value: Any

    def run(self, machine: Machine) -> None:
        names = machine.names
        before = Name(self.name).evaluate(names)
        names[self.name] = INPLACE[self.operator](before, value_of(self.value, names))

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield f"{self.name} {self.operator}= {source_of(self.value)}"


@dataclass(frozen=True, slots=True)
class SetItem(Statement):
    """``receiver[key] = value``, or ``receiver[key] += value`` where there is an operator."""

    receiver: Expression
    key: Any
    value: Any
    operator: str = ""

    def run(self, machine: Machine) -> None:
        names = machine.names
        receiver, key = self.receiver.evaluate(names), value_of(self.key, names)
        if self.operator:
            receiver[key] = INPLACE[self.operator](receiver[key], value_of(self.value, names))
        else:
            receiver[key] = value_of(self.value, names)

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield f"{self.receiver.source()}[{key_source(self.key)}] {self.operator}= {source_of(self.value)}"


@dataclass(frozen=True, slots=True)
class SetAttribute(Statement):
    """``receiver.name = value``."""

    receiver: Expression
    name: str
    value: Any

    def run(self, machine: Machine) -> None:
        setattr(self.receiver.evaluate(machine.names), self.name, value_of(self.value, machine.names))

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield f"{self.receiver.source()}.{self.name} = {source_of(self.value)}"


@dataclass(frozen=True, slots=True)
class Delete(Statement):
    """``del name``."""

    name: str

    def run(self, machine: Machine) -> None:
        if machine.names.pop(self.name, None) is None:
            raise Undefined(self.name)

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield f"del {self.name}"


@dataclass(frozen=True, slots=True)
class With(Statement):
    """``with context: body``."""

    context: Expression
    body: tuple[Statement, ...]

    def run(self, machine: Machine) -> None:
        with self.context.evaluate(machine.names) or nullcontext():
            machine.run(self.body)

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield f"with {self.context.source()}:"
        yield from indented(self.body, raised)


@dataclass(frozen=True, slots=True)
class Repeat(Statement):
    """``for _ in range(times): body``."""

    times: int
    body: tuple[Statement, ...]

    def run(self, machine: Machine) -> None:
        for _ in range(self.times):
            machine.run(self.body)

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        yield f"for _ in range({self.times}):"
        yield from indented(self.body, raised)


@dataclass(frozen=True, slots=True)
class Threads(Statement):
    """Runs bodies at once, each on a thread of its own with a copy of the names; what a body defined is kept."""

    bodies: tuple[tuple[Statement, ...], ...]

    def run(self, machine: Machine) -> None:
        machine.run_threads(self.bodies)

    def lines(self, raised: Collection[int] = ()) -> Iterator[str]:
        names = []
        for number, body in enumerate(self.bodies):
            names.append(f"body_{number}")
            yield f"def body_{number}():"
            defined = sorted(defined_names(body))
            if defined:
                yield f"    global {', '.join(defined)}"
            yield from indented(body, raised)
        yield f"run_threads({', '.join(names)})"


def indented(body: tuple[Statement, ...], raised: Collection[int]) -> Iterator[str]:
    """The lines of a block."""
    for statement in body:
        for line in guarded(statement, raised):
            yield "    " + line
    if not body:
        yield "    pass"


def guarded(statement: Statement, raised: Collection[int]) -> Iterator[str]:
    """The lines of a statement, within a ``try`` where it raised."""
    if id(statement) not in raised:
        yield from statement.lines(raised)
        return
    yield "try:"
    yield from ("    " + line for line in statement.lines(raised))
    yield "except Exception as error:"
    yield "    print(repr(error))"


class Machine:
    """What runs statements: the program's names, and a hook for what is looked at and for what is raised."""

    def __init__(self) -> None:
        self.names: Environment = {}

    def look(self, value: Any) -> None:
        """Takes a value down."""
        raise NotImplementedError

    def run(self, body: tuple[Statement, ...]) -> None:
        """Runs statements, each on its own: an exception is taken down and the next statement follows."""
        raise NotImplementedError

    def run_threads(self, bodies: tuple[tuple[Statement, ...], ...]) -> None:
        """Runs each body on a thread."""
        raise NotImplementedError


GLOBALS: dict[str, Any] = {}


def find_global(path: str) -> Any:
    """What a dotted path names."""
    found = GLOBALS.get(path)
    if found is None:
        found, *rest = path.split(".")
        found = GLOBALS[found]
        for part in rest:
            found = getattr(found, part)
        GLOBALS[path] = found
    return found


def parts_of(node: Any) -> Iterator[Any]:
    """The direct parts of a node or container that are nodes, containers or constants."""
    if isinstance(node, (Expression, Statement)):
        for field in fields(node):
            yield getattr(node, field.name)
    elif isinstance(node, (tuple, list)):
        yield from node


def positions(program: tuple[Statement, ...]) -> list[Statement]:
    """All statements, those within blocks included, in the order in which they are written."""
    return [node for node in walk(program) if isinstance(node, Statement)]


def with_part(node: Any, index: int, part: Any) -> Any:
    """The node with one direct part exchanged."""
    if isinstance(node, (Expression, Statement)):
        return replace(node, **{fields(node)[index].name: part})
    return type(node)((*node[:index], part, *node[index + 1 :]))


def walk(node: Any) -> Iterator[Any]:
    """A node and everything within it."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


def defined_names(body: tuple[Statement, ...]) -> set[str]:
    """The names that statements assign."""
    names: set[str] = set()
    for node in walk(body):
        if isinstance(node, Assign):
            names.update(node.targets)
        elif isinstance(node, Augmented):
            names.add(node.name)
    return names
