"""A small convolutional network that reads 8×8 handwritten digits: `make demo`.

Prints a line per epoch, saves the model as safetensors, loads it into a new model, checks that both
give the same bits, draws the confusion matrix and the misclassified digits, and ends with the accuracy
on digits that neither training nor validation has seen. Options: `--epochs`, `--seed`, `--out`, `--quick`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import tenfold as tf
from tenfold import nn, optim, transforms
from tenfold.datasets import digits
from tenfold.nn import functional as F
from tenfold.safetensors import load_file, save_file
from tenfold.utils.data import DataLoader, TensorDataset, random_split

BATCH_SIZE = 64
LEARNING_RATE = 2e-3


def build_model() -> nn.Sequential:
    """Three 3×3 convolutions, two poolings, one linear layer: images `(N, 1, 8, 8)` to logits `(N, 10)`."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 2 * 2, 10),
    )  # fmt: skip


def train_epoch(model: nn.Module, optimizer: optim.Optimizer, batches: Iterable) -> tuple[float, float]:
    """One pass over the training digits; returns the mean loss and the accuracy on the way."""
    model.train()
    loss_sum = correct = count = 0
    for x, y in batches:
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(y)
        correct += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return loss_sum / count, correct / count


def predict(model: nn.Module, images: tf.Tensor) -> tf.Tensor:
    """The logits of `images` in evaluation mode, without recording gradients."""
    model.eval()
    with tf.no_grad():
        return model(images)


def evaluate(model: nn.Module, images: tf.Tensor, labels: tf.Tensor) -> tuple[float, float]:
    """Loss and accuracy of the model on a whole split."""
    logits = predict(model, images)
    return F.cross_entropy(logits, labels).item(), (logits.argmax(dim=1) == labels).float().mean().item()


def whole(split) -> tuple[tf.Tensor, tf.Tensor]:
    """All images and labels of a split as one batch."""
    return next(iter(DataLoader(split, batch_size=len(split))))


def with_progress(batches: DataLoader, description: str) -> Iterable:
    """The batches behind a progress bar, if tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return batches
    return tqdm(batches, desc=description, unit="batch", leave=False, disable=None)  # quiet unless on a terminal


def save_and_load_again(model: nn.Module, images: tf.Tensor, path: Path) -> None:
    """Save the model, load it into a new one, and insist on the same bits."""
    save_file(model.state_dict(), path)
    loaded = build_model()
    loaded.load_state_dict(load_file(path))
    if not (predict(loaded, images) == predict(model, images)).all().item():
        raise SystemExit("the model loaded from the file gives other numbers than the one saved")
    print(f"saved {path} ({path.stat().st_size / 1e3:.0f} kB); loaded again, it gives the same bits")


def draw(images: tf.Tensor, labels: list[int], predictions: list[int], path: Path) -> None:
    """A picture of the confusion matrix and of each misclassified digit."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed (pip install 'tenfold[plots]')")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    counts = [[0] * 10 for _ in range(10)]
    for label, prediction in zip(labels, predictions, strict=True):
        counts[label][prediction] += 1
    wrong = [i for i, label in enumerate(labels) if label != predictions[i]]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5.2), layout="constrained")
    # Off the diagonal a single mistake must be visible beside dozens of hits: square roots.
    left.imshow([[n**0.5 for n in row] for row in counts], cmap="Blues")
    for label, row in enumerate(counts):
        for prediction, n in enumerate(row):
            if n:
                left.text(prediction, label, str(n), ha="center", va="center", color="white" if n > 15 else "black")
    left.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="true", title="Held-out digits")
    right.set_title(f"{len(wrong)} of {len(labels)} misclassified")
    right.axis("off")
    columns = max(3, round(len(wrong) ** 0.5 + 0.5))
    rows = max(3, -(-len(wrong) // columns))
    for place, i in enumerate(wrong):
        row, column = divmod(place, columns)
        cell = right.inset_axes((column / columns, 1 - (row + 1) / rows, 0.9 / columns, 0.82 / rows))
        cell.imshow(images[i, 0].tolist(), cmap="gray_r", vmin=0, vmax=1)
        cell.set_title(f"{labels[i]} taken for {predictions[i]}", fontsize=9)
        cell.axis("off")
    figure.savefig(path, dpi=110)
    print(f"drew {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/digits_cnn"), help="folder of the model and the picture")
    parser.add_argument("--quick", action="store_true", help="3 epochs")
    options = parser.parse_args()
    if options.quick:
        options.epochs = 3
    options.out.mkdir(parents=True, exist_ok=True)

    tf.manual_seed(options.seed)
    train, validation, held_out = random_split(TensorDataset(*digits()), [1257, 180, 360])
    # Nobody writes a digit twice in the same place, at the same angle and of the same size.
    vary = transforms.RandomAffine(10, translate=(0.08, 0.08), scale=(0.9, 1.1))
    batches = DataLoader(train, batch_size=BATCH_SIZE, shuffle=True, collate_fn=transforms.OnBatch(vary))
    validation_images, validation_labels = whole(validation)
    model = build_model()
    optimizer = optim.AdamW(model.parameters(), lr=LEARNING_RATE)

    started = time.perf_counter()
    for epoch in range(options.epochs):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 - epoch / options.epochs)
        epoch_started = time.perf_counter()
        name = f"epoch {epoch + 1:2}/{options.epochs}"
        loss, accuracy = train_epoch(model, optimizer, with_progress(batches, name))
        speed = len(train) / (time.perf_counter() - epoch_started)
        validation_loss, validation_accuracy = evaluate(model, validation_images, validation_labels)
        print(
            f"{name}  train loss {loss:.4f} accuracy {accuracy:.4f}  "
            f"validation loss {validation_loss:.4f} accuracy {validation_accuracy:.4f}  {speed:6.0f} images/s"
        )
    print(f"trained in {time.perf_counter() - started:.1f} s")

    images, labels = whole(held_out)
    save_and_load_again(model, images, options.out / "model.safetensors")
    predictions = predict(model, images).argmax(dim=1)
    draw(images, labels.tolist(), predictions.tolist(), options.out / "held_out.png")
    accuracy, wanted = (predictions == labels).float().mean().item(), 0.93 if options.quick else 0.985
    print(f"held-out accuracy: {accuracy:.4f}")
    assert accuracy >= wanted, "the network did not learn as it should"


if __name__ == "__main__":
    main()
