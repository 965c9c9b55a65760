"""What shares a kernel: the number of kernels of well-known expressions, and the same bits as without fusion."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import tenfold as tf
from support import equal_bits
from tenfold import nn, optim
from tenfold.autograd import grad
from tenfold.nn import functional as F


@pytest.fixture(autouse=True)
def deferred() -> Iterator[None]:
    before = tf.is_eager(), tf.is_fused()
    tf.set_eager(False)
    tf.synchronize()
    yield
    tf.set_eager(before[0])
    tf.set_fused(before[1])


def kernels(result: tf.Tensor) -> list[str]:
    return [kernel.split(" -> ")[0] for kernel in result.explain().kernels]


def normal(*shape: int, dtype: object = None) -> tf.Tensor:
    draw = np.random.default_rng(abs(hash(shape)) % 1000).standard_normal(shape).astype("f4")
    return tf.tensor(draw) if dtype is None else tf.tensor(draw).to(dtype)


SHAPES = [(), (1,), (7, 13), (257,), (3, 5, 300)]

EXPRESSIONS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "chain": lambda x, y: tf.tanh(x * 1.5 + y) * tf.sigmoid(y - 0.5) + x * x,
    "mixed dtypes": lambda x, y: (x.to(tf.float16) * 2 + y.to(tf.float16)).to(tf.float32) / 3,
    "comparison": lambda x, y: tf.where(x > y, x, y * 2),
    "integers": lambda x, y: (x * 100).to(tf.int32) // 7 + (y > 0).to(tf.int32),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_elementwise_chains_are_one_kernel(name: str, shape: tuple[int, ...]) -> None:
    x, y = normal(*shape), normal(*shape) * 0.5
    tf.synchronize()
    result = EXPRESSIONS[name](x, y)
    assert len(kernels(result)) == 1
    tf.set_fused(False)
    apart = EXPRESSIONS[name](x, y)
    assert len(kernels(apart)) > 1
    assert equal_bits(result, apart)


@pytest.mark.parametrize("reduce", ["sum", "amax", "argmax", "mean"])
@pytest.mark.parametrize("shape", [(7, 13), (300, 5), (2, 17000)])
@pytest.mark.parametrize("dim", [0, 1])
def test_a_reduction_takes_its_input_in(reduce: str, shape: tuple[int, int], dim: int) -> None:
    x = normal(*shape)
    tf.synchronize()

    def compute() -> tf.Tensor:
        result: tf.Tensor = getattr((x * 2 - 1).tanh(), reduce)(dim)
        return result

    result = compute()
    assert len(kernels(result)) == 1
    tf.set_fused(False)
    assert equal_bits(result, compute())


@pytest.mark.parametrize(
    ("rows", "depth", "columns"), [(7, 13, 5), (64, 300, 257), (1, 40, 600), (130, 520, 3), (5, 0, 4)]
)
def test_a_product_takes_bias_activation_and_residual_in(rows: int, depth: int, columns: int) -> None:
    x, w, b, r = normal(rows, depth), normal(depth, columns), normal(columns), normal(rows, columns)
    tf.synchronize()

    def compute() -> tuple[tf.Tensor, tf.Tensor]:
        before = x @ w + b
        return before, F.gelu(before) * 0.5 + r

    before, after = compute()
    assert [name.split()[0] for name in kernels(after)] == ["gemm"]
    tf.set_fused(False)
    for fused, apart in zip((before, after), compute(), strict=True):
        assert equal_bits(fused, apart)


@pytest.mark.parametrize("shape", [(13,), (3, 13), (2, 7, 13), (2, 1, 3, 13)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_linear_layer_of_any_rank_takes_what_follows_in(shape: tuple[int, ...], turned: bool) -> None:
    x, r = normal(*shape), normal(*shape[:-1], 40)
    layer = nn.Linear(13, 40)
    if turned:
        x = x.transpose(0, -2).contiguous().transpose(0, -2) if len(shape) > 1 else x
    tf.synchronize()

    def compute() -> tf.Tensor:
        return F.gelu(layer(x)) + r

    result = compute()
    # Rows that do not lie behind each other are copied first.
    copied = turned and len(shape) > 2
    copies = ["map"] if copied else []
    names = [name.split()[0] for name in kernels(result)]
    assert names == ([*copies, "gemm"] if len(shape) > 1 else ["gemm", "map"])
    tf.set_fused(False)
    assert equal_bits(result, compute())


def test_a_training_step_on_sequences_has_the_kernels_of_one_on_rows() -> None:
    layers = nn.Sequential(nn.Linear(13, 40), nn.GELU(), nn.Linear(40, 7))

    def names(x: tf.Tensor) -> list[str]:
        tf.synchronize()
        layers.zero_grad()
        loss = layers(x).square().mean()
        loss.backward()
        last = layers[0].weight.grad
        assert last is not None
        return sorted(kernels(last + loss * 0))

    assert names(normal(2, 3, 13)) == names(normal(6, 13))


@pytest.mark.parametrize(("groups", "stride"), [(1, 1), (1, 2), (4, 1)])
def test_a_convolution_takes_bias_and_activation_in(groups: int, stride: int) -> None:
    x, w, b = normal(3, 4, 9, 11), normal(8, 4 // groups, 3, 3), normal(8)
    tf.synchronize()

    def compute() -> tf.Tensor:
        return F.relu(F.conv2d(x, w, b, padding=1, stride=stride, groups=groups))

    result = compute()
    assert [name.split()[0] for name in kernels(result)] == ["convolution"]
    tf.set_fused(False)
    assert equal_bits(result, compute())


def test_what_is_not_needed_is_not_run() -> None:
    x = normal(50)
    tf.synchronize()
    unused = x.exp() @ x
    del unused
    y = x + 1
    assert len(kernels(y)) == 1


def test_what_is_computed_twice_runs_once() -> None:
    x = normal(30, 30)
    tf.synchronize()
    total = (x @ x).sum() + (x @ x).amax()
    assert sum(name.startswith("gemm") for name in kernels(total)) == 1


def test_held_repeats_keep_memory_of_their_own() -> None:
    a, b = tf.zeros(4), tf.zeros(4)
    assert np.from_dlpack(a).ctypes.data != np.from_dlpack(b).ctypes.data


def test_a_gradient_of_gelu_with_bias_is_two_kernels() -> None:
    x, b = normal(40, 30), normal(30)
    b.requires_grad_()
    tf.synchronize()
    F.gelu(x + b).sum().backward()
    assert b.grad is not None
    names = kernels(b.grad)
    assert len(names) <= 2, names


def test_norms_with_their_weights_are_a_kernel_forward_and_one_back() -> None:
    x, g = normal(40, 30), normal(40, 30)
    for layer in (nn.LayerNorm(30), nn.RMSNorm(30)):
        leaf = x.detach().clone().requires_grad_()
        tf.synchronize()
        layer(leaf).backward(g)
        assert leaf.grad is not None
        assert len(kernels(leaf.grad)) == 2


@pytest.mark.parametrize("name", ["gelu", "elu", "selu", "celu", "softplus", "mish", "hardswish"])
def test_what_an_activation_computes_on_its_way_is_not_kept_for_its_gradient(name: str) -> None:
    x = normal(40, 30).requires_grad_()
    tf.synchronize()
    y = getattr(F, name)(x * 1.0)
    # The result, and at most the argument that is kept; nothing else is stored.
    (kernel,) = y.explain().kernels
    assert kernel.split("  ")[0].count("float32") <= 2, kernel
    y.detach().numpy()
    (gradient,) = grad(y, x, normal(40, 30))
    assert len(kernels(gradient)) == 1


@pytest.mark.parametrize("name", ["gelu", "elu", "selu", "celu", "softplus", "mish", "hardswish"])
def test_gradients_have_the_same_bits_whether_a_flush_fell_between_or_not(name: str) -> None:
    draws = normal(7, 130) * 3

    def gradients(looks: bool) -> list[tf.Tensor]:
        x = draws.detach().clone().requires_grad_()
        y = getattr(F, name)(x * 2)
        if looks:
            y.detach().numpy()
        (first,) = grad(y, x, draws, create_graph=True)
        if looks:
            first.detach().numpy()
        (second,) = grad(first.sum(), x)
        return [y, first, second]

    for one, other in zip(gradients(False), gradients(True), strict=True):
        assert equal_bits(one.detach(), other.detach())


def test_explain_says_what_is_fused_and_why_the_rest_is_not() -> None:
    x = normal(20, 30)
    tf.synchronize()
    y = F.softmax(x.exp() + 1, 0) * 2
    text = repr(y.explain())
    assert "map [exp add]" in text
    assert "softmax reads its inputs from memory" in text
    assert "softmax stores its results" in text
    y.numpy()
    assert repr(y.explain()) == "nothing is pending"


def test_a_training_step_is_the_same_with_and_without_fusion() -> None:
    def train() -> list[tf.Tensor]:
        tf.manual_seed(1)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Dropout(0.3), nn.Linear(4 * 4 * 4, 10), nn.LayerNorm(10),
        )  # fmt: skip
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        images, labels = tf.rand(6, 1, 8, 8), tf.randint(0, 10, (6,))
        for _ in range(3):
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return [*model.state_dict().values(), loss.detach()]

    fused = train()
    tf.set_fused(False)
    apart = train()
    tf.set_fused(True)
    tf.set_eager(True)
    immediate = train()
    for one, other, third in zip(fused, apart, immediate, strict=True):
        assert equal_bits(one, other)
        assert equal_bits(one, third)


def test_debug_prints_a_line_a_kernel(capfd: pytest.CaptureFixture[str]) -> None:
    x = normal(10)
    tf.synchronize()
    tf.set_debug(1)
    try:
        (x * 2 + 1).numpy()
    finally:
        tf.set_debug(0)
    assert "map [multiply add]" in capfd.readouterr().err
    with pytest.raises(ValueError, match="set_debug: levels are 0 to 5; got 6"):
        tf.set_debug(6)


def test_a_core_that_reads_what_its_reader_reads_stays_apart() -> None:
    x = normal(3, 1) * 2
    y = x.amax(1, keepdim=True) - x
    assert np.array_equal(y.numpy(), np.zeros((3, 1), "f4"))
    assert tf.zeros(()).logsumexp().item() == 0.0


def test_an_operand_that_is_handed_on_is_read_before_it_is_overwritten() -> None:
    a, b = tf.asarray(np.arange(300)), tf.asarray(np.arange(300) * 7)
    tf.synchronize()
    total, first, second = a + b, a.clone(), b.clone()
    del a, b
    assert np.array_equal(total.numpy(), np.arange(300) * 8)
    assert np.array_equal(first.numpy(), np.arange(300))
    assert np.array_equal(second.numpy(), np.arange(300) * 7)


def test_repeated_constants_are_let_go_when_all_that_read_them_has_run() -> None:
    x = normal(40, 30)
    tf.synchronize()
    total = x
    for _ in range(5):
        total = total.amax(1, keepdim=True) + tf.ones(40, 30) * tf.ones(40, 30) - tf.ones(40, 1)
    assert np.allclose(total.numpy()[:, :1], x.numpy().max(1, keepdims=True))
    later = [tf.zeros(3) + index for index in range(20)]
    assert [float(one[0]) for one in later] == list(range(20))


MOVEMENTS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "transposed": lambda x, y: (x * 2 - 1).T + y.T,
    "flattened": lambda x, y: (x * 2 + y).reshape(-1) - 1,
    "split": lambda x, y: (x + y).reshape(6, 2, 5, 7).tanh(),
    "sliced": lambda x, y: (x * 2)[::-3, 1:] + 1,
    "one row": lambda x, y: (x * y)[3] * 2,
    "of a transposed one": lambda x, y: (x.T * 2).reshape(5, 7, 12) * 3,
    "twice": lambda x, y: ((x * 2).T + 1).flip(0) * y.T,
    "of a broadcast one": lambda x, y: (x[:, :1] + y).permute(1, 0) * 2,
    "converted": lambda x, y: (x * 100).to(tf.int32).T // 7,
}


@pytest.mark.parametrize("name", MOVEMENTS)
def test_movement_between_elementwise_operations_is_folded_in(name: str) -> None:
    x, y = normal(12, 35), normal(12, 35) * 0.5
    tf.synchronize()
    result = MOVEMENTS[name](x, y)
    assert len(kernels(result)) == 1
    tf.set_fused(False)
    apart = MOVEMENTS[name](x, y)
    assert len(kernels(apart)) > 1
    assert equal_bits(result, apart)


def test_what_is_reduced_may_be_moved_before() -> None:
    x, y = normal(12, 35), normal(12, 35)
    tf.synchronize()

    def compute() -> tf.Tensor:
        return (x * y + 1).reshape(4, 3, 5, 7).permute(3, 0, 2, 1).sum((0, 2))

    result = compute()
    assert len(kernels(result)) == 1
    tf.set_fused(False)
    assert equal_bits(result, compute())


def test_movement_that_repeats_elements_or_that_others_do_not_share_is_not_folded_in() -> None:
    x, y = normal(12, 35), normal(12, 35)
    tf.synchronize()

    def broadcast() -> tf.Tensor:
        return x[0].exp().expand(12, 35) + y

    def both_ways() -> tf.Tensor:
        square = x[:, :12] * 2
        return square + square.T

    def read_twice() -> tf.Tensor:
        doubled = x * 2
        return (doubled.T + 1).sum() + (doubled - 1).sum()

    for compute in (broadcast, both_ways, read_twice):
        result = compute()
        assert len(kernels(result)) > 1
        tf.set_fused(False)
        assert equal_bits(result, compute())
        tf.set_fused(True)


def test_named_temporaries_are_not_written_for_a_look_at_what_is_made_of_them() -> None:
    x, y = normal(7, 300), normal(7, 300)
    tf.synchronize()
    scaled = x * 1.5 + y
    bounded = tf.tanh(scaled)
    gate = tf.sigmoid(y - 0.5)
    result = bounded * gate + x * x
    (report,) = result.explain().kernels
    assert report.count("float32 (7, 300)") == 1
    values = [tensor.numpy().copy() for tensor in (result, scaled, bounded, gate)]
    tf.set_fused(False)
    bits = [tf.tanh(x * 1.5 + y) * tf.sigmoid(y - 0.5) + x * x, x * 1.5 + y]
    bits += [tf.tanh(x * 1.5 + y), tf.sigmoid(y - 0.5)]
    assert all(equal_bits(tf.tensor(value), expected) for value, expected in zip(values, bits, strict=True))


def test_a_named_temporary_waits_once_and_only_while_its_inputs_stay_anyway() -> None:
    x = normal(7, 300)
    tf.synchronize()
    named = x * 2
    (named + 1).sum().item()
    assert named.explain().kernels  # It waits …
    (x + 1).sum().item()
    assert not named.explain().kernels  # … for one flush.

    named = normal(7, 300) * 2
    (named + 1).sum().item()
    assert not named.explain().kernels  # Nobody else keeps what it is made of.

    named = x * 2
    (named + 1).sum().item()
    x.zero_()
    (x + 1).sum().item()
    assert equal_bits(named, normal(7, 300) * 2)


def test_what_waits_is_dropped_unrun_with_its_name() -> None:
    x = normal(7, 300)
    tf.synchronize()
    total = 0.0
    for step in range(3):
        named = x * 2 + step
        result = (named.tanh() + 1).sum()
        assert [kernel.count("float32") for kernel in result.explain().kernels] == [1]
        total += result.item()
    assert total == sum(((x * 2 + step).tanh() + 1).sum().item() for step in range(3))


def test_attention_is_one_kernel_in_each_direction() -> None:
    q, k, v = (normal(2, 9, 4).requires_grad_() for _ in range(3))
    ones = tf.ones(2, 9, 4)
    tf.synchronize()
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert kernels(y) == ["attention"]
    gradients = tf.autograd.grad(y, [q, k, v], ones)
    assert kernels(gradients[0]) == ["attention", "attention_gradient"]


@pytest.mark.parametrize("keys", [1, 5, 300])
@pytest.mark.parametrize("heads", [1, 4])
def test_attention_takes_scale_residual_and_activation_in(heads: int, keys: int) -> None:
    q, k, v = normal(2, 4, 37, 8), normal(2, heads, keys, 8), normal(2, heads, keys, 6)
    residual, weight = normal(2, 4, 37, 6), normal(6)
    tf.synchronize()

    def expression() -> tf.Tensor:
        out = F.scaled_dot_product_attention(q, k, v, enable_gqa=heads != 4)
        return (out * weight + residual).relu()

    y = expression()
    assert kernels(y) == ["attention [multiply add relu]"]
    tf.set_fused(False)
    apart = expression()
    assert len(kernels(apart)) == 4
    assert equal_bits(y, apart)


def test_attention_with_an_epilogue_keeps_what_its_gradient_needs() -> None:
    def run() -> list[tf.Tensor]:
        q, k, v = (normal(2, 4, 37, 8).requires_grad_() for _ in range(3))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = out.sigmoid() * 2
        gradients = tf.autograd.grad(y.sum(), [q, k, v])
        return [out.detach(), y.detach(), *gradients]

    fused = run()
    tf.set_fused(False)
    for one, other in zip(fused, run(), strict=True):
        assert equal_bits(one, other)


ROWS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "softmax": lambda x, w: F.softmax(x * 0.125 + w, -1),
    "log_softmax": lambda x, w: F.log_softmax(x.exp() - w, -1),
    "layer_norm": lambda x, w: F.layer_norm(x + w, w.shape),
    "affine_layer_norm": lambda x, w: F.layer_norm(x * 2 + 1, w.shape, w, w),
    "rms_norm": lambda x, w: F.rms_norm(tf.tanh(x) * w, w.shape),
}


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.bfloat16])
@pytest.mark.parametrize("shape", [(1,), (7, 13), (33, 64), (2, 3, 1000), (3, 5000), (0, 4)])
@pytest.mark.parametrize("name", ROWS)
def test_rows_are_computed_where_they_are_normalised(name: str, shape: tuple[int, ...], dtype: tf.dtype) -> None:
    x, weight = normal(*shape, dtype=dtype), normal(shape[-1], dtype=dtype)
    tf.synchronize()
    y = ROWS[name](x, weight)
    if dtype != tf.bfloat16:  # norms of half precisions are composed of casts and the norm
        assert [kernel.split(" [")[0] for kernel in kernels(y)] == [name]
    tf.set_fused(False)
    apart = ROWS[name](x, weight)
    assert len(kernels(apart)) > 1
    assert equal_bits(y, apart)


def test_rows_that_others_need_are_stored() -> None:
    x, y = normal(7, 13), normal(7, 13)
    tf.synchronize()
    total = x + y
    both = F.layer_norm(total, (13,)) + total
    assert kernels(both) == ["map [add]", "layer_norm", "map [add]"]
    del both, total
    # What the rows are computed from is read by an expression: why it stands apart is that others need it.
    total = x + y
    scaled = F.softmax(total * 2, -1) + total
    assert kernels(scaled) == ["map [add]", "softmax [multiply]", "map [add]"]
    assert "softmax reads its inputs" not in repr(scaled.explain())
    del scaled, total
    # Behind a product they are in cache already.
    scores = F.softmax(x @ y.mT * 0.5, -1)
    assert kernels(scores)[-2:] == ["gemm [multiply]", "softmax"]
