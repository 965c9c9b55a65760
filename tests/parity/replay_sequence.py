"""Running the cases of kind `network`: several arguments, several results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


def argument(xp: Any, value: Any, tensors: Mapping[str, Any]) -> Any:
    """An argument as a case writes it."""
    if isinstance(value, Mapping) and "input" in value:
        return tensors[value["input"]]
    if isinstance(value, Mapping) and "pack" in value:
        pack = xp.nn.utils.rnn.pack_padded_sequence
        return pack(tensors[value["pack"]], list(value["lengths"]), enforce_sorted=False)
    if isinstance(value, list | tuple):
        return tuple(argument(xp, item, tensors) for item in value)
    return value


def flattened(xp: Any, output: Any) -> list[Any]:
    """All tensors of a result, in order."""
    if isinstance(output, tuple):
        return [tensor for item in output for tensor in flattened(xp, item)]
    return [] if output is None else [output]


def call(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray], function: Any) -> tuple[Any, Any]:
    """The inputs as tensors, and the results."""
    tensors = {}
    for name, array in arrays.items():
        if name.startswith("input."):
            name = name.removeprefix("input.")
            tensors[name] = xp.asarray(array)
            if name.startswith("x"):
                tensors[name].requires_grad_()
    arguments = argument(xp, case["arguments"], tensors)
    named = {name: argument(xp, value, tensors) for name, value in case["named"].items()}
    return tensors, flattened(xp, function(*arguments, **named))


def replay_network(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray], module: Any) -> Arrays:
    """Results and gradients; the module is None for a function."""
    function = getattr(xp.nn.functional, case["target"]) if module is None else module
    tensors, outputs = call(xp, case, arrays, function)
    results = {f"output.{number}": np.array(output.detach().numpy()) for number, output in enumerate(outputs)}
    if "cotangent.0" in arrays:
        total = sum(
            (output * xp.asarray(arrays[f"cotangent.{number}"])).sum()
            for number, output in enumerate(outputs)
            if f"cotangent.{number}" in arrays
        )
        total.backward()
    named = dict(module.named_parameters()) if module is not None else {}
    for name, tensor in {**tensors, **named}.items():
        if getattr(tensor, "grad", None) is not None:
            results[f"grad.{name}"] = np.array(tensor.grad.numpy())
    # Some modules change their weights (norms that are bounded).
    return results | {
        f"after.{name}": np.array(p.detach().numpy()) for name, p in named.items() if "max_norm" in case["kwargs"]
    }
