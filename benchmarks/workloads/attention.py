"""Scaled dot-product attention; shapes are batch × heads × length × width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workloads.workload import Group, Step, Workload, backward


def attention(
    batch: int, heads: int, length: int, width: int, *, key_heads: int = 0, causal: bool = False, mask: bool = False
) -> Iterator[Workload]:
    """Forward, and with gradients; `key_heads`: fewer heads of keys and values (grouped heads)."""

    def operands(xp: Any, gradients: bool) -> tuple[list[Any], dict[str, Any]]:
        query = xp.randn(batch, heads, length, width)
        key, value = (xp.randn(batch, key_heads or heads, length, width) for _ in range(2))
        options: dict[str, Any] = {"is_causal": causal}
        if key_heads:
            options["enable_gqa"] = True
        if mask:
            options["attn_mask"] = xp.randn(length, length)
        tensors = [query, key, value]
        return [tensor.requires_grad_() for tensor in tensors] if gradients else tensors, options

    def run(xp: Any) -> Step:
        tensors, options = operands(xp, False)
        return lambda: xp.nn.functional.scaled_dot_product_attention(*tensors, **options)

    def train(xp: Any) -> Step:
        tensors, options = operands(xp, True)
        return backward(xp, lambda: xp.nn.functional.scaled_dot_product_attention(*tensors, **options), tensors)

    name = f"{batch}×{heads}×{length}×{width}"
    name += f" grouped to {key_heads}" * bool(key_heads) + " causal" * causal + " with a mask" * mask
    # Two products forward, five backward (the scores are computed again); a causal mask needs half of each.
    product = 2 * batch * heads * length**2 * width * (0.5 if causal else 1)
    yield Workload(f"{name}, forward", run, flops=2 * product)
    yield Workload(f"{name}, forward+backward", train, flops=7 * product)


def one_query(heads: int = 32, length: int = 4096, width: int = 128) -> Workload:
    def prepare(xp: Any) -> Step:
        query = xp.randn(1, heads, 1, width)
        key, value = (xp.randn(1, heads, length, width) for _ in range(2))
        return lambda: xp.nn.functional.scaled_dot_product_attention(query, key, value)

    needed = 4 * 2 * heads * length * width
    return Workload(f"one query, cache of {length}, {heads} heads of {width}", prepare, bytes=needed)


GROUP = Group(
    "attention",
    [
        *attention(4, 8, 1024, 64),
        *attention(4, 8, 1024, 64, causal=True),
        *attention(2, 8, 512, 64),
        *attention(2, 8, 512, 64, causal=True),
        *attention(1, 32, 2048, 128, causal=True),
        *attention(2, 16, 512, 64, key_heads=4, causal=True),
        *attention(2, 8, 512, 64, mask=True),
        one_query(),
    ],
)
