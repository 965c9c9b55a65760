"""Checks of options that optimizers share, with PyTorch's messages."""

from __future__ import annotations

from typing import Any


def check_not_negative(operation: str, group: dict[str, Any], **names: str) -> None:
    """Raises ValueError where an option (given with its name in words) is negative."""
    for option, words in names.items():
        if not group[option] >= 0.0:
            raise ValueError(f"{operation}: Invalid {words}: {group[option]}")


def check_betas(operation: str, group: dict[str, Any]) -> None:
    """Raises ValueError unless both betas are in [0, 1)."""
    for number, beta in enumerate(group["betas"]):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"{operation}: Invalid beta parameter at index {number}: {beta}")


def refuse(operation: str, **options: Any) -> None:
    """Raises NotImplementedError naming the first option that asks for something (is true)."""
    for name, value in options.items():
        if value:
            raise NotImplementedError(f"{operation}: {name} is not offered")
