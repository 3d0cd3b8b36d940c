"""Several studies that can be compared: each a runs table, and all judged by one metric."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlsweep.config import ConfigError
from dlsweep.report._runs import RunsTable
from dlsweep.sweep import Metric

MOST_NAMED = 5
"""Studies that a notice or a sentence names."""


@dataclass(frozen=True, eq=False)
class Studies:
    """Studies that one metric judges, in the order in which they were named.

    Attributes:
        tables: the runs of each.
        labels: what each is called in tables and sentences, no two alike.
        notices: what was left out, and why; one line each.
    """

    tables: tuple[RunsTable, ...]
    labels: tuple[str, ...]
    notices: tuple[str, ...] = ()

    @property
    def metric(self) -> Metric:
        """What all of them are judged by."""
        return self.tables[0].metric

    @property
    def own(self) -> bool:
        """Whether all of them are of built-in networks."""
        return all(table.own for table in self.tables)


def comparable(tables: Sequence[RunsTable], notices: Sequence[str] = ()) -> Studies:
    """The studies that can be compared: those that the most frequent metric judges.

    Others are left out with a notice: their numbers mean something else.

    Args:
        tables: the runs of each study.
        notices: what is to be said beside.

    Raises:
        ConfigError: in one line, where no two of them have the same metric and goal.
    """
    labels = _labels(tables)
    known = Counter(_judge(table) for table in tables if table.judged)
    [(judge, most)] = known.most_common(1) or [("", 0)]
    if len(tables) < 2 or most < 2:
        told = [f"{label} ({_judge(t)})" for t, label in zip(tables, labels, strict=True)]
        more = f" and {len(told) - MOST_NAMED:,} more" if len(told) > MOST_NAMED else ""
        raise ConfigError(
            [
                "report: no two of the studies can be compared, for no two are judged by the same "
                f"metric: {', '.join(told[:MOST_NAMED])}{more}"
            ]
        )
    kept, said = list[int](), list[str]()
    others: dict[str, list[str]] = {}
    for number, table in enumerate(tables):
        if table.judged and _judge(table) == judge:
            kept.append(number)
            said += [f"{labels[number]}: {notice}" for notice in table.notices]
        else:
            others.setdefault(_judge(table), []).append(labels[number])
    for other, names in others.items():
        more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
        verb = "is" if len(names) == 1 else "are"
        who = f"{', '.join(names[:MOST_NAMED])}{more}"
        said.append(f"left out: {who}, which {verb} judged by {other} and not by {judge}")
    return Studies(
        tuple(tables[i] for i in kept), tuple(labels[i] for i in kept), (*notices, *said)
    )


def _judge(table: RunsTable) -> str:
    return f"{table.metric.goal} {table.metric.name}" if table.judged else "no metric"


def _labels(tables: Sequence[RunsTable]) -> list[str]:
    """What distinguishes each: its name, or where it is; numbered where that is not enough."""
    titles = [table.title for table in tables]
    places = _distinct([_place(table) for table in tables])
    pairs = zip(places, titles, strict=True)
    for labels in (titles, places, [f"{place} {title}".strip() for place, title in pairs]):
        if len(set(labels)) == len(labels) and all(labels):
            return labels
    labels = [table.name or table.title for table in tables]
    often = Counter(labels)
    return [f"{n} ({i})" if often[n] > 1 else n for i, n in enumerate(labels, start=1)]


def _place(table: RunsTable) -> tuple[str, ...]:
    """The parts of a study file's path, or of a path at W&B."""
    if table.online is not None:
        return tuple(table.name.split("/"))
    return Path(os.path.abspath(table.storage or ".")).with_suffix("").parts


def _distinct(places: Sequence[tuple[str, ...]]) -> list[str]:
    """What is left of paths without the folders that all begin with and all end with."""
    if len(places) < 2:
        return ["/".join(place) for place in places]
    first = _shared(places)
    rest = [place[first:] for place in places]
    last = _shared([place[::-1] for place in rest])
    return ["/".join(place[: len(place) - last]) for place in rest]


def _shared(places: Sequence[tuple[str, ...]]) -> int:
    """How many parts all paths begin with."""
    differ = (i for i, parts in enumerate(zip(*places, strict=False)) if len(set(parts)) > 1)
    return next(differ, min(map(len, places)))
