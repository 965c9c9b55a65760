"""A U-Net says of each pixel which handwritten digit it belongs to, or none.

Data: scenes of 32×32 pixels made of the digits that come with Tenfold (`common/scenes.py`); those held out are made of
digits that no training scene has. Method: O. Ronneberger, P. Fischer and T. Brox, U-Net: Convolutional Networks for
Biomedical Image Segmentation, 2015: down to a quarter of the side to see the whole, up again to see the pixels, and
across, so that neither is lost. The figure is the intersection over union (IoU) of what is said and what is true.
"""

import argparse
from pathlib import Path

import matplotlib

import tenfold as tf
from common.scenes import make_scenes
from tenfold import nn, optim
from tenfold.nn import functional as F
from tenfold.utils.data import DataLoader, TensorDataset

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/unet"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="600 scenes instead of 3,000")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
count, epochs, batch_size, wanted_ink, wanted = (600, 6, 8, 0.85, 0.1) if options.quick else (3000, 6, 20, 0.95, 0.82)


class DoubleConv(nn.Sequential):
    """Two 3×3 convolutions, each normalised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip


class UNet(nn.Module):
    """Images (N, 1, H, W), sides divisible by 4, to logits (N, classes, H, W)."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.fine = DoubleConv(1, width)
        self.middle = DoubleConv(width, 2 * width)
        self.coarse = DoubleConv(2 * width, 4 * width)
        self.up_to_middle = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.merge_middle = DoubleConv(4 * width, 2 * width)
        self.up_to_fine = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge_fine = DoubleConv(2 * width, width)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images: tf.Tensor) -> tf.Tensor:
        fine = self.fine(images)
        middle = self.middle(F.max_pool2d(fine, 2))
        coarse = self.coarse(F.max_pool2d(middle, 2))
        middle = self.merge_middle(tf.concat([middle, self.up_to_middle(coarse)], axis=1))
        fine = self.merge_fine(tf.concat([fine, self.up_to_fine(middle)], axis=1))
        return self.head(fine)


tf.manual_seed(0)
train, held_out = make_scenes(count, 32, held_out=False, seed=0), make_scenes(count // 10, 32, held_out=True, seed=1)
batches = DataLoader(TensorDataset(train.images, train.masks), batch_size=batch_size, shuffle=True)
model = UNet(classes=11)
optimizer = optim.AdamW(model.parameters())
schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=epochs * len(batches))
for epoch in range(epochs):
    total = 0.0
    for images, masks in batches:
        loss = F.cross_entropy(model(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() / len(batches)
    print(f"epoch {epoch + 1}/{epochs}  loss {total:.4f}", flush=True)

model.eval()
with tf.no_grad():
    said = model(held_out.images).argmax(dim=1)


def iou(said: tf.Tensor, true: tf.Tensor) -> float:
    """Intersection over union of two masks of booleans."""
    return (said & true).sum().item() / max((said | true).sum().item(), 1)


ink = iou(said > 0, held_out.masks > 0)
each = [iou(said == kind, held_out.masks == kind) for kind in range(1, 11)]
print("IoU of the digits 0 to 9:", ", ".join(f"{value:.3f}" for value in each))

figure, axes = plt.subplots(3, 10, figsize=(15, 4.8), layout="constrained")
for place in range(10):
    shown = (held_out.images[place, 0], held_out.masks[place], said[place])
    for axis, picture, name in zip(axes[:, place], shown, ("scene", "true", "said"), strict=True):
        colors, top = ("gray_r", 1) if name == "scene" else ("nipy_spectral_r", 10)
        axis.imshow(picture.numpy(), cmap=colors, vmin=0, vmax=top)
        axis.set(xticks=[], yticks=[])
        if place == 0:
            axis.set_ylabel(name)
figure.savefig(options.out / "masks.png", dpi=110)
print(f"drew {options.out / 'masks.png'}")
print(f"held-out IoU of ink and ground: {ink:.4f} (at least {wanted_ink})")
print(f"held-out mean IoU of the ten digits: {sum(each) / 10:.4f} (at least {wanted})")
assert ink >= wanted_ink
assert sum(each) / 10 >= wanted
