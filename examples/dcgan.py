"""A deep convolutional GAN writes digits that a classifier reads without hesitating.

Data: the 1,797 digits of 8×8 pixels that come with Tenfold. Method: A. Radford, L. Metz and S. Chintala, Unsupervised
Representation Learning with Deep Convolutional Generative Adversarial Networks, 2016. A generator makes images from
noise; a discriminator learns to tell them from real ones; each learns from the other. A classifier trained on real
digits (the one of digits_cnn.py) then says what it takes the new ones for, and how sure it is.
"""

import argparse
from pathlib import Path

import matplotlib

import tenfold as tf
from common.written_digits import grid, judged
from tenfold import nn, optim
from tenfold.datasets import digits
from tenfold.nn import functional as F
from tenfold.utils.data import DataLoader, TensorDataset

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/dcgan"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="8 epochs instead of 40")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
epochs, confident, fewest = (8, 0.75, 10) if options.quick else (40, 0.8, 40)

NOISE = 32


def up(inputs: int, outputs: int) -> list[nn.Module]:
    """Twice the height and width."""
    return [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def down(inputs: int, outputs: int) -> list[nn.Module]:
    """Half the height and width."""
    return [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]


tf.manual_seed(0)
images, labels = digits()
batches = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True, drop_last=True)
generator = nn.Sequential(
    nn.Linear(NOISE, 64 * 2 * 2, bias=False), nn.Unflatten(1, (64, 2, 2)), nn.BatchNorm2d(64), nn.ReLU(),
    *up(64, 32), *up(32, 16), nn.Conv2d(16, 1, 3, padding=1), nn.Sigmoid(),
)  # fmt: skip
discriminator = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.LeakyReLU(0.2), *down(16, 32), *down(32, 64), nn.Flatten(), nn.Linear(256, 1)
)
generating = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
discriminating = optim.Adam(discriminator.parameters(), lr=5e-4, betas=(0.5, 0.999))
# A discriminator that is never quite sure leaves the generator something to learn from.
real, false = tf.full((64, 1), 0.9), tf.zeros(64, 1)

for epoch in range(epochs):
    for batch, _ in batches:
        made = generator(tf.randn(64, NOISE))
        told = F.binary_cross_entropy_with_logits(discriminator(batch), real)
        told = told + F.binary_cross_entropy_with_logits(discriminator(made.detach()), false)
        discriminating.zero_grad()
        told.backward()
        discriminating.step()

        believed = F.binary_cross_entropy_with_logits(discriminator(made), real)
        generating.zero_grad()
        believed.backward()
        generating.step()
    if epoch % (max(epochs // 5, 1)) == 0 or epoch == epochs - 1:
        print(
            f"epoch {epoch + 1:2}  loss of the discriminator {told.item():.3f}, of the generator {believed.item():.3f}"
        )

generator.eval()
with tf.no_grad():
    written = generator(tf.randn(1000, NOISE))
certainty, counts = judged(written, batches)

figure, axes = plt.subplots(1, 2, figsize=(9.6, 5), layout="constrained")
for axis, (name, shown) in zip(axes, {"real": images, "newly written": written}.items(), strict=True):
    axis.imshow(grid(shown).numpy(), cmap="gray_r", vmin=0, vmax=1)
    axis.set(title=name, xticks=[], yticks=[])
figure.savefig(options.out / "digits.png", dpi=110)
print(f"drew {options.out / 'digits.png'}")
print(f"the classifier's mean confidence in new digits: {certainty:.3f} (at least {confident})")
print(f"the rarest digit: {min(counts)} of 1000 (at least {fewest})")
assert certainty >= confident
assert min(counts) >= fewest
