"""States that PyTorch saved load with no key changed, and give PyTorch's outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tenfold as tf
from checkpoint_models import MODELS
from support import array_of
from tenfold import safetensors

FOLDER = Path(__file__).parent / "fixtures" / "checkpoints"


@pytest.mark.parametrize("name", MODELS)
def test_a_state_saved_by_pytorch_gives_its_outputs(name: str) -> None:
    model = MODELS[name](tf).eval()
    state = safetensors.load_file(FOLDER / f"{name}.safetensors")
    assert sorted(state) == sorted(model.state_dict())
    assert str(model.load_state_dict(state)) == "<All keys matched successfully>"
    with np.load(FOLDER / "calls.npz") as calls:
        arrays = {key.removeprefix(f"{name}."): calls[key] for key in calls.files if key.startswith(f"{name}.")}
    expected = arrays.pop("output")
    with tf.no_grad():
        output = model(*(tf.tensor(arrays[key]) for key in sorted(arrays)))
    output = output[0] if isinstance(output, tuple) else output
    # Sums of up to some hundred float32 products in another order, through some ten layers: tens of units in the last
    # place (6e-8) of the largest number.
    np.testing.assert_allclose(array_of(output), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
