"""An autoencoder that squeezes digits into eight numbers."""

import tenfold as tf
from tenfold import nn, optim
from tenfold.datasets import digits
from tenfold.utils.data import DataLoader, TensorDataset


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


def test_an_autoencoder_rebuilds_digits_better_than_their_mean():
    tf.manual_seed(0)
    x, y = digits()
    x = x.view(-1, 64)
    loader = DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=50, shuffle=True)
    model = Autoencoder()
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    criterion = nn.MSELoss()
    for _epoch in range(8):
        for images, _ in loader:
            loss = criterion(model(images), images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    held_out = x[1500:]
    with tf.no_grad():
        assert model.encoder(held_out).shape == (297, 8)
        rebuilt = criterion(model(held_out), held_out).item()
    assert rebuilt < 0.5 * ((held_out - x[:1500].mean(dim=0)) ** 2).mean().item()
