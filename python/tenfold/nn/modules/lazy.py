"""Layers that learn from their first input how many features they have."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm
from tenfold.nn.modules.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tenfold.nn.modules.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, _InstanceNorm
from tenfold.nn.modules.linear import Linear
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
]

_Sizes = int | Iterable[int]


def _infer(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before the first forward: gives the parameters their shapes, and the module its lasting class."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(f"{type(module).__name__}: has not been fully initialized by initialize_parameters")
    for hooks, function in ((module._forward_pre_hooks, _infer), (module._hooks_of("load_pre"), _take_shapes)):
        for number, hook in list(hooks.items()):
            if hook.function is function:
                del hooks[number]
    if not module._hooks_of("load_pre"):
        module._more_hooks.pop("load_pre", None)
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


def _take_shapes(module: Any, state: dict[str, Any], prefix: str, *_others: Any) -> None:
    """Before a state is loaded: its shapes are the module's."""
    for name, tensor in chain(module._parameters.items(), module._buffers.items()):
        given = state.get(prefix + name)
        if not isinstance(given, Tensor) or is_lazy(given) or tuple(given.shape) == (0,):
            continue
        if isinstance(tensor, UninitializedParameter):
            tensor.materialize(tuple(given.shape))
        elif isinstance(tensor, UninitializedBuffer):
            module._buffers[name] = _core.zeros(tuple(given.shape), dtype=tensor.dtype)


class LazyModuleMixin:
    """For classes ``(LazyModuleMixin, SomeModule)``: the first forward calls ``initialize_parameters(input)``.

    From then on the module is a ``cls_to_become``.
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        module: Any = self
        module.register_forward_pre_hook(_infer, with_kwargs=True)
        module.register_load_state_dict_pre_hook(_take_shapes)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives all parameters their shapes, from the arguments of the first forward."""
        raise NotImplementedError(f"initialize_parameters: {type(self).__name__} does not define it")

    def has_uninitialized_params(self) -> bool:
        """True while a parameter or buffer has no shape."""
        module: Any = self
        tensors = chain(module._parameters.values(), module._buffers.values())
        return any(is_lazy(tensor) for tensor in tensors)

    def _leave_open(self, device: Any, dtype: Any, *names: str) -> None:
        """Parameters of these names, without shapes."""
        for name in names:
            module: Any = self
            module._parameters[name] = UninitializedParameter(device=device, dtype=dtype)


class LazyLinear(LazyModuleMixin, Linear):
    """A :class:`Linear` whose ``in_features`` is the last extent of its first input.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> layer = nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> layer(tf.zeros(2, 5)).shape, layer
    ((2, 3), Linear(in_features=5, out_features=3, bias=True))
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        # Without outputs there is nothing to draw.
        super().__init__(0, 0, bias, device, dtype)
        self.out_features = out_features
        self._leave_open(device, dtype, "weight", *(["bias"] if bias else []))

    def initialize_parameters(self, input: Tensor) -> None:
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            shapes = ((self.out_features, self.in_features), (self.out_features,))
            for tensor, shape in zip((self.weight, self.bias), shapes, strict=True):
                if isinstance(tensor, UninitializedParameter):
                    tensor.materialize(shape)
            self.reset_parameters()
        elif self.in_features == 0:
            self.in_features = self.weight.shape[-1]


class _LazyConvolution(LazyModuleMixin):
    """What lazy convolutions share; the base's constructor makes a layer of no channels first."""

    def _open(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.out_channels = out_channels
        self._leave_open(device, dtype, "weight", *(["bias"] if bias else []))

    def initialize_parameters(self, input: Tensor) -> None:
        layer: Any = self
        if not self.has_uninitialized_params():
            if layer.in_channels == 0:
                layer.in_channels = layer.weight.shape[0 if layer.transposed else 1] * (
                    1 if layer.transposed else layer.groups
                )
            return
        ranks = (layer._rank + 1, layer._rank + 2)
        if input.ndim not in ranks:
            raise RuntimeError(f"{type(self).__name__}: expected {ranks[0]}D or {ranks[1]}D input; got {input.ndim}D")
        layer.in_channels = input.shape[-layer._rank - 1]
        if layer.in_channels % layer.groups:
            raise ValueError(
                f"{type(self).__name__}: in_channels must be divisible by groups; got in_channels={layer.in_channels}, "
                f"groups={layer.groups}"
            )
        first, second = layer.out_channels, layer.in_channels
        if layer.transposed:
            first, second = second, first
        layer.weight.materialize((first, second // layer.groups, *layer.kernel_size))
        if layer.bias is not None:
            layer.bias.materialize((layer.out_channels,))
        layer.reset_parameters()


class _LazyForward(_LazyConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: _Sizes,
        stride: _Sizes = 1,
        padding: str | _Sizes = 0,
        dilation: _Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        self._open(out_channels, bias, device, dtype)


class _LazyTransposed(_LazyConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: _Sizes,
        stride: _Sizes = 1,
        padding: _Sizes = 0,
        output_padding: _Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: _Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype
        )
        self._open(out_channels, bias, device, dtype)


class LazyConv1d(_LazyForward, Conv1d):
    """A :class:`Conv1d` whose ``in_channels`` are those of its first input.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> layer = nn.LazyConv1d(4, 3)
    >>> layer(tf.zeros(2, 5, 8)).shape, layer.weight.shape
    ((2, 4, 6), (4, 5, 3))
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyForward, Conv2d):
    """A :class:`Conv2d` whose ``in_channels`` are those of its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyForward, Conv3d):
    """A :class:`Conv3d` whose ``in_channels`` are those of its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):
    """A :class:`ConvTranspose1d` whose ``in_channels`` are those of its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):
    """A :class:`ConvTranspose2d` whose ``in_channels`` are those of its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):
    """A :class:`ConvTranspose3d` whose ``in_channels`` are those of its first input."""

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin):
    """What lazy batch and instance norms share."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.affine = affine
        self._leave_open(device, dtype, *(name for name in ("weight", "bias") if affine and (bias or name == "weight")))
        if track_running_stats:
            layer: Any = self
            for name in ("running_mean", "running_var"):
                layer._buffers[name] = UninitializedBuffer(device=device, dtype=dtype)

    def initialize_parameters(self, input: Tensor) -> None:
        layer: Any = self
        if not self.has_uninitialized_params():
            if layer.num_features == 0:
                known = (layer.weight, layer.running_mean)
                layer.num_features = next(len(tensor) for tensor in known if tensor is not None)
            return
        unbatched = isinstance(layer, _InstanceNorm) and input.ndim == layer._ranks[0]
        layer.num_features = input.shape[0 if unbatched else 1]
        for tensor in (layer.weight, layer.bias):
            if isinstance(tensor, UninitializedParameter):
                tensor.materialize((layer.num_features,))
        for name in ("running_mean", "running_var"):
            buffer = layer._buffers[name]
            if isinstance(buffer, UninitializedBuffer):
                layer._buffers[name] = _core.zeros(layer.num_features, dtype=buffer.dtype)
        _BatchNorm.reset_parameters(layer)


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A :class:`BatchNorm1d` whose ``num_features`` is the second extent of its first input.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> layer = nn.LazyBatchNorm1d()
    >>> layer(tf.zeros(2, 5)).shape, layer.weight.shape
    ((2, 5), (5,))
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A :class:`BatchNorm2d` whose ``num_features`` is the second extent of its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A :class:`BatchNorm3d` whose ``num_features`` is the second extent of its first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An :class:`InstanceNorm1d` whose ``num_features`` are the channels of its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """An :class:`InstanceNorm2d` whose ``num_features`` are the channels of its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """An :class:`InstanceNorm3d` whose ``num_features`` are the channels of its first input."""

    cls_to_become = InstanceNorm3d
