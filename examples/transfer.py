"""A small ResNet learns some kinds of clothes, then others from five labelled images of each.

Data: Fashion-MNIST (`apt-get install dataset-fashion-mnist` on Debian), its classes split: six to learn beforehand with
plenty of labels, four to learn from twenty images altogether. Method: K. He et al., Deep Residual Learning for Image
Recognition, 2016. The same network, trained in the same way on the same twenty images from nothing, stands beside it.
Which twenty is drawn three times, and the figures are means.
"""

import argparse
from pathlib import Path

import matplotlib

import tenfold as tf
from tenfold import nn, optim, transforms
from tenfold.datasets import fashion_mnist
from tenfold.nn import functional as F
from tenfold.train import Trainer

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/transfer"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="1,000 images beforehand, one draw of the twenty")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)
plenty, epochs, draws, tested, gain = (1000, 3, 1, 400, 0.0) if options.quick else (12_000, 4, 3, 2000, 0.05)

BEFORE = (0, 1, 3, 4, 5, 9)  # T-shirt, trousers, dress, coat, sandal, ankle boot
AFTER = (2, 6, 7, 8)
NAMES = ("pullover", "shirt", "sneaker", "bag")
EACH, STEPS = 5, 60


class Residual(nn.Module):
    """Two 3×3 convolutions whose result is added to what they were given; with `stride` 2 half the sides."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: tf.Tensor) -> tf.Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def resnet(classes: int) -> nn.Sequential:
    """Images (N, 1, 28, 28) to logits (N, classes); the last layer is the head."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Residual(16, 16), Residual(16, 32, stride=2), Residual(32, 64, stride=2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes),
    )  # fmt: skip


def of_classes(images: tf.Tensor, labels: tf.Tensor, classes: tuple[int, ...]) -> tuple[tf.Tensor, tf.Tensor]:
    """The images of those classes, and their labels as places among them."""
    places = tf.full((10,), -1, dtype=tf.int64)
    for place, kind in enumerate(classes):
        places[kind] = place
    found = places[labels]
    return images[found >= 0], found[found >= 0]


def learn_few(model: nn.Module, images: tf.Tensor, labels: tf.Tensor) -> None:
    """A few steps, each with all of the few images, mirrored and moved at random."""
    augment = transforms.Compose([transforms.RandomCrop(28, padding=2), transforms.RandomHorizontalFlip()])
    optimizer = optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    model.train()
    for _ in range(STEPS):
        loss = F.cross_entropy(model(augment(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def predict(model: nn.Module, images: tf.Tensor) -> tf.Tensor:
    """The classes that the model gives."""
    model.eval()
    with tf.no_grad():
        return tf.concat([model(part) for part in images.split(500)]).argmax(dim=1)


tf.manual_seed(0)
train, test = fashion_mnist(train=True), fashion_mnist(train=False)
before_images, before_labels = (values[:plenty] for values in of_classes(*train, BEFORE))
few_images, few_labels = of_classes(*train, AFTER)
test_images, test_labels = (values[:tested] for values in of_classes(*test, AFTER))

pretrained = resnet(len(BEFORE))
trainer = Trainer(pretrained, "adamw", "cross_entropy", ["accuracy"], lr=4e-3, scheduler="one_cycle")
history = trainer.fit(before_images, before_labels, epochs=epochs, batch_size=64)
print(f"beforehand: accuracy {history['accuracy'][-1]:.4f} in the last epoch, on {plenty} images of other classes")

accuracies = {"from nothing": [], "after other classes": []}
for draw in range(draws):
    order = tf.randperm(len(few_labels))
    chosen = tf.concat([order[few_labels[order] == kind][:EACH] for kind in range(len(AFTER))])
    for name in accuracies:
        model = resnet(len(AFTER))
        if name == "after other classes":
            body = {key: value for key, value in pretrained.state_dict().items() if not key.startswith("8.")}
            missing, _ = model.load_state_dict(body, strict=False)
            assert missing == ["8.weight", "8.bias"]  # the new head begins at random
        learn_few(model, few_images[chosen], few_labels[chosen])
        predicted = predict(model, test_images)
        accuracies[name].append((predicted == test_labels).float().mean().item())
        print(f"draw {draw + 1}, {name}: accuracy {accuracies[name][-1]:.4f}")

figure, axes = plt.subplots(2, 10, figsize=(14, 3.6), layout="constrained")
for place, image in enumerate(chosen.tolist()):
    axes.flat[place].imshow(few_images[image, 0].numpy(), cmap="gray_r")
    axes.flat[place].set_title(NAMES[few_labels[image].item()], fontsize=9)
    axes.flat[place].axis("off")
means = {name: sum(values) / draws for name, values in accuracies.items()}
figure.suptitle("Twenty images: " + ", ".join(f"{mean:.1%} {name}" for name, mean in means.items()))
figure.savefig(options.out / "twenty.png", dpi=110)
print(f"drew {options.out / 'twenty.png'}")
for name, mean in means.items():
    print(f"held-out accuracy {name}: {mean:.4f}")
difference = means["after other classes"] - means["from nothing"]
print(f"gained: {100 * difference:.1f} points (at least {100 * gain:.0f})")
assert difference >= gain
