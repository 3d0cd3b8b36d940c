"""Three configurations to try on another data set, taken from the runs with their evidence."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from dlsweep.report._runs import RunsTable, level
from dlsweep.report._words import amount, code, count, difference
from dlsweep.report.findings import find
from dlsweep.report.statistics import Configuration, configurations, repeated, settings
from dlsweep.report.text._names import choice

FEWEST = 10
"""Configurations that it takes to suggest any."""
NEAR = 0.01
"""As good as the best: within a point of accuracy, or a hundredth of any other metric."""
_WORDS = ("optimizer", "activation", "model", "loss", "weight_init", "lr_schedule")


@dataclass(frozen=True)
class Suggestion:
    """A configuration of the sweep, and why to try it.

    Attributes:
        configuration: what was trained.
        rank: its place among all configurations, from 1.
        why: in what it differs from the others suggested, with counts.
        evidence: what more speaks for it, as the end of a sentence; empty where nothing does.
    """

    configuration: Configuration
    rank: int
    why: str
    evidence: str = ""


def suggest(table: RunsTable) -> list[Suggestion]:
    """Up to three configurations: the best; the best that differs where it matters; a cheap one.

    None of fewer than ten configurations; the third only where one is as good and cheaper.
    """
    ranked = _ranked(table)
    if len(ranked) < FEWEST:
        return []
    best = ranked[0]
    chosen = [Suggestion(best, 1, f"The best of {count(len(ranked), 'configuration')}")]
    for other in (_different(table, ranked), _cheap(table, ranked)):
        if other is not None and all(other.configuration is not s.configuration for s in chosen):
            chosen.append(other)
    return chosen


def suggestions(table: RunsTable) -> list[str]:
    """The three as sentences, with the command to type; or why there are none.

    Nothing of a program's runs: whether it takes other data is not known.
    """
    if not table.own:
        return []
    found = suggest(table)
    if not found:
        n = len(configurations(table))
        return [
            "Too few runs to suggest anything: "
            f"{count(n, 'configuration has', 'configurations have')} a result, and it takes "
            f"{FEWEST}."
        ]
    return [_sentence(table, suggestion) for suggestion in found]


def _sentence(table: RunsTable, suggestion: Suggestion) -> str:
    c = suggestion.configuration
    seeds = "one seed" if len(c.runs) == 1 else f"the mean of {len(c.runs)} seeds"
    place = "" if suggestion.rank == 1 else f", number {suggestion.rank:,}"
    return (
        f"{suggestion.why}: {amount(table, c.value)} here ({seeds}{place}){suggestion.evidence}. "
        f"{_on_other_data(table, c)}"
    )


def _on_other_data(table: RunsTable, configuration: Configuration) -> str:
    config = configuration.runs[0].config
    kept = {k: v for k, v in config.items() if k not in ("dataset", "seed", "train_size")}
    return code(table.command({**kept, "dataset": "YOURS"}) or "")


def _ranked(table: RunsTable) -> list[Configuration]:
    """All configurations, the best as the report has it first, the others by their means."""
    best = find(table).best
    first = None if best is None else best.configuration
    sign = -1 if table.metric.goal == "maximize" else 1
    return sorted(repeated(table), key=lambda c: (c is not first, sign * c.value))


def _different(table: RunsTable, ranked: list[Configuration]) -> Suggestion | None:
    """The best with another value of the setting that matters most, words before numbers."""
    best = ranked[0]
    known = [e.setting for e in find(table).effects if e.verdict in ("matters", "together")]
    order = known or settings(table)
    bad = {(ruin.setting, ruin.level) for ruin in find(table).ruins}
    for name in sorted(order, key=lambda name: name not in _WORDS):
        mine = level(best.get(name))
        for rank, c in enumerate(ranked, start=1):
            other = level(c.get(name))
            if other == mine or any((n, level(c.get(n))) in bad for n, _ in bad):
                continue
            same = [o.value for o in ranked if level(o.get(name)) == other]
            middle = amount(table, statistics.median(same))
            others = (
                f"the median of the {len(same):,} configurations with "
                f"{choice(table, name, other)} is {middle}"
                if len(same) > 1
                else f"no other configuration has {choice(table, name, other)}"
            )
            why = f"The best without {choice(table, name, mine)}"
            return Suggestion(c, rank, why, f"; {others}")
    return None


def _cheap(table: RunsTable, ranked: list[Configuration]) -> Suggestion | None:
    """The least work among those as good as the best: parameters times epochs."""
    best = ranked[0]
    work = _work(best)
    if work is None:
        return None
    near = _near(table, best)
    costs = [
        (w, rank, c)
        for rank, c in enumerate(ranked, start=1)
        if abs(c.value - best.value) <= near and (w := _work(c)) is not None
    ]
    least, rank, c = min(costs, key=lambda item: item[:2])
    if least >= work:
        return None
    return Suggestion(
        c,
        rank,
        f"The cheapest of the {len(costs):,} within {difference(table, near)} of the best",
        f", for {work / least:.1f} times less work (parameters times epochs)",
    )


def _near(table: RunsTable, best: Configuration) -> float:
    return NEAR if table.is_share() else NEAR * abs(best.value)


def _work(configuration: Configuration) -> float | None:
    run = configuration.runs[0]
    parameters, epochs = run.summary.get("parameters"), run.config.get("epochs")
    if not isinstance(parameters, int | float) or not isinstance(epochs, int | float):
        return None
    return float(parameters * epochs)
