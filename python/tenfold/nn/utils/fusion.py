"""Batch norm folded into the layer before it, for evaluation."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

_Layer = TypeVar("_Layer", bound=Module)


def _fused(
    weight: Tensor,
    bias: Tensor | None,
    shape: tuple[int, ...],
    mean: Tensor,
    variance: Tensor,
    eps: float,
    factor: Tensor | None,
    offset: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias with (x − mean)/√(variance + eps)·factor + offset behind them; ``shape`` is that of factors."""
    with no_grad():
        scale = (variance + eps).rsqrt()
        if factor is not None:
            scale = scale * factor
        start = _core.zeros_like(mean) if bias is None else bias
        new_bias = (start - mean) * scale
        if offset is not None:
            new_bias = new_bias + offset
        new_weight = (weight * scale.reshape(*shape)).to(weight.dtype)
        trained = bias.requires_grad if bias is not None else weight.requires_grad
        bias_dtype = weight.dtype if bias is None else bias.dtype
        return Parameter(new_weight, weight.requires_grad), Parameter(new_bias.to(bias_dtype), trained)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution with batch norm folded in; ``transpose`` for transposed ones."""
    rest = (1,) * (conv_w.ndim - 2)
    shape = (1, -1, *rest) if transpose else (-1, 1, *rest)
    return _fused(conv_w, conv_b, shape, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer with batch norm folded in."""
    return _fused(linear_w, linear_b, (-1, 1), bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _check(operation: str, layer: Module, bn: Any) -> None:
    if layer.training or bn.training:
        raise AssertionError(f"{operation}: fusion is for evaluation only. Hint: call eval() on both")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError(f"{operation}: the batch norm has no running statistics")


def fuse_conv_bn_eval(conv: _Layer, bn: Any, transpose: bool = False) -> _Layer:
    """A copy of a convolution that does what it and the batch norm behind it do, in evaluation.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.nn.utils import fuse_conv_bn_eval
    >>> conv, bn = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
    >>> x = tf.ones(1, 1, 4, 4)
    >>> fuse_conv_bn_eval(conv, bn)(x).allclose(bn(conv(x)), atol=1e-6)
    True
    """
    _check("fuse_conv_bn_eval", conv, bn)
    fused: Any = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_eval(linear: _Layer, bn: Any) -> _Layer:
    """A copy of a linear layer that does what it and the batch norm behind it do, in evaluation.

    The batch norm has as many features as the layer has outputs, or one.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> from tenfold.nn.utils import fuse_linear_bn_eval
    >>> linear, bn = nn.Linear(3, 2).eval(), nn.BatchNorm1d(2).eval()
    >>> x = tf.ones(4, 3)
    >>> fuse_linear_bn_eval(linear, bn)(x).allclose(bn(linear(x)), atol=1e-6)
    True
    """
    _check("fuse_linear_bn_eval", linear, bn)
    fused: Any = copy.deepcopy(linear)
    if bn.num_features not in (1, fused.out_features):
        raise AssertionError(
            f"fuse_linear_bn_eval: {fused.out_features} outputs with {bn.num_features} features of batch norm"
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused
