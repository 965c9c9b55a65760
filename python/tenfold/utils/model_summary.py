"""What a model is made of: shapes, parameters, operations and memory, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenfold import _core
from tenfold._core import Tensor

if TYPE_CHECKING:
    from tenfold.nn.modules.module import Module

__all__ = ["LayerSummary", "ModelSummary", "summary"]


@dataclass
class LayerSummary:
    """One call of a module; ``name`` is its place in the model, ``depth`` how many modules are around it.

    ``parameters`` and ``trainable`` count numbers, each parameter once: a layer that is called again, or shares its
    weights, has 0. ``flops`` counts floating-point operations of one call, those of its parts included: a
    multiplication and an addition are two.
    """

    name: str
    kind: str
    depth: int
    output_shape: Any = None
    parameters: int = 0
    trainable: int = 0
    flops: int = 0
    output_bytes: int = 0
    has_parts: bool = False


@dataclass
class ModelSummary:
    """What :func:`summary` finds: ``layers`` in the order of their calls, and totals. Printed, it is a table.

    ``parameters`` and ``trainable`` count numbers, ``flops`` floating-point operations of one forward pass,
    ``parameter_bytes`` the memory of parameters and buffers, ``output_bytes`` that of the results of all layers
    without parts (what training keeps, about), ``input_bytes`` that of the input.
    """

    layers: list[LayerSummary] = field(default_factory=list)
    parameters: int = 0
    trainable: int = 0
    flops: int = 0
    input_bytes: int = 0
    parameter_bytes: int = 0
    output_bytes: int = 0

    def __str__(self) -> str:
        rows = [("layer (kind)", "output shape", "parameters", "FLOPs")]
        for layer in self.layers:
            name = layer.name.rpartition(".")[2] or "model"
            rows.append(
                (
                    f"{'  ' * layer.depth}{name} ({layer.kind})",
                    str(layer.output_shape),
                    f"{layer.parameters:,}" if layer.parameters else "–",
                    _short(layer.flops),
                )
            )
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}" for row in rows
        ]
        rule = "─" * len(lines[0])
        kept = self.input_bytes + self.parameter_bytes + self.output_bytes
        return "\n".join(
            [
                *(lines[0], rule, *lines[1:], rule),
                f"parameters  {self.parameters:,} ({self.trainable:,} trainable)",
                f"FLOPs       {_short(self.flops)} in one forward pass",
                f"memory      {_bytes(kept)}: parameters {_bytes(self.parameter_bytes)}, outputs "
                f"{_bytes(self.output_bytes)}, input {_bytes(self.input_bytes)}",
            ]
        )

    __repr__ = __str__


def summary(model: Module, input_shape: Any = None, *, inputs: Any = None, dtype: Any = None) -> ModelSummary:
    """Calls a model once and tells its layers, with shapes, parameters, operations and memory.

    ``input_shape`` has all axes, the batch's too: ``(1, 3, 32, 32)``; a list of such for several inputs. The input is
    zeros of ``dtype``, float32 unless told (int64 for numbers of tokens; a list of one an input). Or ``inputs`` is
    what the model is called with: a tensor, a tuple of arguments, or a dictionary. The call is in evaluation mode,
    without gradients, and leaves the model as it was. Operations are counted by the kernels that run.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    >>> report = tf.summary(model, (1, 1, 8, 8))
    >>> report.parameters, [layer.output_shape for layer in report.layers]
    (1490, [(1, 10), (1, 4, 6, 6), (1, 4, 6, 6), (1, 144), (1, 10)])
    >>> print(report)  # doctest: +ELLIPSIS
    layer (kind)  ...
    """
    from tenfold.nn.modules.module import Module

    if not isinstance(model, Module):
        raise TypeError(f"summary: model should be a Module; got {type(model).__name__}")
    if (input_shape is None) == (inputs is None):
        raise ValueError("summary: needs either input_shape or inputs")
    if inputs is None:
        inputs = _zeros(input_shape, dtype)
    return _Watch(model).run(inputs)


def _zeros(shapes: Any, dtype: Any) -> tuple[Tensor, ...]:
    several = list(shapes) if isinstance(shapes, list) and not all(isinstance(one, int) for one in shapes) else [shapes]
    dtypes = list(dtype) if isinstance(dtype, list | tuple) else [dtype] * len(several)
    if len(dtypes) != len(several):
        raise ValueError(f"summary: {len(several)} inputs need as many dtypes; got {len(dtypes)}")
    return tuple(_core.zeros(tuple(shape), dtype=kind) for shape, kind in zip(several, dtypes, strict=True))


class _Watch:
    """Stands at the beginning and the end of every module's call."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.report = ModelSummary()
        self.names = {id(module): name for name, module in model.named_modules()}
        self.open: list[LayerSummary] = []
        self.counted: set[int] = set()

    def run(self, inputs: Any) -> ModelSummary:
        from tenfold.autograd import no_grad

        arguments, named = ((), inputs) if isinstance(inputs, dict) else (inputs, {})
        if isinstance(arguments, Tensor):
            arguments = (arguments,)
        modes = [(module, module.training) for module in self.model.modules()]
        handles: list[Any] = []
        try:
            for module in self.model.modules():
                handles.append(module.register_forward_pre_hook(self._begin, prepend=True))
                handles.append(module.register_forward_hook(self._end))
            self.model.eval()
            with no_grad():
                self._count()
                self.model(*arguments, **named)
        finally:
            _core._profile.stop()
            for handle in handles:
                handle.remove()
            for module, mode in modes:
                module.training = mode
        self._total(_tensors([*arguments, *named.values()]))
        return self.report

    def _count(self) -> int:
        """Operations since the last time."""
        _core.synchronize()
        flops = sum(row[4] for row in _core._profile.stop()) if self.open else 0
        _core._profile.start()
        return flops

    def _begin(self, module: Module, _arguments: Any) -> None:
        if self.open:
            self.open[-1].flops += self._count()
            self.open[-1].has_parts = True
        layer = LayerSummary(self.names[id(module)], type(module).__name__, len(self.open))
        for param in module._parameters.values():
            if param is not None and id(param) not in self.counted:
                self.counted.add(id(param))
                layer.parameters += param.numel()
                layer.trainable += param.numel() if param.requires_grad else 0
        self.report.layers.append(layer)
        self.open.append(layer)

    def _end(self, _module: Module, _arguments: Any, output: Any) -> None:
        self.open[-1].flops += self._count()
        layer = self.open.pop()
        results = _tensors(output)
        shapes = [tuple(tensor.shape) for tensor in results]
        layer.output_shape = shapes[0] if len(shapes) == 1 else shapes
        layer.output_bytes = sum(_size(tensor) for tensor in results)
        if self.open:
            self.open[-1].flops += layer.flops
            self.open[-1].parameters += layer.parameters
            self.open[-1].trainable += layer.trainable

    def _total(self, inputs: Sequence[Tensor]) -> None:
        report = self.report
        params = list(self.model.parameters())
        report.parameters = sum(param.numel() for param in params)
        report.trainable = sum(param.numel() for param in params if param.requires_grad)
        report.flops = report.layers[0].flops
        report.input_bytes = sum(_size(tensor) for tensor in inputs)
        report.parameter_bytes = sum(_size(tensor) for tensor in [*params, *self.model.buffers()])
        report.output_bytes = sum(layer.output_bytes for layer in report.layers if not layer.has_parts)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, list | tuple) else []


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _short(count: float) -> str:
    return _scaled(count, ("", " k", " M", " G", " T"))


def _bytes(count: float) -> str:
    return _scaled(count, (" B", " kB", " MB", " GB", " TB"))


def _scaled(count: float, units: tuple[str, ...]) -> str:
    power = 0
    while count >= 1000 and power < len(units) - 1:
        count /= 1000
        power += 1
    return f"{count:.3g}{units[power]}"
