"""Save small models' states as people save them from PyTorch, with inputs and outputs: `make fixtures`.

Needs PyTorch, NumPy and safetensors. Writes NAME.safetensors for each of tests/checkpoint_models.py, and calls.npz.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from checkpoint_models import MODELS

INPUTS = {
    "transformer": (torch.Size([2, 5, 8]), torch.Size([2, 4, 8])),
    "lstm": (torch.Size([2, 5, 3]),),
    "resnet": (torch.Size([2, 3, 32, 32]),),
    "unet": (torch.Size([1, 1, 12, 8]),),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the files")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    calls = {}
    for name, make in MODELS.items():
        model = make(torch).eval()
        with torch.no_grad():
            for value in model.state_dict().values():
                if value.is_floating_point():
                    # Away from ones and zeros, so that a forgotten weight shows; variances stay positive.
                    value += 0.3 * torch.rand_like(value)
            inputs = [torch.randn(shape) for shape in INPUTS.get(name, ())] or [torch.randint(0, 11, (2, 6))]
            outputs = model(*inputs)
        # The head of the GPT is its table of tokens: no tensor is saved twice.
        save_file(model.state_dict(), options.out / f"{name}.safetensors")
        calls |= {f"{name}.input{number}": x.numpy() for number, x in enumerate(inputs)}
        calls[f"{name}.output"] = (outputs[0] if isinstance(outputs, tuple) else outputs).numpy()
    np.savez_compressed(options.out / "calls.npz", **calls)
    print(f"{len(MODELS)} checkpoints")


if __name__ == "__main__":
    main()
