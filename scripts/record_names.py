"""Write the public names of PyTorch's nn, nn.functional, nn.utils, optim, schedulers and utils.data: `make fixtures`.

Needs PyTorch, not Tenfold. `scripts/parity_page.py` says of each name what Tenfold has.
"""

from __future__ import annotations

import argparse
import inspect
import json
from pathlib import Path
from typing import Any

import torch
import torch.optim.swa_utils
import torch.utils.data
from torch.nn.utils import parametrizations, parametrize

# Each with the kind of object that counts: the modules hold helpers and imports too.
NAMESPACES: dict[str, tuple[Any, Any]] = {
    "nn": (torch.nn, inspect.isclass),
    "nn.functional": (torch.nn.functional, callable),
    "nn.init": (torch.nn.init, inspect.isfunction),
    "nn.utils": (torch.nn.utils, inspect.isfunction),
    "nn.utils.parametrize": (parametrize, callable),
    "nn.utils.parametrizations": (parametrizations, inspect.isfunction),
    "optim": (torch.optim, inspect.isclass),
    "optim.lr_scheduler": (torch.optim.lr_scheduler, inspect.isclass),
    "optim.swa_utils": (torch.optim.swa_utils, callable),
    "utils.data": (torch.utils.data, callable),
}


# What the modules import or keep for themselves, and functions for one vendor's hardware.
NOT_OFFERED_TO_USERS = {
    "Tensor", "Module", "ModuleDict", "ModuleList", "Parameter", "Optimizer", "LRScheduler", "ScalingType",
    "SwizzleType", "CustomClassBase", "assert_int_or_pair", "handle_torch_function", "native_channel_shuffle",
    "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic", "scaled_addmm", "scaled_addmm_",
    "scaled_mm", "scaled_grouped_mm", "grouped_mm", "get_swap_module_params_on_conversion",
    "is_opaque_symbolic_type", "is_traceable_wrapper_subclass",
    "convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format",
}  # fmt: skip
HOME_OF = {"Module": "nn", "ModuleDict": "nn", "ModuleList": "nn", "Parameter": "nn", "Optimizer": "optim"} | {
    "LRScheduler": "optim.lr_scheduler"
}


def is_own(namespace: str, name: str, value: Any) -> bool:
    """True for what a user calls: public, at home in the namespace, and made by PyTorch."""
    module = getattr(value, "__module__", None) or "torch"
    if name.startswith("_") or not module.startswith("torch") or module.startswith("torch._jit"):
        return False
    return name not in NOT_OFFERED_TO_USERS or HOME_OF.get(name) == namespace


def parameters(value: Any) -> list[str] | None:
    """The arguments as Python writes them, without types; None where a function does not say."""
    try:
        found = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return None
    return [written(argument) for argument in found]


def written(argument: inspect.Parameter) -> str:
    default = argument.default
    if default is inspect.Parameter.empty:
        return argument.name
    # Objects have no form that could be compared.
    plain = default is None or isinstance(default, bool | int | float | str | tuple)
    return f"{argument.name}={default!r}" if plain else f"{argument.name}=..."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    options = parser.parse_args()
    names = {}
    for namespace, (module, counts) in NAMESPACES.items():
        public = set(getattr(module, "__all__", ())) | set(dir(module))
        found = {name: getattr(module, name) for name in sorted(public)}
        names[namespace] = {
            name: parameters(value) for name, value in found.items() if is_own(namespace, name, value) and counts(value)
        }
    # One line a name, so that a new version's changes can be read.
    lines = [
        f" {json.dumps(namespace)}: {{\n"
        + ",\n".join(f"  {json.dumps(name)}: {json.dumps(arguments)}" for name, arguments in of_namespace.items())
        + "\n }"
        for namespace, of_namespace in names.items()
    ]
    version = json.dumps(torch.__version__.split("+")[0])
    options.out.write_text(f'{{"version": {version},\n "names": {{\n' + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    main()
