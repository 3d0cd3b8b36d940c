"""The wandb runs of an agent: opened, logged and closed while it trains others."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.sweep._hyperband import STOPPED
from dlsweep.sweep._pool import Pool
from dlsweep.tracking import (
    KILLED,
    ImageSource,
    SweepPlace,
    TrackedRun,
    give_back_run,
    open_sweep_run,
    refuse_run,
)
from dlsweep.training import EpochMetrics, RunResult

_log = logging.getLogger("dlsweep.sweep")

INTERRUPTED = "interrupted"
"""The status of a run that ends because its agent does; W&B hands it out again."""

_PATIENCE = 300.0

THREADS = 25
"""How many runs are opened or closed at a time."""


@dataclass
class _Open:
    """A run that is open, or will be; and its epochs that wait for that."""

    opened: Future[TrackedRun]
    waiting: list[tuple[EpochMetrics, RunResult | None]] = field(default_factory=list)

    def catch_up(self) -> TrackedRun:
        """The open run, when it has been told all its epochs; waits until it is open."""
        tracked = self.opened.result()
        for metrics, result in self.waiting:
            tracked.log(metrics, result, patience=_PATIENCE)
        self.waiting.clear()
        return tracked


class OpenRuns:
    """Opens runs of a W&B sweep, and ends them as W&B expects.

    Opening and closing wait for the server, so they happen in threads; the engine does not wait.

    Args:
        place: the sweep.
        on_stop: called, in another thread, with the id of a run whose end the server asks for.
        on_closed: likewise, with the id of a run of which W&B knows that it is over.
    """

    def __init__(
        self,
        place: SweepPlace,
        on_stop: Callable[[str], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._place = place
        self._on_stop = on_stop
        self._on_closed = on_closed
        self._pool = Pool(THREADS)
        self._images = ImageSource()
        self._open: dict[str, _Open] = {}
        self._closing: set[Future[None]] = set()
        self.unsent: dict[Path, str] = {}
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""

    def open(self, run_id: str, config: RunConfig, given: Mapping[str, Any]) -> None:
        """Open a run; ``given`` are the sweep's settings as it spells them."""
        opened = self._pool.submit(
            open_sweep_run,
            self._place,
            run_id,
            config,
            given,
            lambda: self._on_stop(run_id),
            functools.partial(self._images.test, config.dataset),
        )
        self._open[run_id] = _Open(opened)

    def log(
        self, run_id: str, metrics: EpochMetrics, result: RunResult | None
    ) -> tuple[str, Mapping[str, Any]]:
        """Log an epoch; with the last comes the result. What is not open yet is logged later.

        Returns:
            The run's name, which W&B chooses, or its id as long as it is not open; and its summary,
            empty before its last epoch.

        Raises:
            TrackingError: where the run could not even be kept on disk.
        """
        run = self._open[run_id]
        run.waiting.append((metrics, result))
        summary = result.summary() if result is not None else {}
        # The last epoch's tables are asked of the server: whoever closes the run waits for them.
        if result is not None or not run.opened.done():
            return run_id, summary
        tracked = run.catch_up()
        return tracked.wandb.name or run_id, summary

    def close(self, run_id: str, status: str, exit_code: int = 0) -> None:
        """Close a run: as killed where it was stopped, as preempted where it was interrupted."""

        def ended(tracked: TrackedRun) -> None:
            if status == INTERRUPTED:
                tracked.preempt(exit_code or KILLED)
            else:
                tracked.finish(exit_code=KILLED if status == STOPPED else 0)

        self._close(run_id, ended)

    def fail(self, run_id: str, reason: str) -> None:
        """Close a run as failed."""
        self._close(run_id, lambda tracked: tracked.fail(reason))

    def fail_all(self, reason: str) -> None:
        """Close every open run as failed."""
        for run_id in list(self._open):
            self.fail(run_id, reason)

    def refuse(self, run_id: str, given: Mapping[str, Any], error: Exception) -> None:
        """Tell W&B that a run has failed before it began."""
        self._later(run_id, lambda: refuse_run(self._place, run_id, given, error))

    def give_back(self, run_id: str, given: Mapping[str, Any], exit_code: int) -> None:
        """Give a run that has not begun back to the sweep."""
        self._later(run_id, lambda: give_back_run(self._place, run_id, given, exit_code))

    def wait(self) -> None:
        """Wait until all that was closed has been sent, or given up."""
        wait(self._closing)

    def _close(self, run_id: str, end: Callable[[TrackedRun], None]) -> None:
        run = self._open.pop(run_id)

        def closed() -> None:
            tracked = run.catch_up()
            folder = tracked.directory
            try:
                end(tracked)
            except Exception as error:
                self.unsent[folder] = run_id
                if not isinstance(error, TimeoutError):
                    raise
            else:
                if tracked.offline:
                    self.unsent[folder] = run_id

        self._later(run_id, closed)

    def _later(self, run_id: str, task: Callable[[], None]) -> None:
        def done() -> None:
            try:
                task()
            except Exception as error:
                _log.warning("run %s could not be closed: %s", run_id, error)
            finally:
                self._on_closed(run_id)

        self._closing = {future for future in self._closing if not future.done()}
        self._closing.add(self._pool.submit(done))
