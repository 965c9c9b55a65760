"""Layers, losses, initialisers and optimizers give what PyTorch gave for the same case."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import tenfold
from parity.cases import Case
from parity.replay import Arrays, build, fail, parametrized, replay, replay_optimizer, replay_schedule

# Sums of up to about 500 float32 products in another order: some tens of units in the last place (6e-8) of
# the largest number of the result. Optimizer steps pass such errors on ten times, divided by square roots.
TOLERANCE = {
    "module": 1e-5,
    "function": 1e-5,
    "call": 1e-5,
    "arranged": 1e-5,
    "parametrized": 1e-5,
    "network": 1e-5,
    "optimizer": 1e-4,
    "schedule": 1e-9,
}
# Samples of 30,000 numbers or more: means and deviations agree within five standard errors.
STANDARD_ERRORS = 5


class Record:
    """A case as PyTorch ran it: what went in and what came out."""

    def __init__(self, case: Case, arrays: Mapping[str, np.ndarray]) -> None:
        self.case = case
        self.given = {name: a for name, a in arrays.items() if not name.startswith("result.")}
        self.expected = {name.removeprefix("result."): a for name, a in arrays.items() if name.startswith("result.")}


def read_records(path: Path) -> list[Record]:
    with np.load(path) as file:
        of_case: dict[str, Arrays] = {}
        for key in file.files:
            number, _, name = key.partition(".")
            of_case.setdefault(number, {})[name] = file[key]
        cases = json.loads(str(file["cases"]))
    return [Record(case, of_case.get(str(number), {})) for number, case in enumerate(cases)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    families = {
        "tensor_record": (
            *("layers", "activations", "losses", "more_layers", "more_losses", "spatial_layers", "spatial_calls"),
            *("training_layers", "training_losses", "sequence_layers", "sequence_functions"),
            *("drawn_layers", "drawn_networks", "drawn_calls", "later_calls"),
        ),
        "layer_record": (
            *("layers", "activations", "more_layers", "spatial_layers", "training_layers", "sequence_layers"),
            *("drawn_layers", "drawn_networks"),
        ),
        "error_record": ("spatial_errors",),
        "initializer_record": ("initializers",),
        "optimizer_record": ("optimizers", "training_optimizers", "drawn_optimizers"),
        "schedule_record": ("training_schedules",),
        "parametrized_record": ("training_parametrized",),
    }
    folder = metafunc.config.getoption("--recorded")
    for argument, names in families.items():
        if argument in metafunc.fixturenames:
            records = [record for name in names for record in read_records(folder / f"{name}.npz")]
            metafunc.parametrize(argument, records, ids=[record.case["name"] for record in records])


def assert_same(results: Mapping[str, np.ndarray], record: Record) -> None:
    assert sorted(results) == sorted(record.expected)
    tolerance = record.case.get("tolerance", TOLERANCE[record.case["kind"]])
    size = largest_number(record)
    for name, expected in record.expected.items():
        result = results[name]
        assert result.dtype == expected.dtype, name
        assert result.shape == expected.shape, name
        largest = np.abs(expected).max(initial=0.0)
        # Of a difference that is 0 nothing but a few roundings of what it is made of is left.
        rounding = 4 * np.finfo(expected.dtype).eps * size if expected.dtype.kind in "fc" else 0.0
        atol = tolerance * largest + rounding
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=atol, err_msg=name)


def largest_number(record: Record) -> float:
    """Of all that went into a case and came out of it."""
    arrays = [*record.given.values(), *record.expected.values()]
    return max((float(np.abs(a[np.isfinite(a)]).max(initial=0.0)) for a in arrays if a.dtype.kind in "fc"), default=0.0)


def test_outputs_gradients_and_buffers_are_pytorchs(tensor_record: Record) -> None:
    assert_same(replay(tenfold, tensor_record.case, tensor_record.given), tensor_record)


def test_mistakes_raise_pytorchs_exceptions_in_our_words(error_record: Record) -> None:
    with pytest.raises(getattr(builtins, error_record.case["raises"]), match=r"^\w+: .+"):
        fail(tenfold, error_record.case, error_record.given)


def test_modules_have_pytorchs_state_dict_keys_and_repr(layer_record: Record) -> None:
    module = build(tenfold, layer_record.case)
    assert list(module.state_dict()) == layer_record.case["state_dict_keys"]
    assert repr(module) == layer_record.case["repr"]


def test_ten_optimizer_steps_are_pytorchs(optimizer_record: Record) -> None:
    assert_same(replay(tenfold, optimizer_record.case, optimizer_record.given), optimizer_record)


def test_an_optimizer_goes_on_from_its_saved_state(optimizer_record: Record) -> None:
    resumed = replay_optimizer(tenfold, optimizer_record.case, optimizer_record.given, resume=True)
    assert_same(resumed, optimizer_record)


def test_computed_weights_are_pytorchs(parametrized_record: Record) -> None:
    assert_same(replay(tenfold, parametrized_record.case, parametrized_record.given), parametrized_record)
    module = parametrized(tenfold, parametrized_record.case)
    assert list(module.state_dict()) == parametrized_record.case["state_dict_keys"]
    assert repr(module) == parametrized_record.case["repr"]


def test_schedules_are_pytorchs(schedule_record: Record) -> None:
    assert_same(replay(tenfold, schedule_record.case, schedule_record.given), schedule_record)
    resumed = replay_schedule(tenfold, schedule_record.case, schedule_record.given, resume=True)
    assert_same(resumed, schedule_record)


def test_initializers_draw_from_pytorchs_distributions(initializer_record: Record) -> None:
    tenfold.manual_seed(0)
    results = replay(tenfold, initializer_record.case, {})
    expected = initializer_record.expected
    assert set(results) == {key.rpartition(".")[0] for key in expected}
    for name, values in results.items():
        if f"{name}.values" in expected and initializer_record.case["kind"] == "initializer":
            np.testing.assert_array_equal(values, expected[f"{name}.values"], err_msg=name)
        elif f"{name}.values" in expected:
            assert_small_draw(values, expected[f"{name}.values"], name)
        else:
            assert_same_distribution(values, {k: expected[f"{name}.{k}"] for k in ("shape", "mean", "std")}, name)
            low, high, spread = (float(expected[f"{name}.{key}"]) for key in ("low", "high", "std"))
            # A uniform distribution spans √12 deviations and reaches its bounds; extremes in tails vary.
            allowed = 2 * spread if high - low > 4 * spread else 0.1 * spread
            assert abs(float(values.min()) - low) < allowed, f"{name}: low"
            assert abs(float(values.max()) - high) < allowed, f"{name}: high"


def assert_same_distribution(values: np.ndarray, expected: Mapping[str, np.ndarray], name: str) -> None:
    assert values.shape == tuple(expected["shape"]), name
    spread = float(expected["std"])
    # Two samples, so the difference has √2 standard errors; a deviation's own is at most 1/√2 of the mean's.
    allowed = STANDARD_ERRORS * spread * (2 / values.size) ** 0.5
    assert abs(float(values.mean(dtype=np.float64)) - float(expected["mean"])) <= allowed, f"{name}: mean"
    assert abs(float(values.std(dtype=np.float64)) - spread) <= allowed, f"{name}: standard deviation"


def assert_small_draw(values: np.ndarray, expected: np.ndarray, name: str) -> None:
    """A bias of a few hundred numbers, drawn from a uniform distribution; or constants, which are equal."""
    assert values.shape == expected.shape, name
    if expected.size < 2 or (expected == expected.flat[0]).all():
        np.testing.assert_array_equal(values, expected, err_msg=name)
    else:
        np.testing.assert_allclose(np.abs(values).max(), np.abs(expected).max(), rtol=0.2, err_msg=name)
