"""A multilayer perceptron reads handwritten digits, in the trainer's five lines.

Data: the 1,797 digits of 8×8 pixels that come with Tenfold; 360 are held out. A perceptron knows nothing of
neighbouring pixels: what brings it near a convolutional network is that each digit is seen turned, moved and scaled.
"""

import argparse
from pathlib import Path

import tenfold as tf
from tenfold import nn, optim, transforms
from tenfold.datasets import digits
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader, TensorDataset, random_split

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/digits_mlp"), help="folder of the curves")
parser.add_argument("--quick", action="store_true", help="8 epochs instead of 80")
options = parser.parse_args()
epochs, wanted = (8, 0.9) if options.quick else (80, 0.985)

tf.manual_seed(1)
train, held_out = random_split(TensorDataset(*digits()), [1437, 360])
vary = transforms.RandomAffine(12, translate=(0.1, 0.1), scale=(0.85, 1.15), shear=8)
batches = DataLoader(train, batch_size=64, shuffle=True, collate_fn=transforms.OnBatch(vary))
model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(64, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(512, 10),
)  # fmt: skip
trainer = Trainer(model, optim.AdamW(model.parameters(), lr=3e-3), "cross_entropy", ["accuracy"], scheduler="cosine")
history = trainer.fit(batches, validation_data=held_out, epochs=epochs)
for epoch in (0, epochs // 4, epochs // 2, epochs - 1):
    print(f"epoch {epoch + 1:2}  loss {history['loss'][epoch]:.4f}  held-out loss {history['val_loss'][epoch]:.4f}")
history.plot(options.out / "curves.png")
print(f"drew {options.out / 'curves.png'}")
accuracy = trainer.evaluate(held_out)["accuracy"]
print(f"held-out accuracy: {accuracy:.4f} (at least {wanted})")
assert accuracy >= wanted, "the network did not learn as it should"
