"""What happened in each epoch."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["History"]


class History:
    """The figures of each epoch: ``history["loss"]`` is a list of one an epoch, None where there was none.

    ``epochs`` has a dictionary an epoch, ``history`` (Keras's name) a dictionary of lists. ``interrupted`` says
    whether Ctrl-C ended the run. What is not a number (a confusion matrix) is there too, but in no table or picture.

    >>> from tenfold.train import History
    >>> history = History()
    >>> history.append({"loss": 0.5, "val_loss": 0.7})
    >>> history.append({"loss": 0.4, "val_loss": 0.6})
    >>> history["val_loss"], len(history)
    ([0.7, 0.6], 2)
    """

    def __init__(self) -> None:
        self.epochs: list[dict[str, Any]] = []
        self.interrupted = False

    def append(self, figures: dict[str, Any]) -> None:
        """Adds an epoch."""
        self.epochs.append(dict(figures))

    @property
    def history(self) -> dict[str, list[Any]]:
        """The figures by name, one an epoch."""
        return {name: self[name] for name in self.names}

    @property
    def names(self) -> list[str]:
        """The names of the figures."""
        return list(dict.fromkeys(name for figures in self.epochs for name in figures))

    def __getitem__(self, name: str) -> list[Any]:
        if self.epochs and name not in self.names:
            raise KeyError(f"History: no figure {name!r}. Hint: one of {', '.join(self.names)}")
        return [figures.get(name) for figures in self.epochs]

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.epochs)

    def __len__(self) -> int:
        return len(self.epochs)

    def __repr__(self) -> str:
        last = self.epochs[-1] if self.epochs else {}
        figures = ", ".join(f"{name} {said(value)}" for name, value in last.items() if is_number(value))
        return f"History({len(self)} epochs; last: {figures})"

    def state_dict(self) -> dict[str, Any]:
        """The figures, to go on from later."""
        return {"epochs": [dict(figures) for figures in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.epochs = [dict(figures) for figures in state_dict["epochs"]]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes a table of a line an epoch; the file appears whole."""
        names = [name for name in self.names if any(is_number(figures.get(name)) for figures in self.epochs)]
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["epoch", *names])
        for number, figures in enumerate(self.epochs, 1):
            values = [figures.get(name) for name in names]
            table.writerow([number, *("" if value is None else repr(value) for value in values)])
        write_whole(path, text.getvalue())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Writes a line of JSON an epoch (JSON Lines); the file appears whole."""
        lines = [
            json.dumps({"epoch": number, **{name: _plain(value) for name, value in figures.items()}})
            for number, figures in enumerate(self.epochs, 1)
        ]
        write_whole(path, "".join(f"{line}\n" for line in lines))

    def plot(self, path: str | os.PathLike[str] | None = None, metrics: list[str] | None = None) -> Any:
        """Draws the curves of training and validation, a panel a figure; saves them to ``path``; gives the picture.

        Needs matplotlib (``pip install 'tenfold[plots]'``).
        """
        from tenfold.train.plots import plot_history

        return plot_history(self, path, metrics)


def is_number(value: Any) -> bool:
    """True for what a table holds and a curve shows."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def said(value: float) -> str:
    """A figure in about four digits."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3g}"


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file so that there is the old one or the new one, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
