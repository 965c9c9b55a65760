"""The models of the whole steps, for either package."""

from __future__ import annotations

from itertools import pairwise
from typing import Any


def mlp(xp: Any) -> Any:
    nn = xp.nn
    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10),
    )  # fmt: skip


def cnn(xp: Any) -> Any:
    """That of examples/fashion_mnist.py."""
    nn = xp.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 7 * 7, 10),
    )  # fmt: skip


def resnet18(xp: Any) -> Any:
    """He et al., Deep residual learning (2015), with ten classes."""
    nn = xp.nn

    class Block(nn.Module):
        def __init__(self, channels: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.relu = nn.ReLU()
            self.downsample = None
            if stride != 1 or channels != out:
                self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.bn2(self.conv2(y))
            return self.relu(y + (x if self.downsample is None else self.downsample(x)))

    stages = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
    blocks = [block for channels, out, stride in stages for block in (Block(channels, out, stride), Block(out, out, 1))]
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


def lstm_classifier(xp: Any) -> Any:
    nn = xp.nn

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(10_000, 128)
            self.lstm = nn.LSTM(128, 128, batch_first=True)
            self.output = nn.Linear(128, 5)

        def forward(self, tokens: Any) -> Any:
            _, (hidden, _) = self.lstm(self.embedding(tokens))
            return self.output(hidden[-1])

    return Classifier()


def gpt(xp: Any) -> Any:
    return GPT(xp, vocabulary=5000, width=256, heads=4, layers=4, context=128).module


class GPT:
    """A decoder with norms before its blocks (GPT-2); `module(tokens)` gives a row of logits for each place."""

    def __init__(self, xp: Any, *, vocabulary: int, width: int, heads: int, layers: int, context: int) -> None:
        nn, F = xp.nn, xp.nn.functional

        class Block(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
                self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
                self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

            def forward(self, x: Any, cached: Any = None, one: bool = False) -> Any:
                batch, length, _ = x.shape
                qkv = self.qkv(self.norm1(x)).reshape(batch, length, 3, heads, width // heads)
                q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
                if cached is not None:
                    k, v = xp.concat([cached[0], k], axis=2), xp.concat([cached[1], v], axis=2)
                y = F.scaled_dot_product_attention(q, k, v, is_causal=not one)
                x = x + self.projection(y.transpose(1, 2).reshape(batch, length, width))
                return x + self.down(F.gelu(self.up(self.norm2(x)))), (k, v)

        class Model(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
                self.blocks = nn.ModuleList([Block() for _ in range(layers)])
                self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

            def forward(self, tokens: Any) -> Any:
                x = self.tokens(tokens) + self.places(xp.arange(tokens.shape[1]))
                for block in self.blocks:
                    x, _ = block(x)
                return self.head(self.norm(x)).reshape(-1, vocabulary)

            def decode(self, tokens: Any, start: int, cache: list[Any]) -> Any:
                x = self.tokens(tokens) + self.places(xp.arange(start, start + tokens.shape[1]))
                for number, block in enumerate(self.blocks):
                    x, cache[number] = block(x, cache[number], one=tokens.shape[1] == 1)
                return self.head(self.norm(x))

        self.module = Model()


def bert_layer(xp: Any) -> Any:
    return xp.nn.TransformerEncoderLayer(768, 12, 3072, dropout=0.1, activation="gelu", batch_first=True)


def generator(xp: Any) -> Any:
    nn = xp.nn
    widths = [64, 1024, 2048, 4096, 2048, 1024]
    hidden = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.LeakyReLU(0.2))]
    return nn.Sequential(*hidden, nn.Linear(1024, 784), nn.Sigmoid())


def discriminator(xp: Any) -> Any:
    nn = xp.nn
    return nn.Sequential(
        nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1),
    )  # fmt: skip


def autoencoder(xp: Any) -> Any:
    nn = xp.nn
    return nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(),
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid(),
    )  # fmt: skip
