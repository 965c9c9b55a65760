"""Recurrent layers, forward and backward: batch b, sequence s, hidden size h."""

from __future__ import annotations

from typing import Any

from workloads.workload import Group, Step, Workload, layer_training

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def layer(kind: str, batch: int, steps: int, size: int, **options: Any) -> Workload:
    def make(nn: Any) -> Any:
        return getattr(nn, kind)(size, size, batch_first=True, **options)

    layers, directions = options.get("num_layers", 1), 2 if options.get("bidirectional") else 1
    # Each step multiplies input and state by a matrix a gate; layers above take both directions.
    inputs = [size, *[size * directions] * (layers - 1)]
    products = sum(directions * GATES[kind] * size * (width + size) for width in inputs)
    name = f"{kind} b{batch} s{steps} h{size}"
    name += f", {layers} layers" * (layers > 1) + ", bidirectional" * (directions > 1)
    return Workload(name, layer_training(make, (batch, steps, size)), flops=3 * 2 * batch * steps * products)


def single_step(size: int = 256) -> Workload:
    def prepare(xp: Any) -> Step:
        cell = xp.nn.LSTMCell(size, size)
        x, state = xp.randn(1, size), (xp.randn(1, size), xp.randn(1, size))

        def step() -> Any:
            with xp.no_grad():
                return cell(x, state)

        return step

    return Workload(f"LSTM, a single step, b1 h{size}, forward", prepare)


GROUP = Group(
    "recurrent",
    [
        *(layer(kind, 64, 64, 256) for kind in GATES),
        *(layer(kind, 1, 200, 128) for kind in GATES),
        layer("LSTM", 64, 64, 256, num_layers=2),
        layer("LSTM", 64, 64, 256, bidirectional=True),
        layer("GRU", 64, 64, 256, num_layers=2, bidirectional=True),
        single_step(),
    ],
)
