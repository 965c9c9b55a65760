"""NumPy in both directions: nothing is copied unless it must be, and borrowed memory is never written."""

import array
import gc
import operator
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tenfold as tf
from support import FLOATS, SHARED, array_of, assert_same, laid_out, layouts, numbers, seeds, shapes


@given(shapes, st.sampled_from(SHARED), layouts, seeds)
def test_an_array_survives_the_way_there_and_back_in_every_layout(shape, dtype, layout, seed) -> None:
    array = numbers(shape, dtype, seed)
    tensor = laid_out(array, layout)
    assert_same(tensor, array)
    assert_same(tf.from_numpy(np.asarray(tensor)), array)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.sampled_from(SHARED), st.data())
def test_from_numpy_takes_any_strides(extents, dtype, data) -> None:
    array = numbers(tuple(extents), dtype)
    for axis in range(array.ndim):
        step = data.draw(st.sampled_from([1, 2, -1, -2]))
        array = array[(slice(None),) * axis + (slice(None, None, step),)]
    array = array.transpose(data.draw(st.permutations(range(array.ndim))))
    for tensor in (tf.from_numpy(array), tf.tensor(array), tf.asarray(array)):
        assert_same(tensor, array)
        assert_same(tensor + tensor if dtype != "bool" else tensor | tensor, array + array)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1)])
@pytest.mark.parametrize("dtype", SHARED)
def test_arrays_without_axes_or_without_elements_are_taken(shape, dtype) -> None:
    array = np.ones(shape, dtype)
    assert_same(tf.from_numpy(array), array)
    assert_same(tf.tensor(array), array)


def test_broadcast_arrays_are_taken_as_they_are() -> None:
    array = np.broadcast_to(np.arange(3.0), (4, 3))
    assert_same(tf.from_numpy(array), array)
    assert tf.from_numpy(array).sum().item() == 12


@pytest.mark.parametrize("dtype", ["int16", "int64", *FLOATS, "complex128"])
def test_arrays_off_their_boundaries_are_copied(dtype) -> None:
    record = np.zeros(5, dtype=np.dtype([("pad", "u1"), ("value", dtype)]))
    record["value"] = np.arange(5)
    assert not record["value"].flags.aligned
    assert_same(tf.from_numpy(record["value"]), record["value"].copy())
    assert_same(tf.from_numpy(record["value"][::-2]), record["value"][::-2].copy())
    assert_same(tf.tensor(record["value"]), record["value"].copy())


@pytest.mark.parametrize("dtype", [">f4", ">i8", "M8[s]", "U3", "O", "longdouble", "V4"])
def test_what_has_no_dtype_here_is_refused_with_the_way_out(dtype) -> None:
    array = np.zeros(2, dtype=dtype)
    for make in (tf.from_numpy, tf.tensor, tf.asarray):
        with pytest.raises((TypeError, ValueError)) as raised:
            make(array)
        if dtype.startswith(">"):
            assert "Hint: convert to native byte order" in str(raised.value)


def test_other_buffers_are_taken_too() -> None:
    assert_same(tf.from_numpy(memoryview(bytes(range(4)))), np.arange(4, dtype=np.uint8))
    assert_same(tf.tensor(array.array("d", [1.0, 2.5])), np.array([1.0, 2.5]))
    assert_same(tf.tensor(array.array("h", [1, -2])), np.array([1, -2], np.int16))


def test_a_borrowed_tensor_shows_what_its_owner_writes() -> None:
    owner = np.arange(4.0)
    tensor = tf.from_numpy(owner)
    owner[0] = 7
    assert tensor[0].item() == 7


def test_a_result_is_computed_before_the_owner_can_change_what_it_reads() -> None:
    owner = np.arange(4.0)
    result = tf.from_numpy(owner) + 1
    summed = tf.from_numpy(owner)[1:].sum()
    owner[:] = 100
    assert_same(result, np.arange(4.0) + 1)
    assert summed.item() == 6


def test_what_autograd_saves_of_borrowed_memory_is_a_copy() -> None:
    owner = np.arange(1.0, 4.0)
    weight = tf.ones(3, dtype=tf.float64, requires_grad=True)
    product = (weight * tf.from_numpy(owner)).sum()
    owner[:] = 100
    product.backward()
    assert_same(weight.grad, np.arange(1.0, 4.0))


WRITES = {
    "add_": lambda t: t.add_(1),
    "iadd": lambda t: t.__iadd__(1),
    "zero_": lambda t: t.zero_(),
    "fill_": lambda t: t.fill_(3),
    "setitem": lambda t: t.__setitem__(0, 5),
    "view": lambda t: t.view(-1).mul_(2),
    "part": lambda t: t[1:].zero_(),
    "data": lambda t: t.data.zero_(),
    "detach": lambda t: t.detach().exp_(),
    "normal_": lambda t: t.normal_(),
    "mask": lambda t: t.__setitem__(t > 1, 0),
    "index_add_": lambda t: t.index_add_(0, tf.tensor([0]), tf.ones(1, dtype=tf.float64)),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
@pytest.mark.parametrize("owner_may_write", [True, False])
def test_borrowed_memory_is_never_written(write, owner_may_write) -> None:
    owner = np.arange(4.0)
    owner.flags.writeable = owner_may_write
    tensor = tf.from_numpy(owner)
    write(tensor)
    np.testing.assert_array_equal(owner, np.arange(4.0))
    assert not np.array_equal(array_of(tensor), np.arange(4.0))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_array_handed_out_is_read_only_and_keeps_its_numbers(write) -> None:
    tensor = tf.arange(4.0, dtype=tf.float64)
    handed_out = tensor.numpy()
    assert not handed_out.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        handed_out[0] = 1
    write(tensor)
    np.testing.assert_array_equal(handed_out, np.arange(4.0))


def test_a_handed_out_array_shares_the_memory_and_keeps_it_alive() -> None:
    tensor = tf.arange(1000.0)
    address = tensor.numpy().__array_interface__["data"][0]
    handed_out = tensor.numpy()
    assert handed_out.__array_interface__["data"][0] == address
    del tensor
    gc.collect()
    np.testing.assert_array_equal(handed_out, np.arange(1000, dtype=np.float32))


def test_a_borrowed_array_lives_as_long_as_somebody_reads_it() -> None:
    class Owner(np.ndarray):
        pass

    owner = np.arange(10.0).view(Owner)
    watch = weakref.ref(owner)
    part = tf.from_numpy(owner)[2:]
    del owner
    gc.collect()
    assert watch() is not None
    assert part.sum().item() == sum(range(2, 10))
    del part
    gc.collect()
    assert watch() is None


def test_array_copies_only_where_it_must() -> None:
    tensor = tf.arange(3)
    address = tensor.numpy().__array_interface__["data"][0]
    assert np.asarray(tensor).__array_interface__["data"][0] == address
    assert np.array(tensor).__array_interface__["data"][0] != address
    assert np.array(tensor).flags.writeable
    assert np.asarray(tensor, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.asarray(tensor, dtype=np.float64, copy=False)


@pytest.mark.parametrize("number", [np.float32(2), np.float64(2), np.int64(2), np.bool_(True), np.complex64(2j)])
@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv, operator.eq])
def test_a_numpy_scalar_with_a_tensor_is_a_tensor_from_both_sides(number, operation) -> None:
    x = tf.arange(1, 4).to(tf.complex64 if isinstance(number, np.complexfloating) else tf.float32)
    for result, expected in (
        (operation(number, x), operation(number, array_of(x))),
        (operation(x, number), operation(array_of(x), number)),
    ):
        assert isinstance(result, tf.Tensor)
        np.testing.assert_allclose(array_of(result), expected, rtol=2**-22)  # one float32 operation


def test_numpy_leaves_operators_to_the_tensor() -> None:
    x = tf.arange(3.0)
    for result in (np.arange(3.0, dtype=np.float32) + x, x + np.arange(3.0, dtype=np.float32)):
        assert isinstance(result, tf.Tensor)
        assert_same(result, np.arange(3, dtype=np.float32) * 2)
    assert isinstance(np.ones((2, 3), np.float32) @ x, tf.Tensor)


def test_numpys_functions_take_tensors() -> None:
    assert np.sum(np.asarray(tf.arange(4))) == 6
    np.testing.assert_array_equal(np.stack([tf.arange(2), tf.arange(2)]), [[0, 1], [0, 1]])


def test_a_tensor_with_gradients_must_be_detached_first() -> None:
    x = tf.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"^numpy: .*Hint: .*detach\(\)"):
        x.numpy()
    np.testing.assert_array_equal(x.detach().numpy(), [1, 1])
    np.testing.assert_array_equal(np.asarray(x), [1, 1])


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint32", "int64", "float16", "float32", "float64", "complex64"]
)
def test_a_buffer_is_read_as_any_dtype(dtype: str) -> None:
    array = np.arange(1, 8).astype(dtype)
    raw = array.tobytes()
    for buffer in (raw, bytearray(raw), memoryview(raw), array):
        x = tf.frombuffer(buffer, dtype=getattr(tf, dtype))
        assert x.dtype == getattr(tf, dtype)
        np.testing.assert_array_equal(np.asarray(x), array)
    np.testing.assert_array_equal(
        np.asarray(tf.frombuffer(raw, dtype=getattr(tf, dtype), count=2, offset=array.itemsize)), array[1:3]
    )
    # Elements that do not lie on their boundaries.
    np.testing.assert_array_equal(np.asarray(tf.frombuffer(b"x" + raw, dtype=getattr(tf, dtype), offset=1)), array)


def test_buffers_of_truths_and_brain_floats() -> None:
    assert tf.frombuffer(bytes([0, 1, 2]), dtype=tf.bool).tolist() == [False, True, True]
    assert tf.frombuffer(bytes([0x80, 0x3F]), dtype=tf.bfloat16).item() == 1.0
    assert tf.frombuffer(np.ones(2, np.float32), dtype=tf.float32, requires_grad=True).requires_grad


@pytest.mark.parametrize(
    ("buffer", "options", "what"),
    [
        (b"", {}, "buffer and count must not be empty; got 0 bytes"),
        (b"1234", {"count": 0}, "buffer and count must not be empty"),
        (b"1234", {"offset": 4}, "offset must be from 0 to 3; got 4"),
        (b"1234", {"offset": -1}, "offset must be from 0 to 3; got -1"),
        (b"12345", {}, "the 5 bytes after the offset are no multiple of 4 bytes"),
        (b"12345678", {"count": 2, "offset": 4}, "2 elements of 4 bytes exceed the 4 bytes after the offset"),
        (b"1234", {"count": 2**62}, "elements of 4 bytes exceed"),
    ],
)
def test_buffers_that_do_not_hold_what_is_asked_for(buffer: bytes, options: dict[str, int], what: str) -> None:
    with pytest.raises(ValueError, match=f"^frombuffer: .*{what}"):
        tf.frombuffer(buffer, dtype=tf.float32, **options)
