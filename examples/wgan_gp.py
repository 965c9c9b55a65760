"""A Wasserstein GAN with gradient penalty: gradients of gradients, and a loss that says how far it still is.

Data: the 1,797 digits of 8×8 pixels that come with Tenfold. Method: I. Gulrajani et al., Improved Training of
Wasserstein GANs, 2017. The critic scores images, real ones high and made ones low; on the way between the two its
gradient is held near length 1, which takes the derivative of a derivative (`create_graph=True`). The difference of the
scores estimates the distance between real and made images, and falls while the generator learns. A classifier trained
on real digits (the one of digits_cnn.py) then says what it takes the new ones for, and how sure it is.
"""

import argparse
from pathlib import Path

import matplotlib

import tenfold as tf
from common.written_digits import grid, judged
from tenfold import nn, optim
from tenfold.datasets import digits
from tenfold.utils.data import DataLoader, TensorDataset

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/wgan_gp"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="20 epochs instead of 100")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
epochs, confident, fewest = (20, 0.72, 15) if options.quick else (100, 0.8, 40)

NOISE, CRITIC_STEPS, PENALTY = 32, 4, 10.0


def up(inputs: int, outputs: int) -> list[nn.Module]:
    """Twice the height and width."""
    return [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


tf.manual_seed(0)
images, labels = digits()
batches = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True, drop_last=True)
generator = nn.Sequential(
    nn.Linear(NOISE, 64 * 2 * 2, bias=False), nn.Unflatten(1, (64, 2, 2)), nn.BatchNorm2d(64), nn.ReLU(),
    *up(64, 32), *up(32, 16), nn.Conv2d(16, 1, 3, padding=1), nn.Sigmoid(),
)  # fmt: skip
# No batch norm here: the penalty is on the gradient of each image alone.
critic = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.LeakyReLU(0.2),
    nn.Conv2d(16, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2),
    nn.Flatten(), nn.Linear(256, 1),
)  # fmt: skip
generating = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.9))
judging = optim.Adam(critic.parameters(), lr=5e-4, betas=(0.0, 0.9))


def gradient_penalty(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """How far the length of the critic's gradient is from 1, at a point between each real and each made image."""
    share = tf.rand(len(real), 1, 1, 1)
    between = (share * real + (1 - share) * made).requires_grad_()
    (gradient,) = tf.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()


distances, step = [], 0
for epoch in range(epochs):
    for batch, _ in batches:
        with tf.no_grad():
            made = generator(tf.randn(64, NOISE))
        distance = critic(batch).mean() - critic(made).mean()
        loss = PENALTY * gradient_penalty(batch, made) - distance
        judging.zero_grad()
        loss.backward()
        judging.step()
        distances.append(distance.item())
        step += 1
        if step % CRITIC_STEPS == 0:
            generating.zero_grad()
            (-critic(generator(tf.randn(64, NOISE))).mean()).backward()
            generating.step()
    if epoch % (max(epochs // 5, 1)) == 0 or epoch == epochs - 1:
        print(f"epoch {epoch + 1:3}  distance {sum(distances[-28:]) / 28:.3f}")

generator.eval()
with tf.no_grad():
    written = generator(tf.randn(1000, NOISE))
certainty, counts = judged(written, batches)

figure, axes = plt.subplots(1, 3, figsize=(14.4, 5), layout="constrained")
for axis, (name, shown) in zip(axes, {"real": images, "newly written": written}.items(), strict=False):
    axis.imshow(grid(shown).numpy(), cmap="gray_r", vmin=0, vmax=1)
    axis.set(title=name, xticks=[], yticks=[])
axes[2].plot([sum(distances[at : at + 28]) / 28 for at in range(0, len(distances), 28)])
axes[2].set(xlabel="epoch", title="distance that the critic sees")
figure.savefig(options.out / "digits.png", dpi=110)
print(f"drew {options.out / 'digits.png'}")
print(f"the classifier's mean confidence in new digits: {certainty:.3f} (at least {confident})")
print(f"the rarest digit: {min(counts)} of 1000 (at least {fewest})")
assert certainty >= confident
assert min(counts) >= fewest
