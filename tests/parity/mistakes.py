"""Mistakes made from the cases: each input, argument and length in turn is made wrong, for every layer and function.

`outcome` says what a package of PyTorch's shape makes of one: the class of the exception, or the shapes and dtypes of
the results where it takes it. `scripts/record_fixtures.py` writes PyTorch's, and `test_mistakes.py` holds ours to them.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterator, Mapping
from functools import partial, reduce
from typing import Any

import numpy as np

from parity.cases import Case, draw_cases
from parity.replay import arranged, as_tuples, build, call, draw_array, input_tensor, replay_schedule, tensors
from parity.replay_sequence import call as call_network
from parity.replay_sequence import flattened

KINDS = ("module", "function", "call", "arranged", "network")
# PyTorch 2.15 reads memory that is not its own.
CRASHES = {("ctc_loss", f"y with one {2**40}")}


def first_cases() -> dict[str, Case]:
    """The first case of each layer and function, and one of each optimizer and scheduler with many arguments."""
    found: dict[str, Case] = {}
    for cases in draw_cases(0).values():
        for case in cases:
            if case["kind"] in KINDS:
                found.setdefault(case["target"], case)
            elif case["kind"] in ("optimizer", "schedule"):
                known = found.get(case["target"], case)
                # The list of parameters and the measures are no arguments that may be wrong.
                found[case["target"]] = {**case, "kwargs": {**case["kwargs"], **known["kwargs"]}}
    return found | {case["target"]: case for case in utilities()}


def utilities() -> Iterator[Case]:
    """Functions of packed sequences, of gradients and of initial values."""

    def case(target: str, *args: Any, inputs: dict[str, Case] | None = None, **kwargs: Any) -> Case:
        return {
            "name": target, "kind": "utility", "target": target, "args": args, "kwargs": kwargs, "inputs": inputs or {}
        }  # fmt: skip

    steps = {"x": {"fill": "normal", "shape": (4, 3, 2)}}
    rnn = "nn.utils.rnn"
    yield case(f"{rnn}.pack_padded_sequence", {"input": "x"}, [4, 2, 1], inputs=steps)
    yield case(f"{rnn}.unpad_sequence", {"input": "x"}, {"input": "n"},
               inputs={**steps, "n": {"fill": "values", "values": [4, 2, 1]}})  # fmt: skip
    yield case("nn.utils.clip_grad_norm_", {"input": "x"}, 1.0, norm_type=2.0, inputs=steps)
    yield case("nn.functional.one_hot", {"input": "i"}, 5, inputs={"i": {"fill": "integers", "high": 5, "shape": (3,)}})
    matrix = {"x": {"fill": "normal", "shape": (5, 4)}}
    for name, kwargs in {
        "uniform_": {"a": 0.0, "b": 1.0}, "normal_": {"mean": 0.0, "std": 1.0}, "eye_": {},
        "trunc_normal_": {"std": 1.0}, "xavier_uniform_": {"gain": 1.0}, "sparse_": {"sparsity": 0.2},
        "kaiming_uniform_": {"a": 0.1, "mode": "fan_in", "nonlinearity": "leaky_relu"}, "orthogonal_": {"gain": 1.0},
    }.items():  # fmt: skip
        yield case(f"nn.init.{name}", {"input": "x"}, inputs=matrix, **kwargs)
    yield case("nn.init.dirac_", {"input": "x"}, groups=1, inputs={"x": {"fill": "normal", "shape": (2, 2, 3)}})
    yield case("nn.init.calculate_gain", "leaky_relu", 0.1)


def mistakes(case: Case) -> Iterator[tuple[str, Case]]:
    """What is wrong, and the case with that."""
    for name, spec in case["inputs"].items():
        for what, wrong in wrong_arrays(spec):
            yield f"{name} {what}", {**case, "inputs": {**case["inputs"], name: wrong}}
    for place in ("args", "kwargs", "call", "arguments", "named"):
        for path, value in leaves(case.get(place, ()), (place,)):
            for wrong in wrong_values(value):
                shown = ".".join(map(str, path))
                yield f"{shown} is {wrong!r}", replaced(case, path, wrong)


def wrong_arrays(spec: Case) -> Iterator[tuple[str, Case]]:
    if spec["fill"] == "values":
        values = list(spec["values"])
        yield "negative", {**spec, "values": [-1, *values[1:]]}
        yield "descending", {**spec, "values": values[::-1]}
        yield "beyond", {**spec, "values": [*values[:-1], 1000]}
        return
    shape = tuple(spec["shape"])
    yield "with an axis before", {**spec, "shape": (1, *shape)}
    yield "with an axis behind", {**spec, "shape": (*shape, 1)}
    if shape and spec["fill"] != "distribution":
        yield "without its first axis", {**spec, "shape": shape[1:]}
    for axis in range(len(shape)):
        for extent in (0, shape[axis] + 1):
            yield f"with {extent} along axis {axis}", {**spec, "shape": (*shape[:axis], extent, *shape[axis + 1 :])}
    for dtype in ("bool", "int32", "int64", "float32", "float64", "complex64"):
        yield f"of {dtype}", {**spec, "dtype": dtype}
    if spec["fill"] in ("integers", "choice"):
        highest = spec["high"] if spec["fill"] == "integers" else max(spec["values"]) + 1
        for wrong in (-1, -2, highest, 2**40):
            yield f"with one {wrong}", {**spec, "one": wrong}


def leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every argument that is data, and each tuple itself, with the path to it."""
    if isinstance(value, Mapping):
        if "input" in value:
            yield path, value
            return
        if "fill" in value or "power_of" in value:
            return
        for name, item in value.items():
            if name != "target":
                yield from leaves(item, (*path, name))
    elif isinstance(value, (list, tuple)):
        if len(path) > 1:
            yield path, value
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path, value


def wrong_values(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [None]
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int):
        return [-1, 0, 2.5, "text"]
    if isinstance(value, float):
        return [-1.5, "text"]
    if isinstance(value, str):
        return ["nonsense"]
    if isinstance(value, (list, tuple)):
        return [[*value, value[-1]], [*value[:-1]], "text"] if value else []
    return []


def replaced(case: Case, path: tuple[Any, ...], value: Any) -> Case:
    changed = copy.deepcopy({key: as_lists(item) if key == path[0] else item for key, item in case.items()})
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


def as_lists(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [as_lists(item) for item in value]
    return {name: as_lists(item) for name, item in value.items()} if isinstance(value, Mapping) else value


def drawn(case: Case) -> dict[str, np.ndarray]:
    """The arrays of a case: the same on every machine wherever its name and shapes are."""
    generator = np.random.default_rng(zlib.crc32(case["name"].encode()))
    arrays = {}
    for name, spec in case["inputs"].items():
        array = draw_array(spec, generator)
        if "one" in spec and array.size:
            array.flat[0] = spec["one"]
        arrays[f"input.{name}"] = array.astype(spec["dtype"]) if "dtype" in spec else array
    return arrays


def run(xp: Any, case: Case) -> Any:
    """The result of a case."""
    arrays = drawn(case)
    if case["kind"] == "module":
        return build(xp, case).train(case["train"])(input_tensor(xp, arrays))
    if case["kind"] == "function":
        inputs = tensors(xp, arrays, "input.")
        given = {name: inputs[v["input"]] if isinstance(v, dict) else v for name, v in case["kwargs"].items()}
        return getattr(xp.nn.functional, case["target"])(inputs["x"], inputs["y"], **given)
    if case["kind"] == "call":
        return call(getattr(xp.nn.functional, case["target"]), case, tensors(xp, arrays, "input."))
    if case["kind"] == "arranged":
        return arranged(xp, {**case, "differentiate": ()}, arrays)[0]
    if case["kind"] == "utility":
        return tensors_among(call(reduce(getattr, case["target"].split("."), xp), case, tensors(xp, arrays, "input.")))
    if case["kind"] == "optimizer":
        weight = xp.ones(3, 2).requires_grad_()
        optimizer = getattr(xp.optim, case["target"])([weight], **as_tuples(case["kwargs"]))
        return optimizer.step(partial(closure, weight))
    if case["kind"] == "schedule":
        replay_schedule(xp, case, {})
        return ()
    module = case["form"] == "module"
    function = build(xp, case).train(case["train"]) if module else getattr(xp.nn.functional, case["target"])
    arrays = {name.replace("input.x", "input.X"): array for name, array in arrays.items()}
    return tuple(call_network(xp, renamed(case), arrays, function)[1])


def closure(weight: Any) -> Any:
    loss = (weight * weight).sum()
    loss.backward()
    return loss


def tensors_among(value: Any) -> Any:
    """Of a packed sequence its data; a number is no tensor."""
    if isinstance(value, list):
        return tuple(value)
    value = getattr(value, "data", value) if type(value).__name__ == "PackedSequence" else value
    return value if hasattr(value, "detach") else ()


def renamed(value: Any) -> Any:
    """Inputs whose name begins with x would require gradients, which integers cannot."""
    if isinstance(value, Mapping):
        return {
            key: item.replace("x", "X", 1) if key in ("input", "pack") else renamed(item) for key, item in value.items()
        }
    return [renamed(item) for item in value] if isinstance(value, (list, tuple)) else value


def outcome(xp: Any, case: Case) -> str:
    """The class of what is raised, or the dtypes and shapes of the results."""
    try:
        return shown(xp, run(xp, case))
    except Exception as raised:
        return type(raised).__name__


def shown(xp: Any, results: Any) -> str:
    """The dtypes and shapes of results; looking at them runs what was recorded."""
    return ", ".join(f"{x.detach().numpy().dtype} {tuple(x.shape)}" for x in flattened(xp, results))


def outcomes(xp: Any) -> dict[str, dict[str, str]]:
    """What the package makes of every mistake: by target, by what is wrong."""
    return {
        target: {what: outcome(xp, wrong) for what, wrong in mistakes(case) if (target, what) not in CRASHES}
        for target, case in first_cases().items()
    }
