"""Pictures of other libraries as tensors."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor

__all__ = ["ToTensor"]


class ToTensor:
    """A picture of Pillow, or an array ``(H, W)`` or ``(H, W, C)``, as a tensor ``(C, H, W)``.

    Bytes become float32 from 0 to 1; other numbers stay as they are.

    >>> import numpy as np
    >>> from tenfold import transforms
    >>> transforms.ToTensor()(np.full((2, 3, 3), 255, dtype=np.uint8)).shape
    (3, 2, 3)
    """

    def __call__(self, picture: Any) -> Tensor:
        if isinstance(picture, Tensor):
            tensor = picture
        else:
            if not hasattr(picture, "__array__") and not hasattr(picture, "__array_interface__"):
                raise TypeError(f"ToTensor: needs a picture or an array; got {type(picture).__name__}")
            import numpy as np

            tensor = _core.tensor(np.array(picture))
        if tensor.ndim not in (2, 3):
            raise _core.ShapeError(f"ToTensor: needs (H, W) or (H, W, C); got {tuple(tensor.shape)}")
        tensor = tensor.unsqueeze(0) if tensor.ndim == 2 else tensor.permute(2, 0, 1)
        return tensor.to(_core.float32) / 255 if tensor.dtype == _core.uint8 else tensor

    def __repr__(self) -> str:
        return "ToTensor()"
