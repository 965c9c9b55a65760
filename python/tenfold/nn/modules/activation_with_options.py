"""Activations with constants to set, with parameters to learn, or along an axis."""

from __future__ import annotations

from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import new_tensor_options, not_offered
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardtanh",
    "LeakyReLU",
    "LogSoftmax",
    "PReLU",
    "RReLU",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Threshold",
]


def _in_place(inplace: bool) -> str:
    return ", inplace=True" if inplace else ""


class LeakyReLU(Module):
    """x where it is positive, ``negative_slope``·x elsewhere. With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.LeakyReLU(0.5)(tf.tensor([-2.0, 2.0]))
    tensor([-1.,  2.])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}{_in_place(self.inplace)}"


class RReLU(Module):
    """x where it is positive; elsewhere x times a slope, drawn from ``lower`` … ``upper`` for each element in training.

    In evaluation the slope is their mean. With ``inplace=True`` the input itself is changed.

    B. Xu et al., Empirical Evaluation of Rectified Activations, 2015, https://arxiv.org/abs/1505.00853

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.RReLU(0.25, 0.75).eval()(tf.tensor([-2.0, 2.0]))
    tensor([-1.,  2.])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}{_in_place(self.inplace)}"


class PReLU(Module):
    """x where it is positive, ``weight``·x elsewhere; the slope is learned, one for all or one a channel (axis 1).

    K. He et al., Delving Deep into Rectifiers, 2015, https://arxiv.org/abs/1502.01852

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.PReLU(init=0.5)(tf.tensor([-2.0, 2.0])).tolist()
    [-1.0, 2.0]
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(_core.empty(num_parameters, **new_tensor_options(device, dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The slope that it began with."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """x where it is positive, ``alpha``·(exp(x) − 1) elsewhere. With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ELU()(tf.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}{_in_place(self.inplace)}"


class CELU(Module):
    """max(0, x) + min(0, ``alpha``·(exp(x/alpha) − 1)). With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.CELU()(tf.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}{_in_place(self.inplace)}"


class GELU(Module):
    """x·Φ(x), Φ the normal distribution's cumulative function; ``approximate="tanh"`` is the usual approximation.

    D. Hendrycks and K. Gimpel, Gaussian Error Linear Units, 2016, https://arxiv.org/abs/1606.08415

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.GELU()(tf.tensor([0.0])).tolist()
    [0.0]
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + exp(``beta``·x))/beta; x itself where beta·x exceeds ``threshold``.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Softplus()(tf.tensor([30.0])).tolist()
    [30.0]
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardtanh(Module):
    """x clipped to ``min_val`` … ``max_val``. With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Hardtanh()(tf.tensor([-2.0, 0.5, 2.0])).tolist()
    [-1.0, 0.5, 1.0]
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        not_offered("Hardtanh", min_value=min_value, max_value=max_value)
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: max_val must exceed min_val; got {max_val} and {min_val}")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}{_in_place(self.inplace)}"


class Threshold(Module):
    """x where it exceeds ``threshold``, ``value`` elsewhere. With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Threshold(0.1, 20.0)(tf.tensor([0.0, 1.0]))
    tensor([20.,  1.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}{_in_place(self.inplace)}"


class Hardshrink(Module):
    """x outside −``lambd`` … ``lambd``, zero within.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Hardshrink()(tf.tensor([0.25, 1.0])).tolist()
    [0.0, 1.0]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    """x moved towards zero by ``lambd``, zero within −lambd … lambd.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Softshrink()(tf.tensor([0.25, 1.0])).tolist()
    [0.0, 0.5]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        if lambd < 0:
            raise ValueError(f"Softshrink: lambd must not be negative; got {lambd}")
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class GLU(Module):
    """a·sigmoid(b), where a and b are the halves of the input along ``dim``.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.GLU()(tf.zeros(4, 6)).shape
    (4, 3)
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class _AlongAxis(Module):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """exp(x)/Σ exp(x) along ``dim``; without one the axis is guessed as PyTorch does, with a warning.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Softmax(dim=1)(tf.zeros(1, 4)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongAxis):
    """x − log(Σ exp(x)) along ``dim``; without one the axis is guessed as PyTorch does, with a warning.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.LogSoftmax(dim=0)(tf.tensor([0.0])).tolist()
    [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmin(_AlongAxis):
    """exp(−x)/Σ exp(−x) along ``dim``; without one the axis is guessed as PyTorch does, with a warning.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Softmin(dim=1)(tf.zeros(1, 4)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of each place of `(N, C, H, W)` or `(C, H, W)`; ValueError for other ranks.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Softmax2d()(tf.zeros(2, 4, 1, 1)).flatten().tolist()
    [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise _core.ShapeError(f"Softmax2d: expected 3D or 4D input; got {input.ndim}D")
        return F.softmax(input, -3)
