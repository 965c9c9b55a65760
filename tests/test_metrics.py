"""tenfold.metrics beside scikit-learn, and BLEU beside sacreBLEU's figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold import metrics

sk = pytest.importorskip("sklearn.metrics")

# Counts are whole numbers; what is left are some roundings of a quotient and of sums over a few hundred values.
EXACT = 1e-12


def drawn(classes: int, count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and classes that they tell more often than not."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, classes, count)
    scores = generator.normal(size=(count, classes)).round(1)
    scores[np.arange(count), target] += 1
    return scores, target


def in_batches(metric: metrics.Metric, output: np.ndarray, target: np.ndarray, size: int = 37) -> Any:
    for start in range(0, len(output), size):
        metric.update(tf.tensor(output[start : start + size]), tf.tensor(target[start : start + size]))
    return metric.compute()


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_accuracy_is_scikit_learns(classes: int) -> None:
    scores, target = drawn(classes)
    assert in_batches(metrics.Accuracy(), scores, target) == sk.accuracy_score(target, scores.argmax(1))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_top_k_is_scikit_learns(k: int) -> None:
    scores, target = drawn(7)
    scores += np.random.default_rng(1).normal(size=scores.shape) * 1e-3  # scikit-learn breaks ties otherwise
    expected = sk.top_k_accuracy_score(target, scores, k=k) if k < 7 else 1.0
    assert in_batches(metrics.TopKAccuracy(k), scores, target) == expected


def test_of_equal_scores_the_lower_class_is_the_higher() -> None:
    scores, target = tf.zeros(3, 3), tf.tensor([0, 1, 2])
    assert metrics.TopKAccuracy(1)(scores, target) == metrics.Accuracy()(scores, target) == 1 / 3
    assert metrics.TopKAccuracy(2)(scores, target) == 2 / 3


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "none"])
@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize(
    ("metric", "oracle"),
    [(metrics.Precision, "precision_score"), (metrics.Recall, "recall_score"), (metrics.F1Score, "f1_score")],
)
def test_figures_by_class_are_scikit_learns(metric: Any, oracle: str, classes: int, average: str) -> None:
    scores, target = drawn(classes)
    found = in_batches(metric(average=average), scores, target)
    expected = getattr(sk, oracle)(target, scores.argmax(1), average=None if average == "none" else average)
    np.testing.assert_allclose(found, expected, rtol=EXACT)


@pytest.mark.parametrize("zero", [0.0, 1.0])
@pytest.mark.parametrize(
    ("metric", "oracle"),
    [(metrics.Precision, "precision_score"), (metrics.Recall, "recall_score"), (metrics.F1Score, "f1_score")],
)
def test_classes_that_never_occur_count_as_in_scikit_learn(metric: Any, oracle: str, zero: float) -> None:
    told, true = np.array([0, 0, 1, 3]), np.array([0, 1, 1, 2])  # of five classes: 3 is only told, 4 not at all
    for average in ("macro", "weighted"):
        found = metric(average=average, num_classes=5, zero_division=zero)(tf.tensor(told), tf.tensor(true))
        expected = getattr(sk, oracle)(true, told, average=average, zero_division=zero)
        assert found == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize(
    ("metric", "oracle"),
    [
        (metrics.Precision, "precision_score"),
        (metrics.Recall, "recall_score"),
        (metrics.F1Score, "f1_score"),
        (metrics.BinaryAccuracy, "accuracy_score"),
    ],
)
@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_binary_figures_are_scikit_learns(metric: Any, oracle: str, threshold: float) -> None:
    generator = np.random.default_rng(2)
    target = generator.integers(0, 2, 200)
    scores = (generator.uniform(size=200) + target) / 2
    expected = getattr(sk, oracle)(target, scores > threshold)
    assert in_batches(metric(threshold=threshold), scores, target) == pytest.approx(expected, rel=EXACT)
    assert in_batches(metric(threshold=threshold), scores[:, None], target) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_confusion_matrices_are_scikit_learns(normalize: Any) -> None:
    scores, target = drawn(4)
    found = in_batches(metrics.ConfusionMatrix(normalize=normalize), scores, target)
    np.testing.assert_allclose(
        found.numpy(), sk.confusion_matrix(target, scores.argmax(1), normalize=normalize), rtol=EXACT
    )


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_the_area_under_the_curve_is_scikit_learns(decimals: int) -> None:
    generator = np.random.default_rng(3)
    target = generator.integers(0, 2, 500)
    scores = (generator.normal(size=500) + target).round(decimals)  # few decimals: many ties
    expected = sk.roc_auc_score(target, scores)
    assert in_batches(metrics.ROCAUC(), scores, target) == pytest.approx(expected, rel=EXACT)
    both = np.stack([-scores, scores], axis=1)
    assert in_batches(metrics.ROCAUC(), both, target) == pytest.approx(expected, rel=EXACT)


def test_the_area_of_several_classes_is_the_mean_of_each_against_the_rest() -> None:
    scores, target = drawn(4)
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = sk.roc_auc_score(target, probabilities, multi_class="ovr")
    assert in_batches(metrics.ROCAUC(), probabilities, target) == pytest.approx(expected, rel=EXACT)


def test_one_class_has_no_area() -> None:
    assert math.isnan(metrics.ROCAUC()(tf.tensor([0.1, 0.2]), tf.tensor([1, 1])))
    assert math.isnan(metrics.ROCAUC().compute())


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("shape", [(200,), (200, 3)])
def test_regression_figures_are_scikit_learns(shape: tuple[int, ...], offset: float) -> None:
    generator = np.random.default_rng(4)
    target = generator.normal(size=shape) + offset
    output = target + generator.normal(size=shape) * 0.3
    for name, oracle in (("mse", "mean_squared_error"), ("mae", "mean_absolute_error")):
        expected = getattr(sk, oracle)(target, output)
        assert in_batches(metrics.get(name), output, target) == pytest.approx(expected, rel=1e-9)
    assert in_batches(metrics.get("rmse"), output, target) == pytest.approx(
        sk.mean_squared_error(target, output) ** 0.5, rel=1e-9
    )
    # An offset of 10⁶ costs the targets' differences six of their sixteen digits.
    expected = sk.r2_score(target.ravel(), output.ravel())
    assert in_batches(metrics.get("r2"), output, target) == pytest.approx(expected, rel=1e-8)


def test_r2_of_equal_targets_is_scikit_learns() -> None:
    constant = np.ones(5)
    for output in (constant, constant + 1):
        assert in_batches(metrics.R2Score(), output, constant) == sk.r2_score(constant, output)
    assert math.isnan(metrics.R2Score()(tf.ones(1), tf.ones(1)))


def test_perplexity_is_the_exponential_of_the_log_loss() -> None:
    scores, target = drawn(6)
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = math.exp(sk.log_loss(target, probabilities, labels=range(6)))
    assert in_batches(metrics.Perplexity(), scores, target) == pytest.approx(expected, rel=1e-12)
    # In the shape of sequences (N, C, T), with padding that does not count.
    sequences = scores.reshape(30, 10, 6).transpose(0, 2, 1)
    padded = target.reshape(30, 10).copy()
    padded[:, 7:] = -100
    kept = padded.ravel() != -100
    expected = math.exp(sk.log_loss(target[kept], probabilities[kept], labels=range(6)))
    assert in_batches(metrics.Perplexity(), sequences, padded) == pytest.approx(expected, rel=1e-12)
    accuracy = in_batches(metrics.Accuracy(), sequences, padded)
    assert accuracy == sk.accuracy_score(target[kept], scores[kept].argmax(1))


TRANSLATIONS = [
    "in the beginning God created heaven and earth",
    "and the earth was empty and waste , and darkness was over the deep",
    "God said let there be light and there was light",
]
REFERENCES = [
    ["in the beginning God created the heavens and the earth", "at first God made heaven and earth"],
    ["now the earth was formless and empty , darkness was over the deep", "the earth was waste and empty"],
    ["and God said let there be light and there was light", "God said let light be and light was"],
]


# What sacrebleu 2.6 gives for these: corpus_bleu(…, tokenize="none", force=True) / 100, without effective order.
@pytest.mark.parametrize(
    ("several", "options", "expected"),
    [
        (False, {}, 0.592438398073858),
        (False, {"smooth": True}, 0.6057136336917688),
        (False, {"max_n": 2}, 0.711276438947879),
        (True, {}, 0.6685763566613367),
        (True, {"smooth": True}, 0.6820747398042282),
        (True, {"max_n": 2}, 0.8239413270038272),
    ],
)
def test_bleu_is_sacrebleus(several: bool, options: dict[str, Any], expected: float) -> None:
    references: list[Any] = REFERENCES if several else [one[0] for one in REFERENCES]
    bleu = metrics.BLEU(**options)
    for translation, reference in zip(TRANSLATIONS, references, strict=True):
        bleu.update([translation], [reference])
    assert bleu.compute() == pytest.approx(expected, rel=1e-9)
    tokens = [[one.split() for one in many] if several else many.split() for many in references]
    assert metrics.BLEU(**options)([one.split() for one in TRANSLATIONS], tokens) == bleu.compute()


def test_bleu_of_nothing_shared_is_zero() -> None:
    assert metrics.BLEU()(["a b c"], ["d e f"]) == 0.0
    assert metrics.BLEU()([""], ["d e f"]) == 0.0


def test_a_call_leaves_what_was_gathered() -> None:
    for metric, output, target in (
        (metrics.Accuracy(), tf.tensor([[1.0, 0.0]]), tf.tensor([1])),
        (metrics.ROCAUC(), tf.tensor([0.1, 0.9]), tf.tensor([1, 0])),
        (metrics.BLEU(), ["a b"], ["c d"]),
    ):
        metric.update(output, target)
        before = metric.compute()
        metric(output, target)
        assert metric.compute() == before


def test_states_go_on_elsewhere() -> None:
    scores, target = drawn(3)
    for make in (metrics.Accuracy, metrics.F1Score, metrics.ROCAUC, metrics.Perplexity):
        one, other = make(), make()
        one.update(tf.tensor(scores[:100]), tf.tensor(target[:100]))
        other.load_state_dict(one.state_dict())
        for metric in (one, other):
            metric.update(tf.tensor(scores[100:]), tf.tensor(target[100:]))
        assert one.compute() == other.compute() == make()(tf.tensor(scores), tf.tensor(target))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: metrics.get("acuracy"), ValueError, "metrics.get: there is no metric 'acuracy'. Hint: did you mean"),
        (lambda: metrics.Accuracy()(tf.ones(3), tf.ones(4)), ValueError, "Accuracy: needs scores"),
        (lambda: metrics.get("mse")(tf.ones(3), tf.ones(4)), ValueError, "MeanSquaredError: output and target should"),
        (lambda: metrics.F1Score("binary")(tf.ones(2, 3), tf.tensor([1, 2])), ValueError, "F1Score: average='binary'"),
        (lambda: metrics.ConfusionMatrix(2)(tf.tensor([2]), tf.tensor([0])), IndexError, "ConfusionMatrix: classes"),
        (lambda: metrics.BLEU()(["a"], ["b", "c"]), ValueError, "BLEU: needs a list of translations"),
    ],
)
def test_what_does_not_fit_is_said(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).startswith(message)
