"""Where the points of an image go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.nn import functional as F
from tenfold.transforms.base import Transform, pair, probability, uniform

__all__ = [
    "CenterCrop",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
]


def _padding(operation: str, padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom: one number for all, two for (left and right, top and bottom), or four."""
    values = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(values) not in (1, 2, 4) or any(not isinstance(one, int) or one < 0 for one in values):
        raise ValueError(f"{operation}: padding is one, two or four numbers; got {padding!r}")
    left, top, right, bottom = {1: values * 4, 2: values * 2, 4: values}[len(values)]
    return left, top, right, bottom


def _modes(operation: str, mode: str) -> str:
    modes = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}
    if mode not in modes:
        raise ValueError(f"{operation}: padding_mode is 'constant', 'edge' or 'reflect'; got {mode!r}")
    return modes[mode]


class Pad(Transform):
    """Adds ``padding`` points around: one number, (left and right, top and bottom), or (left, top, right, bottom).

    ``padding_mode``: ``"constant"`` (with ``fill``), ``"edge"`` or ``"reflect"``.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> transforms.Pad((1, 2))(tf.ones(1, 4, 4)).shape
    (1, 8, 6)
    """

    def __init__(self, padding: int | Sequence[int], fill: float = 0.0, padding_mode: str = "constant") -> None:
        self.padding = _padding("Pad", padding)
        self.fill = fill
        self.padding_mode = padding_mode
        self._mode = _modes("Pad", padding_mode)

    def _apply(self, images: Tensor) -> Tensor:
        left, top, right, bottom = self.padding
        value = self.fill if self._mode == "constant" else None
        return F.pad(images, (left, right, top, bottom), self._mode, value)


class CenterCrop(Transform):
    """The middle of an image, of ``size`` (one number or height and width); zeros around one that is smaller.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> transforms.CenterCrop(2)(tf.arange(16.0).reshape(1, 4, 4)).tolist()
    [[[5.0, 6.0], [9.0, 10.0]]]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = pair("CenterCrop", size)

    def _apply(self, images: Tensor) -> Tensor:
        images = _at_least(images, self.size)
        height, width = self.size
        top, left = round((images.shape[2] - height) / 2), round((images.shape[3] - width) / 2)
        return images[:, :, top : top + height, left : left + width]


def _at_least(images: Tensor, size: tuple[int, int], mode: str = "constant", fill: float = 0.0) -> Tensor:
    down, right = max(size[0] - images.shape[2], 0), max(size[1] - images.shape[3], 0)
    if not down and not right:
        return images
    sides = (right // 2, right - right // 2, down // 2, down - down // 2)
    return F.pad(images, sides, mode, fill if mode == "constant" else None)


def _cut(images: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
    """From each image the part of ``size`` that begins at its row of ``top`` (N,) and its column of ``left``."""
    count, channels, height, width = images.shape
    rows = top.unsqueeze(1) + _core.arange(size[0]).unsqueeze(0)
    columns = left.unsqueeze(1) + _core.arange(size[1]).unsqueeze(0)
    places = (rows.unsqueeze(2) * width + columns.unsqueeze(1)).reshape(count, 1, size[0] * size[1])
    flat = images.reshape(count, channels, height * width)
    return flat.gather(2, places.expand(count, channels, places.shape[2])).reshape(count, channels, *size)


class RandomCrop(Transform):
    """A part of ``size`` at a random place, after ``padding`` as :class:`Pad` adds it.

    ``pad_if_needed`` pads images that are smaller than ``size``; without it they are an error.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> transforms.RandomCrop(32, padding=4)(tf.ones(8, 3, 32, 32)).shape
    (8, 3, 32, 32)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float = 0.0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = pair("RandomCrop", size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode
        self._mode = _modes("RandomCrop", padding_mode)
        self._pad = None if padding is None else Pad(padding, fill, padding_mode)

    def _apply(self, images: Tensor) -> Tensor:
        if self._pad is not None:
            images = self._pad(images)
        if self.pad_if_needed:
            images = _at_least(images, self.size, self._mode, self.fill)
        down, right = images.shape[2] - self.size[0], images.shape[3] - self.size[1]
        if down < 0 or right < 0:
            raise _core.ShapeError(
                f"RandomCrop: size {self.size} is larger than the images, {tuple(images.shape[2:])}. "
                "Hint: pad_if_needed=True"
            )
        count = len(images)
        top = _core.randint(0, down + 1, size=(count,))
        left = _core.randint(0, right + 1, size=(count,))
        return _cut(images, top, left, self.size)


class RandomHorizontalFlip(Transform):
    """Left and right exchanged, with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability("RandomHorizontalFlip", p)

    def _apply(self, images: Tensor) -> Tensor:
        return _core.where(uniform(images, 0.0, 1.0) < self.p, images.flip(3), images)


class RandomVerticalFlip(Transform):
    """Top and bottom exchanged, with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability("RandomVerticalFlip", p)

    def _apply(self, images: Tensor) -> Tensor:
        return _core.where(uniform(images, 0.0, 1.0) < self.p, images.flip(2), images)


class Resize(Transform):
    """The image in another size: height and width, or one number for the shorter side.

    ``interpolation`` is ``"bilinear"``, ``"bicubic"`` or ``"nearest"``; ``antialias`` smooths what becomes smaller.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> transforms.Resize(8)(tf.ones(3, 16, 24)).shape
    (3, 8, 12)
    """

    def __init__(self, size: int | Sequence[int], interpolation: str = "bilinear", antialias: bool = True) -> None:
        if interpolation not in ("bilinear", "bicubic", "nearest"):
            raise ValueError(f"Resize: interpolation is 'bilinear', 'bicubic' or 'nearest'; got {interpolation!r}")
        self.size = size
        self._size = pair("Resize", size)
        self.interpolation = interpolation
        self.antialias = antialias

    def _apply(self, images: Tensor) -> Tensor:
        size = self._size
        if isinstance(self.size, int):
            height, width = images.shape[2:]
            short = min(height, width)
            size = (int(self.size * height / short), int(self.size * width / short))
        if self.interpolation == "nearest":
            return F.interpolate(images, size, mode="nearest")
        return F.interpolate(images, size, mode=self.interpolation, align_corners=False, antialias=self.antialias)


class RandomResizedCrop(Transform):
    """A random part of an image, of ``scale`` of its area and a ``ratio`` of width to height, resized to ``size``.

    Source: C. Szegedy et al., Going Deeper with Convolutions, CVPR 2015.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
    ) -> None:
        if not 0 < scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"RandomResizedCrop: scale and ratio are from low to high; got {scale} and {ratio}")
        self.size = pair("RandomResizedCrop", size)
        self.scale = scale
        self.ratio = ratio

    def _apply(self, images: Tensor) -> Tensor:
        count, _, height, width = images.shape
        area = uniform(images, *self.scale, ())
        ratio = uniform(images, math.log(self.ratio[0]), math.log(self.ratio[1]), ()).exp()
        # As shares of the sides, from −1 to 1; a part that would stick out is made as high or as wide as the image.
        wide = (area * ratio * height / width).sqrt().clamp(max=1.0)
        high = (area / ratio * width / height).sqrt().clamp(max=1.0)
        across = uniform(images, -1.0, 1.0, ()) * (1 - wide)
        down = uniform(images, -1.0, 1.0, ()) * (1 - high)
        none = _core.zeros(count)
        rows = [_core.stack([wide, none, across], axis=1), _core.stack([none, high, down], axis=1)]
        theta = _core.stack(rows, axis=1)
        return _sampled(images, theta, self.size, "bilinear", 0.0)


def _sampled(images: Tensor, theta: Tensor, size: tuple[int, int], mode: str, fill: float) -> Tensor:
    """The images at the points to which ``theta`` (N, 2, 3) takes those of the result."""
    grid = F.affine_grid(theta, (len(images), images.shape[1], *size), align_corners=False)
    grid = grid.to(images.dtype)
    if fill == 0:
        return F.grid_sample(images, grid, mode, "zeros", align_corners=False)
    inside = F.grid_sample(_core.ones_like(images), grid, mode, "zeros", align_corners=False)
    return F.grid_sample(images, grid, mode, "zeros", align_corners=False) + (1 - inside) * fill


class RandomAffine(Transform):
    """Turned, moved, scaled and sheared at random, about the middle.

    ``degrees``: from −degrees to degrees counter-clockwise, or two bounds; ``translate``: the largest shares of width
    and height; ``scale``: bounds of a factor; ``shear``: degrees parallel to the x axis, as ``degrees``. What comes
    from outside is ``fill``. ``interpolation`` is ``"bilinear"`` or ``"nearest"``.
    """

    def __init__(
        self,
        degrees: float | tuple[float, float],
        translate: tuple[float, float] | None = None,
        scale: tuple[float, float] | None = None,
        shear: float | tuple[float, float] | None = None,
        interpolation: str = "bilinear",
        fill: float = 0.0,
    ) -> None:
        operation = type(self).__name__
        if interpolation not in ("bilinear", "nearest"):
            raise ValueError(f"{operation}: interpolation is 'bilinear' or 'nearest'; got {interpolation!r}")
        if translate is not None and not all(0 <= share <= 1 for share in translate):
            raise ValueError(f"{operation}: translate should be from 0 to 1; got {translate}")
        if scale is not None and not 0 < scale[0] <= scale[1]:
            raise ValueError(f"{operation}: scale should be from low to high, above 0; got {scale}")
        self.degrees = _bounds(operation, "degrees", degrees)
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else _bounds(operation, "shear", shear)
        self.interpolation = interpolation
        self.fill = fill

    def _apply(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        angle = uniform(images, *self.degrees, ()) * (math.pi / 180)
        shear = uniform(images, *(self.shear or (0.0, 0.0)), ()) * (math.pi / 180)
        factor = uniform(images, *(self.scale or (1.0, 1.0)), ())
        across, down = self.translate or (0.0, 0.0)
        move_x, move_y = uniform(images, -2 * across, 2 * across, ()), uniform(images, -2 * down, 2 * down, ())
        # From a point of the result to the one that it shows, y downwards: moved back, turned back, then sheared back
        # and made smaller. The sides' ratio turns shares of them into points of one size.
        cosine, sine, tangent = angle.cos() / factor, angle.sin() / factor, shear.tan()
        ratio = height / width
        a, b = cosine + tangent * sine, (tangent * cosine - sine) * ratio
        c, d = sine / ratio, cosine
        first = _core.stack([a, b, -(a * move_x + b * move_y)], axis=1)
        second = _core.stack([c, d, -(c * move_x + d * move_y)], axis=1)
        return _sampled(images, _core.stack([first, second], axis=1), (height, width), self.interpolation, self.fill)


class RandomRotation(RandomAffine):
    """Turned about the middle, from −degrees to degrees counter-clockwise, or between two bounds."""

    def __init__(self, degrees: float | tuple[float, float], interpolation: str = "nearest", fill: float = 0.0) -> None:
        super().__init__(degrees, interpolation=interpolation, fill=fill)


def _bounds(operation: str, name: str, value: Any) -> tuple[float, float]:
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"{operation}: {name}, a single number, should not be negative; got {value}")
        return (-float(value), float(value))
    low, high = value
    return (float(low), float(high))


class RandomErasing(Transform):
    """A random rectangle of an image filled with ``value``, with probability ``p``.

    ``scale`` is its share of the area, ``ratio`` its height to width.
    Source: Z. Zhong et al., Random Erasing Data Augmentation, AAAI 2020.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float = 0.0,
    ) -> None:
        self.p = probability("RandomErasing", p)
        self.scale = scale
        self.ratio = ratio
        self.value = value

    def _apply(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        area = uniform(images, *self.scale) * (height * width)
        ratio = uniform(images, math.log(self.ratio[0]), math.log(self.ratio[1])).exp()
        high = (area * ratio).sqrt().round().clamp(max=float(height))
        wide = (area / ratio).sqrt().round().clamp(max=float(width))
        inside = rectangle(images, high, wide) & (uniform(images, 0.0, 1.0) < self.p)
        return _core.where(inside, _core.full_like(images, self.value), images)


def rectangle(images: Tensor, high: Tensor, wide: Tensor) -> Tensor:
    """True within a rectangle of each image at a random place, (N, 1, H, W); its sides are (N, 1, 1, 1)."""
    height, width = images.shape[2:]
    top = (uniform(images, 0.0, 1.0) * (height - high + 1)).floor().clamp(max=float(height))
    left = (uniform(images, 0.0, 1.0) * (width - wide + 1)).floor().clamp(max=float(width))
    rows, columns = _core.arange(height).reshape(1, 1, height, 1), _core.arange(width).reshape(1, 1, 1, width)
    return (rows >= top) & (rows < top + high) & (columns >= left) & (columns < left + wide)
