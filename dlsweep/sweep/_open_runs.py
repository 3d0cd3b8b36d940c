"""The wandb runs of an agent, ended as W&B expects it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.sweep._background import Background, BackgroundRun
from dlsweep.sweep._hyperband import STOPPED
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

INTERRUPTED = "interrupted"
"""The status of a run that ends because its agent does; W&B hands it out again."""


class OpenRuns:
    """Opens runs of a W&B sweep, and ends them.

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
        self._background = Background(place.mode, on_stop, on_closed)
        self._images = ImageSource()
        self._open: dict[str, BackgroundRun] = {}

    @property
    def unsent(self) -> dict[Path, str]:
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""
        return self._background.unsent

    def open(self, run_id: str, config: RunConfig, given: Mapping[str, Any]) -> None:
        """Open a run; ``given`` are the sweep's settings as it spells them."""
        test = functools.partial(self._images.test, config.dataset)

        def opened(mode: str, name: str, on_stop: Callable[[], None]) -> TrackedRun:
            return open_sweep_run(self._place, mode, name, config, given, on_stop, test)

        self._open[run_id] = self._background.open(run_id, config, opened)

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
        run.log(metrics, result)
        return run.name, result.summary() if result is not None else {}

    def close(self, run_id: str, status: str, exit_code: int = 0) -> None:
        """Close a run: as killed where it was stopped, as preempted where it was interrupted."""

        def ended(tracked: TrackedRun) -> None:
            if status == INTERRUPTED:
                tracked.preempt(exit_code or KILLED)
            else:
                tracked.finish(exit_code=KILLED if status == STOPPED else 0)

        self._open.pop(run_id).close(ended)

    def fail(self, run_id: str, reason: str) -> None:
        """Close a run as failed."""
        self._open.pop(run_id).fail(reason)

    def fail_all(self, reason: str) -> None:
        """Close every open run as failed."""
        for run_id in list(self._open):
            self.fail(run_id, reason)

    def refuse(self, run_id: str, given: Mapping[str, Any], error: Exception) -> None:
        """Tell W&B that a run has failed before it began."""
        self._background.later(run_id, lambda: refuse_run(self._place, run_id, given, error))

    def give_back(self, run_id: str, given: Mapping[str, Any], exit_code: int) -> None:
        """Give a run that has not begun back to the sweep."""
        self._background.later(run_id, lambda: give_back_run(self._place, run_id, given, exit_code))

    def wait(self) -> None:
        """Wait until all that was closed has been sent, or given up."""
        self._background.wait()

    def keep(self) -> None:
        """Put on the disk all that has been logged: for when nobody waits for the server."""
        self._background.keep()
