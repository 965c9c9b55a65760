"""Run the cases of tests/parity in PyTorch and write what came out: `make fixtures`, `make parity`.

Needs PyTorch and NumPy, not Tenfold. Each family of cases becomes one file, FAMILY.npz, with the cases
as JSON under `cases` and the arrays under `NUMBER.NAME`.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.optim.swa_utils

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from parity.cases import Case, draw_cases
from parity.mistakes import outcomes
from parity.replay import Arrays, arranged, build, draw_inputs, fail, numpy, parametrized, replay


def record(case: Case, generator: np.random.Generator) -> tuple[Case, Arrays]:
    """The case with what it says of itself (keys, repr), and all its arrays."""
    arrays = draw_inputs(case, generator)
    if case["kind"] == "module":
        module = build(torch, case)
        with torch.no_grad():
            for name, value in module.state_dict().items():
                if value.is_floating_point():
                    # Away from ones and zeros, so that a forgotten weight shows; variances stay positive.
                    value += torch.rand_like(value) * (0.5 if "var" in name else 1.0)
        state = module.state_dict()
        case = {**case, "repr": repr(module), "state_dict_keys": list(state)}
        arrays |= {f"state.{name}": numpy(value) for name, value in state.items()}
        shape = module.train(case["train"])(torch.asarray(arrays["input.x"])).shape
        # That call moved the running statistics of the module, but the arrays are copies.
        arrays["cotangent"] = generator.standard_normal(tuple(shape)).astype(np.float32)
    elif case["kind"] == "network":
        module = build(torch, case) if case["form"] == "module" else None
        if module is not None:
            state = module.state_dict()
            case = {**case, "repr": repr(module), "state_dict_keys": list(state)}
            arrays |= {f"state.{name}": numpy(value) for name, value in state.items()}
        for name, output in replay(torch, case, arrays).items():
            if name.startswith("output.") and output.dtype.kind == "f":
                drawn = generator.standard_normal(output.shape)
                arrays[name.replace("output", "cotangent")] = np.asarray(drawn, np.float32)
    elif case["kind"] == "function":
        reduced = case["kwargs"].get("reduction", "mean") != "none"
        arrays["cotangent"] = generator.standard_normal(() if reduced else result_shape(case, arrays)).astype("f4")
    elif case["kind"] == "call":
        output = replay(torch, case, arrays)["output0"]
        if output.dtype.kind == "f":
            arrays["cotangent"] = np.asarray(generator.standard_normal(output.shape), np.float32)
    elif case["kind"] == "error":
        return {**case, "raises": exception_of(case, arrays)}, arrays
    elif case["kind"] == "parametrized":
        module = parametrized(torch, case)
        arrays |= {f"state.{name}": numpy(value) for name, value in module.state_dict().items()}
        case = {**case, "repr": repr(module), "state_dict_keys": list(module.state_dict())}
        shape = module.eval()(torch.asarray(arrays["input.x"])).shape
        arrays["cotangent"] = generator.standard_normal(tuple(shape)).astype("f4")
    elif case["kind"] == "arranged":
        output, module, _ = arranged(torch, case, arrays)
        if module is not None:
            arrays |= {f"state.{name}": numpy(value) for name, value in module.state_dict().items()}
        shape = (output[-1] if isinstance(output, tuple) else output).shape
        arrays["cotangent"] = generator.standard_normal(tuple(shape)).astype("f4")
    elif case["kind"] == "optimizer":
        model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
        arrays |= {f"state.{name}": numpy(value) for name, value in model.state_dict().items()}
    results = replay(torch, case, arrays)
    if case["kind"] in ("initializer", "default_initialization"):
        results = {f"{name}.{key}": value for name, a in results.items() for key, value in statistics(a).items()}
    return case, {**arrays, **{f"result.{name}": np.asarray(a) for name, a in results.items()}}


def exception_of(case: Case, arrays: Arrays) -> str:
    """The class of what PyTorch raises."""
    try:
        fail(torch, case, arrays)
    except Exception as raised:
        return type(raised).__name__
    raise AssertionError(f"{case['name']}: PyTorch takes it")


def result_shape(case: Case, arrays: Arrays) -> tuple[int, ...]:
    """The shape of a loss that is not reduced: the target's."""
    return arrays["input.y"].shape


def statistics(array: np.ndarray) -> dict[str, Any]:
    """What two draws of one distribution have in common; all of a small array, which is no draw."""
    if array.size < 1000:
        return {"values": array}
    values = array.astype(np.float64)
    return {"shape": array.shape, "mean": values.mean(), "std": values.std(), "low": values.min(), "high": values.max()}


def record_mistakes(path: Path) -> None:
    """What PyTorch makes of each mistake: by target and by outcome, all that has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = outcomes(torch)
    lines = []
    for target, of_target in found.items():
        grouped: dict[str, list[str]] = {}
        for what, outcome in of_target.items():
            grouped.setdefault(outcome, []).append(what)
        lines.append(f"{json.dumps(target)}: {json.dumps(grouped)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"mistakes: {sum(map(len, found.values()))} calls")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of the files")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    # Of several values for one place max_unpool keeps that of the thread that came last. (Some mistakes are errors with
    # several threads alone.)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    generator = np.random.default_rng(options.seed)
    for family, cases in draw_cases(options.seed).items():
        recorded, arrays = [], {}
        for number, drawn in enumerate(cases):
            case, of_case = record(drawn, generator)
            recorded.append(case)
            arrays |= {f"{number}.{name}": a for name, a in of_case.items()}
        np.savez_compressed(options.out / f"{family}.npz", cases=np.array(json.dumps(recorded)), **arrays)
        print(f"{family}: {len(cases)} cases")
    torch.set_num_threads(threads)
    record_mistakes(options.out / "mistakes.json")


if __name__ == "__main__":
    main()
