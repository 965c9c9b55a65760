"""Run a case with any package of PyTorch's shape: `replay(torch, …)` records, `replay(tenfold, …)` compares.

Arrays go in and come out as dictionaries of NumPy arrays by name: `input.x`, `state.weight`, `cotangent`;
`output`, `grad.x`, `grad.weight`, `after.running_mean`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from parity.replay_sequence import replay_network

Arrays = dict[str, np.ndarray]
# Differentiable inputs are called so; integers and class probabilities are not differentiated.
DIFFERENTIABLE = "x"


def draw_inputs(case: Mapping[str, Any], generator: np.random.Generator) -> Arrays:
    """The arrays that a case asks for."""
    return {f"input.{name}": draw_array(spec, generator) for name, spec in case["inputs"].items()}


def draw_array(spec: Mapping[str, Any], generator: np.random.Generator) -> np.ndarray:
    shape = tuple(spec.get("shape", ()))
    match spec["fill"]:
        case "normal":
            return (generator.standard_normal(shape) * spec.get("scale", 1.0)).astype(np.float32)
        case "uniform":
            return generator.uniform(spec["low"], spec["high"], shape).astype(np.float32)
        case "integers":
            return generator.integers(0, spec["high"], shape)
        case "choice":
            return generator.choice(np.array(spec["values"], np.int64), shape)
        case "mask":
            # Bool, and true nowhere in the first column, so that no row is true throughout.
            mask = generator.uniform(size=shape) < 0.3
            mask[..., 0] = False
            return mask
        case "causal":
            return np.triu(np.full(shape, -np.inf, np.float32), 1)
        case "values":
            return np.array(spec["values"])
        case "distribution":
            positive = generator.uniform(0.1, 1.0, shape)
            return (positive / positive.sum(axis=1, keepdims=True)).astype(np.float32)
        case other:
            raise ValueError(f"unknown fill {other}")


def replay(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    """What the package `xp` (torch or tenfold) makes of a case."""
    return {
        "module": replay_module,
        "function": replay_function,
        "call": replay_call,
        "arranged": replay_arranged,
        "initializer": replay_initializer,
        "default_initialization": replay_default_initialization,
        "optimizer": replay_optimizer,
        "network": replay_with_state,
        "schedule": replay_schedule,
        "parametrized": replay_parametrized,
    }[case["kind"]](xp, case, arrays)


def build(xp: Any, case: Mapping[str, Any]) -> Any:
    """The module of a case, as it is when new."""
    return getattr(xp.nn, case["target"])(*as_tuples(case["args"]), **as_tuples(case.get("kwargs", {})))


def replay_module(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    module = build(xp, case)
    module.load_state_dict(tensors(xp, arrays, "state."))
    module.train(case["train"])
    x = input_tensor(xp, arrays)
    output = module(x)
    results = {"output": numpy(output)}
    if output.requires_grad:
        backward(xp, output, arrays)
        if x.grad is not None:
            results["grad.x"] = numpy(x.grad)
        results |= {f"grad.{name}": numpy(p.grad) for name, p in module.named_parameters() if p.grad is not None}
    return results | {f"after.{name}": numpy(value) for name, value in module.named_buffers()}


def replay_with_state(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    """A case of `cases_sequence`, with the recorded weights."""
    if case["form"] == "function":
        return replay_network(xp, case, arrays, None)
    module = build(xp, case)
    module.load_state_dict(tensors(xp, arrays, "state."))
    return replay_network(xp, case, arrays, module.train(case["train"]))


def replay_function(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    inputs = tensors(xp, arrays, "input.")
    x, target = input_tensor(xp, arrays), inputs["y"]
    kwargs = {
        name: inputs[value["input"]] if isinstance(value, dict) else value for name, value in case["kwargs"].items()
    }
    output = getattr(xp.nn.functional, case["target"])(x, target, **kwargs)
    backward(xp, output, arrays)
    return {"output": numpy(output), "grad.x": numpy(x.grad)}


def replay_call(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    """A function with any arguments: its outputs and, where there is a cotangent, the gradients of floating inputs."""
    inputs = tensors(xp, arrays, "input.")
    floating = {
        name: x.requires_grad_()
        for name, x in inputs.items()
        if arrays[f"input.{name}"].dtype.kind == "f" and not case["inputs"][name].get("fixed")
    }
    outputs = call(getattr(xp.nn.functional, case["target"]), case, inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    results = {f"output{number}": numpy(output) for number, output in enumerate(outputs)}
    if "cotangent" in arrays:
        backward(xp, outputs[0], arrays)
        results |= {f"grad.{name}": numpy(x.grad) for name, x in floating.items() if x.grad is not None}
    return results


def call(function: Any, case: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """A function of the arguments of a case."""

    def given(value: Any) -> Any:
        return inputs[value["input"]] if isinstance(value, dict) else value

    kwargs = {name: given(value) for name, value in as_tuples(case["kwargs"]).items()}
    return function(*(given(value) for value in as_tuples(case["args"])), **kwargs)


def fail(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Makes the call that a case says must fail."""
    inputs = tensors(xp, arrays, "input.")
    made = call(getattr(xp.nn, case["target"], None) or getattr(xp.nn.functional, case["target"]), case, inputs)
    if "then" in inputs:
        made(inputs["then"])


def arranged(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[Any, Any, dict[str, Any]]:
    """The result of a function or a module (by the case of its name) for inputs in any places; the module; inputs."""
    inputs = tensors(xp, arrays, "input.")
    for name in case["differentiate"]:
        inputs[name].requires_grad_()

    def given(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return as_tuples(value)
        tensor = inputs[value["input"]]
        return xp.nn.functional.log_softmax(tensor, value["log_softmax"]) if "log_softmax" in value else tensor

    args = [given(value) for value in case["call"]]
    kwargs = {name: given(value) for name, value in case["kwargs"].items()}
    if case["target"][0].islower():
        return getattr(xp.nn.functional, case["target"])(*args, **kwargs), None, inputs
    module = getattr(xp.nn, case["target"])(*as_tuples(case["args"]), **kwargs)
    if state := tensors(xp, arrays, "state."):
        module.load_state_dict(state)
    return module(*args), module, inputs


def replay_arranged(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    output, module, inputs = arranged(xp, case, arrays)
    if isinstance(output, tuple):
        output = output[-1]
    results = {"output": numpy(output)}
    backward(xp, output, arrays)
    results |= {f"grad.{name}": numpy(inputs[name].grad) for name in case["differentiate"]}
    if module is not None:
        results |= {f"grad.{name}": numpy(p.grad) for name, p in module.named_parameters() if p.grad is not None}
    return results


def replay_initializer(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    filled = getattr(xp.nn.init, case["target"])(xp.empty(*case["shape"]), **case["kwargs"])
    return {"filled": numpy(filled)}


def replay_default_initialization(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    return {name: numpy(value) for name, value in build(xp, case).state_dict().items()}


def replay_optimizer(
    xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray], resume: bool = False
) -> Arrays:
    """Ten steps on a small model; `resume` saves and loads the optimizer's state after the fifth."""
    model = xp.nn.Sequential(xp.nn.Linear(6, 8), xp.nn.Tanh(), xp.nn.Linear(8, 3))
    if state := tensors(xp, arrays, "state."):
        model.load_state_dict(state)
    named = dict(model.named_parameters())

    def new_optimizer() -> Any:
        groups = [
            {**group, "params": [named[name] for name in group["parameters"]]} for group in as_tuples(case["groups"])
        ]
        for group in groups:
            del group["parameters"]
        return getattr(xp.optim, case["target"])(groups, **as_tuples(case["kwargs"]))

    optimizer = new_optimizer()
    inputs = tensors(xp, arrays, "input.")
    losses = []
    results: Arrays = {}

    def closure(optimizer: Any, step: int) -> Any:
        optimizer.zero_grad()
        loss = xp.nn.functional.mse_loss(model(inputs["x"][step]), inputs["y"][step])
        loss.backward()
        return loss

    for step in range(10):
        if resume and step == 5:
            saved = optimizer.state_dict()
            optimizer = new_optimizer()
            optimizer.load_state_dict(saved)
        losses.append(optimizer.step(partial(closure, optimizer, step)).item())
        if step in (0, 9):
            results |= {f"step {step + 1}.{name}": numpy(parameter) for name, parameter in named.items()}
    return results | {"losses": np.array(losses, np.float32)}


def parametrized(xp: Any, case: Mapping[str, Any]) -> Any:
    """A layer whose weight a function of `nn.utils` computes."""
    places = {"utils": xp.nn.utils, "parametrizations": xp.nn.utils.parametrizations}
    function = getattr(places[case["place"]], case["function"])
    return function(build(xp, {**case, "kwargs": {}}), **case["kwargs"]).train(case["train"])


def replay_parametrized(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Output, gradients and buffers of a layer with a weight that is computed."""
    module = parametrized(xp, case)
    module.load_state_dict(tensors(xp, arrays, "state."))
    x = input_tensor(xp, arrays)
    output = module(x)
    backward(xp, output, arrays)
    results = {"output": numpy(output), "grad.x": numpy(x.grad)}
    results |= {f"grad.{name}": numpy(p.grad) for name, p in module.named_parameters() if p.grad is not None}
    return results | {f"after.{name}": numpy(value) for name, value in module.named_buffers()}


def replay_schedule(xp: Any, case: Mapping[str, Any], arrays: Mapping[str, np.ndarray], resume: bool = False) -> Arrays:
    """Rates and momenta of two groups over 15 steps; `resume` saves and loads both states after the fifth."""

    def given(optimizer: Any, value: Any) -> Any:
        if isinstance(value, Mapping) and "power_of" in value:
            return lambda step: value["power_of"] ** step
        if isinstance(value, Mapping):
            return scheduler_of(optimizer, value)
        return [given(optimizer, item) for item in value] if isinstance(value, list | tuple) else value

    def scheduler_of(optimizer: Any, spec: Mapping[str, Any]) -> Any:
        made = getattr(xp.optim.lr_scheduler, spec["target"], None) or getattr(xp.optim.swa_utils, spec["target"])
        args = [] if spec["target"] == "ChainedScheduler" else [optimizer]
        return made(*args, **{name: given(optimizer, value) for name, value in spec["kwargs"].items()})

    def begin() -> tuple[Any, Any]:
        groups = [{"params": [xp.zeros(1, requires_grad=True)], "lr": rate} for rate in (0.5, 0.1)]
        optimizer = getattr(xp.optim, case["optimizer"])(groups, lr=1.0)
        return optimizer, scheduler_of(optimizer, case)

    optimizer, scheduler = begin()
    rows = []
    for step in range(16):
        if resume and step == 5:
            saved = optimizer.state_dict(), scheduler.state_dict()
            optimizer, scheduler = begin()
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
        if step:
            optimizer.step()
            scheduler.step(*([case["measures"][step]] if "measures" in case else []))
        rows.append(
            [[group["lr"], group["betas"][0] if "betas" in group else group["momentum"]] for group in
             optimizer.param_groups]
        )  # fmt: skip
    return {"rates": np.array(rows, np.float64)}


def backward(xp: Any, output: Any, arrays: Mapping[str, np.ndarray]) -> None:
    output.backward(xp.asarray(arrays["cotangent"]).to(output.dtype))


def input_tensor(xp: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The input to differentiate: a leaf, unless it holds integers."""
    array = arrays[f"input.{DIFFERENTIABLE}"]
    tensor = xp.asarray(array)
    return tensor.requires_grad_() if array.dtype.kind == "f" else tensor


def tensors(xp: Any, arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): xp.asarray(a) for name, a in arrays.items() if name.startswith(prefix)}


def numpy(tensor: Any) -> np.ndarray:
    return np.array(tensor.detach().numpy())


def as_tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were."""
    if isinstance(value, list | tuple):
        return tuple(as_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: as_tuples(item) for name, item in value.items()}
    return value
