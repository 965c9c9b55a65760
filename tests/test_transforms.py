"""tenfold.transforms beside NumPy, SciPy, Pillow and the standard library's colours."""

from __future__ import annotations

import colorsys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import tenfold as tf
from tenfold import nn
from tenfold import transforms as T
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader, TensorDataset


def images(count: int = 6, channels: int = 3, height: int = 9, width: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(count, channels, height, width)).astype("f4")


ALL: list[Any] = [
    T.Pad(2),
    T.CenterCrop(4),
    T.RandomCrop(4, padding=1),
    T.RandomHorizontalFlip(),
    T.RandomVerticalFlip(),
    T.Resize((5, 6)),
    T.RandomResizedCrop(5),
    T.RandomAffine(20, (0.1, 0.2), (0.8, 1.2), 10),
    T.RandomRotation(30),
    T.RandomErasing(),
    T.Normalize([0.1, 0.2, 0.3], 0.5),
    T.Grayscale(),
    T.RandomGrayscale(0.5),
    T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    T.RandomApply(T.ColorJitter(0.4)),
]


@pytest.mark.parametrize("transform", ALL, ids=lambda transform: type(transform).__name__)
def test_each_takes_an_image_or_a_batch_and_one_seed_gives_one_result(transform: Any) -> None:
    batch = tf.tensor(images())
    tf.manual_seed(1)
    found = transform(batch)
    assert found.ndim == 4
    assert len(found) == 6
    tf.manual_seed(1)
    assert transform(batch).tolist() == found.tolist()
    one = transform(batch[0])
    assert one.shape == found.shape[1:]
    with pytest.raises(ValueError, match=rf"^{type(transform).__name__}: needs an image \(C, H, W\) or a batch"):
        transform(tf.ones(3))
    with pytest.raises(TypeError, match=rf"^{type(transform).__name__}: needs floating-point numbers; got .*uint8"):
        transform(tf.ones(3, 4, 4).to(tf.uint8))
    assert repr(transform).startswith(type(transform).__name__)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize(
    ("padding", "sides"), [(2, (2, 2, 2, 2)), ((1, 3), (1, 3, 1, 3)), ((1, 2, 3, 4), (1, 2, 3, 4))]
)
def test_padding_is_numpys(padding: Any, sides: tuple[int, ...], mode: Any) -> None:
    x = images()
    left, top, right, bottom = sides
    options = {"constant_values": 0.25} if mode == "constant" else {}
    expected = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), mode=mode, **options)
    np.testing.assert_array_equal(T.Pad(padding, 0.25, mode)(tf.tensor(x)).numpy(), expected)


def test_crops_are_parts_at_every_place() -> None:
    x = images(400, 1)
    x[:] = x[:1]
    parts = {x[0, 0, r : r + 4, c : c + 5].tobytes(): (r, c) for r in range(6) for c in range(3)}
    tf.manual_seed(0)
    found = T.RandomCrop((4, 5))(tf.tensor(x)).numpy()
    places = Counter(parts[part.tobytes()] for part in found)
    assert set(places) == set(parts.values())
    # 400 draws of 18 equally likely places: five standard deviations about 22.
    assert all(abs(count - 400 / 18) < 5 * (400 / 18) ** 0.5 for count in places.values())
    np.testing.assert_array_equal(T.CenterCrop((5, 3))(tf.tensor(x)).numpy(), x[:, :, 2:7, 2:5])
    np.testing.assert_array_equal(T.RandomCrop((9, 7))(tf.tensor(x)).numpy(), x)
    assert T.CenterCrop(12)(tf.tensor(x)).shape == (400, 1, 12, 12)
    assert T.RandomCrop(12, pad_if_needed=True)(tf.tensor(x)).shape == (400, 1, 12, 12)
    with pytest.raises(ValueError, match=r"^RandomCrop: size \(12, 12\) is larger than the images, \(9, 7\)"):
        T.RandomCrop(12)(tf.tensor(x))


@pytest.mark.parametrize(("transform", "axis"), [(T.RandomHorizontalFlip, 3), (T.RandomVerticalFlip, 2)])
def test_flips_turn_about_as_many_as_they_should(transform: Any, axis: int) -> None:
    x = images(1000, 1, 3, 4)
    np.testing.assert_array_equal(transform(1.0)(tf.tensor(x)).numpy(), np.flip(x, axis))
    np.testing.assert_array_equal(transform(0.0)(tf.tensor(x)).numpy(), x)
    tf.manual_seed(0)
    found = transform(0.3)(tf.tensor(x)).numpy()
    turned = (found == np.flip(x, axis)).all(axis=(1, 2, 3))
    assert (turned | (found == x).all(axis=(1, 2, 3))).all()
    # Five standard deviations of a binomial.
    assert abs(turned.sum() - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5


def test_normalizing_is_per_channel() -> None:
    x = images()
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    expected = (x - np.reshape(mean, (3, 1, 1)).astype("f4")) / np.reshape(std, (3, 1, 1)).astype("f4")
    np.testing.assert_allclose(T.Normalize(mean, std)(tf.tensor(x)).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(T.Normalize(0.5, 2.0)(tf.tensor(x)).numpy(), (x - 0.5) / 2, rtol=1e-6)
    with pytest.raises(ValueError, match=r"^Normalize: mean has 2 numbers for 3 channels"):
        T.Normalize([0.1, 0.2], 1.0)(tf.tensor(x))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_resizing_is_pillows(interpolation: str) -> None:
    image = pytest.importorskip("PIL.Image")
    x = images(1, 1, 16, 20)[0, 0]
    method = {"bilinear": 2, "bicubic": 3, "nearest": 0}[interpolation]
    for height, width in ((7, 9), (30, 33)) if interpolation != "nearest" else ((8, 10), (32, 40)):
        expected = np.asarray(image.fromarray(x).resize((width, height), method))
        found = T.Resize((height, width), interpolation)(tf.tensor(x[None])).numpy()[0]
        if interpolation == "nearest" and height == 8:
            expected = x[::2, ::2]  # Pillow takes the middle, PyTorch's nearest the first
        # Pillow's cubic filter has a = −0.5 and so has the antialiasing one; weights and sums are of float32.
        np.testing.assert_allclose(found, expected, atol=2e-6)
    assert T.Resize(8)(tf.ones(3, 16, 20)).shape == (3, 8, 10)
    assert T.Resize(8)(tf.ones(3, 20, 16)).shape == (3, 10, 8)


def test_a_resized_crop_of_everything_is_a_resize() -> None:
    x = tf.tensor(images(4, 2, 8, 8))
    found = T.RandomResizedCrop(8, (1.0, 1.0), (1.0, 1.0))(x)
    np.testing.assert_allclose(found.numpy(), x.numpy(), atol=1e-6)
    tf.manual_seed(0)
    # On a ramp the spread of the values says how large the part was.
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype="f4"), (200, 1, 64, 64)).copy()
    spread = np.ptp(T.RandomResizedCrop(32, (0.25, 0.5), (1.0, 1.0))(tf.tensor(ramp)).numpy(), axis=(1, 2, 3))
    assert 0.47 < spread.min() < 0.53
    assert 0.66 < spread.max() < 0.72


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_numpys(turns: int) -> None:
    x = images(3, 2, 8, 8)
    found = T.RandomRotation((90.0 * turns, 90.0 * turns))(tf.tensor(x)).numpy()
    np.testing.assert_array_equal(found, np.rot90(x, turns, axes=(2, 3)))


@pytest.mark.parametrize("angle", [17.0, -40.0])
def test_rotations_are_scipys(angle: float) -> None:
    # Smooth, so that the order of roundings at edges of points does not matter.
    rows, columns = np.mgrid[0:21, 0:31]
    x = np.exp(-((rows - 8) ** 2 + (columns - 18) ** 2) / 20).astype("f4")
    found = T.RandomRotation((angle, angle), "bilinear")(tf.tensor(x[None])).numpy()[0]
    expected = ndimage.rotate(x, angle, reshape=False, order=1, mode="grid-constant")
    # Positions are float32 in [−1, 1]: an error of 2⁻²³ · 16 points, times slopes below 0.2.
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_affine_maps_move_scale_and_shear() -> None:
    x = images(1, 1, 12, 12)
    tf.manual_seed(3)
    moved = T.RandomAffine(0, translate=(0.5, 0.5))(tf.tensor(x)).numpy()
    # A whole number of points would be a copy; in between a mean of two: the sum of all shows what stayed inside.
    assert 0 < moved.sum() < x.sum()
    ramp = np.broadcast_to(np.arange(12, dtype="f4"), (1, 12, 12)).copy()
    scaled = T.RandomAffine(0, scale=(2.0, 2.0))(tf.tensor(ramp)).numpy()[0]
    np.testing.assert_allclose(np.diff(scaled[5]), 0.5, atol=1e-5)
    sheared = T.RandomAffine(0, shear=(45.0, 45.0))(tf.tensor(ramp)).numpy()[0]
    # tan 45° = 1: a row further down is one point further along.
    np.testing.assert_allclose(sheared[6, 5] - sheared[5, 5], 1.0, atol=1e-5)
    filled = T.RandomRotation((45, 45), fill=0.5)(tf.zeros(1, 11, 11)).numpy()
    assert filled[0, 0, 0] == 0.5
    assert filled[0, 5, 5] == 0


def test_erasing_takes_a_rectangle_of_the_size_it_says() -> None:
    x = np.ones((300, 1, 32, 32), "f4")
    tf.manual_seed(0)
    found = T.RandomErasing(1.0, (0.1, 0.2), (1.0, 1.0), value=-1)(tf.tensor(x)).numpy()
    for image in found[:, 0]:
        rows, columns = np.nonzero(image == -1)
        assert (image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] == -1).all()
        assert rows.max() - rows.min() == columns.max() - columns.min()
    shares = (found == -1).mean(axis=(1, 2, 3))
    # A side is rounded to whole points: half a point of about twelve, twice.
    assert 0.09 < shares.min() < 0.11
    assert 0.19 < shares.max() < 0.21
    assert 0.4 < (T.RandomErasing(0.5)(tf.tensor(x)).numpy() == 0).any(axis=(1, 2, 3)).mean() < 0.6


@pytest.mark.parametrize(
    ("name", "enhancer"), [("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color")]
)
@pytest.mark.parametrize("factor", [0.4, 1.0, 1.7])
def test_colours_are_pillows(name: str, enhancer: str, factor: float) -> None:
    pillow = pytest.importorskip("PIL.Image")
    from PIL import ImageEnhance

    x = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype="u1")
    expected = np.asarray(getattr(ImageEnhance, enhancer)(pillow.fromarray(x)).enhance(factor))
    found = T.ColorJitter(**{name: (factor, factor)})(T.ToTensor()(x)).permute(1, 2, 0).numpy() * 255
    # Pillow rounds shades of gray, their mean and each result to a byte.
    np.testing.assert_allclose(found, expected, atol=2.6 if name != "brightness" else 1.01)


@pytest.mark.parametrize("turn", [-0.3, 0.1, 0.5])
def test_hues_are_the_standard_librarys(turn: float) -> None:
    x = images(1, 3, 6, 6)[0]
    x[:, 0, 0] = 0.5  # gray has no hue
    found = T.ColorJitter(hue=(turn, turn))(tf.tensor(x)).numpy()
    for row in range(6):
        for column in range(6):
            hue, saturation, value = colorsys.rgb_to_hsv(*x[:, row, column].tolist())
            expected = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
            # The hue, of size 1, is known to 2⁻²³ and counts six times the spread.
            np.testing.assert_allclose(found[:, row, column], expected, atol=3e-6)


def test_jitter_draws_within_its_bounds_for_each_image() -> None:
    tf.manual_seed(0)
    factors = T.ColorJitter(brightness=0.3)(tf.full((500, 1, 1, 1), 0.5)).numpy().ravel() / 0.5
    assert 0.7 <= factors.min() < 0.72
    assert 1.28 < factors.max() <= 1.3000001
    colours = T.ColorJitter(0.4, 0.4, 0.4, 0.1)(tf.tensor(images(50))).numpy()
    assert colours.min() >= 0
    assert colours.max() <= 1 + 1e-6


def test_gray_is_the_weighted_sum() -> None:
    x = images()
    expected = (x * np.reshape([0.299, 0.587, 0.114], (3, 1, 1)).astype("f4")).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(T.Grayscale()(tf.tensor(x)).numpy(), expected, rtol=1e-5)
    three = T.Grayscale(3)(tf.tensor(x)).numpy()
    np.testing.assert_allclose(three, np.repeat(expected, 3, axis=1), rtol=1e-5)
    np.testing.assert_allclose(T.RandomGrayscale(1.0)(tf.tensor(x)).numpy(), three)
    with pytest.raises(ValueError, match=r"^Grayscale: needs three channels, red, green and blue; got 2"):
        T.Grayscale()(tf.tensor(images(channels=2)))


def test_pictures_become_tensors() -> None:
    pillow = pytest.importorskip("PIL.Image")
    x = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype="u1")
    for picture in (x, pillow.fromarray(x), tf.tensor(x)):
        tensor = T.ToTensor()(picture)
        np.testing.assert_array_equal(tensor.numpy(), x.transpose(2, 0, 1).astype("f4") / np.float32(255))
    assert T.ToTensor()(x[:, :, 0]).shape == (1, 4, 5)
    assert T.ToTensor()(x.astype("f8")).dtype == tf.float64
    with pytest.raises(TypeError, match=r"^ToTensor: needs a picture or an array; got str"):
        T.ToTensor()("picture")


@pytest.mark.parametrize("mix", [T.MixUp, T.CutMix])
def test_mixtures_have_the_labels_of_their_shares(mix: Any) -> None:
    count, classes = 6, 4
    # Image i is all i, so that what a point shows says from which image it comes.
    x = np.broadcast_to(np.arange(count, dtype="f4")[:, None, None, None], (count, 2, 16, 16)).copy()
    labels = np.arange(count) % classes
    shares = set()
    for seed in range(20):
        tf.manual_seed(seed)
        mixed, soft = mix(alpha=0.7, num_classes=classes)(tf.tensor(x), tf.tensor(labels))
        for i in range(count):
            before = (i - 1) % count
            if mix is T.MixUp:
                share = (mixed[i].mean().item() - before) / (i - before)
            else:
                share = float((mixed[i] == i).float().mean().item())
                assert set(np.unique(mixed[i].numpy())) <= {i, before}
            expected = np.eye(classes)[labels[i]] * share + np.eye(classes)[labels[before]] * (1 - share)
            np.testing.assert_allclose(soft[i].numpy(), expected, atol=2e-6)
        shares.add(round(share, 3))
    assert len(shares) > 10
    again, _ = mix(num_classes=classes)(tf.tensor(x), tf.tensor(np.eye(classes)[labels]))
    assert again.shape == mixed.shape


def test_loaders_change_whole_batches() -> None:
    data = TensorDataset(tf.rand(20, 1, 8, 8), tf.arange(20))
    loader = DataLoader(data, batch_size=8, collate_fn=T.OnBatch(T.RandomCrop(6)))
    assert [(tuple(x.shape), y.tolist()) for x, y in loader] == [
        ((8, 1, 6, 6), list(range(8))),
        ((8, 1, 6, 6), list(range(8, 16))),
        ((4, 1, 6, 6), list(range(16, 20))),
    ]
    with_workers = DataLoader(data, batch_size=8, collate_fn=T.OnBatch(T.CenterCrop(6)), num_workers=2)
    assert [x.tolist() for x, _ in with_workers] == [x.tolist() for x, _ in DataLoader(
        data, batch_size=8, collate_fn=lambda samples: T.OnBatch(T.CenterCrop(6))(samples)
    )]  # fmt: skip


def test_a_trainer_learns_from_mixtures() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 200)
    x = (generator.normal(size=(200, 1, 4, 4)) * 0.3 + y[:, None, None, None]).astype("f4")
    loader = DataLoader(
        TensorDataset(tf.tensor(x), tf.tensor(y)),
        batch_size=20,
        shuffle=True,
        collate_fn=T.OnBatch(T.MixUp(num_classes=2), whole=True),
    )
    tf.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    trainer = Trainer(model, "adam", loss="cross_entropy", metrics=["accuracy"], lr=0.05)
    trainer.fit(loader, epochs=10)
    assert trainer.evaluate(x, y)["accuracy"] > 0.95


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: T.RandomCrop(0), "RandomCrop: size should be a positive integer or two; got 0"),
        (lambda: T.Pad((1, 2, 3)), "Pad: padding is one, two or four numbers"),
        (lambda: T.Pad(1, padding_mode="wrap"), "Pad: padding_mode is 'constant', 'edge' or 'reflect'; got 'wrap'"),
        (lambda: T.RandomHorizontalFlip(1.5), "RandomHorizontalFlip: p should be from 0 to 1; got 1.5"),
        (lambda: T.ColorJitter(hue=0.6), "ColorJitter: hue should be between 0 and 0.5"),
        (lambda: T.ColorJitter(-1), "ColorJitter: brightness, a single number, should not be negative"),
        (lambda: T.RandomRotation(-5), "RandomRotation: degrees, a single number, should not be negative"),
        (lambda: T.MixUp(alpha=0), "MixUp: alpha should be above 0; got 0"),
        (lambda: T.CutMix()(tf.ones(2, 1, 4, 4), tf.tensor([0, 1])), "CutMix: labels that are numbers of classes need"),
        (lambda: T.Normalize(0.0, 0.0), "Normalize: std should not be 0; got 0.0"),
    ],
)
def test_what_does_not_fit_is_said(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make()
