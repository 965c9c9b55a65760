"""Models whose states PyTorch saved (`scripts/record_checkpoints.py`), for either package: `MODELS[name](xp)`.

Each entry gives the module, and how it is called with the recorded inputs `x`, `y`.
"""

from __future__ import annotations

from typing import Any


def transformer(xp: Any) -> Any:
    return xp.nn.Transformer(8, 2, 2, 2, 12, dropout=0.0, batch_first=True)


def lstm(xp: Any) -> Any:
    return xp.nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)


def resnet(xp: Any) -> Any:
    """Basic blocks with batch norm, as in He et al. 2015, with torchvision's names."""
    nn = xp.nn

    class Block(nn.Module):
        def __init__(self, channels: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.downsample = None
            if stride != 1 or channels != out:
                self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            return self.relu(y + (x if self.downsample is None else self.downsample(x)))

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False), nn.BatchNorm2d(4)
            self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
            self.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1))
            self.layer2 = nn.Sequential(Block(4, 8, 2), Block(8, 8, 1))
            self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(8, 5)

        def forward(self, x: Any) -> Any:
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            return self.fc(self.avgpool(self.layer2(self.layer1(x))).flatten(1))

    return ResNet()


def unet(xp: Any) -> Any:
    """Two steps down and up again (Ronneberger et al. 2015)."""
    nn = xp.nn

    def double(channels: int, out: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(channels, out, 3, padding=1), nn.GroupNorm(2, out), nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1), nn.GroupNorm(2, out), nn.ReLU(),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([double(1, 4), double(4, 8)])
            self.bottom = double(8, 8)
            self.up = nn.ModuleDict({"8": nn.ConvTranspose2d(8, 8, 2, 2), "4": nn.ConvTranspose2d(8, 4, 2, 2)})
            self.merge = nn.ModuleDict({"8": double(16, 8), "4": double(8, 4)})
            self.head = nn.Conv2d(4, 2, 1)

        def forward(self, x: Any) -> Any:
            skipped = []
            for step in self.down:
                skipped.append(step(x))
                x = nn.functional.max_pool2d(skipped[-1], 2)
            x = self.bottom(x)
            for width in ("8", "4"):
                x = self.merge[width](xp.concat([skipped.pop(), self.up[width](x)], axis=1))
            return self.head(x)

    return UNet()


def gpt(xp: Any) -> Any:
    """Two blocks with norms first, causal attention, and the table of tokens as the head (GPT-2)."""
    nn = xp.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(8), nn.LayerNorm(8)
            self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(approximate="tanh"), nn.Linear(16, 8))

        def forward(self, x: Any, mask: Any) -> Any:
            y = self.ln_1(x)
            x = x + self.attn(y, y, y, attn_mask=mask, need_weights=False, is_causal=True)[0]
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(11, 8), nn.Embedding(6, 8)
            self.h = nn.ModuleList([Block(), Block()])
            self.ln_f = nn.LayerNorm(8)

        def forward(self, tokens: Any) -> Any:
            length = tokens.shape[1]
            x = self.wte(tokens) + self.wpe(xp.arange(length))
            mask = nn.Transformer.generate_square_subsequent_mask(length)
            for block in self.h:
                x = block(x, mask)
            return self.ln_f(x) @ self.wte.weight.T

    return GPT()


MODELS = {"transformer": transformer, "lstm": lstm, "resnet": resnet, "unet": unet, "gpt": gpt}
