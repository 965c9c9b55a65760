"""One row for each layer of torch.nn at a usual size, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads.workload import Group, Step, Workload, backward

# A function that makes an input of a layer: a tensor, or whatever else the layer takes.
Input = Callable[[Any], Any]


def layer(name: str, inputs: list[Input | tuple[int, ...]], *arguments: Any, **options: Any) -> Workload:
    """The layer nn.`name`(*arguments, **options). An input that is a shape stands for normal numbers with gradients."""

    def prepare(xp: Any) -> Step:
        made = [x(xp) if callable(x) else xp.randn(*x).requires_grad_() for x in inputs]
        module = getattr(xp.nn, name)(*arguments, **options)
        leaves = [x for x in made if getattr(x, "requires_grad", False)]
        return backward(xp, lambda: module(*made), [*leaves, *module.parameters()])

    return Workload(name, prepare)


def integers(high: int, *shape: int) -> Input:
    return lambda xp: xp.randint(0, high, shape)


def constant(*shape: int) -> Input:
    """Normal numbers without gradients, a target."""
    return lambda xp: xp.randn(*shape)


def signs(*shape: int) -> Input:
    return lambda xp: xp.randint(0, 2, shape).to(xp.float32) * 2 - 1


def probabilities(*shape: int) -> Input:
    return lambda xp: xp.rand(*shape)


def leaf_probabilities(*shape: int) -> Input:
    return lambda xp: xp.rand(*shape).requires_grad_()


def pooled(dimensions: int, shape: tuple[int, ...]) -> list[Input]:
    """What a max pool of 2 made of this shape, and its indices."""

    def make(xp: Any) -> tuple[Any, Any]:
        pool = getattr(xp.nn.functional, f"max_pool{dimensions}d")
        return pool(xp.randn(*shape), 2, return_indices=True)

    return [lambda xp: make(xp)[0].detach().requires_grad_(), lambda xp: make(xp)[1]]


def ctc() -> list[Input]:
    steps, batch, classes, length = 100, 16, 32, 25
    return [
        lambda xp: xp.nn.functional.log_softmax(xp.randn(steps, batch, classes), dim=2).detach().requires_grad_(),
        lambda xp: xp.randint(1, classes, (batch, length)),
        lambda xp: xp.full((batch,), steps, dtype=xp.int64),
        lambda xp: xp.full((batch,), length, dtype=xp.int64),
    ]


TEXT = (32, 64, 256)  # batch, channels, length
IMAGE = (16, 64, 28, 28)
VOLUME = (4, 16, 16, 16, 16)
ROWS = (128, 1024)
SEQUENCE = (16, 64, 256)  # batch, length, width
CLASSES = (256, 1000)

SPATIAL = [
    *(layer(f"Conv{d}d", [shape], shape[1], 64, 3, padding=1) for d, shape in ((1, TEXT), (2, IMAGE), (3, VOLUME))),
    *(layer(f"ConvTranspose{d}d", [shape], shape[1], 32, 2, stride=2)
      for d, shape in ((1, TEXT), (2, IMAGE), (3, VOLUME))),
    *(layer(f"{kind}Pool{d}d", [shape], 2) for d, shape in ((1, TEXT), (2, IMAGE), (3, VOLUME))
      for kind in ("Max", "Avg")),
    *(layer(f"LPPool{d}d", [shape], 2, 2) for d, shape in ((1, TEXT), (2, IMAGE), (3, VOLUME))),
    *(layer(f"Adaptive{kind}Pool{d}d", [shape], 5) for d, shape in ((1, TEXT), (2, IMAGE), (3, VOLUME))
      for kind in ("Max", "Avg")),
    *(layer(f"FractionalMaxPool{d}d", [shape], 2, output_ratio=0.7) for d, shape in ((2, IMAGE), (3, VOLUME))),
    *(layer(f"MaxUnpool{d}d", pooled(d, shape), 2) for d, shape in ((1, TEXT), (2, IMAGE), (3, VOLUME))),
    *(layer(f"{kind}Pad{d}d", [shape], 2, *((0.5,) if kind == "Constant" else ()))
      for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")
      for d, shape in ((1, TEXT), (2, IMAGE), (3, VOLUME))),
    layer("Unfold", [IMAGE], 3, padding=1),
    layer("Fold", [(16, 64 * 9, 28 * 28)], (28, 28), 3, padding=1),
    layer("Upsample", [IMAGE], scale_factor=2, mode="bicubic"),
    layer("UpsamplingBilinear2d", [IMAGE], scale_factor=2),
    layer("UpsamplingNearest2d", [IMAGE], scale_factor=2),
    layer("PixelShuffle", [IMAGE], 2),
    layer("PixelUnshuffle", [IMAGE], 2),
    layer("ChannelShuffle", [IMAGE], 4),
]  # fmt: skip

NORMS = [
    *(layer(f"{kind}Norm{d}d", [shape], shape[1]) for kind in ("Batch", "Instance")
      for d, shape in ((1, TEXT), (2, IMAGE), (3, VOLUME))),
    layer("GroupNorm", [IMAGE], 8, 64),
    layer("LayerNorm", [SEQUENCE], 256),
    layer("RMSNorm", [SEQUENCE], 256),
    layer("LocalResponseNorm", [IMAGE], 5),
    layer("CrossMapLRN2d", [IMAGE], 5),
]  # fmt: skip

SEQUENCES = [
    layer("Embedding", [integers(10_000, 32, 128)], 10_000, 256),
    layer("EmbeddingBag", [integers(10_000, 256, 32)], 10_000, 256),
    *(layer(kind, [SEQUENCE], 256, 256, batch_first=True) for kind in ("RNN", "GRU", "LSTM")),
    *(layer(f"{kind}Cell", [(64, 256)], 256, 256) for kind in ("RNN", "GRU", "LSTM")),
    layer("MultiheadAttention", [SEQUENCE] * 3, 256, 8, batch_first=True),
    layer("TransformerEncoderLayer", [SEQUENCE], 256, 8, 1024, batch_first=True),
    layer("TransformerDecoderLayer", [SEQUENCE, SEQUENCE], 256, 8, 1024, batch_first=True),
    layer("Transformer", [(8, 32, 128), (8, 32, 128)], 128, 4, 2, 2, 256, batch_first=True),
]  # fmt: skip

DENSE = [
    layer("Linear", [ROWS], 1024, 1024),
    layer("Bilinear", [(128, 64), (128, 64)], 64, 64, 64),
    layer("Identity", [ROWS]),
    layer("Flatten", [IMAGE]),
    layer("Unflatten", [ROWS], 1, (32, 32)),
    *(layer(name, [(16, *IMAGE[1:])]) for name in ("Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout")),
    layer("Dropout1d", [TEXT]),
    layer("Dropout3d", [VOLUME]),
    layer("CosineSimilarity", [ROWS, ROWS]),
    layer("PairwiseDistance", [ROWS, ROWS]),
]  # fmt: skip

ACTIVATIONS = [
    *(layer(name, [IMAGE]) for name in (
        "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid",
        "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign",
        "Tanh", "Tanhshrink", "Softmax2d",
    )),
    layer("Threshold", [IMAGE], 0.1, 0.0),
    *(layer(name, [ROWS], dim=1) for name in ("Softmax", "Softmin", "LogSoftmax")),
]  # fmt: skip

LOSSES = [
    *(layer(name, [ROWS, constant(*ROWS)]) for name in ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss")),
    layer("BCELoss", [leaf_probabilities(*ROWS), probabilities(*ROWS)]),
    layer("BCEWithLogitsLoss", [ROWS, probabilities(*ROWS)]),
    layer("CrossEntropyLoss", [CLASSES, integers(1000, 256)]),
    layer("NLLLoss", [CLASSES, integers(1000, 256)]),
    layer("LinearCrossEntropyLoss", [(512, 256), integers(1000, 512)], 256, 1000),
    layer("AdaptiveLogSoftmaxWithLoss", [(256, 128), integers(10_000, 256)], 128, 10_000, [1000, 4000]),
    layer("CTCLoss", ctc()),
    layer("KLDivLoss", [ROWS, probabilities(*ROWS)], reduction="batchmean"),
    layer("PoissonNLLLoss", [ROWS, probabilities(*ROWS)]),
    layer("GaussianNLLLoss", [ROWS, constant(*ROWS), leaf_probabilities(*ROWS)]),
    layer("HingeEmbeddingLoss", [ROWS, signs(*ROWS)]),
    layer("SoftMarginLoss", [ROWS, signs(*ROWS)]),
    layer("MultiLabelSoftMarginLoss", [ROWS, probabilities(*ROWS)]),
    layer("MultiLabelMarginLoss", [(128, 64), integers(64, 128, 64)]),
    layer("MultiMarginLoss", [CLASSES, integers(1000, 256)]),
    layer("MarginRankingLoss", [(4096,), (4096,), signs(4096)]),
    layer("CosineEmbeddingLoss", [ROWS, ROWS, signs(128)]),
    layer("TripletMarginLoss", [ROWS, ROWS, ROWS]),
    layer("TripletMarginWithDistanceLoss", [ROWS, ROWS, ROWS]),
]  # fmt: skip

GROUP = Group(
    "layers",
    [*SPATIAL, *NORMS, *SEQUENCES, *DENSE, *ACTIVATIONS, *LOSSES],
    in_mean=False,
    effort=0.5,
)
