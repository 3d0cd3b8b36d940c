"""The wandb runs that show a sweep's data sets."""

from __future__ import annotations

import dataclasses
import functools
from concurrent.futures import Future
from pathlib import Path

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import DataSettings, load_for
from dlsweep.sweep.file import data_configs
from dlsweep.sweep.study import Study
from dlsweep.tracking import Background, show_data


class DataRuns:
    """Shows each data set of a study once, in a run of its own, while the points train.

    Args:
        study: remembers the folders of these runs.
        runs: the wandb runs of this process.
        mode: the mode of the wandb runs.
    """

    def __init__(self, study: Study, runs: Background, mode: str) -> None:
        self._study = study
        self._runs = runs
        self._mode = mode
        self._shown: list[Future[Path]] = []

    def show(self, first: RunConfig) -> None:
        """Show the data sets, if that was not done; ``first`` is a configuration in training."""
        if self._shown or self._study.folders or first.figures == "none":
            return
        configs = [*data_configs(self._study.sweep.parameters), first]
        for settings in dict.fromkeys(map(DataSettings.of, configs)):
            config = dataclasses.replace(
                first, **vars(settings), model="feedforward", model_settings=()
            )
            try:
                data = load_for(config)
            except ConfigError:  # another data set is too small for these settings
                try:
                    data = load_for(RunConfig(**vars(settings)))
                except ConfigError:  # and this one cannot be trained on at all
                    continue
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

    def keep(self, *, wait: bool = True) -> None:
        """Record where the runs are, once they are closed.

        Args:
            wait: until they are; else only if they are closed by now.
        """
        if self._shown and (wait or all(shown.done() for shown in self._shown)):
            self._study.keep_folders([shown.result() for shown in self._shown])
            self._shown.clear()
