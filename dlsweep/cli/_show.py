"""How runs are shown in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from dlsweep.sweep import Metric, Point, Row, StudyTable
    from dlsweep.training import EpochMetrics

_HIDDEN = {"wandb_project", "wandb_entity", "device"}
_OF_THE_BEST_EPOCH = ("best_val_accuracy", "test_accuracy")


def console() -> Console:
    """Standard output; plain and as wide as it needs to be where it is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=200)


def varied(rows: Sequence[Row]) -> list[str]:
    """The settings in which runs differ."""
    keys = dict.fromkeys(key for row in rows for key in row.config if key not in _HIDDEN)
    return [key for key in keys if len({str(row.config.get(key)) for row in rows}) > 1]


def results_beside(metric: str) -> list[str]:
    """The results of the model that a run keeps, that of its best epoch, but for the metric."""
    return [name for name in _OF_THE_BEST_EPOCH if name != metric]


def runs_table(study: StudyTable, most: int | None = None) -> Table:
    """The runs, best first: rank, name, accuracies, and the settings in which they differ.

    Above the name of an accuracy stands which epoch it is of: the sweep's metric is what was
    logged last, as in W&B, and the others are of the model that is kept. Where the terminal is too
    narrow, names go on in the next line.
    """
    table = _runs_table(study, most, "_")
    narrow = console().measure(table).maximum >= console().width
    return _runs_table(study, most, "_\n") if narrow else table


def _runs_table(study: StudyTable, most: int | None, joint: str) -> Table:
    from dlsweep.cli._runs import ordered

    rows = ordered(study)
    settings = varied(study.rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right")
    table.add_column("run", no_wrap=True)
    table.add_column("status", no_wrap=True)
    metric = study.sweep.metric.name
    results = results_beside(metric)
    logged = any(metric in epoch for row in rows for epoch in row.history[-1:])
    for name in (metric, *results):
        of = "best epoch\n" if name in _OF_THE_BEST_EPOCH else "last epoch\n" if logged else ""
        table.add_column(of + name.replace("_", joint), justify="right", no_wrap=True)
    for key in settings:
        table.add_column(key.replace("_", joint))
    for rank, row in enumerate(rows[:most], start=1):
        table.add_row(
            str(rank) if row.value is not None else "",
            row.name,
            f"{row.status.replace('_', ' ')}{_progress(row)}",
            _number(row.value if row.value is not None else _latest(row, metric)),
            *(_number(row.summary.get(name)) for name in results),
            *(_setting(row.config.get(key)) for key in settings),
        )
    return table


def _progress(row: Row) -> str:
    """How far a running one is, and why another failed."""
    if row.status != "running" or not row.history:
        return f": {row.reason}" if row.reason else ""
    return f" {row.history[-1]['epoch']}/{row.config['epochs']}"


def _latest(row: Row, metric: str) -> float | None:
    """The metric of a running one."""
    return row.history[-1].get(metric) if row.status == "running" and row.history else None


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float | int) else ""


def _setting(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


class LiveProgress:
    """Runs done and running, the best so far and the time left, while a sweep trains.

    In a terminal one line is kept up to date; where there is none, each run that ends here is a
    line. Of a sweep that machines share, the runs of all are counted.

    Args:
        metric: the sweep's.
        rows: the runs that an earlier command has trained.
        total: how many runs the sweep shall have; None where there is no end.
    """

    def __init__(self, metric: Metric, rows: Sequence[Row], total: int | None) -> None:
        self._metric = metric
        self._total = total
        # Points that were no valid configurations are not among the total either.
        ended = [row for row in rows if row.run_id and row.status not in ("running", "waiting")]
        self._done = {row.number for row in ended}
        self._before = float(len(ended))
        self._best: Row | None = None
        for row in ended:
            self._consider(row)
        self._running: dict[int, float] = {}
        self._elsewhere: dict[int, float] = {}
        self._machines = 1
        for row in rows:
            if row.status == "running":
                self._elsewhere[row.number] = _share(row)
        self._before += sum(self._elsewhere.values())
        self._began = time.monotonic()
        self._live = sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.fields[runs]}"),
            BarColumn(),
            TextColumn("{task.fields[best]}  {task.fields[left]}"),
            console=Console(stderr=True),
            disable=not self._live,
        )
        self._task: TaskID = self._progress.add_task("", total=total, runs="", best="", left="")

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        self._refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, points: Sequence[Point]) -> None:
        """See ``Watcher``."""
        for point in points:
            self._running[point.number] = 0.0
            self._before -= self._elsewhere.pop(point.number, 0.0)
        self._refresh()

    def trained(self, point: Point, metrics: EpochMetrics) -> None:
        """See ``Watcher``."""
        self._running[point.number] = metrics.epoch / point.config.epochs
        self._refresh()

    def ended(self, row: Row) -> None:
        """See ``Watcher``."""
        self._running.pop(row.number, None)
        self._done.add(row.number)
        self._consider(row)
        self._refresh()
        if not self._live:
            value = f"{self._metric.name} {row.value:.4f}" if row.value is not None else row.reason
            ended = f"{self._count()} {row.name} {row.status.replace('_', ' ')} {value}".rstrip()
            told = [ended, self._best_text(), self._left()]
            print("  ".join(text for text in told if text), file=sys.stderr, flush=True)

    def elsewhere(self, rows: Sequence[Row], machines: int) -> None:
        """Runs of which there is something new on other machines, and how many these are in all."""
        self._machines = machines
        for row in rows:
            if row.run_id:
                self._elsewhere.pop(row.number, None)
                if row.status == "running":
                    self._running.pop(row.number, None)
                    self._elsewhere[row.number] = _share(row)
                elif row.status != "waiting":
                    self._running.pop(row.number, None)
                    self._done.add(row.number)
                    self._consider(row)
        self._refresh()

    def _consider(self, row: Row) -> None:
        if row.value is None:
            return
        sign = 1 if self._metric.goal == "maximize" else -1
        if self._best is None or sign * row.value > sign * (self._best.value or 0.0):
            self._best = row

    def _count(self) -> str:
        done = len(self._done)
        return f"{done}/{self._total}" if self._total is not None else f"{done}"

    def _best_text(self) -> str:
        if self._best is None or self._best.value is None:
            return ""
        end = "highest" if self._metric.goal == "maximize" else "lowest"
        return f"{end} {self._metric.name} {self._best.value:.4f}"

    def _left(self) -> str:
        """The time left, from the share of the work that was done since this command began."""
        new = self._work() - self._before
        if self._total is None or new <= 0:
            return ""
        seconds = (time.monotonic() - self._began) / new * (self._total - self._before - new)
        return f"about {duration(max(0.0, seconds))} left"

    def _work(self) -> float:
        """Runs that are done, and parts of those that are running."""
        going = (*self._running.values(), *self._elsewhere.values())
        return len(self._done) + sum(going)

    def _refresh(self) -> None:
        running = f"{len(self._running) + len(self._elsewhere)} running"
        where = f" on {self._machines} machines" if self._machines > 1 else ""
        self._progress.update(
            self._task,
            completed=self._work(),
            runs=f"{self._count()} runs done, {running}{where}",
            best=self._best_text(),
            left=self._left(),
        )


def _share(row: Row) -> float:
    """How much of a running one is done."""
    return float(row.history[-1]["epoch"] / row.config["epochs"]) if row.history else 0.0


def duration(seconds: float) -> str:
    """Seconds as people say them: 40 s, 12 min, 3.4 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
