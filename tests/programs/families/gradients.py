"""Gradients: of anything that came of leaves, once or twice, with hooks and without recording."""

from __future__ import annotations

from typing import Any

from programs.language import Attribute, Binary, Evaluate, Global, SetAttribute, With
from programs.writer import Operand, Writer, call, dtype_of, family, method


def differentiable(operand: Operand) -> bool:
    return bool(operand.value.requires_grad)


@family(5)
def leaf(w: Writer) -> None:
    dtype = w.choose(("float32", "float32", "float32", "float64", "float64", "float16", "bfloat16", "complex64"))
    w.define(w.fresh(w.shape(), dtype, requires_grad=True))


@family(1.5)
def become_leaf(w: Writer) -> None:
    x = w.find(lambda x: x.is_floating)
    if x is None or w.own is not None:
        return
    if w.chance(0.6):
        w.define(method(method(x.name, "detach"), "requires_grad_"))
    else:
        w.do(method(x.name, "requires_grad_", w.chance(0.8)))


def scalar(w: Writer, x: Operand) -> Any:
    """A number that depends on a tensor."""
    inner: Any = w.dressed(x) if w.chance(0.4) else x.name
    if w.chance(0.3):
        other = w.find(lambda other: differentiable(other) and other.shape == x.shape)
        if other is not None:
            inner = Binary(w.choose("*+-"), inner, other.name)
    if x.dtype.startswith("complex"):
        inner = method(inner, "abs")
    return method(inner, w.choose(("sum", "sum", "mean")))


@family(7)
def backward(w: Writer) -> None:
    x = w.find(differentiable, tries=12)
    if x is None or w.own is not None:
        return
    options: dict[str, Any] = {}
    if w.chance(0.3):
        options["retain_graph"] = True
    if w.chance(0.1):
        options["create_graph"] = True
    if w.chance(0.2):
        gradient = w.fresh(x.shape, x.dtype)
        w.do(method(x.name, "backward", gradient, **options))
    elif w.chance(0.4):
        loss = w.define(scalar(w, x))
        if loss is not None:
            w.do(method(loss, "backward", **options))
    else:
        w.do(method(scalar(w, x), "backward", **options))


@family(5)
def grad(w: Writer) -> None:
    x = w.find(differentiable, tries=12)
    if x is None:
        return
    inputs = [w.find(differentiable) for _ in range(w.random.randint(1, 2))]
    names = [operand.name for operand in inputs if operand is not None]
    if not names:
        return
    again = w.chance(0.4)
    options = {"create_graph": True} if again else {}
    found = w.define(
        call("tf.autograd.grad", scalar(w, x), names, allow_unused=True, materialize_grads=True, **options),
        count=len(names),
    )
    if found is not None and again and w.machine.names[found.name].requires_grad:
        made = w.operand(found.name)
        w.define(
            call("tf.autograd.grad", scalar(w, made), [names[0]], allow_unused=True, materialize_grads=True), count=1
        )


@family(1.5)
def hook(w: Writer) -> None:
    x = w.find(differentiable)
    if x is None or w.own is not None:
        return
    name = w.choose(("double", "double", "nothing", "failing")) if w.chance(0.5) else "double"
    w.do(method(x.name, "register_hook", Global(name)))


@family(1)
def retain(w: Writer) -> None:
    x = w.find(lambda x: differentiable(x) and not x.value.is_leaf)
    if x is not None and w.own is None:
        w.do(method(x.name, "retain_grad"))


@family(2)
def use_gradient(w: Writer) -> None:
    """A step of descent written by hand, or the gradient cleared."""
    x = w.find(lambda x: x.value.is_leaf and x.value.grad is not None, tries=12)
    if x is None or w.own is not None:
        return
    gradient = Attribute(x.name, "grad")
    match w.random.randrange(5):
        case 0:
            w.emit(SetAttribute(x.name, "grad", None))
        case 1:
            w.do(method(gradient, "zero_"))
        case 2:
            w.define(gradient)
        case 3:
            w.do(method(Attribute(x.name, "data"), "sub_", Binary("*", gradient, 0.1)))
        case _:
            step = Evaluate(method(x.name, "sub_", Binary("*", gradient, 0.1)))
            w.emit(With(call("tf.no_grad"), (step, Evaluate(method(gradient, "zero_")))))


@family(2)
def custom(w: Writer) -> None:
    x = w.find(lambda x: differentiable(x) and x.is_floating)
    if x is not None:
        w.define(call("Cube.apply", x.name))


@family(1.5)
def unrecorded(w: Writer) -> None:
    """A few steps without recording."""
    context = call(w.choose(("tf.no_grad", "tf.no_grad", "tf.enable_grad")))
    with w.block() as body, context.evaluate({}):
        w.some(w.random.randint(1, 3))
    if body:
        w.body.append(With(context, tuple(body)))


@family(1)
def first_and_second_derivative(w: Writer) -> None:
    x = w.define(w.fresh(w.shape(max_rank=2), w.choose(("float32", "float64")), requires_grad=True))
    if x is None:
        return
    y = w.define(method(method(w.dressed(w.operand(x.name), depth=3), "tanh"), "sum"))
    if y is None or not w.operand(y.name).value.requires_grad:
        return
    first = w.define(method(call("tf.stack", [y, y]), "sum"))
    if first is None:
        return
    slope = call("tf.autograd.grad", first, [x], create_graph=True)
    made = w.define(slope, count=1)
    if made is not None and w.own is None:
        w.do(method(method(made, "sum"), "backward"))


@family(0.5)
def other_dtype(w: Writer) -> None:
    x = w.find(lambda x: differentiable(x) and x.is_floating)
    if x is not None:
        w.define(method(x.name, "to", dtype_of(w.choose(("float64", "float16", "bfloat16", "float32")))))
