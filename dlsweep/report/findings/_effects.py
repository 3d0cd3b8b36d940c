"""One verdict for each setting, judged among the configurations without a value that ruins runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dlsweep.report._runs import RunsTable
from dlsweep.report.findings._ruins import ruins
from dlsweep.report.findings._types import Effect, Interaction, Level
from dlsweep.report.statistics import (
    Additive,
    Configuration,
    Factor,
    additive,
    compared,
    configurations,
    difference_interval,
    factor,
    interactions,
    mean_interval,
    pair_codes,
    remembered,
    scores,
    select,
    settings,
)

ALPHA = 0.03
ALPHA_OF_PAIRS = 0.005
"""The chances of a false claim that are allowed, of settings and of pairs: see also `_ruins`."""
SAMPLES = 100
"""Of the bootstrap."""
MOST_RANGES, RANGE_OF = 8, 10
"""Of a curve along a number with very many values, and so many configurations in each at least."""


@dataclass(frozen=True, eq=False)
class Effects:
    """What is known of every setting and of pairs of them.

    Attributes:
        effects: the most important setting first.
        interactions: the clearest pair first.
        judged: how many configurations they were judged among.
        explained: the share of the metric's variance that all of them go with.
    """

    effects: tuple[Effect, ...]
    interactions: tuple[Interaction, ...]
    judged: int
    explained: float


def within(table: RunsTable) -> tuple[float, float]:
    """The least and the greatest value that the metric can have, as far as is known.

    Where no run has a negative value, an interval ends at 0: times, losses and counts have none.
    """
    if table.is_share():
        return 0.0, 1.0
    values = [run.value for run in table.finished() if run.value is not None]
    return (0.0 if values and min(values) >= 0 else -math.inf), math.inf


@remembered
def effects(table: RunsTable) -> Effects:
    """Judge every varied setting, and every pair of them."""
    found, ruined = configurations(table), ruins(table)
    kept = tuple(c for c in found if ruined.of(c) is None)
    target = np.array([c.value for c in kept])
    factors = {name: factor(kept, name) for name in settings(table)}
    codes = {name: f.codes for name, f in factors.items()}
    chosen = select([target, scores(target)], codes, ALPHA)
    pairs = interactions(target, codes, chosen.names, ALPHA_OF_PAIRS)
    names = [*chosen.names, *(n for pair in pairs for n in pair if n not in chosen.names)]
    model = additive(target, {name: codes[name] for name in names})
    # What was fitted takes away from the variance that is left.
    fitted = sum(len(np.unique(codes[name])) - 1 for name in names)
    widened = math.sqrt((len(kept) - 1) / max(len(kept) - 1 - fitted, 1)) if kept else 1.0
    together = {name for pair in pairs for name in pair}
    result = []
    for name, f in factors.items():
        mine = tuple(ruin for ruin in ruined.ruins if ruin.setting == name)
        adjusted = np.clip(model.without_others(name), *within(table))
        levels = _levels(f, adjusted, within(table), widened)
        curve = _curve(f, levels, adjusted, within(table), widened)
        effect = Effect(name, "unknown", levels, curve)
        p = chosen.p.get(name)
        if name in chosen.names:
            effect = _clear(table, replace(effect, p=p), f, adjusted, widened)
        elif name in together:
            effect = replace(effect, verdict="together", p=p)
        elif mine:
            effect = replace(effect, verdict="ruins", p=p)
        elif p is not None:
            effect = replace(effect, verdict="unclear", p=p)
        result.append(replace(effect, ruins=mine))
    cells = tuple(
        _interaction(pair, p, [factors[name].levels for name in pair], codes, target)
        for pair, p in pairs.items()
    )
    shared, explained = _shares(table, found, names, list(pairs))
    for i, effect in enumerate(result):
        if effect.setting in shared:
            share, low, high = shared[effect.setting]
            result[i] = replace(effect, share=share, share_low=low, share_high=high)
    order = ("matters", "ruins", "together", "unclear", "unknown")
    result.sort(key=lambda e: (-e.share, order.index(e.verdict)))
    return Effects(tuple(result), cells, len(kept), explained)


def _levels(
    f: Factor, adjusted: np.ndarray, limits: tuple[float, float], widened: float
) -> tuple[Level, ...]:
    found = []
    for code, text in enumerate(f.levels):
        inside = f.codes == code
        if inside.any():
            at = math.nan if f.numbers is None else float(np.median(f.numbers[inside]))
            found.append(_level(text, adjusted[inside], limits, widened, at))
    return tuple(found)


def _level(
    text: str, values: np.ndarray, limits: tuple[float, float], widened: float, at: float
) -> Level:
    ends = mean_interval(values, limits, widened)
    return Level(text, len(values), float(values.mean()), *ends, float(np.median(values)), at)


def _curve(
    f: Factor,
    levels: tuple[Level, ...],
    adjusted: np.ndarray,
    limits: tuple[float, float],
    widened: float,
) -> tuple[Level, ...]:
    """The means along a number; of very many values, in ranges with as many configurations each."""
    if f.numbers is None:
        return ()
    if len(np.unique(f.numbers)) == len(levels):
        return levels
    ranges = min(max(len(f.numbers) // RANGE_OF, len(levels)), MOST_RANGES)
    edges = np.unique(np.quantile(f.numbers, np.arange(1, ranges) / ranges))
    codes = np.searchsorted(edges, f.numbers, side="left")
    return tuple(
        _level("", adjusted[codes == c], limits, widened, float(np.median(f.numbers[codes == c])))
        for c in np.unique(codes)
    )


def _clear(
    table: RunsTable,
    effect: Effect,
    f: Factor,
    adjusted: np.ndarray,
    widened: float,
) -> Effect:
    """A setting that matters, with its best and its worst value and their difference."""
    sign = 1 if table.metric.goal == "maximize" else -1
    codes, numbers = f.codes, f.numbers
    usable = [int(code) for code in compared(codes)]
    groups = {code: adjusted[codes == code] for code in usable}
    ranked = sorted(usable, key=lambda code: -sign * groups[code].mean())
    best, worst = ranked[0], ranked[-1]
    confidence = 1 - 0.05 / (len(usable) * (len(usable) - 1) // 2)
    low, high = difference_interval(groups[best], groups[worst], confidence, widened)
    if low <= 0 <= high:
        # A few extreme values decide the means: the values are told apart by their ranks.
        low = high = math.nan
        ranked = sorted(usable, key=lambda code: -sign * float(np.median(groups[code])))
        best, worst = ranked[0], ranked[-1]
    limits = within(table)
    widest = limits[1] - limits[0]
    peak = False
    if numbers is not None and usable[0] < best < usable[-1]:
        ends = [
            difference_interval(groups[best], groups[end], 1 - 0.05 / 2, widened)
            for end in (usable[0], usable[-1])
        ]
        peak = all((sign * e[0] > 0) and (sign * e[1] > 0) for e in ends)
    by_text = {level.level: level for level in effect.levels}
    shown = list(by_text.values())
    present = [int(code) for code in np.unique(codes[codes >= 0])]
    top, bottom = shown[present.index(best)], shown[present.index(worst)]
    return replace(
        effect,
        verdict="matters",
        best=top,
        worst=bottom,
        difference=top.mean - bottom.mean,
        low=max(low, -widest),
        high=min(high, widest),
        peak=peak,
    )


def _interaction(
    pair: tuple[str, str],
    p: float,
    levels: Sequence[Sequence[str]],
    codes: Mapping[str, np.ndarray],
    target: np.ndarray,
) -> Interaction:
    """The pair of values that departs most from what both effects would give together."""
    one, other = (codes[name] for name in pair)
    expected = target - additive(target, {name: codes[name] for name in pair}).left
    cells = pair_codes(one, other)
    departures = {
        int(cell): float((target - expected)[cells == cell].mean()) for cell in compared(cells)
    }
    cell = max(departures, key=lambda cell: abs(departures[cell]))
    mine = cells == cell
    row = int(np.argmax(mine))
    texts = (levels[0][one[row]], levels[1][other[row]])
    means = float(target[mine].mean()), float(expected[mine].mean())
    return Interaction(*pair, p, texts, int(mine.sum()), *means)


_Shares = dict[str, tuple[float, float, float]]


def _shares(
    table: RunsTable,
    found: Sequence[Configuration],
    names: Sequence[str],
    pairs: Sequence[tuple[str, str]],
) -> tuple[_Shares, float]:
    """The share of the metric's variance that goes with each setting, and with all of them.

    Pairs are counted in halves for their two settings.
    """
    target = np.array([c.value for c in found])
    by = [ruins(table).of(c) for c in found]
    owners = dict.fromkeys([*names, *(name for name in by if name is not None)])
    if len(target) < 2 or np.ptp(target) == 0 or not owners:
        return {}, 0.0
    codes = {name: factor(found, name).codes for name in {*names, *(n for p in pairs for n in p)}}
    generator = np.random.default_rng(0)
    whole = np.arange(len(target))
    samples = [_variances(target, by, codes, names, pairs, whole)]
    for _ in range(SAMPLES):
        rows = generator.integers(len(target), size=len(target))
        if np.ptp(target[rows]) > 0:
            samples.append(_variances(target, by, codes, names, pairs, rows))
    shared = {}
    for name in owners:
        column = [sample.get(name, 0.0) for sample in samples]
        low, high = np.quantile(column[1:], (0.025, 0.975)) if column[1:] else (0.0, 1.0)
        shared[name] = (column[0], float(low), float(high))
    return shared, samples[0][""]


def _variances(
    target: np.ndarray,
    by: Sequence[str | None],
    codes: Mapping[str, np.ndarray],
    names: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    rows: np.ndarray,
) -> dict[str, float]:
    """The variance of each setting's contributions, as a share; under "" that of all together."""
    y, owners = target[rows], np.array([name or "" for name in by])[rows]
    kept = owners == ""
    total = float(y.var())
    parts: dict[str, np.ndarray] = {}
    middle = float(y[kept].mean()) if kept.any() else float(y.mean())
    fitted = np.full(len(y), middle)
    for name in dict.fromkeys(owners[~kept]):
        mine = owners == name
        parts[name] = parts.get(name, np.zeros(len(y)))
        parts[name][mine] += y[mine].mean() - middle
    model = _fit(y[kept], {name: codes[name][rows][kept] for name in names})
    for name, values in model.contributions.items():
        parts.setdefault(name, np.zeros(len(y)))[kept] += values
    left = model.left
    for pair in pairs:
        one, other = (codes[name][rows][kept] for name in pair)
        both = _fit(left, {"": pair_codes(one, other)})
        left = both.left
        for name in pair:
            parts.setdefault(name, np.zeros(len(y)))[kept] += both.contributions[""] / 2
    for values in parts.values():
        fitted = fitted + values
    shares = {name: min(1.0, float(values.var()) / total) for name, values in parts.items()}
    shares[""] = max(0.0, min(1.0, 1 - float(((y - fitted) ** 2).mean()) / total))
    return shares


def _fit(target: np.ndarray, factors: Mapping[str, np.ndarray]) -> Additive:
    if len(target):
        return additive(target, factors)
    empty = np.zeros(0)
    return Additive(dict.fromkeys(factors, empty), empty, 0.0)
