"""MovieLens-100k: who liked which film."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import tenfold as tf
from tenfold.datasets._download import download as fetch
from tenfold.datasets._folder import root_folder

ADDRESSES = ("https://files.grouplens.org/datasets/movielens/",)
ARCHIVE = "ml-100k.zip"
SUM = "md5:0e33842e24a9c977be4e0107933c0723"


@dataclass(frozen=True)
class MovieLens:
    """Ratings, one a row: ``users`` and ``items`` int64 from 0 on, ``ratings`` float32, ``times`` int64 (seconds).

    ``titles`` has the films' titles by number of item, empty where the files have none.
    """

    users: tf.Tensor
    items: tf.Tensor
    ratings: tf.Tensor
    times: tf.Tensor
    titles: list[str]

    def __len__(self) -> int:
        return len(self.ratings)


def movielens_100k(root: str | os.PathLike[str] | None = None, download: bool = False) -> MovieLens:
    """MovieLens-100k: 100,000 ratings from 1 to 5 that 943 people gave 1,682 films in 1997 and 1998.

    `root` is the folder of `ml-100k.zip` or of the files in it (`u.data`, `u.item`), or of recbole's `ml-100k.inter`
    (and `ml-100k.item`); by default `data_folder()/movielens_100k`. With `download` the archive is fetched if it is
    missing (5 MB). Users and items are numbered from 0 in the order of their numbers in the files.
    Raises `FileNotFoundError` when there is none and `ValueError` when it is damaged.
    Source: F. M. Harper and J. A. Konstan, The MovieLens Datasets, ACM TiiS 5(4), 2015; not for sale, see its README.
    """
    folder = root_folder(root, "movielens_100k")
    ratings = _found(folder, ("u.data", "ml-100k.inter"))
    if ratings is None:
        archive = folder / ARCHIVE
        if not archive.is_file():
            if not download:
                raise FileNotFoundError(
                    f"movielens_100k: no {ARCHIVE}, u.data or ml-100k.inter in {folder}. "
                    "Hint: download=True fetches it; else give the folder that holds it"
                )
            fetch([address + ARCHIVE for address in ADDRESSES], archive, SUM)
        try:
            with zipfile.ZipFile(archive) as files:
                rated, described = (files.read(f"ml-100k/{name}").decode("latin-1") for name in ("u.data", "u.item"))
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise ValueError(f"movielens_100k: {archive} is damaged: {error}") from error
        return _parsed(rated, described, "|", str(archive))
    films = _found(folder, ("u.item", "ml-100k.item"))
    separator = "\t" if films is not None and films.suffix == ".item" and films.stem != "u" else "|"
    described = "" if films is None else films.read_text("latin-1" if separator == "|" else "utf-8")
    return _parsed(ratings.read_text("utf-8"), described, separator, str(ratings))


def _found(folder: Path, names: tuple[str, ...]) -> Path | None:
    places = [place / name for place in (folder, folder / "ml-100k") for name in names]
    return next((path for path in places if path.is_file()), None)


def _parsed(rated: str, described: str, separator: str, where: str) -> MovieLens:
    rows = []
    for number, line in enumerate(rated.splitlines(), 1):
        if not line.strip() or (number == 1 and line.startswith("user_id:")):  # recbole's files have a first line
            continue
        try:
            user, item, rating, time = line.split("\t")
            rows.append((int(user), int(item), float(rating), int(float(time))))
        except ValueError:
            raise ValueError(f"movielens_100k: {where}, line {number}: needs four numbers; got {line!r}") from None
    if not rows:
        raise ValueError(f"movielens_100k: {where} has no ratings")
    users = {user: number for number, user in enumerate(sorted({row[0] for row in rows}))}
    items = {item: number for number, item in enumerate(sorted({row[1] for row in rows}))}
    titles = [""] * len(items)
    for line in described.splitlines():
        number_and_title = line.split(separator)
        if len(number_and_title) > 1 and number_and_title[0].isdigit() and int(number_and_title[0]) in items:
            titles[items[int(number_and_title[0])]] = number_and_title[1]
    return MovieLens(
        tf.tensor([users[row[0]] for row in rows]),
        tf.tensor([items[row[1]] for row in rows]),
        tf.tensor([row[2] for row in rows]),
        tf.tensor([row[3] for row in rows]),
        titles,
    )
