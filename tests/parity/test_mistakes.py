"""What is wrong with a call is refused as PyTorch refuses it: every input and argument of every layer, made wrong.

`mistakes.py` makes the calls; what PyTorch made of each is recorded. A mistake must raise PyTorch's class of exception
(or one that is both that and more: ShapeError, DTypeError) in our words, and what PyTorch takes must give the same
dtypes and shapes. Where we differ, a rule below says why; each rule must be needed.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tenfold
from parity.mistakes import CRASHES, first_cases, mistakes, run, shown

# Every TypeError of Python's own, and errors of tuples that do not have the right length.
PYTHONS = re.compile(
    r"object (is not|cannot|has no)|must be|not supported|unpack|not an instance|argument|unexpected|needs an integer"
    r"|unsupported operand|invalid literal|can't (multiply|convert)|could not convert|bad operand|out of range|by zero"
    r"|negative power|negative int"
)
OURS = re.compile(r"^\w+: .+")

CASES = first_cases()
# (What raised in PyTorch, what raises here): PyTorch's class tells of the code that tripped, ours of the mistake.
STANDS_FOR = {
    "NotImplementedError": (tenfold.DTypeError,),  # no kernel for the dtype
    "AssertionError": (ValueError, TypeError),
    "AttributeError": (ValueError, TypeError),
}
# We take what PyTorch does not, and the result is what the words say.
LENIENT = [
    (r".* with 0 along axis \d", "an empty tensor gives an empty result"),
    (r"Conv.* args\.1 is 0", "no output channels give an empty result"),
    (r".* of (bool|int32|int64|float32|float64|complex64)", "dtypes are promoted as in all operations"),
    (r"(A\w+MaxPool2d|adaptive_max_pool2d|LPPool2d|UpsamplingBilinear2d|fractional_max_pool2d) .* is \[\d\]",
     "a list of one number stands for all axes, as in PyTorch's convolutions"),
    (r"EmbeddingBag args\.1 is 0", "vectors without elements give an empty result"),
    (r"interpolate x0 with an axis (before|behind)", "a size of one number stands for all axes"),
]  # fmt: skip
# PyTorch takes what we do not.
STRICT = [
    (r".* of (bool|int32|int64|complex64)", "layers for real numbers take real numbers"),
    (r"ctc_loss y (with one (-1|-2|5)|of float)", "PyTorch reads the scores of another class or of none"),
    (r"scaled_dot_product_attention x_v with 0", "PyTorch does not look at the keys' number where it needs none"),
    (r"Adam\w* kwargs\.betas is \[.*, .*, .*\]", "a third beta means nothing"),
    (r".* is 2\.5", "PyTorch cuts a fraction off where a whole number belongs"),
    (r"nn\.utils\.rnn\.unpad_sequence n negative", "a length is not negative"),
    (r"nn\.init\.(trunc_normal_ kwargs\.std|sparse_ kwargs\.sparsity) is -1\.5", "no such deviation or share"),
    (r"nn\.init\.dirac_ kwargs\.groups is -1", "there is no negative number of groups"),
    (r"(BatchNorm\dd|InstanceNorm2d) x with 0 along axis 1", "an input without channels does not fit the layer"),
    (r"AdaptiveAvgPool2d x with (an axis|0 along)", "an output of one element takes a path of its own in PyTorch"),
    (r"max_unpool\dd (args\.2 is (0|2\.5)|kwargs\.output_size\.[01] is .*)", "sizes that PyTorch does not look at"),
    (r"fractional_max_pool\dd (x0 without|x\d with|kwargs\.output_size\.\d is 0)", "samples must fit the input"),
    (r"conv_tbc (x\d with 0 along axis 0|args\.3 is -1)", "an empty kernel does not fit, and padding does not crop"),
    (r"pairwise_distance call\.2 is -1\.5", "a norm of negative order is none"),
]  # fmt: skip
# Both take it.
DIFFERENT = [
    (
        r".*_loss\w* [xy] of float64|conv_tbc x2 of float64|binary_cross_entropy_with_logits x of float64",
        "dtypes are promoted",
    ),
    (r"PixelUnshuffle x with 0", "PyTorch leaves an empty input as it is"),
]
# Both refuse it.
OTHER_CLASS = [
    (r".* is ('text'|2\.5|'nonsense'|None)", "TypeError or ValueError, whichever use of it comes first"),
    (r".* is \[.*\]", "a tuple of the wrong length, found by another use"),
    (r"Embedding args\.0 is 0", "the index is what is out of range"),
    (r"(Bilinear args\.0 is -1|nn\.init\.dirac_ kwargs\.groups is 0)", "the argument is refused before it is used"),
    (r"interpolate x0 without its first axis", "no mode is for such inputs"),
]
RULES = {"LENIENT": LENIENT, "STRICT": STRICT, "DIFFERENT": DIFFERENT, "OTHER_CLASS": OTHER_CLASS}


def recorded(folder: Path) -> dict[str, dict[str, str]]:
    """PyTorch's outcomes, by target and by what is wrong."""
    grouped = json.loads((folder / "mistakes.json").read_text())
    return {
        target: {what: outcome for outcome, all_of_it in outcomes.items() for what in all_of_it}
        for target, outcomes in grouped.items()
    }


def rule(kind: str, target: str, what: str) -> str | None:
    """The pattern of the rule that allows it."""
    return next((pattern for pattern, _ in RULES[kind] if re.fullmatch(f"{pattern}.*", f"{target} {what}")), None)


def judged(target: str, expected: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """For each mistake of a target a complaint, or nothing and the rule that was needed."""
    for what, wrong in mistakes(CASES[target]):
        if (target, what) in CRASHES:
            continue
        pytorchs = expected[what]
        their_class = getattr(builtins, pytorchs, None)
        try:
            ours, raised = shown(tenfold, run(tenfold, wrong)), None
        except Exception as error:
            ours, raised = f"{type(error).__name__}: {error}", error
        if raised is None:
            if ours == pytorchs:
                continue
            needed = rule("LENIENT" if their_class else "DIFFERENT", target, what)
        elif their_class is None:
            needed = rule("STRICT", target, what)
        elif isinstance(raised, (their_class, *STANDS_FOR.get(pytorchs, ()))):
            if OURS.match(str(raised)) or (type(raised).__module__ == "builtins" and PYTHONS.search(str(raised))):
                continue
            needed = None
        else:
            needed = rule("OTHER_CLASS", target, what)
        yield ("", needed) if needed else (f"{target}, {what}: PyTorch {pytorchs}; here {ours}", None)


@pytest.fixture(scope="session")
def outcomes(pytestconfig: pytest.Config) -> dict[str, dict[str, str]]:
    return recorded(pytestconfig.getoption("--recorded"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", list(CASES))
def test_mistakes_are_refused_as_in_pytorch(target: str, outcomes: dict[str, dict[str, str]]) -> None:
    complaints = [complaint for complaint, _ in judged(target, outcomes[target]) if complaint]
    assert not complaints, "\n".join(complaints)


@pytest.mark.filterwarnings("ignore")
def test_every_rule_is_needed(outcomes: dict[str, dict[str, str]]) -> None:
    used = {needed for target in CASES for _, needed in judged(target, outcomes[target])}
    assert {pattern for rules in RULES.values() for pattern, _ in rules} <= used
