"""What PyTorch has for several devices."""

from __future__ import annotations

from typing import Any

from tenfold.nn.modules.module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """One model on several devices: not offered, and making one raises NotImplementedError.

    >>> from tenfold import nn
    >>> nn.DataParallel(nn.Identity())
    Traceback (most recent call last):
    NotImplementedError: DataParallel: is not offered; there is one device, and all of its cores are used
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("DataParallel: is not offered; there is one device, and all of its cores are used")
