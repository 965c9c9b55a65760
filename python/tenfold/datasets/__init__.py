"""Small data sets to learn and test with: images as tensors, nothing downloaded.

Each function returns `(images, labels)`: images float32 of shape `(N, 1, H, W)` with values from 0 to 1,
labels int64 of shape `(N,)`.
"""

from tenfold.datasets._digits import digits
from tenfold.datasets._fashion_mnist import fashion_mnist
from tenfold.datasets._idx import read_idx

__all__ = ["digits", "fashion_mnist", "read_idx"]
