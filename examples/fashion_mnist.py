"""A convolutional network that tells clothes apart, trained on augmented images.

Data: Fashion-MNIST, 60,000 images for training and 10,000 held out: `apt-get install dataset-fashion-mnist` on Debian,
or `--data DIR` with the four idx files. The rate of learning rises and falls once (L. N. Smith and N. Topin,
Super-Convergence, 2017), and each image is mirrored and moved at random.
"""

import argparse
from pathlib import Path

import tenfold as tf
from tenfold import nn, optim, transforms
from tenfold.datasets import fashion_mnist
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", help="folder of the idx files")
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--out", type=Path, default=Path("runs/fashion_mnist"), help="folder of the curves")
parser.add_argument("--quick", action="store_true", help="one epoch of 3,000 images")
options = parser.parse_args()
limit, epochs, wanted = (3000, 1, 0.65) if options.quick else (60_000, options.epochs, 0.92)

tf.manual_seed(0)
images, labels = (values[:limit] for values in fashion_mnist(options.data, train=True))
test_images, test_labels = (values[: limit // 3] for values in fashion_mnist(options.data, train=False))
augment = transforms.Compose([transforms.RandomCrop(28, padding=1), transforms.RandomHorizontalFlip()])
batches = DataLoader(
    TensorDataset(images, labels), batch_size=32 if options.quick else 128, shuffle=True,
    collate_fn=transforms.OnBatch(augment),
)  # fmt: skip
test_batches = DataLoader(TensorDataset(test_images, test_labels), batch_size=500)


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """A 3×3 convolution, normalised; then half the height and width."""
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]


model = nn.Sequential(
    *block(1, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Dropout(0.1), nn.Linear(128 * 3 * 3, 10)
)
optimizer = optim.AdamW(model.parameters(), weight_decay=0.02)
schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=epochs * len(batches))
trainer = Trainer(model, optimizer, "cross_entropy", ["accuracy"], scheduler=schedule, schedule="step")
history = trainer.fit(batches, validation_data=test_batches, epochs=epochs, verbose=2)
history.plot(options.out / "curves.png")
print(f"drew {options.out / 'curves.png'}")

# A garment in the mirror is the same garment: both are asked about.
logits = trainer.predict(test_images, batch_size=500) + trainer.predict(test_images.flip(3), batch_size=500)
accuracy = (logits.argmax(dim=1) == test_labels).float().mean().item()
print(f"held-out accuracy: {accuracy:.4f}")
assert accuracy >= wanted, "the network did not learn as it should"
