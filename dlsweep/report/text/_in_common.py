"""What poor, good and broken runs have in common, in sentences with their counts."""

from __future__ import annotations

from collections import Counter

from dlsweep.report._runs import ENDED, RunsTable
from dlsweep.report._words import amount, code, count
from dlsweep.report.findings import (
    FEWEST,
    FEWEST_OF_A_KIND,
    FEWEST_TOP,
    Group,
    at_chance,
    diverged_runs,
    find,
    low_runs,
    top_runs,
)
from dlsweep.report.text._matters import ruined_by
from dlsweep.report.text._names import choice, sentence

FEW = (
    f"That is too few to say what they have in common: it takes {FEWEST} configurations in all, "
    f"with {FEWEST_OF_A_KIND} in the group and {FEWEST_OF_A_KIND} outside it."
)

NOTHING = "No value of a setting is more frequent among them than chance allows."


def guessing(table: RunsTable) -> list[str]:
    """What the runs at chance have in common; nothing where there are none."""
    found = find(table).chance
    if found is None or not found.runs:
        return []
    n, never = len(found.runs), len(found.never)
    one = "one class" if found.level < 0.5 else "the most frequent class"
    line = (
        f"At chance, no better than always answering {one} ({amount(table, found.level)}): "
        f"{n:,} of {count(found.of, 'run')}"
    )
    if never < n:
        line += (
            f"; {n - never:,} of them {'was' if n - never == 1 else 'were'} better in an earlier "
            "epoch"
        )
    lines = [f"{line}."]
    ruins = [ruin for ruin in find(table).ruins if "at chance" in ruin.how]
    group = at_chance(table)
    names = " or ".join(ruined_by(table, ruin) for ruin in ruins)
    if ruins:
        explained = sum(ruin.ruined for ruin in ruins)
        lines.append(f"{sentence(names)} alone explains {explained:,} configurations of them.")
    if not ruins:
        lines += _traits(table, group)
    elif group.members and group.traits:
        lines += [
            f"{sentence(choice(table, t.setting, t.level))}: {t.have:,} of the {t.of:,} others at "
            f"chance, against {t.have_all:,} of all {t.of_all:,} without {names}."
            for t in group.traits
        ]
    return lines


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
    return [f"{len(group.members):,} of {head}.", *_traits(table, group)]


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
    return [f"{head} {amount(table, group.threshold)}.", *_traits(table, group)]


def in_common(table: RunsTable, threshold: float | None = None) -> list[str]:
    """What runs at chance, poor runs and the best have in common: a paragraph for each.

    What is not known is said once.

    Args:
        table: the runs.
        threshold: as ``low`` has it.
    """
    if not table.judged:
        return []
    groups = [guessing(table), low(table, threshold), high(table)]
    once = (NOTHING, FEW)
    told = [" ".join(line for line in lines if line not in once) for lines in groups]
    last = [line for line in once if any(line in lines for lines in groups)]
    return list(dict.fromkeys([*filter(None, told), *last]))


def _traits(table: RunsTable, group: Group) -> list[str]:
    if not group.enough:
        return [FEW]
    if not group.traits:
        return [NOTHING]
    return [
        f"{sentence(choice(table, t.setting, t.level))}: {t.have:,} of these {t.of:,}, against "
        f"{t.have_all:,} of all {t.of_all:,}."
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
        *_traits(table, group),
    ]
