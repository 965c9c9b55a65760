"""Hooks of modules: on failures, of gradients, of states, of all modules. PyTorch's behaviour is the specification."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import tenfold as tf
from tenfold import nn
from tenfold.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)


class Failing(nn.Module):
    def forward(self, x: tf.Tensor) -> tf.Tensor:
        raise KeyError("forward")


class Pair(nn.Module):
    """Two results of two arguments."""

    def forward(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return 2 * x, x * y


# --- Forward


def test_a_hook_that_is_always_called_sees_failures() -> None:
    seen: list[Any] = []
    module = Failing()
    module.register_forward_hook(lambda _module, _args, output: seen.append(("always", output)), always_call=True)
    module.register_forward_hook(lambda *_: seen.append("never"))
    with pytest.raises(KeyError, match="forward"):
        module(tf.zeros(1))
    assert seen == [("always", None)]


def test_a_hook_that_fails_does_not_keep_another_from_being_called() -> None:
    seen: list[Any] = []

    def fail(*_arguments: Any) -> None:
        raise ValueError("hook")

    module = nn.Identity()
    module.register_forward_hook(fail)
    module.register_forward_hook(lambda *_: seen.append("always"), always_call=True)
    with pytest.raises(ValueError, match="hook"):
        module(tf.zeros(1))
    assert seen == ["always"]


def test_the_first_error_stands_and_those_of_hooks_are_warned_of() -> None:
    def fail(*_arguments: Any) -> None:
        raise ValueError("hook")

    module = Failing()
    module.register_forward_hook(fail, always_call=True)
    with pytest.warns(UserWarning, match="always_call raised"), pytest.raises(KeyError, match="forward"):
        module(tf.zeros(1))


def test_hooks_of_all_modules_come_before_a_modules_own() -> None:
    seen: list[str] = []
    model = nn.Sequential(nn.Identity())
    model.register_forward_hook(lambda *_: seen.append("own"))
    with (
        register_module_forward_pre_hook(lambda module, _args: seen.append(f"before {type(module).__name__}")),
        register_module_forward_hook(lambda module, _args, _output: seen.append(f"after {type(module).__name__}")),
    ):
        model(tf.zeros(1))
    assert seen == ["before Sequential", "before Identity", "after Identity", "after Sequential", "own"]
    model(tf.zeros(1))
    assert seen[5:] == ["own"]


# --- Backward


def test_backward_hooks_see_the_gradients_of_arguments_and_results() -> None:
    seen: dict[str, Any] = {}
    module = Pair()
    module.register_full_backward_hook(lambda _module, ins, outs: seen.update(ins=ins, outs=outs))
    x, y = tf.tensor(3.0, requires_grad=True), tf.tensor(5.0, requires_grad=True)
    a, b = module(x, y)
    (a + 10 * b).backward()
    assert [grad.item() for grad in seen["outs"]] == [1.0, 10.0]
    assert [grad.item() for grad in seen["ins"]] == [52.0, 30.0]
    assert (x.grad.item(), y.grad.item()) == (52.0, 30.0)


def test_backward_hooks_replace_gradients_in_order() -> None:
    module = nn.Identity()
    module.register_full_backward_hook(lambda _module, ins, _outs: (ins[0] * 2,))
    module.register_full_backward_hook(lambda _module, ins, _outs: (ins[0] + 1,))
    module.register_full_backward_hook(lambda _module, ins, _outs: (ins[0] * 5,), prepend=True)
    module.register_full_backward_pre_hook(lambda _module, outs: (outs[0] * 3,))
    x = tf.ones(2, requires_grad=True)
    module(x).sum().backward()
    assert x.grad.tolist() == [31.0, 31.0]


def test_a_module_without_differentiable_arguments_calls_its_hooks_too() -> None:
    seen: list[Any] = []
    layer = nn.Linear(2, 1)
    layer.register_full_backward_hook(lambda _module, ins, outs: seen.append((ins, outs[0].tolist())))
    layer(tf.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]


def test_arguments_that_are_no_tensors_have_no_gradient() -> None:
    class Scale(nn.Module):
        def forward(self, x: tf.Tensor, factor: float, offset: tf.Tensor) -> tf.Tensor:
            return x * factor + offset

    seen: list[Any] = []
    module = Scale()
    module.register_full_backward_hook(lambda _module, ins, _outs: seen.append(ins))
    x = tf.ones(1, requires_grad=True)
    module(x, 4.0, tf.zeros(1)).backward()
    assert [grad if grad is None else grad.tolist() for grad in seen[0]] == [[4.0], None, None]


def test_gradients_behind_backward_hooks_can_be_differentiated() -> None:
    module = nn.Tanh()
    module.register_full_backward_hook(lambda *_: None)
    x = tf.tensor([0.5], dtype=tf.float64, requires_grad=True)
    (first,) = tf.autograd.grad(module(x), x, create_graph=True)
    (second,) = tf.autograd.grad(first, x)
    y = x.tanh()
    assert second.item() == pytest.approx((-2 * y * (1 - y * y)).item(), rel=1e-12)


def test_a_wrong_number_of_gradients_is_an_error() -> None:
    module = nn.Identity()
    module.register_full_backward_hook(lambda _module, ins, _outs: (*ins, *ins))
    x = tf.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"^register_full_backward_hook: a hook returned 2 gradients; 1 were"):
        module(x).backward()


def test_results_that_hooks_cannot_watch_are_warned_of() -> None:
    class Named(nn.Module):
        def forward(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"x": x * 2}

    module = Named()
    module.register_full_backward_hook(print)
    with pytest.warns(UserWarning, match="got dict"):
        module(tf.ones(1, requires_grad=True))


def test_backward_hooks_of_all_modules() -> None:
    seen: list[str] = []
    model = nn.Sequential(nn.Tanh(), nn.Sigmoid())
    with (
        register_module_full_backward_pre_hook(lambda module, _outs: seen.append(f"before {type(module).__name__}")),
        register_module_full_backward_hook(lambda module, _ins, _outs: seen.append(type(module).__name__)),
    ):
        model(tf.ones(1, requires_grad=True)).backward()
    assert seen == ["before Sequential", "before Sigmoid", "Sigmoid", "before Tanh", "Tanh", "Sequential"]


def test_a_copy_and_a_pickle_keep_hooks() -> None:
    layer = nn.Linear(1, 1)
    layer.register_full_backward_hook(double)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        x = tf.ones(1, 1, requires_grad=True)
        other(x).sum().backward()
        assert x.grad.item() == pytest.approx(2 * layer.weight.item(), rel=1e-6)


def double(_module: nn.Module, ins: tuple[Any, ...], _outs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (ins[0] * 2,)


# --- States


def test_hooks_change_a_state_and_see_its_prefix() -> None:
    seen: list[Any] = []
    model = nn.Sequential(nn.Linear(1, 1))
    model[0].register_state_dict_pre_hook(lambda _module, prefix, keep: seen.append((prefix, keep)))
    model[0].register_state_dict_post_hook(lambda _module, state, prefix, _meta: state.pop(prefix + "bias") and None)
    assert list(model.state_dict()) == ["0.weight"]
    assert seen == [("0.", False)]


def test_hooks_rename_keys_before_loading() -> None:
    def rename(module: nn.Module, state: dict[str, Any], prefix: str, *_others: Any) -> None:
        state[prefix + "weight"] = state.pop(prefix + "kernel")

    model = nn.Sequential(nn.Linear(1, 1))
    model[0].register_load_state_dict_pre_hook(rename)
    state = {"0.kernel": tf.full((1, 1), 3.0), "0.bias": tf.zeros(1)}
    assert not model.load_state_dict(state).unexpected_keys
    assert model[0].weight.item() == 3.0
    assert "0.kernel" in state  # the hook saw a copy


def test_what_a_hook_complains_of_becomes_an_error() -> None:
    def complain(*arguments: Any) -> None:
        arguments[-1].append("too old.")

    model = nn.Linear(1, 1)
    model.register_load_state_dict_pre_hook(complain)
    with pytest.raises(RuntimeError, match="too old"):
        model.load_state_dict(model.state_dict())


def test_hooks_after_loading_forgive_keys() -> None:
    model = nn.Linear(1, 1)
    model.register_load_state_dict_post_hook(lambda _module, keys: keys.missing_keys.clear())
    model.load_state_dict({"weight": tf.full((1, 1), 2.0)})
    assert model.weight.item() == 2.0
    with pytest.raises(RuntimeError, match="Unexpected key"):
        model.load_state_dict({"weight": tf.ones(1, 1), "more": tf.ones(1)})


def test_extra_state_is_saved_and_loaded() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def get_extra_state(self) -> Any:
            return {"count": self.count}

        def set_extra_state(self, state: Any) -> None:
            self.count = state["count"]

    first, second = nn.Sequential(Counting()), nn.Sequential(Counting())
    first[0].count = 7
    assert first.state_dict() == {"0._extra_state": {"count": 7}}
    second.load_state_dict(first.state_dict())
    assert second[0].count == 7
    with pytest.raises(RuntimeError, match="Missing key"):
        second.load_state_dict({})


def test_submodules_are_replaced_by_path() -> None:
    model = nn.Sequential(nn.Sequential(nn.ReLU()))
    model.set_submodule("0.0", nn.Tanh())
    assert isinstance(model[0][0], nn.Tanh)
    with pytest.raises(AttributeError, match=r"^set_submodule: Sequential has no module '5'"):
        model.set_submodule("0.5", nn.Tanh(), strict=True)
    with pytest.raises(ValueError, match="empty path"):
        model.set_submodule("", nn.Tanh())
