"""Which colour the points of an image have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.transforms.base import Transform, probability, uniform

__all__ = ["ColorJitter", "Grayscale", "Normalize", "RandomGrayscale"]

# What red, green and blue are to the eye (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


class Normalize(Transform):
    """(image − mean) / std for each channel, or with one number for all.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> transforms.Normalize([0.5], [0.25])(tf.ones(1, 1, 2)).tolist()
    [[[2.0, 2.0]]]
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean = mean
        self.std = std
        deviations = [std] if isinstance(std, int | float) else list(std)
        if any(one == 0 for one in deviations):
            raise ValueError(f"Normalize: std should not be 0; got {std}")

    def _apply(self, images: Tensor) -> Tensor:
        mean, std = (self._by_channel(name, images) for name in ("mean", "std"))
        return (images - mean) / std

    def _by_channel(self, name: str, images: Tensor) -> Any:
        value = getattr(self, name)
        if isinstance(value, int | float):
            return value
        if len(value) not in (1, images.shape[1]):
            raise _core.ShapeError(f"Normalize: {name} has {len(value)} numbers for {images.shape[1]} channels")
        return _core.tensor([float(one) for one in value], dtype=images.dtype).reshape(1, -1, 1, 1)


def _check_rgb(operation: str, images: Tensor) -> None:
    if images.shape[1] != 3:
        raise _core.ShapeError(f"{operation}: needs three channels, red, green and blue; got {images.shape[1]}")


def gray(images: Tensor) -> Tensor:
    """The brightness of each point, (N, 1, H, W)."""
    red, green, blue = (images[:, channel : channel + 1] for channel in range(3))
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


class Grayscale(Transform):
    """The image in shades of gray, 0.299 R + 0.587 G + 0.114 B, in one channel or in three equal ones."""

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(f"Grayscale: num_output_channels is 1 or 3; got {num_output_channels}")
        self.num_output_channels = num_output_channels

    def _apply(self, images: Tensor) -> Tensor:
        if images.shape[1] != 1:
            _check_rgb("Grayscale", images)
            images = gray(images)
        return images if self.num_output_channels == 1 else _core.concat([images] * 3, axis=1)


class RandomGrayscale(Transform):
    """The image in shades of gray with probability ``p``, with as many channels as it has."""

    def __init__(self, p: float = 0.1) -> None:
        self.p = probability("RandomGrayscale", p)

    def _apply(self, images: Tensor) -> Tensor:
        if images.shape[1] == 1:
            return images
        _check_rgb("RandomGrayscale", images)
        return _core.where(uniform(images, 0.0, 1.0) < self.p, gray(images).expand(images.shape), images)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in a random order.

    A number b gives a factor between max(0, 1 − b) and 1 + b, a pair its bounds; ``hue`` is a turn of the colour
    circle from −hue to hue, at most 0.5, or a pair. Values stay between 0 and 1. Saturation and hue need red, green
    and blue. The order is drawn for the whole batch, the factors for each image.

    >>> import tenfold as tf
    >>> from tenfold import transforms
    >>> transforms.ColorJitter(brightness=(0.5, 0.5))(tf.ones(3, 1, 1)).reshape(-1).tolist()
    [0.5, 0.5, 0.5]
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        self.hue = (-float(hue), float(hue)) if isinstance(hue, int | float) else tuple(map(float, hue))
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"ColorJitter: hue should be between 0 and 0.5, or two bounds; got {hue}")

    def _apply(self, images: Tensor) -> Tensor:
        changes: list[tuple[Callable[[Tensor, Tensor], Tensor], tuple[float, ...], float]] = [
            (_brightness, self.brightness, 1.0),
            (_contrast, self.contrast, 1.0),
            (_saturation, self.saturation, 1.0),
            (_hue, self.hue, 0.0),
        ]
        for number in _core.randperm(4).tolist():
            change, (low, high), neutral = changes[number]
            if (low, high) != (neutral, neutral):
                images = change(images, uniform(images, low, high).to(images.dtype))
        return images


def _factors(name: str, value: Any) -> tuple[float, float]:
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"ColorJitter: {name}, a single number, should not be negative; got {value}")
        return (max(0.0, 1.0 - value), 1.0 + value)
    low, high = map(float, value)
    if not 0 <= low <= high:
        raise ValueError(f"ColorJitter: {name} should be from low to high, not negative; got {value}")
    return (low, high)


def _blend(images: Tensor, other: Any, factor: Tensor) -> Tensor:
    return (images * factor + other * (1 - factor)).clamp(0.0, 1.0)


def _brightness(images: Tensor, factor: Tensor) -> Tensor:
    return _blend(images, 0.0, factor)


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    shades = gray(images) if images.shape[1] == 3 else images
    return _blend(images, shades.mean(dim=(1, 2, 3), keepdim=True), factor)


def _saturation(images: Tensor, factor: Tensor) -> Tensor:
    _check_rgb("ColorJitter", images)
    return _blend(images, gray(images), factor)


def _hue(images: Tensor, turn: Tensor) -> Tensor:
    """By hue, saturation and value (A. R. Smith, Color Gamut Transform Pairs, SIGGRAPH 1978)."""
    _check_rgb("ColorJitter", images)
    red, green, blue = (images[:, channel : channel + 1] for channel in range(3))
    value, least = images.amax(dim=1, keepdim=True), images.amin(dim=1, keepdim=True)
    spread = value - least
    safe = _core.where(spread == 0, _core.ones_like(spread), spread)
    sextant = _core.where(
        value == red,
        (green - blue) / safe,
        _core.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = sextant / 6 + turn
    # Each channel is the value, less what lies off its place on the circle.
    channels = []
    for place in (5.0, 3.0, 1.0):
        k = place + 6 * (hue - hue.floor())
        k = k - 6 * (k / 6).floor()
        off = _core.minimum(k, 4 - k).clamp(0.0, 1.0)
        channels.append(value - spread * off)
    return _core.concat(channels, axis=1)
