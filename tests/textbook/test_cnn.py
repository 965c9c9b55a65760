"""The convolutional network of three convolutions on 28×28 images, with fit and evaluate."""

import pytest

import tenfold as tf
from tenfold import nn
from tenfold.datasets import digits
from tenfold.nn import functional as F
from tenfold.train import Trainer


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, kernel_size=3)
        self.conv2 = nn.Conv2d(8, 16, kernel_size=3)
        self.conv3 = nn.Conv2d(16, 16, kernel_size=3)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(16 * 3 * 3, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.conv3(x))
        x = x.view(-1, 16 * 3 * 3)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


@pytest.fixture(scope="module")
def images():
    x, y = digits()
    return F.interpolate(x[:900], size=(28, 28), mode="bilinear"), y[:900]


def test_shapes_on_the_way():
    model = CNN()
    x = tf.randn(5, 1, 28, 28)
    assert model.conv1(x).shape == (5, 8, 26, 26)
    assert model.pool(model.conv1(x)).shape == (5, 8, 13, 13)
    assert model(x).shape == (5, 10)
    assert sum(p.numel() for p in model.parameters()) == 80 + 1168 + 2320 + 145 * 64 + 65 * 10


def test_fit_and_evaluate(images):
    x, y = images
    tf.manual_seed(0)
    trainer = Trainer(CNN(), "adam", loss="cross_entropy", metrics=["accuracy"], lr=3e-3)
    history = trainer.fit(x[:750], y[:750], epochs=5, batch_size=32)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert trainer.evaluate(x[750:], y[750:])["accuracy"] > 0.7
    assert trainer.predict(x[750:]).shape == (150, 10)
