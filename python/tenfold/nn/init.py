"""Initialisers: they fill a tensor in place, without recording gradients, and return it.

Random ones draw by ``generator``, else by the numbers that ``manual_seed`` begins. A tensor's fan-in is the number
of inputs of one output, its fan-out the other way round: for weights `(out, in, *kernel)` they are in·∏kernel and
out·∏kernel.
"""

from __future__ import annotations

from tenfold._core import Generator, Tensor, _init

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The recommended factor of a nonlinearity; ``param`` is the slope of "leaky_relu" (default 0.01).

    >>> from tenfold.nn import init
    >>> init.calculate_gain("tanh")
    1.6666666666666667
    """
    return _init.calculate_gain(nonlinearity, param)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fills with ``val``.

    >>> import tenfold as tf
    >>> from tenfold.nn import init
    >>> init.constant_(tf.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return _init.constant_(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fills with 0."""
    return _init.zeros_(tensor)


def ones_(tensor: Tensor) -> Tensor:
    """Fills with 1."""
    return _init.ones_(tensor)


def eye_(tensor: Tensor) -> Tensor:
    """The identity, in a matrix.

    >>> import tenfold as tf
    >>> from tenfold.nn import init
    >>> init.eye_(tf.empty(2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    return _init.eye_(tensor)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The kernel of a convolution (3 to 5 axes) that passes as many channels on as it can."""
    return _init.dirac_(tensor, groups)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from the uniform distribution on [``a``, ``b``)."""
    return _init.uniform_(tensor, a, b, generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws from the normal distribution."""
    return _init.normal_(tensor, mean, std, generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Draws from the normal distribution within [``a``, ``b``]."""
    return _init.trunc_normal_(tensor, mean, std, a, b, generator)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws uniformly from ±``gain``·√(6/(fan_in + fan_out)).

    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """
    return _init.xavier_uniform_(tensor, gain, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draws normally with deviation ``gain``·√(2/(fan_in + fan_out))."""
    return _init.xavier_normal_(tensor, gain, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draws uniformly from ±gain·√(3/fan), with the gain of ``nonlinearity`` (``a`` is leaky_relu's slope).

    K. He et al., Delving Deep into Rectifiers, 2015, https://arxiv.org/abs/1502.01852
    """
    return _init.kaiming_uniform_(tensor, a, mode, nonlinearity, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draws normally with deviation gain/√fan, with the gain of ``nonlinearity`` (``a`` is leaky_relu's slope)."""
    return _init.kaiming_normal_(tensor, a, mode, nonlinearity, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Rows (or columns, where there are fewer) that are orthogonal and of length ``gain``.

    Axes after the first count as one; ValueError for fewer than two axes.

    A. Saxe, J. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of learning, 2013,
    https://arxiv.org/abs/1312.6120

    >>> import tenfold as tf
    >>> from tenfold.nn import init
    >>> weight = init.orthogonal_(tf.empty(2, 5))
    >>> (weight @ weight.T).allclose(tf.eye(2), atol=1e-6)
    True
    """
    return _init.orthogonal_(tensor, gain, generator)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers with deviation ``std`` in a matrix, of which the share ``sparsity`` of each column is 0.

    J. Martens, Deep learning via Hessian-free optimization, 2010.

    >>> import tenfold as tf
    >>> from tenfold.nn import init
    >>> (init.sparse_(tf.empty(10, 3), sparsity=0.35) == 0).sum(0).tolist()
    [4, 4, 4]
    """
    return _init.sparse_(tensor, sparsity, std, generator)
