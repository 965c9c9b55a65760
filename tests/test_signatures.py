"""Arguments have PyTorch's names, order and defaults, in every class and function that docs/parity.md lists."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

NAMES = json.loads((Path(__file__).parent / "fixtures" / "torch_names.json").read_text())["names"]
# Only refuse: see docs/parity.md.
REFUSED = {"nn.DataParallel", "nn.SyncBatchNorm", "optim.SparseAdam"}


def listed() -> list[tuple[str, Any, list[str]]]:
    """Everything of PyTorch's that is here and says what it takes: its name, itself, PyTorch's arguments."""
    found = []
    for namespace, names in NAMES.items():
        module = importlib.import_module(f"tenfold.{namespace}")
        for name, wanted in names.items():
            own = getattr(module, name, None)
            if own is not None and wanted is not None and f"{namespace}.{name}" not in REFUSED:
                found.append((f"{namespace}.{name}", own, wanted))
    return found


LISTED = listed()


def test_most_of_pytorch_is_compared() -> None:
    assert len(LISTED) > 340


@pytest.mark.parametrize(("own", "wanted"), [one[1:] for one in LISTED], ids=[where for where, _, _ in LISTED])
def test_arguments_are_pytorchs(own: Any, wanted: list[str]) -> None:
    try:
        arguments = inspect.signature(own).parameters
    except ValueError:
        pytest.skip("a class of Python's own")
    theirs = [one.partition("=") for one in wanted]
    names = [name for name, _, _ in theirs]
    positional = [
        name for name, argument in arguments.items()
        if argument.kind in (argument.POSITIONAL_ONLY, argument.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    # What is ours alone comes after what is PyTorch's.
    common = [name for name in positional if name in names]
    assert positional[: len(common)] == common
    assert common == [name for name in names if name in common]
    for name, _, default in theirs:
        if name not in arguments or not default or default == "...":
            continue
        ours = arguments[name].default
        # `...` is what a function in Rust says of a default that is no literal.
        if ours is ...:
            continue
        assert ours == ast.literal_eval(default), name
