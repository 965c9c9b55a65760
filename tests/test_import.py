"""Importing the package costs next to nothing and brings no other one along."""

import os
import subprocess
import sys


def run(code: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENFOLD_")}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_no_other_package_is_imported() -> None:
    code = """
import sys
before = set(sys.modules)
import tenfold as tf
from tenfold import autograd
(tf.ones(3, requires_grad=True) * 2).sum().backward()
outside = {name.partition(".")[0] for name in set(sys.modules) - before} - {"tenfold"} - sys.stdlib_module_names
print(sorted(outside))
"""
    assert run(code) == "[]"


def test_numpy_is_imported_only_when_somebody_asks_for_it() -> None:
    code = """
import sys
import tenfold as tf
x = tf.arange(6).reshape(2, 3)
repr(x), x.tolist(), x[0, 0].item(), tf.tensor([[1.0]]) @ tf.tensor([[2.0]])
print("numpy" in sys.modules)
x.numpy()
print("numpy" in sys.modules)
"""
    assert run(code).split() == ["False", "True"]


def test_the_import_takes_at_most_50_milliseconds() -> None:
    # Processor time does not count waiting for other processes, and the import itself waits for nothing.
    code = "import time; t = time.process_time(); import tenfold; print(time.process_time() - t)"
    run(code)  # compiles the bytecode and warms the file cache
    fastest = min(float(run(code)) for _ in range(5))
    # The promise is made for an idle machine; a crowded one shares caches and cores and takes about twice as long.
    crowded = os.getloadavg()[0] > (os.cpu_count() or 1)
    assert fastest <= (0.100 if crowded else 0.050)
