"""Images that are mixtures of two, with labels that are too."""

from __future__ import annotations

import random
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.transforms.geometry import rectangle

__all__ = ["CutMix", "MixUp"]


class _Mix:
    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None) -> None:
        if alpha <= 0:
            raise ValueError(f"{type(self).__name__}: alpha should be above 0; got {alpha}")
        self.alpha = float(alpha)
        self.num_classes = num_classes

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed images ``(N, C, H, W)``, and their labels ``(N, K)`` as shares of the classes."""
        operation = type(self).__name__
        if images.ndim != 4 or len(images) != len(labels):
            raise _core.ShapeError(
                f"{operation}: needs a batch (N, C, H, W) and its labels; got {tuple(images.shape)} and "
                f"{tuple(labels.shape)}"
            )
        if labels.ndim == 1:
            if self.num_classes is None:
                raise ValueError(f"{operation}: labels that are numbers of classes need num_classes")
            labels = F.one_hot(labels.to(_core.int64), self.num_classes)
        labels = labels.to(_core.float32)
        # Each with the one before it: a loader has shuffled them.
        others = _core.arange(-1, len(images) - 1) % len(images)
        # Beta's two gammas by Python, seeded by the sequence of Tenfold.
        share = random.Random(int(_core.randint(0, 2**62, size=()))).betavariate(self.alpha, self.alpha)
        mixed, share = self._mixed(images, images.index_select(0, others), share)
        return mixed, labels * share + labels.index_select(0, others) * (1 - share)

    def _mixed(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alpha={self.alpha}, num_classes={self.num_classes})"


class MixUp(_Mix):
    """Images λ·x + (1 − λ)·x' of two each, and their labels likewise; λ is drawn from Beta(alpha, alpha) a batch.

    Labels are numbers of ``num_classes`` classes, or already shares ``(N, K)``; cross_entropy takes the result.
    Source: H. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> images, labels = transforms.MixUp(num_classes=3)(tf.rand(4, 1, 8, 8), tf.tensor([0, 1, 2, 0]))
    >>> labels.shape, [round(total, 5) for total in labels.sum(dim=1).tolist()]
    ((4, 3), [1.0, 1.0, 1.0, 1.0])
    """

    def _mixed(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        return images * share + others * (1 - share), share


class CutMix(_Mix):
    """Images with a rectangle of another each, at one place a batch, and labels by the areas.

    The rectangle has a share of about 1 − λ, λ drawn from Beta(alpha, alpha). Labels as for :class:`MixUp`.
    Source: S. Yun et al., CutMix, ICCV 2019.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> transforms.CutMix(num_classes=3)(tf.rand(4, 1, 8, 8), tf.tensor([0, 1, 2, 0]))[0].shape
    (4, 1, 8, 8)
    """

    def _mixed(self, images: Tensor, others: Tensor, share: float) -> tuple[Tensor, float]:
        height, width = images.shape[2:]
        side = (1 - share) ** 0.5
        high, wide = round(height * side), round(width * side)

        def number(value: int) -> Any:
            return _core.full((1, 1, 1, 1), float(value))

        inside = rectangle(images[:1], number(high), number(wide))
        return _core.where(inside, others, images), 1 - high * wide / (height * width)
