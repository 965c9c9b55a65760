"""Layers, losses and optimizers whose arguments are drawn, not only their sizes: each seed asks other questions.

The other families ask for each option by name; here options meet each other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from parity.cases import Case, integers, module, normal, uniform
from parity.cases_sequence import given, layer, mask
from parity.cases_spatial import call

# How often each layer is drawn.
DRAWS = 2


def drawn_families(seed: int) -> dict[str, list[Case]]:
    """The cases of a seed by family; drawn apart from the others, so that neither moves the other."""
    draw = random.Random(f"drawn {seed}")
    layers, networks, calls = [], [], []
    for number in range(DRAWS):
        of_number = [
            *convolutions(draw), *poolings(draw), *norms(draw), *paddings(draw), *movements(draw), *activations(draw),
        ]  # fmt: skip
        layers += [{**case, "name": f"{case['name']}, draw {number}"} for case in of_number]
        networks += [
            {**case, "name": f"{case['name']}, draw {number}"}
            for case in (*recurrent(draw), *attention(draw), *transformer_layers(draw), *tables(draw))
        ]
        calls += [{**case, "name": f"{case['name']}, draw {number}"} for case in (*resizings(draw), *losses(draw))]
    return {
        "drawn_layers": layers,
        "drawn_networks": networks,
        "drawn_calls": calls,
        "drawn_optimizers": list(optimizers(draw)),
    }


def some(draw: random.Random, **options: list[Any]) -> dict[str, Any]:
    """A value for some of these arguments; the others keep their defaults."""
    return {name: draw.choice(values) for name, values in options.items() if draw.random() < 0.6}


def each_axis(draw: random.Random, rank: int, low: int, high: int) -> Any:
    """One number for all axes or one an axis."""
    if draw.random() < 0.5:
        return draw.randint(low, high)
    return tuple(draw.randint(low, high) for _ in range(rank))


def spread(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def batch(draw: random.Random, *shape: int) -> Case:
    """Normal numbers with a batch axis or, now and then, without."""
    return normal(*shape) if draw.random() < 0.2 else normal(draw.randint(1, 3), *shape)


def fitting(draw: random.Random, reach: list[int], least: int = 1) -> list[int]:
    """Extents that hold a window which reaches so far."""
    return [max(least, extent) + draw.randint(0, 4) for extent in reach]


def convolutions(draw: random.Random) -> Iterator[Case]:
    for rank in (1, 2, 3):
        groups = draw.choice([1, 1, 2, 3])
        channels, outputs = groups * draw.randint(1, 2), groups * draw.randint(1, 2)
        kernel, dilation = each_axis(draw, rank, 1, 4 - rank // 3), each_axis(draw, rank, 1, 2)
        reach = [d * (k - 1) + 1 for k, d in zip(spread(kernel, rank), spread(dilation, rank), strict=True)]
        options: dict[str, Any] = {"dilation": dilation, "groups": groups, "bias": draw.random() < 0.7}
        if draw.random() < 0.25:
            options["padding"] = draw.choice(["same", "valid"])
        else:
            options |= {"padding": each_axis(draw, rank, 0, 2), "stride": each_axis(draw, rank, 1, 3)}
        options |= some(draw, padding_mode=["zeros", "reflect", "replicate", "circular"])
        # A mirror needs more elements than it pads.
        x = batch(draw, channels, *fitting(draw, reach, least=4))
        yield module(f"Conv{rank}d", f"Conv{rank}d", x, channels, outputs, kernel, **options)
        stride, dilated = each_axis(draw, rank, 1, 3), spread(dilation, rank)
        room = [max(s, d) - 1 for s, d in zip(spread(stride, rank), dilated, strict=True)]
        options = {
            "stride": stride, "dilation": dilation, "groups": groups, "bias": draw.random() < 0.7,
            "padding": tuple(draw.randint(0, (extent - 1) // 2) for extent in reach),
            "output_padding": tuple(draw.randint(0, most) for most in room),
        }  # fmt: skip
        x = batch(draw, channels, *(draw.randint(2, 5) for _ in range(rank)))
        yield module(f"ConvTranspose{rank}d", f"ConvTranspose{rank}d", x, channels, outputs, kernel, **options)


def poolings(draw: random.Random) -> Iterator[Case]:
    for rank in (1, 2, 3):
        kernel = each_axis(draw, rank, 1, 4)
        halves = min(spread(kernel, rank)) // 2
        windows = some(draw, stride=[1, 2, 3], ceil_mode=[False, True])
        padding = {"padding": draw.randint(0, halves)}
        dilation = each_axis(draw, rank, 1, 2)
        reach = [d * (k - 1) + 1 for k, d in zip(spread(kernel, rank), spread(dilation, rank), strict=True)]
        x = batch(draw, draw.randint(1, 3), *fitting(draw, reach, least=3))
        yield module(f"MaxPool{rank}d", f"MaxPool{rank}d", x, kernel, **windows, **padding, dilation=dilation)
        more = some(draw, count_include_pad=[False, True], **({"divisor_override": [2, 5]} if rank > 1 else {}))
        yield module(f"AvgPool{rank}d", f"AvgPool{rank}d", x, kernel, **windows, **padding, **more)
        positive = uniform(*x["shape"], low=0.1, high=2.0)
        power = draw.choice([1.0, 2.0, 3.5])
        # PyTorch's 1-D form takes no tuple.
        sides = kernel if rank > 1 else spread(kernel, 1)[0]
        yield module(f"LPPool{rank}d", f"LPPool{rank}d", positive, power, sides, **windows)
        size = draw.choice([draw.randint(1, 6), tuple(draw.choice([None, 1, 2, 3, 5]) for _ in range(rank))])
        if rank == 1:
            size = draw.randint(1, 6)
        for kind in ("Avg", "Max"):
            yield module(f"Adaptive{kind}Pool{rank}d", f"Adaptive{kind}Pool{rank}d", x, size)


def norms(draw: random.Random) -> Iterator[Case]:
    eps, momentum = 10 ** draw.uniform(-6, -2), draw.choice([0.1, draw.uniform(0.05, 0.9), None])
    for rank in (1, 2, 3):
        n, c = draw.randint(2, 4), draw.randint(1, 4)
        # Two numbers are normalised to 1 and −1 whatever they are: their gradients are rounding errors.
        shape = [draw.randint(4, 6) if rank == 1 else draw.randint(2, 5) for _ in range(rank)]
        options = some(draw, affine=[False, True], track_running_stats=[False, True])
        train = draw.random() < 0.6
        yield module(f"BatchNorm{rank}d", f"BatchNorm{rank}d", normal(n, c, *shape), c, eps, momentum, train=train,
                     **options)  # fmt: skip
        # Instances have no cumulative mean: PyTorch fails on momentum=None.
        yield module(f"InstanceNorm{rank}d", f"InstanceNorm{rank}d", batch(draw, c, *shape), c, eps, momentum or 0.2,
                     train=train, **options)  # fmt: skip
    groups, n, length = draw.randint(1, 3), draw.randint(1, 3), draw.randint(1, 6)
    c = groups * draw.randint(1, 3)
    shape = (c, length + 1, draw.randint(4, 6))
    yield module("GroupNorm", "GroupNorm", normal(n, *shape), groups, c, eps, draw.random() < 0.7)
    last = draw.randint(1, 3)
    yield module("LayerNorm", "LayerNorm", normal(n, *shape), shape[-last:], eps,
                 **some(draw, elementwise_affine=[False, True], bias=[False, True]))  # fmt: skip
    yield module("RMSNorm", "RMSNorm", normal(n, *shape), shape[-last:], draw.choice([None, eps]),
                 **some(draw, elementwise_affine=[False, True]))  # fmt: skip
    yield module("LocalResponseNorm", "LocalResponseNorm", normal(n, *shape), draw.randint(1, c + 2),
                 alpha=draw.uniform(1e-4, 2), beta=draw.choice([0.75, draw.uniform(0.3, 1.5)]),
                 k=draw.uniform(0.5, 2))  # fmt: skip


def paddings(draw: random.Random) -> Iterator[Case]:
    for rank in (1, 2, 3):
        extents = [draw.randint(3, 6) for _ in range(rank)]
        x = batch(draw, draw.randint(1, 2), *extents)
        for kind, most in (("Zero", 4), ("Reflection", 2), ("Replication", 5), ("Circular", 3)):
            widths = tuple(draw.randint(0, most) for _ in range(2 * rank))
            yield module(f"{kind}Pad{rank}d", f"{kind}Pad{rank}d", x, draw.choice([draw.randint(0, most), widths]))
        widths = tuple(draw.randint(-1, 3) for _ in range(2 * rank))
        yield module(f"ConstantPad{rank}d", f"ConstantPad{rank}d", x, widths, draw.uniform(-2, 2))


def movements(draw: random.Random) -> Iterator[Case]:
    kernel, dilation, stride = each_axis(draw, 2, 1, 3), each_axis(draw, 2, 1, 2), each_axis(draw, 2, 1, 3)
    padding = each_axis(draw, 2, 0, 2)
    reach = [d * (k - 1) + 1 for k, d in zip(spread(kernel, 2), spread(dilation, 2), strict=True)]
    image, c = fitting(draw, reach, least=2), draw.randint(1, 3)
    yield module("Unfold", "Unfold", batch(draw, c, *image), kernel, dilation, padding, stride)
    counts = [
        (size + 2 * p - r) // s + 1
        for size, p, r, s in zip(image, spread(padding, 2), reach, spread(stride, 2), strict=True)
    ]
    elements = spread(kernel, 2)[0] * spread(kernel, 2)[1]
    x = batch(draw, c * elements, counts[0] * counts[1])
    yield module("Fold", "Fold", x, tuple(image), kernel, dilation, padding, stride)
    factor, h, w = draw.randint(1, 3), draw.randint(1, 4), draw.randint(1, 4)
    yield module("PixelShuffle", "PixelShuffle", batch(draw, c * factor**2, h, w), factor)
    yield module("PixelUnshuffle", "PixelUnshuffle", batch(draw, c, h * factor, w * factor), factor)
    groups = draw.randint(1, 4)
    yield module("ChannelShuffle", "ChannelShuffle", normal(draw.randint(1, 2), groups * c, h, w), groups)
    shape = [draw.randint(1, 4) for _ in range(4)]
    yield module("Flatten", "Flatten", normal(*shape), draw.randint(0, 2), draw.choice([-1, 2, 3]))
    features = draw.randint(1, 9)
    yield module("Linear", "Linear", normal(*shape[: draw.randint(0, 3)], features), features, draw.randint(1, 8),
                 draw.random() < 0.5)  # fmt: skip


def activations(draw: random.Random) -> Iterator[Case]:
    x = {**normal(draw.randint(2, 4), 2 * draw.randint(1, 3), draw.randint(1, 5)), "scale": 4.0}
    a, b = draw.uniform(0.1, 3), draw.uniform(0.1, 3)
    axis = draw.randrange(-3, 3)
    for target, arguments in {
        "CELU": [a], "ELU": [a], "Hardshrink": [a], "Softshrink": [a], "LeakyReLU": [a - 1], "Threshold": [a - 1, b],
        "Hardtanh": [-a, b], "Softplus": [a, 4 * b], "PReLU": [draw.choice([1, x["shape"][1]]), a], "GLU": [1],
        "Softmax": [axis], "LogSoftmax": [axis], "Softmin": [axis], "GELU": [draw.choice(["none", "tanh"])],
        "ReLU6": [], "Hardswish": [], "Hardsigmoid": [], "Mish": [], "SiLU": [], "SELU": [], "Tanhshrink": [],
    }.items():  # fmt: skip
        yield module(target, target, x, *arguments)


def recurrent(draw: random.Random) -> Iterator[Case]:
    for target in ("RNN", "LSTM", "GRU"):
        t, n, i, h = draw.randint(1, 5), draw.randint(1, 3), draw.randint(1, 5), draw.randint(2, 6)
        layers, bidirectional = draw.randint(1, 3), draw.random() < 0.5
        options: dict[str, Any] = {
            "num_layers": layers, "bidirectional": bidirectional, "batch_first": draw.random() < 0.5,
            "bias": draw.random() < 0.7,
        }  # fmt: skip
        if target == "RNN":
            options["nonlinearity"] = draw.choice(["tanh", "relu"])
        if target == "LSTM":
            options["proj_size"] = draw.randint(0, h - 1)
        train = options["num_layers"] == 1 or draw.random() < 0.5
        if not train:
            options["dropout"] = 0.4
        width, stacked = options.get("proj_size") or h, layers * (1 + bidirectional)
        inputs = {"x": normal(*((n, t) if options["batch_first"] else (t, n)), i)}
        arguments: list[Any] = [given("x")]
        if draw.random() < 0.5:
            inputs["x_h"] = normal(stacked, n, width)
            arguments.append(given("x_h"))
            if target == "LSTM":
                inputs["x_c"] = normal(stacked, n, h)
                arguments[1] = [given("x_h"), given("x_c")]
        yield layer(target, target, inputs, arguments, i, h, train=train, **options)


def attention(draw: random.Random) -> Iterator[Case]:
    rows, columns, n, heads = draw.randint(1, 5), draw.randint(1, 6), draw.randint(1, 3), draw.choice([1, 2, 3])
    width = heads * draw.randint(1, 3)
    first = draw.random() < 0.5
    options = some(draw, bias=[False, True], add_bias_kv=[True], add_zero_attn=[True])
    widths = {"kdim": draw.randint(1, 5), "vdim": draw.randint(1, 5)} if draw.random() < 0.4 else {}
    shapes = {
        "x": (rows, width),
        "x_k": (columns, widths.get("kdim", width)),
        "x_v": (columns, widths.get("vdim", width)),
    }
    inputs = {
        name: normal(*((n, length) if first else (length, n)), features) for name, (length, features) in shapes.items()
    }
    named: dict[str, Any] = some(draw, need_weights=[False], average_attn_weights=[False])
    if draw.random() < 0.5:
        inputs["m"], named["attn_mask"] = mask(rows, columns), given("m")
    if draw.random() < 0.5:
        inputs["p"], named["key_padding_mask"] = mask(n, columns), given("p")
    arguments = [given("x"), given("x_k"), given("x_v")]
    yield layer("MultiheadAttention", "MultiheadAttention", inputs, arguments, width, heads, batch_first=first,
                named=named, **options, **widths)  # fmt: skip


def transformer_layers(draw: random.Random) -> Iterator[Case]:
    s, t, n, heads = draw.randint(1, 4), draw.randint(1, 4), draw.randint(1, 3), draw.choice([1, 2])
    # Norms of two numbers have no gradients worth comparing.
    width, hidden = 4 * heads, draw.randint(1, 6)
    first = draw.random() < 0.5
    options = some(draw, activation=["relu", "gelu"], norm_first=[True], bias=[False], layer_norm_eps=[1e-3])
    shape = [(n, length) if first else (length, n) for length in (s, t)]
    inputs = {"x": normal(*shape[1], width), "x_m": normal(*shape[0], width)}
    shared: dict[str, Any] = {"dropout": 0.0, "batch_first": first, **options}
    yield layer("TransformerEncoderLayer", "TransformerEncoderLayer", {"x": inputs["x"]}, [given("x")], width, heads,
                hidden, **shared)  # fmt: skip
    arguments = [given("x"), given("x_m")]
    yield layer("TransformerDecoderLayer", "TransformerDecoderLayer", inputs, arguments, width, heads, hidden, **shared)


def tables(draw: random.Random) -> Iterator[Case]:
    rows, width, n, length = draw.randint(3, 9), draw.randint(1, 5), draw.randint(1, 4), draw.randint(1, 5)
    padding = some(draw, padding_idx=[draw.randrange(-rows, rows)])
    frequency = some(draw, scale_grad_by_freq=[True])
    inputs = {"i": integers(rows, n, length)}
    yield layer("Embedding", "Embedding", inputs, [given("i")], rows, width, **padding, **frequency)
    mode = draw.choice(["sum", "mean", "max"])
    if mode == "max":
        frequency = {}
    yield layer("EmbeddingBag", "EmbeddingBag", inputs, [given("i")], rows, width, mode=mode, **padding, **frequency)
    starts = sorted(draw.randint(0, length) for _ in range(n - 1))
    flat = {"i": integers(rows, length), "o": {"fill": "values", "values": [0, *starts]}}
    yield layer("EmbeddingBag with offsets", "EmbeddingBag", flat, [given("i"), given("o")], rows, width, mode=mode,
                **padding, **frequency)  # fmt: skip
    features = draw.randint(1, 4), draw.randint(1, 4), draw.randint(1, 4)
    pair = {"x": normal(n, length, features[0]), "x_k": normal(n, length, features[1])}
    arguments = [given("x"), given("x_k")]
    yield layer("Bilinear", "Bilinear", pair, arguments, *features, draw.random() < 0.5)


def resizings(draw: random.Random) -> Iterator[Case]:
    for rank, smooth in ((1, "linear"), (2, "bilinear"), (3, "trilinear")):
        x = normal(draw.randint(1, 2), draw.randint(1, 2), *(draw.randint(1, 7) for _ in range(rank)))
        modes = ["nearest", "nearest-exact", "area", smooth, *(["bicubic"] if rank == 2 else [])]
        mode = draw.choice(modes)
        options: dict[str, Any] = {"mode": mode}
        if mode in (smooth, "bicubic"):
            options["align_corners"] = draw.choice([None, False, True])
        if mode in ("bilinear", "bicubic") and not options["align_corners"]:
            options["antialias"] = draw.random() < 0.5
        if draw.random() < 0.5:
            options["size"] = each_axis(draw, rank, 1, 9)
        else:
            scale = draw.choice([1.0, 2.0, draw.uniform(1.1, 3.0)])
            # Where a crooked factor keeps or doubles an extent, PyTorch takes neighbours by the extents in 2-D and in
            # all gradients, but by the factor in 1-D and 3-D; here it is by the extents everywhere.
            doubles = any(int(extent * scale) in (extent, 2 * extent) for extent in x["shape"][2:])
            options["scale_factor"] = 2.0 if mode == "nearest" and rank != 2 and doubles else scale
            options |= some(draw, recompute_scale_factor=[False, True])
        yield call(f"interpolate {rank}d", "interpolate", x, **options)
    grid = uniform(1, draw.randint(1, 4), draw.randint(1, 4), 2, low=-1.4, high=1.4)
    image = normal(1, draw.randint(1, 3), draw.randint(2, 5), draw.randint(2, 5))
    options = some(draw, mode=["bilinear", "nearest", "bicubic"], padding_mode=["zeros", "border", "reflection"],
                   align_corners=[False, True])  # fmt: skip
    yield call("grid_sample", "grid_sample", image, grid, **options)


def losses(draw: random.Random) -> Iterator[Case]:
    n, c = draw.randint(1, 6), draw.randint(2, 6)
    x, y, how = normal(n, c), normal(n, c), {"reduction": draw.choice(["mean", "sum", "none"])}
    fixed = {**y, "fixed": True}
    chances, rows = uniform(n, c, low=0.02, high=0.98), {**uniform(n, c), "fixed": True}
    bound, classes = draw.uniform(0.1, 3), integers(c, n)
    weight = {"weight": {**uniform(c, low=0.2, high=2.0), "fixed": True}} if draw.random() < 0.5 else {}
    yield call("l1_loss", "l1_loss", x, y, **how)
    yield call("smooth_l1_loss", "smooth_l1_loss", x, y, beta=bound, **how)
    yield call("huber_loss", "huber_loss", x, y, delta=bound, **how)
    yield call("binary_cross_entropy", "binary_cross_entropy", chances, rows, **how)
    yield call("binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits", x, rows, **how,
               **({"pos_weight": weight["weight"]} if weight else {}))  # fmt: skip
    smoothing = {"label_smoothing": draw.choice([0.0, draw.uniform(0.05, 0.5)])}
    ignored = some(draw, ignore_index=[draw.randrange(c)])
    yield call("cross_entropy", "cross_entropy", x, classes, **weight, **smoothing, **ignored, reduction="sum")
    yield call("nll_loss", "nll_loss", x, classes, **weight, **ignored, reduction="sum")
    log = draw.random() < 0.5
    yield call("kl_div", "kl_div", x, fixed if log else rows, log_target=log, **how)
    rates = {"log_input": draw.random() < 0.5, "full": draw.random() < 0.5, "eps": 10 ** draw.uniform(-8, -2)}
    yield call("poisson_nll_loss", "poisson_nll_loss", uniform(n, c, low=0.1, high=2.0),
               {**uniform(n, c, low=0.5, high=4.0), "fixed": True}, **rates, **how)  # fmt: skip
    yield call("gaussian_nll_loss", "gaussian_nll_loss", x, y, uniform(n, c, low=0.1, high=2.0),
               full=draw.random() < 0.5, **how)  # fmt: skip
    yield call("multi_margin_loss", "multi_margin_loss", x, classes, draw.choice([1, 2]), bound, **weight, **how)
    yield call("triplet_margin_loss", "triplet_margin_loss", x, y, normal(n, c), bound, draw.choice([1.0, 2.0, 3.0]),
               swap=draw.random() < 0.5, **how)  # fmt: skip


def optimizers(draw: random.Random) -> Iterator[Case]:
    rate, decay = draw.uniform(0.005, 0.05), [0.0, draw.uniform(0.01, 0.2)]
    betas = [(draw.uniform(0.5, 0.95), draw.uniform(0.8, 0.999))]
    eps, both = [10 ** draw.uniform(-9, -4)], [False, True]
    spaces: dict[str, dict[str, list[Any]]] = {
        "SGD": {"momentum": [draw.uniform(0.3, 0.95)], "dampening": [draw.uniform(0, 0.5)], "weight_decay": decay,
                "maximize": both},
        "Adam": {"betas": betas, "eps": eps, "weight_decay": decay, "amsgrad": both, "maximize": both},
        "AdamW": {"betas": betas, "eps": eps, "weight_decay": decay, "amsgrad": both, "maximize": both},
        "Adamax": {"betas": betas, "eps": eps, "weight_decay": decay, "maximize": both},
        "NAdam": {"betas": betas, "eps": eps, "weight_decay": decay, "momentum_decay": [draw.uniform(1e-3, 0.1)],
                  "decoupled_weight_decay": both},
        "RAdam": {"betas": betas, "eps": eps, "weight_decay": decay, "decoupled_weight_decay": both},
        "Adagrad": {"lr_decay": [draw.uniform(0, 0.2)], "weight_decay": decay,
                    "initial_accumulator_value": [draw.uniform(0, 0.5)]},
        "Adadelta": {"rho": [draw.uniform(0.5, 0.95)], "eps": eps, "weight_decay": decay, "maximize": both},
        "RMSprop": {"alpha": [draw.uniform(0.5, 0.99)], "eps": eps, "weight_decay": decay,
                    "momentum": [draw.uniform(0.3, 0.9)], "centered": both},
        "Rprop": {"etas": [(draw.uniform(0.3, 0.8), draw.uniform(1.05, 1.6))], "maximize": both},
        "ASGD": {"lambd": [draw.uniform(1e-4, 0.1)], "alpha": [draw.uniform(0.5, 1)], "t0": [2.0, 1e6],
                 "weight_decay": decay},
    }  # fmt: skip
    inputs = {"x": normal(10, 16, 6), "y": normal(10, 16, 3)}  # ten steps, 16 samples each
    groups = [{"parameters": ["0.weight", "0.bias"]}, {"parameters": ["2.weight", "2.bias"], "lr": rate / 2}]
    for target, space in spaces.items():
        options = {"lr": rate, **some(draw, **space)}
        yield {"name": f"{target}, drawn", "kind": "optimizer", "target": target, "kwargs": options, "groups": groups,
               "inputs": inputs}  # fmt: skip
