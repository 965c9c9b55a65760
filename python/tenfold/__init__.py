"""Tenfold: train, fine-tune and run neural networks from one small wheel.

Functions of this level follow the Python array API standard; what the standard does not have follows PyTorch.
Methods of :class:`Tensor` and everything in ``nn``, ``optim`` and ``utils.data`` follow PyTorch.

>>> import tenfold as tf
>>> x = tf.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

from tenfold import _core
from tenfold._core import *  # noqa: F403  (the generated stub lists the names)

__version__ = _core.__version__
__array_api_version__ = "2024.12"

e = 2.718281828459045
inf = float("inf")
nan = float("nan")
newaxis = None
pi = 3.141592653589793

from tenfold import autograd  # noqa: E402, F401
from tenfold.autograd import enable_grad, no_grad, set_grad_enabled  # noqa: E402, F401
