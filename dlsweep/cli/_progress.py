"""The live progress of a sweep in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from dlsweep.cli._table import value_text
from dlsweep.cli._time_left import TimeLeft, duration
from dlsweep.config import RunConfig
from dlsweep.sweep import Progress
from dlsweep.sweep.file import number

if TYPE_CHECKING:
    from dlsweep.sweep import Metric, Row, Run
    from dlsweep.sweep.study import Metrics


class LiveProgress(Progress):
    """Shows runs done and running, the best so far and the time left, while a sweep trains.

    In a terminal one line is kept up to date; otherwise each run that ends is a line.

    Args:
        metric: the sweep's.
        rows: the runs that an earlier command has trained.
        total: how many runs the sweep has; None if it has no end.
        role: of the runs that are counted; see ``Run``.
    """

    def __init__(
        self, metric: Metric, rows: Sequence[Row], total: int | None, role: str = "search"
    ) -> None:
        self._metric = metric
        self._roles = (role, "repeat") if role == "search" else (role,)
        self._total = total
        # Points that were not valid configurations are not among the total either.
        searched = [row for row in rows if row.run_id and row.role in self._roles]
        ended = [row for row in searched if row.status not in ("running", "waiting")]
        self._done = self._before = len(ended)
        self._ended = {row.number for row in ended}  # a run that has paused ends again
        self._best: Row | None = None
        for row in ended:
            self._consider(row)
        self._running: dict[int, float] = {}  # the share of its epochs that a run has trained
        self._time_left = TimeLeft(None if total is None else total - self._before, role)
        self._begun = False
        self._live = sys.stderr.isatty()
        self._bar = Bar(
            TextColumn("{task.fields[runs]}"),
            BarColumn(),
            TextColumn("{task.fields[best]}  {task.fields[latest]}  {task.fields[left]}"),
            console=Console(stderr=True),
            disable=not self._live,
        )
        self._latest = ""
        self._task: TaskID = self._bar.add_task("", total=total)
        self._refresh()

    def __enter__(self) -> LiveProgress:
        self._bar.start()
        self._refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def planned(self, runs: Sequence[Run]) -> None:
        """These runs are going to be trained, now or later."""
        self._time_left.planned(runs)

    def started(self, runs: Sequence[Run]) -> None:
        """Training of these runs begins, or begins again."""
        self._begun = True
        self._time_left.started(runs)
        for run in runs:
            self._running.setdefault(run.number, 0.0)
        self._refresh()

    def epoch(self, run: Run, metrics: Metrics) -> None:
        """A run has trained an epoch, or a program has logged a row."""
        self._time_left.epoch(run, metrics.epoch)
        if isinstance(run.config, RunConfig):
            self._running[run.number] = metrics.epoch / run.config.epochs
        else:  # how long a program takes is not known; its latest value shows that it runs
            value = number(metrics.as_dict().get(self._metric.name))
            if value is not None:
                self._latest = f"{run.name}: {self._metric.name} {value_text(value)}"
        self._refresh()

    def ended(self, row: Row) -> None:
        """A run has ended."""
        self._running.pop(row.number, None)
        self._time_left.ended(row.number)
        if row.role in self._roles:
            self._done += row.number not in self._ended
            self._ended.add(row.number)
            self._consider(row)
        self._refresh()
        if not self._live:
            value = row.reason
            if row.value is not None:
                value = f"{self._metric.name} {value_text(row.value)}"
            what = self._count() if row.role in self._roles else row.role
            ended = f"{what} {row.name} {row.status.replace('_', ' ')} {value}".rstrip()
            parts = [ended, self._best_text(), self._left()]
            print("  ".join(text for text in parts if text), file=sys.stderr, flush=True)

    def _consider(self, row: Row) -> None:
        if row.value is None:
            return
        best = None if self._best is None else self._best.value
        if best is None or self._metric.better(row.value, best):
            self._best = row

    def _count(self) -> str:
        return f"{self._done}/{self._total}" if self._total is not None else f"{self._done}"

    def _best_text(self) -> str:
        if self._best is None or self._best.value is None:
            return ""
        end = "highest" if self._metric.goal == "maximize" else "lowest"
        return f"{end} {self._metric.name} {value_text(self._best.value)}"

    def _left(self) -> str:
        seconds = self._time_left.seconds()
        return "" if seconds is None else f"about {duration(seconds)} left"

    def _work(self) -> float:
        """Runs that are done, and parts of those that are running."""
        return self._done + sum(self._running.values())

    def _refresh(self) -> None:
        now = f"{len(self._running)} running" if self._begun else "starting"
        self._bar.update(
            self._task,
            completed=self._work(),
            runs=f"{self._count()} runs done, {now}",
            best=self._best_text(),
            latest=self._latest,
            left=self._left(),
        )
