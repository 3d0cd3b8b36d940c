"""One run, as W&B keeps it."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split
from dlsweep.figures import RunAnalysis, analyse_run
from dlsweep.saved import FILE_NAME, save_model
from dlsweep.tracking._errors import TrackingError
from dlsweep.tracking._media import data_media, run_media
from dlsweep.training import EpochMetrics, RunResult

_log = logging.getLogger("dlsweep.tracking")

_AGAIN_SECONDS = 2.0

FLUSH_SECONDS = 0.5
"""So often wandb writes to a run's folder what was logged: 15 s is its default, and what it has not
written is lost with its process."""


class TrackedRun:
    """A wandb run that takes what the engine yields.

    Args:
        run: an open wandb run.
        config: its settings, all of them; written to the run's configuration. What a W&B sweep has
            set stays there as the sweep spells it: by these values W&B's server knows its points.
        classes: the names of the classes.
        test: gives the test split, for the pictures that show its images; it is asked only when
            they are made. Without it they are left out.
    """

    def __init__(
        self,
        run: wandb.Run,
        config: RunConfig,
        classes: Sequence[str],
        test: Callable[[], Split] | None = None,
    ) -> None:
        self.wandb = run
        self.config = config
        self.classes = list(classes)
        self.model: Path | None = None
        """Where the model is kept, once it is (``save_model``)."""
        self.summary: dict[str, Any] = {}
        """What the run's summary was told with its last epoch; a study keeps the same."""
        self._test = test
        self._analysis: RunAnalysis | None = None
        swept = set(run.config.keys()) if run.sweep_id else set()  # type: ignore[no-untyped-call]
        settings = {name: v for name, v in config.as_dict().items() if name not in swept}
        run.config.update(settings, allow_val_change=True)  # type: ignore[no-untyped-call]

    @property
    def directory(self) -> Path:
        """The run's own directory, which `wandb sync` takes."""
        return Path(self.wandb.dir).parent

    @property
    def offline(self) -> bool:
        """Whether the run is kept on disk only."""
        return self.wandb.offline

    def log(
        self, metrics: EpochMetrics, result: RunResult | None = None, *, patience: float = 0.0
    ) -> None:
        """Log an epoch as one row of history; with the run's last epoch comes its result.

        Args:
            metrics: the epoch's.
            result: the run's, with its last epoch.
            patience: seconds to try for the tables and pictures, for which wandb asks the server at
                once; where it cannot be reached the row is logged without them.
        """
        if result is None:
            self.wandb.log(metrics.as_dict())
            return
        self.conclude(result)
        media: Callable[[], dict[str, Any]] = dict
        if self._analysis is not None:
            test = self._test() if self._test and self._shows_images() else None
            media = functools.partial(run_media, result, self._analysis, self.classes, test)
        self._log_with(metrics.as_dict(), media, patience)
        self.wandb.summary.update(self.summary)
        if self.model is not None:
            self._send(self.model, result)

    def conclude(self, result: RunResult) -> None:
        """Work out ``summary`` and keep the ``model``, here: nobody waits for a server.

        ``log`` does it, where it was not done before.
        """
        if self.summary:
            return
        summary = result.summary()
        if self.config.figures != "none":
            self._analysis = analyse_run(result, self.config.examples)
            summary |= self._analysis.summary()
        if self.config.save_model and result.best_epoch > 0 and not self.wandb.disabled:
            self.model = save_model(Path(self.wandb.dir) / FILE_NAME, result, self.classes)
        self.summary = summary

    def log_plainly(self, metrics: EpochMetrics, result: RunResult | None = None) -> None:
        """Log an epoch and the result's numbers, without the tables and pictures."""
        self.wandb.log(metrics.as_dict())
        if result is not None:
            self.conclude(result)
            self.wandb.summary.update(self.summary)

    def last_epoch(self) -> int:
        """The last epoch that wandb has taken; waits until it has taken all that was logged."""
        return int(self.wandb.summary.get("epoch", 0))  # type: ignore[no-untyped-call]

    def _log_with(
        self, row: dict[str, Any], media: Callable[[], dict[str, Any]], patience: float
    ) -> None:
        until = time.monotonic() + patience
        while True:
            try:
                self.wandb.log({**row, **media()})
                return
            except Exception as error:  # wandb has many; a row that raised one was not logged
                if self.wandb.offline:
                    raise
                if time.monotonic() >= until:
                    reason = " ".join(str(error).split())
                    _log.warning("run %s: no tables and pictures: %s", self.wandb.id, reason)
                    self.wandb.log(row)
                    return
                time.sleep(_AGAIN_SECONDS)

    def show_data(self, data: Dataset) -> None:
        """Log what the data set looks like, with the next epoch."""
        self.wandb.log(data_media(data), commit=False)

    def _shows_images(self) -> bool:
        return self.config.examples > 0 or self.config.figures == "full"

    def _send(self, model: Path, result: RunResult) -> None:
        """Log the model as a file of the run and as an artifact."""
        self.wandb.save(str(model), base_path=self.wandb.dir, policy="now")
        summary = result.summary()
        artifact = wandb.Artifact(f"model-{self.wandb.id}", type="model", metadata=summary)
        artifact.add_file(str(model), policy="immutable")
        self.wandb.log_artifact(artifact)

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

    def discard(self, reason: str) -> None:
        """Close the run as failed, for it is tried again; kept on disk only, it is removed."""
        self.fail(reason)
        if self.offline:
            shutil.rmtree(self.directory, ignore_errors=True)

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
        raise TrackingError(f"W&B: {' '.join(str(error).split())}") from error
    wanted = Path(arguments.get("dir") or os.environ.get("WANDB_DIR") or ".").expanduser().resolve()
    place = Path(run.dir).parent.parent.resolve()
    if not run.disabled and not place.is_relative_to(wanted):
        _tell_of_place(place, wanted)
    return run


@functools.cache
def _tell_of_place(place: Path, wanted: Path) -> None:
    """Say once what wandb tells nobody where its runs are silent: that they lie elsewhere."""
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
    classes: Sequence[str],
    *,
    mode: str,
    run_id: str | None = None,
    name: str | None = None,
    group: str | None = None,
    sweep_id: str | None = None,
    swept: Mapping[str, Any] | None = None,
    directory: Path | None = None,
    test: Callable[[], Split] | None = None,
    more: Mapping[str, Any] | None = None,
) -> TrackedRun:
    """Open a run beside others of this process.

    Args:
        config: the run's settings; its project and entity are where the run goes.
        classes: the names of the classes.
        mode: "online", "offline" or another of wandb's modes; see ``choose_mode``.
        run_id: the run's id; a new one by default.
        name: what the dashboard shows.
        group: runs of one sweep share it.
        sweep_id: the W&B sweep that the run belongs to.
        swept: the settings that this sweep gave the run, as it names and spells them.
        directory: where the folder ``wandb`` is made; the working directory by default.
        test: gives the test split; see ``TrackedRun``.
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
        mode=mode,
        dir=directory,
        reinit="create_new",
        config=dict(swept) if swept else None,
        settings=light_settings(**({"sweep_id": sweep_id} if sweep_id else {}), **(more or {})),
    )
    return TrackedRun(run, config, classes, test)
