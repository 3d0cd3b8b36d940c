"""What poor, good and broken runs have in common, in sentences with their counts."""

from __future__ import annotations

from collections import Counter

from dlsweep.report._runs import ENDED, RunsTable
from dlsweep.report._words import amount, code, count, setting
from dlsweep.report.statistics import (
    FEWEST,
    FEWEST_OF_A_KIND,
    FEWEST_TOP,
    Group,
    diverged_runs,
    low_runs,
    top_runs,
)


def low(table: RunsTable, threshold: float | None = None) -> list[str]:
    """What the runs below a threshold have in common: each statement with its counts.

    Args:
        table: the runs.
        threshold: 0.65 by default, as in study S1, where the metric is an accuracy.
    """
    group = low_runs(table, threshold)
    side = "below" if table.metric.goal == "maximize" else "above"
    if not group.members:
        end = f"{side} {amount(table, group.threshold)}" if group.of else "to judge"
        return [f"There is no configuration {end}."]
    verb = "is" if len(group.members) == 1 else "are"
    head = f"{count(group.of, 'configuration')} {verb} {side} {amount(table, group.threshold)}"
    if group.of == 1:
        return [f"The one configuration is {side} {amount(table, group.threshold)}."]
    return [f"{len(group.members):,} of {head}.", *_traits(group)]


def high(table: RunsTable) -> list[str]:
    """What the best tenth of the configurations have in common."""
    group = top_runs(table)
    if not group.members:
        return ["There is no configuration to judge."]
    if group.of < 2 * FEWEST_TOP:
        n = count(group.of, "configuration")
        return [f"{n}: too few to speak of the best of them, which takes {2 * FEWEST_TOP}."]
    if len(group.members) == group.of:
        return [f"All {group.of:,} configurations have {amount(table, group.threshold)}."]
    side = "at least" if table.metric.goal == "maximize" else "at most"
    head = f"The best {len(group.members):,} of {count(group.of, 'configuration')} have {side}"
    return [f"{head} {amount(table, group.threshold)}.", *_traits(group)]


def in_common(table: RunsTable, threshold: float | None = None) -> list[str]:
    """What poor runs have in common, then what the best have; why it is not known, said once.

    Args:
        table: the runs.
        threshold: as ``low`` has it.
    """
    if not table.judged:
        return []
    poor, good = low(table, threshold), high(table)
    few = _traits(Group((), 0, (), False))
    return [*(poor[:-1] if poor == good or poor[-1:] == good[-1:] == few else poor), *good]


def _traits(group: Group) -> list[str]:
    if not group.enough:
        return [
            f"Too few to say what they have in common: it takes {FEWEST} configurations in all, "
            f"{FEWEST_OF_A_KIND} of them such and {FEWEST_OF_A_KIND} others."
        ]
    if not group.traits:
        return [
            "No value of any setting is more frequent among them than chance allows "
            "(hypergeometric test, Holm's correction)."
        ]
    return [
        f"{setting(t.setting, t.level)}: {t.have:,} of these {t.of:,}, against {t.have_all:,} of "
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
