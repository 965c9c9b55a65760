"""The programs of the guides run as they are printed, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tenfold as tf

DOCS = Path(__file__).parent.parent / "docs"
GUIDES = ["training", "coming_from_pytorch", "coming_from_keras", "coming_from_numpy", "transforms"]


def programs(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("page", GUIDES)
def test_the_programs_of_a_guide_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    tf.manual_seed(0)
    names: dict[str, object] = {"__name__": page}
    found = programs(page)
    assert len(found) >= 2
    for number, program in enumerate(found, 1):
        exec(compile(program, f"{page}.md, program {number}", "exec"), names)


def test_what_the_guides_say_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tf.manual_seed(0)
    names: dict[str, object] = {}
    for program in programs("coming_from_numpy"):
        exec(program, names)
    lines = capsys.readouterr().out.splitlines()
    w, b = map(float, next(line for line in lines if line.startswith(("2.99", "3.0"))).split())
    assert (w, b) == pytest.approx((3, 1), abs=1e-2)
    exec(programs("coming_from_pytorch")[0], {})
    assert float(capsys.readouterr().out.split()[-1]) > 0.93


def test_links_between_pages_lead_somewhere() -> None:
    for page in DOCS.rglob("*.md"):
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
