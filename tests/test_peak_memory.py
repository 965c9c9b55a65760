"""Peak memory of training steps: fusion does not raise it above that of one kernel a node."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Each prints the bytes by which a step raises the peak of a process that holds model and data already.
PREAMBLE = """
import tenfold as tf
from tenfold import nn, optim
from tenfold.nn import functional as F

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024

def run(model, loss_of):
    optimizer = optim.Adam(model.parameters())
    tf.synchronize()
    # Resets the mark of the most that was resident.
    with open("/proc/self/clear_refs", "w") as marks:
        marks.write("5")
    before = peak()
    for _ in range(2):
        optimizer.zero_grad()
        loss_of().backward()
        optimizer.step()
    print(peak() - before)
"""
CNN = """
class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norm, self.other = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(x + self.other(self.second(F.relu(self.norm(self.first(x))))))

model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), Block(16), Block(16), nn.MaxPool2d(2), Block(16),
                      nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
x, y = tf.randn(32, 3, 32, 32), tf.randint(0, 10, (32,))
run(model, lambda: F.cross_entropy(model(x), y))
"""
GPT = """
class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.other = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        n, s, w = x.shape
        q, k, v = (part.view(n, s, 4, w // 4).transpose(1, 2) for part in self.qkv(self.norm(x)).chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, s, w))
        return x + self.down(F.gelu(self.up(self.other(x))))

embedding, layers, head = nn.Embedding(500, 128), nn.Sequential(*(Layer(128) for _ in range(4))), nn.Linear(128, 500)
model = nn.ModuleList([embedding, layers, head])
tokens = tf.randint(0, 500, (8, 129))
run(model, lambda: F.cross_entropy(head(layers(embedding(tokens[:, :-1]))).reshape(-1, 500), tokens[:, 1:].reshape(-1)))
"""
CHAINS = """
x = tf.randn(1 << 20)
model = nn.ParameterList([nn.Parameter(tf.randn(1 << 20)) for _ in range(3)])

def loss_of():
    a, b, c = model
    y = F.gelu(a * x + b)
    z = tf.tanh(y * c) * tf.sigmoid(y - a)
    return (z * z + y.exp().clamp(max=3.0)).mean()

run(model, loss_of)
"""


def raised(program: str, fuse: str) -> int:
    environment = {**os.environ, "TENFOLD_FUSE": fuse, "TENFOLD_EAGER": "0", "TENFOLD_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", PREAMBLE + program], env=environment, capture_output=True, text=True, check=True
    )
    return int(result.stdout)


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="the peak is Linux's")
@pytest.mark.parametrize("program", [CNN, GPT, CHAINS], ids=["cnn", "gpt", "chains"])
def test_fusion_does_not_raise_peak_memory(program: str) -> None:
    fused, apart = raised(program, "1"), raised(program, "0")
    # What a process takes beside tensors (code that is first used, stacks of threads) is less than 2 MB here or there.
    assert fused <= 1.05 * apart + (2 << 20)
    assert apart > 20 << 20
