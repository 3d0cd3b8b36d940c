"""The runs of a W&B sweep that this process trains, ended as W&B expects it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wandb

from dlsweep.config import ConfigError, RunConfig
from dlsweep.tracking._background import Background, BackgroundRun
from dlsweep.tracking._opening import patient_settings, synced_as
from dlsweep.tracking._outcome import Outcome
from dlsweep.tracking._run import KILLED, TrackedRun, light_settings, open_run, start
from dlsweep.training import STOPPED, EpochMetrics

INTERRUPTED = "interrupted"
"""The status of a run that ends because its agent does; W&B hands it out again."""


@dataclass(frozen=True)
class SweepPlace:
    """Where the runs of a W&B sweep go.

    Attributes:
        entity, project, sweep_id: the sweep's.
        mode: of the runs; see ``choose_mode``.
    """

    entity: str
    project: str
    sweep_id: str
    mode: str


class SweepRuns:
    """Opens runs of a W&B sweep, logs to them and ends them, in the background.

    Args:
        place: the sweep.
        on_stop: called, in another thread, with the id of a run that the server asks to stop.
        on_closed: called, in another thread, with the id of a run that W&B knows to be over.
    """

    def __init__(
        self,
        place: SweepPlace,
        on_stop: Callable[[str], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._place = place
        self._background = Background(place.mode, on_stop, on_closed)
        self._open: dict[str, BackgroundRun] = {}

    @property
    def unsent(self) -> dict[Path, str]:
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""
        return self._background.unsent

    def open(self, run_id: str, config: RunConfig, settings: Mapping[str, Any]) -> None:
        """Open a run.

        Args:
            run_id: the run's id, from the sweep.
            config: its configuration.
            settings: those that the sweep gave, as it names and spells them.
        """

        def opened(mode: str, run_id: str, on_stop: Callable[[], None]) -> TrackedRun:
            return open_run(
                config,
                mode=mode,
                run_id=run_id,
                sweep_id=self._place.sweep_id,
                swept=settings,
                more=patient_settings(on_stop),
            )

        self._open[run_id] = self._background.open(run_id, config, opened)

    def log(self, run_id: str, metrics: EpochMetrics, outcome: Outcome | None = None) -> str:
        """Log an epoch; with a run's last epoch comes its outcome.

        Returns:
            The run's name, which W&B chooses; its id as long as it is not open.

        Raises:
            TrackingError: where the run could not even be kept on disk.
        """
        run = self._open[run_id]
        run.log(metrics, outcome)
        return run.name

    def close(self, run_id: str, status: str, exit_code: int = 0) -> None:
        """Close a run: as killed where it was stopped, as preempted where it was interrupted.

        Args:
            run_id: the run's id.
            status: its status; see ``INTERRUPTED``.
            exit_code: of an interrupted run.
        """

        def end(tracked: TrackedRun) -> None:
            if status == INTERRUPTED:
                tracked.preempt(exit_code or KILLED)
            else:
                tracked.finish(KILLED if status == STOPPED else 0)

        self._open.pop(run_id).close(end)

    def fail(self, run_id: str, reason: str) -> None:
        """Close a run as failed, with the reason in its summary."""
        self._open.pop(run_id).fail(reason)

    def fail_all(self, reason: str) -> None:
        """Close every open run as failed."""
        for run_id in list(self._open):
            self.fail(run_id, reason)

    def refuse(self, run_id: str, settings: Mapping[str, Any], error: Exception) -> None:
        """Tell W&B that a run has failed before it began, and why."""

        def close() -> None:
            run = self._bare(run_id, settings)
            run.summary.update({"status": "failed", "reason": str(error) or type(error).__name__})
            run.finish(exit_code=2 if isinstance(error, ConfigError) else 1)

        self._background.submit_closing(run_id, close)

    def give_back(self, run_id: str, settings: Mapping[str, Any], exit_code: int) -> None:
        """Tell W&B that a run never began: it hands the run out again."""

        def close() -> None:
            run = self._bare(run_id, settings)
            run.mark_preempting()
            run.finish(exit_code=exit_code or KILLED)  # with 0 it would count as finished

        self._background.submit_closing(run_id, close)

    def _bare(self, run_id: str, settings: Mapping[str, Any]) -> wandb.Run:
        """A run of which nothing but the sweep's settings is known."""
        return start(
            project=self._place.project,
            entity=self._place.entity,
            id=run_id,
            mode=self._place.mode,
            reinit="create_new",
            config=dict(settings),
            settings=light_settings(sweep_id=self._place.sweep_id, stop_fn=lambda: None),
        )

    def wait(self) -> None:
        """See ``Background.wait``."""
        self._background.wait()

    def keep(self) -> None:
        """See ``Background.keep``."""
        self._background.keep()


def sync_commands(folders: Mapping[Path, str]) -> list[list[str]]:
    """The commands, in words, that send runs' folders to W&B, each to the run with this id."""
    own = [folder for folder in folders if synced_as(folder) is None]
    other = [folder for folder in folders if folder not in own]
    commands = [["wandb", "sync", "--include-online", *map(os.path.relpath, own)]] if own else []
    return commands + [["wandb", "sync", "--id", folders[f], os.path.relpath(f)] for f in other]
