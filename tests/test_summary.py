"""tenfold.summary: the counts are those of the formulas, and of PyTorch's counter."""

from __future__ import annotations

from typing import Any

import pytest

import tenfold as tf
from tenfold import nn


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(6, 6), nn.ReLU())
        self.again = nn.Linear(6, 6, bias=False)

    def forward(self, x: tf.Tensor) -> tf.Tensor:
        return self.again(self.again(x + self.inner(x)))


def test_layers_come_in_the_order_of_their_calls_with_their_shapes() -> None:
    report = tf.summary(Residual(), (2, 6))
    assert [(layer.name, layer.kind, layer.depth) for layer in report.layers] == [
        ("", "Residual", 0),
        ("inner", "Sequential", 1),
        ("inner.0", "Linear", 2),
        ("inner.1", "ReLU", 2),
        ("again", "Linear", 1),
        ("again", "Linear", 1),
    ]
    assert all(layer.output_shape == (2, 6) for layer in report.layers)
    # A layer that is called twice has its parameters once.
    assert [layer.parameters for layer in report.layers] == [78, 42, 42, 0, 36, 0]
    assert report.parameters == 78


def test_parameters_that_are_frozen_or_shared_are_told_apart() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    model[1].weight = model[0].weight
    model[0].bias.requires_grad_(False)
    report = tf.summary(model, (3, 4))
    assert (report.parameters, report.trainable) == (16 + 4 + 4 + 8, 16 + 4 + 8)
    # Four times 4 and one count of batches, which is an integer of 8 bytes.
    assert report.parameter_bytes == 4 * (32 + 8) + 8


# What torch.utils.flop_counter.FlopCounterMode (PyTorch 2.15) counts of products and convolutions in one forward pass.
@pytest.mark.parametrize(
    ("model", "shape", "products"),
    [
        (lambda: nn.Linear(64, 32), (8, 64), 32_768),
        (lambda: nn.Conv2d(16, 32, 3, padding=1), (2, 16, 20, 20), 7_372_800),
        (lambda: nn.Conv2d(16, 16, 3, padding=1, groups=16), (2, 16, 20, 20), 230_400),
        (lambda: nn.ConvTranspose2d(8, 4, 2, stride=2), (1, 8, 5, 5), 6_400),
        (lambda: nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.Conv1d(8, 8, 3, stride=2)), (3, 4, 50), 69_504),
    ],
)
def test_operations_are_those_of_the_products_and_little_more(model: Any, shape: Any, products: int) -> None:
    found = tf.summary(model(), shape).flops
    # Biases and activations: at most a few operations a result.
    assert products <= found <= products * 1.08


def test_operations_of_parts_add_up() -> None:
    report = tf.summary(Residual(), (2, 6))
    top = report.layers
    linear = 2 * 2 * 6 * 6
    assert top[2].flops == linear + 12  # with a bias
    assert top[3].flops == 12
    assert top[1].flops == top[2].flops + top[3].flops
    assert top[4].flops == top[5].flops == linear
    assert top[0].flops == report.flops == top[1].flops + 12 + 2 * linear


def test_memory_is_that_of_parameters_outputs_and_input() -> None:
    report = tf.summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), (2, 3, 10, 10))
    assert report.input_bytes == 4 * 600
    assert report.parameter_bytes == 4 * (8 * 3 * 9 + 8)
    assert report.output_bytes == 2 * 4 * (2 * 8 * 8 * 8)


def test_it_takes_tokens_several_inputs_and_recurrent_layers() -> None:
    model = nn.Sequential(nn.Embedding(100, 16), nn.LSTM(16, 8, batch_first=True))
    report = tf.summary(model, (4, 7), dtype=tf.int64)
    assert report.layers[1].output_shape == (4, 7, 16)
    assert report.layers[2].output_shape == [(4, 7, 8), (1, 4, 8), (1, 4, 8)]
    report = tf.summary(nn.Bilinear(3, 4, 5), [(2, 3), (2, 4)])
    assert report.layers[0].output_shape == (2, 5)
    report = tf.summary(nn.Bilinear(3, 4, 5), inputs={"input1": tf.ones(2, 3), "input2": tf.ones(2, 4)})
    assert report.layers[0].output_shape == (2, 5)


def test_the_model_stays_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    model[1].eval()
    drawn = tf.get_rng_state().tolist()
    before = {name: value.tolist() for name, value in model.state_dict().items()}
    tf.summary(model, (3, 4))
    assert {name: value.tolist() for name, value in model.state_dict().items()} == before
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert tf.get_rng_state().tolist() == drawn
    with pytest.raises(ValueError, match="linear"):
        tf.summary(model, (3, 5))
    assert not model[0]._forward_hooks


def test_it_prints_a_table() -> None:
    lines = str(tf.summary(nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU()), (1, 1, 30, 30))).splitlines()
    assert lines[0].split() == ["layer", "(kind)", "output", "shape", "parameters", "FLOPs"]
    assert lines[3].split() == ["0", "(Conv2d)", "(1,", "8,", "28,", "28)", "80", "119", "k"]
    assert len({len(line) for line in lines[:5]}) == 1
    assert lines[-3] == "parameters  80 (80 trainable)"
    assert lines[-1] == "memory      54.1 kB: parameters 320 B, outputs 50.2 kB, input 3.6 kB"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": nn.ReLU()}, ValueError, "summary: needs either input_shape or inputs"),
        ({"model": 3, "input_shape": (1,)}, TypeError, "summary: model should be a Module; got int"),
        (
            {"model": nn.ReLU(), "input_shape": [(1,), (2,)], "dtype": [tf.int64]},
            ValueError,
            "summary: 2 inputs need as many dtypes; got 1",
        ),
    ],
)
def test_wrong_arguments_are_said(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        tf.summary(**arguments)
