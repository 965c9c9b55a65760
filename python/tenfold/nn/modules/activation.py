"""Activations of each element, without parameters to set."""

from __future__ import annotations

from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.nn.modules.module import Module

__all__ = [
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "LogSigmoid",
    "Mish",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


class _MaybeInPlace(Module):
    """An activation that can overwrite its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_MaybeInPlace):
    """max(0, x). With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ReLU()(tf.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class ReLU6(_MaybeInPlace):
    """min(max(0, x), 6). With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.ReLU6()(tf.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, inplace=self.inplace)


class SELU(_MaybeInPlace):
    """scale·(max(0, x) + min(0, α·(exp(x) − 1))) with α ≈ 1.6733 and scale ≈ 1.0507.

    G. Klambauer et al., Self-Normalizing Neural Networks, 2017, https://arxiv.org/abs/1706.02515

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.SELU()(tf.tensor([0.0]))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, inplace=self.inplace)


class SiLU(_MaybeInPlace):
    """x·sigmoid(x), also called swish. With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.SiLU()(tf.tensor([0.0]))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=self.inplace)


class Mish(_MaybeInPlace):
    """x·tanh(softplus(x)). With ``inplace=True`` the input itself is changed.

    D. Misra, Mish, 2019, https://arxiv.org/abs/1908.08681

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Mish()(tf.tensor([0.0]))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, inplace=self.inplace)


class Hardswish(_MaybeInPlace):
    """x·min(max(0, x + 3), 6)/6. With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Hardswish()(tf.tensor([-4.0, 0.0, 4.0]))
    tensor([-0., 0., 4.])
    """

    def extra_repr(self) -> str:
        return ""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class Hardsigmoid(_MaybeInPlace):
    """min(max(0, x + 3), 6)/6. With ``inplace=True`` the input itself is changed.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Hardsigmoid()(tf.tensor([-3.0, 0.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """

    def extra_repr(self) -> str:
        return ""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Sigmoid(Module):
    """1/(1 + exp(−x)).

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Sigmoid()(tf.tensor([0.0])).tolist()
    [0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        return input.sigmoid()


class LogSigmoid(Module):
    """log(1/(1 + exp(−x))), without overflow.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.LogSigmoid()(tf.tensor([-1000.0])).tolist()
    [-1000.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Tanh(Module):
    """tanh(x).

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Tanh()(tf.tensor([0.0])).tolist()
    [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return input.tanh()


class Tanhshrink(Module):
    """x − tanh(x).

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Tanhshrink()(tf.tensor([0.0])).tolist()
    [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Softsign(Module):
    """x/(1 + |x|).

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.Softsign()(tf.tensor([-1.0, 1.0])).tolist()
    [-0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)
