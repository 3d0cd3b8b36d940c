"""One run, as W&B keeps it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wandb

from dlsweep.config import RunConfig
from dlsweep.figures import analyse_run
from dlsweep.training import EpochMetrics, Evaluation, RunResult


class TrackingError(RuntimeError):
    """W&B cannot be reached, or does not let this user in; the text is one line."""


class TrackedRun:
    """A wandb run that takes what the engine yields.

    Args:
        run: an open wandb run.
        config: its settings, all of them; written to the run's configuration. What a W&B sweep has
            set stays there as the sweep spells it: by these values W&B's server knows its points.
        classes: the names of the classes, for the confusion matrices.
    """

    def __init__(self, run: wandb.Run, config: RunConfig, classes: Sequence[str]) -> None:
        self.wandb = run
        self.config = config
        self.classes = list(classes)
        self.summary: dict[str, Any] = {}
        """What the run's summary was told with its last epoch; a study keeps the same."""
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

    def log(self, metrics: EpochMetrics, result: RunResult | None = None) -> None:
        """Log an epoch as one row of history; with the run's last epoch comes its result."""
        row: dict[str, Any] = metrics.as_dict()
        if result is not None:
            self.summary = result.summary()
            if self.config.figures != "none":
                analysis = analyse_run(result, self.config.examples)
                self.summary |= analysis.summary()
                row["val_confusion_matrix"] = confusion_plot(result.val, self.classes, "Validation")
                row["test_confusion_matrix"] = confusion_plot(result.test, self.classes, "Test")
        self.wandb.log(row)
        if result is not None:
            self.wandb.summary.update(self.summary)

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

    def finish(self) -> None:
        """Close the run as finished."""
        self.wandb.finish()

    def fail(self, reason: str, exit_code: int = 1) -> None:
        """Close the run as failed, with the reason in its summary."""
        self.wandb.summary.update({"status": "failed", "reason": reason})
        self.wandb.finish(exit_code=exit_code)


def confusion_plot(evaluation: Evaluation, classes: Sequence[str], split: str) -> Any:
    """What ``wandb.plot.confusion_matrix`` makes, from counts: that one loops over the samples."""
    counts = evaluation.confusion()
    rows = [
        [classes[actual], classes[predicted], int(counts[actual, predicted])]
        for actual, predicted in np.ndindex(counts.shape)
    ]
    return wandb.plot_table(
        "wandb/confusion_matrix/v1",
        wandb.Table(columns=["Actual", "Predicted", "nPredictions"], data=rows),
        {"Actual": "Actual", "Predicted": "Predicted", "nPredictions": "nPredictions"},
        {"title": f"{split} confusion matrix"},
    )


def start(**arguments: Any) -> wandb.Run:
    """``wandb.init``, with one kind of error.

    Raises:
        TrackingError: where W&B cannot be reached or the user is not known there.
    """
    try:
        return wandb.init(**arguments)
    except wandb.Error as error:
        raise TrackingError(f"W&B: {' '.join(str(error).split())}") from error


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
    directory: Path | None = None,
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
        directory: where the folder ``wandb`` is made; the working directory by default.

    Raises:
        TrackingError: where W&B cannot be reached or the user is not known there.
    """
    settings = light_settings(**({"sweep_id": sweep_id} if sweep_id else {}))
    run = start(
        project=config.wandb_project,
        entity=config.wandb_entity,
        id=run_id,
        name=name,
        group=group,
        mode=mode,
        dir=directory,
        reinit="create_new",
        settings=settings,
    )
    return TrackedRun(run, config, classes)
