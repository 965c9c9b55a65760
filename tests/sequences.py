"""Numbers and gradients for tests of layers over sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tenfold as tf
from support import array_of, assert_gradients
from tenfold import nn


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def drawn(*shape: int, seed: int = 0, dtype: Any = tf.float32) -> tf.Tensor:
    return tf.tensor(numbers(*shape, seed=seed), dtype=dtype)


def assert_close(a: tf.Tensor, b: tf.Tensor, tolerance: float = 1e-5) -> None:
    """Equal but for the order of sums of some tens of float32 numbers near 1."""
    np.testing.assert_allclose(array_of(a), array_of(b), rtol=tolerance, atol=tolerance)


def functional_of(module: nn.Module) -> tuple[Callable[..., Any], list[np.ndarray]]:
    """The module as a function of its parameters (in float64), and their values."""
    names = [name for name, _ in module.named_parameters()]
    values = [array_of(parameter) for parameter in module.parameters()]

    def call(parameters: tuple[tf.Tensor, ...], *args: Any, **kwargs: Any) -> Any:
        for name, value in zip(names, parameters, strict=True):
            owner, _, last = name.rpartition(".")
            inner = module.get_submodule(owner) if owner else module
            inner._parameters[last] = value
        return module(*args, **kwargs)

    return call, values


def assert_module_gradients(module: nn.Module, *points: np.ndarray, join: Callable[..., tf.Tensor]) -> None:
    """Gradients of inputs and parameters are finite differences; `join` makes one tensor of the call's results."""
    call, values = functional_of(module.double())

    def function(*tensors: tf.Tensor) -> tf.Tensor:
        return join(lambda *args, **kwargs: call(tensors[len(points) :], *args, **kwargs), *tensors[: len(points)])

    assert_gradients(function, *points, *values, rtol=1e-5)
