"""Function transforms: gradients of each sample, Jacobians, Hessians, and the gradient of a mapped function."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from workloads.workload import Group, Step, Workload


def func(xp: Any) -> Any:
    return importlib.import_module(f"{xp.__name__}.func")


def per_sample(make: Callable[[Any], Any], batch: int, *shape: int) -> Callable[[Any], Step]:
    """The gradients of a classifier of ten classes for each sample of a batch."""

    def prepare(xp: Any) -> Step:
        model, transforms = make(xp.nn), func(xp)
        params = {name: value.detach() for name, value in model.named_parameters()}
        inputs, labels = xp.rand(batch, *shape), xp.arange(batch) % 10

        def loss(params: Any, x: Any, label: Any) -> Any:
            scores = transforms.functional_call(model, params, (x[None],))
            return xp.nn.functional.cross_entropy(scores, label[None])

        step = transforms.vmap(transforms.grad(loss), in_dims=(None, 0, 0))
        return lambda: step(params, inputs, labels)

    return prepare


def dense(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def convolutional(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 11 * 11, 10),
    )


def matrix(transform: str, size: int = 64) -> Callable[[Any], Step]:
    """Derivatives of `tanh(x · w)` or, of the second order, of the sum of its squares."""

    def prepare(xp: Any) -> Step:
        x, w = xp.randn(size), xp.randn(size, size)
        if transform == "hessian":
            step = func(xp).hessian(lambda x: xp.tanh(x @ w).square().sum())
        else:
            step = getattr(func(xp), transform)(lambda x: xp.tanh(x @ w))
        return lambda: step(x)

    return prepare


def gradient_of_map(batch: int = 256, size: int = 64) -> Callable[[Any], Step]:
    def prepare(xp: Any) -> Step:
        x, w = xp.randn(batch, size), xp.randn(size, size)
        transforms = func(xp)
        step = transforms.grad(lambda w: transforms.vmap(lambda x: xp.tanh(x @ w).sum())(x).sum())
        return lambda: step(w)

    return prepare


GROUP = Group(
    "transforms",
    [
        Workload("gradients of each sample, MLP 64-128-10, b64", per_sample(dense, 64, 64)),
        Workload("gradients of each sample, CNN, b32", per_sample(convolutional, 32, 1, 28, 28)),
        Workload("jacrev, 64 x 64", matrix("jacrev")),
        Workload("jacfwd, 64 x 64", matrix("jacfwd")),
        Workload("hessian, 64 x 64", matrix("hessian")),
        Workload("gradient of vmap of x @ w, b256, 64", gradient_of_map()),
    ],
    in_mean=False,
)
