"""Curves, drawn by matplotlib."""

from __future__ import annotations

import os
from typing import Any

from tenfold.train.history import History, is_number

__all__ = ["new_figure", "plot_history", "save"]

# What is no figure of a model.
_ASIDE = ("seconds", "samples_per_second")


def new_figure(**options: Any) -> Any:
    """A picture of its own, which no window shows and no global list keeps."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plot: matplotlib is not installed. Hint: pip install 'tenfold[plots]'") from error
    return Figure(layout="constrained", **options)


def save(figure: Any, path: str | os.PathLike[str] | None) -> Any:
    """Writes the picture, if there is a path; gives it back."""
    if path is not None:
        folder = os.path.dirname(os.fspath(path))
        if folder:
            os.makedirs(folder, exist_ok=True)
        figure.savefig(path, dpi=120)
    return figure


def plot_history(history: History, path: str | os.PathLike[str] | None, metrics: list[str] | None) -> Any:
    """A panel a figure, training and validation in each."""
    names = metrics or [
        name
        for name in history.names
        if not name.startswith("val_") and name not in _ASIDE and _curve(history, name)[0]
    ]
    if not names or not len(history):
        raise ValueError("plot: there is nothing to draw yet")
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure(figsize=(4.6 * columns, 3.4 * rows))
    for place, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, place + 1)
        for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
            epochs, values = _curve(history, key) if key in history else ([], [])
            if epochs:
                # A single point is no line.
                axes.plot(epochs, values, style, marker="o" if len(epochs) < 2 else None, label=label)
        axes.set(title=name, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if f"val_{name}" in history:
            axes.legend(frameon=False)
    return save(figure, path)


def _curve(history: History, name: str) -> tuple[list[int], list[float]]:
    points = [(number, value) for number, value in enumerate(history[name], 1) if is_number(value)]
    return [number for number, _ in points], [value for _, value in points]
