"""Run the examples and write docs/examples.md, what each reached and how long it took: `make examples`.

`--quick` runs the reduced forms, as CI does, and leaves the page. Names run those examples alone; the page keeps the
rows of the others. The convention that examples follow is in examples/README.md.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "examples.md"
FIGURE = re.compile(r"[^:|]+: [-+]?\d[^|]*")
# A last line of standard error that begins so says what this machine lacks: a package or a data set.
LACKING = ("ModuleNotFoundError", "FileNotFoundError")

HEADER = """# Examples

Each is one short file under [`examples/`](../examples/README.md): real data, no network, a fixed seed, and figures on
data held out that it insists on. `make examples` runs all of them, `make examples NAMES="{name}"` some, and writes this
page; `make examples QUICK=1` runs reduced forms. Pictures and texts come into `runs/`, a folder for each example.

{pages}

The time is the processor's, of all threads together, for the whole run with imports and drawing, on {machine}; on two
idle cores a run takes little more than half of it.

| example | what it shows | figures on held-out data | processor seconds |
|---|---|---|---|
"""


@dataclass
class Outcome:
    """How a run of an example ended: its figures, or a reason why there are none."""

    figures: list[str]
    processor_seconds: float
    reason: str = ""
    lacks_something: bool = False


def names() -> list[str]:
    """The examples there are, by name."""
    return sorted(path.stem for path in EXAMPLES.glob("*.py"))


def title(name: str) -> str:
    """The first line of an example's docstring, without its full stop."""
    docstring = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text())) or ""
    if not docstring:
        raise SystemExit(f"run_examples: {name}.py has no docstring that says what it shows")
    return docstring.splitlines()[0].rstrip(".")


def figures(output: str) -> list[str]:
    """The last lines of an example's output, as far as each is `name: value …`."""
    found: list[str] = []
    for line in reversed(output.rstrip().splitlines()):
        if not FIGURE.fullmatch(line.strip()):
            break
        found.insert(0, line.strip())
    return found


def run(name: str, quick: bool) -> Outcome:
    """Runs one example, with its output shown as it comes."""
    began = os.times()
    command = [sys.executable, "-u", str(EXAMPLES / f"{name}.py"), *(["--quick"] if quick else [])]
    lines: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"  {line}", end="", flush=True)
            lines.append(line)
    # Those of the children that have ended, in user and in system mode.
    outcome = Outcome(figures("".join(lines)), sum(os.times()[2:4]) - sum(began[2:4]))
    last = lines[-1].strip() if lines else ""
    if process.returncode:
        outcome.reason = last or f"ended with status {process.returncode}"
        outcome.lacks_something = last.startswith(LACKING)
    elif not outcome.figures:
        outcome.reason = f"the last line is no `name: value`; got {last!r}"
    return outcome


def row(name: str, outcome: Outcome) -> str:
    """The row of the page's table."""
    said = "<br>".join(outcome.figures)
    return f"| [{name}](../examples/{name}.py) | {title(name)} | {said} | {outcome.processor_seconds:.0f} |"


def rows_of(page: str) -> dict[str, str]:
    """The rows of a page by the names of their examples."""
    return {match[1]: match[0] for match in re.finditer(r"^\| \[(\w+)\]\(\.\./examples/.*$", page, re.MULTILINE)}


def write_page(outcomes: dict[str, Outcome]) -> None:
    """Writes the page: new rows for what reached its figures, the old ones for the rest."""
    rows = rows_of(PAGE.read_text()) if PAGE.exists() else {}
    rows |= {name: row(name, outcome) for name, outcome in outcomes.items() if not outcome.reason}
    families = sorted((PAGE.parent / "examples").glob("*.md"))
    links = [f"[{path.read_text().splitlines()[0].lstrip('# ')}](examples/{path.name})" for path in families]
    header = HEADER.format(name=names()[0], pages=f"More about each: {', '.join(links)}.", machine=machine())
    PAGE.write_text(header + "".join(f"{rows[name]}\n" for name in names() if name in rows))


def machine() -> str:
    """The processor and how many threads of it are ours."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{len(os.sched_getaffinity(0))} threads of {model[1].strip() if model else platform.machine()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="the examples to run (default: all)")
    parser.add_argument("--quick", action="store_true", help="run the reduced forms; the page stays as it is")
    options = parser.parse_args()
    unknown = set(options.names) - set(names())
    if unknown:
        parser.error(f"no such example: {', '.join(sorted(unknown))}; there are {', '.join(names())}")

    outcomes: dict[str, Outcome] = {}
    for name in options.names or names():
        print(f"{name}: {title(name)}", flush=True)
        outcomes[name] = run(name, options.quick)
        if not options.quick:
            write_page(outcomes)
    print()
    for name, outcome in outcomes.items():
        said = outcome.reason or "; ".join(outcome.figures)
        state = "LACKING" if outcome.lacks_something else "FAILED" if outcome.reason else "ok"
        print(f"{state:8}{name:26}{outcome.processor_seconds:5.0f} s  {said}")
    if any(outcome.reason and not outcome.lacks_something for outcome in outcomes.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
