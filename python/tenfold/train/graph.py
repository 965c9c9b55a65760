"""The modules that a call goes through, as TensorBoard draws them."""

from __future__ import annotations

from typing import Any

from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn.modules.module import Module
from tenfold.train.step import call

__all__ = ["calls_of", "graph_of"]


def calls_of(model: Module, inputs: Any) -> list[tuple[str, str, list[str], tuple[int, ...]]]:
    """The calls of modules without parts, in order: name, class, from which calls its inputs come, shape of the output.

    A tensor that was computed between modules counts as the output of the call before.
    """
    calls: list[tuple[str, str, list[str], tuple[int, ...]]] = []
    # The tensors are kept, so that no later one has the number of an earlier one.
    made: dict[int, tuple[Tensor, str]] = {}
    times: dict[str, int] = {}
    handles = []

    def hook_of(name: str) -> Any:
        def hook(module: Module, arguments: tuple[Any, ...], output: Any) -> None:
            times[name] = times.get(name, 0) + 1
            own = name if times[name] == 1 else f"{name}_{times[name]}"
            before = calls[-1][0] if calls else "input"
            sources = [made[id(one)][1] if id(one) in made else before for one in _tensors(arguments)]
            results = _tensors(output)
            for tensor in results:
                made[id(tensor)] = (tensor, own)
            shape = tuple(results[0].shape) if results else ()
            calls.append((own, type(module).__name__, list(dict.fromkeys(sources)) or [before], shape))

        return hook

    was_training = model.training
    for tensor in _tensors(inputs):
        made[id(tensor)] = (tensor, "input")
    try:
        for name, module in model.named_modules():
            if not any(True for _ in module.children()):
                handles.append(module.register_forward_hook(hook_of(name.replace(".", "/") or type(module).__name__)))
        model.eval()
        with no_grad():
            call(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
        model.train(was_training)
    return calls


def graph_of(model: Module, inputs: Any) -> Any:
    """The calls as the GraphDef of TensorFlow, which TensorBoard draws."""
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboardX.proto.versions_pb2 import VersionDef

    def shaped(shape: tuple[int, ...]) -> Any:
        sizes = [TensorShapeProto.Dim(size=extent) for extent in shape]
        return AttrValue(list=AttrValue.ListValue(shape=[TensorShapeProto(dim=sizes)]))

    first = _tensors(inputs)
    nodes = [NodeDef(name="input", op="input", attr={"_output_shapes": shaped(tuple(first[0].shape) if first else ())})]
    for name, kind, sources, shape in calls_of(model, inputs):
        nodes.append(NodeDef(name=name, op=kind, input=sources, attr={"_output_shapes": shaped(shape)}))
    return GraphDef(node=nodes, versions=VersionDef(producer=22))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, list | tuple) else []
