"""A study as Optuna's tools read it: a journal file, which ``optuna-dashboard FILE`` opens.

Only Optuna's public interface is used. Its journal takes a run in less than a millisecond, its
SQLite storage in twenty.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dlsweep.config import ConfigError
from dlsweep.sweep.file import Metric, number, objective
from dlsweep.sweep.search import optuna_distribution, quiet
from dlsweep.sweep.study._runs import Row
from dlsweep.sweep.study._table import StudyTable

# Optuna calls a run pruned that was stopped, and one that has no value.
_STATES = {
    "waiting": TrialState.WAITING,
    "running": TrialState.RUNNING,
    "finished": TrialState.COMPLETE,
    "early_stopped": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "diverged": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def export_optuna(table: StudyTable, path: Path) -> None:
    """Write a study with all of its runs to a new file.

    Raises:
        OSError: where it cannot be written.
    """
    study, axes = _create(table, path)
    with quiet():
        study.add_trials([_trial(row, table.metrics, axes) for row in table.rows])


class OptunaMirror:
    """A file of Optuna's that is kept up to date while a sweep runs.

    Runs of the study that have ended and are not in the file are added to it at once.

    Args:
        path: the file; created where it does not exist, else one that a mirror has made.
        table: the study so far.

    Raises:
        ConfigError: in one line, where the file is something else or cannot be written.
    """

    def __init__(self, path: Path, table: StudyTable) -> None:
        self._metrics = table.metrics
        try:
            if path.is_dir():
                raise IsADirectoryError("it is a folder")
            self._study, self._axes = _create(table, path)
            trials = self._study.get_trials(deepcopy=False)
            self._present = {trial.user_attrs.get("number") for trial in trials}
            for row in table.rows:
                self.add(row)
        except Exception as error:  # what is not a journal fails in many ways
            why = (isinstance(error, OSError) and error.strerror) or str(error) or repr(error)
            why = " ".join(why.split())
            line = f"--mirror: {path} cannot be used: {why}; name a new file"
            raise ConfigError([line]) from None

    def add(self, row: Row) -> None:
        """Add a run that has ended, unless it is there."""
        if _STATES[row.status].is_finished() and row.number not in self._present:
            with quiet():
                self._study.add_trial(_trial(row, self._metrics, self._axes))
            self._present.add(row.number)


def _create(table: StudyTable, path: Path) -> tuple[optuna.Study, dict[str, BaseDistribution]]:
    """The Optuna study of a table in a file, and its distributions by parameter."""
    lock = JournalFileOpenLock(str(path)) if os.name == "nt" else None
    axes = table.sweep.space.axes if table.sweep is not None else ()
    with quiet():
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path), lock_obj=lock)),
            study_name=table.name,
            directions=[StudyDirection[metric.goal.upper()] for metric in table.metrics],
            load_if_exists=True,
        )
    return study, {axis.parameter: optuna_distribution(axis) for axis in axes}


def _trial(
    row: Row, metrics: Sequence[Metric], axes: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    state = _STATES[row.status]
    more = [objective(metric, row.history, row.summary) for metric in metrics[1:]]
    values = [value for value in (row.value, *more) if value is not None]
    complete = state is TrialState.COMPLETE and len(values) == len(metrics)
    curve = [number(epoch.get(metrics[0].name)) for epoch in row.history]
    params = {k: v for k, v in row.coordinates.items() if k in axes}
    attributes: dict[str, Any] = {
        **{name: getattr(row, name) for name in ("number", "run_id", "name", "status", "role")},
        "config": dict(row.config),
        **{k: v for k, v in row.summary.items() if isinstance(v, str) or number(v) is not None},
        **({"reason": row.reason} if row.reason else {}),
    }
    return FrozenTrial(
        number=-1,  # Optuna numbers trials itself
        trial_id=-1,
        state=TrialState.PRUNED if state is TrialState.COMPLETE and not complete else state,
        value=None,
        values=values if complete else None,
        datetime_start=_local(row.started),
        datetime_complete=_local(row.finished),
        params=params,
        distributions={name: axes[name] for name in params},
        user_attrs=attributes,
        system_attrs={},
        intermediate_values={i: v for i, v in enumerate(curve, start=1) if v is not None},
    )


def _local(time: datetime | None) -> datetime | None:
    """A time as in a trial that Optuna made itself: local, without a zone.

    Its journal keeps it with the zone's offset from Optuna 5 on.
    """
    return None if time is None else time.astimezone().replace(tzinfo=None)
