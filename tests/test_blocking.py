"""Long kernels: Ctrl-C stops them, and other Python threads go on meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import tenfold as tf

_LONG = """
import signal, sys, time
import tenfold as tf
# A process that was started in the background ignores the signal unless it says otherwise.
signal.signal(signal.SIGINT, signal.default_int_handler)
x = tf.ones(4096, 4096)
y = tf.ones(4096, 4096)
print("ready", flush=True)
start = time.perf_counter()
try:
    while time.perf_counter() - start < 60:
        z = x @ y
except KeyboardInterrupt:
    stopped = time.perf_counter()
    try:
        assert float((x[0, 0] + y[0, 0])) == 2.0
        time.sleep(0.05)
    except KeyboardInterrupt:
        sys.exit("raised twice")
    print("stopped and usable", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_stops_a_long_computation_once_and_leaves_tensors_usable():
    process = subprocess.Popen([sys.executable, "-c", _LONG], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    sent = time.perf_counter()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=50)
    assert output == "stopped and usable\n"
    assert process.returncode == 0
    # One product takes seconds on a slow machine; stopping does not wait for it.
    assert time.perf_counter() - sent < 20


def test_other_python_threads_go_on_during_a_long_kernel():
    x = tf.ones(1024, 1024)
    ticks = 0
    running = True

    def count() -> None:
        nonlocal ticks
        while running:
            ticks += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    for _ in range(4):
        x = x @ x * 1e-3
    during = ticks
    running = False
    counter.join()
    assert during > 0


@pytest.mark.parametrize("eager", [True, False])
def test_threads_compute_at_once_without_deadlock_and_with_their_own_results(eager: bool):
    before = tf.is_eager()
    tf.set_eager(eager)
    shared = tf.arange(50_000, dtype=tf.float64) * 2
    results: dict[int, float] = {}

    def work(number: int) -> None:
        total = tf.zeros((), dtype=tf.float64)
        for step in range(20):
            total = total + (shared * number + step).sum()
        results[number] = float(total)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads)
    finally:
        tf.set_eager(before)
    base = 2.0 * sum(range(50_000))
    for number in range(6):
        assert results[number] == 20 * number * base + 50_000 * sum(range(20))


@pytest.mark.parametrize("eager", [True, False])
def test_a_tensor_that_another_thread_replaces_stays_what_it_was_for_an_operation_under_way(eager: bool):
    before = tf.is_eager()
    tf.set_eager(eager)
    # So many that other threads go on while they are computed.
    factor = tf.zeros(200_000)
    running = True
    replaced = 0

    # The thread never waits by itself: others must get their turn before it gives up.
    end = time.monotonic() + 30

    def replace() -> None:
        nonlocal replaced
        while running and time.monotonic() < end:
            replaced += 1
            factor.fill_(float(replaced))

    thread = threading.Thread(target=replace)
    seen = set()
    try:
        thread.start()
        for _ in range(100):
            leaf = tf.ones(200_000, requires_grad=True)
            product = leaf * factor
            product.sum().backward()
            value = product.detach().numpy()
            # The product, and what was kept of the factor for the gradient, are of one moment.
            assert (value == value[0]).all()
            np.testing.assert_array_equal(leaf.grad.numpy(), value)
            seen.add(float(value[0]))
        assert thread.is_alive()
    finally:
        running = False
        thread.join()
        tf.set_eager(before)
    assert len(seen) > 1
