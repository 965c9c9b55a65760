"""Five gradient methods race down one valley: SGD, momentum, Adagrad, RMSprop and Adam.

The surface is Rosenbrock's banana (H. Rosenbrock, 1960), here `(1 − x)² + 10 (y − x²)²`: a curved valley with steep
walls, a floor that hardly falls, and its lowest point at (1, 1). Each method runs with a few rates of learning, and
races with the best of those that never carry it above its start, so that none is held back by another's rate.
"""

import argparse
from pathlib import Path

import matplotlib

import tenfold as tf
from tenfold import optim

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/gradient_methods"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="400 steps instead of 1,000")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
steps, farthest = (400, 0.5) if options.quick else (1000, 0.05)

METHODS = {
    "SGD": lambda point, lr: optim.SGD([point], lr=lr),
    "momentum": lambda point, lr: optim.SGD([point], lr=lr, momentum=0.9),
    "Adagrad": lambda point, lr: optim.Adagrad([point], lr=lr),
    "RMSprop": lambda point, lr: optim.RMSprop([point], lr=lr),
    "Adam": lambda point, lr: optim.Adam([point], lr=lr),
}
RATES = {
    "SGD": (1e-3, 3e-3, 1e-2),
    "momentum": (1e-3, 3e-3, 1e-2),
    "Adagrad": (0.1, 0.3, 1.0),
    "RMSprop": (3e-3, 1e-2, 3e-2),
    "Adam": (0.03, 0.1, 0.3),
}


def surface(x, y):
    """Height of the valley; tensors or numbers."""
    return (1 - x) ** 2 + 10 * (y - x**2) ** 2


def descend(method, lr: float) -> list[tuple[float, float, float]]:
    """The way from (−1.5, 2): x, y and height at each step."""
    point = tf.tensor([-1.5, 2.0], requires_grad=True)
    optimizer = method(point, lr)
    way = []
    for _ in range(steps):
        height = surface(point[0], point[1])
        way.append((*point.tolist(), height.item()))
        optimizer.zero_grad()
        height.backward()
        optimizer.step()
    return way


tf.manual_seed(0)
best = {}
for name, method in METHODS.items():
    ways = {lr: descend(method, lr) for lr in RATES[name]}
    within = {lr: way for lr, way in ways.items() if all(height <= way[0][2] for _, _, height in way)}
    best[name] = min(within.items(), key=lambda tried: tried[1][-1][2])

figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.4), layout="constrained")
across, up = tf.linspace(-2, 2, 201), tf.linspace(-1, 3, 201)
heights = surface(*tf.meshgrid(across, up, indexing="xy"))
left.contour(across.tolist(), up.tolist(), heights.log10().numpy(), levels=18, cmap="Greys", linewidths=0.7)
for name, (lr, way) in best.items():
    x, y, height = zip(*way, strict=True)
    left.plot(x, y, linewidth=1.6)
    right.semilogy(height, label=f"{name}, rate {lr:g}")
left.plot(1, 1, "k*", markersize=14)
left.set(xlim=(-2, 2), ylim=(-1, 3), xlabel="x", ylabel="y", title="The ways down; the star is the lowest point")
right.set(xlabel="step", ylabel="height", title="How high each still is")
right.legend(frameon=False)
figure.savefig(options.out / "race.png", dpi=110)
print(f"all began at height {surface(-1.5, 2.0)}; drew {options.out / 'race.png'}")
for name, (_, way) in best.items():
    print(f"height after {steps} steps, {name}: {way[-1][2]:.2g} (at most {farthest})")
assert all(way[-1][2] <= farthest for _, way in best.values())
