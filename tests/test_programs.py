"""Random programs give the same bits in every mode: immediate, deferred, fused and not, any threads, any SIMD tier.

A failing program is shrunk and printed as Python. `make fuzz` runs many more: PROGRAMS=n SEED=s.
"""

import os
import warnings

import numpy as np
import pytest

import tenfold as tf
from programs.checking import VARIANTS, Failure, check, compare
from programs.comparing import difference, unlike
from programs.language import Assign, Augmented, Binary, Evaluate, Look, Name
from programs.printing import python
from programs.running import observed, run
from programs.writer import call, dtype_of, method, write

# Ten thousand in all; each test takes a part, so that processes share them.
PROGRAMS = int(os.environ.get("PROGRAMS", "10000"))
FIRST = int(os.environ.get("SEED", "0"))
PARTS = 40


@pytest.mark.parametrize("part", range(PARTS))
def test_programs_give_the_same_bits_in_every_variant(part: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(FIRST + part, FIRST + PROGRAMS, PARTS):
            failure = check(seed)
            if failure is not None:
                # What follows a panic proves nothing; `make fuzz` examines it in processes of their own.
                small = "" if failure.is_fatal() else "\n# shrunk:\n" + failure.shrunk(1500).report()
                pytest.fail(failure.report() + small, pytrace=False)


def test_a_seed_always_writes_the_same_program_and_it_is_python() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(40):
            program, outcome = write(seed, VARIANTS[0])
            again, _ = write(seed, VARIANTS[0])
            text = python(program, outcome.raised)
            assert python(again) == python(program)
            compile(text, "program", "exec")
            assert difference(outcome, run(program, VARIANTS[0])) is None


def test_a_printed_program_does_what_the_data_say(capsys: pytest.CaptureFixture[str]) -> None:
    program = (
        Assign(("a",), call("tf.arange", 6, dtype=dtype_of("float32"))),
        Assign(("b",), Binary("*", Name("a"), 2)),
        Augmented("a", "+", call("tf.ones", 3)),
        Look(method(Name("b"), "sum")),
    )
    outcome = run(program, VARIANTS[0])
    assert outcome.trace[0][1] == "ShapeError"
    exec(compile(python(program, outcome.raised), "program", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("ShapeError(")
    assert printed[1] == "tensor(30.)"
    assert printed[3] == "b = tensor([ 0.,  2.,  4.,  6.,  8., 10.])"


def test_a_difference_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that does another thing in deferred mode is caught, and only what shows it is left."""
    wrong = lambda x: x + 1 if tf.is_eager() else x + (1 + 2**-23)  # noqa: E731
    monkeypatch.setattr("programs.language.GLOBALS", {"tf": tf, "wrong": wrong})
    program = (
        Evaluate(call("tf.manual_seed", 3)),
        Assign(("a",), call("tf.zeros", (7, 13), dtype=dtype_of("float32"))),
        Assign(("b",), method(Name("a"), "tanh")),
        Assign(("c",), call("wrong", Binary("*", method(Name("b"), "exp"), 0.5))),
        Assign(("d",), Binary("-", Name("c"), Name("b"))),
    )
    deferred = next(variant for variant in VARIANTS if not variant.eager)
    found, raised = compare(program, deferred)
    assert found is not None
    assert found.startswith("c: float32 of shape (7, 13): 91 of 91 elements differ")
    shrunk = Failure(0, program, deferred, found, raised).shrunk()
    assert len(shrunk.program) <= 2
    assert "wrong(" in shrunk.report()


def test_all_nans_count_as_one_and_zeros_keep_their_sign() -> None:
    quiet = np.array([0x7FC00000, 0xFFC00001], np.uint32).view(np.float32)
    assert unlike(observed(quiet[:1]), observed(quiet[1:])) is None
    assert unlike(observed(np.array([0.0])), observed(np.array([-0.0]))) is not None
