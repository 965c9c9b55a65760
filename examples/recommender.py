"""Who will like which film: matrix factorisation and two towers.

Data: MovieLens-100k, as the package recbole carries it (`pip install --no-deps recbole`). Both models guess the stars
that a person gives a film, from 90 % of the ratings; a tenth, drawn at random, is held out. The factorisation is a
mean, a bias for each person and film, and the product of two learnt vectors. Of the two towers one reads a person
(number, and all films that the person has rated in the training data), the other a film (number, genres, decade).
Writes which films lie near some that everybody knows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tenfold as tf
from common.packages import data_of
from tenfold import nn
from tenfold.datasets import movielens_100k
from tenfold.nn import functional as F
from tenfold.train import Trainer


class Factorisation(nn.Module):
    """μ + b_person + b_film + p·q, ratings `(N,)` of pairs `(N, 2)` (Y. Koren et al., IEEE Computer 42(8), 2009)."""

    def __init__(self, people: int, films: int, mean: float, width: int = 32):
        super().__init__()
        self.mean = mean
        self.person, self.film = nn.Embedding(people, width), nn.Embedding(films, width)
        self.person_bias, self.film_bias = nn.Embedding(people, 1), nn.Embedding(films, 1)
        for table in self.children():
            nn.init.normal_(table.weight, std=0.05)

    def forward(self, pairs: tf.Tensor) -> tf.Tensor:
        person, film = pairs[:, 0], pairs[:, 1]
        together = (self.person(person) * self.film(film)).sum(dim=1)
        return self.mean + self.person_bias(person).squeeze(1) + self.film_bias(film).squeeze(1) + together


class TwoTowers(nn.Module):
    """Two vectors and their product; a person is also what the person has watched, a film also its description."""

    def __init__(self, watched: tf.Tensor, described: tf.Tensor, mean: float, width: int = 32):
        super().__init__()
        people, films = watched.shape
        self.biased = Factorisation(people, films, mean, width)
        # Each row of `watched` sums to 1/√n, so that long lists do not shout (Y. Koren, SVD++, KDD 2008).
        self.register_buffer("watched", watched / watched.sum(dim=1, keepdim=True).clamp(min=1).sqrt())
        self.register_buffer("described", described)
        self.from_watched = nn.Linear(films, width, bias=False)
        self.from_description = nn.Sequential(nn.Linear(described.shape[1], 64), nn.ReLU(), nn.Linear(64, width))
        nn.init.normal_(self.from_watched.weight, std=0.01)

    def films(self) -> tf.Tensor:
        """The vectors of all films `(films, width)`."""
        return self.biased.film.weight + self.from_description(self.described)

    def forward(self, pairs: tf.Tensor) -> tf.Tensor:
        person, film = pairs[:, 0], pairs[:, 1]
        people = self.biased.person.weight + self.from_watched(self.watched)
        bias = self.biased.person_bias(person) + self.biased.film_bias(film)
        return (
            self.biased.mean + bias.squeeze(1) + (F.embedding(person, people) * F.embedding(film, self.films())).sum(1)
        )


def descriptions(folder: Path, titles: list[str]) -> tf.Tensor:
    """A row of zeros and ones for each film: its genres and its decade. The order is that of the numbers."""
    rows = [line.split("\t") for line in (folder / "ml-100k.item").read_text("utf-8").splitlines()[1:]]
    genres = sorted({genre for row in rows for genre in row[3].split()})
    decades = [str(decade) for decade in range(192, 200)]
    rows.sort(key=lambda row: int(row[0]))
    assert [row[1] for row in rows] == titles
    return tf.tensor([[float(g in row[3].split()) for g in genres] + [float(row[2][:3] == d) for d in decades]
                      for row in rows])  # fmt: skip


def neighbours(vectors: tf.Tensor, film: int, among: tf.Tensor, count: int = 4) -> list[int]:
    """The films whose vectors point the same way, of those that many people have seen."""
    unit = F.normalize(vectors, dim=1)
    return [int(among[i]) for i in (unit[among] @ unit[film]).topk(count + 1)[1].tolist() if int(among[i]) != film][
        :count
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5 epochs instead of 12")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/recommender"), help="folder of the films near others")
    options = parser.parse_args()
    folder = data_of("recbole", "recbole/dataset_example/ml-100k")
    options.out.mkdir(parents=True, exist_ok=True)

    tf.manual_seed(options.seed)
    data = movielens_100k(folder)
    order = tf.randperm(len(data))
    pairs = tf.stack([data.users, data.items], dim=1)[order]
    ratings = data.ratings[order]
    train, test = (pairs[:90_000], ratings[:90_000]), (pairs[90_000:], ratings[90_000:])
    people, films, mean = int(data.users.max()) + 1, len(data.titles), train[1].mean().item()
    watched = tf.zeros(people, films)
    watched[train[0][:, 0], train[0][:, 1]] = 1.0
    models = {
        "matrix factorisation": Factorisation(people, films, mean),
        "two towers": TwoTowers(watched, descriptions(folder, data.titles), mean),
    }
    reached = {}
    for name, model in models.items():
        # Decay at every step is the penalty λ(‖p‖² + ‖q‖²) of the papers; without it the vectors learn by heart.
        optimizer = tf.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.3)
        trainer = Trainer(model, optimizer, loss="mse", metrics=["rmse"], scheduler="linear", schedule="step")
        trainer.fit(train, epochs=5 if options.quick else 12, batch_size=1000)
        reached[name] = trainer.evaluate(test, batch_size=1000)["rmse"]

    seen_by_many = (watched.sum(dim=0) > 100).nonzero()[:, 0]
    with tf.no_grad():
        vectors = models["two towers"].films()
    lines = []
    for title in ("Star Wars", "Toy Story", "Godfather, The", "Alien", "Pretty Woman"):
        near = neighbours(vectors, data.titles.index(title), seen_by_many)
        lines.append(f"near {title}: {'; '.join(data.titles[film] for film in near)}")
    (options.out / "films.txt").write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")

    limits = dict(zip(models, (0.98, 0.92) if options.quick else (0.93, 0.90), strict=True))
    for name, error in reached.items():
        print(f"held-out RMSE in stars, {name}: {error:.4f} (at most {limits[name]})")
    assert all(error <= limits[name] for name, error in reached.items()), "the guesses are worse than they should be"


if __name__ == "__main__":
    main()
