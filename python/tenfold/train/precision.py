"""Models computed in 16 bits, with parameters kept in 32."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.amp import autocast

__all__ = ["Precision"]

_DTYPES = {
    "float32": None,
    "bfloat16": _core.bfloat16,
    "bf16": _core.bfloat16,
    "float16": _core.float16,
    "fp16": _core.float16,
}


class Precision:
    """In which dtype a model computes; for float16 also the factor that keeps small gradients from vanishing.

    The parameters stay as they are, float32: products are computed in 16 bits, and the loss in float32. Sums within a
    product are accumulated in 32 bits anyway.
    Source: P. Micikevicius et al., Mixed Precision Training, ICLR 2018.
    """

    # Loss scaling as in the paper's appendix: halved when a gradient overflows, doubled after many steps without.
    growth_interval = 2000

    def __init__(self, name: str) -> None:
        if name not in _DTYPES:
            raise ValueError(f"Trainer: precision is one of {', '.join(_DTYPES)}; got {name!r}")
        self.dtype = _DTYPES[name]
        self.scale = 2.0**16 if self.dtype is _core.float16 else 1.0
        self.good_steps = 0

    def applied(self) -> AbstractContextManager[object]:
        """Within, products are computed in 16 bits: see :class:`tenfold.autocast`."""
        return nullcontext() if self.dtype is None else autocast("cpu", self.dtype)

    def raised(self, value: Any) -> Any:
        """Outputs in float32."""
        return value if self.dtype is None else _converted(value, _core.float32)

    def unscaled(self, params: Sequence[Tensor], divisor: Tensor | float) -> bool:
        """Divides gradients by the factor and by ``divisor``; False where the step is to be left out."""
        grads = [param.grad for param in params if param.grad is not None]
        if isinstance(divisor, Tensor) or divisor * self.scale != 1:
            for grad in grads:
                grad.div_(divisor * self.scale)
        if self.dtype is not _core.float16:
            return True
        if all(bool(_core.isfinite(grad).all()) for grad in grads):
            self.good_steps += 1
            if self.good_steps >= self.growth_interval:
                self.scale *= 2
                self.good_steps = 0
            return True
        self.scale = max(self.scale / 2, 1.0)
        self.good_steps = 0
        return False

    def state_dict(self) -> dict[str, Any]:
        """The factor, and for how many steps it was right."""
        return {"scale": self.scale, "good_steps": self.good_steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.scale = state_dict["scale"]
        self.good_steps = state_dict["good_steps"]


def _converted(value: Any, dtype: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(dtype) if value.dtype.is_floating_point else value
    if isinstance(value, dict):
        return {key: _converted(item, dtype) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_converted(item, dtype) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_converted(item, dtype) for item in value)
    return value
