"""A single-shot detector finds handwritten digits in scenes: where each is, and which it is, in one pass.

Data: scenes of 40×40 pixels made of the digits that come with Tenfold (`common/scenes.py`); those held out are made of
digits that no training scene has. Method: after J. Redmon et al., You Only Look Once, 2016: of a grid of cells, the
one in which the middle of a digit lies says so, and gives its box and class. Of boxes that overlap the surest stays.
The figures are the mean average precision (mAP) at an intersection over union (IoU) of at least 0.5, and the mean IoU
of what is found.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

import tenfold as tf
from common.scenes import Scenes, make_scenes
from tenfold import nn, optim
from tenfold.nn import functional as F
from tenfold.utils.data import DataLoader, TensorDataset

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/detection"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="1,000 scenes instead of 4,000, 5 epochs instead of 10")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
count, epochs, wanted_map, wanted_iou = (1000, 5, 0.4, 0.75) if options.quick else (4000, 10, 0.9, 0.8)

SIDE, CELL = 40, 4
GRID = SIDE // CELL
TYPICAL = 10.0  # pixels of a digit's side


def block(inputs: int, outputs: int, *more: nn.Module) -> list[nn.Module]:
    """A 3×3 convolution, normalised."""
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(), *more]


def targets(scenes: Scenes) -> tf.Tensor:
    """(N, 6, GRID, GRID): is a digit's middle in the cell, its place there, the logs of its sides, and which it is."""
    table = np.zeros((len(scenes.boxes), 6, GRID, GRID), dtype=np.float32)
    for cells, boxes in zip(table, scenes.boxes, strict=True):
        for left, top, right, bottom, digit in boxes:
            x, y = (left + right) / 2 / CELL, (top + bottom) / 2 / CELL
            sides = np.log([(right - left) / TYPICAL, (bottom - top) / TYPICAL])
            cells[:, int(y), int(x)] = 1, x % 1, y % 1, *sides, digit
    return tf.asarray(table)


def loss_of(output: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Is there a digit: of every cell. Where and which: of the cells that have one. A mean over scenes."""
    there = target[:, 0]
    presence = F.binary_cross_entropy_with_logits(output[:, 0], there, reduction="sum")
    place = F.mse_loss(output[:, 1:3].sigmoid(), target[:, 1:3], reduction="none").sum(dim=1)
    sides = F.mse_loss(output[:, 3:5], target[:, 3:5], reduction="none").sum(dim=1)
    digit = F.cross_entropy(output[:, 5:], target[:, 5].long(), reduction="none")
    return (presence + (there * (5 * place + 5 * sides + digit)).sum()) / len(output)


def overlap(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU of a box (4,) with each of (N, 4)."""
    sides = np.minimum(one[2:], others[:, 2:4]) - np.maximum(one[:2], others[:, :2])
    common = sides.clip(min=0).prod(axis=1)
    return common / ((one[2:] - one[:2]).prod() + (others[:, 2:4] - others[:, :2]).prod(axis=1) - common)


def detect(model: nn.Module, images: tf.Tensor, least: float = 0.05) -> list[np.ndarray]:
    """Of each image its boxes as rows (left, top, right, bottom, digit, score), the surest first."""
    model.eval()
    with tf.no_grad():
        output = model(images)
        classes = F.softmax(output[:, 5:], dim=1)
        scores = (output[:, 0].sigmoid() * classes.amax(dim=1)).numpy()
        digits, place, sides = (
            classes.argmax(dim=1).numpy(),
            output[:, 1:3].sigmoid().numpy(),
            output[:, 3:5].exp().numpy(),
        )
    found = []
    for image in range(len(images)):
        rows, columns = np.nonzero(scores[image] > least)
        x = (columns + place[image, 0, rows, columns]) * CELL
        y = (rows + place[image, 1, rows, columns]) * CELL
        width, height = TYPICAL * sides[image][:, rows, columns] / 2
        boxes = np.stack(
            [x - width, y - height, x + width, y + height, digits[image, rows, columns], scores[image, rows, columns]],
            1,
        )
        boxes, kept = boxes[np.argsort(-boxes[:, 5])], []
        while len(boxes):
            kept.append(boxes[0])
            boxes = boxes[1:][overlap(boxes[0, :4], boxes[1:]) < 0.4]
        found.append(np.array(kept).reshape(-1, 6))
    return found


def average_precision(found: list[np.ndarray], true: list[np.ndarray], digit: int) -> tuple[float, list[float]]:
    """Area under precision over recall for one digit, and the IoU of each box that found one."""
    candidates = sorted(
        ((box[5], image, box) for image, boxes in enumerate(found) for box in boxes[boxes[:, 4] == digit]),
        key=lambda candidate: -candidate[0],
    )
    wanted = [boxes[boxes[:, 4] == digit] for boxes in true]
    taken = [np.zeros(len(boxes), dtype=bool) for boxes in wanted]
    hits, overlaps = [], []
    for _, image, box in candidates:
        ious = overlap(box[:4], wanted[image]) * ~taken[image]
        hits.append(len(ious) > 0 and ious.max() >= 0.5)
        if hits[-1]:
            taken[image][ious.argmax()] = True
            overlaps.append(float(ious.max()))
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    # The best precision at each recall or a larger one; each hit adds the same step of recall.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[np.array(hits, dtype=bool)].sum() / sum(map(len, wanted))), overlaps


tf.manual_seed(0)
train, held_out = make_scenes(count, SIDE, held_out=False, seed=0), make_scenes(400, SIDE, held_out=True, seed=1)
batches = DataLoader(TensorDataset(train.images, targets(train)), batch_size=32, shuffle=True)
model = nn.Sequential(
    *block(1, 16, nn.MaxPool2d(2)), *block(16, 32), *block(32, 32, nn.MaxPool2d(2)),
    *block(32, 64), *block(64, 64), nn.Conv2d(64, 5 + 10, 1),
)  # fmt: skip
optimizer = optim.AdamW(model.parameters())
schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=epochs * len(batches))
for epoch in range(epochs):
    total = 0.0
    for images, target in batches:
        loss = loss_of(model(images), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() / len(batches)
    print(f"epoch {epoch + 1}/{epochs}  loss {total:.4f}", flush=True)

found = detect(model, held_out.images)
results = [average_precision(found, held_out.boxes, digit) for digit in range(10)]
print("average precision of the digits 0 to 9:", ", ".join(f"{precision:.3f}" for precision, _ in results))

figure, axes = plt.subplots(2, 6, figsize=(15, 5.4), layout="constrained")
for image, axis in enumerate(axes.flat):
    axis.imshow(held_out.images[image, 0].numpy(), cmap="gray_r", vmin=0, vmax=1)
    for left, top, right, bottom, digit, score in found[image][found[image][:, 5] > 0.4]:
        axis.add_patch(plt.Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, color="tab:red"))
        axis.text(left, top - 1, f"{digit:.0f}  {score:.2f}", color="tab:red", fontsize=9)
    axis.set(xticks=[], yticks=[])
figure.savefig(options.out / "boxes.png", dpi=110)
print(f"drew {options.out / 'boxes.png'}")
mean_precision = sum(precision for precision, _ in results) / 10
overlaps = [value for _, ious in results for value in ious]
mean_iou = sum(overlaps) / max(len(overlaps), 1)
print(f"held-out mAP at IoU 0.5: {mean_precision:.4f} (at least {wanted_map})")
print(f"mean IoU of the boxes that hit: {mean_iou:.4f} (at least {wanted_iou})")
assert mean_precision >= wanted_map
assert mean_iou >= wanted_iou
