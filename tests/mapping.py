"""What the tests of function transforms share: loops over the batch, and functions of every family of operations."""

from __future__ import annotations

import itertools

import numpy as np

import tenfold as tf
from tenfold import nn
from tenfold.func.tree import flatten, map_leaves, unflatten

F = nn.functional
BATCH = 3

# Sums of the same terms may be taken in another order for all samples together than for one: float64 sums of less than
# a thousand terms of size one differ by less than 1000 · 2⁻⁵² ≈ 2e-13; derivatives multiply a few of these.
TOLERANCE = {"rtol": 1e-11, "atol": 1e-11}


def slices(args, dims, number):
    return [
        arg if dim is None else map_leaves(lambda leaf, dim=dim: leaf.select(dim, number), arg)
        for arg, dim in zip(args, dims, strict=True)
    ]


def loop(function, dims, *args):
    """What `vmap(function, dims)` is to compute."""
    results = [flatten(function(*slices(args, dims, number))) for number in range(BATCH)]
    columns = zip(*(leaves for leaves, _ in results), strict=True)
    return unflatten([tf.stack(list(column)) for column in columns], results[0][1])


def assert_close(found, expected, **tolerance):
    found, nested = flatten(found)
    expected, expected_nested = flatten(expected)
    assert nested == expected_nested
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), **(tolerance or TOLERANCE))


def drawn(shape, seed=0):
    return tf.tensor(np.random.default_rng([seed, *shape]).uniform(0.3, 1.7, shape))


def batched_ways(count):
    """Every choice of which arguments are mapped, at least one."""
    return [dims for dims in itertools.product((0, None), repeat=count) if 0 in dims]


def weighted(results):
    """One number of a function's results."""
    total = 0.0
    for leaf in flatten(results)[0]:
        if leaf.is_floating_point():
            weights = tf.tensor(np.cos(np.arange(leaf.numel()))).reshape(leaf.shape)
            total = total + (leaf * weights).sum()
    return total


INDEX = tf.tensor([2, 0, 2, 1])
CASES = {
    "sum": (lambda x: x.sum(), [(4, 5)]),
    "sum of an axis": (lambda x: x.sum(-1, keepdim=True), [(4, 5)]),
    "mean": (lambda x: x.mean(0), [(4, 5)]),
    "var": (lambda x: x.var(1), [(4, 5)]),
    "std": (lambda x: x.std(), [(4, 5)]),
    "prod": (lambda x: x.prod(1), [(4, 5)]),
    "amax": (lambda x: x.amax((0, 1)), [(4, 5)]),
    "max": (lambda x: x.max(1), [(4, 5)]),
    "argmax": (lambda x: (x.argmax(), x.argmin(1)), [(4, 5)]),
    "median": (lambda x: x.median(0), [(5, 4)]),
    "kthvalue": (lambda x: x.kthvalue(2, 1), [(5, 4)]),
    "logsumexp": (lambda x: x.logsumexp(1), [(4, 5)]),
    "norm": (lambda x: x.norm(), [(4, 5)]),
    "cumsum": (lambda x: x.cumsum(1), [(4, 5)]),
    "cumprod": (lambda x: x.cumprod(0), [(4, 5)]),
    "cummax": (lambda x: x.cummax(1), [(4, 5)]),
    "logcumsumexp": (lambda x: x.logcumsumexp(1), [(4, 5)]),
    "sort": (lambda x: x.sort(0, descending=True), [(4, 5)]),
    "topk": (lambda x: x.topk(2, 1), [(4, 5)]),
    "argsort": (lambda x: x.argsort(1), [(4, 5)]),
    "searchsorted": (lambda x, y: tf.searchsorted(tf.sort(x), y), [(5,), (4,)]),
    "any and all": (lambda x: ((x > 1).any(0), (x > 0).all()), [(4, 5)]),
    "count_nonzero": (lambda x: (x > 1).sum(1), [(4, 5)]),
    # Movement.
    "reshape": (lambda x: x.reshape(5, 4), [(4, 5)]),
    "reshape of a transposed": (lambda x: x.t().reshape(-1), [(4, 5)]),
    "permute": (lambda x: x.permute(2, 0, 1), [(2, 3, 4)]),
    "expand": (lambda x: x.unsqueeze(1).expand(3, 2, 4), [(3, 4)]),
    "slices": (lambda x: x[1:, ::2], [(4, 5)]),
    "select": (lambda x: x[-1], [(4, 5)]),
    "flip": (lambda x: x.flip(0), [(4, 5)]),
    "roll": (lambda x: x.roll(1, 1), [(4, 5)]),
    "diagonal": (lambda x: x.diagonal(1), [(4, 5)]),
    "diag": (lambda x: x.diag(), [(4,)]),
    "tril": (lambda x: x.tril(), [(4, 5)]),
    "unfold": (lambda x: x.unfold(1, 3, 2), [(4, 5)]),
    "cat": (lambda x, y: tf.cat([x, y, x], 1), [(4, 2), (4, 3)]),
    "stack": (lambda x, y: tf.stack([x, y], axis=-1), [(4, 2), (4, 2)]),
    "split": (lambda x: x.split(2, 1), [(4, 5)]),
    "chunk": (lambda x: x.chunk(2, 0), [(4, 5)]),
    "unbind": (lambda x: x.unbind(1), [(4, 3)]),
    "tile": (lambda x: tf.tile(x, (2, 3)), [(4, 3)]),
    "repeat_interleave": (lambda x: tf.repeat(x, 2, axis=0), [(4, 3)]),
    "meshgrid": (lambda x, y: tf.meshgrid(x, y, indexing="ij"), [(4,), (3,)]),
    "pad": (lambda x: F.pad(x, (1, 2), mode="constant", value=3.0), [(4, 3)]),
    "reflect": (lambda x: F.pad(x, (1, 2), mode="reflect"), [(2, 4, 3)]),
    "as_strided": (lambda x: x.as_strided((2, 2), (5, 1)), [(4, 5)]),
    # Indexing by the same indices.
    "index": (lambda x: x[INDEX], [(4, 5)]),
    "index in the middle": (lambda x: x[:, INDEX, None], [(2, 4, 5)]),
    "index_select": (lambda x: x.index_select(1, INDEX), [(4, 5)]),
    "index_add": (lambda x, y: x.index_add(0, INDEX, y), [(4, 5), (4, 5)]),
    "index_copy": (lambda x, y: x.index_copy(0, INDEX, y), [(4, 5), (4, 5)]),
    "gather": (lambda x: x.gather(1, tf.tensor([[0, 1], [2, 2]])), [(2, 3)]),
    "scatter": (lambda x, y: x.scatter(1, tf.tensor([[0, 1], [2, 2]]), y), [(2, 3), (2, 2)]),
    "scatter_add": (lambda x, y: x.scatter_add(1, tf.tensor([[0, 1], [2, 2]]), y), [(2, 3), (2, 2)]),
    "take_along_axis": (lambda x: tf.take_along_axis(x, tf.argsort(x, axis=0), axis=0), [(4, 5)]),
    "masked_fill": (lambda x: x.masked_fill(x > 1, 0.5), [(4, 5)]),
    "masked_scatter": (lambda x, y: x.masked_scatter(x > 1, y), [(4, 5), (20,)]),
    "where": (lambda x, y: tf.where(x > y, x, y), [(4, 5), (5,)]),
    # Products.
    "matmul": (tf.matmul, [(4, 5), (5, 3)]),
    "matmul of vectors": (tf.matmul, [(5,), (5,)]),
    "matrix by vector": (tf.matmul, [(4, 5), (5,)]),
    "vector by matrix": (tf.matmul, [(5,), (5, 4)]),
    "batched matmul": (tf.matmul, [(2, 4, 5), (5, 3)]),
    "broadcast matmul": (tf.matmul, [(2, 1, 4, 5), (3, 5, 2)]),
    "outer": (tf.outer, [(4,), (3,)]),
    "einsum": (lambda x, y: tf.einsum("ij,kj->ik", x, y), [(4, 5), (3, 5)]),
    "tensordot": (lambda x, y: tf.tensordot(x, y, axes=1), [(4, 5), (5, 2)]),
    # Layers as functions.
    "linear": (F.linear, [(2, 5), (3, 5), (3,)]),
    "linear of a vector": (F.linear, [(5,), (3, 5), (3,)]),
    "bilinear": (F.bilinear, [(2, 3), (2, 4), (5, 3, 4)]),
    "conv1d": (F.conv1d, [(2, 3, 8), (4, 3, 3), (4,)]),
    "conv2d": (lambda x, w: F.conv2d(x, w, stride=2, padding=1), [(2, 3, 6, 5), (4, 3, 3, 3)]),
    "conv2d of one image": (F.conv2d, [(3, 6, 5), (4, 3, 3, 3), (4,)]),
    "grouped conv2d": (lambda x, w: F.conv2d(x, w, groups=2), [(1, 4, 5, 5), (6, 2, 3, 3)]),
    "conv_transpose2d": (lambda x, w: F.conv_transpose2d(x, w, stride=2), [(1, 3, 4, 4), (3, 2, 3, 3)]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), [(2, 3, 4, 6)]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), [(2, 3, 5, 6)]),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 2), [(2, 3, 5, 6)]),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), [(1, 2, 3, 4)]),
    "unfold of images": (lambda x: F.unfold(x, 2), [(1, 2, 4, 4)]),
    "softmax": (lambda x: F.softmax(x, -1), [(4, 5)]),
    "log_softmax": (lambda x: F.log_softmax(x, 0), [(4, 5)]),
    "layer_norm": (lambda x: F.layer_norm(x, (5,)), [(4, 5)]),
    "affine layer_norm": (lambda x, w, b: F.layer_norm(x, (5,), w, b), [(4, 5), (5,), (5,)]),
    "rms_norm": (lambda x, w: F.rms_norm(x, (5,), w), [(4, 5), (5,)]),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), [(2, 4, 5), (4,), (4,)]),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), [(4, 3, 5), (3,), (3,)]),
    "batch_norm in evaluation": (
        lambda x, w, b: F.batch_norm(x, tf.arange(3.0).double(), tf.arange(1.0, 4.0).double(), w, b),
        [(4, 3), (3,), (3,)],
    ),
    "instance_norm": (lambda x: F.instance_norm(x), [(2, 3, 6)]),
    "embedding": (lambda w: F.embedding(INDEX, w), [(4, 5)]),
    "attention": (F.scaled_dot_product_attention, [(2, 4, 3), (2, 5, 3), (2, 5, 3)]),
    "causal attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        [(2, 4, 3), (2, 4, 3), (2, 4, 3)],
    ),
    "gelu": (F.gelu, [(4, 5)]),
    "silu": (F.silu, [(4, 5)]),
    "glu": (F.glu, [(4, 6)]),
    "prelu": (F.prelu, [(4, 5), (1,)]),
    "cosine_similarity": (F.cosine_similarity, [(4, 5), (4, 5)]),
    "pairwise_distance": (F.pairwise_distance, [(4, 5), (4, 5)]),
    "normalize": (F.normalize, [(4, 5)]),
    # Losses.
    "mse_loss": (F.mse_loss, [(4, 5), (4, 5)]),
    "l1_loss": (F.l1_loss, [(4, 5), (4, 5)]),
    "huber_loss": (F.huber_loss, [(4, 5), (4, 5)]),
    "kl_div": (F.kl_div, [(4, 5), (4, 5)]),
    "cross_entropy": (lambda x: F.cross_entropy(x, INDEX), [(4, 5)]),
    "cross_entropy of probabilities": (lambda x, y: F.cross_entropy(x, y), [(4, 5), (4, 5)]),
    "nll_loss": (lambda x: F.nll_loss(x, INDEX), [(4, 5)]),
    "bce": (lambda x, y: F.binary_cross_entropy(x / 2, y / 2), [(4, 5), (4, 5)]),
    "bce with logits": (F.binary_cross_entropy_with_logits, [(4, 5), (4, 5)]),
    "gaussian_nll_loss": (F.gaussian_nll_loss, [(4, 5), (4, 5), (4, 5)]),
    "poisson_nll_loss": (F.poisson_nll_loss, [(4, 5), (4, 5)]),
    "triplet_margin_loss": (F.triplet_margin_loss, [(4, 5), (4, 5), (4, 5)]),
    "ctc_loss": (
        lambda x: F.ctc_loss(F.log_softmax(x, -1), tf.tensor([[1, 2], [2, 1]]), [6, 6], [2, 2]),
        [(6, 2, 4)],
    ),
}
INTEGER_RESULTS = {"argmax", "argsort", "searchsorted", "any and all", "count_nonzero"}
