"""The runs table: what every report reads, whatever the source."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

from dlsweep._version import __version__
from dlsweep.config import SETTINGS
from dlsweep.sweep import Metric

ENDED = ("finished", "early_stopped", "diverged", "failed")
"""The statuses of a run that will not change any more."""

PLACES = {"wandb_project", "wandb_entity", "device"}  # where a run was, not what it was


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        id: its wandb id.
        name: what people call it.
        status: one of ``dlsweep.sweep.STATUSES``.
        config: its settings under ``RunConfig``'s names, as JSON has them; all of them for a run of
            dlsweep's, those whose names were recognised for anybody else's.
        history: what was logged every epoch, one mapping per epoch.
        summary: what was logged at its end; what figures need is described in
            ``dlsweep.tracking``.
        value: the sweep's metric; None where it has none, diverged or failed.
        reason: why it failed; else empty.
        started, finished: in UTC, aware; None where it has not happened or is not known.
        url: its page at W&B; None for a run that is not there.
        beside: whether it is no run of the sweep itself, but was trained to answer a question
            about one, such as the best configuration with another loss. What is said of the
            sweep and its settings leaves it out.
    """

    id: str
    name: str
    status: str
    config: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    value: float | None = None
    reason: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    url: str | None = None
    beside: bool = False


@dataclass(frozen=True)
class Online:
    """Where the runs of a table are at W&B, for the run set of a W&B report.

    Attributes:
        entity, project: where they are.
        sweep: the id of the sweep whose runs they are; None for a whole project.
        group: the group whose runs they are: a local study whose runs have been synced.
    """

    entity: str
    project: str
    sweep: str | None = None
    group: str | None = None


@dataclass(frozen=True, eq=False)
class RunsTable:
    """The runs of one source as they stood when it was read.

    Attributes:
        title: the sweep's or the project's name.
        source: where the data are from, as a phrase: "the local study NAME in FILE".
        metric: what the runs are judged by.
        runs: all of them, in the order in which they were made.
        parameters: the settings in which the runs differ, in the order of ``RunConfig``.
        versions: what made this table, by the package's name.
        made: when, in UTC, aware.
        name: what the source itself calls it: the study, or the path at W&B.
        online: where the runs are at W&B; None for a local study.
        notices: what was taken for what, and what could not be read; one line each.
        logged_as: the names that the runs have at W&B, of settings and metrics where they are
            others than dlsweep's.
    """

    title: str
    source: str
    metric: Metric
    runs: tuple[Run, ...]
    parameters: tuple[str, ...]
    versions: Mapping[str, str]
    made: datetime
    name: str = ""
    online: Online | None = None
    notices: tuple[str, ...] = ()
    logged_as: Mapping[str, str] = field(default_factory=dict)

    def ranked(self) -> list[Run]:
        """The sweep's runs that have the metric's value, best first; equals as they were made."""
        sign = -1 if self.metric.goal == "maximize" else 1
        valued = [run for run in self.runs if run.value is not None and not run.beside]
        return sorted(valued, key=lambda run: sign * (run.value or 0.0))

    def best(self) -> Run | None:
        """The run with the best value, or None."""
        ranked = self.ranked()
        return ranked[0] if ranked else None

    def finished(self) -> list[Run]:
        """The runs that came to an end with a result, in their order; those beside too."""
        return [r for r in self.runs if r.status in ENDED and r.value is not None]

    def failed(self) -> list[Run]:
        """The runs that failed or diverged, in their order."""
        return [run for run in self.runs if run.status in ("failed", "diverged")]

    def column(self, name: str) -> list[Any]:
        """One value for each run, None where it has none.

        Args:
            name: a setting, a name of the summary, the metric's name (its value then), or a name
                of the history (the last epoch's value then).
        """
        return [self._cell(run, name) for run in self.runs]

    def _cell(self, run: Run, name: str) -> Any:
        if name in SETTINGS:
            return run.config.get(name)
        if name == self.metric.name:
            return run.value
        if name in run.summary:
            return run.summary[name]
        return run.history[-1].get(name) if run.history else None


def level(value: Any) -> str:
    """A setting's value as people read it: 0.0005, adam, 128-64, 16x5x5/2, none."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        if value.keys() >= {"channels", "kernel", "stride"}:
            return f"{value['channels']}x{value['kernel']}x{value['kernel']}/{value['stride']}"
        return json.dumps(value)
    if isinstance(value, list | tuple):
        between = "," if value and isinstance(value[0], Mapping) else "-"
        return between.join(map(level, value))
    return str(value)


def joined(table: RunsTable, *others: RunsTable) -> RunsTable:
    """A sweep with the runs that were trained beside it, to answer questions about its own.

    Args:
        table: the sweep; all but the runs is as it was.
        others: their runs come after it, as runs beside it. One whose configuration is there
            already, seed and all, is left out: a run is a function of its configuration.
    """
    runs: list[Run] = []
    seen: set[str] = set()
    numbered = enumerate((table, *others))
    for number, run in ((number, run) for number, one in numbered for run in one.runs):
        config = {name: value for name, value in run.config.items() if name not in PLACES}
        key = json.dumps(config, sort_keys=True)
        if key not in seen or "seed" not in config:
            seen.add(key)
            runs.append(run if number == 0 else dataclasses.replace(run, beside=True))
    return dataclasses.replace(
        table,
        source=" and ".join(one.source for one in (table, *others)),
        runs=tuple(runs),
        notices=tuple(notice for one in (table, *others) for notice in one.notices),
    )


def varied(configs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The settings in which configurations differ, in the order of ``RunConfig``.

    A configuration that says nothing of a setting does not count for it.
    """
    return tuple(
        name
        for name in SETTINGS
        if name not in PLACES and len({level(c[name]) for c in configs if name in c}) > 1
    )


def versions() -> dict[str, str]:
    """The versions of what makes a report."""
    found = {"dlsweep": __version__, "Python": python_version()}
    for name, package in (("PyTorch", "torch"), ("scikit-learn", "scikit-learn")):
        try:
            found[name] = version(package)
        except PackageNotFoundError:  # a machine that only makes reports
            continue
    return found
