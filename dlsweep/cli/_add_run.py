"""``dlsweep train --study``: a run that is added to a local study."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlsweep.cli._lines import result_line, show_epoch
from dlsweep.cli._table import value_text
from dlsweep.cli._values import storage_words
from dlsweep.config import ConfigError, RunConfig

if TYPE_CHECKING:
    from dlsweep.sweep import Row, Run, Study
    from dlsweep.sweep.study import Metrics


def add_run(name: str, storage: str | None, settings: Mapping[str, Any]) -> int:
    """Train a run and keep it in a study; the exit code.

    Args:
        name: of the study; one is made where there is none.
        storage: see ``Study.open``.
        settings: of the run, as a user has given them.

    Raises:
        ConfigError: if the study cannot be used, or is a program's.
        KeyboardInterrupt: if the run was interrupted; the same command goes on with it.
    """
    from dlsweep.data import check_data
    from dlsweep.sweep import Study
    from dlsweep.sweep.local import collecting, run_like
    from dlsweep.tracking._project import project_of_environment

    config = RunConfig(**settings)
    if "wandb_project" not in settings and (project := project_of_environment()):
        config = dataclasses.replace(config, wandb_project=project)
    check_data(config)
    with Study.open_named(name, storage, new=collecting(name, config)) as study:
        if study.sweep.command is not None:
            line = f"--study: {study.name} has the runs of a program; give the study another name"
            raise ConfigError([line])
        there = run_like(study, config)
        if there is None or there.status in ("running", "waiting"):
            if there is not None and there.role == "search" and study.searches:
                line = f"{there.name} of study {study.name} has these settings; its sweep trains it"
                raise ConfigError([f"--study: {line} when it goes on"])
            there = _train(study, config, there, storage)
        else:
            said = f"study {study.name} has a run with these settings, which is not trained again"
            print(f"dlsweep: {said}", file=sys.stderr)
        metric = study.sweep.metric
    where = storage or "dlsweep.db"
    if there.status == "failed":
        print(f"error: {there.name} of study {study.name} failed: {there.reason}", file=sys.stderr)
        return 1
    print(result_line(config, there.summary))
    value = f", {metric.name} {value_text(there.value)}" if there.value is not None else ""
    print(f"{there.name} in study {study.name} in {where}{value}")
    words = shlex.join(["dlsweep", "runs", study.name, *storage_words(storage)])
    print(f"next: {words}  all runs as a table")
    return 0


def _train(study: Study, config: RunConfig, before: Row | None, storage: str | None) -> Row:
    from dlsweep.sweep import LocalSweep, Progress, SweepOptions
    from dlsweep.sweep.local import adding_run

    class Shown(Progress):
        """Each epoch as a line."""

        row: Row | None = None

        def epoch(self, run: Run, metrics: Metrics) -> None:
            """A run has trained an epoch, or a program has logged a row."""
            show_epoch(config, metrics)  # type: ignore[arg-type]

        def ended(self, row: Row) -> None:
            """A run has ended."""
            self.row = row

    shown = Shown()
    options = SweepOptions(storage=storage, workers=1, settings={"device": config.device})
    adding = adding_run(study, config, before)
    with LocalSweep(study.sweep, options, study=study, adding=adding) as local:
        local.run(shown)
        if local.mode == "offline" and shown.row is not None:
            sync = shlex.join(["dlsweep", "sync", study.name, *storage_words(storage)])
            print(f"dlsweep: the run is kept offline; upload it with: {sync}", file=sys.stderr)
    if shown.row is None:
        print("dlsweep: the run is saved; the same command goes on", file=sys.stderr)
        raise KeyboardInterrupt
    return shown.row
