"""utils.data: data sets, samplers, batches, loaders."""

from __future__ import annotations

from collections import Counter, namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tenfold as tf
from tenfold.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)


class Squares(Dataset[tuple[tf.Tensor, int]]):
    """One by one: no batch can be gathered."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> tuple[tf.Tensor, int]:
        return tf.tensor(float(index * index)), index


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(5))


def numbers(n: int = 10) -> TensorDataset:
    return TensorDataset(tf.arange(n), tf.arange(n) * 10)


def order_of(loader: DataLoader) -> list[int]:
    return [number for batch in loader for number in batch[0].tolist()]


# --- Data sets


def test_a_tensor_dataset_gives_rows_of_each_tensor() -> None:
    dataset = numbers(3)
    assert len(dataset) == 3
    assert [value.item() for value in dataset[2]] == [2, 20]
    assert [value.tolist() for value in dataset[1:]] == [[1, 2], [10, 20]]


@pytest.mark.parametrize(
    ("tensors", "error", "message"),
    [
        ((tf.zeros(2), tf.zeros(3)), ValueError, r"size mismatch between tensors; got first extents \[2, 3\]"),
        ((), ValueError, "needs at least one tensor"),
        (([1, 2],), TypeError, "needs tensors; got list"),
        ((tf.tensor(1.0),), ValueError, "a 0-dimensional tensor has no samples"),
    ],
)
def test_a_tensor_dataset_says_what_does_not_fit(tensors: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^TensorDataset: {message}"):
        TensorDataset(*tensors)


def test_subsets_and_concatenations_count_through() -> None:
    both = numbers(3) + Subset(numbers(10), [7, 8])
    assert isinstance(both, ConcatDataset)
    assert [both[i][0].item() for i in range(len(both))] == [0, 1, 2, 7, 8]
    assert both[-1][0].item() == 8
    with pytest.raises(IndexError, match=r"^ConcatDataset: index 5 is out of range for 5 samples"):
        both[5]


@pytest.mark.parametrize(
    ("lengths", "sizes"), [([7, 3], [7, 3]), ([0.75, 0.25], [8, 2]), ([0.5, 0.3, 0.2], [5, 3, 2]), ([10, 0], [10, 0])]
)
def test_random_split_gives_each_sample_once(lengths: list[float], sizes: list[int]) -> None:
    parts = random_split(numbers(10), lengths)
    assert [len(part) for part in parts] == sizes
    assert sorted(int(part[i][0].item()) for part in parts for i in range(len(part))) == list(range(10))


def test_random_split_needs_lengths_that_add_up() -> None:
    with pytest.raises(ValueError, match=r"^random_split: sum of input lengths does not equal .* got \[4, 5\] for 10"):
        random_split(numbers(10), [4, 5])


# --- Samplers


def test_samplers_give_the_orders_they_promise() -> None:
    assert list(SequentialSampler(range(3))) == [0, 1, 2]
    assert sorted(RandomSampler(range(50))) == list(range(50))
    assert list(RandomSampler(range(50))) != list(range(50))
    assert Counter(RandomSampler(range(4), num_samples=10)).most_common()[-1][1] >= 2
    assert len(list(RandomSampler(range(3), replacement=True, num_samples=20))) == 20
    assert sorted(SubsetRandomSampler([5, 7, 9])) == [5, 7, 9]
    assert list(BatchSampler(range(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
    assert len(BatchSampler(range(5), 2, drop_last=False)) == 3
    assert list(RandomSampler([])) == []


def test_weights_decide_how_often_a_number_is_drawn() -> None:
    tf.manual_seed(0)
    counts = Counter(WeightedRandomSampler([1.0, 0.0, 3.0], 4000))
    assert counts[1] == 0
    # Four standard deviations of a binomial with n = 4000, p = 3/4.
    assert abs(counts[2] - 3000) < 4 * (4000 * 0.75 * 0.25) ** 0.5
    assert sorted(WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchSampler(range(3), 0, False), "BatchSampler: batch_size should be a positive integer"),
        (lambda: WeightedRandomSampler([1.0], 0), "WeightedRandomSampler: num_samples should be a positive integer"),
        (lambda: RandomSampler([1], num_samples=-1), "RandomSampler: num_samples should be a non-negative"),
    ],
)
def test_samplers_refuse_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


# --- Batches


def test_collating_stacks_each_member_of_a_structure() -> None:
    Point = namedtuple("Point", "x y")
    batch = default_collate(
        [{"p": Point(1, 2.0), "t": [tf.ones(2), "a"]}, {"p": Point(3, 4.0), "t": [tf.zeros(2), "b"]}]
    )
    assert batch["p"].x.tolist() == [1, 3]
    assert batch["p"].y.dtype == tf.float64
    assert batch["t"][0].shape == (2, 2)
    assert batch["t"][1] == ["a", "b"]
    assert type(batch["p"]) is Point


def test_collating_takes_numpys_arrays_and_numbers() -> None:
    arrays = default_collate([np.ones(2, np.float32), np.zeros(2, np.float32)])
    assert arrays.dtype == tf.float32
    assert arrays.shape == (2, 2)
    assert default_collate([np.float32(1), np.float32(2)]).dtype == tf.float32
    assert default_collate([True, False]).dtype == tf.bool


def test_collating_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match=r"^default_collate: batch must contain .* found object"):
        default_collate([object()])
    with pytest.raises(RuntimeError, match=r"should be of equal size"):
        default_collate([(1, 2), (1,)])


# --- Loaders


def test_a_loader_gives_all_samples_in_order_in_batches() -> None:
    loader = DataLoader(numbers(10), batch_size=4)
    assert [batch[0].tolist() for batch in loader] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(loader) == 3
    assert len(DataLoader(numbers(10), batch_size=4, drop_last=True)) == 2
    assert order_of(DataLoader(numbers(10), batch_size=4, drop_last=True)) == list(range(8))


def test_gathered_batches_equal_collated_ones() -> None:
    dataset = numbers(10)
    gathered = list(DataLoader(Subset(dataset, [9, 1, 4]), batch_size=2))
    collated = list(DataLoader(Subset(dataset, [9, 1, 4]), batch_size=2, collate_fn=lambda s: default_collate(s)))
    for a, b in zip(gathered, collated, strict=True):
        assert isinstance(a, list)
        assert [x.tolist() for x in a] == [x.tolist() for x in b]
        assert [x.dtype for x in a] == [x.dtype for x in b]


def test_shuffling_gives_another_order_each_time_and_the_same_by_the_same_seed() -> None:
    loader = DataLoader(numbers(50), batch_size=7, shuffle=True)
    tf.manual_seed(1)
    first, second = order_of(loader), order_of(loader)
    assert sorted(first) == list(range(50))
    assert first != second
    tf.manual_seed(1)
    assert order_of(loader) == first


def test_a_generator_of_its_own_decides_the_order() -> None:
    orders = []
    for _ in range(2):
        generator = tf.Generator().manual_seed(3)
        orders.append(order_of(DataLoader(numbers(50), batch_size=7, shuffle=True, generator=generator)))
    assert orders[0] == orders[1]


def test_any_dataset_and_any_order_can_be_loaded() -> None:
    class Backwards(Sampler[int]):
        def __iter__(self) -> Iterator[int]:
            return iter(range(9, -1, -1))

    x, y = next(iter(DataLoader(Squares(), batch_size=3, sampler=Backwards())))
    assert x.tolist() == [81.0, 64.0, 49.0]
    assert y.tolist() == [9, 8, 7]
    assert order_of(DataLoader(numbers(10), batch_sampler=[[3, 1], [2]])) == [3, 1, 2]
    assert [sample[1] for sample in DataLoader(Squares(), batch_size=None)] == list(range(10))
    assert next(iter(DataLoader(Squares(), batch_size=2, collate_fn=len))) == 2


def test_streams_are_batched_as_they_come() -> None:
    assert [batch.tolist() for batch in DataLoader(Stream(), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [batch.tolist() for batch in DataLoader(Stream(), batch_size=2, drop_last=True)] == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match=r"^DataLoader: an IterableDataset comes in its own order; got shuffle"):
        DataLoader(Stream(), shuffle=True)


@pytest.mark.parametrize(
    "argument",
    [{"timeout": 1.0}, {"multiprocessing_context": "spawn"}, {"prefetch_factor": 2}, {"persistent_workers": True}],
    ids=lambda argument: next(iter(argument)),
)
def test_what_is_for_workers_needs_some(argument: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^DataLoader: {next(iter(argument))} is for worker processes"):
        DataLoader(numbers(), **argument)


@pytest.mark.parametrize("argument", [{"pin_memory": True}, {"pin_memory_device": "cuda"}])
def test_pinned_memory_is_said_to_do_nothing(argument: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match=r"^DataLoader: pin_memory does nothing, there is no device"):
        DataLoader(numbers(), **argument)


def test_the_order_does_not_depend_on_what_is_drawn_while_it_is_read() -> None:
    def order(between: int) -> list[int]:
        tf.manual_seed(4)
        found = []
        for batch in DataLoader(numbers(), sampler=RandomSampler(numbers(), num_samples=35)):
            found += batch[0].tolist()
            tf.rand(between)
        return found

    assert order(0) == order(7)


def test_data_sets_stand_side_by_side_and_streams_one_after_the_other() -> None:
    pairs = StackDataset(numbers(3), ["a", "b", "c"])
    assert pairs[1][1] == "b"
    assert [batch for _, batch in DataLoader(pairs, batch_size=2)] == [["a", "b"], ["c"]]
    assert list(DataLoader(Stream() + Stream(), batch_size=None)) == [*range(5), *range(5)]
    assert isinstance(Stream() + Stream(), ChainDataset)
    with pytest.raises(ValueError, match=r"^StackDataset: size mismatch between datasets; got lengths \[3, 2\]"):
        StackDataset(a=numbers(3), b=numbers(2))
    with pytest.raises(TypeError, match=r"^ChainDataset: needs IterableDatasets; got list"):
        list(ChainDataset([[1]]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampler": [1], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 4}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None is mutually exclusive with drop_last"),
        ({"num_workers": -1}, "num_workers should be non-negative"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^DataLoader: {message}"):
        DataLoader(numbers(), **arguments)
