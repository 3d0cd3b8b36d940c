"""The data sets of a sweep: which they are, and the runs that show them beside the points'."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path

from dlsweep.config import ConfigError, RunConfig
from dlsweep.sweep._background import Background
from dlsweep.sweep._file import SweepFile
from dlsweep.sweep._mending import StackJob
from dlsweep.sweep._study import Study
from dlsweep.tracking import ImageSource, show_data

_SHOW = 30.0  # seconds between looks at whether the data are still to be shown


class Showing:
    """Shows each data set of a study once, in a run of its own, while the points train.

    Args:
        study: the study; it knows whether the data were shown, by whatever machine.
        runs: the runs of this process.
        images: where the data come from.
        mode: of the wandb runs.
    """

    def __init__(self, study: Study, runs: Background, images: ImageSource, mode: str) -> None:
        self._study = study
        self._runs = runs
        self._images = images
        self._mode = mode
        self._look_at = 0.0
        self._shown: list[Future[Path]] = []

    def look(self, jobs: Iterable[StackJob]) -> None:
        """See to it, now and then, that the data are shown; ``jobs`` are the stacks in training."""
        if self._study.shown or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _SHOW
        if self._shown:
            if all(shown.done() for shown in self._shown):
                self.keep()
            return
        configs = [run.config for job in jobs for run in job.runs.values()]
        if all(config.figures == "none" for config in configs) or not self._study.claim_data():
            return
        self._show(configs[0])
        if self._mode != "online":  # then it is done
            self.keep()

    def keep(self) -> None:
        """Store where the runs lie that were made here, once they are closed."""
        if self._shown and not self._study.shown:
            self._study.keep_folders([shown.result() for shown in self._shown])

    def _show(self, first: RunConfig) -> None:
        for name in dict.fromkeys([*datasets_of(self._study.sweep), first.dataset]):
            try:
                data = self._images.load(name, first.val_fraction, first.train_size)
            except ConfigError:  # what fits one data set is too much for another
                data = self._images.load(name)
            show = functools.partial(
                show_data,
                data,
                mode=self._mode,
                project=first.wandb_project,
                entity=first.wandb_entity,
                group=self._study.name,
                opener=self._runs.opener,
            )
            self._shown.append(self._runs.show(show))


def datasets_of(sweep: SweepFile) -> list[str]:
    """The data sets that a sweep's points may use, to be fetched before anything is trained."""
    distribution = sweep.parameters.get("dataset")
    if distribution is None:
        return [RunConfig().dataset]
    return list(dict.fromkeys(distribution.support() or ()))
