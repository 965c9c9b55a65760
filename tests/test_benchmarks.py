"""The benchmarks' tables: nothing is measured here."""

import sys
from pathlib import Path

import pytest

from tenfold import nn

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import report  # noqa: E402
from workloads import GROUPS, layers  # noqa: E402

# Modules that compute nothing themselves, or the same as another once they know their sizes.
NOT_LAYERS = (
    "Module",
    "Sequential",
    "ModuleList",
    "ModuleDict",
    "ParameterList",
    "ParameterDict",
    "RNNBase",
    "RNNCellBase",
)
# What stands in two stacks has its row as one layer of them.
STACKS = ("TransformerEncoder", "TransformerDecoder")


def test_every_layer_has_a_row():
    classes = {
        name
        for name, value in vars(nn).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and not name.startswith("Lazy")
    }
    raising = {"DataParallel", "SyncBatchNorm"}
    own = {"SinusoidalPositionalEncoding", "RotaryEmbedding"}  # PyTorch has nothing beside them
    assert classes - {*NOT_LAYERS, *STACKS, *raising, *own} == {row.name for row in layers.GROUP.workloads} & classes
    assert {row.name for row in layers.GROUP.workloads} <= classes


def test_names_are_unique():
    for group in GROUPS:
        names = [workload.name for workload in group.workloads]
        assert len(set(names)) == len(names), group.name


def made_row(group, name, in_mean, torch, tenfold):
    packages = {"torch": {"median_s": torch}, "tenfold": {"median_s": tenfold} if tenfold else {"missing": "no"}}
    ratios = {"ratios": {"torch": torch / tenfold}} if tenfold else {}
    return {"group": group, "in_mean": in_mean, "workload": name, "packages": packages, **ratios}


def test_the_mean_is_that_of_the_groups_that_count():
    counting = [group.name for group in GROUPS if group.in_mean]
    rows = [
        made_row(counting[0], "one", True, 8.0, 1.0),
        made_row(counting[0], "two", True, 2.0, 1.0),
        *(made_row(group, "three", True, 1.0, 1.0) for group in counting[1:]),
        made_row(counting[1], "none", True, 1.0, None),
        made_row("layers", "four", False, 1.0, 2.0),
    ]
    means = report.means(rows)
    assert means[counting[0]] == (pytest.approx(4.0), 2)
    assert means["layers"] == (0.5, 1)
    assert report.mean_of_groups(rows) == pytest.approx(4.0 ** (1 / len(counting)))
    # Half a run has no mean to be proud of.
    assert report.mean_of_groups(rows[2:]) is None
    assert [row["workload"] for row in report.slower(rows)] == ["four"]
    assert [row["workload"] for row in report.missing(rows)] == ["none"]
    assert "below 1×: 1 rows" in report.summary(rows)
