"""Write docs/parity.md, what Tenfold has of PyTorch's names: `make stubs`; `--check` only compares: `make lint`.

Reads the names that `scripts/record_names.py` recorded, so that no PyTorch is needed.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NAMES = ROOT / "tests" / "fixtures" / "torch_names.json"
PAGE = ROOT / "docs" / "parity.md"

# Names that exist only to say what they do not do.
REFUSED = {
    "nn.SyncBatchNorm": "raises NotImplementedError: there is one process",
    "nn.DataParallel": "raises NotImplementedError: one device, and all of its cores work anyway",
    "optim.SparseAdam": "raises NotImplementedError: there are no sparse tensors",
}
# What is left out for good.
LEFT_OUT = (
    {
        "nn.LinearCrossEntropyOptions": "chunks of PyTorch's own computation",
        "nn.Container": "deprecated: use Module",
        "nn.NLLLoss2d": "deprecated: use NLLLoss",
        "nn.RNNCellBase": "an implementation detail",
        "nn.functional.upsample": "deprecated: use interpolate",
        "nn.functional.upsample_bilinear": "deprecated: use interpolate",
        "nn.functional.upsample_nearest": "deprecated: use interpolate",
        "nn.utils.clip_grad_norm": "deprecated: use clip_grad_norm_",
        "utils.data.DistributedSampler": "there is one process",
    }
    | {
        f"utils.data.{name}": "part of data pipes, which PyTorch no longer develops"
        for name in (
            *(
                "DFIterDataPipe",
                "DataChunk",
                "IterDataPipe",
                "MapDataPipe",
                "argument_validation",
                "functional_datapipe",
            ),
            *(
                "guaranteed_datapipes_determinism",
                "non_deterministic",
                "runtime_validation",
                "runtime_validation_disabled",
            ),
        )
    }
    | {
        f"nn.init.{name}": f"deprecated: use {name}_"
        for name in (
            *("constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal", "sparse"),
            *("uniform", "xavier_normal", "xavier_uniform"),
        )
    }
)

HEADER = """# PyTorch's names

What Tenfold has of the public names of `torch.nn`, `torch.optim`, `torch.utils.data` and their parts in PyTorch
{version}: **{had}** of **{wanted}**, not counting what is left out for good. Written by `make stubs` from the recorded
list of names and from the package itself.

*yes*: there, with all of PyTorch's arguments, in their order and with their defaults (`tests/test_signatures.py`). An
argument of PyTorch that asks for something that there is not raises `NotImplementedError` naming it.
"""


def find(namespace: str, name: str) -> Any:
    """Tenfold's object of that name; None if there is none."""
    try:
        return getattr(importlib.import_module(f"tenfold.{namespace}"), name)
    except (ImportError, AttributeError):
        return None


def arguments_of(value: Any) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return None


def state(namespace: str, name: str, wanted: list[str] | None) -> str:
    """What the page says of a name."""
    full = f"{namespace}.{name}"
    if full in LEFT_OUT:
        return LEFT_OUT[full]
    found = find(namespace, name)
    if found is None:
        return "no"
    if full in REFUSED:
        return REFUSED[full]
    own = arguments_of(found)
    if wanted is None or own is None or any(argument.kind is argument.VAR_KEYWORD for argument in own):
        return "yes"
    names = {argument.name for argument in own}
    # Wrappers that PyTorch makes over a pair of functions hide their arguments, and names with _ are its own.
    asked = [one.partition("=")[0] for one in wanted]
    missing = [one for one in asked if one not in names and one not in ("args", "kwargs") and not one.startswith("_")]
    return f"yes, but for {', '.join(f'`{one}`' for one in missing)}" if missing else "yes"


def page() -> str:
    recorded = json.loads(NAMES.read_text())
    sections, had, wanted = [], 0, 0
    for namespace, names in recorded["names"].items():
        states = {name: state(namespace, name, arguments) for name, arguments in names.items()}
        counted = {name: said for name, said in states.items() if f"{namespace}.{name}" not in LEFT_OUT}
        present = [name for name, said in counted.items() if said.startswith("yes")]
        had += len(present)
        wanted += len(counted)
        rows = "\n".join(f"| `{name}` | {said} |" for name, said in states.items())
        sections.append(
            f"\n## torch.{namespace}\n\n{len(present)} of {len(counted)}.\n\n| name | here |\n|---|---|\n{rows}\n"
        )
    return HEADER.format(version=recorded["version"], had=had, wanted=wanted) + "".join(sections)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the page is current")
    options = parser.parse_args()
    text = page()
    if not options.check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit(f"{PAGE.relative_to(ROOT)} is not current. Hint: make stubs")


if __name__ == "__main__":
    main()
