"""Loading a state_dict: what fits, what does not, and the message that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tenfold._core import Tensor
from tenfold.nn.parameter import is_lazy

if TYPE_CHECKING:
    from tenfold.nn.modules.module import Module


# The key of what `get_extra_state` gives.
EXTRA_STATE = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """Keys that the module has and the state does not, and the other way round."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A hint with the name that is most like the wrong one; empty where none is."""
    close = closest(name, names)
    return f" Hint: did you mean {close!r}?" if close else ""


def closest(name: str, names: Iterable[str]) -> str | None:
    """The name that is most like the wrong one, if any is like it."""
    import difflib  # only needed for hints, and not free to import

    return next(iter(difflib.get_close_matches(name, list(names), n=1)), None)


def compare(module: Module, state: Mapping[str, Any]) -> tuple[IncompatibleKeys, list[str]]:
    """Keys that do not match, and a sentence for each value that does not fit its place."""
    own = module.state_dict(keep_vars=True)
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    mismatches = []
    for key, mine in own.items():
        if key not in state or not isinstance(mine, Tensor):
            continue
        given = state[key]
        if not isinstance(given, Tensor):
            mismatches.append(f'"{key}" should be a tensor; got {type(given).__name__}.')
        elif is_lazy(mine) or is_lazy(given):
            # A lazy module has taken the shapes of an ordinary state already.
            if is_lazy(mine) != is_lazy(given) and not (is_lazy(mine) and tuple(given.shape) == (0,)):
                mismatches.append(f'"{key}" has no shape yet in the state or in the module.')
        elif tuple(given.shape) != tuple(mine.shape):
            mismatches.append(
                f"size mismatch for {key}: copying a param with shape {tuple(given.shape)} from checkpoint, "
                f"the shape in current model is {tuple(mine.shape)}."
            )
    return IncompatibleKeys(missing, unexpected), mismatches


def failure(module: Module, keys: IncompatibleKeys, mismatches: list[str], strict: bool) -> str | None:
    """The message about a state that does not fit; None if it does."""
    problems = []
    if strict and keys.missing_keys:
        problems.append(f"Missing key(s) in state_dict: {_quoted(keys.missing_keys)}.")
    if strict and keys.unexpected_keys:
        hints = [
            f'"{key}": did you mean "{close}"?'
            for key in keys.unexpected_keys
            if (close := closest(key, keys.missing_keys))
        ]
        hint = f" Hint: {' '.join(hints)}" if hints else ""
        problems.append(f"Unexpected key(s) in state_dict: {_quoted(keys.unexpected_keys)}.{hint}")
    problems += mismatches
    if not problems:
        return None
    lines = "".join(f"\n\t{problem}" for problem in problems)
    return f"load_state_dict: Error(s) in loading state_dict for {type(module).__name__}:{lines}"


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
