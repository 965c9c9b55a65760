"""Linear regression as introductions print it: gradients by hand, by autograd, and by a layer with an optimizer."""

import pytest

import tenfold as tf
from tenfold import nn, optim

# The hours that somebody learnt, and the marks that came of it.
HOURS = tf.tensor([2.0, 4.0, 6.0, 8.0])
MARKS = tf.tensor([81.0, 93.0, 91.0, 97.0])
# The line by the closed formula: the slope is Σ(x − x̄)(y − ȳ) / Σ(x − x̄)² = 46 / 20, the intercept 90.5 − 5 · 2.3.
SLOPE, INTERCEPT = 2.3, 79.0
# Each step takes what is missing of the slower direction times 1 − lr · 2λ, λ = 0.33 the smaller eigenvalue of the
# second moments [[30, 5], [5, 1]] / 2 … after 2,000 steps of 0.03 what is left is far below float32's resolution of the
# intercept, 79 · 2⁻²³ · 10; the tolerance is a hundred times that.
CLOSE = {"abs": 1e-3}


def test_gradient_descent_with_gradients_by_hand():
    w, b, lr = tf.tensor(0.0), tf.tensor(0.0), 0.03
    for _ in range(2001):
        error = w * HOURS + b - MARKS
        w = w - lr * 2 * (error * HOURS).mean()
        b = b - lr * 2 * error.mean()
    assert w.item() == pytest.approx(SLOPE, **CLOSE)
    assert b.item() == pytest.approx(INTERCEPT, **CLOSE)


def test_gradient_descent_with_autograd():
    w = tf.zeros(1, requires_grad=True)
    b = tf.zeros(1, requires_grad=True)
    losses = []
    for _ in range(2001):
        loss = ((HOURS * w + b - MARKS) ** 2).mean()
        loss.backward()
        with tf.no_grad():
            w -= 0.03 * w.grad
            b -= 0.03 * b.grad
        w.grad.zero_()
        b.grad.zero_()
        losses.append(loss.item())
    assert losses[-1] < losses[100] < losses[0]
    assert w.item() == pytest.approx(SLOPE, **CLOSE)
    assert b.item() == pytest.approx(INTERCEPT, **CLOSE)


def test_a_linear_layer_with_an_optimizer():
    tf.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.03)
    loss_function = nn.MSELoss()
    for _ in range(2001):
        prediction = model(HOURS.unsqueeze(1))
        loss = loss_function(prediction, MARKS.unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.weight.item() == pytest.approx(SLOPE, **CLOSE)
    assert model.bias.item() == pytest.approx(INTERCEPT, **CLOSE)
    assert model(tf.tensor([[7.0]])).item() == pytest.approx(SLOPE * 7 + INTERCEPT, abs=8e-3)


def test_several_inputs_in_a_class_of_ones_own():
    class MultivariateLinearRegression(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 1)

        def forward(self, x):
            return self.linear(x)

    tf.manual_seed(0)
    x = tf.randn(100, 3)
    y = x @ tf.tensor([[1.5], [-2.0], [0.5]]) + 4
    model = MultivariateLinearRegression()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for _ in range(500):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-8
    assert [name for name, _ in model.named_parameters()] == ["linear.weight", "linear.bias"]
