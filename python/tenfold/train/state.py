"""Everything that a run consists of, in one file; and the random numbers of a process."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tenfold import _core, safetensors
from tenfold._core import Tensor

__all__ = ["load_state", "random_state", "save_state", "set_random_state"]

_KEY = "tenfold.state"


def save_state(state: Any, path: str | os.PathLike[str]) -> None:
    """Writes a structure of dictionaries, lists, tuples, numbers, texts, None and tensors to a file.

    The file is in the safetensors format, the structure JSON in its header: reading one runs no code. It is written
    beside the old one, brought to the disk, and then takes its place: at any moment there is a whole file.
    TypeError names a value that is of no such kind.

    >>> import tempfile, tenfold as tf
    >>> from tenfold.train import load_state, save_state
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_state({"step": 3, "betas": (0.9, 0.999), "mean": tf.zeros(2)}, folder + "/state.safetensors")
    ...     load_state(folder + "/state.safetensors")
    {'step': 3, 'betas': (0.9, 0.999), 'mean': tensor([0., 0.])}
    """
    tensors: dict[str, Tensor] = {}
    structure = json.dumps(_packed(state, tensors, ""), separators=(",", ":"))
    safetensors.save_file(tensors, path, {_KEY: structure})
    _sync_folder(path)


def load_state(path: str | os.PathLike[str]) -> Any:
    """Reads what :func:`save_state` wrote.

    FileNotFoundError where there is no file, ValueError for one that is damaged or of another kind.
    """
    structure = safetensors.load_metadata(path).get(_KEY)
    if structure is None:
        raise ValueError(f"load_state: {os.fspath(path)} holds no state. Hint: safetensors.load_file reads tensors")
    return _unpacked(json.loads(structure), safetensors.load_file(path))


def _sync_folder(path: str | os.PathLike[str]) -> None:
    """Brings the new name to the disk too, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# JSON has lists and dictionaries with keys that are strings; everything else is a dictionary of one key with $.
def _packed(value: Any, tensors: dict[str, Tensor], place: str) -> Any:
    if value is None or isinstance(value, bool | str | int | float):
        # A subclass (an enum, a number of NumPy) would come back as something else.
        if value is None or type(value) in (bool, str, int, float):
            return value
    elif isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach()
        return {"$tensor": name}
    elif type(value) is list:
        return [_packed(item, tensors, f"{place}[{i}]") for i, item in enumerate(value)]
    elif type(value) is tuple:
        return {"$tuple": [_packed(item, tensors, f"{place}[{i}]") for i, item in enumerate(value)]}
    elif type(value) is Counter:
        return {"$counter": [[_packed(key, tensors, place), count] for key, count in value.items()]}
    elif isinstance(value, dict):
        packed = {key: _packed(item, tensors, f"{place}[{key!r}]") for key, item in value.items()}
        if all(type(key) is str and not key.startswith("$") for key in packed):
            return packed
        return {"$dict": [[_packed(key, tensors, place), item] for key, item in packed.items()]}
    raise TypeError(
        f"save_state: {place or 'the state'} is of a kind that cannot be saved; got {type(value).__name__}. "
        "Hint: numbers, texts, None, tensors, and dictionaries, lists and tuples of such"
    )


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        return tensors[value["$tensor"]]
    if "$tuple" in value:
        return tuple(_unpacked(item, tensors) for item in value["$tuple"])
    if "$counter" in value:
        return Counter({_unpacked(key, tensors): count for key, count in value["$counter"]})
    if "$dict" in value:
        return {_unpacked(key, tensors): _unpacked(item, tensors) for key, item in value["$dict"]}
    return {key: _unpacked(item, tensors) for key, item in value.items()}


def random_state(generators: Iterable[_core.Generator] = ()) -> dict[str, Any]:
    """Where the sequences of random numbers stand: Tenfold's, Python's, NumPy's if it is used, and ``generators``."""
    state: dict[str, Any] = {
        "tenfold": _core.get_rng_state(),
        "python": random.getstate(),
        "generators": [generator.get_state() for generator in generators],
    }
    if "numpy.random" in sys.modules:
        drawn: Any = sys.modules["numpy.random"].get_state(legacy=False)
        inner = {**drawn["state"], "key": drawn["state"]["key"].tolist(), "pos": int(drawn["state"]["pos"])}
        state["numpy"] = {**drawn, "state": inner, "gauss": float(drawn["gauss"])}
    return state


def set_random_state(state: dict[str, Any], generators: Iterable[_core.Generator] = ()) -> None:
    """Goes on from such a state."""
    _core.set_rng_state(state["tenfold"])
    random.setstate(state["python"])
    for generator, of_generator in zip(generators, state["generators"], strict=True):
        generator.set_state(of_generator)
    if "numpy" in state:
        from numpy import random as numpy_random

        numpy_random.set_state(state["numpy"])
