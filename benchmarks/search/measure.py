"""Every way to search, replayed on the same runs: how good is what it names the best?"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from statistics import fmean, stdev
from typing import Any

from scipy import stats

from benchmarks.machine import describe
from benchmarks.search import peers
from benchmarks.search.curves import EPOCHS, POINTS, Curves, train
from benchmarks.search.ours import Missing, Named, Ours, confirm, sweep
from benchmarks.search.replay import AT_ONCE, Method, Seeds, Trace, replay

REPETITIONS = 100
BUDGETS = (4, 8, 16)
"""Of a search, in runs of all epochs."""
_STOP_EARLY = (("type", "hyperband"), ("min_iter", 1))
_STOP_LATER = (("type", "hyperband"), ("min_iter", 3))
_PROMOTE = (("type", "asha"),)
RECOMMENDED = "bayes, min_iter 1, confirmed"
_SEEDS_OF_THE_BEST = 12  # that each point named best is trained with, so that its mean is known
_SEEDS_OF_MANY = 3
_MANY, _DRAWN = 150, 50


@dataclass(frozen=True)
class Way:
    """A way to search.

    Attributes:
        name: in the table.
        make: a search by its seed.
        ours: whether it is one of `dlsweep sweep`'s.
        confirms: by the budget, how many candidates are confirmed over how many new seeds at most;
            empty for a way that names what it saw last.
        package: what must be installed.
        at_once: how many runs are in training at once.
        search: the name of the way that searches alike, and is not replayed again.
    """

    name: str
    make: Callable[[int], Method]
    ours: bool = False
    confirms: tuple[tuple[int, int, int], ...] = ()
    package: str = ""
    at_once: int = AT_ONCE
    search: str = ""

    def named(self, trace: Trace, seeds: Seeds, budget: int) -> Named:
        """What it names the best after a budget of epochs, confirmation included."""
        for runs, candidates, most in self.confirms:
            if runs * EPOCHS == budget and candidates:
                left = budget - candidates * most * EPOCHS
                return confirm(trace, seeds, left, candidates, most)
        point, value = trace.best(budget)
        return Named(point, value, spent=budget)


def _ours(name: str, method: str, *rule: Any, **more: Any) -> Way:
    return Way(name, lambda seed: Ours(sweep(method, rule), seed), ours=True, **more)


WAYS = (
    _ours("random", "random"),
    _ours("bayes", "bayes"),
    _ours("random, min_iter 3", "random", *_STOP_LATER),
    _ours("random, min_iter 1", "random", *_STOP_EARLY),
    _ours("bayes, min_iter 3", "bayes", *_STOP_LATER),
    _ours("bayes, min_iter 1", "bayes", *_STOP_EARLY),
    _ours("bayes, asha", "bayes", *_PROMOTE),
    _ours(
        RECOMMENDED,
        "bayes",
        *_STOP_EARLY,
        confirms=((4, 0, 0), (8, 1, 3), (16, 2, 3)),
        search="bayes, min_iter 1",
    ),
    _ours("bayes, min_iter 1, one at once", "bayes", *_STOP_EARLY, at_once=1),
    _ours("bayes, min_iter 1, 32 at once", "bayes", *_STOP_EARLY, at_once=32),
    Way("Optuna TPE", lambda seed: peers.OptunaTpe(seed, pruner=False)),
    Way("Optuna TPE, Hyperband pruner", lambda seed: peers.OptunaTpe(seed, pruner=True)),
    Way(
        "W&B random, hyperband min_iter 1",
        lambda seed: peers.Wandb(seed, "random", stops=True),
        package="sweeps",
    ),
    Way("W&B bayes", lambda seed: peers.Wandb(seed, "bayes", stops=False), package="sweeps"),
    Way("DEHB", peers.Dehb, package="dehb"),
)
_SMOKE = ("random", "bayes, min_iter 1", RECOMMENDED, "Optuna TPE")


def measure(
    repetitions: int, curves: Curves | None = None, *, smoke: bool = False
) -> dict[str, Any]:
    """Replay every way that is installed.

    Args:
        repetitions: of each, with other seeds of the search and of the runs.
        curves: what is replayed; by default the file's.
        smoke: only a few ways, of other people's one.
    """
    curves = curves or Curves.read()
    ways = [way for way in WAYS if not smoke or way.name in _SMOKE]
    result: dict[str, Any] = {
        "machine": describe() | _versions(),
        "runs": len(curves.counts),
        "points": len({point for point, _ in curves.counts}),
        "repetitions": repetitions,
        "rows": [],
    }
    for way, found in _replayed(curves, repetitions, set(), ways):
        result["rows"].append(
            {
                "way": way.name,
                "ours": way.ours,
                "named": {str(budget): named for budget, named in found.items()},
            }
        )
        print(f"replayed {way.name}", file=sys.stderr)
    return result


def _versions() -> dict[str, str]:
    """Those of the packages that search."""
    found = {}
    for package in ("optuna", "sweeps", "dehb"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _replayed(
    curves: Curves, repetitions: int, needed: set[int], ways: Sequence[Way] = WAYS
) -> Iterator[tuple[Way, dict[int, list[dict[str, Any]]]]]:
    """Of each way and budget what it has named, and how good that truly is.

    Args:
        needed: gets the points that were named or to be confirmed.
        ways: what is replayed.
    """
    traces: dict[tuple[str, int], Trace] = {}
    for way in ways:
        if way.package and not peers.installed(way.package):
            continue
        found: dict[int, list[dict[str, Any]]] = {budget: [] for budget in BUDGETS}
        for repetition in range(repetitions):
            seeds = Seeds(curves, repetition)
            key = way.search or way.name, repetition
            if key not in traces:
                budget = max(BUDGETS) * EPOCHS
                traces[key] = replay(way.make(repetition), seeds, budget, way.at_once)
            trace = traces[key]
            for budget in BUDGETS:
                try:
                    named = way.named(trace, seeds, budget * EPOCHS)
                except Missing as missing:
                    needed.update(missing.points)
                    found[budget].append({})
                    continue
                needed.add(named.point)
                found[budget].append(
                    {
                        "point": named.point,
                        "reported": named.reported,
                        "truth": seeds.truth(named.point, named.seen),
                        "low": named.low,
                        "high": named.high,
                        "epochs": named.spent,
                    }
                )
        yield way, found


def train_all(repetitions: int) -> None:
    """Train what the replays need and the file does not have.

    First every point with one seed, then the best of these and some drawn at random with more, then
    those that a replay names best or confirms with many, until there is no new one.
    """
    curves = Curves.read()
    train(curves, [(point, 0) for point in range(len(POINTS))])
    ranked = sorted(range(len(POINTS)), key=lambda p: -(curves.final(p, 0) or 0.0))
    drawn = ranked[_MANY :: max(1, (len(ranked) - _MANY) // _DRAWN)]
    more = [(p, s) for s in range(1, _SEEDS_OF_MANY + 1) for p in (*ranked[:_MANY], *drawn)]
    train(curves, more)
    while True:
        needed: set[int] = set()
        for _ in _replayed(curves, repetitions, needed):
            pass
        wanted = [(p, s) for p in sorted(needed) for s in range(_SEEDS_OF_THE_BEST)]
        if all(key in curves.counts for key in wanted):
            return
        train(curves, wanted)


def table(result: dict[str, Any]) -> str:
    """The means by way and budget, against the way that is recommended."""
    rows = {row["way"]: row["named"] for row in result["rows"]}
    budgets = [str(budget) for budget in BUDGETS]
    lines = [
        f"{result['points']:,} points, {result['runs']:,} runs; {result['repetitions']} "
        f"repetitions, {EPOCHS} epochs to a full run.",
        "",
        "| search | " + " | ".join(f"{b} full runs" for b in budgets) + " |",
        "|---" * (1 + len(budgets)) + "|",
    ]
    for way, named in rows.items():
        cells = [_cell(named[b], rows[RECOMMENDED][b], way == RECOMMENDED) for b in budgets]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    said = [one for b in budgets for one in rows[RECOMMENDED][b] if one.get("low") is not None]
    judged = [one for one in said if one["truth"] is not None]
    if judged:
        inside = sum(one["low"] <= one["truth"] <= one["high"] for one in judged)
        lines += [
            "",
            f"The interval that is reported had the true mean in {inside} of "
            f"{len(judged)} searches ({100 * inside / len(judged):.0f} %).",
        ]
    return "\n".join(lines)


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
    p = float(stats.ttest_rel(*zip(*pairs, strict=True)).pvalue)
    return f"{text} ({'p < 0.001' if p < 0.001 else f'p {p:.3f}'})"
