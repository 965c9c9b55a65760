"""An autoencoder squeezes pictures of clothes into 32 numbers, and a second one takes noise off them.

Data: Fashion-MNIST (`apt-get install dataset-fashion-mnist` on Debian). The autoencoder has to rebuild 784 pixels from
32 numbers with less error than principal component analysis, the best that is linear, does with as many. The denoising
one (P. Vincent et al., Extracting and Composing Robust Features, 2008) sees pixels with noise and has to give them
without; a median filter, which knows nothing of clothes, stands beside it.
"""

import argparse
from pathlib import Path

import matplotlib
from scipy.ndimage import median_filter
from sklearn.decomposition import PCA

import tenfold as tf
from tenfold import nn
from tenfold.datasets import fashion_mnist
from tenfold.train import Trainer

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/autoencoder"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="3,000 images instead of 30,000, 4 epochs instead of 5")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
limit, epochs = (3000, 4) if options.quick else (30_000, 5)

tf.manual_seed(0)
images = fashion_mnist(train=True)[0][:limit].flatten(1)
held_out = fashion_mnist(train=False)[0][: limit // 6].flatten(1)


def noisy(images: tf.Tensor) -> tf.Tensor:
    """The images with normal noise of deviation 0.3, within black and white."""
    return (images + 0.3 * tf.randn(*images.shape)).clamp(0, 1)


def trained(width: int, source: tf.Tensor) -> Trainer:
    """An autoencoder with that many numbers in its middle, which has learnt to make the images from `source`."""
    model = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, width), nn.Linear(width, 256), nn.ReLU(),
        nn.Linear(256, 784), nn.Sigmoid(),
    )  # fmt: skip
    trainer = Trainer(model, "adamw", loss="mse", lr=2e-3, scheduler="one_cycle")
    history = trainer.fit(source, images, epochs=epochs, batch_size=64)
    print(f"{width} numbers: loss {history['loss'][0]:.4f} after the first epoch, {history['loss'][-1]:.4f} at the end")
    return trainer


def error(rebuilt: tf.Tensor) -> float:
    """Mean squared error of a pixel."""
    return ((rebuilt - held_out) ** 2).mean().item()


rebuilt = trained(32, images).predict(held_out, batch_size=500)
components = PCA(32, random_state=0).fit(images.numpy())
linear = tf.asarray(components.inverse_transform(components.transform(held_out.numpy())))
disturbed = noisy(held_out)
cleaned = trained(128, noisy(images)).predict(disturbed, batch_size=500)
filtered = tf.asarray(median_filter(disturbed.reshape(-1, 28, 28).numpy(), (1, 3, 3))).flatten(1)

rows = {"held out": held_out, "from 32 numbers": rebuilt, "PCA, 32 numbers": linear}
rows |= {"with noise": disturbed, "denoised": cleaned, "median filter": filtered}
figure, axes = plt.subplots(len(rows), 1, figsize=(11, 4.6), layout="constrained")
for axis, (name, row) in zip(axes, rows.items(), strict=True):
    strip = row[:16].reshape(16, 28, 28).permute(1, 0, 2).reshape(28, 16 * 28)
    axis.imshow(strip.numpy(), cmap="gray_r", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.set_ylabel(name, rotation=0, ha="right", va="center")
figure.savefig(options.out / "clothes.png", dpi=110)
print(f"drew {options.out / 'clothes.png'}")
# In the reduced form both need only be far from where they began: the mean of all images, and the noise.
half_of_mean, less_noise = error(images.mean(dim=0)) / 2, error(disturbed) / 1.5
limits = {
    "rebuilt from 32 numbers": (rebuilt, half_of_mean if options.quick else error(linear), "PCA"),
    "denoised": (cleaned, less_noise if options.quick else error(filtered), "a median filter"),
}
for name, (ours, limit, who) in limits.items():
    than = "" if options.quick else f" of {who}"
    print(f"mean squared error, {name}: {error(ours):.5f} (less than {limit:.5f}{than})")
    assert error(ours) < limit
