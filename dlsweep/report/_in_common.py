"""What poor, good and broken runs have in common, in sentences with their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dlsweep.report._overview import chance_level
from dlsweep.report._runs import ENDED, RunsTable
from dlsweep.report._text import ruined_by
from dlsweep.report._words import amount, choice, code, count
from dlsweep.report.findings import (
    FEWEST,
    FEWEST_OF_A_KIND,
    FEWEST_TOP,
    Group,
    Ruin,
    at_chance,
    diverged_runs,
    find,
    low_runs,
    top_runs,
)

FEW = (
    f"That is too few to say what they have in common: it takes {FEWEST} configurations in all, "
    f"with {FEWEST_OF_A_KIND} in the group and {FEWEST_OF_A_KIND} outside it."
)


def guessing(table: RunsTable) -> list[str]:
    """How many runs are at chance, and what they have in common."""
    lines = chance_level(table)
    if not lines:
        return []
    found = find(table)
    ruins = [ruin for ruin in found.ruins if "at chance" in ruin.how]
    for ruin in ruins:
        lines.append(
            f"{ruined_by(ruin)}: {ruin.ruined:,} of the "
            f"{count(ruin.of, 'configuration')} that have it."
        )
    group = at_chance(table)
    if ruins and group.members and group.traits:
        lines += [
            f"{choice(t.setting, t.level)}: {t.have:,} of the {t.of:,} others at chance, against "
            f"{t.have_all:,} of all {t.of_all:,} without {_names(ruins)}."
            for t in group.traits
        ]
    elif not ruins:
        lines += _traits(group)
    return lines


def _names(ruins: Sequence[Ruin]) -> str:
    return " or ".join(ruined_by(ruin) for ruin in ruins)


def low(table: RunsTable, threshold: float | None = None) -> list[str]:
    """What the runs below a threshold have in common: each statement with its counts.

    Args:
        table: the runs.
        threshold: 0.65 by default, as in study S1, where the metric is an accuracy.
    """
    group = low_runs(table, threshold)
    side = "below" if table.metric.goal == "maximize" else "above"
    if not group.members:
        end = f"is {side} {amount(table, group.threshold)}" if group.of else "has a result"
        return [f"No configuration {end}."]
    verb = "is" if len(group.members) == 1 else "are"
    if group.of == 1:
        return [f"The one configuration is {side} {amount(table, group.threshold)}."]
    head = f"{count(group.of, 'configuration')} {verb} {side} {amount(table, group.threshold)}"
    return [f"{len(group.members):,} of {head}.", *_traits(group)]


def high(table: RunsTable) -> list[str]:
    """What the best tenth of the configurations have in common."""
    group = top_runs(table)
    if not group.members:
        return ["No configuration has a result."]
    if group.of < 2 * FEWEST_TOP:
        n = f"{group.of} configurations are" if group.of > 1 else "One configuration is"
        return [f"{n} too few to describe the best of them: it takes {2 * FEWEST_TOP}."]
    if len(group.members) == group.of:
        return [f"All {group.of:,} configurations have {amount(table, group.threshold)}."]
    side = "at least" if table.metric.goal == "maximize" else "at most"
    head = f"The best {len(group.members):,} of {count(group.of, 'configuration')} have {side}"
    return [f"{head} {amount(table, group.threshold)}.", *_traits(group)]


def in_common(table: RunsTable, threshold: float | None = None) -> list[str]:
    """What runs at chance, poor runs and the best have in common; what is not known is said once.

    Args:
        table: the runs.
        threshold: as ``low`` has it.
    """
    if not table.judged:
        return []
    lines = [*guessing(table), *low(table, threshold), *high(table)]
    return [line for i, line in enumerate(lines) if line not in lines[i + 1 :]]


def _traits(group: Group) -> list[str]:
    if not group.enough:
        return [FEW]
    if not group.traits:
        return ["No value of a setting is more frequent among them than chance allows."]
    return [
        f"{choice(t.setting, t.level)}: {t.have:,} of these {t.of:,}, against {t.have_all:,} of "
        f"all {t.of_all:,}."
        for t in group.traits
    ]


def failures(table: RunsTable) -> list[str]:
    """The runs that failed or diverged, with the reasons, and what diverged runs share."""
    failed = [run for run in table.runs if run.status == "failed"]
    if not table.failed():
        ended = sum(run.status in ENDED for run in table.runs)
        return [f"No run {table.broken}, of {ended:,} that ended."]
    lines = []
    if failed:
        reasons = Counter(run.reason or "no reason was kept" for run in failed)
        told = [f"{code(reason)} ({n:,})" for reason, n in reasons.most_common(5)]
        more = len(reasons) - len(told)
        rest = f"; and {count(more, 'other reason')}" if more > 0 else ""
        lines.append(f"{count(len(failed), 'run')} failed: {', '.join(told)}{rest}.")
    return [*lines, *diverged_in_common(table)]


def diverged_in_common(table: RunsTable) -> list[str]:
    """What the diverged runs share; nothing where none has diverged."""
    diverged = sum(run.status == "diverged" for run in table.runs)
    if not diverged:
        return []
    group = diverged_runs(table)
    return [
        f"{count(diverged, 'run')} diverged, of "
        f"{count(len(group.members), 'configuration')}: the loss was no longer a finite number.",
        *_traits(group),
    ]
