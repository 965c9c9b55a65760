"""Layers, activations and losses as functions, with the names, arguments and defaults of `torch.nn.functional`.

The functions are the core's: this module lists none of them, so that each is described in one place. `help(F.conv2d)`
shows one.

>>> import tenfold as tf
>>> from tenfold.nn import functional as F
>>> F.relu(tf.tensor([-1.0, 2.0]))
tensor([0., 2.])
"""

from __future__ import annotations

from typing import Any

from tenfold._core import nn_functional as _functions

__all__ = sorted(name for name in dir(_functions) if not name.startswith("_"))


def __getattr__(name: str) -> Any:
    # Only names that the core does not have come here; the others are below.
    import difflib

    close = difflib.get_close_matches(name, __all__, n=1)
    hint = f". Hint: did you mean {close[0]!r}?" if close else ""
    raise AttributeError(f"nn.functional has no function {name!r}{hint}")


globals().update((name, getattr(_functions, name)) for name in __all__)
