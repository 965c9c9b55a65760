"""Deferred execution brings no surprises: constant memory, linear time, errors and Ctrl-C that leave everything usable.

`LONG=1` (set by `make fuzz`) runs the million rounds; without it the same loops run shorter.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tenfold as tf
from support import array_of, assert_same

ROUNDS = 1_000_000 if os.environ.get("LONG") else 40_000
MEGABYTE = 1 << 20

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc, sends signals, sets limits")


@pytest.fixture(autouse=True)
def _deferred() -> Iterator[None]:
    before = tf.is_eager()
    tf.set_eager(False)
    yield
    tf.set_eager(before)


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def assert_steady(step: Callable[[int], None], rounds: int = ROUNDS) -> None:
    """Each twentieth of the rounds takes as long as the others, and the last nineteen take no more memory.

    The fastest of the last five blocks is held against the fastest of the first five, in processor time of this thread
    (helpers do not work on so little): what grows with the rounds would be far beyond twice as slow.
    """
    block = rounds // 20
    times = []
    memory = 0
    for number in range(20):
        start = time.thread_time()
        for i in range(number * block, (number + 1) * block):
            step(i)
        times.append(time.thread_time() - start)
        if number == 0:
            memory = resident()
    assert min(times[-5:]) < 2.0 * min(times[:5]), times
    # A record of what is pending is hundreds of bytes: a loop that leaks one a round takes far more than this.
    assert resident() - memory < max(8 * MEGABYTE, 20 * rounds)


# --- Loops that nobody looks into.


@linux
def test_an_accumulator_takes_constant_memory_and_linear_time() -> None:
    loss, total = tf.tensor(0.5), tf.tensor(0.0, dtype=tf.float64)

    def step(_: int) -> None:
        nonlocal total
        total = total + loss

    assert_steady(step)
    assert total.item() == 0.5 * ROUNDS


@linux
def test_an_accumulator_in_place_takes_constant_memory_and_linear_time() -> None:
    loss, total = tf.tensor([0.5, 0.25]), tf.zeros(2, dtype=tf.float64)
    seen = total.view(2, 1)

    def step(_: int) -> None:
        nonlocal total
        total += loss

    assert_steady(step)
    assert_same(seen, np.array([[0.5], [0.25]]) * ROUNDS)


@linux
def test_assignment_to_elements_takes_constant_memory_and_linear_time() -> None:
    x = tf.zeros(100, dtype=tf.int64)

    def step(i: int) -> None:
        x[i % 100] = i

    assert_steady(step)
    assert_same(x, np.arange(ROUNDS - 100, ROUNDS))


@linux
def test_accumulating_what_requires_a_gradient_without_recording_it_takes_constant_memory() -> None:
    weight = tf.tensor([1.0, 2.0], requires_grad=True)
    total = tf.zeros(())

    def step(_: int) -> None:
        nonlocal total
        total = total + (weight * 0.5).sum().detach()

    assert_steady(step, ROUNDS // 4)
    assert total.item() == 1.5 * (ROUNDS // 4)


@linux
def test_training_without_an_optimizer_object_takes_constant_memory_and_gives_the_bits_of_immediate_mode() -> None:
    def train(steps: int, report: Callable[[int], None] = lambda _: None) -> tuple[tf.Tensor, ...]:
        tf.manual_seed(5)
        x, target = tf.randn(16, 8), tf.randn(16, 3)
        weight = tf.randn(8, 3, requires_grad=True)
        bias = tf.zeros(3, requires_grad=True)
        average = tf.zeros(8, 3)
        for number in range(steps):
            loss = (((x @ weight + bias).tanh() - target) ** 2).mean()
            loss.backward()
            with tf.no_grad():
                for parameter in (weight, bias):
                    parameter -= 0.05 * parameter.grad
                    parameter.grad = None
                average = average * 0.99 + weight * 0.01
            report(number)
        return loss, weight, bias, average

    steps = ROUNDS // 100
    memory: list[int] = []
    deferred = train(steps, lambda number: memory.append(resident()) if number in (steps // 4, steps - 1) else None)
    assert memory[1] - memory[0] < 8 * MEGABYTE
    tf.set_eager(True)
    for left, right in zip(deferred, train(steps), strict=True):
        assert array_of(left).tobytes() == array_of(right).tobytes()


def test_what_only_pending_work_keeps_alive_is_bounded() -> None:
    """Numbers of 4 MB whose sums alone are kept, unlooked at: 800 MB in all, of which the bound allows a part."""
    kept, most = [], 0
    before = tf.memory_allocated()
    for number in range(200):
        x = tf.full((1024, 1024), float(number))
        kept.append((x * 2).tanh().sum())
        most = max(most, tf.memory_allocated() - before)
    assert most < 400 * MEGABYTE
    assert kept[0].item() == 0.0
    assert kept[-1].item() == 1024.0 * 1024.0


# --- Long chains.


def on_a_small_stack(work: Callable[[], None]) -> None:
    """Runs it on a thread whose stack a recursion of tens of thousands would overflow."""
    failure: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:
            failure.append(error)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    if failure:
        raise failure[0]


def test_a_long_chain_is_dropped_without_being_run() -> None:
    def work() -> None:
        x = tf.zeros(3)
        for _ in range(ROUNDS):
            x = x + 1
        del x

    on_a_small_stack(work)


def test_a_long_chain_is_run() -> None:
    def work() -> None:
        x = tf.zeros(3, dtype=tf.float64)
        for _ in range(ROUNDS // 2):
            x = (x + 1) * 1.0
        assert_same(x, np.full(3, ROUNDS // 2, np.float64))

    on_a_small_stack(work)


def test_a_long_chain_with_gradients_is_dropped_and_differentiated() -> None:
    def work() -> None:
        leaf = tf.ones(2, requires_grad=True)
        for attempt in range(2):
            x = leaf
            for _ in range(ROUNDS // 4):
                x = x + 1
            if attempt:
                (x * 3).sum().backward()
            del x
        assert_same(leaf.grad, np.full(2, 3, np.float32))

    on_a_small_stack(work)


# --- Exceptions in the middle.


def test_an_exception_in_the_middle_of_recording_leaves_everything_usable() -> None:
    generator = np.random.default_rng(0)
    drawn = generator.normal(size=(6, 5)).astype(np.float32)
    x = tf.tensor(drawn)
    expected = drawn
    y = x
    wrong: list[Callable[[], object]] = [
        lambda: y + tf.ones(7),
        lambda: y @ y,
        lambda: y[tf.tensor([9])],
        lambda: y.reshape(4, 4),
        lambda: y & 1,
        lambda: tf.tensor([1], dtype=tf.int8) + 1000,
        lambda: y.__setitem__(99, 0),
        lambda: y.view(-1)[::2].view(5, 3).add_(tf.ones(5, 2)),
        lambda: tf.bernoulli(y + 100),
        lambda: tf.concat([y, tf.ones(2)]),
    ]
    for number in range(50):
        y = y * 0.5
        expected = expected * np.float32(0.5)
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError, OverflowError)):
            wrong[number % len(wrong)]()
        y = y + 1
        expected = expected + np.float32(1)
    assert_same(y, expected)
    assert_same(x, drawn)


def test_an_exception_of_a_hook_leaves_pending_work_and_gradients_usable() -> None:
    def fail(_: tf.Tensor) -> None:
        raise ValueError("no gradient today")

    x = tf.arange(3.0).requires_grad_()
    pending = x * 2
    middle = x * x
    handle = middle.register_hook(fail)
    loss = middle.sum()
    with pytest.raises(ValueError, match="no gradient today"):
        loss.backward(retain_graph=True)
    assert x.grad is None
    handle.remove()
    loss.backward()
    assert_same(x.grad, np.array([0, 2, 4], np.float32))
    assert_same(pending, np.array([0, 2, 4], np.float32))


def test_a_tensor_handed_on_beside_a_result_that_takes_its_memory_keeps_its_numbers() -> None:
    x = tf.arange(1000, dtype=tf.float64)
    tf.synchronize()
    doubled, same = x + x, x.clone()
    del x
    assert_same(same, np.arange(1000.0))
    assert_same(doubled, np.arange(1000.0) * 2)


def test_what_an_ended_thread_left_pending_can_be_read() -> None:
    made: list[tf.Tensor] = []
    thread = threading.Thread(target=lambda: made.append((tf.arange(4.0) * 3).exp().log()))
    thread.start()
    thread.join()
    later = made[0] + 1
    assert_same(later.round(), np.array([1, 4, 7, 10], np.float32))


# --- Signals and memory.

_INTERRUPTED = """
import signal, sys, time
import tenfold as tf

tf.set_eager(False)
tf.manual_seed(0)
early = tf.arange(5.0) * 2
x = tf.rand(768, 768) / 768
kept = []
y = x
for _ in range(WORK):
    y = STEP
    kept.append(y)
aside = tf.arange(3.0) + 1
print("ready", flush=True)
try:
    y[0, 0].item()
except KeyboardInterrupt:
    print("stopped", flush=True)
    time.sleep(0.02)
    assert early.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert aside.tolist() == [1.0, 2.0, 3.0]
    last, first = y.sum().item(), kept[0].sum().item()
    tf.set_eager(True)
    y = x
    for _ in range(WORK):
        y = STEP
    print("the same" if y.sum().item() == last else "another number", first > 0, flush=True)
else:
    print("too late", flush=True)
"""


def processor_seconds(process: int) -> float:
    """What a process has worked so far: other work on the machine does not count."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def interrupt(program: str) -> tuple[str, float, str]:
    """Sends Ctrl-C to a program a moment after it says "ready".

    Gives the line that it answers, how long it worked until then, and the rest of what it prints.
    """
    environment = {**os.environ, "TENFOLD_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        sent = processor_seconds(process.pid)
        process.send_signal(signal.SIGINT)
        answer = process.stdout.readline()
        worked = processor_seconds(process.pid) - sent
        rest, _ = process.communicate(timeout=100)
    return answer, worked, rest


@linux
@pytest.mark.parametrize(
    ("step", "work"), [("y @ x * 2 + 0.001", 60), ("((y + 0.1).exp().lgamma() * 0.01).sigmoid()", 150)]
)
def test_ctrl_c_stops_a_long_flush_and_leaves_tensors_readable_or_recomputable(step: str, work: int) -> None:
    answer, worked, rest = interrupt(_INTERRUPTED.replace("STEP", step).replace("WORK", str(work)))
    # A machine that did all of it within a tenth of a second had nothing to stop.
    if answer != "too late\n":
        assert answer == "stopped\n"
        assert rest == "the same True\n"
        # One kernel of the flush at most; the whole flush takes seconds.
        assert worked < 2.0


_OVERWRITING = """
import signal, time
import tenfold as tf

signal.signal(signal.SIGINT, signal.default_int_handler)
tf.set_eager(False)
y = tf.rand(1 << 20)
for _ in range(80):
    y = y.lgamma().sigmoid().cumsum(0)
print("ready", flush=True)
try:
    y[0].item()
except KeyboardInterrupt:
    print("stopped", flush=True)
    begun = time.process_time()
    assert tf.isfinite(y).all()
    print(time.process_time() - begun, flush=True)
else:
    print("too late", flush=True)
"""


@linux
def test_ctrl_c_stops_a_flush_whose_kernels_overwrite_what_they_read() -> None:
    answer, worked, rest = interrupt(_OVERWRITING)
    assert answer == "stopped\n"
    # The value still comes: it stopped between kernels, with most of the work left.
    assert worked < float(rest)


_PRESSED = """
import resource
import tenfold as tf

tf.set_eager(False)
x = tf.ones(1 << 20)
y = (x * 2).sum()
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (400 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
kept = []
try:
    for number in range(200):
        kept.append(x + number)
        kept[-1].sum().item()
except MemoryError as error:
    print("MemoryError", len(kept) > 20)
print(y.item() == 2 * (1 << 20))
pending = []
try:
    for number in range(300):
        pending.append(x + number)
    tf.synchronize()
except MemoryError:
    print("MemoryError of a flush")
first = kept[3]
del kept, pending
print((first - 3).sum().item() == 1 << 20)
z = x + 1
print(z.sum().item() == 2 << 20)
try:
    (tf.zeros(1 << 40) + 1).sum().item()
except MemoryError:
    print("far too much")
print(z.mean().item())
"""


@linux
def test_running_out_of_memory_is_an_exception_after_which_work_goes_on() -> None:
    environment = {**os.environ, "TENFOLD_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_PRESSED)], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.stdout.splitlines() == [
        "MemoryError True",
        "True",
        "MemoryError of a flush",
        "True",
        "True",
        "far too much",
        "2.0",
    ], finished.stderr


def test_values_that_wait_are_computed_in_the_order_in_which_they_were_recorded() -> None:
    # Three derivatives save the same conversion of `scale`; its kernel ran after one that it is read by.
    scale = tf.full((), 1.0, dtype=tf.bfloat16, requires_grad=True)
    similarity = tf.nn.functional.cosine_similarity(scale, tf.arange(66, dtype=tf.bfloat16).reshape((11, 6)))
    deviation = scale.var()
    shrunk = tf.nn.functional.softshrink(scale)
    del scale
    values = [value.detach().to(tf.float32).numpy() for value in (similarity, deviation, shrunk)]
    row = np.arange(66.0).reshape(11, 6)
    expected = row.sum(1) / (np.sqrt(6) * np.sqrt((row**2).sum(1)))
    np.testing.assert_allclose(values[0], expected, rtol=0.01)
    assert math.isnan(values[1])
    assert values[2] == 0.5
