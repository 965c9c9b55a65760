"""Losses, distances and activations beyond PyTorch's records: gradients, refusals, what is drawn."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from support import assert_gradients
from tenfold import nn
from tenfold.nn import functional as F

draw = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return draw.normal(size=shape)


SIGNS = tf.tensor([[1, -1, 1], [-1, 1, 1]])
LOGITS_LABELS = tf.tensor([[1, 2, 2], [3, 1, 3]])


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x, y: F.margin_ranking_loss(x, y, SIGNS, 0.3), [(2, 3), (2, 3)]),
        (lambda x: F.hinge_embedding_loss(x, SIGNS, 0.7), [(2, 3)]),
        (lambda x: F.soft_margin_loss(x, SIGNS), [(2, 3)]),
        (lambda x: F.multilabel_margin_loss(x, tf.tensor([[1, -1, 0], [2, 0, -1]])), [(2, 3)]),
        (lambda x: F.multilabel_soft_margin_loss(x, (SIGNS + 1) // 2), [(2, 3)]),
        (lambda x: F.multi_margin_loss(x, tf.tensor([2, 0]), p=2), [(2, 3)]),
        (lambda x, y: F.cosine_embedding_loss(x, y, tf.tensor([1, -1]), -0.9), [(2, 3), (2, 3)]),
        (lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=3.0, swap=True), [(2, 3)] * 3),
        (lambda x: F.poisson_nll_loss(x, tf.tensor([[3, 0, 1]]), full=True), [(1, 3)]),
        (lambda x, y, v: F.gaussian_nll_loss(x, y, v * v + 0.1), [(2, 3)] * 3),
        (lambda x: F.local_response_norm(x, 3, alpha=0.8), [(2, 4, 3)]),
        (lambda x: F.pdist(x, 3.0), [(4, 3)]),
        (lambda x, w: F.linear_cross_entropy(x, w, tf.tensor([1, 0])), [(2, 3), (4, 3)]),
        (lambda x: F.instance_norm(x), [(2, 3, 5)]),
    ],
)
def test_gradients_are_those_of_finite_differences(function: Any, shapes: list[tuple[int, ...]]) -> None:
    assert_gradients(function, *(floats(*shape) for shape in shapes))


@pytest.mark.parametrize("log_softmax", [True, False])
@pytest.mark.parametrize("zero_infinity", [True, False])
def test_gradients_of_ctc_are_those_of_finite_differences(log_softmax: bool, zero_infinity: bool) -> None:
    def loss(x: tf.Tensor) -> tf.Tensor:
        scores = F.log_softmax(x, -1) if log_softmax else x
        return F.ctc_loss(scores, LOGITS_LABELS, (6, 5), (3, 2), reduction="none", zero_infinity=zero_infinity)

    assert_gradients(loss, floats(6, 2, 4))


def paths_of(labels: list[int], steps: int, classes: int) -> list[tuple[int, ...]]:
    """All sequences of classes (0 is the blank) that collapse to the labels."""

    def collapsed(path: tuple[int, ...]) -> list[int]:
        return [label for label, _ in itertools.groupby(path) if label != 0]

    return [path for path in itertools.product(range(classes), repeat=steps) if collapsed(path) == labels]


@pytest.mark.parametrize("labels", [[], [1], [1, 2], [2, 2], [1, 2, 1]])
def test_ctc_sums_over_all_alignments(labels: list[int]) -> None:
    logits = tf.tensor(floats(4, 1, 3))
    scores = F.log_softmax(logits, -1)
    rows = np.exp(scores.numpy()[:, 0])
    expected = sum(math.prod(rows[t, c] for t, c in enumerate(path)) for path in paths_of(labels, 4, 3))
    found = F.ctc_loss(scores, tf.tensor([labels], dtype=tf.int64), (4,), (len(labels),), reduction="sum")
    assert math.exp(-found.item()) == pytest.approx(expected, rel=1e-12)


def test_labels_that_do_not_fit_cost_infinity_or_nothing() -> None:
    scores = tf.zeros(2, 1, 3, requires_grad=True)
    target = tf.tensor([[1, 2, 1]])
    assert F.ctc_loss(scores, target, (2,), (3,)).item() == math.inf
    F.ctc_loss(scores, target, (2,), (3,), zero_infinity=True).backward()
    assert scores.grad.abs().sum().item() == 0.0


def test_long_series_do_not_underflow() -> None:
    scores = tf.full((3000, 1, 2), -50.0, requires_grad=True)
    loss = F.ctc_loss(scores, tf.ones(1, 4, dtype=tf.int64), (3000,), (4,), reduction="sum")
    loss.backward()
    assert math.isfinite(loss.item())
    # Each step has one class.
    np.testing.assert_allclose(scores.grad.sum(2).numpy(), -1.0, rtol=1e-6)


ZEROS = tf.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: F.multi_margin_loss(ZEROS, tf.tensor([0, 3])), RuntimeError, "multi_margin_loss: target 3 is out"),
        (lambda: F.multi_margin_loss(ZEROS, tf.tensor([0])), RuntimeError, "multi_margin_loss: scores of shape"),
        (lambda: F.multi_margin_loss(ZEROS, tf.tensor([0, 1]), p=3), ValueError, "multi_margin_loss: p must be 1 or 2"),
        (lambda: F.multilabel_margin_loss(ZEROS, ZEROS.long() + 3), RuntimeError, "multilabel_margin_loss: target 3"),
        (lambda: F.multilabel_margin_loss(ZEROS, tf.tensor([[0]])), RuntimeError, "multilabel_margin_loss: scores of"),
        (lambda: F.gaussian_nll_loss(ZEROS, ZEROS, ZEROS - 1), ValueError, "gaussian_nll_loss: variances must not"),
        (lambda: F.gaussian_nll_loss(ZEROS, ZEROS, tf.ones(3)), ValueError, "gaussian_nll_loss: an input of shape"),
        (lambda: F.cosine_embedding_loss(ZEROS, ZEROS, tf.tensor(1)), RuntimeError, "cosine_embedding_loss: needs"),
        (lambda: F.margin_ranking_loss(ZEROS, ZEROS, tf.ones(3)), RuntimeError, "margin_ranking_loss: inputs and"),
        (lambda: F.triplet_margin_loss(ZEROS, ZEROS, tf.ones(3)), RuntimeError, "triplet_margin_loss: anchor"),
        (lambda: F.triplet_margin_loss(ZEROS, ZEROS, ZEROS, margin=0), ValueError, "triplet_margin_loss: margin must"),
        (lambda: F.soft_margin_loss(ZEROS, tf.ones(2)), RuntimeError, "soft_margin_loss: "),
        (lambda: F.hinge_embedding_loss(ZEROS, ZEROS, reduction="all"), ValueError, "hinge_embedding_loss: "),
        (lambda: F.rrelu(ZEROS, 0.5, 0.1), RuntimeError, "rrelu: lower must not exceed upper; got 0.5 and 0.1"),
        (lambda: F.local_response_norm(ZEROS, 2), ValueError, "local_response_norm: needs at least 3 axes"),
        (lambda: F.normalize(ZEROS, out=ZEROS), NotImplementedError, "normalize: out is not offered"),
        (lambda: F.pdist(tf.zeros(3)), RuntimeError, "pdist: needs a matrix"),
        (lambda: F.ctc_loss(tf.zeros(5, 2, 4), tf.ones(2, 2).long(), (5, 6), (2, 2)), RuntimeError,
         "ctc_loss: input_lengths must be from 0 to 5; got 6"),
        (lambda: F.ctc_loss(tf.zeros(5, 2, 4), tf.ones(2, 2).long(), (5,), (2, 2)), RuntimeError,
         "ctc_loss: 2 samples need as many input_lengths; got 1"),
        (lambda: F.ctc_loss(tf.zeros(5, 2, 4), tf.ones(3).long(), (5, 5), (2, 2)), RuntimeError,
         "ctc_loss: targets need shape"),
        (lambda: F.ctc_loss(tf.zeros(5, 2, 4), tf.ones(2, 2).long() + 3, (5, 5), (2, 2)), RuntimeError,
         "ctc_loss: label 4 is out of range for 4 classes"),
        (lambda: F.ctc_loss(tf.zeros(5, 2, 4), tf.ones(2, 2).long(), (5, 5), (2, 2), blank=-1), RuntimeError,
         "ctc_loss: blank must be below 4"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 5]), ValueError, "AdaptiveLogSoftmaxWithLoss: cutoffs"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5])(tf.zeros(1, 8), tf.tensor([20])), RuntimeError,
         "AdaptiveLogSoftmaxWithLoss: target values should be in"),
        (lambda: nn.TripletMarginLoss(margin=-1.0), ValueError, "TripletMarginLoss: margin must be positive"),
        (lambda: nn.MultiMarginLoss(p=3), ValueError, "MultiMarginLoss: p must be 1 or 2"),
        (lambda: nn.SyncBatchNorm(2), NotImplementedError, "SyncBatchNorm: is not offered"),
        (lambda: nn.InstanceNorm2d(3, affine=True)(tf.zeros(1, 2, 4, 4)), ValueError, "InstanceNorm2d: expected num_"),
        (lambda: nn.InstanceNorm1d(3)(tf.zeros(2, 3, 1)), ValueError, "instance_norm: needs more than one spatial"),
        (lambda: nn.BatchNorm3d(3)(tf.zeros(1, 3, 4, 4)), ValueError, "BatchNorm3d: expected 5D input; got 4D"),
        (lambda: nn.Dropout3d(1.5), ValueError, "Dropout3d: p is a probability"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        call()


def test_the_second_derivative_of_ctc_is_refused() -> None:
    x = tf.zeros(3, 1, 2, requires_grad=True)
    loss = F.ctc_loss(x, tf.tensor([[1]]), (3,), (1,))
    (gradient,) = tf.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(NotImplementedError, match=r"^ctc_loss: the second derivative is not offered"):
        gradient.sum().backward()


def test_old_names_of_reduction_warn_and_work() -> None:
    x = tf.ones(2, 3)
    with pytest.warns(UserWarning, match=r"^MSELoss: size_average and reduce are deprecated"):
        loss = nn.MSELoss(size_average=False)
    assert loss(x, -x).item() == 24.0
    assert F.soft_margin_loss(x, x, reduce=False).shape == (2, 3)


def test_rrelu_draws_a_slope_for_each_element() -> None:
    tf.manual_seed(1)
    x = tf.full((1000,), -1.0, requires_grad=True)
    slopes = -nn.RReLU(0.2, 0.6)(x)
    assert 0.2 <= slopes.min().item() < 0.21
    assert 0.59 < slopes.max().item() <= 0.6
    slopes.sum().backward()
    np.testing.assert_array_equal(-x.grad.numpy(), slopes.detach().numpy())
    changed = tf.tensor([-1.0, 2.0])
    assert F.rrelu_(changed, 0.5, 0.5) is changed
    assert changed.tolist() == [-0.5, 2.0]


def test_gumbel_softmax_draws_classes_by_their_probability() -> None:
    tf.manual_seed(3)
    logits = tf.log(tf.tensor([0.1, 0.6, 0.3])).expand(20_000, 3)
    hard = F.gumbel_softmax(logits, hard=True)
    assert hard.sum(1).tolist() == [1.0] * 20_000
    # Five standard errors of a share.
    np.testing.assert_allclose(hard.mean(0).numpy(), [0.1, 0.6, 0.3], atol=5 * math.sqrt(0.25 / 20_000))
    soft = F.gumbel_softmax(logits, tau=0.5, dim=-1)
    np.testing.assert_allclose(soft.sum(1).numpy(), 1.0, rtol=1e-5)


def test_a_hard_gumbel_softmax_has_the_gradient_of_the_soft_one() -> None:
    gradients = []
    for hard in (True, False):
        tf.manual_seed(4)
        x = tf.tensor([0.3, -0.2, 1.0], requires_grad=True)
        (F.gumbel_softmax(x, hard=hard) * tf.tensor([1.0, 2.0, 4.0])).sum().backward()
        gradients.append(x.grad.tolist())
    assert gradients[0] == gradients[1]


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    tf.manual_seed(5)
    x = tf.randn(200, 500)
    for layer in (nn.AlphaDropout(0.3), nn.FeatureAlphaDropout(0.3)):
        y = layer(x)
        # Five standard errors of the mean and of the deviation of 100,000 numbers.
        assert abs(y.mean().item()) < 5 / math.sqrt(100_000)
        assert abs(y.std().item() - 1) < 5 / math.sqrt(100_000)
    channels = nn.FeatureAlphaDropout(0.5)(tf.ones(4, 5, 6))
    assert all(len(set(row)) == 1 for sample in channels.tolist() for row in sample)


def test_adaptive_softmax_agrees_with_its_full_distribution() -> None:
    tf.manual_seed(6)
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
    x, target = tf.randn(9, 8), tf.tensor([0, 1, 2, 3, 5, 6, 7, 11, 9])
    full = layer.log_prob(x)
    np.testing.assert_allclose(full.exp().sum(1).detach().numpy(), 1.0, rtol=1e-5)
    result = layer(x, target)
    picked = full.gather(1, target.unsqueeze(1)).squeeze(1)
    np.testing.assert_allclose(result.output.detach().numpy(), picked.detach().numpy(), rtol=1e-5)
    assert result.loss.item() == pytest.approx(-picked.mean().item(), rel=1e-5)
    assert layer.predict(x).tolist() == full.argmax(1).tolist()
    assert layer(x[0], tf.tensor(4)).output.shape == ()


def test_the_older_response_norm_is_the_newer_one() -> None:
    x = tf.tensor(floats(2, 6, 3, 2))
    older, newer = nn.CrossMapLRN2d(3, 0.5, 0.6, 2.0)(x), nn.LocalResponseNorm(3, 0.5, 0.6, 2.0)(x)
    assert older.tolist() == newer.tolist()
    with pytest.raises(ValueError, match=r"^CrossMapLRN2d: expected 4D input; got 3D"):
        nn.CrossMapLRN2d(3)(x[0])
