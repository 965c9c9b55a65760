"""How tensors are written: as PyTorch writes them."""

import numpy as np
import pytest

import tenfold as tf


@pytest.fixture(autouse=True)
def default_options():
    yield
    tf.set_printoptions(profile="default")


@pytest.mark.parametrize(
    ("data", "dtype", "text"),
    [
        ([[1, 2], [3, 4]], "float32", "tensor([[1., 2.],\n        [3., 4.]])"),
        ([1, -20, 3], "int64", "tensor([  1, -20,   3])"),
        ([1, 2], "uint8", "tensor([1, 2], dtype=tenfold.uint8)"),
        ([True, False], "bool", "tensor([ True, False])"),
        (3.5, "float32", "tensor(3.5000)"),
        ([1.0, 2000.0], "float32", "tensor([1.0000e+00, 2.0000e+03])"),
        ([1e-5, 1.0], "float64", "tensor([1.0000e-05, 1.0000e+00], dtype=tenfold.float64)"),
        ([0.5, float("nan"), float("-inf")], "float32", "tensor([0.5000,    nan,   -inf])"),
        ([0.0, -0.0], "float32", "tensor([0., -0.])"),
        ([1 + 2j, 0.5 - 1j], "complex64", "tensor([1.0000+2.j, 0.5000-1.j])"),
        (np.zeros((0, 3)), "float32", "tensor([], size=(0, 3))"),
        (np.zeros(0), "int64", "tensor([], dtype=tenfold.int64)"),
    ],
)
def test_numbers_of_a_tensor_are_written_alike(data, dtype, text):
    assert repr(tf.tensor(data, dtype=dtype)) == text
    assert str(tf.tensor(data, dtype=dtype)) == text


def test_long_tensors_show_their_edges():
    assert repr(tf.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    assert repr(tf.arange(1000)).count("\n") > 40
    cube = repr(tf.zeros(20, 20, 20))
    assert cube.startswith("tensor([[[0., 0., 0.,  ..., 0., 0., 0.],\n         [0.,")
    assert "\n\n        ...,\n\n" in cube


def test_gradients_show():
    x = tf.ones(2, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 2.], grad_fn=<multiply>)"
    assert repr(x.detach()) == "tensor([1., 1.])"


def test_options_hold_until_they_are_reset():
    x = tf.tensor([1 / 3, 2 / 3, 1.0])
    tf.set_printoptions(precision=2, sci_mode=True)
    assert repr(x) == "tensor([3.33e-01, 6.67e-01, 1.00e+00])"
    tf.set_printoptions(threshold=2, edgeitems=1)
    assert repr(x) == "tensor([0.33,  ..., 1.00])"
    tf.set_printoptions(profile="default", linewidth=20)
    assert repr(x) == "tensor([0.3333,\n        0.6667,\n        1.0000])"
    with pytest.raises(ValueError, match="set_printoptions: no such profile; got 'wide'"):
        tf.set_printoptions(profile="wide")


def test_one_element_is_formatted_as_a_number():
    assert f"{tf.tensor(0.123456):.3f}" == "0.123"
    assert f"{tf.tensor([2]):>4}" == "   2"
    assert f"{tf.tensor([2])}" == "tensor([2])"
    with pytest.raises(TypeError, match=r"format: only a tensor with one element takes a format; got '.2f'"):
        f"{tf.ones(3):.2f}"


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float64", "complex64"])
def test_lists_are_numpys(shape, dtype):
    array = (np.random.default_rng(0).integers(0, 9, shape) if shape else np.array(7)).astype(dtype)
    listed = tf.tensor(array).tolist()
    assert listed == array.tolist()
    first = array.ravel()[:1].tolist()
    assert not first or type(first[0]) is type(np.array(listed, dtype=object).ravel().tolist()[0])
    assert tf.tensor(array.T.copy()).tolist() == array.T.tolist()
