"""The runs table of a study: what ``dlsweep runs`` and the reports read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dlsweep.sweep._file import SweepFile
from dlsweep.sweep._hyperband import STOPPED
from dlsweep.sweep._metric import Metric, number
from dlsweep.sweep._tables import Record

STATUSES = ("waiting", "running", "finished", "early_stopped", "stopped", "diverged", "failed")
"""A run waits where its process died before the end; it is the next to be trained. One is stopped
by the sweep's ``early_terminate``, and early_stopped by its own ``early_stopping``."""


@dataclass(frozen=True)
class Row:
    """One run of a study.

    Attributes:
        number: the run's number in the study, from 0.
        run_id: its wandb id; empty for a point that was no valid configuration.
        name: what people call it.
        status: one of ``STATUSES``.
        config: its settings as ``RunConfig.as_dict`` gives them; of a point that was no valid
            configuration, those that the sweep set.
        summary: what was logged at its end.
        history: what was logged every epoch, one mapping per epoch; of a running one, the epoch and
            the metric, as of a few seconds ago.
        value: the sweep's metric; None without one.
        reason: why it failed; else empty.
        info: what the runner stored besides, such as the run's directory.
        started, finished: local times; None where it has not happened.
    """

    number: int
    run_id: str
    name: str
    status: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    value: float | None = None
    reason: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True)
class StudyTable:
    """A study as it stood when it was read.

    Attributes:
        name: the study's name in its storage.
        sweep: what was searched, without a need for the file.
        rows: its runs by number.
        stopped: whether ``dlsweep stop`` has stopped it.
        folders: of wandb runs beside those of the points, such as the one that shows the data.
    """

    name: str
    sweep: SweepFile
    rows: tuple[Row, ...]
    stopped: bool = False
    folders: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many runs have each status, those with none left out."""
        found = {status: sum(row.status == status for row in self.rows) for status in STATUSES}
        return {status: count for status, count in found.items() if count}

    def ranked(self) -> list[Row]:
        """The runs that have the metric's value, best first; equals by number."""
        sign = -1 if self.sweep.metric.goal == "maximize" else 1
        valued = [(sign * row.value, row.number, row) for row in self.rows if row.value is not None]
        return [row for *_, row in sorted(valued, key=lambda item: item[:2])]

    def best(self) -> Row | None:
        """The run with the best value, or None."""
        ranked = self.ranked()
        return ranked[0] if ranked else None


def run_name(config: Mapping[str, Any], number: int) -> str:
    """A short name for a run, such as adam-tanh-4x128-17: optimizer, activation, layers, number."""
    size, layers = config.get("hidden_size"), config.get("num_layers")
    sizes = "-".join(map(str, size)) if isinstance(size, list | tuple) else f"{layers}x{size}"
    if isinstance(size, list | tuple) and len(size) > 4:
        sizes = f"{len(size)}-layers"
    words = [config.get("optimizer"), config.get("activation"), sizes]
    if config.get("model") == "cnn":
        words.insert(2, "cnn")
    return "-".join(str(word) for word in (*words, number))


def objective(
    metric: Metric, history: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]
) -> float | None:
    """The metric's last logged value, from the epochs or else the summary; None without one."""
    for logged in (*reversed(history), summary):
        if logged.get(metric.name) is not None:
            return number(logged[metric.name])
    return None


def to_row(record: Record, metric: Metric, *, alive: bool) -> Row:
    """A record as a row; ``alive`` says whether a process is training the running ones."""
    stored = record.attributes
    config = stored.get("config", {})
    if record.state in ("running", "waiting"):
        status = "running" if alive and record.state == "running" else "waiting"
    else:
        status = stored.get("status", "failed" if record.state == "fail" else "finished")
    live = [{"epoch": step, metric.name: value} for step, value in sorted(record.steps.items())]
    history, summary = stored.get("history", live), stored.get("summary", {})
    valued = record.state == "complete" or status == STOPPED
    value = objective(metric, history, summary) if valued else None
    run_id = stored.get("run_id", "")
    return Row(
        number=record.number,
        run_id=run_id,
        name=run_name(config, record.number) if run_id else f"invalid-{record.number}",
        status=status,
        config=config,
        summary=summary,
        history=history,
        value=value,
        reason=stored.get("reason", ""),
        info=stored.get("info", {}),
        started=record.started,
        finished=record.finished,
    )
