"""What all transforms share, and how they are put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.utils.data import default_collate

__all__ = ["Compose", "Lambda", "OnBatch", "RandomApply", "Transform", "pair", "uniform"]


class Transform:
    """A change of images: a subclass defines ``_apply`` for batches ``(N, C, H, W)``."""

    def __call__(self, image: Tensor) -> Tensor:
        """The changed image ``(C, H, W)``, or the changed batch ``(N, C, H, W)``."""
        if not isinstance(image, Tensor) or image.ndim not in (3, 4):
            got = f"shape {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
            raise _core.ShapeError(
                f"{type(self).__name__}: needs an image (C, H, W) or a batch (N, C, H, W); got {got}. "
                "Hint: ToTensor makes a tensor of a picture"
            )
        if not image.dtype.is_floating_point:
            raise _core.DTypeError(
                f"{type(self).__name__}: needs floating-point numbers; got {image.dtype}. Hint: image.float() / 255"
            )
        return self._apply(image) if image.ndim == 4 else self._apply(image.unsqueeze(0)).squeeze(0)

    def _apply(self, images: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: _apply is missing")

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({values})"


class Compose:
    """Transforms one after the other; any functions.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> transforms.Compose([transforms.CenterCrop(2), lambda x: x * 2])(tf.ones(1, 4, 4)).sum().item()
    8.0
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        return "\n".join(["Compose(", *(f"    {transform!r}" for transform in self.transforms), ")"])


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Lambda: needs a function; got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)

    def __repr__(self) -> str:
        return f"Lambda({getattr(self.lambd, '__name__', self.lambd)})"


class RandomApply(Transform):
    """A transform, or several, of each image with probability ``p``; they must leave the size as it is."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]] | Callable[[Any], Any], p: float = 0.5) -> None:
        self.transforms = transforms if callable(transforms) else Compose(transforms)
        self.p = probability("RandomApply", p)

    def _apply(self, images: Tensor) -> Tensor:
        chosen = uniform(images, 0.0, 1.0) < self.p
        return _core.where(chosen, self.transforms(images), images)


class OnBatch:
    """Makes batches as :func:`default_collate` does, and changes their images: a ``collate_fn`` for a loader.

    ``transform`` is called with the first member of a batch, the images; with ``whole`` with all members, as
    :class:`MixUp` wants it.
    """

    def __init__(self, transform: Callable[..., Any], whole: bool = False) -> None:
        self.transform = transform
        self.whole = whole

    def __call__(self, samples: Sequence[Any]) -> Any:
        return self.on_batch(default_collate(samples))

    def on_batch(self, batch: Any) -> Any:
        """The changed batch; a loader that has gathered one at once calls it alone."""
        if self.whole:
            return self.transform(*batch) if isinstance(batch, list | tuple) else self.transform(batch)
        if isinstance(batch, list | tuple):
            return [self.transform(batch[0]), *batch[1:]]
        return self.transform(batch)


def uniform(images: Tensor, low: float, high: float, shape: tuple[int, ...] = (1, 1, 1)) -> Tensor:
    """A number for each image, (N, 1, 1, 1) unless told, evenly between two."""
    return low + (high - low) * _core.rand(len(images), *shape)


def pair(operation: str, size: Any) -> tuple[int, int]:
    """Height and width: two numbers, or one for both."""
    found = (size, size) if isinstance(size, int) else tuple(size)
    if len(found) == 1:
        found = found * 2
    if len(found) != 2 or any(not isinstance(one, int) or one < 1 for one in found):
        raise ValueError(f"{operation}: size should be a positive integer or two; got {size!r}")
    return found


def probability(operation: str, p: float) -> float:
    """The same, or ValueError."""
    if not 0 <= p <= 1:
        raise ValueError(f"{operation}: p should be from 0 to 1; got {p}")
    return p
