"""What several studies show together: the best of each, and the settings that they agree on."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from dlsweep.report._runs import Online, RunsTable, level, varied, versions
from dlsweep.report._studies import Studies
from dlsweep.report.findings._find import find
from dlsweep.report.findings._types import Best, Effect, Findings, Level
from dlsweep.report.statistics import remembered, settings
from dlsweep.sweep import Row

Agreement = Literal["same", "different", "unclear", "untried", "one", "none"]
"""What studies say together of a setting's best value.

- same: at least two know one, and it is the same value for all of them.
- different: with some one value is better than another, with others it is the other way round, and
  both beyond chance (``FALSE``).
- unclear: they have different ones, but none has shown that another's is worse, or too few have.
- untried: they have different ones, and none has tried two of these.
- one: one study alone knows one.
- none: no study does.
"""

AGREEMENTS: dict[Agreement, str] = {
    "same": "the same best value",
    "different": "different best values",
    "unclear": "different, within chance",
    "untried": "different values were tried",
    "one": "known in one study alone",
    "none": "not known in any",
}
"""The agreements as tables name them, in every rendering."""

FALSE = 0.05
"""As many of the studies as this may show a difference by chance; a disagreement is of more."""
_MOST_VALUES = 12
"""Best values that are compared, the most frequent ones."""

Count = tuple[str, int]
"""A value as text, and in how many studies."""


@dataclass(frozen=True)
class StudyResult:
    """One of several studies.

    Attributes:
        label: what it is called.
        table: its runs.
        found: what they show.
    """

    label: str
    table: RunsTable
    found: Findings

    @property
    def best(self) -> Best | None:
        """Its best configuration; None where no run has a result."""
        return self.found.best

    @property
    def runs(self) -> int:
        """How many runs it has, those trained beside the sweep too."""
        return len(self.table.runs)

    @property
    def matters(self) -> list[Effect]:
        """The settings known to matter, the most important first."""
        return [effect for effect in self.found.effects if effect.known]


@dataclass(frozen=True)
class CommonSetting:
    """What several studies say of one setting.

    Attributes:
        setting: its name.
        varied: how many of them vary it.
        matters: in how many of these it is known to matter.
        first: in how many it is what matters most.
        best: the values that are best beyond chance, each with the number of studies.
        chosen: the values of the best configurations of those that vary it, likewise.
        ruins: the values that ruin runs by themselves, likewise.
        agreement: see ``Agreement``.
    """

    setting: str
    varied: int
    matters: int
    first: int
    best: tuple[Count, ...]
    chosen: tuple[Count, ...]
    ruins: tuple[Count, ...]
    agreement: Agreement


@dataclass(frozen=True)
class Compared:
    """Several studies, compared.

    Attributes:
        results: one for each study, in the order in which they were named.
        ranked: those of them with a result, the best first.
        settings: those that at least one varies, the one that matters in most of them first.
    """

    results: tuple[StudyResult, ...]
    ranked: tuple[StudyResult, ...]
    settings: tuple[CommonSetting, ...]


@remembered
def compare(studies: Studies) -> Compared:
    """What the studies show together."""
    pairs = zip(studies.labels, studies.tables, strict=True)
    results = tuple(StudyResult(label, table, find(table)) for label, table in pairs)
    sign = -1 if studies.metric.goal == "maximize" else 1
    ranked = [(sign * r.best.value, i, r) for i, r in enumerate(results) if r.best is not None]
    names = dict.fromkeys(name for table in studies.tables for name in settings(table))
    common = [_common(results, name, -sign) for name in names]
    common.sort(key=lambda c: (-c.matters, -c.first, -c.varied))
    best_first = tuple(r for *_, r in sorted(ranked, key=lambda item: item[:2]))
    return Compared(results, best_first, tuple(common))


def _common(results: Sequence[StudyResult], name: str, sign: int) -> CommonSetting:
    having = [r for r in results if name in settings(r.table)]
    effects = [effect for r in having for effect in r.found.effects if effect.setting == name]
    known = [effect for effect in effects if effect.best is not None]
    bests = [r.best.configuration for r in having if r.best is not None]
    return CommonSetting(
        setting=name,
        varied=len(having),
        matters=sum(effect.known for effect in effects),
        first=sum(bool(r.matters) and r.matters[0].setting == name for r in results),
        best=_counted(effect.best.level for effect in known if effect.best is not None),
        chosen=_counted(level(c.get(name)) for c in bests if c.says(name)),
        ruins=_counted(ruin.level for effect in effects for ruin in effect.ruins),
        agreement=_agreement(known, sign),
    )


def _counted(levels: Iterable[str]) -> tuple[Count, ...]:
    return tuple(Counter(levels).most_common())


def _agreement(known: Sequence[Effect], sign: int) -> Agreement:
    if len(known) < 2:
        return "one" if known else "none"
    bests = [text for text, _ in _counted(e.best.level for e in known if e.best is not None)]
    pairs = itertools.combinations(bests[:_MOST_VALUES], 2)
    apart = [(one, other) for one, other in pairs if not _overlap(one, other)]
    if not apart:
        return "same"
    tried = False
    for one, other in apart:
        both = [(_levels(e, one), _levels(e, other)) for e in known]
        both = [(first, second) for first, second in both if first and second]
        tried = tried or bool(both)
        wins = sum(_better(first, second, sign) for first, second in both)
        losses = sum(_better(second, first, sign) for first, second in both)
        if min(wins, losses) > FALSE * len(both):
            return "different"
    return "unclear" if tried else "untried"


def _levels(effect: Effect, text: str) -> list[Level]:
    """The values of a setting in one study that are, or meet, this one."""
    return [one for one in effect.levels if _overlap(one.level, text)]


def _better(first: Sequence[Level], second: Sequence[Level], sign: int) -> bool:
    """Whether the interval of one value lies beyond that of another."""
    if sign > 0:
        return any(one.low > other.high for one in first for other in second)
    return any(one.high < other.low for one in first for other in second)


@functools.cache
def _overlap(one: str, other: str) -> bool:
    """Whether two values are one, or of two ranges of numbers, whether they meet."""
    if one == other:
        return True
    first, second = _bounds(one), _bounds(other)
    if first is None or second is None:
        return False
    return first[0] <= second[1] and second[0] <= first[1]


def _bounds(text: str) -> tuple[float, float] | None:
    low, _, high = text.partition(" to ")
    try:
        return float(low), float(high or low)
    except ValueError:
        return None


@remembered
def best_of_each(studies: Studies) -> RunsTable:
    """The runs of the best configuration of each study as one table, which reports can show.

    Each is a configuration of its own, called by its study; equal ones of two studies stay two.
    """
    names = {name for table in studies.tables for run in table.runs for name in run.config}
    column = "study"
    while column in names:
        column += "_"
    runs = [run for result in compare(studies).ranked for run in _runs_of(result, column)]
    configs = [{k: v for k, v in run.config.items() if k != column} for run in runs]
    return RunsTable(
        title=f"{len(studies.tables):,} studies",
        source=_source(studies.tables),
        metric=studies.metric,
        runs=tuple(runs),
        parameters=varied(configs, studies.own),
        versions=versions(),
        made=datetime.now(timezone.utc),
        name=_name(studies),
        notices=studies.notices,
        own=studies.own,
        online=_online(studies, runs),
    )


def _runs_of(result: StudyResult, column: str) -> list[Row]:
    """The runs of a study's best configuration, called by the study."""
    assert result.best is not None  # it is ranked
    runs = result.best.configuration.runs
    names = [result.label if len(runs) == 1 else f"{result.label}: {run.name}" for run in runs]
    return [
        dataclasses.replace(
            run, name=name, config={column: result.label, **run.config}, role="search"
        )
        for run, name in zip(runs, names, strict=True)
    ]


def _name(studies: Studies) -> str:
    """What files and reports of just these studies are called."""
    names = sorted(f"{table.source} {table.name}" for table in studies.tables)
    return f"{len(names)}-studies-{zlib.crc32(' '.join(names).encode()):08x}"


def _online(studies: Studies, runs: Sequence[Row]) -> Online | None:
    """The project at W&B in which most of the runs are, and which of them; None without any."""
    places = Counter((t.online.entity, t.online.project) for t in studies.tables if t.online)
    if not places:
        return None
    [((entity, project), _)] = places.most_common(1)
    inside = {
        run.id
        for t in studies.tables
        if t.online and (t.online.entity, t.online.project) == (entity, project)
        for run in t.runs
    }
    return Online(entity, project, ids=tuple(run.id for run in runs if run.id in inside))


def _source(tables: Sequence[RunsTable]) -> str:
    if len(tables) <= 3:
        sources = [table.source for table in tables]
        return f"{', '.join(sources[:-1])} and {sources[-1]}"
    local = sum(table.online is None for table in tables)
    kinds = [(local, "local studies"), (len(tables) - local, "sweeps or projects at W&B")]
    return " and ".join(f"{n:,} {kind}" for n, kind in kinds if n)
