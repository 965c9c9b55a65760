"""Dropout, batch norm, L1 and L2 penalties, as introductions show them."""

import pytest

import tenfold as tf
from tenfold import nn, optim


def test_dropout_drops_in_training_and_not_in_evaluation():
    tf.manual_seed(0)
    dropout = nn.Dropout(p=0.25)
    x = tf.ones(100, 100)
    dropped = dropout(x)
    # 10,000 draws of 0.25: a deviation of 0.0043; four of them.
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.018)
    kept = dropped[dropped != 0]
    assert (kept == tf.full_like(kept, 1 / 0.75)).all()
    dropout.eval()
    assert (dropout(x) == x).all()


def test_batch_norm_is_its_formula():
    tf.manual_seed(0)
    batch_norm = nn.BatchNorm1d(5).double()
    x = tf.randn(64, 5, dtype=tf.float64) * 3 + 2
    out = batch_norm(x)
    mean, variance = x.mean(dim=0), x.var(dim=0, unbiased=False)
    # Sums of 64 numbers in float64, in another order perhaps: 64 · 2.2e-16 times numbers below 12.
    assert (out - (x - mean) / (variance + 1e-5).sqrt()).abs().max().item() < 1e-12
    assert (batch_norm.running_mean - 0.1 * mean).abs().max().item() < 1e-12
    unbiased = x.var(dim=0)
    assert (batch_norm.running_var - (0.9 + 0.1 * unbiased)).abs().max().item() < 1e-12
    batch_norm.eval()
    expected = (x - batch_norm.running_mean) / (batch_norm.running_var + 1e-5).sqrt()
    assert (batch_norm(x) - expected).abs().max().item() < 1e-12


def sparse_problem():
    """Twenty inputs, of which three count."""
    tf.manual_seed(0)
    x = tf.randn(100, 20)
    weight = tf.zeros(20)
    weight[[2, 7, 11]] = tf.tensor([3.0, -2.0, 1.5])
    return x, (x @ weight + 0.1 * tf.randn(100)).unsqueeze(1)


def train(penalty, weight_decay=0.0):
    x, y = sparse_problem()
    model = nn.Linear(20, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.05, weight_decay=weight_decay)
    for _ in range(300):
        loss = nn.functional.mse_loss(model(x), y) + penalty(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.weight.detach()


def test_an_l1_penalty_makes_weights_small_that_do_not_count():
    plain = train(lambda model: 0)
    l1 = train(lambda model: 0.1 * sum(p.abs().sum() for p in model.parameters()))
    counts = tf.zeros(1, 20, dtype=tf.bool)
    counts[0, [2, 7, 11]] = True
    assert l1[~counts].abs().mean().item() < 0.5 * plain[~counts].abs().mean().item()
    assert l1[counts].abs().min().item() > 1


def test_an_l2_penalty_is_weight_decay():
    by_hand = train(lambda model: 0.05 * sum((p**2).sum() for p in model.parameters()))
    built_in = train(lambda model: 0, weight_decay=0.1)  # the derivative of 0.05 w² is 0.1 w
    plain = train(lambda model: 0)
    # 300 contracting steps of float32, each with a rounding or two that differs: some 10 · 2⁻²⁴ · 3.
    assert (by_hand - built_in).abs().max().item() < 2e-5
    assert (by_hand**2).sum().item() < (plain**2).sum().item()
