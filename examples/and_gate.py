"""The AND gate: two layers, a sigmoid, binary cross-entropy and stochastic gradient descent.

The smallest network that learns something: two inputs, two hidden units, one output, and four cases, which are all that
there is to know. The picture shows the output over the whole square, and the four cases on it.
"""

import argparse
from pathlib import Path

import matplotlib

import tenfold as tf
from tenfold import nn, optim

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/and_gate"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="as in full, which takes a second")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

tf.manual_seed(0)
x = tf.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = tf.tensor([[0.0], [0.0], [0.0], [1.0]])

model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
criterion = nn.BCELoss()
optimizer = optim.SGD(model.parameters(), lr=1.0)
for step in range(2001):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 400 == 0:
        print(f"step {step:4}  loss {loss.item():.4f}")

with tf.no_grad():
    answers = model(x)
    sides = tf.linspace(-0.25, 1.25, 61)
    square = model(tf.stack(tf.meshgrid(sides, sides, indexing="xy"), axis=-1)).squeeze(2)
for (a, b), answer in zip(x.tolist(), answers.squeeze(1).tolist(), strict=True):
    print(f"{a:.0f} and {b:.0f} is {answer:.3f}")

figure, axes = plt.subplots(figsize=(5.2, 4.4), layout="constrained")
shade = axes.imshow(square.numpy(), origin="lower", extent=(-0.25, 1.25, -0.25, 1.25), vmin=0, vmax=1, cmap="coolwarm")
axes.contour(sides.tolist(), sides.tolist(), square.numpy(), levels=[0.5], colors="black")
axes.scatter(x[:, 0].tolist(), x[:, 1].tolist(), c=y[:, 0].tolist(), cmap="coolwarm", edgecolor="black", s=120)
axes.set(xlabel="a", ylabel="b", title="a and b, as the network has it", xticks=[0, 1], yticks=[0, 1])
figure.colorbar(shade)
figure.savefig(options.out / "square.png", dpi=110)
print(f"drew {options.out / 'square.png'}")
right = ((answers > 0.5) == (y > 0.5)).sum().item()
print(f"final loss: {loss.item():.4f} (at most 0.05)")
print(f"cases right: {right} (of 4)")
assert loss.item() <= 0.05
assert right == 4
