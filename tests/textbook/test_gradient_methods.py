"""SGD, momentum, Adagrad, RMSprop and Adam, each written by hand with tensors, are equal to the built-in ones."""

import pytest

import tenfold as tf
from tenfold import optim

STEPS = 50


def loss_of(w):
    """A valley bent in the second direction; smooth, with gradients of very different sizes."""
    return (w[0] - 1) ** 2 + 20 * (w[1] + 0.5 * w[0] ** 2) ** 2 + 0.1 * (w[2] - w[0]).cosh()


def gradient(w):
    w = w.clone().requires_grad_()
    (found,) = tf.autograd.grad(loss_of(w), w)
    return found


def sgd(w, lr=0.01):
    for _ in range(STEPS):
        w = w - lr * gradient(w)
        yield w


def momentum(w, lr=0.003, beta=0.9):
    velocity = tf.zeros_like(w)
    for _ in range(STEPS):
        velocity = beta * velocity + gradient(w)
        w = w - lr * velocity
        yield w


def adagrad(w, lr=0.1, eps=1e-10):
    squares = tf.zeros_like(w)
    for _ in range(STEPS):
        g = gradient(w)
        squares = squares + g**2
        w = w - lr * g / (squares.sqrt() + eps)
        yield w


def rmsprop(w, lr=0.01, alpha=0.99, eps=1e-8):
    mean_square = tf.zeros_like(w)
    for _ in range(STEPS):
        g = gradient(w)
        mean_square = alpha * mean_square + (1 - alpha) * g**2
        w = w - lr * g / (mean_square.sqrt() + eps)
        yield w


def adam(w, lr=0.05, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = tf.zeros_like(w), tf.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        w = w - lr * m_hat / (v_hat.sqrt() + eps)
        yield w


@pytest.mark.parametrize(
    ("by_hand", "built_in"),
    [
        (sgd, lambda w: optim.SGD([w], lr=0.01)),
        (momentum, lambda w: optim.SGD([w], lr=0.003, momentum=0.9)),
        (adagrad, lambda w: optim.Adagrad([w], lr=0.1)),
        (rmsprop, lambda w: optim.RMSprop([w], lr=0.01)),
        (adam, lambda w: optim.Adam([w], lr=0.05)),
    ],
    ids=["sgd", "momentum", "adagrad", "rmsprop", "adam"],
)
def test_a_method_by_hand_is_the_built_in_one(by_hand, built_in):
    start = tf.tensor([-1.0, 1.5, 0.3], dtype=tf.float64)
    w = start.clone().requires_grad_()
    optimizer = built_in(w)
    for expected in by_hand(start):
        loss = loss_of(w)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # Up to ten roundings a step that may fall otherwise, 50 steps, curvature up to 60 · lr ≈ 0.6 < 2 (no growth):
        # 10 · 50 · 2.2e-16 · 2, and ten times that for what one step hands on to the next.
        assert (w.detach() - expected).abs().max().item() < 2e-12
    assert loss_of(w.detach()).item() < loss_of(start).item()
