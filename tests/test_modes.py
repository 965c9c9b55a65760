"""Numbers depend on the logical values alone: not on when, on how many threads, or on which instructions they run."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tenfold as tf
from support import array_of, assert_same

PROGRAM = """
import hashlib
import tenfold as tf

tf.manual_seed(7)

def show(name, *tensors):
    digest = hashlib.sha256()
    for tensor in tensors:
        tensor = tensor.detach()
        tensor = tensor.float() if tensor.dtype == tf.bfloat16 else tensor
        if tensor.dtype in (tf.float16, tf.float32, tf.float64):
            tensor = tf.where(tensor.isnan(), tf.full_like(tensor, float("nan")), tensor)  # NaNs count as one
        digest.update(bytes(memoryview(tensor.contiguous())))
    print(name, digest.hexdigest()[:16])

for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64):
    x, y = tf.randn(37, 1031, dtype=dtype), tf.rand(37, 1031, dtype=dtype)
    show(f"drawn {dtype}", x, y)
    show(f"elementwise {dtype}", x.exp(), y.log(), x.tanh(), x.sin(), x.erf(), y.pow(x), x / y, x.sigmoid(), x.sqrt(),
         y.lgamma(), x.expm1(), y.log1p(), x.atan2(y), x % y, x // y, x.round())
    show(f"chain {dtype}", (x * y + 2).tanh().exp() - x)
    show(f"sums {dtype}", x.sum(), x.sum(0), x.sum(1), x.mean(), x.var(0), x.prod(1), x.logsumexp(1), x.norm())
    show(f"extremes {dtype}", x.amax(1), x.argmin(0), x.sort(1)[0], x.topk(5)[0], x.cumsum(1), x.median(0)[0])
    show(f"views {dtype}", x.T[::-3].sum(1), x[:, 1::2] + y[:, ::2][:, :515], x.T.contiguous().sum(0))
    show(f"products {dtype}", x @ y.T, x.T[:65] @ y[:, :33], x[:3] @ y.T, x[0] @ y[0])
for dtype in (tf.int8, tf.uint8, tf.int32, tf.int64, tf.uint64):
    x, y = tf.randint(0, 100, (19, 517), dtype=dtype), tf.randint(0, 7, (19, 517), dtype=dtype)
    show(f"integers {dtype}", x + y, x * y, x // y, x % y, x << y, x >> y, x ^ y, x.sum(0), x.cumsum(1),
         x.sort(0)[0], x @ y.T)
x = tf.randn(64, 257, requires_grad=True)
w = tf.randn(257, 129, requires_grad=True)
b = tf.randn(129, requires_grad=True)
loss = (((x @ w + b).tanh() ** 2).mean(1).logsumexp(0) + x[tf.tensor([0, 3, 3]), ::5].sum())
loss.backward()
show("training", loss, x.grad, w.grad, b.grad)
index = tf.randint(0, 50, (4000,))
show("scattered", tf.zeros(50).index_add(0, index, tf.randn(4000)), tf.randn(50)[index], tf.randperm(9999),
     tf.multinomial(tf.rand(100), 50), tf.zeros(50).scatter(0, index, tf.randn(4000)))
big = tf.rand(300, 4001)
show("large", big.sum(), big.sum(0), big @ big.T, (big * 2 + 1).log().mean(1), big.cumsum(1), big.T.sum(1))
"""


def checksums(**switches: str) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENFOLD_")}
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(tf.__file__).parents[1]), os.environ.get("PYTHONPATH")])
    )
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment | switches, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return dict(line.rsplit(" ", 1) for line in finished.stdout.splitlines())


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    return checksums(TENFOLD_THREADS="1", TENFOLD_SIMD="portable")


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"TENFOLD_THREADS": "2"},
        {"TENFOLD_THREADS": "5"},
        {"TENFOLD_EAGER": "0"},
        {"TENFOLD_SIMD": "avx2", "TENFOLD_THREADS": "1"},
        {"TENFOLD_SIMD": "avx2", "TENFOLD_THREADS": "2"},
        {"TENFOLD_SIMD": "portable", "TENFOLD_THREADS": "2"},
        {"TENFOLD_SIMD": "avx512", "TENFOLD_THREADS": "1"},
        {"TENFOLD_SIMD": "avx512", "TENFOLD_THREADS": "2", "TENFOLD_EAGER": "0"},
    ],
    ids=lambda switches: " ".join(f"{name[8:]}={value}" for name, value in switches.items()) or "default",
)
def test_the_bits_are_those_of_one_thread_on_the_portable_tier(switches, expected) -> None:
    assert checksums(**switches) == expected


def test_an_unknown_switch_is_warned_of() -> None:
    for switch in ({"TENFOLD_EAGRE": "1"}, {"TENFOLD_EAGER": "yes"}):
        finished = subprocess.run(
            [sys.executable, "-c", "import tenfold as tf; tf.ones(2) + 1"],
            env=os.environ | switch, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "tenfold: " in finished.stderr
        assert next(iter(switch)) in finished.stderr


@pytest.fixture
def deferred():
    before = tf.is_eager()
    tf.set_eager(False)
    yield
    tf.set_eager(before)


@pytest.mark.usefixtures("deferred")
def test_errors_come_from_the_call_that_made_them_even_when_work_is_deferred() -> None:
    with pytest.raises(tf.ShapeError, match=r"^add: "):
        tf.ones(2) + tf.ones(3)
    with pytest.raises(IndexError):
        (tf.ones(3) * 2)[(tf.arange(2) + 2)]
    with pytest.raises(RuntimeError, match=r"^bernoulli: "):
        tf.bernoulli(tf.ones(2) * 2)


@pytest.mark.usefixtures("deferred")
def test_deferred_work_sees_the_values_of_its_time() -> None:
    x = tf.ones(3)
    y = x + 1
    x.zero_()
    z = x + 1
    x += 5
    assert_same(y, np.full(3, 2, np.float32))
    assert_same(z, np.ones(3, np.float32))
    assert_same(x, np.full(3, 5, np.float32))


@pytest.mark.usefixtures("deferred")
def test_switching_to_immediate_runs_what_is_pending() -> None:
    x = tf.arange(1000.0)
    for _ in range(100):
        x = (x * 1.5).remainder(7.0)
    tf.set_eager(True)
    expected = np.arange(1000, dtype=np.float32)
    for _ in range(100):
        expected = np.remainder(expected * np.float32(1.5), np.float32(7))
    assert hashlib.sha256(array_of(x).tobytes()).digest() == hashlib.sha256(expected.tobytes()).digest()
