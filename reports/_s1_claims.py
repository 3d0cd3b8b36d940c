"""What study S1 published, and whether the runs bear it out, with counts."""

from __future__ import annotations

from collections.abc import Sequence

from dlsweep.report import RunsTable
from dlsweep.report.findings import THRESHOLD, find

PUBLISHED = 448
"""So many runs the published study had."""

_POOR = THRESHOLD
"""Below it a run is a poor one."""


def unfinished(table: RunsTable) -> list[str]:
    """How much of the sweep is there, where it is not all of it."""
    count = sum(not run.beside for run in table.runs)
    if count >= PUBLISHED:
        return []
    sizes = sorted({run.config["batch_size"] for run in table.runs})
    return [
        f"**{count} of {PUBLISHED} runs are here so far.** Runs of like cost are trained together, "
        f"the costly ones first, so these are no random sample: their batch sizes are "
        f"{_listed([str(size) for size in sizes])}. `python reports/s1.py` trains the others."
    ]


def claims(table: RunsTable) -> list[str]:
    """A sentence for each published conclusion."""
    return [
        f"**{claim}** {'Yes' if holds else 'No'}: {why}"
        for claim, holds, why in (
            _first(table),
            _best_value(table, "optimizer", "adam", "“Adam is the best optimizer.”"),
            _poor(table, "activation", "sigmoid", "“Sigmoid is poor.”"),
            _without_effect(table, "batch_size", "“The batch size does not matter.”"),
        )
    ]


def _first(table: RunsTable) -> tuple[str, bool, str]:
    ranked = [effect for effect in find(table).effects if effect.known]
    names = [effect.setting for effect in ranked]
    claim = "“The optimizer matters most.”"
    if "optimizer" not in names:
        return claim, False, "no difference between optimizers is beyond chance."
    place = names.index("optimizer") + 1
    shares = _listed([f"{100 * effect.share:.0f} % with `{effect.setting}`" for effect in ranked])
    return claim, place == 1, f"the variance over all configurations goes by {shares}."


def _best_value(table: RunsTable, name: str, value: str, claim: str) -> tuple[str, bool, str]:
    effect = find(table).effect(name)
    levels = sorted(effect.levels, key=lambda level: level.mean, reverse=True)
    means = ", ".join(f"{level.level} {100 * level.mean:.1f} %" for level in levels)
    top = table.ranked()[: max(1, len(table.ranked()) // 10)]
    have = sum(run.config[name] == value for run in top)
    every = sum(run.config[name] == value for run in table.ranked())
    counted = (
        f"{have} of the best {len(top)} runs have it, and {every} of all {len(table.ranked())}."
    )
    return claim, levels[0].level == value, f"on average {means}; {counted}"


def _poor(table: RunsTable, name: str, value: str, claim: str) -> tuple[str, bool, str]:
    shares = {}
    for each in dict.fromkeys(run.config[name] for run in table.ranked()):
        runs = [run for run in table.ranked() if run.config[name] == each]
        shares[each] = (sum((run.value or 0) < _POOR for run in runs), len(runs))
    worst = max(shares, key=lambda each: shares[each][0] / shares[each][1])
    counted = _listed([f"{poor} of {of} with {each}" for each, (poor, of) in shares.items()])
    return claim, worst == value, f"below {100 * _POOR:.0f} % are {counted}."


def _without_effect(table: RunsTable, name: str, claim: str) -> tuple[str, bool, str]:
    effect = find(table).effect(name)
    means = _listed([f"{100 * level.mean:.1f} % with {level.level}" for level in effect.levels])
    how = "beyond chance" if effect.known else "not beyond chance"
    return claim, not effect.known, f"{means} on average; the differences are {how}."


def _listed(items: Sequence[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)
