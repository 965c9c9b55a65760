"""The optimizers beyond the first five: what they refuse, their state, and where they arrive."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold import nn, optim

MAKERS: dict[str, Any] = {
    "ASGD": lambda params: optim.ASGD(params, lr=0.05, t0=1),
    "Adadelta": lambda params: optim.Adadelta(params, lr=5.0, eps=1e-3),
    "Adafactor": lambda params: optim.Adafactor(params, lr=0.05, eps=(None, 0.1)),
    "Adamax": lambda params: optim.Adamax(params, lr=0.1),
    "LBFGS": lambda params: optim.LBFGS(params, lr=0.1, max_iter=2),
    "Lion": lambda params: optim.Lion(params, lr=0.05),
    "Muon": lambda params: optim.Muon(params, lr=0.1),
    "NAdam": lambda params: optim.NAdam(params, lr=0.1),
    "RAdam": lambda params: optim.RAdam(params, lr=0.1, betas=(0.8, 0.9)),
    "Rprop": lambda params: optim.Rprop(params, lr=0.05),
}
# PyTorch's names.
STATES = {
    "ASGD": ["ax", "eta", "mu", "step"],
    "Adadelta": ["acc_delta", "square_avg", "step"],
    "Adafactor": ["col_var", "row_var", "step"],
    "Adamax": ["exp_avg", "exp_inf", "step"],
    "Lion": ["exp_avg"],
    "Muon": ["momentum_buffer"],
    "NAdam": ["exp_avg", "exp_avg_sq", "mu_product", "step"],
    "RAdam": ["exp_avg", "exp_avg_sq", "step"],
    "Rprop": ["prev", "step", "step_size"],
}


def matrices(dtype: Any = tf.float32) -> list[tf.Tensor]:
    return [
        tf.tensor([[1.0, -2.0, 0.5], [0.25, 1.5, -1.0]], dtype=dtype, requires_grad=True),
        tf.tensor([[3.0], [-0.5]], dtype=dtype, requires_grad=True),
    ]


def size(params: list[tf.Tensor]) -> float:
    return sum((p * p).sum().item() for p in params)


def train(optimizer: optim.Optimizer, params: list[tf.Tensor], steps: int) -> None:
    def closure() -> tf.Tensor:
        optimizer.zero_grad()
        loss = sum((p * p).sum() for p in params)
        loss.backward()  # type: ignore[union-attr]
        return loss  # type: ignore[return-value]

    for _ in range(steps):
        optimizer.step(closure)


@pytest.mark.parametrize("name", MAKERS)
def test_an_optimizer_descends(name: str) -> None:
    params = matrices()
    before = size(params)
    train(MAKERS[name](params), params, 40)
    assert size(params) < 0.7 * before


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [tf.float64, tf.bfloat16], ids=str)
def test_parameters_of_every_precision_keep_their_dtype(name: str, dtype: Any) -> None:
    params = matrices(dtype)
    before = size(params)
    train(MAKERS[name](params), params, 10)
    assert [p.dtype for p in params] == [dtype, dtype]
    assert size(params) < before


@pytest.mark.parametrize("name", MAKERS)
def test_the_state_goes_over_to_another_optimizer(name: str) -> None:
    ours, theirs = matrices(), matrices()
    first, second = MAKERS[name](ours), MAKERS[name](theirs)
    train(first, ours, 3)
    with tf.no_grad():
        for mine, other in zip(ours, theirs, strict=True):
            other.copy_(mine)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    train(first, ours, 3)
    train(second, theirs, 3)
    assert [p.tolist() for p in ours] == [p.tolist() for p in theirs]


@pytest.mark.parametrize("name", MAKERS)
def test_an_optimizer_pickles_with_its_parameters(name: str) -> None:
    params = matrices()
    first = MAKERS[name](params)
    train(first, params, 2)
    second = pickle.loads(pickle.dumps(first))
    others = second.param_groups[0]["params"]
    train(first, params, 2)
    train(second, others, 2)
    assert [p.tolist() for p in params] == [p.tolist() for p in others]


@pytest.mark.parametrize("name", STATES)
def test_states_have_pytorchs_names_and_are_tensors(name: str) -> None:
    params = matrices()
    optimizer = MAKERS[name](params)
    train(optimizer, params, 1)
    state = optimizer.state_dict()["state"]
    assert sorted(state[0]) == STATES[name]
    assert all(isinstance(value, tf.Tensor) for value in state[0].values())


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda p: optim.ASGD(p, alpha=-1.0), ValueError, "ASGD: Invalid alpha value: -1.0"),
        (lambda p: optim.ASGD(p, foreach=True), NotImplementedError, "ASGD: foreach is not offered"),
        (lambda p: optim.Adadelta(p, rho=1.5), ValueError, "Adadelta: Invalid rho value: 1.5"),
        (lambda p: optim.Adadelta(p, capturable=True), NotImplementedError, "Adadelta: capturable is not offered"),
        (lambda p: optim.Adamax(p, betas=(0.9, 1.0)), ValueError, "Adamax: Invalid beta parameter at index 1: 1.0"),
        (lambda p: optim.NAdam(p, momentum_decay=-1), ValueError, "NAdam: Invalid momentum_decay value: -1"),
        (lambda p: optim.RAdam(p, eps=-1.0), ValueError, "RAdam: Invalid epsilon value: -1.0"),
        (lambda p: optim.Rprop(p, etas=(1.5, 1.2)), ValueError, "Rprop: Invalid eta values: 1.5, 1.2"),
        (lambda p: optim.Adafactor(p, d=0.5), ValueError, "Adafactor: d should be >= 1; got 0.5"),
        (lambda p: optim.Adafactor(p, beta2_decay=0.5), ValueError, "Adafactor: beta2_decay should be <= 0"),
        (lambda p: optim.Muon([tf.zeros(3, requires_grad=True)]), ValueError, "Muon: parameters must be matrices"),
        (lambda p: optim.Muon(p, adjust_lr_fn="none"), ValueError, "Muon: adjust_lr_fn 'none' is unknown"),
        (lambda p: optim.Lion(p, lr=-1.0), ValueError, "Lion: Invalid learning rate: -1.0"),
        (lambda p: optim.LBFGS([{"params": p[:1]}, {"params": p[1:]}]), ValueError, "LBFGS: does not support per-"),
        (lambda p: optim.LBFGS(p, line_search_fn="armijo"), RuntimeError, "LBFGS: line_search_fn must be"),
        (lambda p: optim.LBFGS(p).step(), TypeError, "LBFGS: step needs a closure"),
        (lambda p: optim.SparseAdam(p), NotImplementedError, "SparseAdam: is not offered"),
    ],
)
def test_what_is_out_of_range_is_refused(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        make(matrices())


def test_asgd_averages_from_its_step_on() -> None:
    x = tf.tensor([1.0], requires_grad=True)
    optimizer = optim.ASGD([x], lr=0.1, lambd=0.0, t0=1)
    seen = []
    for _ in range(5):
        train(optimizer, [x], 1)
        seen.append(x.item())
    # The weight of the newest value is 1 for steps 1 to 3, then 1/2 and 1/3.
    assert optimizer.state[x]["ax"].item() == pytest.approx(np.mean(seen[2:]), rel=1e-5)


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_least_of_a_quadratic(line_search: str | None) -> None:
    a = tf.tensor(np.diag([1.0, 3.0, 10.0]))
    x = tf.tensor([1.0, 2.0, -3.0], dtype=tf.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], lr=0.5 if line_search is None else 1.0, max_iter=100, line_search_fn=line_search)

    def closure() -> tf.Tensor:
        optimizer.zero_grad()
        loss = (x @ a @ x) / 2 - x.sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(x.detach().numpy(), [1.0, 1 / 3, 0.1], atol=1e-4)


def test_lbfgs_with_line_search_walks_through_a_curved_valley() -> None:
    x = tf.tensor([-1.5, 2.0], dtype=tf.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], max_iter=100, max_eval=200, line_search_fn="strong_wolfe")
    evaluations = 0

    def closure() -> tf.Tensor:
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(x.detach().numpy(), 1.0, atol=1e-4)
    assert evaluations == optimizer.state[x]["func_evals"] < 100


# Coefficients of a·x² + b·sin(c·x) + d·x, the start, lr and max_iter; where PyTorch 2.15 came in two steps, and with
# how many evaluations: searches that narrow intervals and stop at the bound on evaluations.
SEARCHES = [
    ((0.2, 2.6, 4.8, -0.5), (0.0, -0.3), 10, 2, (-1.639507, -0.437906), 6),
    ((0.2, 0.6, 5.2, -0.1), (1.6, -3.0), 10, 3, (2.142888, -0.69695), 7),
    ((0.3, 1.0, 3.3, -0.4), (-2.9, 2.0), 0.5, 2, (-2.324294, 1.347639), 5),
    ((0.7, 2.3, 2.5, 0.5), (2.4, 2.8), 10, 5, (-3.186444, -0.639886), 14),
    ((0.9, 2.1, 4.0, 0.5), (-0.7, 2.1), 1, 5, (-0.385692, 2.583162), 13),
]


@pytest.mark.parametrize(("function", "start", "lr", "max_iter", "end", "evaluations"), SEARCHES)
def test_lbfgs_searches_lines_as_pytorch(
    function: tuple[float, ...],
    start: tuple[float, ...],
    lr: float,
    max_iter: int,
    end: tuple[float, ...],
    evaluations: int,
) -> None:
    a, b, c, d = function
    x = tf.tensor(start, dtype=tf.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], lr=lr, max_iter=max_iter, history_size=2, line_search_fn="strong_wolfe")
    calls = 0

    def closure() -> tf.Tensor:
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = (a * x * x + b * tf.sin(c * x) + d * x).sum()
        loss.backward()
        return loss

    for _ in range(2):
        optimizer.step(closure)
    np.testing.assert_allclose(x.detach().numpy(), end, atol=1e-5)
    assert calls == evaluations


def test_lbfgs_comes_back_from_where_the_loss_is_no_number() -> None:
    x = tf.tensor([3.0], requires_grad=True)
    optimizer = optim.LBFGS([x], lr=50, line_search_fn="strong_wolfe")

    def closure() -> tf.Tensor:
        optimizer.zero_grad()
        loss = (x - tf.log(x)).sum()
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    assert x.item() == pytest.approx(1.0, abs=1e-3)


def test_lbfgs_climbs_too() -> None:
    x = tf.tensor([2.0], requires_grad=True)
    optimizer = optim.LBFGS([x], lr=0.5, max_iter=50, maximize=True)

    def closure() -> tf.Tensor:
        optimizer.zero_grad()
        loss = -((x - 1) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert x.item() == pytest.approx(1.0, abs=1e-3)


def test_muon_steps_have_equal_singular_values() -> None:
    tf.manual_seed(0)
    x = tf.zeros(6, 4).requires_grad_()
    optimizer = optim.Muon([x], lr=1.0, weight_decay=0.0)
    (x * tf.randn(6, 4)).sum().backward()
    optimizer.step()
    values = np.linalg.svd(x.detach().numpy(), compute_uv=False)
    # The polynomial brings them into 0.7 … 1.2; the factor is √(6/4).
    assert values.min() > 0.6 * math.sqrt(1.5)
    assert values.max() < 1.25 * math.sqrt(1.5)


def test_orthogonal_weights_are_orthogonal() -> None:
    tf.manual_seed(1)
    for shape in ((5, 5), (3, 7), (7, 3), (4, 3, 2, 2)):
        weight = nn.init.orthogonal_(tf.empty(*shape, dtype=tf.float64), gain=2.0).reshape(shape[0], -1).numpy()
        few = weight if weight.shape[0] <= weight.shape[1] else weight.T
        np.testing.assert_allclose(few @ few.T, 4 * np.eye(len(few)), atol=1e-12)
    with pytest.raises(ValueError, match=r"^orthogonal_: needs at least 2 axes"):
        nn.init.orthogonal_(tf.empty(3))


def test_orthogonal_matrices_are_drawn_evenly() -> None:
    tf.manual_seed(2)
    corner = np.array([nn.init.orthogonal_(tf.empty(2, 2))[0, 0].item() for _ in range(400)])
    # The cosine of an even angle has mean 0 and deviation √½: five standard errors.
    assert abs(corner.mean()) < 5 * math.sqrt(0.5 / 400)
    assert abs(corner.std() - math.sqrt(0.5)) < 0.1


def test_sparse_weights_have_zeros_in_each_column() -> None:
    tf.manual_seed(3)
    weight = nn.init.sparse_(tf.empty(100, 50), sparsity=0.9, std=0.5).numpy()
    assert ((weight == 0).sum(0) == 90).all()
    assert weight[weight != 0].std() == pytest.approx(0.5, rel=0.2)
    with pytest.raises(ValueError, match=r"^sparse_: needs 2 axes"):
        nn.init.sparse_(tf.empty(3), 0.5)


@pytest.mark.parametrize("name", ["Adamax", "LBFGS"])
def test_hooks_run_around_steps(name: str) -> None:
    seen: list[str] = []
    params = matrices()
    optimizer = MAKERS[name](params)
    optimizer.register_step_pre_hook(lambda own, args, kwargs: seen.append(f"before {len(args)}"))
    with optimizer.register_step_post_hook(lambda own, args, kwargs: seen.append("after")):
        train(optimizer, params, 1)
    train(optimizer, params, 1)
    assert seen == ["before 1", "after", "before 1"]


def test_hooks_change_states_on_their_way() -> None:
    params = matrices()
    optimizer = MAKERS["Adamax"](params)
    train(optimizer, params, 1)
    optimizer.register_state_dict_post_hook(lambda own, state: {**state, "note": 7})
    saved = optimizer.state_dict()
    assert saved["note"] == 7
    other = MAKERS["Adamax"](params)
    seen: list[Any] = []
    other.register_load_state_dict_pre_hook(lambda own, state: seen.append(state["note"]))
    other.register_load_state_dict_post_hook(lambda own: seen.append(len(own.state)))
    other.load_state_dict(saved)
    assert seen == [7, 2]
