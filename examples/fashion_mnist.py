"""Train a convolutional network on Fashion-MNIST's 60,000 images to more than 91 % on its 10,000 test images.

The data: `apt-get install dataset-fashion-mnist` on Debian, or `--data DIR` with the four idx files.
"""

import argparse
import time

import tenfold as tf
from tenfold import nn, optim
from tenfold.datasets import fashion_mnist
from tenfold.nn import functional as F
from tenfold.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist", help="folder of the idx files")
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--limit", type=int, default=60_000, help="train on the first so many images")
options = parser.parse_args()

tf.manual_seed(0)
images, labels = (values[: options.limit] for values in fashion_mnist(options.data, train=True))
batches = DataLoader(TensorDataset(images, labels), batch_size=128, shuffle=True)
test_batches = DataLoader(TensorDataset(*fashion_mnist(options.data, train=False)), batch_size=1000)
model = nn.Sequential(
    nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 7 * 7, 10),
)  # fmt: skip
optimizer = optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(options.epochs):
    optimizer.param_groups[0]["lr"] = 2e-3 * (1 - epoch / options.epochs)
    started = time.perf_counter()
    model.train()
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    speed = len(labels) / (time.perf_counter() - started)
    model.eval()
    with tf.no_grad():
        correct = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in test_batches)
    print(f"epoch {epoch + 1}: loss of the last batch {loss.item():.4f}, {speed:.0f} images/s")
    print(f"test accuracy: {correct / 10_000:.4f}")
