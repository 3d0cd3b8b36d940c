"""Which factors a target depends on: permutation tests in additive models, arrays in, numbers out.

The tests keep the chance of *any* false claim among all factors below a level: each permutation
looks at all factors and keeps its smallest p-value (Westfall and Young, "Resampling-Based Multiple
Testing", 1993). A factor that is found enters the model, and the others are asked about what it
leaves (Freedman and Lane, "A nonstochastic interpretation of reported significance levels", 1983).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from scipy import stats

FEWEST_OF_A_LEVEL = 3
"""Observations that a value, or a pair of values, needs for being compared with others."""
MOST_PERMUTED = 6_000_000
"""Numbers in all permutations together."""
CLEAR = 0.05
NOTHING = 1e-10
"""A share of the target's variance that is rounding."""


@dataclass(frozen=True)
class Chosen:
    """What forward selection has found.

    Attributes:
        names: of the factors that the target depends on, the clearest first.
        p: of every factor that could be tested, corrected for all of them.
    """

    names: tuple[str, ...]
    p: Mapping[str, float]


def scores(target: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks of a target: what a few extreme values cannot decide."""
    scored: np.ndarray = stats.norm.ppf(stats.rankdata(target) / (len(target) + 1))
    return scored


def compared(codes: np.ndarray) -> np.ndarray:
    """The values of a factor that have observations enough."""
    known, counts = np.unique(codes[codes >= 0], return_counts=True)
    enough: np.ndarray = known[counts >= FEWEST_OF_A_LEVEL]
    return enough


def indicators(codes: np.ndarray) -> np.ndarray:
    """One 0/1 column for each value of a factor, the unknown one (-1) too."""
    columns: np.ndarray = (codes[:, None] == np.unique(codes)).astype(float)
    return columns


def orthonormal(columns: np.ndarray, beside: np.ndarray | None = None) -> np.ndarray:
    """A basis of what columns span, beside what an orthonormal one spans already."""
    if beside is not None:
        columns = columns - beside @ (beside.T @ columns)
    vectors, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    kept: np.ndarray = vectors[:, sizes > 1e-9 * max(1.0, math.sqrt(len(columns)))]
    return kept


def base(n: int, factors: Sequence[np.ndarray]) -> np.ndarray:
    """A basis of the additive model of some factors, with a constant."""
    return orthonormal(np.concatenate([np.ones((n, 1)), *map(indicators, factors)], axis=1))


def select(
    targets: Sequence[np.ndarray], factors: Mapping[str, np.ndarray], alpha: float, seed: int = 0
) -> Chosen:
    """The factors that a target depends on, one after the other.

    Args:
        targets: the target on one scale or more, (n,) each, such as as it is and by its ranks: a
            factor counts that is clear on any of them, which the correction heeds.
        factors: codes of each, (n,); -1 where an observation says nothing of it.
        alpha: the chance of a false claim that is allowed.
        seed: of the permutations.
    """
    tested = {name: codes for name, codes in factors.items() if len(compared(codes)) > 1}
    n = len(targets[0])
    order = _permutations(n, seed)
    names: list[str] = []
    p: dict[str, float] = dict.fromkeys(tested, 1.0)
    totals = [_squares(target - target.mean()) if n else 0.0 for target in targets]
    while len(names) < len(tested):
        model = base(n, [tested[name] for name in names])
        lefts = [target - model @ (model.T @ target) for target in targets]
        pairs = zip(lefts, totals, strict=True)
        lefts = [left for left, total in pairs if _squares(left) > NOTHING * total]
        if not lefts:
            break
        asked = {name: _levels(codes, model) for name, codes in tested.items() if name not in names}
        found = _smallest(lefts, model, asked, order)
        p |= found
        best = min(found, key=lambda name: found[name], default=None)
        if best is None or found[best] > alpha:
            break
        names.append(best)
    kept = [
        name for name in names if any(_needed(target, tested, names, name) for target in targets)
    ]
    return Chosen(tuple(kept), p)


def _squares(values: np.ndarray) -> float:
    return float(values @ values)


def interactions(
    target: np.ndarray,
    factors: Mapping[str, np.ndarray],
    additive: Sequence[str],
    alpha: float,
    seed: int = 1,
) -> dict[tuple[str, str], float]:
    """The pairs of factors whose effects do not add up, with their corrected p.

    Args:
        target: (n,).
        factors: codes of each, (n,).
        additive: the factors of the additive model that pairs are looked at beside.
        alpha: the chance of a false claim that is allowed.
        seed: of the permutations.
    """
    n = len(target)
    usable = [name for name, codes in factors.items() if len(compared(codes)) > 1]
    columns = sum(len(np.unique(factors[name])) - 1 for name in usable)
    # With observations enough all factors are in the model, so that chance in none of them counts.
    names = usable if n > 3 * columns else [name for name in usable if name in additive]
    chosen: dict[tuple[str, str], float] = {}
    total = float(((target - target.mean()) ** 2).sum()) if n else 0.0
    order = _permutations(n, seed)
    while len(chosen) < 3:
        cells = [pair_codes(factors[a], factors[b]) for a, b in chosen]
        model = base(n, [*(factors[name] for name in names), *cells])
        left = target - model @ (model.T @ target)
        if n <= model.shape[1] + 1 or float(left @ left) <= NOTHING * total:
            break
        asked = {
            pair: pieces
            for pair in combinations(usable, 2)
            if pair not in chosen and (pieces := _cells(factors, pair, model))[1].size
        }
        found = _smallest([left], model, asked, order)
        best = min(found, key=lambda pair: found[pair], default=None)
        if best is None or found[best] > alpha:
            break
        chosen[best] = found[best]
    return chosen


def pair_codes(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The codes of a pair of factors; -1 for pairs of values with too few observations."""
    codes = np.where((one < 0) | (other < 0), -1, one * (other.max(initial=0) + 1) + other)
    return np.where(np.isin(codes, compared(codes)), codes, -1)


_Asked = tuple[np.ndarray, np.ndarray]
"""Bases of what is taken out of a factor's question beside the model, and of what is asked."""


def _levels(codes: np.ndarray, model: np.ndarray) -> _Asked:
    rare = ~np.isin(codes, compared(codes))
    aside = orthonormal(rare[:, None].astype(float), model)
    columns = (codes[:, None] == compared(codes)).astype(float)
    return aside, orthonormal(columns, np.concatenate([model, aside], axis=1))


def _cells(
    factors: Mapping[str, np.ndarray], pair: tuple[str, str], model: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    one, other = factors[pair[0]], factors[pair[1]]
    codes = pair_codes(one, other)
    mains = np.concatenate([indicators(one), indicators(other)], axis=1)
    if len(compared(codes)) < 4:
        return mains[:, :0], mains[:, :0]
    rare = np.where(codes < 0, np.where((one < 0) | (other < 0), -1, one * 10_000 + other), -2)
    aside = orthonormal(np.concatenate([mains, indicators(rare)], axis=1), model)
    columns = (codes[:, None] == compared(codes)).astype(float)
    return aside, orthonormal(columns, np.concatenate([model, aside], axis=1))


def _permutations(n: int, seed: int) -> np.ndarray:
    """Orders of n observations, (permutations, n); the first is as they are."""
    count = min(999, max(399, MOST_PERMUTED // max(n, 1)))
    order = np.tile(np.arange(n, dtype=np.int32), (count + 1, 1))
    np.random.default_rng(seed).permuted(order[1:], axis=1, out=order[1:])
    return order


_Name = TypeVar("_Name")


def _smallest(
    lefts: Sequence[np.ndarray],
    model: np.ndarray,
    asked: Mapping[_Name, _Asked],
    order: np.ndarray,
) -> dict[_Name, float]:
    """The p of every question, corrected for all of them (minP)."""
    logs: dict[_Name, list[np.ndarray]] = {}
    for left in lefts:
        many = left[order]
        many -= (many @ model) @ model.T
        total = (many**2).sum(axis=1)
        for name, (aside, columns) in asked.items():
            rank = columns.shape[1]
            free = len(left) - model.shape[1] - aside.shape[1] - rank
            if rank == 0 or free < 1:
                continue
            explained = ((many @ columns) ** 2).sum(axis=1)
            unexplained = total - explained - ((many @ aside) ** 2).sum(axis=1)
            unexplained = np.maximum(unexplained, NOTHING * total)
            ratio = explained / rank / (unexplained / free)
            logs.setdefault(name, []).append(stats.f.logsf(ratio, rank, free))
    if not logs:
        return {}
    smallest = {name: np.min(found, axis=0) for name, found in logs.items()}
    least = np.min(list(smallest.values()), axis=0)[1:]
    return {
        name: float((1 + (least <= log[0] + 1e-9).sum()) / (1 + len(least)))
        for name, log in smallest.items()
    }


def _needed(
    target: np.ndarray, factors: Mapping[str, np.ndarray], names: Sequence[str], name: str
) -> bool:
    """Whether a chosen factor still tells something beside those that were chosen after it."""
    model = base(len(target), [factors[other] for other in names if other != name])
    left = target - model @ (model.T @ target)
    aside, columns = _levels(factors[name], model)
    rank = columns.shape[1]
    free = len(target) - model.shape[1] - aside.shape[1] - rank
    if rank == 0 or free < 1:
        return bool(rank)
    explained = float(((left @ columns) ** 2).sum())
    unexplained = max(float(left @ left) - explained - float(((left @ aside) ** 2).sum()), 1e-300)
    p = float(stats.f.sf(explained / rank / (unexplained / free), rank, free))
    return p < CLEAR


@dataclass(frozen=True)
class Additive:
    """The contributions of factors to a target, by least squares.

    Attributes:
        contributions: of every factor to every observation, with mean 0.
        left: what they leave of the target, the mean taken out.
        mean: of the target.
    """

    contributions: Mapping[str, np.ndarray]
    left: np.ndarray
    mean: float

    def without_others(self, name: str | None) -> np.ndarray:
        """The target with the contributions of all other factors taken out."""
        own = self.contributions.get(name or "")
        kept: np.ndarray = self.mean + self.left + (0 if own is None else own)
        return kept


def additive(target: np.ndarray, factors: Mapping[str, np.ndarray]) -> Additive:
    """Fit an additive model."""
    mean = float(target.mean()) if len(target) else math.nan
    centred = target - mean
    if not factors:
        return Additive({}, centred, mean)
    blocks = {name: indicators(codes) for name, codes in factors.items()}
    blocks = {name: block - block.mean(axis=0) for name, block in blocks.items()}
    design = np.concatenate(list(blocks.values()), axis=1)
    weights = np.linalg.lstsq(design, centred, rcond=None)[0]
    contributions, start = {}, 0
    for name, block in blocks.items():
        contributions[name] = block @ weights[start : start + block.shape[1]]
        start += block.shape[1]
    return Additive(contributions, centred - sum(contributions.values()), mean)
