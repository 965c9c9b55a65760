"""scripts/check_tools.sh names each missing tool and what to do about it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT_TOOLS = ("sh", "sed", "cut", "sort", "head")
WORKING = {
    "cargo": "echo cargo 1.99.0",
    "rustc": "echo 'rustc 1.99.0 (0123abcd 2026-01-01)'",
    "cc": "exit 0",
    "python3": f'exec "{sys.executable}" "$@"',
}


def check(folder: Path, *tools: str, **changed: str | None) -> subprocess.CompletedProcess[str]:
    """Run the script where only the working tools exist, some changed or (None) left out."""
    for name in TEXT_TOOLS:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    for name, body in {**WORKING, **changed}.items():
        if body is not None:
            (folder / name).write_text(f"#!/bin/sh\n{body}\n")
            (folder / name).chmod(0o755)
    return subprocess.run(
        ["sh", "scripts/check_tools.sh", *tools],
        cwd=ROOT,
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_silent_where_nothing_is_missing(tmp_path: Path) -> None:
    result = check(tmp_path, "nextest", "clippy", "rustfmt")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("changed", "missing", "way_out"),
    [
        ({"cargo": None}, "Rust (cargo and rustc)", "https://rustup.rs"),
        ({"rustc": "echo 'rustc 1.70.0 (90c541806 2023-05-31)'"}, "or newer (found 1.70.0)", "rustup update stable"),
        ({"rustc": "exit 1"}, "a working rustc", "https://rustup.rs"),
        ({"cc": None}, "a C linker (cc)", "apt-get install gcc"),
        ({"python3": None}, "Python (python3)", "make PYTHON="),
        ({"python3": 'case "$2" in *version_info*) exit 1;; *) echo 3.9.2;; esac'}, "python3 is 3.9.2", "make PYTHON="),
        ({"python3": 'case "$2" in *ensurepip*) exit 1;; esac'}, "modules venv and pip", "python3-venv"),
        ({"cargo": 'test "$1" != nextest'}, "cargo-nextest", "cargo install --locked cargo-nextest"),
        ({"cargo": 'test "$1" != clippy'}, "clippy", "rustup component add clippy"),
    ],
)
def test_it_names_what_is_missing_and_the_way_out(
    tmp_path: Path, changed: dict[str, str | None], missing: str, way_out: str
) -> None:
    result = check(tmp_path, "nextest", "clippy", **changed)
    assert result.returncode == 1
    assert missing in result.stderr
    assert way_out in result.stderr
    assert result.stderr.count("missing:") == 1


def test_it_names_everything_that_is_missing_at_once(tmp_path: Path) -> None:
    result = check(tmp_path, cargo=None, cc=None, python3=None)
    assert result.stderr.count("missing:") == 3
