"""What several studies show together, in sentences."""

from __future__ import annotations

import itertools
import shlex
import statistics
from collections.abc import Sequence

from dlsweep.report._runs import RunsTable
from dlsweep.report._studies import MOST_NAMED, Studies
from dlsweep.report._words import amount, code, count, listed, span
from dlsweep.report.findings import (
    CommonSetting,
    StudyResult,
    best_of_each,
    compare,
    find,
)
from dlsweep.report.text import cautions
from dlsweep.report.text._names import again, choice, measured, named, sentence, setting

MOST_SETTINGS = 4
"""That a sentence names."""
FEWEST_FOR_A_MEDIAN = 4
UNEQUAL = 2.0
"""A study of so many times the configurations of another has had more luck to choose from."""


def answer(studies: Studies) -> list[str]:
    """The best of all, how the studies differ, what they agree and disagree on, what next.

    Each is a paragraph.
    """
    found = compare(studies)
    if not found.ranked:
        return [f"No run of the {len(found.results):,} studies has a result."]
    table = best_of_each(studies)
    best = [_best(table, found.ranked[0]), *_rivals(studies)]
    spread = [*_range(studies), *_over_time(studies)]
    parts = (cautions(table), best, spread, agreements(studies), [_next(found.ranked[0])])
    return [" ".join(part) for part in parts if part]


def _best(table: RunsTable, first: StudyResult) -> str:
    best = first.best
    assert best is not None  # it is ranked
    names = [e.setting for e in first.matters if best.configuration.says(e.setting)]
    told = listed(
        [setting(first.table, n, best.configuration.get(n)) for n in names[:MOST_SETTINGS]]
    )
    which = f", with {told}" if told else ""
    times = ""
    if best.seeds > 1:
        times = f" on average over {count(best.seeds, again(first.table))}"
    interval = f" ({span(table, best.low, best.high)})" if best.by else ""
    return (
        f"The best configuration is one of {code(first.label)}{which}: "
        f"**{amount(table, best.value)}** {measured(table)}{times}{interval}."
    )


def _rivals(studies: Studies) -> list[str]:
    """Which other studies' best cannot be told from it; nothing where chance is not known."""
    found = find(best_of_each(studies)).best
    if found is None or not found.group or found.of < 2:
        return []
    # The first is a study's best already: what is asked is which other studies are as good.
    rivals = len(found.group) - 1
    if not rivals:
        if all(r.best is not None and r.best.by == "seeds" for r in compare(studies).ranked):
            return ["No other study is as good: the lead is beyond chance."]
        return [
            "No other study is as good within its interval; but the best of many single runs is a "
            "lucky one, and only new seeds settle it (`dlsweep repeat`)."
        ]
    if rivals == found.of - 1:
        return ["The best of every other study cannot be told from it: the lead may be chance."]
    return [
        f"{count(rivals, 'other study is', 'other studies are')} as good within chance; "
        f"{count(found.of - len(found.group), 'is', 'are')} not."
    ]


def _range(studies: Studies) -> list[str]:
    table, ranked = best_of_each(studies), compare(studies).ranked
    values = [r.best.value for r in ranked if r.best is not None]
    if len(values) < 2:
        return []
    best, worst = amount(table, values[0]), amount(table, values[-1])
    lines = [f"The best of a study is between {worst} and {best}"]
    if len(values) >= FEWEST_FOR_A_MEDIAN:
        lines[0] += f"; the median is {amount(table, statistics.median(values))}"
    lines[0] += "."
    missing = [r.label for r in compare(studies).results if r.best is None]
    if missing:
        verb = "has" if len(missing) == 1 else "have"
        lines.append(f"{some(missing)} {verb} no result yet.")
    return lines


def _over_time(studies: Studies) -> list[str]:
    """How the best has risen, where one study was made after the other."""
    spans = []
    for result in compare(studies).results:
        times = [t for run in result.table.runs for t in (run.started, run.finished) if t]
        if not times or result.best is None:
            return []
        spans.append((min(times), max(times), result))
    spans.sort(key=lambda item: item[0])
    after = itertools.pairwise(spans)
    if len(spans) < 3 or any(one[1] > other[0] for one, other in after):
        return []
    table, records = best_of_each(studies), list[StudyResult]()
    for *_, result in spans:
        mine = result.best.value if result.best else 0.0
        before = records[-1].best.value if records and records[-1].best else None
        if before is None or studies.metric.better(mine, before):
            records.append(result)
    told = [f"{code(r.label)} {amount(table, r.best.value)}" for r in records if r.best is not None]
    if len(told) < 2:
        return [f"No later study has done better than the first, {told[0]}."]
    if len(told) > MOST_NAMED:
        told = [*told[:1], "…", *told[1 - MOST_NAMED :]]
    return [f"One after the other, the best so far was {', then '.join(told)}."]


def agreements(studies: Studies) -> list[str]:
    """What matters in how many studies, on which values they agree, and on which they do not."""
    found, table = compare(studies), best_of_each(studies)
    lines = []
    firsts = sorted((c for c in found.settings if c.first), key=lambda c: -c.first)
    if firsts:
        told = [
            f"{named(table, c.setting)} in {_of(c.first, studies)}" for c in firsts[:MOST_SETTINGS]
        ]
        lines.append(f"What matters most is {listed(told)}.")
    else:
        lines.append("In none of the studies is any setting known to matter.")
    same = [c for c in found.settings if c.agreement == "same"]
    if same:
        told = [
            f"{choice(table, c.setting, c.best[0][0])} ({_votes(c)})" for c in same[:MOST_SETTINGS]
        ]
        lines.append(f"They **agree** on {listed(told)}.")
    different = [c for c in found.settings if c.agreement == "different"]
    if different:
        told = [f"{named(table, c.setting)} ({_values(c)})" for c in different[:MOST_SETTINGS]]
        lines.append(f"They **disagree** on {listed(told)}.")
    unclear = [c for c in found.settings if c.agreement == "unclear"]
    if unclear:
        told = [f"{named(table, c.setting)} ({_values(c)})" for c in unclear[:MOST_SETTINGS]]
        lines.append(f"Within chance they differ on {listed(told)}.")
    ruins = [(c, *ruin) for c in found.settings for ruin in c.ruins]
    for c, text, n in sorted(ruins, key=lambda item: -item[2])[:MOST_SETTINGS]:
        line = f"{choice(table, c.setting, text)} ruins runs by itself in {n:,} of {c.varied:,}."
        lines.append(sentence(line))
    return lines


def _votes(common: CommonSetting) -> str:
    n = sum(n for _, n in common.best)
    return f"best in all {n:,} that can tell" if n > 2 else "best in both that can tell"


def _values(common: CommonSetting) -> str:
    return ", ".join(f"{code(text)} is best in {n:,}" for text, n in common.best[:MOST_SETTINGS])


def _of(n: int, studies: Studies) -> str:
    of = len(studies.tables)
    return f"all {of:,} studies" if n == of and of > 2 else f"{n:,} of {of:,} studies"


def _next(first: StudyResult) -> str:
    command = report_command(first.table)
    return f"Everything about {code(first.label)}: {code(command)}"


def report_command(table: RunsTable) -> str:
    """The command that makes the report of one of the studies."""
    if table.online is not None:
        return shlex.join(["dlsweep", "report", table.name])
    source = f"{table.storage}#{table.name}" if table.storage else table.name
    return shlex.join(["dlsweep", "report", source])


def some(labels: Sequence[str]) -> str:
    """Some labels in a sentence, and how many more there are."""
    told = [code(label) for label in labels[:MOST_NAMED]]
    if len(labels) > MOST_NAMED:
        told.append(f"{len(labels) - MOST_NAMED:,} others")
    return listed(told)


def methods(studies: Studies) -> list[str]:
    """How the comparison was made, and how far it goes."""
    own = [result.found.configurations for result in compare(studies).results]
    lines = [
        "Each study is judged by itself: its best configuration is the one with the best mean over "
        "its seeds, and a setting matters where its values differ beyond chance within the study. "
        "Studies agree on a setting where each that can tell has the same best value; they "
        "disagree where some show one value to be better and others another, in more studies than "
        "chance explains."
    ]
    if min(own) and max(own) > UNEQUAL * min(own):
        lines.append(
            f"The studies have between {min(own):,} and {count(max(own), 'configuration')}: the "
            "best of many is luckier than the best of few. Runs with new seeds tell: "
            "`dlsweep repeat`."
        )
    lines += [f"{notice}." for notice in studies.notices]
    return lines
