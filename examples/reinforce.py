"""A policy that learns to balance a pole by trying: REINFORCE.

The game is CartPole-v1 of the package gymnasium. A small network tells how likely it pushes the cart left or right.
It plays a few games at once; then each action is made more likely by as much as the rewards after it were better than
usual (R. J. Williams, Machine Learning 8, 1992). Solved means, as gymnasium counts it, that the pole stands for 475
of 500 steps on average over 100 games. Draws the lengths of the games and a game that was played to the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium

import tenfold as tf
from tenfold import nn, optim
from tenfold.nn import functional as F

GAMES = 16  # played at once: one forward a step for all of them
DISCOUNT = 0.99


class Policy(nn.Module):
    """States `(N, 4)` to the logits of pushing left and right `(N, 2)`."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
        # All states look alike at first: the cart and the pole move by small numbers.
        self.register_buffer("scale", tf.tensor([1.0, 1.0, 5.0, 1.0]))

    def forward(self, state: tf.Tensor) -> tf.Tensor:
        return self.layers(state * self.scale)


def play(policy: Policy, games: list, seed: int, greedy: bool = False) -> list[tuple[list, list]]:
    """Plays each game to its end; gives the states and the actions of each."""
    states = [game.reset(seed=seed + number)[0].tolist() for number, game in enumerate(games)]
    histories: list[tuple[list, list]] = [([], []) for _ in games]
    running = list(range(len(games)))
    while running:
        with tf.no_grad():
            logits = policy(tf.tensor([states[i] for i in running]))
            chosen = logits.argmax(1) if greedy else tf.multinomial(F.softmax(logits, dim=1), 1)[:, 0]
        going_on = []
        for i, action in zip(running, chosen.tolist(), strict=True):
            histories[i][0].append(states[i])
            histories[i][1].append(action)
            state, _, fell, too_long, _ = games[i].step(action)
            states[i] = state.tolist()
            if not fell and not too_long:
                going_on.append(i)
        running = going_on
    return histories


def returns(steps: int) -> list[float]:
    """The discounted sum of the rewards from each step on; each step that the pole stands gives 1."""
    sums = [1.0]
    for _ in range(steps - 1):
        sums.append(1.0 + DISCOUNT * sums[-1])
    return sums[::-1]


def learn(policy: Policy, optimizer: optim.Optimizer, histories: list[tuple[list, list]]) -> None:
    """One step up the gradient of E[Σ log π(action | state) · (return − usual)]."""
    states = tf.tensor([state for visited, _ in histories for state in visited])
    actions = tf.tensor([action for _, taken in histories for action in taken])
    gained = tf.tensor([sum_ for visited, _ in histories for sum_ in returns(len(visited))])
    advantage = (gained - gained.mean()) / (gained.std() + 1e-6)
    loss = (F.cross_entropy(policy(states), actions, reduction="none") * advantage).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def draw(lengths: list[float], game: tuple[list, list], path: Path) -> None:
    """The learning curve, and cart and pole over the first steps of a game."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    left.plot(lengths)
    left.set(xlabel=f"updates (each of {GAMES} games)", ylabel="steps the pole stood", title="learning")
    states = game[0]
    right.plot([state[0] for state in states], label="place of the cart (falls at ±2.4)")
    right.plot([state[2] * 57.3 for state in states], label="angle of the pole in degrees (falls at ±12)")
    right.set(xlabel="step", title=f"a game of {len(states)} steps")
    right.legend()
    figure.savefig(path, dpi=110)
    print(f"drew {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="15 updates instead of up to 150")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/reinforce"), help="folder of the picture")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tf.manual_seed(options.seed)
    games = [gymnasium.make("CartPole-v1") for _ in range(GAMES)]
    policy = Policy()
    optimizer = optim.Adam(policy.parameters(), lr=1e-2)
    lengths: list[float] = []
    for update in range(15 if options.quick else 150):
        histories = play(policy, games, options.seed + update * GAMES)
        lengths.append(sum(len(taken) for _, taken in histories) / GAMES)
        learn(policy, optimizer, histories)
        if update % 10 == 9:
            print(f"update {update + 1:3}: the pole stood for {lengths[-1]:5.1f} steps on average")
        if lengths[-5:] == [500.0] * 5:  # five updates in which no game was lost
            break

    # Games that it has not played, without trying anything.
    tests = [gymnasium.make("CartPole-v1") for _ in range(20 if options.quick else 100)]
    played = play(policy, tests, seed=1_000_000, greedy=True)
    average = sum(len(taken) for _, taken in played) / len(played)
    draw(lengths, max(played, key=lambda one: len(one[1])), options.out / "learning.png")
    wanted = 60 if options.quick else 475
    print(f"steps that the pole stood: {average:.1f} (at least {wanted})")
    assert average >= wanted, "the policy did not learn as it should"


if __name__ == "__main__":
    main()
