"""Functional layers and losses, with gradients where their operands ask for them."""

from __future__ import annotations

from typing import Any

from programs.writer import Operand, Writer, call, dtype_of, family, method

ACTIVATIONS = (
    "gelu", "relu", "silu", "softplus", "leaky_relu", "elu", "selu", "celu", "hardtanh", "hardswish", "hardsigmoid",
    "mish", "softsign", "tanhshrink", "logsigmoid", "relu6", "softshrink", "hardshrink",
)  # fmt: skip
LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits")


def given(w: Writer, x: Operand) -> Any:
    return w.dressed(x) if w.chance(0.3) else x.name


@family(3)
def activation(w: Writer) -> None:
    x = w.floating()
    if x is not None:
        w.define(call("F." + w.choose(ACTIVATIONS), given(w, x)))


@family(1.5)
def activation_with_operands(w: Writer) -> None:
    x = w.floating(min_rank=1)
    if x is None or not x.rank:
        return
    match w.random.randrange(5):
        case 0:
            even = [axis for axis, extent in enumerate(x.shape) if extent % 2 == 0]
            w.define(call("F.glu", given(w, x), w.choose(even or [0])))
        case 1:
            w.define(call("F.prelu", given(w, x), w.fresh((1,), x.dtype)))
        case 2:
            w.define(call("F.threshold", given(w, x), 0.1, -2.0))
        case 3:
            w.define(call("F.cosine_similarity", x.name, w.fresh(x.shape, x.dtype), w.axis(x.rank)))
        case _ if w.own is None and not (x.value.requires_grad and x.value.is_leaf):
            w.do(call("F." + w.choose(("relu_", "elu_", "leaky_relu_", "hardtanh_", "silu_")), x.name))


@family(5)
def rows(w: Writer) -> None:
    x = w.floating(min_rank=1)
    if x is None or not x.rank:
        return
    axis, last = w.axis(x.rank), x.shape[-1]
    weight = w.fresh((last,), x.dtype)
    match w.random.randrange(6):
        case 0 | 1:
            w.define(call("F." + w.choose(("softmax", "log_softmax", "softmin")), given(w, x), axis))
        case 2:
            trailing = x.shape[-w.random.randint(1, x.rank) :]
            w.define(call("F.layer_norm", given(w, x), trailing))
        case 3:
            w.define(call("F.layer_norm", given(w, x), (last,), weight, w.fresh((last,), x.dtype)))
        case 4:
            w.define(call("F.rms_norm", given(w, x), (last,), weight))
        case _:
            w.define(call("F.normalize", given(w, x), 2.0, axis))


@family(2)
def channels(w: Writer) -> None:
    """Normalisation by channels."""
    x = w.find(lambda x: x.is_floating and 2 <= x.rank <= 4)
    if x is None:
        return
    count = x.shape[1]
    match w.random.randrange(4):
        case 0:
            w.define(call("F.group_norm", x.name, w.choose((1, count, 2)), w.fresh((count,), x.dtype)))
        case 1:
            w.define(call("F.instance_norm", x.name))
        case _:
            mean = w.define(call("tf.zeros", count, dtype=dtype_of(x.dtype)))
            var = w.define(call("tf.ones", count, dtype=dtype_of(x.dtype)))
            if mean and var:
                training = w.chance(0.7)
                weight = w.fresh((count,), x.dtype)
                w.define(call("F.batch_norm", given(w, x), mean, var, weight, training=training))


@family(3)
def loss(w: Writer) -> None:
    x = w.find(lambda x: x.is_floating and 1 <= x.rank <= 3)
    if x is None:
        return
    reduction = w.choose(("mean", "sum", "none"))
    if w.chance(0.5):
        other = w.fresh(x.shape, x.dtype)
        w.define(call("F." + w.choose(LOSSES), given(w, x), other, reduction=reduction))
        return
    classes = x.shape[1] if x.rank > 1 else x.shape[0]
    target_shape = (x.shape[0], *x.shape[2:]) if x.rank > 1 else ()
    if classes == 0:
        return
    target: Any = call("tf.zeros", target_shape, dtype=dtype_of("int64"))
    if w.own is None:
        target = call("tf.randint", 0, classes + w.chance(0.02), target_shape)
    options: dict[str, Any] = {"reduction": reduction}
    if w.chance(0.3):
        options["label_smoothing"] = 0.1
    if w.chance(0.3):
        options["ignore_index"] = 0
    if w.chance(0.3):
        options["weight"] = w.fresh((classes,), x.dtype)
    if w.chance(0.7):
        w.define(call("F.cross_entropy", given(w, x), target, **options))
    else:
        options.pop("label_smoothing", None)
        w.define(call("F.nll_loss", call("F.log_softmax", x.name, min(1, x.rank - 1)), target, **options))


@family(3)
def convolution(w: Writer) -> None:
    x = w.find(lambda x: x.is_floating and 3 <= x.rank <= 4 and x.count < 20_000)
    if x is None:
        shape = w.choose(((1, 2, 5, 6), (2, 3, 4, 4), (2, 4, 9), (3, 1, 7, 5), (1, 8, 6, 6)))
        made = w.define(w.fresh(shape, w.choose(("float32", "float32", "float64", "bfloat16"))))
        x = w.operand(made.name) if made else None
    if x is None:
        return
    channels, out = x.shape[1], w.choose((1, 2, 4, 5))
    axes = x.rank - 2
    extents = [w.random.randint(1, max(1, min(3, extent))) for extent in x.shape[2:]]
    options: dict[str, Any] = {}
    if w.chance(0.4):
        options["padding"] = w.choose((1, "same", "valid"))
    if w.chance(0.3) and options.get("padding") != "same":
        options["stride"] = 2
    if w.chance(0.15):
        options["dilation"] = 2
    groups = channels if w.chance(0.2) and channels else 1
    weight = w.fresh((out * groups, channels // groups, *extents), x.dtype)
    bias = w.fresh((out * groups,), x.dtype) if w.chance(0.5) else None
    if groups > 1:
        options["groups"] = groups
    result: Any = call(f"F.conv{axes}d", given(w, x), weight, bias, **options)
    if w.chance(0.15):
        weight = w.fresh((channels, out, *extents), x.dtype)
        result = call(f"F.conv_transpose{axes}d", given(w, x), weight, **({"stride": 2} if w.chance(0.5) else {}))
    if w.chance(0.4):
        result = method(result, "relu")
    w.define(result)


@family(2)
def pooling(w: Writer) -> None:
    x = w.find(lambda x: x.is_floating and 3 <= x.rank <= 4)
    if x is None:
        return
    axes = x.rank - 2
    size = w.random.randint(1, max(1, min((3, *x.shape[2:]))))
    match w.random.randrange(4):
        case 0:
            w.define(call(f"F.max_pool{axes}d", given(w, x), size, **({"stride": 1} if w.chance(0.4) else {})))
        case 1:
            w.define(call(f"F.avg_pool{axes}d", given(w, x), size, **({"padding": size // 2} if w.chance(0.4) else {})))
        case 2:
            w.define(call(f"F.adaptive_avg_pool{axes}d", given(w, x), w.random.randint(1, 3)))
        case 3 if w.chance(0.5):
            w.define(call(f"F.adaptive_max_pool{axes}d", given(w, x), w.random.randint(1, 3)))
        case _:
            w.define(call("F.pad", x.name, (1, w.random.randint(-1, 2)), value=w.number(x.dtype)))


@family(1.5)
def table(w: Writer) -> None:
    """Rows of a matrix by their numbers."""
    x = w.find(lambda x: x.is_floating and x.rank == 2 and x.shape[0] > 0)
    if x is None:
        return
    numbers = [w.random.randrange(x.shape[0]) for _ in range(w.random.randint(0, 6))]
    w.define(call("F.embedding", call("tf.tensor", numbers, dtype=dtype_of("int64")), x.name))


@family(1.5)
def dropping(w: Writer) -> None:
    x = w.floating()
    if x is not None and w.own is None:
        w.define(call("F.dropout", given(w, x), w.choose((0.0, 0.3, 0.5, 1.0)), w.chance(0.8)))
