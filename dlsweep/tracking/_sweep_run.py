"""Runs of a W&B sweep that an agent opens beside each other in one process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wandb

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import DATASETS, Split
from dlsweep.tracking._opening import patient_settings, synced_as
from dlsweep.tracking._run import TrackedRun, light_settings, open_run, start

KILLED = 255
"""The exit code of a run that W&B has asked to stop; `wandb` itself ends one so."""


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


def open_sweep_run(
    place: SweepPlace,
    mode: str,
    run_id: str,
    config: RunConfig,
    given: Mapping[str, Any],
    on_stop: Callable[[], None],
    test: Callable[[], Split] | None = None,
) -> TrackedRun:
    """Open a run of a W&B sweep.

    Args:
        place: the sweep.
        mode: of this run: the place's, or another where that cannot be had now.
        run_id: the run's id, from the sweep.
        config: the run's settings.
        given: those that the sweep gave, as it names and spells them.
        on_stop: called, in another thread, when the server asks for the run's end.
        test: gives the test split; see ``TrackedRun``.

    Raises:
        TrackingError: where W&B cannot be reached or the user is not known there.
    """
    return open_run(
        config,
        DATASETS[config.dataset].classes,
        mode=mode,
        run_id=run_id,
        sweep_id=place.sweep_id,
        swept=given,
        test=test,
        more=patient_settings(on_stop),
    )


def sync_commands(folders: Mapping[Path, str]) -> list[list[str]]:
    """The words of the commands that send runs' folders to W&B, each to the run with this id."""
    own = [folder for folder in folders if synced_as(folder) is None]
    other = [folder for folder in folders if folder not in own]
    commands = [["wandb", "sync", "--include-online", *map(os.path.relpath, own)]] if own else []
    return commands + [["wandb", "sync", "--id", folders[f], os.path.relpath(f)] for f in other]


def refuse_run(place: SweepPlace, run_id: str, given: Mapping[str, Any], error: Exception) -> None:
    """Tell W&B that a run has failed before it began, and why."""
    run = _bare(place, run_id, given)
    run.summary.update({"status": "failed", "reason": str(error) or type(error).__name__})
    run.finish(exit_code=2 if isinstance(error, ConfigError) else 1)


def give_back_run(place: SweepPlace, run_id: str, given: Mapping[str, Any], exit_code: int) -> None:
    """Tell W&B that a run never began: it hands the run out again."""
    run = _bare(place, run_id, given)
    run.mark_preempting()
    run.finish(exit_code=exit_code)


def _bare(place: SweepPlace, run_id: str, given: Mapping[str, Any]) -> wandb.Run:
    return start(
        project=place.project,
        entity=place.entity,
        id=run_id,
        mode=place.mode,
        reinit="create_new",
        config=dict(given),
        settings=light_settings(sweep_id=place.sweep_id, stop_fn=lambda: None),
    )
