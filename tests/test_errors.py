"""What is wrong with a call is said by the call, in the field's exception types; nothing else ever comes out."""

import inspect
import math
import random
import re

import numpy as np
import pytest
from hypothesis import settings

import tenfold as tf
from tenfold import nn
from tenfold.nn import functional

# BufferError is what DLPack and the buffer protocol ask for.
ALLOWED = (ValueError, TypeError, IndexError, RuntimeError, OverflowError, MemoryError, BufferError)


def x(*shape, dtype=tf.float32):
    return tf.ones(*shape, dtype=dtype)


# What is called, the exception's exact type, and how its message begins.
BAD_CALLS = [
    (lambda: x(2) + x(3), tf.ShapeError, "add: "),
    (lambda: x(2, 3) @ x(2, 3), tf.ShapeError, "matmul: "),
    (lambda: x(2).mm(x(2)), tf.ShapeError, "mm: needs tensors with 2 and 2 axes"),
    (lambda: x(2).dot(x(3)), tf.ShapeError, "dot: "),
    (lambda: x(2, 3).view(4), tf.ShapeError, "view: "),
    (lambda: x(2, 3).reshape(-1, 4), tf.ShapeError, "reshape: "),
    (lambda: x(2, 3).reshape(-1, -1), tf.ShapeError, "reshape: "),
    (lambda: x(2, 3).T.view(6), tf.ShapeError, "view: shape [6] needs a copy; got shape (3, 2). Hint: use reshape"),
    (lambda: x(2, 3).expand(3, 3), tf.ShapeError, "expand: "),
    (lambda: x(2, 3).expand(-2), tf.ShapeError, "expand: "),
    (lambda: x(2, 3, 4).T, tf.ShapeError, "T: needs exactly 2 axes; got 3"),
    (lambda: x(3).unflatten(0, (2, 2)), tf.ShapeError, "unflatten: "),
    (lambda: tf.concat([x(2, 3), x(2, 4)]), tf.ShapeError, "concat: "),
    (lambda: tf.cat([x(2, 3), x(2, 4)]), tf.ShapeError, "cat: "),
    (lambda: tf.stack([x(2), x(3)]), tf.ShapeError, "stack: "),
    (lambda: x(3).sum(1), IndexError, "sum: "),
    (lambda: x(3).sum((0, 0)), ValueError, "sum: "),
    (lambda: x(3, 3).permute(0), ValueError, "permute: "),
    (lambda: x(3, 3).permute(0, 0), ValueError, "permute: "),
    (lambda: x(3, 3).transpose(0, 2), IndexError, "transpose: "),
    (lambda: x(3)[3], IndexError, "index: "),
    (lambda: x(3)[-4], IndexError, "index: "),
    (lambda: x(3)[0, 0], IndexError, "index: "),
    (lambda: x(3)[..., ...], IndexError, "index: "),
    (lambda: x(3)[1.5], IndexError, "index: an index is an integer"),
    (lambda: x(3)[[0, 3]], IndexError, "index: "),
    (lambda: x(3)[tf.tensor([True, False])], IndexError, "index: "),
    (lambda: x(3).gather(0, tf.tensor([3])), IndexError, "gather: "),
    (lambda: x(3).index_select(0, tf.tensor([-4])), IndexError, "index_select: "),
    (lambda: x(3).scatter(0, tf.tensor([5]), 1.0), IndexError, "scatter: "),
    (lambda: x(3).narrow(0, 2, 2), IndexError, "narrow: 2 elements from 2 exceed axis 0 of extent 3"),
    (lambda: x(3).select(0, 3), IndexError, "select: "),
    (lambda: x(2) & x(2), tf.DTypeError, "bitwise_and: "),
    (lambda: x(2, dtype=tf.uint64) + x(2, dtype=tf.int8), tf.DTypeError, "add: no integer dtype holds both"),
    (lambda: x(2, dtype=tf.complex64) < 1, tf.DTypeError, "less: "),
    (lambda: x(2, dtype=tf.int8) + 300, OverflowError, "add: 300 is out of range for int8"),
    (lambda: x(2, dtype=tf.uint8) + -1, OverflowError, "add: -1 is out of range for uint8"),
    (lambda: x(2) + 2**200, OverflowError, "integer: "),
    (lambda: tf.tensor([300], dtype=tf.int8), OverflowError, "tensor: 300 is out of range for int8"),
    (lambda: tf.tensor([[1], [2, 3]]), ValueError, "tensor: sequences at the same depth"),
    (lambda: tf.tensor("text"), TypeError, "tensor: needs numbers"),
    (lambda: tf.tensor({1: 2}), TypeError, "tensor: needs numbers"),
    (lambda: tf.tensor(None), TypeError, "tensor: needs numbers"),
    (lambda: tf.tensor([1j], dtype=tf.float32), TypeError, "tensor: a complex number cannot be stored in float32"),
    (lambda: tf.zeros(-1), tf.ShapeError, "zeros: extents are not negative; got [-1]"),
    (lambda: tf.zeros(2**62), ValueError, "zeros: "),
    (lambda: tf.zeros(2**31, 2**31, 2**31), ValueError, "zeros: "),
    (lambda: tf.zeros(2, device="cuda"), ValueError, "zeros: no such device; got 'cuda'. Hint: "),
    (lambda: tf.linspace(0, 1, -1), ValueError, "linspace: num is not negative; got -1"),
    (lambda: tf.repeat(x(2), tf.tensor([2**62, 2**62])), ValueError, "repeat: the result would have"),
    (lambda: tf.arange(0, 5, 0), ValueError, "arange: "),
    (lambda: tf.arange(0, math.inf), ValueError, "arange: "),
    (lambda: tf.arange(0, math.nan), ValueError, "arange: "),
    (lambda: bool(x(2)), ValueError, "bool: the truth of 2 elements is ambiguous. Hint: use any() or all()"),
    (lambda: x(2).item(), ValueError, "item: "),
    (lambda: int(tf.tensor(math.nan)), ValueError, "int: cannot convert NaN to an integer"),
    (lambda: int(tf.tensor(math.inf)), OverflowError, "int: cannot convert infinity to an integer"),
    (lambda: float(tf.tensor(1j)), TypeError, "float: a complex number has no single real value. Hint: use .real"),
    (lambda: len(tf.tensor(1)), TypeError, "len: a 0-dimensional tensor has no length"),
    (lambda: list(tf.tensor(1)), TypeError, "iter: a 0-dimensional tensor cannot be iterated over"),
    (lambda: x(0).max(), tf.ShapeError, "max: nothing to reduce"),
    (lambda: x(0).argmin(), tf.ShapeError, "argmin: nothing to reduce"),
    (lambda: x(0, 0).amax(1), IndexError, "amax: nothing to reduce; got a tensor of shape (0, 0)"),
    (lambda: x(2, 0).amin(1), IndexError, "amin: nothing to reduce"),
    (lambda: x(0, 0).argmax(1), IndexError, "argmax: nothing to reduce"),
    (lambda: x(1).expand(4).add_(1), RuntimeError, "add: more than one element of the written-to tensor refers to a"),
    (lambda: x(3).expand(2, 3).copy_(x(2, 3)), RuntimeError, "copy_: more than one element of the written-to tensor"),
    (lambda: x(1).expand(4).__setitem__([0], 2.0), RuntimeError, "setitem: more than one element of the written-to"),
    (lambda: x(3, dtype=tf.complex64).clip(0, 1), tf.DTypeError, "clip: "),
    (lambda: tf.clamp(x(3), x(2)), tf.ShapeError, "clamp: "),
    (lambda: tf.power(x(3), x(2)), tf.ShapeError, "power: "),
    (lambda: x(3).power_(x(2)), tf.ShapeError, "power: "),
    (lambda: x(3).eq(x(2)), tf.ShapeError, "eq: "),
    (lambda: x(3).view_as(x(2)), tf.ShapeError, "view_as: "),
    (lambda: tf.broadcast_to(x(3), (2,)), tf.ShapeError, "broadcast_to: "),
    (lambda: tf.matrix_transpose(x(3)), tf.ShapeError, "matrix_transpose: "),
    (lambda: tf.moveaxis(x(3), 1, 0), IndexError, "moveaxis: "),
    (lambda: tf.unstack(x(3), axis=1), IndexError, "unstack: "),
    (lambda: x(3).topk(4), IndexError, "topk: "),
    (lambda: x(3).backward(), RuntimeError, "backward: "),
    (lambda: tf.ones(3, requires_grad=True).add_(1), RuntimeError, "add: a leaf tensor that requires a gradient"),
    (lambda: tf.ones(3, requires_grad=True).numpy(), RuntimeError, "numpy: "),
    (lambda: tf.ones(3, dtype=tf.int64, requires_grad=True), tf.DTypeError, "requires_grad: only floating"),
    (lambda: x(2, dtype=tf.bfloat16).numpy(), tf.DTypeError, "numpy: NumPy has no bfloat16"),
    (lambda: x(2, dtype=tf.int64).add_(0.5), tf.DTypeError, "add: a result of dtype float32 cannot be stored in int64"),
    (lambda: x(2).add_(x(3, 2)), tf.ShapeError, "add: "),
    (lambda: x(2).clamp(), ValueError, "clamp: "),
    (lambda: tf.einsum("ij,jk", x(2, 2)), ValueError, "einsum: "),
    (lambda: tf.einsum("ij->ik", x(2, 2)), ValueError, "einsum: "),
    (lambda: x(3).sum(dim=0, axis=0), TypeError, "sum: give dim or axis, not both"),
    (lambda: tf.randint(5, 5, (2,)), ValueError, "randint: "),
    (lambda: tf.manual_seed(2**64), OverflowError, "manual_seed: "),
    (lambda: tf.isdtype(tf.float32, "float"), ValueError, "isdtype: no such kind; got 'float'. Hint: "),
    (lambda: x(2).__delitem__(0), TypeError, "delitem: "),
]


@pytest.mark.parametrize(("call", "exception", "start"), BAD_CALLS, ids=lambda value: None)
def test_a_wrong_call_says_what_is_wrong_with_it(call, exception, start) -> None:
    with pytest.raises(exception) as raised:
        call()
    assert type(raised.value) is exception
    assert str(raised.value).startswith(start)


def test_the_exceptions_are_those_of_both_worlds() -> None:
    assert issubclass(tf.ShapeError, (ValueError,))
    assert issubclass(tf.ShapeError, (RuntimeError,))
    assert issubclass(tf.DTypeError, (TypeError,))
    assert issubclass(tf.DTypeError, (RuntimeError,))


def nested_list():
    deep = []
    deep.append(deep)
    return deep


def nonsense():
    return [
    None, True, 0, 1, -1, 2, 7, -9, 2**40, 2**62, 2**63 - 1, -(2**63), 2**64, 2**130, 0.0, -0.5, 1e308,
    math.nan, math.inf,
    2j, "", "cpu", "xyz", "->", b"ab", (), [], (0,), (0, 0), (1, 0), (-1,), (2**62, 2**62), (2**40,), (-1, -1), [1.5],
    [[1], [2, 3]], {}, {"a": 1}, set(), object(), int, len, ..., slice(None), slice(None, None, 0), slice(5, 1, -2),
    tf.float32, tf.int8, tf.bool, "int64", np.float32(3), np.int64(-3), np.arange(3), np.zeros((0, 2)),
    np.array(["a"]), np.array([None]), range(3), iter([1]), nested_list(),
    ]  # fmt: skip


def tensors():
    return [
        tf.ones(2, 3),
        tf.tensor(1.5),
        tf.zeros(0),
        tf.zeros(2, 0, 3),
        tf.tensor([1, 0, 2]),
        tf.tensor([[2, -9], [2**62, 5]]),
        tf.tensor([True, False]),
        tf.tensor([1 + 1j]),
        tf.tensor([math.nan, math.inf, -math.inf]),
        tf.ones(3, dtype=tf.bfloat16),
        tf.ones(3, dtype=tf.uint8),
        tf.ones(2, 2, requires_grad=True),
        tf.ones(1).expand(4),
        tf.arange(6).reshape(2, 3).T[::-1],
    ]


# Not functions on tensors: they would end the session's state or wait for the user.
LEFT_OUT = {"set_backend", "set_checked", "set_eager", "set_fused", "set_debug",
            "set_simd", "set_convolution", "set_num_threads", "set_printoptions", "no_grad",
            "set_memory_limit", "enable_grad", "set_grad_enabled"}  # fmt: skip
FUNCTIONS = sorted(
    name
    for name in dir(tf)
    if not name.startswith("_")
    and callable(getattr(tf, name))
    and not inspect.isclass(getattr(tf, name))
    and name not in LEFT_OUT
)
METHODS = sorted(
    name
    for name in dir(tf.Tensor)
    if callable(getattr(tf.Tensor, name))
    and (not name.startswith("_") or name in ("__getitem__", "__pow__", "__mod__", "__lshift__", "__array__"))
)
FUNCTIONAL = sorted(
    name
    for name in dir(functional)
    if not name.startswith("_")
    and callable(getattr(functional, name))
    and not inspect.isclass(getattr(functional, name))
)
MODULES = sorted(
    name for name in dir(nn) if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
)
# Have no forward of their own.
LISTS = (nn.ModuleList, nn.ModuleDict)
KEYWORDS = ["dim", "axis", "keepdim", "dtype", "out", "generator", "correction", "k", "n", "axes", "descending"]


def draw_arguments(dice: random.Random, most: int) -> tuple[list, dict]:
    pool = [*tensors(), *nonsense()]
    arguments = [dice.choice(pool) for _ in range(dice.randint(0, most))]
    if dice.random() < 0.5:
        # Tensors get further than the rest.
        arguments = [dice.choice(tensors()) if dice.random() < 0.6 else argument for argument in arguments]
    keywords = {dice.choice(KEYWORDS): dice.choice(pool)} if dice.random() < 0.3 else {}
    return arguments, keywords


def is_conversion(error: Exception) -> bool:
    """An argument that could not be converted: Python's TypeErrors, and what a note names the argument of."""
    notes = getattr(error, "__notes__", [])
    named = any(note.startswith("while processing") for note in notes)
    return type(error) is TypeError or named or str(error).startswith("integer: does not fit any dtype")


def check(name: str, function, arguments, keywords) -> None:
    """Calls a function and looks at what it gives: nothing but ordinary exceptions may come out, said by that name."""
    try:
        result = function(*arguments, **keywords)
        for value in result if isinstance(result, (tuple, list)) else (result,):
            # Views of very many elements are no error, but looking at each would take forever.
            if isinstance(value, tf.Tensor) and value.numel() < 10**6:
                value.detach().bool().any().item()
    except ALLOWED as error:
        message, judged = str(error), not name.startswith("__") and not is_conversion(error)
    except BaseException as error:
        error.add_note(f"from {name}(*{arguments!r}, **{keywords!r})")
        raise
    else:
        return
    said = re.match(r"([a-zA-Z_]\w*): ", message)
    if said and judged:
        assert said[1] in (name, name.removesuffix("_")), f"{name}(*{arguments!r}, **{keywords!r}): {message}"


def calls() -> int:
    """How many calls a function gets: few by default, many under `make fuzz`."""
    return 20 + settings.default.max_examples // 20


@pytest.mark.parametrize("name", METHODS)
def test_a_method_called_with_nonsense_raises_ordinary_exceptions_that_begin_with_its_name(name) -> None:
    dice = random.Random(name)
    for _ in range(calls()):
        check(name, getattr(dice.choice(tensors()), name), *draw_arguments(dice, 3))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_called_with_nonsense_raises_ordinary_exceptions_that_begin_with_its_name(name) -> None:
    dice = random.Random(name)
    for _ in range(calls()):
        check(name, getattr(tf, name), *draw_arguments(dice, 4))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", FUNCTIONAL)
def test_a_functional_layer_called_with_nonsense_raises_ordinary_exceptions(name) -> None:
    dice = random.Random(name)
    for _ in range(calls()):
        check(f"__{name}", getattr(functional, name), *draw_arguments(dice, 5))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", MODULES)
def test_a_module_made_and_called_with_nonsense_raises_ordinary_exceptions(name) -> None:
    dice = random.Random(name)
    # Small sizes, or a layer would take all memory before it is called.
    sizes = [0, 1, 2, 3, -1, 2.5, (2, 2), (0,), None, True, "same", "mean", "?", math.nan]
    for _ in range(calls()):
        try:
            module = getattr(nn, name)(*(dice.choice(sizes) for _ in range(dice.randint(0, 5))))
        except (*ALLOWED, ArithmeticError, AssertionError, AttributeError):
            continue  # as PyTorch's constructors, which do arithmetic with what they are given
        if not isinstance(module, LISTS):
            check(f"__{name}", module, [dice.choice(tensors()) for _ in range(dice.randint(1, 3))], {})


def test_an_index_of_nonsense_raises_nothing_but_ordinary_exceptions() -> None:
    dice = random.Random(0)
    for _ in range(40 * calls()):
        receiver = dice.choice(tensors())
        key, _ = draw_arguments(dice, 3)
        check("__getitem__", receiver.__getitem__, [tuple(key)], {})
        value = dice.choice([*tensors(), *nonsense()])
        check("__setitem__", receiver.__setitem__, [tuple(key), value], {})
