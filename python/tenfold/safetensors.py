"""Tensors in files of the safetensors format: https://huggingface.co/docs/safetensors

>>> import tenfold as tf
>>> from tenfold import safetensors
>>> safetensors.load(safetensors.save({"weight": tf.ones(2)}))
{'weight': tensor([1., 1.])}
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from tenfold._core import Tensor, _safetensors

__all__ = ["load", "load_file", "load_metadata", "save", "save_file"]


def _checked(operation: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not isinstance(tensors, Mapping):
        raise TypeError(f"{operation}: needs a dictionary of names and tensors; got {type(tensors).__name__}")
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"{operation}: names are strings; got {type(name).__name__}")
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{operation}: {name!r} should be a tensor; got {type(tensor).__name__}")
    return dict(tensors)


def save_file(
    tensors: Mapping[str, Tensor], filename: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes tensors, for instance a ``state_dict()``, and texts about them to a file.

    The file appears whole or not at all. DTypeError for complex128, which the format lacks; OSError where the file
    cannot be written.
    """
    _safetensors.save_file(_checked("save_file", tensors), os.fspath(filename), dict(metadata) if metadata else None)


def save(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a file with these tensors."""
    return _safetensors.save(_checked("save", tensors), dict(metadata) if metadata else None)


def load_file(filename: str | os.PathLike[str], device: str = "cpu") -> dict[str, Tensor]:
    """The tensors of a file by name.

    ValueError where the file is damaged, FileNotFoundError where there is none.
    """
    if device != "cpu":
        raise NotImplementedError(f"load_file: device {device!r} is not offered. Hint: 'cpu'")
    return _safetensors.load_file(os.fspath(filename))


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a file."""
    return _safetensors.load(data)


def load_metadata(filename: str | os.PathLike[str]) -> dict[str, str]:
    """The texts of a file by name."""
    return _safetensors.load_metadata(os.fspath(filename))
