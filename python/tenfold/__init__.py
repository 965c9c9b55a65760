"""Tenfold: train, fine-tune and run neural networks from one small wheel.

Functions of this level follow the Python array API standard; what the standard does not have follows PyTorch.
Methods of :class:`Tensor` and everything in ``nn``, ``optim`` and ``utils.data`` follow PyTorch.

>>> import tenfold as tf
>>> x = tf.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

import builtins as _builtins
from importlib import import_module as _import_module

from tenfold import _core
from tenfold._core import *  # noqa: F403  (the generated stub lists the names)
from tenfold._core import Tensor

__version__ = _core.__version__
__array_api_version__ = "2024.12"

e = 2.718281828459045
inf = float("inf")
nan = float("nan")
newaxis = None
pi = 3.141592653589793

from tenfold._array_api import (  # noqa: E402, F401
    __array_namespace_info__,
    can_cast,
    finfo,
    iinfo,
    isdtype,
    result_type,
)
from tenfold.amp import (  # noqa: E402, F401
    autocast,
    get_autocast_dtype,
    get_float32_matmul_precision,
    is_autocast_enabled,
    set_float32_matmul_precision,
)
from tenfold.autograd import enable_grad, no_grad, set_grad_enabled  # noqa: E402, F401

TYPE_CHECKING = False  # `typing` itself would cost a fifth of the import
if TYPE_CHECKING:
    from tenfold import datasets, func, metrics, nn, optim, profiler, safetensors, text, train, transforms, utils  # noqa: F401
    from tenfold.func import vmap  # noqa: F401
    from tenfold.utils.model_summary import summary  # noqa: F401

# PyTorch's names for what the standard does not have: the methods, called as functions.
addcdiv = Tensor.addcdiv
addcmul = Tensor.addcmul
allclose = Tensor.allclose
amax = Tensor.amax
amin = Tensor.amin
bernoulli = Tensor.bernoulli
bincount = Tensor.bincount
bmm = Tensor.bmm
chunk = Tensor.chunk
clamp = Tensor.clamp
clone = Tensor.clone
cummax = Tensor.cummax
cummin = Tensor.cummin
cumprod = Tensor.cumprod
cumsum = Tensor.cumsum
det = Tensor.det
detach = Tensor.detach
diag = Tensor.diag
diagonal = Tensor.diagonal
dot = Tensor.dot
flatten = Tensor.flatten
gather = Tensor.gather
index_add = Tensor.index_add
index_select = Tensor.index_select
inverse = Tensor.inverse
is_complex = Tensor.is_complex
is_floating_point = Tensor.is_floating_point
isclose = Tensor.isclose
kthvalue = Tensor.kthvalue
log_softmax = Tensor.log_softmax
logcumsumexp = Tensor.logcumsumexp
logsumexp = Tensor.logsumexp
masked_fill = Tensor.masked_fill
masked_select = Tensor.masked_select
median = Tensor.median
mm = Tensor.mm
movedim = Tensor.movedim
multinomial = Tensor.multinomial
mv = Tensor.mv
nan_to_num = Tensor.nan_to_num
narrow = Tensor.narrow
norm = Tensor.norm
numel = Tensor.numel
outer = Tensor.outer
permute = Tensor.permute
quantile = Tensor.quantile
repeat_interleave = Tensor.repeat_interleave
scatter = Tensor.scatter
scatter_add = Tensor.scatter_add
select = Tensor.select
softmax = Tensor.softmax
split = Tensor.split
swapaxes = Tensor.swapaxes
swapdims = Tensor.swapdims
t = Tensor.t
take_along_dim = Tensor.take_along_dim
topk = Tensor.topk
trace = Tensor.trace
transpose = Tensor.transpose
unbind = Tensor.unbind
unflatten = Tensor.unflatten
unique = Tensor.unique
unique_consecutive = Tensor.unique_consecutive
unsqueeze = Tensor.unsqueeze


def is_tensor(obj: object) -> _builtins.bool:
    """True for a tensor."""
    return isinstance(obj, Tensor)


def _int_mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of int8 matrices ``(n, k)`` and ``(k, m)``, summed in int32: PyTorch's name for it.

    >>> import tenfold as tf
    >>> tf._int_mm(tf.full((1, 2), 100, dtype=tf.int8), tf.full((2, 1), 100, dtype=tf.int8)).tolist()
    [[20000]]
    """
    if input.dtype != _core.int8 or mat2.dtype != _core.int8 or input.ndim != 2 or mat2.ndim != 2:
        raise RuntimeError(
            f"_int_mm: needs two int8 matrices; got {input.dtype} {tuple(input.shape)} "
            f"and {mat2.dtype} {tuple(mat2.shape)}"
        )
    return _core._int_mm(input, mat2)


_SUBPACKAGES = (
    "amp",
    "datasets",
    "func",
    "metrics",
    "nn",
    "optim",
    "profiler",
    "safetensors",
    "text",
    "train",
    "transforms",
    "utils",
)


def __getattr__(name: str) -> object:
    """Subpackages are imported when they are first used."""
    if name in _SUBPACKAGES:
        return _import_module(f"tenfold.{name}")
    if name == "summary":
        return _import_module("tenfold.utils.model_summary").summary
    if name == "vmap":
        return _import_module("tenfold.func").vmap
    raise AttributeError(f"module 'tenfold' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBPACKAGES, "summary", "vmap"})


def _start_profile() -> None:
    import os

    if path := os.environ.get("TENFOLD_PROFILE"):
        from tenfold.profiler import _profile_process

        _profile_process(path)


_start_profile()
