"""What an operation costs beside its arithmetic; more in benchmarks/recording.py."""

from __future__ import annotations

from typing import Any

from workloads.workload import Group, Step, Workload, adam


def small_operations(count: int = 1000) -> Workload:
    def prepare(xp: Any) -> Step:
        x, y = xp.ones(8), xp.full((8,), 0.001)

        def step() -> Any:
            result = x
            for _ in range(count):
                result = result + y
            return result

        return step

    return Workload("1,000 dependent additions of 8 numbers", prepare, operations=count)


def small_step(xp: Any) -> Step:
    nn = xp.nn
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = adam(xp, model.parameters())
    inputs, targets = xp.randn(32, 64), xp.randint(0, 10, (32,))

    def step() -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return step


GROUP = Group(
    "recording",
    [small_operations(), Workload("training step of an MLP 64-128-10, batch 32, Adam", small_step)],
    in_mean=False,
)
