"""Small data sets to learn and test with, as tensors.

Images are float32 of shape `(N, C, H, W)` with values from 0 to 1, labels int64 of shape `(N,)`. `digits` comes with
the package; the others read files that are there, and fetch them only when asked to (`download=True`), into
:func:`data_folder`: the folder that the switch `TENFOLD_DATA` names, else the user's cache. Where there is no
network, put the files into that folder.
"""

from tenfold.datasets._cifar10 import cifar10
from tenfold.datasets._digits import digits
from tenfold.datasets._download import download
from tenfold.datasets._folder import data_folder
from tenfold.datasets._idx import read_idx
from tenfold.datasets._mnist import fashion_mnist, mnist
from tenfold.datasets._movielens import MovieLens, movielens_100k
from tenfold.datasets._text import text_file

__all__ = [
    "MovieLens",
    "cifar10",
    "data_folder",
    "digits",
    "download",
    "fashion_mnist",
    "mnist",
    "movielens_100k",
    "read_idx",
    "text_file",
]
