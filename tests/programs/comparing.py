"""Where two outcomes differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from programs.running import PANIC, Elements, Outcome


def difference(expected: Outcome, found: Outcome) -> str | None:
    """The first difference in words, or nothing."""
    events = [event[1:] for event in (*expected.trace, *found.trace)]
    for event in (*events, *expected.held.values(), *found.held.values()):
        if isinstance(event, tuple) and event[0] == PANIC:
            return f"a panic: {event[1]}"
    for number, (left, right) in enumerate(zip(expected.trace, found.trace, strict=False)):
        if text := unlike(left, right):
            return f"look or exception {number}: {text}"
    if len(expected.trace) != len(found.trace):
        longer = max(expected.trace, found.trace, key=len)
        number = min(len(expected.trace), len(found.trace))
        return f"{len(expected.trace)} looks and exceptions, not {len(found.trace)}; the first more: {longer[number]}"
    for name in {**expected.held, **found.held}:
        if name not in expected.held or name not in found.held:
            return f"{name} exists in one run alone"
        if text := unlike(expected.held[name], found.held[name]):
            return f"{name}: {text}"
    return None


def unlike(left: Any, right: Any) -> str | None:
    """How two observations differ, or nothing."""
    if isinstance(left, Elements) and isinstance(right, Elements):
        return unlike_elements(left, right)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)) and len(left) == len(right):
        texts = (unlike(*pair) for pair in zip(left, right, strict=True))
        return next(filter(None, texts), None)
    return None if left == right else f"{left!r}, not {right!r}"


def unlike_elements(left: Elements, right: Elements) -> str | None:
    about = [(one.kind, one.dtype, one.shape, one.about) for one in (left, right)]
    if about[0] != about[1]:
        return f"{about[0]}, not {about[1]}"
    if left.data == right.data:
        return None
    numbers = left.numbers(), right.numbers()
    bits = [np.frombuffer(one.tobytes(), f"V{one.itemsize}") for one in numbers]
    places = np.flatnonzero(bits[0] != bits[1])
    if not len(places):
        return None
    place = places[0]
    many = f"{len(places)} of {len(bits[0])} elements differ, the first at {place}"
    return f"{left.dtype} of shape {left.shape}: {many}: {numbers[0][place]!r}, not {numbers[1][place]!r}"
