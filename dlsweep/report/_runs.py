"""The runs table: what every report reads, whatever the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dlsweep.sweep import Metric


@dataclass(frozen=True)
class Run:
    """One run of the table."""

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
    url: str = ""


@dataclass(frozen=True)
class RunsTable:
    """The runs of a sweep or of a project, as they stood when they were read."""

    title: str
    source: str
    metric: Metric
    runs: tuple[Run, ...]
    parameters: tuple[str, ...]
    versions: Mapping[str, str]
    made: datetime

    def ranked(self) -> list[Run]:
        """Best first."""
        sign = -1 if self.metric.goal == "maximize" else 1
        valued = [(sign * run.value, i) for i, run in enumerate(self.runs) if run.value is not None]
        return [self.runs[i] for _, i in sorted(valued)]

    def best(self) -> Run | None:
        """The best run."""
        return next(iter(self.ranked()), None)
