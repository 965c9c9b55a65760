"""A variational autoencoder learns handwritten digits and writes new ones.

Data: the 1,797 digits of 8×8 pixels that come with Tenfold; 360 are held out. Method: D. Kingma and M. Welling,
Auto-Encoding Variational Bayes, 2014. The encoder gives mean and deviation of a few hidden numbers, the decoder gives
pixels, and the loss is what a pixel was missed by and how far the hidden numbers are from a plain normal distribution.
A classifier trained on real digits (the one of digits_cnn.py) then says what it takes the new ones for.
"""

import argparse
from pathlib import Path

import matplotlib

import tenfold as tf
from common.written_digits import grid, judged
from tenfold import nn, optim
from tenfold.datasets import digits
from tenfold.nn import functional as F
from tenfold.utils.data import DataLoader, TensorDataset, random_split

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/variational_autoencoder"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="20 epochs instead of 100")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
epochs, confident, most, blur = (20, 0.5, 27.0, 0.04) if options.quick else (100, 0.8, 25.0, 0.03)

HIDDEN = 8


class VariationalAutoencoder(nn.Module):
    """Images (N, 1, 8, 8) to logits of their pixels, with the mean and the log of the variance of (N, HIDDEN)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 2 * HIDDEN)
        )
        self.decoder = nn.Sequential(
            nn.Linear(HIDDEN, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 64),
            nn.Unflatten(1, (1, 8, 8)),
        )  # fmt: skip

    def forward(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        drawn = mean + (log_variance / 2).exp() * tf.randn(*mean.shape) if self.training else mean
        return self.decoder(drawn), mean, log_variance


def loss_of(model: nn.Module, images: tf.Tensor) -> tf.Tensor:
    """The negative evidence lower bound in nats, a mean over images."""
    logits, mean, log_variance = model(images)
    missed = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
    return (missed + divergence) / len(images)


tf.manual_seed(0)
train, held_out = random_split(TensorDataset(*digits()), [1437, 360])
batches = DataLoader(train, batch_size=64, shuffle=True)
held_out_images = next(iter(DataLoader(held_out, batch_size=360)))[0]

model = VariationalAutoencoder()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(epochs):
    model.train()
    total = 0.0
    for images, _ in batches:
        loss = loss_of(model, images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
    if epoch % (epochs // 5) == 0 or epoch == epochs - 1:
        print(f"epoch {epoch + 1:3}  loss {total / len(train):.2f} nats")
model.train()
with tf.no_grad():
    bound = sum(loss_of(model, held_out_images).item() for _ in range(10)) / 10  # over ten draws of the hidden numbers
    model.eval()
    rebuilt = model(held_out_images)[0].sigmoid()
    written = model.decoder(tf.randn(1000, HIDDEN)).sigmoid()
squared = ((rebuilt - held_out_images) ** 2).mean().item()

certainty, counts = judged(written, batches)

figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.8), layout="constrained")
panels = {"held out": held_out_images, "rebuilt from 8 numbers": rebuilt, "newly written": written}
for axis, (name, images) in zip(axes, panels.items(), strict=True):
    axis.imshow(grid(images).numpy(), cmap="gray_r", vmin=0, vmax=1)
    axis.set(title=name, xticks=[], yticks=[])
figure.savefig(options.out / "digits.png", dpi=110)
print(f"drew {options.out / 'digits.png'}")
print(f"held-out loss: {bound:.2f} nats (at most {most})")
print(f"held-out mean squared error: {squared:.4f} (at most {blur})")
print(f"the classifier's mean confidence in new digits: {certainty:.3f} (at least {confident})")
assert bound <= most
assert squared <= blur
assert certainty >= confident
assert min(counts) > 0, "some digit is never written"
