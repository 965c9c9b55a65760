"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import check_positive, new_tensor_options
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """Returns its input, whatever the arguments were: a place in a model that does nothing.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Identity()(tf.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """``y = x Wᵀ + b`` on the last axis: `(*, in_features)` to `(*, out_features)`.

    ``weight`` `(out_features, in_features)` and ``bias`` `(out_features,)` begin uniform in ±1/√in_features.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Linear(20, 30)(tf.zeros(128, 20)).shape
    (128, 30)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        options = new_tensor_options(device, dtype)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(_core.empty((out_features, in_features), **options))
        if bias:
            self.bias = Parameter(_core.empty(out_features, **options))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        # a = √5 makes the bound 1/√in_features.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """``y = x₁ᵀ A x₂ + b``: `(*, in1_features)` and `(*, in2_features)` to `(*, out_features)`.

    ``weight`` `(out_features, in1_features, in2_features)` and ``bias`` begin uniform in ±1/√in1_features.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Bilinear(20, 30, 40)(tf.zeros(128, 20), tf.zeros(128, 30)).shape
    (128, 40)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_positive("Bilinear", in1_features=in1_features)
        options = new_tensor_options(device, dtype)
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(_core.empty((out_features, in1_features, in2_features), **options))
        if bias:
            self.bias = Parameter(_core.empty(out_features, **options))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
