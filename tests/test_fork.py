"""A process may fork while its threads compute: the child computes too, and never waits for what is gone."""

import multiprocessing
import os
import subprocess
import sys

import pytest

import tenfold as tf

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# Threads record, run long kernels and draw random numbers, while the main thread forks again and again.
_BUSY = """
import os, signal, sys, threading, warnings
import tenfold as tf

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
tf.set_num_threads(2)
stop = threading.Event()
shared, values = {}, tf.ones(600, 600)

def work(number):
    generator = tf.Generator().manual_seed(number)
    while not stop.is_set():
        x = tf.rand(300, 300, generator=generator)
        shared[number] = (x @ values[:300, :300]).sum() * 0 + number
        for _ in range(50):
            x = x + 1
        shared[number + 10] = x.mean() * 0 + 1.0
        values @ values

threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(3)]
for thread in threads:
    thread.start()
while len(shared) < 6:
    pass

def child():
    signal.alarm(30)  # ends a child that waits for ever
    x = tf.ones(500, 500, requires_grad=True)
    (x @ values[:500, :500]).sum().backward()
    assert x.grad[0, 0].item() == 500
    assert tf.rand(1000).sum().item() > 0
    lost = 0
    for key, value in list(shared.items()):
        try:
            assert value.item() == (key if key < 10 else 1.0)
        except RuntimeError as error:
            assert str(error).startswith("fork: the value was being computed by a thread"), error
            lost += 1
    tf.synchronize()

for _ in range(FORKS):
    pid = os.fork()
    if pid == 0:
        try:
            child()
        except BaseException as error:
            print(type(error), error, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if status:
        sys.exit(f"the child ended with {status}")
    assert (values[0] @ values[0]).item() == 600
stop.set()
for thread in threads:
    thread.join()
print("all computed")
"""


@pytest.mark.parametrize("eager", ["0", "1"])
def test_children_of_a_busy_process_compute(eager) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _BUSY.replace("FORKS", "25")],
        env={**os.environ, "TENFOLD_EAGER": eager},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "all computed\n"), run.stdout + run.stderr


def _product(number: int) -> float:
    return (tf.ones(50, 50) * number @ tf.ones(50, 50)).sum().item()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_pool_of_forked_processes_computes() -> None:
    assert (tf.ones(400, 400) @ tf.ones(400, 400)).sum().item() == 400.0**3
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(_product, range(6)).get(timeout=60) == [number * 50.0**3 for number in range(6)]


def test_what_waits_when_the_process_forks_is_computed_on_both_sides() -> None:
    x = tf.arange(1000.0).square().sum() + 1  # recorded, and run by whoever looks first
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, str(x.item()).encode())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert float(os.read(read, 100)) == x.item() == pytest.approx(332833501, rel=1e-6)
    os.close(read)
    os.close(write)
