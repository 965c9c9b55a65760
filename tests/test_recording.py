"""What making a tensor object costs the rest of the program."""

import gc
import weakref

import pytest

import tenfold as tf
import tenfold.nn.functional as F
from tenfold import nn


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x + x,
        lambda x: x * 2.0,
        lambda x: x.exp(),
        lambda x: x[0],
        lambda x: x.reshape(2, 2),
        lambda x: x.sum(),
        lambda x: F.relu(x),
        lambda x: x.detach(),
        lambda x: x.sort()[0],
        lambda x: tf.ones(3),
        lambda x: tf.tensor([1.0]),
    ],
)
def test_plain_tensors_are_no_work_for_the_collector(make):
    assert not gc.is_tracked(make(tf.ones(4)))


def test_gradients_are_no_work_for_the_collector():
    x = tf.ones(3, requires_grad=True)
    (x * x).sum().backward()
    assert not gc.is_tracked(x.grad)


def test_parameters_are_tracked_since_they_have_attributes():
    parameter = nn.Parameter(tf.ones(2))
    parameter.own = parameter
    assert gc.is_tracked(parameter)


def test_a_cycle_through_a_parameter_is_collected():
    class Note:
        pass

    parameter, note = nn.Parameter(tf.ones(2)), Note()
    parameter.note, note.parameter = note, parameter
    watched = weakref.ref(note)
    del parameter, note
    gc.collect()
    assert watched() is None


def test_tensors_without_axes_and_with_many_have_views_and_results():
    for rank in range(9):
        x = tf.ones([1] * rank + [2])
        assert (x + x).shape == x.shape
        assert x.unsqueeze(0).squeeze(0).shape == x.shape
        assert x.reshape(2)[1].item() == 1.0
        assert x.stride() == (x + x).stride()
