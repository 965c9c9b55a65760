"""DLPack in both directions, against NumPy (and PyTorch where it is installed)."""

import gc

import numpy as np
import pytest

import tenfold as tf

NUMPY_DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip


class Lender:
    """Hands out a capsule as a library from before DLPack 1.0 does."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, stream=None):
        return self.array.__dlpack__(stream=stream)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def sample(dtype, shape=(2, 3, 4)):
    return np.random.default_rng(0).integers(0, 2, shape).astype(dtype)


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
@pytest.mark.parametrize("wrap", [lambda x: x, Lender])
def test_arrays_come_in_without_a_copy(dtype, wrap):
    array = sample(dtype)
    x = tf.from_dlpack(wrap(array))
    assert x.dtype is getattr(tf, dtype)
    assert x.tolist() == array.tolist()
    array[...] = ~array if dtype == "bool" else array + 1
    assert x.tolist() == array.tolist()


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_tensors_go_out_without_a_copy(dtype):
    x = tf.tensor(sample(dtype))
    array = np.from_dlpack(x)
    assert array.dtype == dtype
    assert array.tolist() == x.tolist()
    assert not array.flags.writeable
    assert np.shares_memory(array, x.numpy())


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.T,
        lambda a: a[::-1, :, ::2],
        lambda a: a[1:, 1:2],
        lambda a: a[:0],
        lambda a: np.broadcast_to(a, (2, 2, 3, 4)),
        lambda a: a[1, 2, 3],
    ],
)
def test_strides_are_kept_in_both_directions(view):
    array = np.asarray(view(sample("float32")))
    # NumPy does not hand out read-only arrays by an old capsule; the new one says so.
    x = tf.from_dlpack(array)
    assert x.tolist() == array.tolist()
    assert np.from_dlpack(x).tolist() == array.tolist()
    assert tf.from_dlpack(x).tolist() == array.tolist()


def test_elements_off_their_boundaries_are_copied():
    array = np.frombuffer(bytearray(b"\0" + np.arange(3.0).tobytes()), dtype="float64", offset=1)
    assert tf.from_dlpack(array).tolist() == [0, 1, 2]


def test_memory_stays_alive_while_somebody_holds_it():
    x = tf.from_dlpack(np.arange(1000.0))
    array = np.from_dlpack(tf.arange(1000))
    unused = tf.ones(1000).__dlpack__()
    del unused
    gc.collect()
    assert x.tolist() == list(range(1000))
    assert array.tolist() == list(range(1000))


def test_memory_that_came_in_is_never_written():
    array = np.zeros(3)
    x = tf.from_dlpack(array)
    x += 1
    assert array.tolist() == [0, 0, 0]
    assert x.tolist() == [1, 1, 1]


def test_memory_that_went_out_does_not_change():
    x = tf.zeros(3)
    array = np.from_dlpack(x)
    x += 1
    assert array.tolist() == [0, 0, 0]


def test_copies_are_made_when_asked_for():
    array = np.zeros(3)
    x = tf.from_dlpack(array, copy=True)
    array += 1
    assert x.tolist() == [0, 0, 0]
    out = np.from_dlpack(x, copy=True)
    assert out.flags.writeable
    assert not np.shares_memory(out, x.numpy())
    assert tf.from_dlpack(x, copy=False).tolist() == [0, 0, 0]


def test_capsules_are_versioned_where_the_consumer_can_take_that():
    x = tf.ones(2)
    assert '"dltensor"' in repr(x.__dlpack__())
    assert '"dltensor"' in repr(x.__dlpack__(max_version=(0, 8)))
    assert '"dltensor_versioned"' in repr(x.__dlpack__(max_version=(1, 2)))
    assert x.__dlpack_device__() == (1, 0)


def test_bfloat16_goes_out_and_comes_in():
    x = tf.tensor([1.0, 2.0], dtype=tf.bfloat16)
    y = tf.from_dlpack(x)
    assert y.dtype is tf.bfloat16
    assert y.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: tf.ones(2).__dlpack__(stream=1), BufferError, "dlpack: a stream has no meaning on the CPU"),
        (lambda: tf.ones(2).__dlpack__(dl_device=(2, 0)), BufferError, "dlpack: the elements are on the CPU"),
        (lambda: tf.ones(2, requires_grad=True).__dlpack__(), BufferError, "dlpack: the tensor requires a gradient"),
        (lambda: tf.from_dlpack([1, 2]), TypeError, "from_dlpack: needs an object with __dlpack__; got list"),
        (lambda: tf.from_dlpack(tf.ones(2), device="cuda"), ValueError, "from_dlpack: no such device; got 'cuda'"),
    ],
)
def test_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_capsule_is_taken_once():
    capsule = tf.ones(2).__dlpack__()

    class Once:
        def __dlpack__(self, **_):
            return capsule

    assert tf.from_dlpack(Once()).tolist() == [1, 1]
    with pytest.raises(ValueError, match="from_dlpack: __dlpack__ gave no capsule that can be taken"):
        tf.from_dlpack(Once())


def test_torch_in_both_directions():
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6.0).reshape(2, 3)
    ours = tf.from_dlpack(theirs.T)
    theirs[0, 0] = 9
    assert ours.tolist() == theirs.T.tolist()
    back = torch.from_dlpack(tf.arange(6).reshape(2, 3))
    assert back.tolist() == [[0, 1, 2], [3, 4, 5]]
    half = torch.ones(2, dtype=torch.bfloat16)
    assert tf.from_dlpack(half).dtype is tf.bfloat16
