"""Programs held in every variant; the small form of one that differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from programs.comparing import difference
from programs.isolating import isolated
from programs.language import positions
from programs.printing import python
from programs.running import Program, Variant, run, variants
from programs.shrinking import shrink
from programs.writer import write

VARIANTS = variants()
# What the process was set to.
DEFAULT = Variant.current()

# A program and the variant in which it failed: how it does so now, and which of its statements raise.
Comparison = tuple[str | None, list[int]]


@dataclass(frozen=True)
class Failure:
    """A program that does not give the same in two variants."""

    seed: int
    program: Program
    variant: Variant
    difference: str
    # The positions of the statements that raised in the first variant.
    raised: list[int]

    def is_fatal(self) -> bool:
        """True where this process cannot be trusted any more."""
        return kind(self.difference) in FATAL

    def report(self) -> str:
        """The program in Python, under what differs and where."""
        head = [
            f"seed {self.seed}: {VARIANTS[0]}, and {self.variant}",
            self.difference,
            VARIANTS[0].environment,
            self.variant.environment,
        ]
        statements = positions(self.program)
        raised = {id(statements[position]) for position in self.raised if position < len(statements)}
        return "".join(f"# {line}\n" for line in head) + python(self.program, raised)

    def shrunk(self, tries: int = 4000) -> Failure:
        """The same failure in a smaller program, told as simply as possible."""
        variant, sort = self.variant, kind(self.difference)
        held: Callable[[Program, Variant], Comparison] = compare_isolated if self.is_fatal() else compare

        def fails(candidate: Program) -> bool:
            text, _ = held(candidate, variant)
            return text is not None and kind(text) == sort

        program = shrink(self.program, fails, tries)
        text, raised = held(program, variant)
        return Failure(self.seed, program, variant, text or self.difference, raised)


FATAL = ("a panic", "ended with code", "hangs")


def kind(text: str) -> str:
    """What sort of a difference it is: a program must not turn into one that fails in another way."""
    kinds = ("elements differ", *FATAL, "looks and exceptions", "look or exception")
    return next((kind for kind in kinds if kind in text), "")


def compare(program: Program, variant: Variant) -> Comparison:
    """How a variant's outcome differs from the first variant's."""
    expected = run(program, VARIANTS[0])
    text = difference(expected, run(program, variant))
    return text, _raised(program, expected.raised)


def compare_isolated(program: Program, variant: Variant) -> Comparison:
    """The same in a process of its own, which may end or hang."""
    found = isolated(lambda: compare(program, variant))
    return (found, []) if isinstance(found, str) else found


def _raised(program: Program, raised: set[int]) -> list[int]:
    return [position for position, statement in enumerate(positions(program)) if id(statement) in raised]


def check(seed: int) -> Failure | None:
    """Writes a program and runs it in every variant; the first that differs."""
    failure = None
    program, expected = write(seed, VARIANTS[0])
    for variant in VARIANTS:
        found = expected if variant is VARIANTS[0] else run(program, variant)
        if text := difference(expected, found):
            failure = Failure(seed, program, variant, text, _raised(program, expected.raised))
            break
    if failure is None or not failure.is_fatal():
        DEFAULT.apply()
    return failure


def examine(seed: int, tries: int = 1000) -> str:
    """The report of a program that ends its process or leaves it unusable, shrunk; nothing is run in this process."""
    written = isolated(lambda: [write(seed, VARIANTS[0])[0]])
    if isinstance(written, str):
        return f"# seed {seed}: {written} while it is written, in {VARIANTS[0]}\n"
    for variant in VARIANTS:
        text, raised = compare_isolated(written[0], variant)
        if text is not None:
            return Failure(seed, written[0], variant, text, raised).shrunk(tries).report()
    return f"# seed {seed}: ended its process once, and not again\n"
