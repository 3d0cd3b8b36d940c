"""``--start``: a configuration that a sweep tries before all others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError, RunConfig, canonical_value, setting_name
from dlsweep.config.errors import did_you_mean, shown
from dlsweep.sweep.file import BuiltinSpace, Coordinates, SweepFile, read_yaml
from dlsweep.sweep.study import StudyTable, list_studies

_ENDINGS = (".yaml", ".yml", ".json")


def start_point(sweep: SweepFile, start: str, storage: str | None = None) -> Coordinates:
    """The point of a sweep that has the settings of a run, or of a file.

    Settings that the sweep does not vary are left as it has them; of a built-in run, those that a
    file does not name have their defaults.

    Args:
        sweep: what is searched.
        start: a YAML or JSON file of settings; or the name or id of a run, or the name of a study,
            whose best configuration is meant.
        storage: the study file.

    Raises:
        ConfigError: with one line for each setting that is not in the space.
    """
    settings = _of_file(Path(start)) if start.endswith(_ENDINGS) else _of_run(start, storage)
    if sweep.command is None:
        settings = {**vars(RunConfig()), **_canonical(settings)}
    if isinstance(sweep.space, BuiltinSpace):
        settings = dict(sweep.space.with_variant(settings))
    found: Coordinates = {}
    problems = []
    for axis in sweep.space.axes:
        if axis.setting not in settings:
            problems.append(f"--start: {start} says nothing of {axis.setting}")
            continue
        value = settings[axis.setting]
        found[axis.parameter] = axis.locate(value)
        if not axis.has(found[axis.parameter], value):
            problems.append(f"--start: {axis.setting} {shown(value)} is not in the sweep's space")
    if problems:
        raise ConfigError(problems)
    sweep.space.config(found)  # which says so where its settings contradict each other
    return found


def _of_file(path: Path) -> dict[str, Any]:
    settings = read_yaml(path)
    if not isinstance(settings, Mapping) or not settings:
        raise ConfigError([f"--start: {path} holds no settings such as learning_rate: 0.01"])
    return {str(name): value for name, value in settings.items()}


def _canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of built-in runs by their names, as ``RunConfig`` has them."""
    found, problems = {}, []
    for key, value in settings.items():
        name = setting_name(key)
        if name is None:
            problems.append(f"--start: {key} is not a setting")
            continue
        try:
            found[name] = canonical_value(name, value)[0]
        except ConfigError as error:
            problems += [f"--start: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(problems)
    return found


def _of_run(name: str, storage: str | None) -> dict[str, Any]:
    studies = list_studies(storage)[::-1]
    for study in studies:
        for row in study.rows:
            if row.run_id and name in (row.name, row.run_id):
                return dict(row.config)
    for study in studies:
        if name in (study.name, study.sweep and study.sweep.name):
            return _of_best(study)
    names = [row.name for study in studies for row in study.rows if row.run_id]
    hint = did_you_mean(name, [*names, *(study.name for study in studies)])
    raise ConfigError([f"--start: {shown(name)} is not a file, run or study{hint}"])


def _of_best(study: StudyTable) -> dict[str, Any]:
    if study.best is None:
        raise ConfigError([f"--start: no run of study {study.name} has a result"])
    return dict(study.best.config)
