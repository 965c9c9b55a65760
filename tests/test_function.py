"""autograd.Function: derivatives written in Python."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import tenfold as tf
from tenfold.autograd.function import once_differentiable


class Cube(tf.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: tf.Tensor) -> tf.Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: tf.Tensor) -> tf.Tensor:
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


class Exp(tf.autograd.Function):
    """Saves its result."""

    @staticmethod
    def forward(ctx: Any, x: tf.Tensor) -> tf.Tensor:
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: tf.Tensor) -> tf.Tensor:
        (result,) = ctx.saved_tensors
        return grad * result


def leaf(*values: float) -> tf.Tensor:
    return tf.tensor(list(values), requires_grad=True)


def test_the_backward_is_used() -> None:
    x = leaf(2.0, 3.0)
    y = Cube.apply(x)
    assert y.tolist() == [8.0, 27.0]
    assert y.grad_fn == "Cube"
    y.sum().backward()
    assert x.grad.tolist() == [12.0, 27.0]


def test_it_can_be_differentiated_again() -> None:
    x = leaf(2.0)
    (first,) = tf.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    (second,) = tf.autograd.grad(first.sum(), x)
    assert second.tolist() == [12.0]


def test_a_saved_result_carries_its_own_derivative() -> None:
    x = leaf(1.0)
    (first,) = tf.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
    (second,) = tf.autograd.grad(first.sum(), x)
    assert second.tolist() == pytest.approx([2.718281828], rel=1e-6)


def test_arguments_that_are_no_tensors_get_none() -> None:
    class Power(tf.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: tf.Tensor, n: int) -> tf.Tensor:
            ctx.save_for_backward(x)
            ctx.n = n
            return x**n

        @staticmethod
        def backward(ctx: Any, grad: tf.Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return grad * ctx.n * x ** (ctx.n - 1), None

    x = leaf(2.0)
    Power.apply(x, 4).sum().backward()
    assert x.grad.tolist() == [32.0]


def test_needs_input_grad_says_which_gradients_are_wanted() -> None:
    seen = []

    class Product(tf.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
            ctx.save_for_backward(a, None, b)
            return a * b

        @staticmethod
        def backward(ctx: Any, grad: tf.Tensor) -> Any:
            seen.append(ctx.needs_input_grad)
            a, none, b = ctx.saved_tensors
            assert none is None
            return grad * b, grad * a

    a, b = leaf(2.0), tf.tensor([5.0])
    Product.apply(a, b).sum().backward()
    assert seen == [(True, False)]
    assert a.grad.tolist() == [5.0]
    assert b.grad is None


def test_several_results_get_a_gradient_each_and_zeros_where_nothing_depends_on_one() -> None:
    class Split(tf.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: tf.Tensor) -> Any:
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
            return first * 2 + second * 3

    x = leaf(1.0)
    first, second = Split.apply(x)
    (first + second).sum().backward()
    assert x.grad.tolist() == [5.0]
    x = leaf(1.0)
    Split.apply(x)[1].sum().backward()
    assert x.grad.tolist() == [3.0]


def test_results_marked_so_are_not_differentiable() -> None:
    class SortedWithPlaces(tf.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: tf.Tensor) -> Any:
            doubled, marked = x * 2, x * 5
            ctx.mark_non_differentiable(marked)
            return doubled, marked

        @staticmethod
        def backward(ctx: Any, grad: tf.Tensor, _marked: tf.Tensor) -> tf.Tensor:
            return grad * 2

    doubled, marked = SortedWithPlaces.apply(leaf(1.0))
    assert doubled.requires_grad
    assert not marked.requires_grad


def test_setup_context_keeps_forward_free_of_it() -> None:
    class Square(tf.autograd.Function):
        @staticmethod
        def forward(x: tf.Tensor) -> tf.Tensor:
            return x * x

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, grad: tf.Tensor) -> tf.Tensor:
            return 2 * grad * ctx.saved_tensors[0]

    x = leaf(3.0)
    Square.apply(x).sum().backward()
    assert x.grad.tolist() == [6.0]


def test_a_second_backward_needs_retain_graph() -> None:
    x = leaf(2.0)
    y = Cube.apply(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [24.0]
    with pytest.raises(RuntimeError, match=r"retain_graph=True"):
        y.backward()


def test_once_differentiable_refuses_a_second_derivative() -> None:
    class Once(tf.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: tf.Tensor) -> tf.Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, grad: tf.Tensor) -> tf.Tensor:
            return 2 * grad * ctx.saved_tensors[0]

    x = leaf(3.0)
    Once.apply(x).sum().backward()
    assert x.grad.tolist() == [6.0]
    weight = tf.ones(1, requires_grad=True)
    (first,) = tf.autograd.grad(Once.apply(x), x, weight, create_graph=True)
    with pytest.raises(RuntimeError, match=r"differentiate twice"):
        first.sum().backward()


def test_nothing_is_recorded_without_gradients() -> None:
    with tf.no_grad():
        assert not Cube.apply(leaf(1.0)).requires_grad
    assert not Cube.apply(tf.tensor([1.0])).requires_grad


class Broken(tf.autograd.Function):
    answer: Any = None

    @staticmethod
    def forward(ctx: Any, x: tf.Tensor, n: int) -> tf.Tensor:
        return x * n

    @staticmethod
    def backward(ctx: Any, grad: tf.Tensor) -> Any:
        return Broken.answer(grad)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            lambda grad: grad,
            RuntimeError,
            r"Broken: backward returned an incorrect number of gradients \(expected 2, got 1",
        ),
        (lambda grad: (grad, grad), RuntimeError, "Broken: backward returned a gradient for argument 1, which is no"),
        (lambda grad: (3.0, None), TypeError, "Broken: backward returns tensors or None; got float for argument 0"),
        (lambda grad: (grad.sum(), None), RuntimeError, "gradient of shape"),
        (lambda grad: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
)
def test_a_wrong_backward_is_told_what_is_wrong(answer: Any, error: type[Exception], message: str) -> None:
    Broken.answer = staticmethod(answer)
    with pytest.raises(error, match=message):
        Broken.apply(leaf(1.0, 2.0), 3).sum().backward()


def test_functions_are_applied_not_made() -> None:
    with pytest.raises(RuntimeError, match=r"^Cube: functions are not made. Hint: call Cube.apply"):
        Cube()


def test_what_was_saved_is_dropped_with_the_result() -> None:
    class Payload:
        pass

    class Keeps(tf.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: tf.Tensor, payload: Payload) -> tf.Tensor:
            ctx.payload = payload
            result = x * 2
            ctx.save_for_backward(x, result)
            return result

        @staticmethod
        def backward(ctx: Any, grad: tf.Tensor) -> Any:
            return grad * 2, None

    payload = Payload()
    watch = weakref.ref(payload)
    result = Keeps.apply(leaf(1.0), payload)
    del payload
    gc.collect()
    assert watch() is not None
    del result
    gc.collect()
    assert watch() is None
