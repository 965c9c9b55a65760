"""Runs a program and takes down everything that can be observed of it."""

from __future__ import annotations

import copy
import pickle
import struct
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import tenfold as tf
from programs import helpers
from programs.language import GLOBALS, Machine, Repeat, Statement, Threads, Undefined, With, defined_names
from tenfold import nn, optim
from tenfold.nn import functional as F

Program = tuple[Statement, ...]

GLOBALS.update(
    {"tf": tf, "np": np, "nn": nn, "F": F, "optim": optim, "copy": copy, "pickle": pickle},
    double=helpers.double, nothing=helpers.nothing, failing=helpers.failing, Cube=helpers.Cube,
    bool=bool, float=float, int=int, complex=complex, abs=abs, len=len, list=list, repr=repr,
)  # fmt: skip

# What the generator begins with; a program may set it otherwise.
SEED = 0

# What a panic of Rust is called in Python.
PANIC = "PanicException"

# Fusion has a switch where there is fusion.
set_fused = getattr(tf, "set_fused", None)


@dataclass(frozen=True)
class Variant:
    """A setting of the switches, and whether the results are looked at from the last to the first."""

    eager: bool = False
    fuse: bool = True
    threads: int = 1
    simd: str = tf.simd()
    backwards: bool = False

    def apply(self) -> None:
        """Sets the switches of the process."""
        tf.set_eager(self.eager)
        tf.set_num_threads(self.threads)
        tf.set_simd(self.simd)
        if set_fused is not None:
            set_fused(self.fuse)

    @staticmethod
    def current() -> Variant:
        """What the process is set to."""
        fuse = tf.is_fused() if set_fused is not None else True
        return Variant(eager=tf.is_eager(), fuse=fuse, threads=tf.get_num_threads(), simd=tf.simd())

    def __str__(self) -> str:
        mode = "immediate" if self.eager else "deferred" if self.fuse else "deferred, fusion off"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{mode}, {threads}, {self.simd}"

    @property
    def environment(self) -> str:
        """The same by environment."""
        return (
            f"TENFOLD_EAGER={int(self.eager)} TENFOLD_FUSE={int(self.fuse)} "
            f"TENFOLD_THREADS={self.threads} TENFOLD_SIMD={self.simd}"
        )


def tiers() -> list[str]:
    """The SIMD tiers that this machine has, the widest first."""
    before = tf.simd()
    found = []
    for tier in ("avx512", "avx2", "portable"):
        try:
            tf.set_simd(tier)
        except ValueError:
            continue
        found.append(tier)
    tf.set_simd(before)
    return found


def variants() -> list[Variant]:
    """Every mode, 1 and 2 threads, every tier; the first is what the others are compared with."""
    widest, *others = tiers()
    return [
        Variant(eager=True, simd=widest),
        Variant(eager=True, simd=widest, threads=2),
        Variant(simd=widest),
        Variant(simd=widest, fuse=False, backwards=True),
        *(Variant(simd=tier, threads=2, backwards=True) for tier in others),
    ]


@dataclass
class Outcome:
    """What was observed: in the course of the program, and of its names at the end."""

    trace: list[Any] = field(default_factory=list)
    held: dict[str, Any] = field(default_factory=dict)
    # The statements that raised, for printing.
    raised: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of a tensor or an array, with what else is fixed about it."""

    kind: str
    dtype: str
    shape: tuple[int, ...]
    about: tuple[Any, ...]
    data: bytes

    def numbers(self) -> np.ndarray:
        """The elements with all NaNs the same; complex numbers as pairs."""
        dtype = {"complex64": "float32", "complex128": "float64", "bfloat16": "float32"}.get(self.dtype, self.dtype)
        numbers = np.frombuffer(self.data, dtype).copy()
        if numbers.dtype.kind == "f":
            numbers[np.isnan(numbers)] = np.nan
        return numbers


class Run(Machine):
    """Runs statements one by one and goes on after each exception."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = Outcome()
        # How many statements were run so far, those within blocks included and the blocks themselves not.
        self.steps = 0
        # Nothing is run after a panic: what follows would prove nothing, and may hang.
        self.panicked = False

    def look(self, value: Any) -> None:
        self.outcome.trace.append((self.steps, observed(value)))

    def run(self, body: Program) -> None:
        for statement in body:
            if not self.panicked:
                self.step(statement)

    def step(self, statement: Statement) -> bool:
        """Runs one statement; true where it did not raise."""
        self.steps += not isinstance(statement, (With, Repeat, Threads))
        try:
            statement.run(self)
        except Undefined:
            return False
        except BaseException as error:
            self.outcome.trace.append((self.steps, *raised(error)))
            self.outcome.raised.add(id(statement))
            self.panicked |= type(error).__name__ == PANIC
            return False
        return True

    def branch(self) -> Run:
        """A machine for a thread: it knows the names there are, and keeps what it sees to itself."""
        branch = Run()
        branch.names.update(self.names)
        return branch

    def merge(self, branches: list[Run], bodies: tuple[Program, ...]) -> None:
        """Takes over what threads did, in the order of the threads."""
        for branch, body in zip(branches, bodies, strict=True):
            self.outcome.trace.extend(branch.outcome.trace)
            self.outcome.raised |= branch.outcome.raised
            names = defined_names(body)
            self.names.update({name: value for name, value in branch.names.items() if name in names})

    def run_threads(self, bodies: tuple[Program, ...]) -> None:
        branches = [self.branch() for _ in bodies]
        helpers.run_threads(*(partial(branch.run, body) for branch, body in zip(branches, bodies, strict=True)))
        self.merge(branches, bodies)

    def finish(self, backwards: bool = False) -> Outcome:
        """Looks at everything that is held, then lets it go."""
        names = list(self.names) if not self.panicked else []
        for name in reversed(names) if backwards else names:
            try:
                self.outcome.held[name] = observed(self.names[name])
            except BaseException as error:
                self.outcome.held[name] = raised(error)
                if type(error).__name__ == PANIC:
                    break
        else:
            self.outcome.held["random state"] = observed(tf.get_rng_state())
        self.names.clear()
        return self.outcome


def raised(error: BaseException) -> tuple[str, str]:
    """What is taken down of an exception (a panic of Rust is none, but a BaseException)."""
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        raise error
    return type(error).__name__, str(error)


def begin(variant: Variant) -> Run:
    """A machine in a variant, before the first statement: random numbers begin anew."""
    variant.apply()
    tf.manual_seed(SEED)
    return Run()


def run(program: Program, variant: Variant) -> Outcome:
    """Runs a program in a variant."""
    machine = begin(variant)
    machine.run(program)
    return machine.finish(variant.backwards)


def observed(value: Any) -> Any:
    """Something that is equal for equal values, and stays as it is."""
    if isinstance(value, tf.Tensor):
        return observed_tensor(value)
    if isinstance(value, np.ndarray):
        return Elements("array", value.dtype.name, value.shape, (), value.tobytes())
    if isinstance(value, float):
        return Elements("float", "float64", (), (), struct.pack("=d", value))
    if isinstance(value, complex):
        return Elements("complex", "complex128", (), (), struct.pack("=dd", value.real, value.imag))
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [observed(part) for part in value]
    if isinstance(value, dict):
        return "dict", [(key, observed(part)) for key, part in value.items()]
    if isinstance(value, nn.Module):
        parameters = [(name, observed(parameter)) for name, parameter in value.named_parameters()]
        return "Module", parameters, [(name, observed(buffer)) for name, buffer in value.named_buffers()]
    if isinstance(value, optim.Optimizer):
        return "Optimizer", observed(value.state_dict())
    if isinstance(value, tf.Generator):
        return "Generator", observed(value.get_state())
    if isinstance(value, (bool, int, str, type(None))):
        return value
    return type(value).__name__


def observed_tensor(value: tf.Tensor) -> Any:
    dtype = value.dtype.name
    about = (type(value).__name__, value.stride(), value.requires_grad, value.is_leaf)
    detached = value.detach()
    array = (detached.float() if dtype == "bfloat16" else detached).numpy()
    elements = Elements("tensor", dtype, array.shape, about, array.tobytes())
    if value.is_leaf and value.grad is not None:
        return elements, observed_tensor(value.grad)
    return elements
