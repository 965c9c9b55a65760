"""A convolutional network that tells clothes apart, trained on augmented images.

Data: Fashion-MNIST, 60,000 images for training and 10,000 held out: `apt-get install dataset-fashion-mnist` on Debian,
or `--data DIR` with the four idx files. Each image is mirrored and moved at random.
"""

import argparse
from pathlib import Path

import tenfold as tf
from tenfold import nn, optim, transforms
from tenfold.datasets import fashion_mnist
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", help="folder of the idx files")
parser.add_argument("--out", type=Path, default=Path("runs/fashion_mnist"), help="folder of the curves")
parser.add_argument("--quick", action="store_true", help="four epochs of 3,000 images")
options = parser.parse_args()
limit, epochs, wanted = (3000, 4, 0.7) if options.quick else (60_000, 10, 0.93)

tf.manual_seed(0)
train, test = (TensorDataset(*(part[:limit] for part in fashion_mnist(options.data, which))) for which in (True, False))
augment = transforms.Compose([transforms.RandomCrop(28, padding=1), transforms.RandomHorizontalFlip()])
batches = DataLoader(train, batch_size=128, shuffle=True, collate_fn=transforms.OnBatch(augment))


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """A 3×3 convolution, normalised; then half the height and width."""
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]


model = nn.Sequential(
    *block(1, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Dropout(0.1), nn.Linear(128 * 3 * 3, 10)
)
optimizer = optim.AdamW(model.parameters(), lr=6e-3, weight_decay=0.02)
trainer = Trainer(model, optimizer, "cross_entropy", ["accuracy"], scheduler="one_cycle")
trainer.fit(batches, validation_data=test, epochs=epochs, verbose=2).plot(options.out / "curves.png")
accuracy = trainer.evaluate(test, batch_size=500)["accuracy"]
print(f"held-out accuracy: {accuracy:.4f} (at least {wanted})")
assert accuracy >= wanted, "the network did not learn as it should"
