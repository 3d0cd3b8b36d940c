"""A sweep replayed on curves that were trained before: eight runs at once, an epoch at a time."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Protocol

from benchmarks.search.curves import EPOCHS, Curves

AT_ONCE = 8
"""How many runs are in training at once; `dlsweep sweep` asks for as many with bayes."""

FEW_SEEDS = 4
"""How many of a point's seeds the search may see, one in each repetition."""


class Method(Protocol):
    """A way to search; one object searches once."""

    def ask(self) -> tuple[int, int, int] | None:
        """The next run: its key, its point, and the epoch it goes on from; None for none now."""

    def report(self, epochs: Mapping[int, tuple[int, float | None]]) -> Collection[int]:
        """Which runs are to stop, by key, of those that have trained one more epoch.

        Args:
            epochs: of each its number, from 1, and the validation accuracy.
        """

    def tell(self, key: int, epochs: int, value: float | None) -> None:
        """A run has ended, by itself or because it was stopped.

        Args:
            key: of the run.
            epochs: how many it has trained.
            value: the accuracy after the last one; None if it diverged.
        """


@dataclass(frozen=True)
class Seeds:
    """Which of a point's seeds a repetition sees where.

    The search sees one, drawn at random; confirmation sees others; how good the point truly is is
    the mean of those that neither has seen.
    """

    curves: Curves
    repetition: int

    def order(self, point: int) -> list[int]:
        """The point's seeds as this repetition has them: first that of the search."""
        seeds = self.curves.seeds(point)
        draw = random.Random(f"{self.repetition} {point}")
        first = draw.choice(seeds[:FEW_SEEDS])  # whatever others are trained later
        rest = [seed for seed in seeds if seed != first]
        draw.shuffle(rest)
        return [first, *rest]

    def curve(self, point: int) -> list[float | None]:
        """What the search sees."""
        return self.curves.accuracies(point, self.order(point)[0])

    def confirmed(self, point: int, n: int) -> list[float | None]:
        """The accuracies after the last epoch that confirmation sees with its first n seeds."""
        return [self.curves.final(point, seed) for seed in self.order(point)[1 : n + 1]]

    def truth(self, point: int, seen: int) -> float | None:
        """The mean accuracy, over the seeds after the first ``seen``; None if none is left."""
        finals = [self.curves.final(point, seed) for seed in self.order(point)[seen:]]
        return fmean(value or 0.0 for value in finals) if finals else None


@dataclass
class Trace:
    """What was trained, in the order of time.

    Attributes:
        points: of each run, by key.
        logged: of each epoch how many had been trained with it, the run, its number and the value.
    """

    points: dict[int, int] = field(default_factory=dict)
    logged: list[tuple[int, int, int, float | None]] = field(default_factory=list)

    def curves(self, spent: int) -> dict[int, list[float]]:
        """The accuracies that each point has shown after some epochs in all.

        Of several runs of a point, which some ways make, that with the best latest one counts.

        Args:
            spent: how many epochs.
        """
        runs: dict[int, list[float]] = {}
        for at, key, _, value in self.logged:
            if at <= spent:
                runs.setdefault(key, []).append(-1.0 if value is None else value)
        found: dict[int, list[float]] = {}
        for key, curve in runs.items():
            if curve[-1] > found.get(self.points[key], [-2.0])[-1]:
                found[self.points[key]] = curve
        return found

    def best(self, spent: int) -> tuple[int, float]:
        """The point with the best latest accuracy, and this; of equals the first."""
        curves = self.curves(spent)
        point = max(curves, key=lambda point: curves[point][-1])
        return point, curves[point][-1]


def replay(method: Method, seeds: Seeds, budget: int, at_once: int = AT_ONCE) -> Trace:
    """Search until so many epochs were trained.

    Args:
        method: what searches.
        seeds: what it sees.
        budget: epochs of all runs together.
        at_once: how many runs train at once.
    """
    trace, spent = Trace(), 0
    training: dict[int, int] = {}
    curves: dict[int, Sequence[float | None]] = {}
    while spent < budget:
        while len(training) < at_once and (asked := method.ask()) is not None:
            key, point, epoch = asked
            if key not in trace.points:
                trace.points[key], curves[key] = point, seeds.curve(point)
            training[key] = epoch
        if not training:
            return trace
        logged: dict[int, tuple[int, float | None]] = {}
        for key, epoch in training.items():
            if spent < budget:
                spent += 1
                logged[key] = epoch + 1, curves[key][epoch]
                trace.logged.append((spent, key, *logged[key]))
        training |= {key: epoch for key, (epoch, _) in logged.items()}
        stopped = method.report(logged)
        for key, (epoch, value) in logged.items():
            if key in stopped or epoch == EPOCHS or value is None:
                del training[key]
                method.tell(key, epoch, value)
    return trace
