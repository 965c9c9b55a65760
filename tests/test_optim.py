"""optim: parameter groups, state, validation, schedules. The numbers of the updates are held by tests/parity."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

import tenfold as tf
from tenfold import nn, optim
from tenfold.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    get_total_norm,
    parameters_to_vector,
    vector_to_parameters,
)

MAKERS: dict[str, Any] = {
    "SGD": lambda params: optim.SGD(params, lr=0.1, momentum=0.9),
    "Adagrad": lambda params: optim.Adagrad(params, lr=0.1),
    "RMSprop": lambda params: optim.RMSprop(params, lr=0.1, momentum=0.5, centered=True),
    "Adam": lambda params: optim.Adam(params, lr=0.1, amsgrad=True),
    "AdamW": lambda params: optim.AdamW(params, lr=0.1),
}


def leaf(*values: float) -> tf.Tensor:
    return tf.tensor(list(values), requires_grad=True)


def train(optimizer: optim.Optimizer, params: list[tf.Tensor], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        sum((p * p).sum() for p in params).backward()  # type: ignore[union-attr]
        optimizer.step()


@pytest.mark.parametrize("name", MAKERS)
def test_an_optimizer_descends(name: str) -> None:
    params = [leaf(1.0, -2.0), leaf(3.0)]
    train(MAKERS[name](params), params, 60)
    assert sum((p * p).sum().item() for p in params) < 0.7 * 14


@pytest.mark.parametrize("name", MAKERS)
def test_the_state_goes_over_to_another_optimizer(name: str) -> None:
    ours, theirs = [leaf(1.0, -2.0)], [leaf(1.0, -2.0)]
    first, second = MAKERS[name](ours), MAKERS[name](theirs)
    train(first, ours, 3)
    with tf.no_grad():
        theirs[0].copy_(ours[0])
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    train(first, ours, 3)
    train(second, theirs, 3)
    assert ours[0].tolist() == theirs[0].tolist()


@pytest.mark.parametrize("name", MAKERS)
def test_an_optimizer_pickles_with_its_parameters(name: str) -> None:
    params = [leaf(1.0, -2.0)]
    first = MAKERS[name](params)
    train(first, params, 2)
    second = pickle.loads(pickle.dumps(first))
    others = second.param_groups[0]["params"]
    train(first, params, 2)
    train(second, others, 2)
    assert params[0].tolist() == others[0].tolist()


def test_state_dict_has_pytorchs_format() -> None:
    params = [leaf(1.0), leaf(2.0)]
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}])
    train(optimizer, params, 2)
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert sorted(state["state"]) == [0, 1]
    assert sorted(state["state"][0]) == ["exp_avg", "exp_avg_sq", "step"]
    assert state["state"][0]["step"].item() == 2.0
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    assert [group["lr"] for group in state["param_groups"]] == [1e-3, 0.5]
    assert optim.SGD(params).state_dict()["state"] == {}


def test_groups_have_options_of_their_own() -> None:
    a, b = leaf(1.0), leaf(1.0)
    optimizer = optim.SGD([{"params": a, "lr": 0.25}], lr=0.5)
    optimizer.add_param_group({"params": [b]})
    train(optimizer, [a, b], 1)
    assert (a.item(), b.item()) == (0.5, 0.0)


def test_named_parameters_are_taken_too() -> None:
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"][0] is model.weight


def test_parameters_without_a_gradient_stay() -> None:
    a, b = leaf(1.0), leaf(1.0)
    optimizer = optim.AdamW([a, b], lr=0.1, weight_decay=0.5)
    train(optimizer, [a], 1)
    assert b.item() == 1.0
    assert b not in optimizer.state


def test_a_step_keeps_parameters_leaves_and_their_objects() -> None:
    a = leaf(1.0)
    optimizer = optim.SGD([a], lr=0.1)
    train(optimizer, [a], 1)
    assert a.is_leaf
    assert a.requires_grad
    assert optimizer.param_groups[0]["params"][0] is a


def test_a_closure_is_evaluated_with_gradients() -> None:
    a = leaf(2.0)
    optimizer = optim.SGD([a], lr=0.25)

    def closure() -> tf.Tensor:
        optimizer.zero_grad()
        loss = (a * a).sum()
        loss.backward()
        return loss

    with tf.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert a.item() == 1.0


def test_zero_grad_drops_or_fills() -> None:
    a = leaf(2.0)
    optimizer = optim.SGD([a])
    (a * a).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert a.grad is None


def test_repr_lists_groups_and_options_as_pytorch_does() -> None:
    assert repr(optim.SGD([leaf(1.0)], lr=0.1)) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: 0.1\n    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n)"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD(p, lr=-1), "SGD: Invalid learning rate: -1"),
        (lambda p: optim.SGD(p, momentum=-1), "SGD: Invalid momentum value: -1"),
        (lambda p: optim.SGD(p, nesterov=True), "SGD: Nesterov momentum requires a momentum and zero dampening"),
        (lambda p: optim.Adam(p, betas=(1.0, 0.9)), "Adam: Invalid beta parameter at index 0: 1.0"),
        (lambda p: optim.AdamW(p, weight_decay=-0.1), "AdamW: Invalid weight_decay value: -0.1"),
        (lambda p: optim.RMSprop(p, alpha=-1), "RMSprop: Invalid alpha value: -1"),
        (lambda p: optim.Adagrad(p, lr_decay=-1), "Adagrad: Invalid lr_decay value: -1"),
        (lambda p: optim.SGD([]), "SGD: optimizer got an empty parameter list"),
        (lambda p: optim.SGD(p + p), "SGD: a parameter appears twice"),
        (lambda p: optim.SGD([p[0] * 2]), "SGD: can't optimize a non-leaf tensor"),
        (lambda p: optim.SGD([{"params": p, "lr": -2.0}]), "SGD: Invalid learning rate: -2.0"),
    ],
)
def test_wrong_options_are_refused_in_pytorchs_words(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make([leaf(1.0)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD(p, foreach=True), "SGD: foreach is not offered"),
        (lambda p: optim.Adam(p, capturable=True), "Adam: capturable is not offered"),
        (lambda p: optim.AdamW(p, fused=True), "AdamW: fused is not offered"),
    ],
)
def test_options_that_are_not_offered_are_named(make: Any, message: str) -> None:
    with pytest.raises(NotImplementedError, match=f"^{message}"):
        make([leaf(1.0)])


def test_a_state_of_other_groups_is_refused() -> None:
    one, two = optim.SGD([leaf(1.0)]), optim.SGD([leaf(1.0), leaf(2.0)])
    with pytest.raises(ValueError, match=r"doesn't match the size of the optimizer's group; got .*\[\(2, 1\)\]"):
        one.load_state_dict(two.state_dict())
    one.add_param_group({"params": leaf(3.0)})
    with pytest.raises(ValueError, match=r"different number of parameter groups; got 1 for 2"):
        one.load_state_dict(two.state_dict())


# --- Schedules


def rates(make: Any, steps: int, lr: float = 1.0) -> list[float]:
    optimizer = optim.SGD([leaf(1.0)], lr=lr, momentum=0.9)
    scheduler = make(optimizer)
    found = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        scheduler.step()
        found.append(scheduler.get_last_lr()[0])
    return found


S = optim.lr_scheduler


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: S.StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
        (lambda o: S.MultiStepLR(o, [1, 3], 0.5), [1, 0.5, 0.5, 0.25, 0.25]),
        (lambda o: S.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625]),
        (lambda o: S.LambdaLR(o, lambda step: 1 / (1 + step)), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
        (lambda o: S.LinearLR(o, 0.5, 1.0, 2), [0.5, 0.75, 1, 1, 1]),
        (
            lambda o: S.CosineAnnealingLR(o, 4, eta_min=0.2),
            [0.2 + 0.4 * (1 + math.cos(math.pi * i / 4)) for i in range(5)],
        ),
        # Up to 2 in four steps from 2/25, then down to 2/25/10 in the other five.
        (
            lambda o: S.OneCycleLR(o, 2.0, 10, pct_start=0.5, anneal_strategy="linear", final_div_factor=10),
            [0.08, 0.56, 1.04, 1.52, 2.0],
        ),
        # Up in two steps, down in two, and on to the end in the fifth.
        (
            lambda o: S.OneCycleLR(
                o, 1.0, 6, pct_start=0.5, anneal_strategy="linear", div_factor=5, final_div_factor=10, three_phase=True
            ),
            [0.2, 0.6, 1.0, 0.6, 0.2],
        ),
    ],
)
def test_schedules_give_the_rates_of_their_formulas(make: Any, expected: list[float]) -> None:
    assert rates(make, 4) == pytest.approx(expected, rel=1e-12)


def test_one_cycle_moves_momentum_the_other_way_and_ends() -> None:
    optimizer = optim.Adam([leaf(1.0)])
    scheduler = S.OneCycleLR(optimizer, 1.0, total_steps=3, pct_start=0.5)
    assert optimizer.param_groups[0]["betas"][0] == 0.95
    for _ in range(2):
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1 / 25 / 1e4)
    scheduler.step()
    with pytest.raises(ValueError, match=r"^OneCycleLR: tried to step 4 times"):
        scheduler.step()


def test_a_plateau_lowers_the_rate_after_patience() -> None:
    optimizer = optim.SGD([leaf(1.0)], lr=1.0)
    scheduler = S.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    seen = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9):
        scheduler.step(loss)
        seen.append(scheduler.get_last_lr()[0])
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]


def test_a_schedule_goes_on_from_its_state() -> None:
    optimizer = optim.SGD([leaf(1.0)], lr=1.0)
    scheduler = S.StepLR(optimizer, 2, 0.5)
    scheduler.step()
    other = S.StepLR(optim.SGD([leaf(1.0)], lr=1.0), 2, 0.5)
    other.load_state_dict(scheduler.state_dict())
    other.step()
    assert other.get_last_lr() == [0.5]


# --- Gradients and vectors


def test_clipping_scales_all_gradients_by_one_factor() -> None:
    a, b = leaf(3.0), leaf(4.0)
    (a * a / 2 + b * b / 2).sum().backward()
    assert clip_grad_norm_([a, b], 1.0).item() == 5.0
    assert get_total_norm([a.grad, b.grad]).item() == pytest.approx(1.0, rel=1e-5)
    before = a.grad.item()
    assert clip_grad_norm_([a, b], 10.0).item() == pytest.approx(1.0, rel=1e-5)
    assert a.grad.item() == before


def test_clipping_by_the_largest_element_and_by_value() -> None:
    a = leaf(3.0, -4.0)
    (a * a / 2).sum().backward()
    assert clip_grad_norm_(a, 100.0, norm_type=math.inf).item() == 4.0
    clip_grad_value_([a], 3.5)
    assert a.grad.tolist() == [3.0, -3.5]


def test_a_norm_that_is_not_finite_can_be_an_error() -> None:
    a = leaf(1.0)
    a.grad = tf.tensor([math.inf])
    with pytest.raises(RuntimeError, match="non-finite"):
        clip_grad_norm_(a, 1.0, error_if_nonfinite=True)


def test_parameters_become_a_vector_and_back() -> None:
    model = nn.Linear(2, 3)
    vector = parameters_to_vector(model.parameters())
    assert vector.shape == (9,)
    vector_to_parameters(tf.arange(9.0), model.parameters())
    assert model.bias.tolist() == [6.0, 7.0, 8.0]
    assert model.bias.requires_grad
    with pytest.raises(ValueError, match=r"^vector_to_parameters: 9 elements are needed; got 4"):
        vector_to_parameters(tf.zeros(4), model.parameters())
