"""nn.Module: members, state, modes, conversions, hooks, text, copies. PyTorch's behaviour is the specification."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold import nn


class Block(nn.Module):
    """A module with every kind of member."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.scale = nn.Parameter(tf.ones(2))
        self.register_parameter("absent", None)
        self.register_buffer("count", tf.zeros(1))
        self.register_buffer("scratch", tf.zeros(1), persistent=False)
        self.name = "block"

    def forward(self, x: tf.Tensor, shift: float = 0.0) -> tf.Tensor:
        return self.linear(x) * self.scale + shift


def same(a: Any, b: Any) -> bool:
    return np.array_equal(a.detach().numpy(), b.detach().numpy())


# --- Parameters


def test_a_parameter_is_a_leaf_tensor_that_requires_grad() -> None:
    parameter = nn.Parameter(tf.zeros(2))
    assert isinstance(parameter, tf.Tensor)
    assert parameter.is_leaf
    assert parameter.requires_grad
    assert not nn.Parameter(tf.zeros(2), requires_grad=False).requires_grad
    assert type(parameter * 2) is tf.Tensor


def test_a_parameter_collects_gradients() -> None:
    parameter = nn.Parameter(tf.tensor([1.0, 2.0]))
    (parameter * parameter).sum().backward()
    assert parameter.grad.tolist() == [2.0, 4.0]


def test_a_parameter_shares_nothing_with_the_tensor_it_was_made_of() -> None:
    source = tf.zeros(2)
    parameter = nn.Parameter(source)
    with tf.no_grad():
        parameter.add_(1)
    assert source.tolist() == [0.0, 0.0]


def test_a_parameter_needs_a_tensor() -> None:
    with pytest.raises(TypeError, match=r"^Parameter: needs a tensor; got list"):
        nn.Parameter([1.0])  # type: ignore[arg-type]


def test_parameters_copy_and_pickle_as_parameters() -> None:
    parameter = nn.Parameter(tf.tensor([1.0, 2.0]), requires_grad=False)
    for other in (copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        assert type(other) is nn.Parameter
        assert not other.requires_grad
        assert same(other, parameter)


# --- Members


def test_members_are_found_by_kind_and_in_order_of_assignment() -> None:
    block = Block()
    assert [name for name, _ in block.named_parameters()] == ["scale", "linear.weight", "linear.bias"]
    assert [name for name, _ in block.named_buffers()] == ["count", "scratch"]
    assert [name for name, _ in block.named_modules()] == ["", "linear"]
    assert [name for name, _ in block.named_children()] == ["linear"]
    assert [name for name, _ in block.named_parameters(prefix="p", recurse=False)] == ["p.scale"]
    assert block.absent is None


def test_shared_members_are_listed_once_unless_asked_otherwise() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, layer)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"]
    assert len(list(model.named_parameters(remove_duplicate=False))) == 4
    assert len(list(model.modules())) == 2
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_assignment_moves_a_name_from_kind_to_kind() -> None:
    block = Block()
    block.linear = nn.Parameter(tf.zeros(1))
    assert "linear" not in block._modules
    assert [name for name, _ in block.named_parameters()] == ["scale", "linear"]
    block.name = nn.Identity()
    assert [name for name, _ in block.named_children()] == ["name"]
    del block.name
    assert not hasattr(block, "name")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("scale", tf.zeros(2), "cannot assign 'Tensor' as parameter 'scale'"),
        ("linear", 3, "cannot assign 'int' as child module 'linear'"),
        ("count", 3, "cannot assign 'int' as buffer 'count'"),
    ],
)
def test_a_name_keeps_its_kind(name: str, value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^Block: {message}"):
        setattr(Block(), name, value)


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(AttributeError, match=r"'Block' object has no attribute 'lin'"):
        _ = Block().lin


def test_members_before_init_are_refused() -> None:
    class Hasty(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(tf.zeros(1))

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call. Hint: call super"):
        Hasty()


@pytest.mark.parametrize("name", ["", "a.b"])
def test_names_of_members_have_no_dots_and_are_not_empty(name: str) -> None:
    with pytest.raises(KeyError):
        Block().register_buffer(name, None)


def test_registering_a_taken_name_is_refused() -> None:
    with pytest.raises(KeyError, match=r"attribute 'linear' already exists"):
        Block().register_buffer("linear", tf.zeros(1))


def test_parts_are_found_by_path_with_a_hint() -> None:
    model = nn.Sequential(Block())
    assert model.get_submodule("0.linear") is model[0].linear
    assert model.get_submodule("") is model
    assert model.get_parameter("0.linear.weight") is model[0].linear.weight
    assert model.get_buffer("0.count") is model[0].count
    with pytest.raises(AttributeError, match=r"Block has no module 'linaer'. Hint: did you mean 'linear'\?"):
        model.get_submodule("0.linaer")
    with pytest.raises(AttributeError, match=r"Linear has no parameter 'wieght'. Hint: did you mean 'weight'\?"):
        model.get_parameter("0.linear.wieght")


# --- State


def test_state_dict_has_parameters_and_persistent_buffers_by_path() -> None:
    state = Block().state_dict()
    assert list(state) == ["scale", "count", "linear.weight", "linear.bias"]
    assert not any(value.requires_grad for value in state.values())
    assert list(Block().state_dict(prefix="m.")) == [f"m.{key}" for key in state]
    assert Block().state_dict(keep_vars=True)["scale"].requires_grad


def test_state_dict_is_a_view_of_the_module() -> None:
    block = Block()
    state = block.state_dict()
    with tf.no_grad():
        block.scale.fill_(3)
    assert state["scale"].tolist() == [3.0, 3.0]


def test_loading_a_state_gives_the_same_outputs() -> None:
    source, target = Block(), Block()
    before = target.linear.weight
    assert repr(target.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
    x = tf.ones(4, 3)
    assert same(source(x), target(x))
    assert target.linear.weight is before
    assert target.linear.weight.requires_grad
    assert target.linear.weight.is_leaf


def test_a_state_that_does_not_fit_is_refused_with_every_reason_and_nothing_is_changed() -> None:
    block = Block()
    before = block.scale.tolist()
    state = {
        "scale": tf.zeros(2),
        "count": tf.zeros(1),
        "linear.weight": tf.zeros(2, 4),
        "linear.bais": tf.zeros(2),
    }
    with pytest.raises(RuntimeError) as raised:
        block.load_state_dict(state)
    assert str(raised.value) == (
        "load_state_dict: Error(s) in loading state_dict for Block:\n"
        '\tMissing key(s) in state_dict: "linear.bias".\n'
        '\tUnexpected key(s) in state_dict: "linear.bais". Hint: "linear.bais": did you mean "linear.bias"?\n'
        "\tsize mismatch for linear.weight: copying a param with shape (2, 4) from checkpoint, "
        "the shape in current model is (2, 3)."
    )
    assert block.scale.tolist() == before


def test_lenient_loading_reports_the_keys_that_do_not_match() -> None:
    block = Block()
    result = block.load_state_dict({"scale": tf.zeros(2), "more": tf.zeros(1)}, strict=False)
    assert result.missing_keys == ["count", "linear.weight", "linear.bias"]
    assert result.unexpected_keys == ["more"]
    assert block.scale.tolist() == [0.0, 0.0]


def test_loading_with_assign_takes_the_tensors_themselves() -> None:
    block = Block()
    state = {name: value.to(tf.float64) for name, value in block.state_dict().items()}
    block.load_state_dict(state, assign=True)
    assert block.scale.dtype == tf.float64
    assert isinstance(block.scale, nn.Parameter)
    assert block.linear.weight.requires_grad


def test_loading_converts_dtypes() -> None:
    linear = nn.Linear(2, 1)
    linear.load_state_dict({"weight": tf.zeros(1, 2, dtype=tf.float64), "bias": tf.ones(1, dtype=tf.float64)})
    assert linear.weight.dtype == tf.float32
    assert linear.bias.tolist() == [1.0]


# --- Modes and conversions


def test_train_and_eval_reach_all_parts() -> None:
    model = nn.Sequential(Block(), nn.Dropout())
    assert not any(module.training for module in model.eval().modules())
    assert all(module.training for module in model.train().modules())
    with pytest.raises(ValueError, match=r"^train: training mode is expected to be boolean"):
        model.train("yes")  # type: ignore[arg-type]


def test_conversions_change_floating_members_and_keep_the_parameters() -> None:
    norm = nn.BatchNorm1d(2)
    weight = norm.weight
    norm.double()
    assert norm.weight is weight
    assert (norm.weight.dtype, norm.running_mean.dtype) == (tf.float64, tf.float64)
    assert norm.num_batches_tracked.dtype == tf.int64
    assert norm.weight.requires_grad
    assert norm.half().weight.dtype == tf.float16
    assert norm.to(tf.float32).weight.dtype == tf.float32
    assert norm.to("cpu", tf.float64).weight.dtype == tf.float64
    with pytest.raises(TypeError, match=r"^to: Module.to only accepts floating point or complex dtypes"):
        norm.to(tf.int64)


def test_gradients_flow_after_a_conversion() -> None:
    linear = nn.Linear(2, 1).double()
    linear(tf.ones(1, 2, dtype=tf.float64)).sum().backward()
    assert linear.weight.grad.dtype == tf.float64
    linear.float()
    assert linear.weight.grad.dtype == tf.float32


def test_freezing_and_zero_grad() -> None:
    linear = nn.Linear(2, 1)
    linear(tf.ones(1, 2)).sum().backward()
    linear.zero_grad(set_to_none=False)
    assert linear.weight.grad.tolist() == [[0.0, 0.0]]
    linear.zero_grad()
    assert linear.weight.grad is None
    assert not any(parameter.requires_grad for parameter in linear.requires_grad_(False).parameters())


def test_apply_visits_parts_first() -> None:
    seen: list[str] = []
    nn.Sequential(nn.Linear(1, 1), nn.ReLU()).apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "ReLU", "Sequential"]


# --- Hooks


def test_hooks_replace_arguments_and_results_and_can_be_removed() -> None:
    module = nn.Identity()
    before = module.register_forward_pre_hook(lambda _module, args: args[0] + 1)
    after = module.register_forward_hook(lambda _module, args, output: output * 10)
    assert module(tf.tensor(1.0)).item() == 20.0
    before.remove()
    assert module(tf.tensor(1.0)).item() == 10.0
    with after:
        pass
    assert module(tf.tensor(1.0)).item() == 1.0


def test_hooks_run_in_order_and_prepended_ones_first() -> None:
    module, seen = nn.Identity(), []
    module.register_forward_hook(lambda *_: seen.append("first"))
    module.register_forward_hook(lambda *_: seen.append("prepended"), prepend=True)
    module(tf.tensor(1.0))
    assert seen == ["prepended", "first"]


def test_hooks_with_kwargs_see_and_change_them() -> None:
    block = Block()
    block.register_forward_pre_hook(lambda _module, args, kwargs: (args, {"shift": 5.0}), with_kwargs=True)
    seen: list[dict[str, Any]] = []
    block.register_forward_hook(lambda _module, _args, kwargs, _output: seen.append(kwargs), with_kwargs=True)
    x = tf.zeros(1, 3)
    assert same(block(x, shift=1.0), Block.forward(block, x, 5.0))
    assert seen == [{"shift": 5.0}]


def test_what_hooks_do_not_offer_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"^register_backward_hook: is not offered"):
        Block().register_backward_hook(print)


# --- Text and copies


def test_repr_is_pytorchs() -> None:
    model = nn.Sequential(nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()]), nn.ModuleDict({"a": nn.Dropout(0.1)}))
    assert repr(model) == (
        "Sequential(\n"
        "  (0): ModuleList(\n"
        "    (0-1): 2 x ReLU()\n"
        "    (2): Tanh()\n"
        "  )\n"
        "  (1): ModuleDict(\n"
        "    (a): Dropout(p=0.1, inplace=False)\n"
        "  )\n"
        ")"
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies_are_equal_and_share_nothing(copied: Any) -> None:
    block = Block().eval()
    other = copied(block)
    x = tf.ones(2, 3)
    assert same(block(x), other(x))
    assert not other.training
    assert other.name == "block"
    with tf.no_grad():
        other.scale.zero_()
    assert not same(block(x), other(x))
    assert isinstance(other.scale, nn.Parameter)


def test_deep_copies_keep_what_is_shared_within() -> None:
    layer = nn.Linear(2, 2)
    other = copy.deepcopy(nn.Sequential(layer, layer))
    assert other[0].weight is other[1].weight


def test_forward_must_be_defined() -> None:
    with pytest.raises(NotImplementedError, match='missing the required "forward" function'):
        nn.Module()()


# --- Containers


def test_sequential_slices_and_lists_change() -> None:
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3))
    assert len(model[1:]) == 2
    assert model[-1] is model[2]
    layers = nn.ModuleList([nn.ReLU()])
    layers.append(nn.Tanh()).insert(0, nn.Identity())
    assert [type(layer).__name__ for layer in layers] == ["Identity", "ReLU", "Tanh"]
    del layers[0]
    assert [name for name, _ in layers.named_children()] == ["0", "1"]
    with pytest.raises(IndexError, match=r"index 5 is out of range for 2 modules"):
        _ = layers[5]


def test_parameter_containers_register_their_parameters() -> None:
    values = nn.ParameterList([tf.zeros(2, 3)])
    assert repr(values) == "ParameterList(\n  (0): Parameter containing: [tenfold.float32 of size 2x3]\n)"
    named = nn.ParameterDict({"left": tf.zeros(2)})
    assert [name for name, _ in named.named_parameters()] == ["left"]
    assert "left" in named


# --- Layers


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Embedding(2, 2, sparse=True), "Embedding: sparse is not offered"),
    ],
)
def test_arguments_that_are_not_offered_are_named(make: Any, message: str) -> None:
    with pytest.raises(NotImplementedError, match=f"^{message}"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: in_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 4, 3, stride=2, padding="same"), "Conv2d: padding='same' is not supported for strided"),
        (lambda: nn.Conv2d(4, 4, 3, padding="full"), "Conv2d: padding must be 'same', 'valid' or numbers"),
        (lambda: nn.Dropout(1.5), "Dropout: p is a probability"),
        (lambda: nn.GroupNorm(4, 6), "GroupNorm: num_channels must be divisible by num_groups"),
        (lambda: nn.Embedding(2, 2, padding_idx=2), "Embedding: padding_idx must be within num_embeddings"),
        (lambda: nn.BatchNorm2d(3)(tf.zeros(2, 3)), "BatchNorm2d: expected 4D input; got 2D"),
        (lambda: nn.BatchNorm1d(3)(tf.zeros(2, 3, 4, 5)), "BatchNorm1d: expected 2D or 3D input; got 4D"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_the_padding_row_of_an_embedding_stays_zero() -> None:
    embedding = nn.Embedding(3, 2, padding_idx=-1)
    assert embedding.weight[2].tolist() == [0.0, 0.0]
    embedding(tf.tensor([2, 1])).sum().backward()
    assert embedding.weight.grad.tolist() == [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    rows = tf.tensor([[1.0, 2.0], [3.0, 4.0]])
    frozen = nn.Embedding.from_pretrained(rows)
    assert not frozen.weight.requires_grad
    assert frozen(tf.tensor([1])).tolist() == [[3.0, 4.0]]


def test_batch_norm_counts_batches_and_forgets_them() -> None:
    norm = nn.BatchNorm1d(2)
    norm(tf.tensor([[0.0, 2.0], [2.0, 6.0]]))
    assert norm.num_batches_tracked.item() == 1
    np.testing.assert_allclose(norm.running_mean.numpy(), [0.1, 0.4], rtol=1e-6)
    norm.reset_running_stats()
    assert norm.running_mean.tolist() == [0.0, 0.0]
    assert norm.num_batches_tracked.item() == 0


def test_parameter_dictionaries_have_the_methods_of_dictionaries() -> None:
    weights = nn.ParameterDict({"a": tf.zeros(1), "b": tf.ones(2)})
    assert weights.setdefault("a", tf.ones(9)).shape == (1,)
    assert weights.setdefault("c", tf.ones(3)) is weights["c"]
    twin = weights.copy()
    assert twin.popitem()[0] == "c"
    assert list(twin.keys()) == ["a", "b"]
    assert twin["a"] is weights["a"]
    shared = weights.fromkeys(["x", "y"], nn.Parameter(tf.zeros(2)))
    assert shared["x"] is shared["y"]


def test_modules_come_as_often_as_they_are_used_where_asked() -> None:
    part = nn.ReLU()
    model = nn.Sequential(part, part)
    assert list(model.modules()) == [model, part]
    assert list(model.modules(remove_duplicate=False)) == [model, part, part]


def test_to_empty_keeps_shapes_and_dtypes_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).double()
    before = {name: (value.shape, value.dtype) for name, value in model.state_dict().items()}
    weight = model[0].weight
    assert model.to_empty(device="cpu") is model
    assert {name: (value.shape, value.dtype) for name, value in model.state_dict().items()} == before
    assert model[0].weight is weight
    assert weight.requires_grad
