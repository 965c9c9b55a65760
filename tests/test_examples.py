"""The examples keep the convention of examples/README.md; the programs themselves run in CI by `make examples`."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("run_examples", ROOT / "scripts" / "run_examples.py")
assert spec is not None
assert spec.loader is not None
runner = importlib.util.module_from_spec(spec)
sys.modules["run_examples"] = runner  # where dataclasses look
spec.loader.exec_module(runner)


@pytest.mark.parametrize("name", runner.names())
def test_an_example_keeps_the_convention(name: str) -> None:
    source = (ROOT / "examples" / f"{name}.py").read_text()
    tree = ast.parse(source)
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert runner.title(name)
    assert '"--quick"' in source
    assert '"--out"' in source
    assert calls & {"tf.manual_seed", "tenfold.manual_seed"}
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))


@pytest.mark.parametrize("name", runner.names())
def test_an_example_has_its_row_and_its_section(name: str) -> None:
    row = runner.rows_of(runner.PAGE.read_text()).get(name, "")
    assert runner.title(name) in row, f"make examples NAMES={name} writes the row"
    pages = [path.read_text() for path in (runner.PAGE.parent / "examples").glob("*.md")]
    assert sum(f"\n## {name}\n" in page for page in pages) == 1


def test_pages_tell_of_no_other_examples() -> None:
    pages = [path.read_text() for path in (runner.PAGE.parent / "examples").glob("*.md")]
    sections = {name for page in pages for name in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    assert sections == set(runner.rows_of(runner.PAGE.read_text())) == set(runner.names())


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("epoch 1: loss 0.5\nheld-out accuracy: 0.99 (at least 0.985)\n", ["held-out accuracy: 0.99 (at least 0.985)"]),
        ("drew runs/a.png\nIoU: 0.8\nmAP: 0.9\n\n", ["IoU: 0.8", "mAP: 0.9"]),
        ("loss: -1.5\ndone\n", []),
        ("", []),
    ],
)
def test_figures_are_the_last_lines(output: str, expected: list[str]) -> None:
    assert runner.figures(output) == expected


def test_how_a_run_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = {
        "good": "import sys\nprint('quick', '--quick' in sys.argv)\nprint('loss: 0.5')",
        "wrong": "print('loss: 0.9')\nassert False, 'too much'",
        "lacking": "raise FileNotFoundError('no images. Hint: apt-get install them')",
        "silent": "print('done')",
    }
    for name, program in programs.items():
        (tmp_path / f"{name}.py").write_text(f'"""A {name} example."""\n{program}\n')
    monkeypatch.setattr(runner, "EXAMPLES", tmp_path)
    monkeypatch.setattr(runner, "PAGE", tmp_path / "docs" / "examples.md")
    (tmp_path / "docs" / "examples").mkdir(parents=True)
    outcomes = {name: runner.run(name, quick=True) for name in programs}
    assert outcomes["good"].figures == ["loss: 0.5"]
    assert not outcomes["good"].reason
    assert outcomes["wrong"].reason == "AssertionError: too much"
    assert not outcomes["wrong"].lacks_something
    assert outcomes["lacking"].lacks_something
    assert "apt-get" in outcomes["lacking"].reason
    assert "no `name: value`" in outcomes["silent"].reason

    # The page takes the new row of what succeeded and keeps the old one of what did not.
    old = "| [wrong](../examples/wrong.py) | A wrong example | loss: 0.4 | 3 (4) |"
    runner.PAGE.write_text(f"{old}\n")
    runner.write_page(outcomes)
    rows = runner.rows_of(runner.PAGE.read_text())
    assert list(rows) == ["good", "wrong"]
    assert "loss: 0.5" in rows["good"]
    assert rows["wrong"] == old
