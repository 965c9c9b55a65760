"""Expressions of a user's code: beside PyTorch also `torch.compile` and `jax.jit`, where they are installed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from workloads.workload import FLOAT, Group, Step, Workload, backward

# A function of a namespace of functions and the operands.
Body = Callable[..., Any]


def expression(name: str, body: Body, *shapes: tuple[int, ...], gradients: bool = False, bytes: float = 0) -> Workload:
    """`body(f, *operands)` for normal numbers of these shapes, where `f` holds a package's functions."""

    def prepare(xp: Any) -> Step:
        return torch_step(xp, lambda *operands: body(torch_functions(xp), *operands))

    def compiled() -> Step:
        import torch

        functions = torch_functions(torch)
        return torch_step(torch, torch.compile(lambda *operands: body(functions, *operands), dynamic=False))

    def torch_step(xp: Any, call: Callable[..., Any]) -> Step:
        operands = [xp.randn(*shape) for shape in shapes]
        if not gradients:
            return lambda: call(*operands)
        leaves = [operand.requires_grad_() for operand in operands]
        return backward(xp, lambda: call(*leaves), leaves)

    def jax_step() -> Step:
        import jax

        keys = jax.random.split(jax.random.key(0), len(shapes) + 1)
        operands = [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=False)]
        functions = jax_functions()

        def call(*operands: Any) -> Any:
            return body(functions, *operands)

        if gradients:
            cotangent = jax.random.normal(keys[-1], jax.eval_shape(call, *operands).shape)

            def both(*operands: Any) -> Any:
                output, pullback = jax.vjp(call, *operands)
                return output, pullback(cotangent)

            run = jax.jit(both)
        else:
            run = jax.jit(call)
        return lambda: jax.block_until_ready(run(*operands))

    title = name + ", forward+backward" * gradients
    return Workload(title, prepare, bytes=bytes, others={"torch.compile": compiled, "jax": jax_step})


def torch_functions(xp: Any) -> SimpleNamespace:
    F = xp.nn.functional
    return SimpleNamespace(
        tanh=xp.tanh, sigmoid=xp.sigmoid, rsqrt=xp.rsqrt, gelu=F.gelu, silu=F.silu, mean=xp.mean, sum=xp.sum,
        softmax=lambda x: F.softmax(x, dim=-1), layer_norm=lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b),
    )  # fmt: skip


def jax_functions() -> SimpleNamespace:
    import jax
    from jax import numpy as jnp

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        return jax.nn.standardize(x, axis=-1, epsilon=1e-5) * weight + bias

    return SimpleNamespace(
        tanh=jnp.tanh, sigmoid=jax.nn.sigmoid, rsqrt=jax.lax.rsqrt, gelu=lambda x: jax.nn.gelu(x, approximate=False),
        silu=jax.nn.silu, mean=jnp.mean, sum=jnp.sum, softmax=jax.nn.softmax, layer_norm=layer_norm,
    )  # fmt: skip


def rms_norm(f: Any, x: Any, weight: Any) -> Any:
    """As people write it themselves."""
    return x * f.rsqrt(f.mean(x * x, axis=-1, keepdims=True) + 1e-6) * weight


SIZE = 4_000_000
ROWS, COLUMNS = 4096, 1024
NUMBERS = FLOAT * ROWS * COLUMNS

GROUP = Group(
    "fusion",
    [
        expression("tanh(x*1.5+y)*sigmoid(y-0.5)+x*x on 4,000,000",
                   lambda f, x, y: f.tanh(x * 1.5 + y) * f.sigmoid(y - 0.5) + x * x, (SIZE,), (SIZE,),
                   bytes=3 * FLOAT * SIZE),
        expression("sum((x-y)²) of 4,000,000", lambda f, x, y: f.sum((x - y) * (x - y)), (SIZE,), (SIZE,),
                   bytes=2 * FLOAT * SIZE),
        expression("gelu(x+b) 4096×1024", lambda f, x, b: f.gelu(x + b), (ROWS, COLUMNS), (COLUMNS,), gradients=True,
                   bytes=5 * NUMBERS),
        expression("layer norm 4096×1024", lambda f, x, w, b: f.layer_norm(x, w, b), (ROWS, COLUMNS), (COLUMNS,),
                   (COLUMNS,), gradients=True, bytes=5 * NUMBERS),
        expression("RMS norm by hand 4096×1024", rms_norm, (ROWS, COLUMNS), (COLUMNS,), gradients=True,
                   bytes=5 * NUMBERS),
        expression("softmax(x*0.125+mask) 4096×1024", lambda f, x, mask: f.softmax(x * 0.125 + mask), (ROWS, COLUMNS),
                   (COLUMNS,), bytes=2 * NUMBERS),
        expression("silu(x)*y 4096×1024", lambda f, x, y: f.silu(x) * y, (ROWS, COLUMNS), (ROWS, COLUMNS),
                   gradients=True, bytes=8 * NUMBERS),
        expression("(x[:, :, None]-y[:, None, :])*0.5, 512×64×64",
                   lambda f, x, y: (x[:, :, None] - y[:, None, :]) * 0.5, (512, 64), (512, 64),
                   bytes=FLOAT * 512 * 64 * 64),
        expression("mean of 64×512×256 over axis 1", lambda f, x: x.mean(1), (64, 512, 256),
                   bytes=FLOAT * 64 * 512 * 256),
    ],
    in_mean=False,
)  # fmt: skip
