"""tenfold.safetensors: files that any reader of the format reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import tenfold as tf
from tenfold import nn
from tenfold.safetensors import load, load_file, load_metadata, save, save_file

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64",
]  # fmt: skip


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_comes_back_with_its_bits(name: str) -> None:
    tensor = tf.arange(6).reshape(2, 3).to(getattr(tf, name))
    loaded = load(save({"x": tensor}))["x"]
    assert loaded.dtype == tensor.dtype
    assert loaded.shape == (2, 3)
    assert (loaded == tensor).all().item()


def test_a_model_goes_to_a_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    source, target = nn.Linear(3, 2), nn.Linear(3, 2)
    save_file(source.state_dict(), path, metadata={"epoch": "3"})
    target.load_state_dict(load_file(path))
    x = tf.ones(4, 3)
    assert target(x).tolist() == source(x).tolist()
    assert load_metadata(path) == {"epoch": "3"}


def test_other_readers_and_writers_agree(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    save_file({"x": tf.asarray(array)}, path)
    np.testing.assert_array_equal(safetensors.numpy.load_file(path)["x"], array)
    safetensors.numpy.save_file({"y": array.T.copy()}, path)
    np.testing.assert_array_equal(load_file(path)["y"].numpy(), array.T)


def test_views_are_saved_as_what_they_show() -> None:
    x = tf.arange(6.0).reshape(2, 3)
    assert load(save({"x": x.T}))["x"].tolist() == x.T.tolist()
    assert load(save({"empty": tf.zeros(0, 2)}))["empty"].shape == (0, 2)


def test_damaged_and_missing_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_file(tmp_path / "missing")
    (tmp_path / "damaged").write_bytes(save({"x": tf.ones(3)})[:-1])
    with pytest.raises(ValueError, match=r"^safetensors\.load"):
        load_file(tmp_path / "damaged")


def test_only_named_tensors_are_saved() -> None:
    with pytest.raises(TypeError, match=r"^save: 'x' should be a tensor; got list"):
        save({"x": [1.0]})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"complex128"):
        save({"x": tf.zeros(1, dtype=tf.complex128)})
    with pytest.raises(NotImplementedError, match=r"^load_file: device 'cuda' is not offered"):
        load_file("x", device="cuda")
