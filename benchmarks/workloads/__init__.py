"""What is measured: each workload is written once and runs with PyTorch and with Tenfold. A group is a file."""

from workloads import (
    attention,
    convolution,
    fused_gemm,
    fusion,
    gemm,
    layers,
    memory_bound,
    optimizers,
    ordering,
    pooling_norms,
    random,
    recording,
    recurrent,
    rows,
    short_rows,
    transforms,
    whole_steps,
)
from workloads.workload import Group as Group
from workloads.workload import Workload as Workload

GROUPS: list[Group] = [
    part.GROUP
    for part in (
        gemm, fused_gemm, convolution, pooling_norms, attention, recurrent, rows, memory_bound, ordering, random,
        optimizers, whole_steps, fusion, recording, layers, transforms, short_rows,
    )
]  # fmt: skip
# What the machine can do, measured by its own tasks: the fastest package's rate is the limit.
LIMITS: dict[str, Workload] = {"flops": gemm.limit(), "bytes": memory_bound.addition()}
