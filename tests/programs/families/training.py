"""Small models with optimizers."""

from __future__ import annotations

from typing import Any

from programs.language import Assign, Call, Evaluate, Look, Name, Repeat, Statement
from programs.writer import Writer, call, family, method

OPTIMIZERS = (
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}), ("Adam", {"lr": 0.01}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.01, "momentum": 0.5}), ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1}), ("RMSprop", {"lr": 0.01, "momentum": 0.5}), ("Adagrad", {"lr": 0.1}),
    ("Adadelta", {}), ("Adamax", {"lr": 0.01}), ("NAdam", {"lr": 0.01}), ("RAdam", {"lr": 0.01}), ("ASGD", {"lr": 0.1}),
    ("Rprop", {"lr": 0.01}), ("Lion", {"lr": 0.01}),
)  # fmt: skip


def a_model(w: Writer) -> tuple[Any, tuple[int, ...], int]:
    """Layers, the shape of a batch, and the number of results."""
    batch, width, out = w.choose((1, 2, 5)), w.choose((1, 3, 4, 7)), w.choose((1, 2, 3))
    activation = call("nn." + w.choose(("ReLU", "Tanh", "GELU", "SiLU", "Sigmoid")))
    if w.chance(0.25):
        layers = [call("nn.Conv2d", 1, 2, 3, padding=1), activation, call("nn.MaxPool2d", 2), call("nn.Flatten")]
        if w.chance(0.4):
            layers.insert(1, call("nn.BatchNorm2d", 2))
        return call("nn.Sequential", *layers, call("nn.Linear", 8, out)), (batch, 1, 4, 4), out
    hidden = w.choose((2, 5, 8))
    between = [activation]
    if w.chance(0.3):
        between.append(call("nn.LayerNorm", hidden))
    if w.chance(0.2):
        between.append(call("nn.Dropout", 0.3))
    if w.chance(0.2) and batch > 1:
        between.append(call("nn.BatchNorm1d", hidden))
    layers = [call("nn.Linear", width, hidden), *between, call("nn.Linear", hidden, out)]
    return call("nn.Sequential", *layers), (batch, width), out


@family(1.6)
def training(w: Writer) -> None:
    if w.own is not None:
        return
    expression, shape, out = a_model(w)
    model = w.define(expression, prefix="model")
    if model is None:
        return
    name, options = w.choose(OPTIMIZERS)
    optimizer = w.define(call("optim." + name, method(model, "parameters"), **options), prefix="optimizer")
    x = w.define(call("tf.randn", *shape))
    if optimizer is None or x is None:
        return
    output = Call(model, (x,))
    if out > 1 and w.chance(0.5):
        target = w.define(call("tf.randint", 0, out, (shape[0],)))
        loss: Any = call("F.cross_entropy", output, target)
    else:
        target = w.define(call("tf.randn", shape[0], out))
        loss = call("F.mse_loss", output, target)
    step: list[Statement] = [Evaluate(method(optimizer, "zero_grad")), Assign(("loss",), loss)]
    step.append(Evaluate(method(Name("loss"), "backward")))
    if w.chance(0.15):
        step.append(Evaluate(call("nn.utils.clip_grad_norm_", method(model, "parameters"), 0.5)))
    step.append(Evaluate(method(optimizer, "step")))
    if w.chance(0.2):
        scheduler = w.define(call("optim.lr_scheduler.StepLR", optimizer, 1, 0.5), prefix="scheduler")
        if scheduler is not None:
            step.append(Evaluate(method(scheduler, "step")))
    if w.chance(0.2):
        step.append(Look(method(Name("loss"), "item")))
    w.emit(Repeat(w.random.randint(1, 4), tuple(step)))
    if w.chance(0.3):
        w.do(method(model, "eval"))
        w.define(output)
