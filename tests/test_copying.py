"""Copies of tensors: clone, copy, deepcopy, pickling; sizes."""

import copy
import pickle

import numpy as np
import pytest

import tenfold as tf

DTYPES = [
    "bool", "int8", "uint16", "int64", "uint64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip


class Named(tf.Tensor):
    """A subclass with a constructor and attributes of its own."""

    def __new__(cls, data, name):
        tensor = super().__new__(cls, data)
        tensor.name = name
        return tensor


def test_clone_is_another_tensor_that_gradients_flow_through():
    x = tf.ones(3, requires_grad=True)
    y = x.clone()
    (y * 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
    z = x.detach().clone()
    z += 1
    assert x.tolist() == [1, 1, 1]


def test_clone_of_borrowed_memory_does_not_follow_it():
    array = np.arange(4.0)
    x = tf.from_numpy(array)
    y, z = x.clone(), copy.deepcopy(x)
    array[:] = 9
    assert y.tolist() == z.tolist() == [0, 1, 2, 3]


def test_contiguous_gives_the_tensor_itself_or_a_dense_copy():
    x = tf.arange(6).reshape(2, 3)
    assert x.contiguous() is x
    dense = x.T.contiguous()
    assert dense.is_contiguous()
    assert not x.T.is_contiguous()
    assert dense.tolist() == x.T.tolist()
    x += 1
    assert dense[0, 0] == 0


def test_copy_in_place_broadcasts_and_converts():
    x = tf.zeros(2, 3, dtype=tf.int32)
    assert x.copy_(tf.tensor([1.9, -2.9, 3.0])) is x
    assert x.tolist() == [[1, -2, 3]] * 2
    x[0].copy_(tf.tensor(7))
    assert x.tolist() == [[7, 7, 7], [1, -2, 3]]
    with pytest.raises(tf.ShapeError, match="copy_: "):
        x.copy_(tf.zeros(4))
    source = tf.ones(3, requires_grad=True)
    target = tf.zeros(2, 3)
    target.copy_(source)
    target.sum().backward()
    assert source.grad.tolist() == [2, 2, 2]


def test_shallow_copies_share_elements():
    x = tf.zeros(2, requires_grad=True)
    y = copy.copy(x)
    assert y is not x
    assert y.requires_grad
    assert y.is_leaf
    assert y.grad is None
    with tf.no_grad():
        y += 1
    assert x.tolist() == [1, 1]


def test_deep_copies_are_leaves_of_their_own():
    x = tf.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    first, second = copy.deepcopy([x, x])
    assert first is second
    assert first is not x
    assert first.requires_grad
    assert first.is_leaf
    assert first.grad is not x.grad
    assert first.grad.tolist() == [2, 4]
    with tf.no_grad():
        first += 1
    assert x.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="deepcopy: only leaf tensors can be copied deeply"):
        copy.deepcopy(x * 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_tensors_come_back(dtype, protocol):
    x = tf.tensor([[0, 1, 1], [1, 0, 1]]).to(getattr(tf, dtype)).T
    y = pickle.loads(pickle.dumps(x, protocol=protocol))
    assert y.dtype is x.dtype
    assert y.shape == x.shape
    assert y.tolist() == x.tolist()
    assert y.is_leaf
    assert not y.requires_grad


def test_pickling_keeps_that_a_gradient_is_required():
    x = tf.ones(2, requires_grad=True)
    assert pickle.loads(pickle.dumps(x)).requires_grad
    result = pickle.loads(pickle.dumps(x * 2))
    assert result.requires_grad
    assert result.is_leaf


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_subclasses_stay_what_they_are(copied):
    x = Named(tf.tensor([1.0]), "weight")
    x.requires_grad_()
    y = copied(x)
    assert type(y) is Named
    assert y.name == "weight"
    assert y.requires_grad
    assert y.tolist() == [1]


def test_size_is_a_number_that_can_be_called():
    x = tf.zeros(2, 3, 4)
    assert x.size == 24
    assert isinstance(x.size, int)
    assert x.size + 1 == 25
    assert x.size() == (2, 3, 4)
    assert x.size(0) == 2
    assert x.size(-1) == 4
    assert x.size(dim=1) == 3
    assert pickle.loads(pickle.dumps(x.size)) == 24
    with pytest.raises(IndexError, match="size: "):
        x.size(3)
