"""Confirmation: which of the best configurations is the best, by scores that did not choose them.

The first score of a sweep's best run is one that was lucky too. So the best configurations are
trained over new seeds, and only these new scores are compared: a configuration is told from the
best by a one-sided t-test, with the deviation between seeds pooled over all that are compared and
the level divided by their number (Bonferroni). The interval of the best is that of a t distribution
at a level divided likewise, for the best of several means is one that was chosen too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

LEVEL = 0.05
"""How often a difference may be claimed where there is none, or an interval miss the true mean."""
FIRST_SEEDS = 3
"""How many new seeds each candidate is trained with before the first comparison."""
MORE_SEEDS = 2
"""How many more those are trained with that cannot be told from the best, as long as they may."""


@dataclass(frozen=True)
class Candidate:
    """A configuration that may be the best.

    Attributes:
        number: of its point in the study.
        first: its score in the search, the mean where it was repeated.
        values: its scores with new seeds.
        tried: with how many new seeds it was trained, those without a score included.
        diverged: whether it diverged with one of them; it is not the best then.
        size: of its model, the number of parameters; None where that is not known.
    """

    number: int
    first: float
    values: tuple[float, ...] = ()
    tried: int = 0
    diverged: bool = False
    size: float | None = None

    @property
    def mean(self) -> float:
        """The mean of the new scores; NaN if there are none."""
        return math.fsum(self.values) / len(self.values) if self.values else math.nan


@dataclass(frozen=True)
class Confirmation:
    """What the new seeds have shown.

    Attributes:
        candidates: all that were trained over new seeds, best mean first; those without a score, or
            that diverged, last.
        best: the first of them; None if none has a score.
        low, high: the interval that has the true mean of the best 95 times in 100, although it was
            chosen for its mean; None where there are too few scores for one.
        equal: the numbers of the candidates that cannot be told from the best, itself first.
        simplest: the number of the one among these with the smallest model; None if
            their sizes are equal or not known.
        deviation: the standard deviation of a score between seeds; None where it is not known.
        optimism: by how much the first scores were better than the mean of the new ones, averaged
            over the candidates; negative if they were worse.
    """

    candidates: tuple[Candidate, ...]
    best: Candidate | None = None
    low: float | None = None
    high: float | None = None
    equal: tuple[int, ...] = ()
    simplest: int | None = None
    deviation: float | None = None
    optimism: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Compares candidates by their scores with new seeds.

    Args:
        candidates: those that are trained over new seeds.
        goal: maximize or minimize.
        bounds: what a score may be at least and at most; intervals keep to it.
    """

    candidates: Sequence[Candidate]
    goal: str
    bounds: tuple[float, float] = field(default=(-math.inf, math.inf))

    @property
    def _sign(self) -> float:
        return 1.0 if self.goal == "maximize" else -1.0

    def _ranked(self) -> list[Candidate]:
        """Those that may be the best, best mean first."""
        able = [c for c in self.candidates if c.values and not c.diverged]
        return sorted(able, key=lambda c: (-self._sign * c.mean, c.number))

    def _deviation(self, compared: Sequence[Candidate]) -> tuple[float | None, int]:
        """The pooled standard deviation between seeds, and its degrees of freedom."""
        freedom = sum(len(c.values) - 1 for c in compared)
        if freedom < 1:
            return None, 0
        squares = math.fsum((v - c.mean) ** 2 for c in compared for v in c.values)
        return math.sqrt(squares / freedom), freedom

    def _equal(self, ranked: Sequence[Candidate]) -> list[Candidate]:
        """The candidates that cannot be told from the best, itself first."""
        deviation, freedom = self._deviation(ranked)
        if deviation is None:
            return list(ranked)
        best = ranked[0]
        least = _quantile(freedom, 1 - LEVEL / max(1, len(ranked) - 1))
        return [best] + [
            c
            for c in ranked[1:]
            if abs(best.mean - c.mean)
            <= least * deviation * math.sqrt(1 / len(best.values) + 1 / len(c.values))
        ]

    def more_seeds(self, most: int) -> dict[int, int]:
        """With how many more seeds each candidate is to be trained now; empty at the end.

        It is the end once the best is told from all others, once all that are not told from it were
        trained ``most`` times, or where the rest would hardly tell them apart.

        Args:
            most: how many new seeds a candidate is trained with at most.
        """
        first = min(FIRST_SEEDS, most)
        start = {c.number: first - c.tried for c in self.candidates if c.tried < first}
        if start:
            return start
        ranked = self._ranked()
        equal = self._equal(ranked) if ranked else []
        if len(equal) < 2 or not self._may_be_told(ranked, equal, most):
            return {}
        more = {c.number: min(MORE_SEEDS, most - c.tried) for c in equal}
        return {number: n for number, n in more.items() if n > 0}

    def _may_be_told(
        self, ranked: Sequence[Candidate], equal: Sequence[Candidate], most: int
    ) -> bool:
        """Whether any would be told from the best by ``most`` seeds, were it one error worse."""
        deviation, freedom = self._deviation(ranked)
        if deviation is None:
            return True
        best = equal[0]
        least = _quantile(freedom + len(equal), 1 - LEVEL / max(1, len(ranked) - 1))
        return any(
            abs(best.mean - c.mean)
            + deviation * math.sqrt(1 / len(best.values) + 1 / len(c.values))
            > least * deviation * math.sqrt(2 / most)
            for c in equal[1:]
        )

    def result(self) -> Confirmation:
        """What is known so far."""
        ranked = self._ranked()
        others = [c for c in self.candidates if c not in ranked]
        if not ranked:
            return Confirmation(tuple(others))
        best, equal = ranked[0], self._equal(ranked)
        deviation, freedom = self._deviation(ranked)
        low = high = None
        if deviation is not None:
            level = 1 - LEVEL / (2 * len(ranked))
            half = _quantile(freedom, level) * deviation / math.sqrt(len(best.values))
            low, high = (
                min(max(best.mean + d, self.bounds[0]), self.bounds[1]) for d in (-half, half)
            )
        sizes = [(c.size, -self._sign * c.mean, c.number) for c in equal if c.size is not None]
        return Confirmation(
            (*ranked, *others),
            best,
            None if low is None else float(low),
            None if high is None else float(high),
            tuple(c.number for c in equal),
            min(sizes)[2] if len(sizes) == len(equal) and len({s for s, *_ in sizes}) > 1 else None,
            deviation,
            math.fsum(self._sign * (c.first - c.mean) for c in ranked) / len(ranked),
        )


def _quantile(freedom: int, level: float) -> float:
    """The quantile of a t distribution."""
    from scipy.special import stdtrit  # at the end of a sweep: it takes a while to import

    return float(stdtrit(freedom, level))


SHARE = 0.1
"""What confirmation may cost at most, as a share of the search, unless a user asks for more."""
_MOST_CANDIDATES = 10
_SEEDS = 5
_FEW = 25  # runs for which there are fewer seeds, so that there are more candidates


def affordable(runs: float, candidates: int | None, seeds: int | None) -> tuple[int, int]:
    """How many candidates are confirmed, over how many new seeds each at most.

    Args:
        runs: what the search costs, in full runs.
        candidates: how many a user asks for; None for as many as a tenth of the search pays for.
        seeds: the same of the seeds.

    Returns:
        Both; no candidates where two would cost too much.
    """
    budget = int(runs * SHARE)
    if seeds is None:
        seeds = FIRST_SEEDS if candidates is None and budget < _FEW else _SEEDS
    if candidates is None:
        candidates = min(_MOST_CANDIDATES, budget // seeds)
        candidates = candidates if candidates > 1 else 0
    return candidates, seeds
