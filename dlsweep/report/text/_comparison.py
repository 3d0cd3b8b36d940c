"""Sentences that compare two values of a setting, each at its best, over equal seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlsweep.report._runs import RunsTable
from dlsweep.report._words import amount, between, code, count, difference, listed
from dlsweep.report.findings import Contest, contest
from dlsweep.report.statistics import FEWEST
from dlsweep.report.text._names import again, sentence, setting


def compared(table: RunsTable, name: str, first: Any, second: Any) -> list[str]:
    """Two values of a setting, each with its best configuration, over equal seeds."""
    found = contest(table, name, first, second)
    one, other = setting(table, name, first), setting(table, name, second)
    sides = list(zip((one, other), found.configurations, found.tried, strict=True))
    absent = [said for said, c, _ in sides if c is None]
    if len(absent) == 2:
        return [f"No run has {one} or {other}, so they cannot be compared."]
    if absent:
        have = next(said for said, c, _ in sides if c is not None)
        lines = [f"No run has {absent[0]}, so it cannot be compared with {have}."]
        if found.missing:
            lines.append(
                "These commands train the best configuration with both, over equal seeds; whether "
                f"{absent[0]} has a better one of its own takes a sweep:"
            )
            lines += [code(line) for line in missing_commands(table, found)]
        return lines
    told = [
        f"{amount(table, c.value)} with {said} ({count(len(c.runs), again(table))}, the best of "
        f"{count(tried, 'configuration')})"
        for said, c, tried in sides
        if c is not None
    ]
    lines = [f"Each at its best, the networks reach {listed(told)}."]
    if not table.own:
        lines = [f"Each at its best, the runs reach {listed(told)}."]
    lines.append(_gain(table, found, sentence(other)))
    fewer, more = sorted(sides, key=lambda side: side[2])
    if 2 * fewer[2] < more[2]:
        lines.append(
            f"Fewer configurations were tried with {fewer[0]}, so a better one may be missing."
        )
    if found.missing:
        lines.append("These commands train what is missing for equal seeds:")
        lines += [code(line) for line in missing_commands(table, found)]
    return lines


def _gain(table: RunsTable, found: Contest, second: str) -> str:
    n = len(found.pairs)
    seeds = again(table)
    if not found.enough:
        shared = f"share {count(n, seeds)}" if table.own and n else f"share no {seeds}"
        return f"They {shared}: it takes {FEWEST} to tell a difference from chance."
    low, high = found.low, found.high
    way = "better" if table.metric.better(found.difference, 0) else "worse"
    if found.difference < 0:
        low, high = -high, -low
    verdict = "beyond chance" if found.clear else "within chance"
    return (
        f"{second} is {difference(table, abs(found.difference))} {way} on average over the "
        f"{count(n, seeds)} that both have ({between(table, low, high)}): {verdict}."
    )


def missing_commands(table: RunsTable, found: Contest) -> list[str]:
    """The commands that train the runs that a comparison misses, into the same local study."""
    return [line for config in found.missing if (line := into_study(table, config))]


def into_study(table: RunsTable, config: Mapping[str, Any]) -> str | None:
    """The command that trains a configuration and adds it to the table's local study."""
    line, study = table.command(config), table.study_arguments()
    return f"{line} --study {study}" if line and study else line
