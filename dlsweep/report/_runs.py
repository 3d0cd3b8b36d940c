"""The runs table: what every report reads, whatever the source."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

from dlsweep._version import __version__
from dlsweep.config import SETTINGS, command_line
from dlsweep.sweep import Metric, Row, objective

ENDED = ("finished", "early_stopped", "diverged", "failed")
"""The statuses of a run that will not change any more."""

PLACES = {"wandb_project", "wandb_entity", "device"}  # where a run was, not what it was


@dataclass(frozen=True)
class Online:
    """Where the runs of a table are at W&B, for the run set of a W&B report.

    Attributes:
        entity, project: where they are.
        sweep: the id of the sweep whose runs they are; None for a whole project.
        group: the group whose runs they are: a local study whose runs have been synced.
        ids: only the runs of these ids; empty for all.
    """

    entity: str
    project: str
    sweep: str | None = None
    group: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RunsTable:
    """The runs of one source as they stood when it was read.

    Attributes:
        title: the sweep's or the project's name.
        source: where the data are from, as a phrase: "the local study NAME in FILE".
        metric: what the runs are judged by; its name is empty where they are not judged.
        runs: all of them, in the order in which they were made.
        parameters: the settings in which the runs differ.
        versions: what made this table, by the package's name.
        made: when, in UTC, aware.
        name: what the source itself calls it: the study, or the path at W&B.
        online: where the runs are at W&B; None for a local study.
        notices: what was assumed, and what could not be read; one line each.
        own: whether the runs are of dlsweep's built-in networks, so that their settings, metrics
            and figures are known; else they are a program's, and nothing is known but names.
        repeat: of a program, the command line that runs settings again; None where it is not known.
        storage: of a local study, the file that it is in, where that is not the usual one.
        replaced: the metric that the source is judged by, where it is a loss and the runs were
            trained with different ones: their numbers cannot be compared, so the table has the
            accuracy of the same images for its metric, or none.
        others: further metrics, of a sweep that has several.
    """

    title: str
    source: str
    metric: Metric
    runs: tuple[Row, ...]
    parameters: tuple[str, ...]
    versions: Mapping[str, str]
    made: datetime
    name: str = ""
    online: Online | None = None
    notices: tuple[str, ...] = ()
    own: bool = True
    repeat: Callable[[Mapping[str, Any]], str] | None = None
    storage: str = ""
    replaced: str = ""
    others: tuple[Metric, ...] = ()

    def __post_init__(self) -> None:
        losses = {run.config.get("loss") for run in self.runs if run.value is not None} - {None}
        if self.own and self.metric.name.endswith("loss") and len(losses) > 1:
            by = Metric(f"{self.metric.name.removesuffix('loss')}accuracy")
            values = [
                None if r.value is None else objective(by, r.history, r.summary) for r in self.runs
            ]
            if all(value is None for value in values):
                by = Metric("")
            runs = [dataclasses.replace(r, value=v) for r, v in zip(self.runs, values, strict=True)]
            object.__setattr__(self, "replaced", self.metric.name)
            object.__setattr__(self, "metric", by)
            object.__setattr__(self, "runs", tuple(runs))

    def words(self, name: str) -> str:
        """A setting or a metric as people say it; a program's has its own name."""
        return words(name) if self.own else name

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics, the one that decides first."""
        return (self.metric, *self.others)

    @property
    def judged(self) -> bool:
        """Whether a metric says which runs are better."""
        return bool(self.metric.name)

    @property
    def broken(self) -> str:
        """What is said of runs that came to nothing: only built-in networks are seen to diverge."""
        return "failed or diverged" if self.own else "failed"

    def is_share(self, name: str | None = None) -> bool:
        """Whether a metric, by default that of the runs, is a fraction, shown as a percentage."""
        return self.own and (self.metric.name if name is None else name).endswith("accuracy")

    def command(self, config: Mapping[str, Any]) -> str | None:
        """The command line that runs these settings again; None where it is not known."""
        if self.own:
            return f"dlsweep train {command_line(config)}".rstrip()
        return self.repeat(config) if self.repeat is not None else None

    def study_arguments(self) -> str | None:
        """What names the local study of built-in runs in a command; None where there is none."""
        if not self.own or self.online is not None or not self.name:
            return None
        place = ["--storage", self.storage] if self.storage else []
        return shlex.join([self.name, *place])

    def steps(self, run: Row, name: str) -> list[tuple[Any, Any]]:
        """What a run logged under a name, each value with its epoch, or with its step from 0."""
        if self.own:
            return [(row.get("epoch", i), row.get(name)) for i, row in enumerate(run.history, 1)]
        rows = enumerate(run.history)
        return [(row.get("_step", i), row[name]) for i, row in rows if name in row]

    def ranked(self) -> list[Row]:
        """The sweep's runs that have the metric's value, best first; equals as they were made."""
        sign = -1 if self.metric.goal == "maximize" else 1
        valued = [run for run in self.runs if run.value is not None and not run.beside]
        return sorted(valued, key=lambda run: sign * (run.value or 0.0))

    def finished(self) -> list[Row]:
        """The runs that came to an end with a result, in their order; those beside too."""
        return [r for r in self.runs if r.status in ENDED and r.value is not None]

    def failed(self) -> list[Row]:
        """The runs that failed or diverged, in their order."""
        return [run for run in self.runs if run.status in ("failed", "diverged")]

    def column(self, name: str) -> list[Any]:
        """One value for each run, None where it has none.

        Args:
            name: a setting, a name of the summary, the metric's name (its value then), or a name
                of the history (the last epoch's value then).
        """
        return [self._cell(run, name) for run in self.runs]

    def _cell(self, run: Row, name: str) -> Any:
        if name in run.config or (self.own and name in SETTINGS):
            return run.config.get(name)
        if name == self.metric.name:
            return run.value
        if name in run.summary:
            return run.summary[name]
        return run.history[-1].get(name) if run.history else None


def words(name: str) -> str:
    """A setting or a result of dlsweep's as people say it: val_accuracy is validation accuracy."""
    said = {"val": "validation", "train": "training", "num": "number of", "lr": "learning rate"}
    return " ".join(said.get(word, word) for word in name.split("_"))


_LIKE_ANOTHER = re.compile(r"true|false|null|-?\d+(\.\d*)?([eE][+-]?\d+)?|")


def level(value: Any) -> str:
    """A setting's value as people read it: 0.0005, adam, 128-64, 16x5x5/2, none.

    Text that reads like a number or a truth value is quoted: "1" and 1 are two values.
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        if value.keys() >= {"channels", "kernel", "stride"}:
            return f"{value['channels']}x{value['kernel']}x{value['kernel']}/{value['stride']}"
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, Mapping) and "kernel" in item for item in value):
            return ",".join(map(level, value))
        if len(value) > 1 and all(type(item) is int and item >= 0 for item in value):
            return "-".join(map(level, value))
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and _LIKE_ANOTHER.fullmatch(value):
        return f'"{value}"'
    return str(value)


def plain_numbers(text: str) -> str:
    """A setting's value with its numbers as people write them: 0.00005, 2.5 × 10²² for 2.5e+22."""
    return re.sub(r"(?<![\w.])(-?\d+(?:\.\d+)?)e([+-]?\d+)(?!\w)", _plain_number, text)


def _plain_number(found: re.Match[str]) -> str:
    digits, power = found[1], int(found[2])
    if -6 <= power < 0:
        return f"{float(found[0]):.{len(digits.replace('-', '').replace('.', '')) - 1 - power}f}"
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if digits == "1" else f"{digits} × 10{raised}"


def joined(table: RunsTable, *others: RunsTable) -> RunsTable:
    """A sweep with the runs that were trained beside it, to answer questions about its own.

    Args:
        table: the sweep; all but the runs is as it was.
        others: their runs come after it, as runs beside it. One whose configuration is there
            already, seed and all, is left out: a run is a function of its configuration.
    """
    runs: list[Row] = []
    seen: set[str] = set()
    numbered = enumerate((table, *others))
    for number, run in ((number, run) for number, one in numbered for run in one.runs):
        config = {k: v for k, v in run.config.items() if not (table.own and k in PLACES)}
        key = exact(config)
        if key not in seen or "seed" not in config:
            seen.add(key)
            runs.append(run if number == 0 else dataclasses.replace(run, role="extra"))
    return dataclasses.replace(
        table,
        source=" and ".join(one.source for one in (table, *others)),
        runs=tuple(runs),
        notices=tuple(notice for one in (table, *others) for notice in one.notices),
    )


def varied(configs: Sequence[Mapping[str, Any]], own: bool = True) -> tuple[str, ...]:
    """The settings in which configurations differ.

    A configuration that says nothing of a setting does not count for it.

    Args:
        configs: the configurations.
        own: whether they are dlsweep's, whose order is that of ``RunConfig``, with the settings of
            models of the user's own at the end; of others all names count, as they come.
    """
    names = dict.fromkeys(name for config in configs for name in config)
    if own:
        names = {n: None for n in (*SETTINGS, *names) if n not in PLACES}
    return tuple(name for name in names if len({exact(c[name]) for c in configs if name in c}) > 1)


def exact(value: Any) -> str:
    """A value as text that no other value has: 1, 1.0, true and "1" are four."""
    return json.dumps(value, sort_keys=True, default=str)


def versions() -> dict[str, str]:
    """The versions of what makes a report."""
    found = {"dlsweep": __version__, "Python": python_version()}
    for name, package in (("PyTorch", "torch"), ("scikit-learn", "scikit-learn")):
        try:
            found[name] = version(package)
        except PackageNotFoundError:  # a machine that only makes reports
            continue
    return found
