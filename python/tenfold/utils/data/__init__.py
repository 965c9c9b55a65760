"""Data sets, the order in which they are read, and batches.

>>> import tenfold as tf
>>> from tenfold.utils.data import DataLoader, TensorDataset
>>> x, y = tf.arange(6.0), tf.arange(6)
>>> [labels.tolist() for _, labels in DataLoader(TensorDataset(x, y), batch_size=4)]
[[0, 1, 2, 3], [4, 5]]
"""

from tenfold.utils.data.collate import default_collate, default_convert
from tenfold.utils.data.dataloader import DataLoader
from tenfold.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from tenfold.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tenfold.utils.data.worker import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
