"""Makes a failing program small, while it goes on failing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from programs.language import (
    Assign,
    Expression,
    Global,
    Name,
    Repeat,
    Statement,
    Threads,
    With,
    parts_of,
    walk,
    with_part,
)
from programs.writer import ALL

Program = tuple[Statement, ...]


def shrink(program: Program, fails: Callable[[Program], bool], tries: int = 4000) -> Program:
    """The smallest program found that fails, within a number of runs."""
    left = tries

    def attempt(candidate: Program) -> bool:
        nonlocal left
        left -= 1
        return fails(candidate)

    changed = True
    while changed and left > 0:
        changed = False
        for ways in (_without_statements, _unwrapped, _inlined, _simpler_parts, _smaller_numbers, _plainer_dtypes):
            found = True
            while found and left > 0:
                found = False
                for candidate in ways(program):
                    if left <= 0:
                        break
                    if attempt(candidate):
                        program, found, changed = candidate, True, True
                        break
    return program


def _without_statements(program: Program) -> Iterator[Program]:
    """Without a run of statements: long ones first, and from the end, where less depends on them."""
    length = len(program)
    size = length // 2
    while size:
        for start in range(length - size, -1, -size if size > 1 else -1):
            yield program[:start] + program[start + size :]
        size //= 2
    for position, statement in enumerate(program):
        for field, bodies in (("body", With), ("body", Repeat)):
            if isinstance(statement, bodies):
                for body in _without_statements(getattr(statement, field)):
                    yield _exchanged(program, position, replace(statement, body=body))
        if isinstance(statement, Threads):
            for number, inner in enumerate(statement.bodies):
                yield _exchanged(program, position, replace(statement, bodies=_without(statement.bodies, number)))
                for body in _without_statements(inner):
                    bodies = with_part(statement.bodies, number, body)
                    yield _exchanged(program, position, replace(statement, bodies=bodies))


def _unwrapped(program: Program) -> Iterator[Program]:
    """A block exchanged for its statements; fewer rounds of a loop."""
    for position, statement in enumerate(program):
        if isinstance(statement, (With, Repeat)):
            yield program[:position] + statement.body + program[position + 1 :]
        if isinstance(statement, Repeat) and statement.times > 2:
            for times in (2, statement.times // 2, statement.times - 1):
                yield _exchanged(program, position, replace(statement, times=times))


def _inlined(program: Program) -> Iterator[Program]:
    """An expression put where its name is read."""
    for position, statement in enumerate(program):
        if isinstance(statement, Assign) and len(statement.targets) == 1:
            name = Name(statement.targets[0])
            yield program[:position] + _everywhere(program[position + 1 :], name, statement.value)


def _simpler_parts(program: Program) -> Iterator[Program]:
    """An expression exchanged for one of its own parts; an argument or option left out."""
    for position, statement in enumerate(program):
        for simpler in _simpler(statement):
            yield _exchanged(program, position, simpler)


def _simpler(node: Any) -> Iterator[Any]:
    for index, part in enumerate(parts_of(node)):
        if isinstance(node, Assign) and part is node.targets:
            continue
        if isinstance(part, Expression):
            inner = [candidate for candidate in walk(part) if isinstance(candidate, Expression)]
            for candidate in inner[1:]:
                if not isinstance(candidate, Global):
                    yield with_part(node, index, candidate)
        if isinstance(part, (tuple, list)):
            for number in range(len(part)):
                yield with_part(node, index, _without(part, number))
        for simpler in _simpler(part):
            yield with_part(node, index, simpler)


def _smaller_numbers(program: Program) -> Iterator[Program]:
    """A number smaller, in all its places or in one."""
    numbers = sorted({node for node in walk(program) if type(node) is int and abs(node) > 1}, key=abs, reverse=True)
    for number in numbers:
        for smaller in dict.fromkeys((1, 2, 3, number // 2, number - 1 if number > 0 else number + 1)):
            if abs(smaller) < abs(number):
                yield _everywhere(program, number, smaller)
    for node in {node for node in walk(program) if type(node) in (int, float, complex) and node not in (0, 1)}:
        for simpler in (1, 0):
            yield from _in_one_place(program, node, type(node)(simpler))


def _plainer_dtypes(program: Program) -> Iterator[Program]:
    """Another dtype, in all its places."""
    order = ("float32", "int64", "float64", *ALL)
    for name in ALL:
        path = Global("tf." + name)
        if any(node == path for node in walk(program)):
            for other in order[: order.index(name)][:3]:
                yield _everywhere(program, path, Global("tf." + other))


def _everywhere(node: Any, old: Any, new: Any) -> Any:
    if type(node) is type(old) and node == old:
        return new
    for index, part in enumerate(parts_of(node)):
        changed = _everywhere(part, old, new)
        if changed is not part:
            node = with_part(node, index, changed)
    return node


def _in_one_place(node: Any, old: Any, new: Any) -> Iterator[Any]:
    for index, part in enumerate(parts_of(node)):
        if type(part) is type(old) and part == old:
            yield with_part(node, index, new)
        for changed in _in_one_place(part, old, new):
            yield with_part(node, index, changed)


def _exchanged(program: Program, position: int, statement: Statement) -> Program:
    return (*program[:position], statement, *program[position + 1 :])


def _without(parts: Any, number: int) -> Any:
    return parts[:number] + parts[number + 1 :]
