"""Programs as stand-alone Python."""

from __future__ import annotations

import inspect
from collections.abc import Collection

from programs import helpers
from programs.language import Global, Statement, Threads, defined_names, guarded, walk
from programs.running import SEED

_IMPORTS = {
    "copy": "import copy", "pickle": "import pickle", "np": "import numpy as np", "tf": "import tenfold as tf",
    "nn": "from tenfold import nn", "optim": "from tenfold import optim",
    "F": "from tenfold.nn import functional as F",
}  # fmt: skip


def python(program: tuple[Statement, ...], raised: Collection[int] = ()) -> str:
    """The program in Python; statements whose id is in ``raised`` stand in a ``try``."""
    used = {node.path.split(".")[0] for node in walk(program) if isinstance(node, Global)} | {"tf"}
    if any(isinstance(node, Threads) for node in walk(program)):
        used |= {"run_threads", "threading"}
    lines = [text for name, text in {"threading": "import threading", **_IMPORTS}.items() if name in used]
    for name, helper in vars(helpers).items():
        if name in used and getattr(helper, "__module__", None) == helpers.__name__:
            lines += ["", *inspect.getsource(helper).rstrip().splitlines()]
    lines += ["", f"tf.manual_seed({SEED})"]
    for statement in program:
        lines += guarded(statement, raised)
    for name in sorted(defined_names(program), key=lambda name: (len(name), name)):
        lines.append(f'print("{name} =", globals().get("{name}"))')
    return "\n".join(lines) + "\n"
