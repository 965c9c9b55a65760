"""The AND gate of every introduction: two layers, sigmoid, BCELoss, SGD; and a perceptron by hand."""

import tenfold as tf
import tenfold.nn as nn
import tenfold.optim as optim

X = tf.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=tf.float32)
Y = tf.tensor([[0], [0], [0], [1]], dtype=tf.float32)


def test_two_layers_learn_the_and_gate():
    class AndGate(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer1 = nn.Linear(2, 2)
            self.layer2 = nn.Linear(2, 1)
            self.sigmoid = nn.Sigmoid()

        def forward(self, x):
            return self.sigmoid(self.layer2(self.sigmoid(self.layer1(x))))

    tf.manual_seed(42)
    model = AndGate()
    criterion = nn.BCELoss()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    losses = []
    for _epoch in range(1000):
        optimizer.zero_grad()
        outputs = model(X)
        loss = criterion(outputs, Y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < losses[0]
    with tf.no_grad():
        predicted = (model(X) > 0.5).float()
    assert (predicted == Y).all()


def test_a_perceptron_by_hand():
    w, b = tf.zeros(2), tf.zeros(1)
    for _ in range(20):
        for x, y in zip(X, Y, strict=True):
            output = (w @ x + b > 0).float()
            w += 0.1 * (y - output) * x
            b += 0.1 * (y - output)
    assert (X @ w + b > 0).float().tolist() == [0, 0, 0, 1]
