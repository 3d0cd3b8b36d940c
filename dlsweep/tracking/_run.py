"""One run, as W&B keeps it."""

from __future__ import annotations

import functools
import logging
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from dlsweep.config import RunConfig, replaced_by_variant
from dlsweep.data import Dataset
from dlsweep.saved import FILE_NAME, save_model
from dlsweep.tracking._errors import TrackingError, in_one_line
from dlsweep.tracking._media import data_media, run_media
from dlsweep.tracking._outcome import Outcome
from dlsweep.tracking._service import Command, SweepService
from dlsweep.training import STEP_LOSS, EpochMetrics

_log = logging.getLogger("dlsweep.tracking")

_AGAIN_SECONDS = 2.0

FLUSH_SECONDS = 0.5
"""How often wandb writes what was logged to a run's folder. Its default is 15 s, and what it has
not written is lost with its process."""

KILLED = 255
"""The exit code of a run that W&B has asked to stop; `wandb` itself uses it."""

INTERRUPTED = "interrupted"
"""The status of a run that ends because its agent does; W&B hands it out again."""


class TrackedRun:
    """A wandb run that records what a training reports.

    Args:
        run: an open wandb run.
        config: its settings, all of them; written to the run's configuration. What a W&B sweep has
            set stays there as the sweep spells it: by these values W&B's server knows its points.
    """

    def __init__(self, run: wandb.Run, config: RunConfig) -> None:
        self.wandb = run
        self.model: Path | None = None
        """The file in which the model is kept, once it is (``save_model``)."""
        self.summary: dict[str, Any] = {}
        """The run's summary, once its outcome is known; a study keeps the same."""
        self._seconds: dict[int, float] = {}  # of each epoch
        there = dict(run.config)
        values = config.as_dict()
        changed = {key: values.get(name) for key, name in replaced_by_variant(there).items()}
        if changed:  # what a sweep sets is locked, but it is the sweep's variant that replaces it
            lock = run.config.update_locked
            lock(changed, "sweep", _allow_val_change=True)  # type: ignore[no-untyped-call]
        swept = there if run.sweep_id else {}
        missing = {
            name: value
            for name, value in values.items()
            if name not in swept and (name not in there or there[name] != value)
        }
        if config.log_every:
            run.define_metric(STEP_LOSS, step_metric="step")
        if missing:
            run.config.update(missing, allow_val_change=True)  # type: ignore[no-untyped-call]

    @property
    def directory(self) -> Path:
        """The run's own directory, which `wandb sync` takes."""
        return Path(self.wandb.dir).parent

    @property
    def offline(self) -> bool:
        """Whether the run is kept on disk only."""
        return self.wandb.offline

    def log(
        self, metrics: EpochMetrics, outcome: Outcome | None = None, *, patience: float = 0.0
    ) -> None:
        """Log an epoch as one row of history; with the run's last epoch comes its outcome.

        Args:
            metrics: the epoch's.
            outcome: the run's, with its last epoch.
            patience: seconds to try for the tables and pictures, for which wandb asks the server at
                once; where it cannot be reached the row is logged without them.
        """
        row = self._begin_epoch(metrics)
        if outcome is None:
            self.wandb.log(row)
            return
        self.accept(outcome)
        self._log_with(row, outcome, patience)
        self._summarize()
        if self.model is not None:
            self._send(self.model)

    def accept(self, outcome: Outcome) -> None:
        """Set ``summary`` and write ``model``, without waiting for a server.

        ``log`` does it, where it was not done before.
        """
        if self.summary:
            return
        if outcome.model is not None and not self.wandb.disabled:
            self.model = save_model(Path(self.wandb.dir) / FILE_NAME, outcome.model)
        self.summary = dict(outcome.summary)

    def log_plainly(self, metrics: EpochMetrics, outcome: Outcome | None = None) -> None:
        """Log an epoch and the outcome's numbers, without the tables and pictures."""
        self.wandb.log(self._begin_epoch(metrics))
        if outcome is not None:
            self.accept(outcome)
            self._summarize()

    def _begin_epoch(self, metrics: EpochMetrics) -> dict[str, Any]:
        """Log the losses within an epoch, a row for each; returns the row of the epoch itself."""
        self._seconds[metrics.epoch] = metrics.seconds
        row = metrics.as_dict()
        for step, loss in row.pop(STEP_LOSS, ()):
            self.wandb.log({"step": step, STEP_LOSS: loss})
        return row

    def _summarize(self) -> None:
        """Set W&B's summary, with the time that a study finds in the epochs."""
        seconds = math.fsum(self._seconds.values())
        self.wandb.summary.update({**self.summary, "training_seconds": seconds})

    def last_epoch(self) -> int:
        """The last epoch that wandb has taken; waits until it has taken all that was logged."""
        return int(self.wandb.summary.get("epoch", 0))  # type: ignore[no-untyped-call]

    def _log_with(self, row: dict[str, Any], outcome: Outcome, patience: float) -> None:
        until = time.monotonic() + patience
        while True:
            try:
                self.wandb.log({**row, **run_media(outcome)})
                return
            except Exception as error:  # wandb has many; a row that raised one was not logged
                if self.wandb.offline:
                    raise
                if time.monotonic() >= until:
                    _log.warning(
                        "run %s: no tables and pictures: %s", self.wandb.id, in_one_line(error)
                    )
                    self.wandb.log(row)
                    return
                time.sleep(_AGAIN_SECONDS)

    def show_data(self, data: Dataset) -> None:
        """Log what the data set looks like, with the next epoch."""
        self.wandb.log(data_media(data), commit=False)

    def _send(self, model: Path) -> None:
        """Log the model as a file of the run and, if the server can be reached, as an artifact."""
        self.wandb.save(str(model), base_path=self.wandb.dir, policy="now")
        numbers = {k: v for k, v in self.summary.items() if not isinstance(v, dict | list)}
        try:
            artifact = wandb.Artifact(f"model-{self.wandb.id}", type="model", metadata=numbers)
            artifact.add_file(str(model), policy="immutable")
            self.wandb.log_artifact(artifact)
        except Exception as error:  # wandb has many
            if self.wandb.offline:
                raise
            what = "its model is not logged as an artifact"
            _log.warning("run %s: %s: %s", self.wandb.id, what, in_one_line(error))

    def remove_older(self) -> None:
        """Remove what earlier attempts at this run have left on the disk for `wandb sync`.

        Each has the same id as this one, and less in it.
        """
        name = f"offline-run-*-{self.wandb.id}"
        # wandb puts a number after it where two attempts are made in the same second.
        for pattern in (name, f"{name}-[0-9]*"):
            for folder in self.directory.parent.glob(pattern):
                if folder != self.directory:
                    shutil.rmtree(folder, ignore_errors=True)

    def finish(self, exit_code: int = 0) -> None:
        """Close the run: as finished, or with another exit code as failed."""
        self.wandb.finish(exit_code=exit_code)

    def preempt(self, exit_code: int) -> None:
        """Close the run as preempted: a W&B sweep hands it out again."""
        self.wandb.mark_preempting()
        self.wandb.finish(exit_code=exit_code)

    def fail(self, reason: str, exit_code: int = 1) -> None:
        """Close the run as failed, with the reason in its summary."""
        self.wandb.summary.update({"status": "failed", "reason": reason})
        self.wandb.finish(exit_code=exit_code)


def start(**arguments: Any) -> wandb.Run:
    """``wandb.init``, with one kind of error.

    Raises:
        TrackingError: where W&B cannot be reached or the user is not known there.
    """
    try:
        run = wandb.init(**arguments)
    except wandb.Error as error:
        raise TrackingError(f"W&B: {in_one_line(error)}") from error
    wanted = Path(arguments.get("dir") or os.environ.get("WANDB_DIR") or ".").expanduser().resolve()
    place = Path(run.dir).parent.parent.resolve()
    if not run.disabled and not place.is_relative_to(wanted):
        _warn_of_place(place, wanted)
    return run


@functools.cache
def _warn_of_place(place: Path, wanted: Path) -> None:
    """Say once that wandb has chosen another folder: it does so silently where runs are silent."""
    hint = "WANDB_DIR names another folder"
    _log.warning("the runs are kept in %s, for %s cannot be written; %s", place, wanted, hint)


def light_settings(**more: Any) -> wandb.Settings:
    """Settings for many runs in one process: nothing is recorded but what is logged."""
    values: Mapping[str, Any] = {
        "x_save_requirements": False,  # the costly one: about 45 ms for each run
        "x_disable_stats": True,
        "x_disable_meta": True,
        "disable_git": True,
        "disable_code": True,
        "console": "off",
        "silent": True,
        **more,
    }
    if "x_transaction_log_flush_interval" in wandb.Settings.model_fields:  # since 0.31
        values = {"x_transaction_log_flush_interval": FLUSH_SECONDS, **values}
    return wandb.Settings(**values)


def open_run(
    config: RunConfig,
    *,
    mode: str,
    run_id: str | None = None,
    name: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    tags: Sequence[str] = (),
    sweep_id: str | None = None,
    swept: Mapping[str, Any] | None = None,
    directory: Path | None = None,
    more: Mapping[str, Any] | None = None,
) -> TrackedRun:
    """Open a run beside others of this process.

    Args:
        config: the run's settings; its project and entity are where the run goes.
        mode: "online", "offline" or another of wandb's modes; see ``choose_mode``.
        run_id: the run's id; a new one by default.
        name: what the dashboard shows.
        group: runs of one sweep share it.
        job_type, tags: what the run is in it, for the dashboard.
        sweep_id: the W&B sweep that the run belongs to.
        swept: the settings that this sweep gave the run, as it names and spells them.
        directory: where the folder ``wandb`` is made; the working directory by default.
        more: other settings of wandb's.

    Raises:
        TrackingError: where W&B cannot be reached or the user is not known there.
    """
    run = start(
        project=config.wandb_project,
        entity=config.wandb_entity,
        id=run_id,
        name=name,
        group=group,
        job_type=job_type,
        tags=tags or None,
        mode=mode,
        dir=directory,
        reinit="create_new",
        config={
            **config.as_dict(),
            **{k: v for k, v in (swept or {}).items() if k not in replaced_by_variant(swept or {})},
        },
        settings=light_settings(**({"sweep_id": sweep_id} if sweep_id else {}), **(more or {})),
    )
    return TrackedRun(run, config)


def end_untrained(
    service: SweepService,
    mode: str,
    run: Command,
    exit_code: int,
    reason: str | None = None,
) -> None:
    """Tell W&B that a run of a sweep was not trained.

    Args:
        service: the sweep.
        mode: "online" or another of wandb's modes.
        run: the run as the sweep handed it out.
        exit_code: of the run; with 0 it would count as finished.
        reason: why it has failed; None if it never began and W&B is to hand it out again.

    Raises:
        TrackingError: if W&B cannot be reached or does not know the user.
    """
    opened = start(
        project=service.project,
        entity=service.entity,
        id=run.run_id,
        mode=mode,
        reinit="create_new",
        config=dict(run.settings),
        settings=light_settings(sweep_id=service.name, stop_fn=lambda: None),
    )
    if reason is None:
        opened.mark_preempting()
    else:
        opened.summary.update({"status": "failed", "reason": reason})
    opened.finish(exit_code=exit_code)
