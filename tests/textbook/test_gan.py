"""The fully connected GAN of introductions, 64 → 1024 → 2048 → 4096 → 2048 → 1024 → 784."""

from itertools import pairwise

import tenfold as tf
from tenfold import nn, optim
from tenfold.datasets import digits
from tenfold.nn import functional as F

WIDTHS = (64, 1024, 2048, 4096, 2048, 1024, 784)


def generator():
    layers = []
    for inputs, outputs in pairwise(WIDTHS[:-1]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(WIDTHS[-2], WIDTHS[-1]), nn.Tanh())


def discriminator():
    return nn.Sequential(
        nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1), nn.Sigmoid()
    )


def test_a_fully_connected_gan_trains():
    tf.manual_seed(0)
    real = F.interpolate(digits()[0][:16], size=(28, 28)).reshape(16, 784) * 2 - 1
    G, D = generator(), discriminator()
    assert sum(p.numel() for p in G.parameters()) == sum((a + 1) * b for a, b in pairwise(WIDTHS))
    criterion = nn.BCELoss()
    g_optimizer, d_optimizer = optim.Adam(G.parameters(), lr=2e-4), optim.Adam(D.parameters(), lr=2e-4)
    ones, zeros = tf.ones(16, 1), tf.zeros(16, 1)

    d_losses, g_losses = [], []
    for _ in range(3):
        fake = G(tf.randn(16, 64))
        d_loss = criterion(D(real), ones) + criterion(D(fake.detach()), zeros)
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        d_losses.append(d_loss.item())
    assert fake.shape == (16, 784)
    assert fake.abs().max().item() <= 1
    assert d_losses[-1] < d_losses[0]  # it tells them apart
    assert all(p.grad is None for p in G.parameters())  # nothing came through detach()

    z = tf.randn(16, 64)
    for _ in range(3):
        g_loss = criterion(D(G(z)), ones)
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        g_losses.append(g_loss.item())
    assert g_losses[-1] < g_losses[0]  # and is deceived
