"""Every way to search, replayed on the same runs: how good is what it names the best?"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import multiprocessing
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from statistics import fmean, stdev
from typing import Any

from scipy import stats

from benchmarks.machine import cores, describe
from benchmarks.results import read
from benchmarks.search import peers
from benchmarks.search.curves import EPOCHS, POINTS, Curves, train
from benchmarks.search.ours import Missing
from benchmarks.search.replay import FEW_SEEDS, Seeds, replay
from benchmarks.search.ways import BUDGETS, RECOMMENDED, WAYS, Way
from dlsweep.sweep.study._points import steadied

REPETITIONS = 60
_SEEDS_OF_THE_BEST = 12  # with which each point named best is trained, to know its mean
_SEEDS_OF_MANY = 4
_MANY, _DRAWN = 150, 50
_FAILS, _DRAWS = 0.7, 400
_MOST_ROUNDS = 5  # of training what the replays have named
_SMOKE = ("random", "bayes, asha", RECOMMENDED, "Optuna TPE")

Found = dict[str, list[dict[str, Any]]]
"""What a way has named, by the budget: of each repetition ``Named``'s attributes and the truth."""


def measure(repetitions: int, *, smoke: bool = False, peers_again: bool = False) -> dict[str, Any]:
    """Replay every way that is installed.

    Args:
        repetitions: of each, with other seeds of the search and of the runs.
        smoke: only a few ways.
        peers_again: also those of others, whose results are kept otherwise.
    """
    curves = Curves.read()
    ways = [way for way in WAYS if not smoke or way.name in _SMOKE]
    kept = {} if smoke or peers_again else _kept(curves, repetitions)
    found = _replayed([way for way in ways if way.name not in kept], repetitions) | kept
    for named in found.values():
        _judge(curves, named)
    return {
        "machine": describe() | _versions(),
        "runs": len(curves.counts),
        "points": len({point for point, _ in curves.counts}),
        "searched": _searched(curves),
        "repetitions": repetitions,
        "ends": _ends(curves),
        "rows": [
            {"way": way.name, "ours": way.ours, "named": found[way.name]}
            for way in ways
            if way.name in found
        ],
    }


def _ends(curves: Curves) -> dict[str, float]:
    """How good the best of 25 points truly is, if it is chosen by the ends of whole curves.

    The points are drawn among those with four seeds or more that never fail; one seed is seen.

    Returns:
        The mean over draws, chosen by the last epochs alone, and as confirmation chooses.
    """
    draw = random.Random(0)
    points = [p for p in range(len(POINTS)) if len(curves.seeds(p)) >= _SEEDS_OF_MANY]
    finals = {p: [curves.final(p, s) or 0.0 for s in curves.seeds(p)] for p in points}
    points = [p for p in points if min(finals[p]) > _FAILS]
    found: dict[str, list[float]] = {"last": [], "third": []}
    for repetition in range(_DRAWS):
        seeds = Seeds(curves, repetition)
        seen = {
            p: [v or 0.0 for v in seeds.curve(p)] for p in draw.sample(points, min(25, len(points)))
        }
        by_last = {p: curve[-1] for p, curve in seen.items()}
        for name, shown in (("last", by_last), ("third", steadied(seen))):
            best = max(shown, key=lambda p: shown[p])
            found[name].append(seeds.truth(best, 1) or 0.0)
    return {name: _short(fmean(values)) for name, values in found.items()}


def _kept(curves: Curves, repetitions: int) -> dict[str, Found]:
    """What ways of others have named before, where they would see the same again."""
    before = read("search")
    if before is None or before["searched"] != _searched(curves):
        return {}
    if before["repetitions"] != repetitions:
        return {}
    return {row["way"]: row["named"] for row in before["rows"] if not row["ours"]}


def _searched(curves: Curves) -> str:
    """A digest of what searches may see of the runs."""
    digest = hashlib.sha256()
    for point in range(len(POINTS)):
        for seed in curves.seeds(point)[:FEW_SEEDS]:
            digest.update(curves.counts[point, seed].tobytes())
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    """Those of the packages that search."""
    found = {}
    for package in ("optuna", "sweeps", "dehb"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


# --- Replaying -----------------------------------------------------------------------------------


def _replayed(ways: Sequence[Way], repetitions: int) -> dict[str, Found]:
    """What each way that is installed has named, by its name."""
    packages = {way.package for way in ways if way.package}
    there = {"", *(package for package in packages if peers.installed(package))}
    searches = dict.fromkeys(way.search for way in ways if way.package in there)
    jobs = [(search, repetition) for search in searches for repetition in range(repetitions)]
    found: dict[str, Found] = {}
    processes = min(cores(), len(jobs)) if repetitions > 2 else 1
    with contextlib.ExitStack() as stack:
        run = map
        if processes > 1:
            context = multiprocessing.get_context("spawn")
            run = stack.enter_context(context.Pool(processes)).imap
        for (search, repetition), its in zip(jobs, run(_named, jobs), strict=True):
            for name, by_budget in its.items():
                for budget, named in by_budget.items():
                    found.setdefault(name, {}).setdefault(budget, []).append(named)
            if repetition == repetitions - 1:
                print(f"replayed {search}", file=sys.stderr)
    return found


@functools.cache
def _curves() -> Curves:
    return Curves.read()


def _named(job: tuple[str, int]) -> dict[str, dict[str, dict[str, Any]]]:
    """What the ways of a search have named in a repetition, by way and budget."""
    search, repetition = job
    ways = [way for way in WAYS if way.search == search]
    seeds = Seeds(_curves(), repetition)
    trace = replay(ways[0].make(repetition), seeds, max(BUDGETS) * EPOCHS, ways[0].at_once)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for way in ways:
        for budget in BUDGETS:
            try:
                its = asdict(way.named(trace, seeds, budget * EPOCHS))
                named = {name: _short(value) for name, value in its.items() if value is not None}
            except Missing as missing:
                named = {"missing": list(missing.points)}
            found.setdefault(way.name, {})[str(budget)] = named
    return found


def _short(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value


def _judge(curves: Curves, found: Found) -> None:
    """Add how good each named point truly is: its mean over the seeds that nothing has seen."""
    for named in found.values():
        for repetition, one in enumerate(named):
            if "point" in one:
                seeds = Seeds(curves, repetition)
                one["truth"] = _short(seeds.truth(one["point"], one["seen"]))
                one["unseen"] = len(seeds.order(one["point"])) - one["seen"]


def train_all(repetitions: int) -> None:
    """Train what the replays need and the file does not have.

    First every point with one seed, then the best of these and some drawn at random with a few,
    then those that a replay names best or confirms with many, until there is no new one.
    """
    curves = Curves.read()
    train(curves, [(point, 0) for point in range(len(POINTS))])
    ranked = sorted(range(len(POINTS)), key=lambda p: -(curves.final(p, 0) or 0.0))
    drawn = ranked[_MANY :: max(1, (len(ranked) - _MANY) // _DRAWN)]
    some = (*ranked[:_MANY], *drawn)
    train(curves, [(point, seed) for seed in range(_SEEDS_OF_MANY) for point in some])
    for _ in range(_MOST_ROUNDS):
        needed = {
            point
            for found in _replayed(WAYS, repetitions).values()
            for named in found.values()
            for one in named
            for point in one.get("missing", [one.get("point")])
        }
        wanted = [(point, seed) for point in needed for seed in range(_SEEDS_OF_THE_BEST)]
        if all(key in curves.counts for key in wanted):
            return
        train(curves, wanted)


# --- Showing -------------------------------------------------------------------------------------


def table(result: dict[str, Any]) -> str:
    """The means by way and budget, against the way that is recommended."""
    rows = {row["way"]: row["named"] for row in result["rows"]}
    budgets = [str(budget) for budget in BUDGETS]
    lines = [
        f"{result['points']:,} points, {result['runs']:,} runs of {EPOCHS} epochs; "
        f"{result['repetitions']} repetitions of each search",
        "",
        "| search | " + " | ".join(f"{b} full runs" for b in budgets) + " |",
        "|---" * (1 + len(budgets)) + "|",
    ]
    for way, named in rows.items():
        cells = [_cell(named[b], rows[RECOMMENDED][b], way == RECOMMENDED) for b in budgets]
        lines.append(
            f"| {'**dlsweep**, ' if _is_ours(result, way) else ''}{way} | "
            + " | ".join(cells)
            + " |"
        )
    judged = [
        one
        for b in budgets
        for one in rows[RECOMMENDED][b]
        if one.get("low") is not None and one.get("truth") is not None
    ]
    if judged:
        inside = sum(map(_inside, judged))
        plainly = sum(one["low"] <= one["truth"] <= one["high"] for one in judged)
        share, allowed = (f"{100 * n / len(judged):.0f} %" for n in (plainly, inside))
        half = fmean(one["high"] - one["low"] for one in judged) / 2
        lines += [
            "",
            f"Of {len(judged)} intervals that were reported, ± {100 * half:.1f} points on average, "
            f"{plainly} had the mean of the unseen seeds ({share}), and {inside} ({allowed}) if it "
            "is allowed for that this is itself known from few seeds.",
        ]
    ends = result["ends"]
    lines += [
        "",
        f"The best of 25 whole runs by the last epoch has a true mean of {100 * ends['last']:.2f}, "
        f"and by the last third of the curve, as confirmation chooses, {100 * ends['third']:.2f}.",
    ]
    return "\n".join(lines)


def _inside(one: dict[str, Any]) -> bool:
    """Whether the true mean is in an interval, but for how well that mean is known.

    The mean of m unseen seeds differs from that of n new ones by √(1 + n / m) times as much as the
    true mean does.
    """
    slack = math.sqrt(1 + (one["seen"] - 1) / one["unseen"])
    reported = one["reported"]
    low, high = (
        reported - slack * (reported - one["low"]),
        reported + slack * (one["high"] - reported),
    )
    return bool(low <= one["truth"] <= high)


def _is_ours(result: dict[str, Any], way: str) -> bool:
    return any(row["ours"] for row in result["rows"] if row["way"] == way)


def _cell(mine: Sequence[dict[str, Any]], best: Sequence[dict[str, Any]], same: bool) -> str:
    """A mean with its standard error, and how likely chance makes such a difference."""
    truths = [one["truth"] for one in mine if one.get("truth") is not None]
    if len(truths) < 2:
        return "not known"
    text = f"{100 * fmean(truths):.2f} ± {100 * stdev(truths) / math.sqrt(len(truths)):.2f}"
    if same:
        return f"**{text}**"
    pairs = [
        (one["truth"], other["truth"])
        for one, other in zip(mine, best, strict=True)
        if one.get("truth") is not None and other.get("truth") is not None
    ]
    if all(one == other for one, other in pairs):
        return f"{text}, the same"
    p = float(stats.ttest_rel(*zip(*pairs, strict=True)).pvalue)
    return f"{text}, {'p < 0.001' if p < 0.001 else f'p = {p:.3f}'}"
