"""The cases, as plain data that needs neither PyTorch nor Tenfold.

A case is a dictionary for JSON: `kind` (module, function, initializer or optimizer), `target` (the name in
`nn`, `nn.functional`, `nn.init` or `optim`), its arguments, and `inputs`, the arrays to draw. An argument
`{"input": name}` stands for a drawn array. Sizes and numbers are drawn too, so that each seed gives other cases.
"""

from __future__ import annotations

import random
from typing import Any

from parity.cases_sequence import sequence_functions, sequence_layers

Case = dict[str, Any]


def draw_cases(seed: int) -> dict[str, list[Case]]:
    """The cases of a seed by family; a family is one file of records."""
    draw = random.Random(seed)
    families = {
        "layers": [*linear_layers(draw), *convolutions(draw), *normalizations(draw), *poolings(draw), *others(draw)],
        "activations": list(activations(draw)),
        "losses": list(losses(draw)),
        "initializers": list(initializers(draw)),
        "optimizers": list(optimizers(draw)),
        # Last, so that what the others draw stays as it is.
        "more_layers": list(more_layers(draw)),
        "more_losses": list(more_losses(draw)),
        "sequence_layers": sequence_layers(draw),
        "sequence_functions": sequence_functions(draw),
    }
    from parity.cases_drawn import drawn_families
    from parity.cases_spatial import call, spatial_families
    from parity.cases_training import training_families

    families |= spatial_families(seed)
    families |= training_families(seed)
    families |= drawn_families(seed)
    # Last, so that the arrays of the others stay as they are.
    families["later_calls"] = [
        call("convolution of steps first", "conv_tbc", normal(7, 2, 3), normal(3, 3, 4), normal(4), 1),
    ]
    for cases in families.values():
        names = [case["name"] for case in cases]
        assert len(names) == len(set(names)), "names of cases must differ"
    return families


def normal(*shape: int) -> Case:
    return {"fill": "normal", "shape": shape}


def integers(high: int, *shape: int) -> Case:
    return {"fill": "integers", "high": high, "shape": shape}


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Case:
    return {"fill": "uniform", "shape": shape, "low": low, "high": high}


def distribution(*shape: int) -> Case:
    """Positive numbers that add up to one along axis 1."""
    return {"fill": "distribution", "shape": shape}


def module(name: str, target: str, x: Case, *args: Any, train: bool = True, **kwargs: Any) -> Case:
    return {
        "name": name, "kind": "module", "target": target, "args": args, "kwargs": kwargs, "train": train,
        "inputs": {"x": x},
    }  # fmt: skip


def linear_layers(draw: random.Random) -> list[Case]:
    n, i, o = draw.randint(2, 6), draw.randint(2, 20), draw.randint(1, 12)
    return [
        module("linear", "Linear", normal(n, i), i, o),
        module("linear without bias", "Linear", normal(n, i), i, o, bias=False),
        module("linear on one vector", "Linear", normal(i), i, o),
        module("linear on four axes", "Linear", normal(2, 3, n, i), i, o),
        module("embedding", "Embedding", integers(i, n, 3), i, o),
        module("embedding with padding index", "Embedding", integers(i, n, 4), i, o, padding_idx=draw.randrange(i)),
    ]


def convolutions(draw: random.Random) -> list[Case]:
    n, c, o = draw.randint(1, 3), 2 * draw.randint(1, 3), 2 * draw.randint(1, 4)
    h, w = draw.randint(7, 11), draw.randint(7, 11)
    x = normal(n, c, h, w)
    return [
        module("convolution 3×3", "Conv2d", x, c, o, 3),
        module("convolution padded", "Conv2d", x, c, o, 3, padding=1),
        module("convolution without bias", "Conv2d", x, c, o, 3, bias=False),
        module("convolution 1×1", "Conv2d", x, c, o, 1),
        module("convolution of one image", "Conv2d", normal(c, h, w), c, o, 3),
        module("convolution strided", "Conv2d", x, c, o, 3, stride=2, padding=1),
        module("convolution with unequal axes", "Conv2d", x, c, o, (3, 5), stride=(2, 1), padding=(0, 3)),
        module("convolution dilated", "Conv2d", x, c, o, 3, dilation=(2, 3), padding=2),
        module("convolution same", "Conv2d", x, c, o, 3, padding="same"),
        module("convolution same, even kernel", "Conv2d", x, c, o, (4, 2), padding="same", dilation=(1, 2)),
        module("convolution valid", "Conv2d", x, c, o, 2, padding="valid"),
        module("convolution grouped", "Conv2d", x, c, o, 3, groups=2, padding=1),
        module("convolution depthwise", "Conv2d", x, c, 2 * c, 3, groups=c, stride=2),
    ]


def normalizations(draw: random.Random) -> list[Case]:
    n, c, h, w = draw.randint(3, 6), draw.randint(1, 5), draw.randint(2, 5), draw.randint(2, 5)
    momentum, eps = draw.uniform(0.05, 0.5), 10 ** draw.uniform(-6, -3)
    cases = []
    for train in (True, False):
        mode = "training" if train else "evaluation"
        image, row = normal(n, c, h, w), normal(n, c)
        cases += [
            module(f"batch norm 2d, {mode}", "BatchNorm2d", image, c, train=train),
            module(f"batch norm 2d with options, {mode}", "BatchNorm2d", image, c, eps, momentum, train=train),
            module(f"batch norm 2d, no statistics, {mode}", "BatchNorm2d", image, c, track_running_stats=False,
                   train=train),
            module(f"batch norm 2d, cumulative, {mode}", "BatchNorm2d", image, c, momentum=None, train=train),
            module(f"batch norm 2d, not affine, {mode}", "BatchNorm2d", image, c, affine=False, train=train),
            module(f"batch norm 1d of rows, {mode}", "BatchNorm1d", row, c, train=train),
            module(f"batch norm 1d of series, {mode}", "BatchNorm1d", normal(n, c, h), c, train=train),
        ]  # fmt: skip
    return [
        *cases,
        module("layer norm", "LayerNorm", normal(n, 4 * w), 4 * w),
        module("layer norm over two axes", "LayerNorm", normal(n, c, h, w), (h, w), eps=eps),
        module("layer norm not affine", "LayerNorm", normal(n, h, w), w, elementwise_affine=False),
        module("layer norm without bias", "LayerNorm", normal(n, 8), 8, bias=False),
    ]


def poolings(draw: random.Random) -> list[Case]:
    n, c, h, w = draw.randint(1, 3), draw.randint(1, 4), draw.randint(7, 10), draw.randint(7, 10)
    x = normal(n, c, h, w)
    return [
        module("max pooling", "MaxPool2d", x, 2),
        module("max pooling overlapping", "MaxPool2d", x, 3, stride=2, padding=1),
        module("max pooling dilated", "MaxPool2d", x, (2, 3), stride=(1, 2), dilation=2),
        module("max pooling rounding up", "MaxPool2d", x, 3, ceil_mode=True),
        module("average pooling", "AvgPool2d", x, 2),
        module("average pooling overlapping", "AvgPool2d", x, (3, 2), stride=2, padding=1),
        module("average pooling without the padding", "AvgPool2d", x, 3, padding=1, count_include_pad=False),
        module("average pooling rounding up", "AvgPool2d", x, 3, stride=2, ceil_mode=True),
        module("adaptive average pooling to 1", "AdaptiveAvgPool2d", x, 1),
        module("adaptive average pooling", "AdaptiveAvgPool2d", x, (draw.randint(2, 5), draw.randint(2, 5))),
        module("adaptive average pooling of one axis", "AdaptiveAvgPool2d", x, (None, 3)),
    ]


def others(draw: random.Random) -> list[Case]:
    n, c, h = draw.randint(1, 4), draw.randint(1, 4), draw.randint(1, 4)
    return [
        module("dropout in evaluation", "Dropout", normal(n, c), 0.5, train=False),
        module("dropout of nothing", "Dropout", normal(n, c), 0.0),
        module("flatten", "Flatten", normal(n, c, h, 3)),
        module("flatten some axes", "Flatten", normal(n, c, h, 3), 2, -1),
        module("identity", "Identity", normal(n, c)),
    ]


def activations(draw: random.Random) -> list[Case]:
    x = normal(draw.randint(2, 5), draw.randint(4, 9))
    x["scale"] = 3.0
    slope = draw.uniform(0.01, 0.4)
    plain = (
        "ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Sigmoid LogSigmoid Tanh Softplus Softsign Hardtanh "
        "Hardsigmoid Hardswish Tanhshrink Softshrink Hardshrink PReLU"
    )
    return [
        *(module(target, target, x) for target in plain.split()),
        module("LeakyReLU with slope", "LeakyReLU", x, slope),
        module("ELU with alpha", "ELU", x, 2 * slope),
        module("GELU by tanh", "GELU", x, approximate="tanh"),
        module("Softplus with options", "Softplus", x, beta=1 + slope, threshold=4),
        module("Softmax", "Softmax", x, dim=1),
        module("Softmax over rows", "Softmax", x, dim=0),
        module("LogSoftmax", "LogSoftmax", x, dim=-1),
        module("PReLU by channel", "PReLU", x, x["shape"][1]),
    ]


def loss(name: str, target: str, x: Case, y: Case, weight: Case | None = None, **kwargs: Any) -> Case:
    inputs = {"x": x, "y": y}
    if weight is not None:
        inputs["weight"] = weight
        kwargs["weight"] = {"input": "weight"}
    return {"name": name, "kind": "function", "target": target, "kwargs": kwargs, "inputs": inputs}


def losses(draw: random.Random) -> list[Case]:
    n, c, h = draw.randint(3, 7), draw.randint(3, 8), draw.randint(2, 4)
    logits, image, weight = normal(n, c), normal(n, c, h, 3), uniform(c, low=0.2, high=2.0)
    classes, pixels = integers(c, n), integers(c, n, h, 3)
    smoothing, ignored = draw.uniform(0.05, 0.4), draw.randrange(c)
    chances, rows = uniform(n, c, low=0.02, high=0.98), uniform(n, c)
    cases = []
    for reduction in ("mean", "sum", "none"):
        with_all = {"ignore_index": ignored, "label_smoothing": smoothing, "reduction": reduction}
        cases += [
            loss(f"mse, {reduction}", "mse_loss", logits, normal(n, c), reduction=reduction),
            loss(f"cross-entropy, {reduction}", "cross_entropy", logits, classes, reduction=reduction),
            loss(f"cross-entropy with all options, {reduction}", "cross_entropy", logits, classes, weight, **with_all),
            loss(f"cross-entropy of images, {reduction}", "cross_entropy", image, pixels, weight, **with_all),
            loss(f"nll, {reduction}", "nll_loss", logits, classes, reduction=reduction),
            loss(f"nll with weight, {reduction}", "nll_loss", logits, classes, weight, ignore_index=ignored,
                 reduction=reduction),
            loss(f"bce, {reduction}", "binary_cross_entropy", chances, rows, reduction=reduction),
            loss(f"bce with logits, {reduction}", "binary_cross_entropy_with_logits", logits, rows,
                 reduction=reduction),
        ]  # fmt: skip
    pos_weight = loss("bce with logits and weights", "binary_cross_entropy_with_logits", logits, rows, uniform(n, c))
    pos_weight["inputs"]["pos_weight"] = uniform(c, low=0.5, high=3.0)
    pos_weight["kwargs"]["pos_weight"] = {"input": "pos_weight"}
    return [
        *cases,
        pos_weight,
        loss("cross-entropy weighted", "cross_entropy", logits, classes, weight),
        loss("cross-entropy ignoring a class", "cross_entropy", logits, classes, ignore_index=ignored),
        loss("cross-entropy smoothed", "cross_entropy", logits, classes, label_smoothing=smoothing),
        loss("cross-entropy of probabilities", "cross_entropy", logits, distribution(n, c)),
        loss("cross-entropy of probabilities, weighted and smoothed", "cross_entropy", logits, distribution(n, c),
             weight, label_smoothing=smoothing),
        loss("cross-entropy of one sample", "cross_entropy", normal(c), integers(c)),
        loss("nll of images", "nll_loss", image, pixels),
        loss("bce with weight", "binary_cross_entropy", chances, rows, uniform(n, c)),
    ]  # fmt: skip


def initializers(draw: random.Random) -> list[Case]:
    matrix, kernel = (draw.randint(200, 300), draw.randint(150, 250)), (64, draw.randint(24, 40), 3, 3)

    def init(name: str, target: str, shape: tuple[int, ...], **kwargs: Any) -> Case:
        return {"name": name, "kind": "initializer", "target": target, "shape": shape, "kwargs": kwargs, "inputs": {}}

    def layer(name: str, target: str, *args: int) -> Case:
        return {"name": name, "kind": "default_initialization", "target": target, "args": args, "inputs": {}}

    low = draw.uniform(-2, 0)
    return [
        init("zeros", "zeros_", (3, 4)),
        init("ones", "ones_", (3, 4)),
        init("constant", "constant_", (3, 4), val=low),
        init("eye", "eye_", (4, 6)),
        init("dirac", "dirac_", (4, 3, 3, 3)),
        init("uniform", "uniform_", matrix, a=low, b=draw.uniform(0, 3)),
        init("normal", "normal_", matrix, mean=low, std=draw.uniform(0.1, 2)),
        init("truncated normal", "trunc_normal_", matrix, mean=0.0, std=1.0, a=low, b=1.5),
        init("xavier uniform", "xavier_uniform_", matrix),
        init("xavier uniform of a kernel", "xavier_uniform_", kernel, gain=draw.uniform(0.5, 2)),
        init("xavier normal", "xavier_normal_", matrix),
        init("kaiming uniform", "kaiming_uniform_", matrix, a=draw.uniform(0, 1)),
        init("kaiming uniform of a kernel", "kaiming_uniform_", kernel, mode="fan_out", nonlinearity="relu"),
        init("kaiming normal", "kaiming_normal_", kernel, mode="fan_in", nonlinearity="tanh"),
        layer("linear as made", "Linear", *reversed(matrix)),
        layer("convolution as made", "Conv2d", kernel[1], kernel[0], 3),
        layer("embedding as made", "Embedding", *matrix),
        layer("batch norm as made", "BatchNorm2d", 8),
        layer("layer norm as made", "LayerNorm", 8),
    ]


def optimizers(draw: random.Random) -> list[Case]:
    rate, decay = draw.uniform(0.01, 0.05), draw.uniform(0.01, 0.2)
    momentum, alpha = draw.uniform(0.5, 0.95), draw.uniform(0.8, 0.99)
    betas = (draw.uniform(0.7, 0.95), draw.uniform(0.9, 0.999))
    variants: list[tuple[str, dict[str, Any]]] = [
        ("SGD", {"lr": rate}),
        ("SGD", {"lr": rate, "weight_decay": decay}),
        ("SGD", {"lr": rate, "momentum": momentum}),
        ("SGD", {"lr": rate, "momentum": momentum, "dampening": 0.3}),
        ("SGD", {"lr": rate, "momentum": momentum, "nesterov": True, "weight_decay": decay}),
        ("SGD", {"lr": rate, "momentum": momentum, "maximize": True}),
        ("Adagrad", {"lr": rate}),
        ("Adagrad", {"lr": rate, "lr_decay": 0.1, "weight_decay": decay, "initial_accumulator_value": 0.2}),
        ("RMSprop", {"lr": rate}),
        ("RMSprop", {"lr": rate, "alpha": alpha, "weight_decay": decay, "momentum": momentum}),
        ("RMSprop", {"lr": rate, "centered": True}),
        ("Adam", {}),
        ("Adam", {"lr": rate, "betas": betas, "weight_decay": decay}),
        ("Adam", {"lr": rate, "amsgrad": True}),
        ("Adam", {"lr": rate, "maximize": True}),
        ("AdamW", {}),
        ("AdamW", {"lr": rate, "betas": betas, "weight_decay": decay}),
        ("AdamW", {"lr": rate, "amsgrad": True}),
    ]
    inputs = {"x": normal(10, 16, 6), "y": normal(10, 16, 3)}  # ten steps, 16 samples each
    cases = []
    for target, options in variants:
        shown = ", ".join(options) or "defaults"
        groups = [{"parameters": ["0.weight", "0.bias", "2.weight", "2.bias"]}]
        cases.append((f"{target}: {shown}", target, options, groups))
        if "weight_decay" in options:
            split: list[dict[str, Any]] = [
                {"parameters": ["0.weight", "2.weight"]},
                {"parameters": ["0.bias", "2.bias"], "weight_decay": 0.0, "lr": rate / 3},
            ]
            cases.append((f"{target}: {shown}, two groups", target, options, split))
    return [
        {"name": name, "kind": "optimizer", "target": target, "kwargs": options, "groups": groups, "inputs": inputs}
        for name, target, options, groups in cases
    ]


def more_layers(draw: random.Random) -> list[Case]:
    n, c, length = draw.randint(1, 3), 2 * draw.randint(1, 3), draw.randint(8, 12)
    series, volume, image = normal(n, c, length), normal(n, c, 5, 6, 7), normal(n, c, 9, 8)
    slope = draw.uniform(0.1, 0.9)
    return [
        module("convolution 1d", "Conv1d", series, c, 3, 3, stride=2, padding=1),
        module("convolution 1d same", "Conv1d", series, c, 4, 4, padding="same", dilation=2, groups=2),
        module("convolution 3d", "Conv3d", volume, c, 3, (2, 3, 3), padding=(0, 1, 1), stride=(1, 2, 1)),
        module("group norm", "GroupNorm", image, 2, c),
        module("group norm without bias", "GroupNorm", series, c, c, bias=False),
        module("rms norm", "RMSNorm", normal(n, 4, 8), 8),
        module("rms norm over two axes", "RMSNorm", image, (9, 8), eps=1e-3),
        module("batch norm without bias", "BatchNorm2d", image, c, bias=False),
        module("max pooling 1d", "MaxPool1d", series, 3, stride=2, padding=1),
        module("average pooling 1d", "AvgPool1d", series, 3, padding=1, count_include_pad=False),
        module("average pooling with another divisor", "AvgPool2d", image, 2, divisor_override=3),
        module("adaptive average pooling 1d", "AdaptiveAvgPool1d", series, 3),
        module("adaptive max pooling", "AdaptiveMaxPool2d", image, (4, None)),
        module("unflatten", "Unflatten", normal(n, 6, 2), 1, (2, 3)),
        module("dropout 2d in evaluation", "Dropout2d", image, train=False),
        module("CELU with alpha", "CELU", image, 2 * slope),
        module("Threshold", "Threshold", image, slope, -1.0),
        module("GLU", "GLU", image, 1),
        module("Hardtanh with bounds", "Hardtanh", image, -slope, 2 * slope),
        module("Softshrink with lambda", "Softshrink", image, slope),
        module("Hardshrink with lambda", "Hardshrink", image, slope),
    ]


def more_losses(draw: random.Random) -> list[Case]:
    n, c, beta = draw.randint(2, 6), draw.randint(2, 6), draw.uniform(0.2, 2)
    x, y = normal(n, c), normal(n, c)
    cases = []
    for reduction in ("mean", "sum", "none"):
        cases += [
            loss(f"l1, {reduction}", "l1_loss", x, y, reduction=reduction),
            loss(f"smooth l1, {reduction}", "smooth_l1_loss", x, y, reduction=reduction, beta=beta),
            loss(f"huber, {reduction}", "huber_loss", x, y, reduction=reduction, delta=beta),
            loss(f"kl divergence, {reduction}", "kl_div", x, distribution(n, c), reduction=reduction),
            loss(f"kl divergence of logarithms, {reduction}", "kl_div", x, y, reduction=reduction, log_target=True),
        ]
    return [*cases, loss("kl divergence, batchmean", "kl_div", x, distribution(n, c), reduction="batchmean")]
