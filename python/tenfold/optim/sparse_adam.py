"""What PyTorch has for sparse gradients."""

from __future__ import annotations

from typing import Any

from tenfold.optim.optimizer import Optimizer, Parameters

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for sparse gradients: not offered, and making one raises NotImplementedError.

    >>> from tenfold import optim
    >>> optim.SparseAdam([])
    Traceback (most recent call last):
    NotImplementedError: SparseAdam: is not offered; there are no sparse tensors. Hint: use Adam
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        raise NotImplementedError("SparseAdam: is not offered; there are no sparse tensors. Hint: use Adam")

    def _check(self, group: dict[str, Any]) -> None:
        raise NotImplementedError("SparseAdam: is not offered")
