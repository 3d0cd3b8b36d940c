"""A study as a table of its runs: ranked, counted, and flat."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dlsweep.config import ConfigError
from dlsweep.sweep.file import Metric, SweepFile
from dlsweep.sweep.study._front import Compromise, front_of
from dlsweep.sweep.study._points import Point, confirmation_of, points_of
from dlsweep.sweep.study._runs import STATUSES, Row
from dlsweep.sweep.study._savings import Savings, savings_of

if TYPE_CHECKING:
    from dlsweep.sweep.search import Confirmation


@dataclass(frozen=True)
class StudyTable:
    """A study as it was when it was read.

    Attributes:
        name: the study's name in its file.
        metric: what its runs are judged by.
        rows: its runs by number.
        sweep: what was searched; None where no sweep file was.
        stopped: whether ``dlsweep stop`` has stopped it.
        folders: of wandb runs beside those of the rows, such as the one that shows the data.
        others: further metrics, of a sweep that has several.
    """

    name: str
    metric: Metric
    rows: tuple[Row, ...]
    sweep: SweepFile | None = None
    stopped: bool = False
    folders: tuple[str, ...] = ()
    others: tuple[Metric, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics, the one that decides first."""
        return (self.metric, *self.others)

    @property
    def of_program(self) -> bool:
        """Whether the runs are those of a program, with settings and metrics of its own."""
        return self.sweep is not None and self.sweep.command is not None

    def counts(self) -> dict[str, int]:
        """How many runs have each status, those with none left out."""
        found = Counter(row.status for row in self.rows)
        return {status: found[status] for status in STATUSES if found[status]}

    def ranked(self) -> list[Row]:
        """The runs that have the metric's value, best first; equals by number.

        Where points were repeated they go by the mean of their seeds, those without one last.
        Those that confirm others are not among them: they are seeds of a configuration, no more.
        """
        sign = -1 if self.metric.goal == "maximize" else 1
        means = self._means
        valued = [
            (row.point in means, sign * means.get(row.point, row.value), row.point, row.number, row)
            for row in self.rows
            if row.value is not None and row.role != "confirmation"
        ]
        valued.sort(key=lambda item: ((not item[0]) if means else False, *item[1:4]))
        return [row for *_, row in valued]

    @cached_property
    def _means(self) -> dict[int, float]:
        """The mean of each point, where points were repeated; else nothing."""
        if not any(row.role == "repeat" for row in self.rows):
            return {}
        return {p.number: p.value for p in points_of(self) if p.value is not None}

    def ordered(self) -> list[Row]:
        """The ranked runs, then the others by number."""
        ranked = self.ranked()
        known = {row.number for row in ranked}
        return ranked + [row for row in self.rows if row.number not in known]

    @property
    def best(self) -> Row | None:
        """The first run of the configuration that was confirmed to be the best.

        Where none was confirmed it is the best run of the configuration with the best mean over its
        seeds, or None where no run has a result.
        """
        if self.confirmation is not None and self.confirmation.best is not None:
            number = self.confirmation.best.number
            return next(row for row in self.rows if row.number == number)
        sign = -1 if self.metric.goal == "maximize" else 1
        means = {
            row.number: sign * point.value
            for point in self.points()
            if point.value is not None
            for row in point.rows
        }
        ranked = self.ranked()
        # A configuration whose runs have not all ended goes by the run that has.
        return min(
            ranked, key=lambda row: means.get(row.number, sign * (row.value or 0.0)), default=None
        )

    def points(self) -> list[Point]:
        """The runs by configuration, whatever their seeds; by number."""
        return points_of(self)

    @cached_property
    def front(self) -> tuple[Compromise, ...]:
        """The best compromises between several metrics; none where there is one metric."""
        return front_of(self)

    def savings(self) -> Savings | None:
        """What early termination would have saved; None where that is little."""
        return savings_of(self)

    @cached_property
    def confirmation(self) -> Confirmation | None:
        """What the runs with new seeds have shown; None where there are none."""
        return confirmation_of(self)

    def flat(self) -> tuple[list[str], list[dict[str, Any]]]:
        """The runs as rows of plain values: their settings, and what they logged last.

        Returns:
            The columns in their order, and the rows, best first; a setting that is a list is JSON.
        """
        runs = self.ordered()
        fixed = ["number", "name", "run_id", "status", "reason"]
        written = dict.fromkeys(key for row in runs for key in row.config)
        # A program's settings and metrics may be called anything; each has a column of its own.
        settings = {k: f"config.{k}" if self.of_program and k in fixed else k for k in written}
        # One column for each name: the learning rate is the configured one, not the last epoch's.
        taken = {*fixed, *settings.values()}
        rows = []
        logged: dict[str, None] = {}
        for row in runs:
            last = {**(row.history[-1] if row.history else {}), **row.summary}
            # Matrices and curves are not cells of a table.
            cells = {k: value for k, value in last.items() if not isinstance(value, list | dict)}
            if self.of_program:
                if row.value is not None:  # W&B's summary may have it under another name: loss.min
                    cells[self.metric.name] = row.value
                cells = {f"summary.{k}" if k in taken else k: v for k, v in cells.items()}
            more = {key: value for key, value in cells.items() if key not in taken}
            logged |= dict.fromkeys(more)
            own = {name: getattr(row, name) for name in fixed}
            config = {settings[key]: value for key, value in row.config.items()}
            rows.append({key: _plain(value) for key, value in {**config, **more, **own}.items()})
        return [*fixed, *settings.values(), *logged], rows

    def to_pandas(self) -> Any:
        """The runs as a ``pandas.DataFrame``: the columns and rows of `dlsweep export`.

        Raises:
            ConfigError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ConfigError(["to_pandas needs pandas; pip install pandas"]) from None
        columns, rows = self.flat()
        return pandas.DataFrame(rows, columns=columns)


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value
