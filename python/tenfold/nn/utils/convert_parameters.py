"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from tenfold import _core
from tenfold._core import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, in order, as one vector.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils import parameters_to_vector
    >>> parameters_to_vector([tf.ones(2, 2), tf.zeros(1)])
    tensor([1., 1., 1., 1., 0.])
    """
    return _core.cat([parameter.reshape(-1) for parameter in parameters], 0)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Writes the elements of a vector into the parameters, in order; ValueError where their numbers differ.

    >>> import tenfold as tf
    >>> from tenfold.nn.utils import vector_to_parameters
    >>> x = tf.zeros(2)
    >>> vector_to_parameters(tf.tensor([1.0, 2.0]), [x])
    >>> x
    tensor([1., 2.])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: needs a tensor; got {type(vec).__name__}")
    targets = list(parameters)
    needed = sum(parameter.numel() for parameter in targets)
    if vec.numel() != needed:
        raise ValueError(f"vector_to_parameters: {needed} elements are needed; got {vec.numel()}")
    start = 0
    for parameter in targets:
        count = parameter.numel()
        parameter.data = vec[start : start + count].reshape(*parameter.shape).to(parameter.dtype)
        start += count
