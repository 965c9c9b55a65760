"""What programs are made of: each file registers functions that add a statement or a few."""

from programs.families import (  # noqa: F401
    drawing,
    elementwise,
    gradients,
    indexing,
    layers,
    memory,
    movement,
    products,
    reductions,
    sequences,
    training,
)
