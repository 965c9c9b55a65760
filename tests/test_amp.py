"""tenfold.amp: the dtypes inside autocast, its values against operands rounded beforehand, its gradients."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import tenfold as tf
from tenfold import nn
from tenfold.nn import functional as F

HALVES = (tf.bfloat16, tf.float16)

# Products: a function of float32 tensors of these shapes.
PRODUCTS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "matmul": (tf.matmul, [(3, 5), (5, 2)]),
    "@ of batches": (lambda a, b: a @ b, [(2, 3, 5), (5, 2)]),
    "bmm": (tf.bmm, [(2, 3, 5), (2, 5, 4)]),
    "mv": (tf.mv, [(3, 5), (5,)]),
    "linear": (F.linear, [(7, 5), (3, 5), (3,)]),
    "bilinear": (F.bilinear, [(7, 2), (7, 3), (4, 2, 3), (4,)]),
    "conv1d": (F.conv1d, [(2, 3, 9), (4, 3, 3), (4,)]),
    "conv2d": (F.conv2d, [(2, 3, 7, 5), (4, 3, 3, 2), (4,)]),
    "conv3d": (F.conv3d, [(1, 2, 4, 5, 3), (3, 2, 2, 2, 2)]),
    "conv_transpose2d": (F.conv_transpose2d, [(2, 3, 4, 5), (3, 4, 3, 2), (4,)]),
    "attention of grouped heads": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True),
        [(2, 4, 5, 4), (2, 2, 5, 4), (2, 2, 5, 4)],
    ),
    "attention": (F.scaled_dot_product_attention, [(2, 7, 4), (2, 5, 4), (2, 5, 4)]),
}


def operands(shapes: list[tuple[int, ...]]) -> list[tf.Tensor]:
    generator = tf.Generator().manual_seed(3)
    return [tf.randn(*shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_those_of_rounded_operands(name: str, dtype: tf.dtype) -> None:
    function, shapes = PRODUCTS[name]
    given = operands(shapes)
    with tf.autocast("cpu", dtype=dtype):
        result = function(*given)
    assert result.dtype == dtype
    assert result.tolist() == function(*(operand.to(dtype) for operand in given)).tolist()
    assert function(*given).dtype == tf.float32


def test_attention_with_dropout_is_composed_of_float32_within() -> None:
    q, k, v = operands([(1, 4, 8)] * 3)
    results = []
    for amp in (True, False):
        tf.manual_seed(1)
        with tf.autocast("cpu", enabled=amp):
            parts = (q, k, v) if amp else (q.to(tf.bfloat16), k.to(tf.bfloat16), v.to(tf.bfloat16))
            results.append(F.scaled_dot_product_attention(*parts, dropout_p=0.5).tolist())
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_are_those_of_rounded_weights(kind: Any) -> None:
    tf.manual_seed(0)
    layer, x = kind(3, 4, num_layers=2, bidirectional=True), tf.randn(5, 2, 3)
    with tf.autocast("cpu"):
        y, _ = layer(x)
    expected, _ = layer.to(tf.bfloat16)(x.to(tf.bfloat16))
    assert y.dtype == tf.bfloat16
    assert y.tolist() == expected.tolist()


def test_float64_and_integers_stay() -> None:
    wide, whole = tf.ones(2, 2, dtype=tf.float64), tf.ones(2, 2, dtype=tf.int64)
    with tf.autocast("cpu"):
        assert (wide @ wide).dtype == tf.float64
        assert (whole @ whole).dtype == tf.int64


def test_everything_else_computes_in_the_dtypes_it_is_given() -> None:
    x = tf.randn(4, 3)
    with tf.autocast("cpu"):
        y = x @ x.mT
        assert (x + 1).dtype == tf.float32
        assert (y + x @ x.mT).dtype == tf.bfloat16
        assert (y + 1.5 * x[:, :1]).dtype == tf.float32
        assert F.layer_norm(x, (3,)).dtype == tf.float32
        assert F.softmax(y, dim=-1).dtype == tf.bfloat16


LOSSES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "cross_entropy": lambda x: F.cross_entropy(x, tf.tensor([0, 2, 1, 0])),
    "nll_loss": lambda x: F.nll_loss(F.log_softmax(x, dim=1), tf.tensor([0, 2, 1, 0])),
    "mse_loss": lambda x: F.mse_loss(x, tf.zeros(4, 3)),
    "l1_loss": lambda x: F.l1_loss(x, x * 2),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, x * 2),
    "huber_loss": lambda x: F.huber_loss(x, tf.zeros(4, 3)),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(x.sigmoid(), tf.ones(4, 3)),
    "binary_cross_entropy_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, tf.ones(4, 3)),
    "kl_div": lambda x: F.kl_div(F.log_softmax(x, dim=1), tf.full((4, 3), 1 / 3), reduction="batchmean"),
    "poisson_nll_loss": lambda x: F.poisson_nll_loss(x, tf.ones(4, 3)),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, tf.tensor([0, 2, 1, 0])),
    "cosine_embedding_loss": lambda x: F.cosine_embedding_loss(x, x * 2, tf.ones(4)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_float32(name: str) -> None:
    x = tf.randn(4, 3, generator=tf.Generator().manual_seed(1)).to(tf.bfloat16)
    with tf.autocast("cpu"):
        loss = LOSSES[name](x)
    assert loss.dtype == tf.float32
    # What the loss is of float32 numbers; its argument is rounded before, where it is computed in 16 bits.
    tolerance = 2e-2 if name in ("nll_loss", "kl_div", "binary_cross_entropy") else 1e-6
    assert loss.item() == pytest.approx(LOSSES[name](x.float()).item(), rel=tolerance)


def test_gradients_of_parameters_are_float32_and_those_of_rounded_weights() -> None:
    tf.manual_seed(0)
    layer, x = nn.Linear(5, 3), tf.randn(7, 5)
    with tf.autocast("cpu"):
        # The way back takes the dtypes of the way forward, inside the block or not.
        layer(x).sum().backward()
    low = [p.detach().to(tf.bfloat16).requires_grad_() for p in layer.parameters()]
    F.linear(x.to(tf.bfloat16), *low).sum().backward()
    for param, expected in zip(layer.parameters(), low, strict=True):
        assert param.grad is not None
        assert expected.grad is not None
        assert param.grad.dtype == tf.float32
        assert param.grad.tolist() == expected.grad.float().tolist()


def test_blocks_nest_and_end_with_an_error() -> None:
    x = tf.ones(2, 2)
    with tf.autocast("cpu", dtype=tf.float16):
        assert tf.get_autocast_dtype("cpu") == tf.float16
        with tf.autocast("cpu", enabled=False):
            assert not tf.is_autocast_enabled()
            assert (x @ x).dtype == tf.float32
        assert (x @ x).dtype == tf.float16
        with pytest.raises(ZeroDivisionError), tf.autocast("cpu"):
            raise ZeroDivisionError
        assert (x @ x).dtype == tf.float16
    assert not tf.is_autocast_enabled()
    assert tf.get_autocast_dtype("cpu") == tf.bfloat16


def test_as_a_decorator() -> None:
    @tf.autocast("cpu", dtype=tf.float16)
    def product(x: tf.Tensor) -> tf.Tensor:
        return x @ x

    assert product(tf.ones(2, 2)).dtype == tf.float16
    assert product.__name__ == "product"


def test_each_thread_has_its_own() -> None:
    found = []
    with tf.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append((tf.ones(2, 2) @ tf.ones(2, 2)).dtype))
        thread.start()
        thread.join()
    assert found == [tf.float32]


def test_what_is_not_offered_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match="device_type"):
        tf.autocast("cuda")
    with pytest.raises(NotImplementedError, match="cache_enabled"):
        tf.autocast("cpu", cache_enabled=False)
    with pytest.raises(TypeError, match="float64"):
        tf.autocast("cpu", dtype=tf.float64)
    assert not tf.is_autocast_enabled()


def test_the_permission_to_round_products() -> None:
    assert tf.get_float32_matmul_precision() == "highest"
    tf.set_float32_matmul_precision("medium")
    assert tf.get_float32_matmul_precision() == "medium"
    tf.set_float32_matmul_precision("highest")
    with pytest.raises(ValueError, match="low"):
        tf.set_float32_matmul_precision("low")


def test_medium_precision_rounds_operands_at_most_to_bfloat16() -> None:
    a, b = (operand.requires_grad_() for operand in operands([(33, 65), (65, 17)]))
    results = []
    for precision in ("highest", "medium"):
        tf.set_float32_matmul_precision(precision)
        product = a @ b
        # What was permitted holds for the gradients, whenever they are computed.
        tf.set_float32_matmul_precision("highest")
        results.append([product.detach(), *tf.autograd.grad(product.sum(), [a, b])])
    ones = tf.ones(33, 17)
    magnitudes = [a.detach().abs() @ b.detach().abs(), ones @ b.detach().abs().T, a.detach().abs().T @ ones]
    for exact, low, magnitude in zip(*results, magnitudes, strict=True):
        # Two operands of 8 bits, and float32 sums of up to 65 terms.
        assert low.dtype == tf.float32
        assert bool(((low - exact).abs() <= (2**-7 + 2**-15) * magnitude).all())
