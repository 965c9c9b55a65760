"""Times in PyTorch what `cargo bench -p tenfold-cpu --bench families` times here: the smallest in milliseconds.

With `TENFOLD_THREADS=1` on one thread, of its processor time.
"""

import os
import sys
import time

import torch
import torch.nn.functional as F

ALONE = os.environ.get("TENFOLD_THREADS") == "1"
NOW = time.thread_time if ALONE else time.perf_counter


def measure(name, function):
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < 0.4:
        start = NOW()
        function()
        best = min(best, NOW() - start)
    print(f"{name:32} {best * 1e3:9.3f}")


def attend(shape, key_heads, keys, causal=False, masked=False):
    batch, heads, queries, depth = shape
    leaves = [torch.randn(shape), *(torch.randn(batch, key_heads, keys, depth) for _ in range(2))]
    mask = torch.randn(queries, keys) if masked else None
    options = {"is_causal": causal, "enable_gqa": heads != key_heads}
    name = ("causal " if causal else "") + ("masked " if masked else "") + f"attention {shape}, {key_heads}×{keys}"
    measure(name, lambda: F.scaled_dot_product_attention(*leaves, mask, **options))
    for leaf in leaves:
        leaf.requires_grad_()
    y, g = F.scaled_dot_product_attention(*leaves, mask, **options), torch.randn(shape)
    measure("    gradient", lambda: torch.autograd.grad(y, leaves, g, retain_graph=True))


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    torch.manual_seed(0)
    if ALONE:
        torch.set_num_threads(1)
    if only in "attention":
        for causal in (False, True):
            attend((4, 8, 1024, 64), 8, 1024, causal)
            attend((2, 8, 512, 64), 8, 512, causal)
        attend((1, 32, 2048, 128), 32, 2048, True)
        attend((1, 32, 1024, 64), 8, 1024, True)
        attend((2, 8, 1024, 64), 8, 1024, False, True)
        attend((1, 32, 1, 128), 32, 4096)
        attend((1, 32, 1, 128), 8, 4096)
    if only in "rows":
        x, g = torch.randn(4096, 1024), torch.randn(4096, 1024)
        measure("softmax 4096x1024", lambda: F.softmax(x, 1))
        measure("softmax 4096x1024 axis 0", lambda: F.softmax(x, 0))
        measure("log_softmax 4096x1024", lambda: F.log_softmax(x, 1))
        measure("softmax gradient", lambda: torch._softmax_backward_data(g, x, 1, torch.float32))
        measure("layer_norm 4096x1024", lambda: torch.native_layer_norm(x, [1024], None, None, 1e-5))
        numbers = torch.randn(4096, 1)
        mask = [True, False, False]
        measure(
            "layer_norm gradient",
            lambda: torch.ops.aten.native_layer_norm_backward(g, x, [1024], numbers, numbers, None, None, mask),
        )
        measure("rms_norm 4096x1024", lambda: F.rms_norm(x, [1024], None, 1e-5))
        logits, targets = torch.randn(512, 32000), torch.randint(0, 32000, (512,))
        measure("cross_entropy 512x32000", lambda: F.cross_entropy(logits, targets, reduction="none"))
        leaf = logits.clone().requires_grad_()
        loss = F.cross_entropy(leaf, targets, reduction="none")
        ones = torch.ones(512)
        measure("cross_entropy gradient", lambda: torch.autograd.grad(loss, leaf, ones, retain_graph=True))
        small = torch.randn(100_000, 10)
        measure("softmax 100000x10", lambda: F.softmax(small, 1))
        half = x.bfloat16()
        measure("softmax bfloat16", lambda: F.softmax(half, 1))
    if only in "pool":
        x = torch.randn(128, 32, 28, 28)
        measure("max_pool 2x2 (128,32,28,28)", lambda: F.max_pool2d(x, 2, return_indices=True))
        measure("max_pool 3x3 stride 2", lambda: F.max_pool2d(x, 3, 2, 1, return_indices=True))
        measure("avg_pool 2x2", lambda: F.avg_pool2d(x, 2))
        measure("avg_pool 28x28", lambda: F.avg_pool2d(x, 28))
        leaf = x.clone().requires_grad_()
        out = F.max_pool2d(leaf, 2)
        ones = torch.ones_like(out)
        measure("max_pool gradient", lambda: torch.autograd.grad(out, leaf, ones, retain_graph=True))
    if only in "index":
        table, tokens = torch.randn(50_000, 768), torch.randint(0, 50_000, (4096,))
        measure("embedding 4096 of 50000x768", lambda: table.index_select(0, tokens))
        small, few, values = torch.randn(5_000, 768), torch.randint(0, 5_000, (4096,)), torch.randn(4096, 768)
        measure("index_add 4096 to 5000x768", lambda: small.index_add(0, few, values))
        flat, many, numbers = torch.randn(1_000_000), torch.randint(0, 1_000_000, (1_000_000,)), torch.randn(1_000_000)
        measure("gather 1000000", lambda: flat[many])
        measure("scatter_add 1000000", lambda: flat.scatter_add(0, many, numbers))
        part = torch.randn(1024, 1024)
        measure("concat 2 of 1024x1024 axis 1", lambda: torch.cat([part, part], 1))
    if only in "sort":
        x, rows = torch.randn(1_000_000), torch.randn(1000, 1000)
        measure("sort 1000000", lambda: torch.sort(x, stable=True))
        measure("sort 1000x1000", lambda: torch.sort(rows, stable=True))
        measure("topk 10 of 1000x1000", lambda: torch.topk(rows, 10))
    if only in "scan":
        x = torch.randn(1000, 1000)
        for axis in (0, 1):
            measure(f"cumsum 1000x1000 axis {axis}", lambda axis=axis: torch.cumsum(x, axis))
    if only in "random":
        measure("uniform 4000000", lambda: torch.rand(4_000_000))
        measure("normal 4000000", lambda: torch.randn(4_000_000))
        measure("randperm 1000000", lambda: torch.randperm(1_000_000))


if __name__ == "__main__":
    main()
