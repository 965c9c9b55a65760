"""Weights that are computed, lazy layers, buffers by assignment. The numbers are held by tests/parity."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from support import assert_gradients
from tenfold import nn
from tenfold._core import _matrix
from tenfold.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    def forward(self, x: tf.Tensor) -> tf.Tensor:
        return x.triu() + x.triu(1).T


class Exponential(nn.Module):
    def forward(self, x: tf.Tensor) -> tf.Tensor:
        return x.exp()

    def right_inverse(self, y: tf.Tensor) -> tf.Tensor:
        return y.log()


def positive_linear() -> nn.Linear:
    layer = nn.Linear(2, 2)
    nn.init.constant_(layer.weight, 2.0)
    return parametrize.register_parametrization(layer, "weight", Exponential())  # type: ignore[return-value]


def test_a_parametrized_weight_is_computed_and_its_original_trained() -> None:
    layer = positive_linear()
    np.testing.assert_allclose(layer.weight.detach().numpy(), 2.0, rtol=1e-6)
    layer(tf.ones(1, 2)).sum().backward()
    np.testing.assert_allclose(layer.parametrizations.weight.original.grad.numpy(), 2.0, rtol=1e-6)
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert isinstance(layer, nn.Linear)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert repr(layer).startswith(
        "ParametrizedLinear(\n  in_features=2, out_features=2, bias=True\n  (parametrizations)"
    )


def test_assigning_goes_through_the_inverse() -> None:
    layer = positive_linear()
    layer.weight = tf.full((2, 2), 3.0)
    np.testing.assert_allclose(layer.parametrizations.weight.original.detach().numpy(), np.log(3.0), rtol=1e-6)
    plain = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    with pytest.raises(RuntimeError, match=r"^right_inverse: Symmetric does not implement it"):
        plain.weight = tf.zeros(2, 2)


def test_parametrizations_are_chained_and_removed() -> None:
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    original = layer.parametrizations.weight.original
    parametrize.register_parametrization(layer, "weight", Exponential())
    assert bool((layer.weight == layer.weight.T).all())
    assert layer.weight.min().item() > 0
    kept = layer.weight.detach().clone()
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert layer.weight is original
    assert bool((layer.weight == kept).all())
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_removal_may_leave_the_original() -> None:
    layer = positive_linear()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    np.testing.assert_allclose(layer.weight.detach().numpy(), np.log(2.0), rtol=1e-6)
    norm = parametrizations.weight_norm(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="made of several"):
        parametrize.remove_parametrizations(norm, "weight", leave_parametrized=False)


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    class Narrow(nn.Module):
        def forward(self, x: tf.Tensor) -> tf.Tensor:
            return x[:1]

    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(layer, "weight", Narrow())
    assert type(layer) is nn.Linear
    with pytest.raises(ValueError, match="has no parameter, buffer or parametrized tensor 'w'"):
        parametrize.register_parametrization(layer, "w", Narrow())
    with pytest.raises(ValueError, match="has no parametrization of 'weight'"):
        parametrize.remove_parametrizations(layer, "weight")
    wide = parametrize.register_parametrization(layer, "weight", Narrow(), unsafe=True)
    assert wide.weight.shape == (1, 2)


def test_a_copy_has_a_class_of_its_own_and_pickling_is_refused() -> None:
    layer = positive_linear()
    other = copy.deepcopy(layer)
    parametrize.remove_parametrizations(other, "weight")
    assert type(other) is nn.Linear
    assert parametrize.is_parametrized(layer)
    np.testing.assert_allclose(layer.weight.detach().numpy(), other.weight.detach().numpy())
    with pytest.raises(RuntimeError, match="state_dict"):
        pickle.dumps(layer)


def test_inside_of_cached_a_weight_is_computed_once() -> None:
    layer = positive_linear()
    with parametrize.cached():
        first = layer.weight
        assert layer.weight is first
    assert layer.weight is not first


def test_parametrizations_go_over_to_another_module() -> None:
    layer, other = positive_linear(), nn.Linear(2, 2)
    parametrize.transfer_parametrizations_and_params(layer, other)
    np.testing.assert_array_equal(other.weight.detach().numpy(), layer.weight.detach().numpy())


@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (2, 5), (5, 3)])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_weights_stay_so_while_they_are_trained(kind: str, shape: tuple[int, int], trivial: bool) -> None:
    tf.manual_seed(0)
    layer = nn.Linear(shape[1], shape[0], bias=False).double()
    parametrizations.orthogonal(layer, orthogonal_map=kind, use_trivialization=trivial)
    optimizer = tf.optim.SGD(layer.parameters(), lr=0.1)
    before = layer.weight.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        (layer(tf.ones(2, shape[1], dtype=tf.float64)) ** 3).sum().backward()
        optimizer.step()
    q = layer.weight.detach().numpy()
    few = q if shape[0] <= shape[1] else q.T
    np.testing.assert_allclose(few @ few.T, np.eye(len(few)), atol=1e-10)
    assert np.abs(q - before.numpy()).max() > 1e-4


def test_an_orthogonal_weight_can_be_assigned() -> None:
    tf.manual_seed(1)
    layer = parametrizations.orthogonal(nn.Linear(3, 3).double())
    target = nn.init.orthogonal_(tf.empty(3, 3, dtype=tf.float64))
    layer.weight = target
    np.testing.assert_allclose(layer.weight.detach().numpy(), target.numpy(), atol=1e-12)
    with pytest.raises(ValueError, match=r"^orthogonal: orthogonal_map has to be one of"):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="svd")
    with pytest.raises(ValueError, match=r"^orthogonal: needs a matrix"):
        parametrizations.orthogonal(nn.BatchNorm1d(2))


def test_gradients_of_matrix_functions_are_those_of_finite_differences() -> None:
    draw = np.random.default_rng(2)
    assert_gradients(_matrix.matrix_exp, draw.normal(size=(2, 3, 3)))
    assert_gradients(_matrix.solve, draw.normal(size=(3, 3)) + 3 * np.eye(3), draw.normal(size=(3, 2)))
    assert_gradients(_matrix.householder_product, draw.normal(size=(4, 3)), draw.normal(size=3))


def test_matrix_functions_agree_with_their_definitions() -> None:
    draw = np.random.default_rng(3)
    a = draw.normal(size=(4, 4))
    skew = 5 * (a - a.T)
    values, vectors = np.linalg.eig(skew)
    expected = (vectors @ np.diag(np.exp(values)) @ np.linalg.inv(vectors)).real
    np.testing.assert_allclose(_matrix.matrix_exp(tf.tensor(skew)).numpy(), expected, atol=1e-11)
    b = draw.normal(size=(4, 2))
    np.testing.assert_allclose(_matrix.solve(tf.tensor(a), tf.tensor(b)).numpy(), np.linalg.solve(a, b), rtol=1e-9)
    for shape in ((5, 3), (3, 3), (2, 4)):
        x = draw.normal(size=shape)
        reduced, scales = _matrix.reflections(tf.tensor(x))
        width = min(shape)
        q = _matrix.householder_product(reduced[:, :width], scales).numpy()
        np.testing.assert_allclose(q @ np.triu(reduced.numpy())[:width], x, atol=1e-12)
        np.testing.assert_allclose(q.T @ q, np.eye(width), atol=1e-12)


def test_spectral_norm_brings_the_largest_singular_value_to_one() -> None:
    tf.manual_seed(2)
    for layer in (parametrizations.spectral_norm(nn.Linear(5, 7)), nn.utils.spectral_norm(nn.Linear(5, 7))):
        for _ in range(60):
            layer(tf.zeros(1, 5))
        largest = np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)[0]
        assert largest == pytest.approx(1.0, abs=1e-3)


def test_old_states_of_weight_norm_load_into_the_new_one() -> None:
    old, new = nn.utils.weight_norm(nn.Linear(3, 2)), parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    x = tf.ones(1, 3)
    assert new(x).allclose(old(x))
    with pytest.raises(ValueError, match="has no weight norm"):
        nn.utils.remove_weight_norm(nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="has a spectral norm already"):
        nn.utils.spectral_norm(nn.utils.spectral_norm(nn.Linear(2, 2)))


# --- Lazy layers


LAZY: list[tuple[Any, tuple[int, ...], str]] = [
    (lambda: nn.LazyLinear(3), (2, 5), "Linear(in_features=5, out_features=3, bias=True)"),
    (lambda: nn.LazyConv1d(4, 3), (2, 5, 8), "Conv1d(5, 4, kernel_size=(3,), stride=(1,))"),
    (lambda: nn.LazyConv2d(4, 3, groups=2, bias=False), (2, 6, 8, 8),
     "Conv2d(6, 4, kernel_size=(3, 3), stride=(1, 1), groups=2, bias=False)"),
    (lambda: nn.LazyConv3d(2, 2), (3, 4, 4, 4), "Conv3d(3, 2, kernel_size=(2, 2, 2), stride=(1, 1, 1))"),
    (lambda: nn.LazyConvTranspose1d(4, 3), (2, 5, 8), "ConvTranspose1d(5, 4, kernel_size=(3,), stride=(1,))"),
    (lambda: nn.LazyConvTranspose2d(4, 2), (1, 3, 4, 4), "ConvTranspose2d(3, 4, kernel_size=(2, 2), stride=(1, 1))"),
    (lambda: nn.LazyBatchNorm2d(), (2, 5, 3, 3),
     "BatchNorm2d(5, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"),
    (lambda: nn.LazyInstanceNorm1d(), (4, 6),
     "InstanceNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shape", "text"), LAZY)
def test_a_lazy_layer_becomes_an_ordinary_one(make: Any, shape: tuple[int, ...], text: str) -> None:
    layer = make()
    parameters = list(layer.parameters())
    assert layer.has_uninitialized_params()
    copied = copy.deepcopy(layer)
    layer(tf.randn(*shape))
    assert repr(layer) == text
    # An optimizer that was given the parameters before still has them.
    assert all(a is b for a, b in zip(parameters, layer.parameters(), strict=True))
    assert not layer._forward_pre_hooks
    other = make()
    other.load_state_dict(layer.state_dict())
    x = tf.randn(*shape)
    assert other.eval()(x).allclose(layer.eval()(x))
    assert repr(other) == text
    assert copied.has_uninitialized_params()


def test_lazy_layers_train_like_others() -> None:
    tf.manual_seed(0)
    model = nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(1))
    model(tf.ones(2, 3))
    optimizer = tf.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = (model(tf.ones(2, 3)) - 3).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_lazy_layers_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"^LazyConv1d: in_channels must be divisible by groups"):
        nn.LazyConv1d(4, 1, groups=2)(tf.zeros(1, 3, 4))
    with pytest.raises(RuntimeError, match=r"^LazyConv2d: expected 3D or 4D input; got 2D"):
        nn.LazyConv2d(4, 1)(tf.zeros(3, 4))


def test_a_buffer_registers_itself() -> None:
    module = nn.Module()
    module.kept = nn.Buffer(tf.ones(2))
    module.passing = nn.Buffer(tf.zeros(1), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "passing"]
    assert list(module.state_dict()) == ["kept"]
    assert list(copy.deepcopy(module).state_dict()) == ["kept"]


def test_fused_layers_do_what_both_did() -> None:
    tf.manual_seed(3)
    bn = nn.BatchNorm2d(4)
    bn(tf.randn(8, 4, 3, 3))
    bn.eval()
    x = tf.randn(2, 3, 6, 6)
    for conv, transpose in ((nn.Conv2d(3, 4, 3, bias=False), False), (nn.ConvTranspose2d(3, 4, 2), True)):
        conv.eval()
        fused = nn.utils.fuse_conv_bn_eval(conv, bn, transpose)
        np.testing.assert_allclose(fused(x).detach().numpy(), bn(conv(x)).detach().numpy(), atol=1e-5)
    with pytest.raises(AssertionError, match="evaluation only"):
        nn.utils.fuse_conv_bn_eval(nn.Conv2d(3, 4, 3), bn)


def test_what_has_no_shape_yet_refuses_to_be_computed_with() -> None:
    layer = nn.LazyBatchNorm1d()
    for tensor in (layer.weight, layer.running_mean):
        assert nn.parameter.is_lazy(tensor)
        for use in (lambda x: x + 1, lambda x: 1 - x, lambda x: x @ x, lambda x: x.numel(), len, lambda x: x[0]):
            with pytest.raises(ValueError, match=r"^\w+: an uninitialized parameter or buffer has no elements yet"):
                use(tensor)
        with pytest.raises(RuntimeError, match=r"^shape: an uninitialized parameter or buffer has no shape yet"):
            tensor.shape  # noqa: B018
    layer.double().zero_grad()
    tf.optim.SGD(layer.parameters(), lr=0.1).step()
    assert layer.has_uninitialized_params()
    layer(tf.zeros(4, 3, dtype=tf.float64))
    assert layer.running_mean.dtype == tf.float64
    assert not any(nn.parameter.is_lazy(tensor) for tensor in (*layer.parameters(), *layer.buffers()))


def test_a_lazy_state_fits_no_ordinary_layer() -> None:
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        nn.Linear(2, 3).load_state_dict(nn.LazyLinear(3).state_dict())
    with pytest.raises(RuntimeError, match='"weight" has no shape yet'):
        nn.Linear(2, 3).load_state_dict(nn.LazyLinear(3).state_dict(keep_vars=True))


def test_batch_norms_load_states_that_do_not_count_batches() -> None:
    layer = nn.BatchNorm1d(2)
    layer(tf.ones(3, 2))
    state = layer.state_dict()
    del state["num_batches_tracked"]
    other = nn.Sequential(nn.BatchNorm1d(2))
    other.load_state_dict({f"0.{name}": value for name, value in state.items()})
    assert other[0].num_batches_tracked == 0
    assert other[0].running_var.equal(layer.running_var)
