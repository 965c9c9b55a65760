"""Images changed before a model sees them: cut, turned, recoloured and mixed; names as in torchvision.

A transform takes an image ``(C, H, W)`` or a batch ``(N, C, H, W)`` of floating-point numbers, mostly from 0 to 1. Of
a batch each image is drawn for alone, and all are changed at once, which is much faster than one after the other.
What is random is drawn from the sequence that ``tenfold.manual_seed`` begins.

>>> import tenfold as tf
>>> from tenfold import transforms
>>> augment = transforms.Compose([transforms.RandomCrop(28, padding=2), transforms.RandomHorizontalFlip()])
>>> augment(tf.rand(64, 1, 28, 28)).shape
(64, 1, 28, 28)

In a loader the batch is changed in one go by :class:`OnBatch`:

>>> from tenfold.utils.data import DataLoader, TensorDataset
>>> data = TensorDataset(tf.rand(8, 1, 28, 28), tf.arange(8))
>>> loader = DataLoader(data, batch_size=4, collate_fn=transforms.OnBatch(augment))
>>> next(iter(loader))[0].shape
(4, 1, 28, 28)
"""

from tenfold.transforms.base import Compose, Lambda, OnBatch, RandomApply, Transform
from tenfold.transforms.color import ColorJitter, Grayscale, Normalize, RandomGrayscale
from tenfold.transforms.convert import ToTensor
from tenfold.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)
from tenfold.transforms.mix import CutMix, MixUp

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "CutMix",
    "Grayscale",
    "Lambda",
    "MixUp",
    "Normalize",
    "OnBatch",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToTensor",
    "Transform",
]
