"""``python -m dlsweep.scratch``: checks every gradient, then trains a network with every optimizer.

The problem is two half-moons, one for each class, that no straight line separates.
"""

from __future__ import annotations

import sys

import numpy as np

from .gradient_check import TOLERANCE, check_all
from .layers import Array
from .losses import CrossEntropy, Labels
from .network import feedforward
from .optimizers import OPTIMIZERS
from .training import evaluate, train_epoch

RATES = {"sgd": 0.5, "momentum": 0.1, "nesterov": 0.1, "adagrad": 0.1, "adadelta": 1.0}
"""Learning rates: the others take 0.01."""


def moons(rng: np.random.Generator, count: int) -> tuple[Array, Labels]:
    """Points (count, 2) and their classes (count,), 0 or 1."""
    labels = rng.integers(0, 2, count)
    angle = rng.uniform(0, np.pi, count) + np.pi * labels
    points = np.stack([np.cos(angle) + labels, np.sin(angle) + 0.5 * labels], axis=1)
    return points + rng.normal(0, 0.1, points.shape), labels


def main() -> int:
    """Prints two tables; returns 1 if a gradient is wrong."""
    wrong = 0
    print(f"{'gradient':44}error, relative")
    for name, error in check_all(np.random.default_rng(0)):
        wrong += not error < TOLERANCE  # nan is wrong too
        print(f"{name:44}{error:.0e}{'' if error < TOLERANCE else '   WRONG'}")

    rng = np.random.default_rng(0)
    (train_images, train_labels), (images, labels) = moons(rng, 500), moons(rng, 500)
    loss = CrossEntropy()
    print(f"\n{'optimizer':16}{'loss, first and last epoch':>28}{'test accuracy':>16}")
    for name, make in OPTIMIZERS.items():
        rng = np.random.default_rng(1)  # the same weights and batches for all
        network = feedforward([2, 16, 16, 2], rng, activation="tanh", weight_init="xavier")
        optimizer = make(network.parameters, learning_rate=RATES.get(name, 0.01))
        losses = []
        for _ in range(30):
            order = rng.permutation(len(train_labels))
            value, _ = train_epoch(
                network, loss, optimizer, train_images, train_labels, order, batch_size=20
            )
            losses.append(value)
        _, accuracy = evaluate(network, loss, images, labels)
        print(f"{name:16}{losses[0]:>18.3f}{losses[-1]:>10.3f}{accuracy:>16.3f}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
