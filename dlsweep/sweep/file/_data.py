"""The data sets of a sweep of built-in networks."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from dlsweep.config import VARIANT, ConfigError, RunConfig, setting_name
from dlsweep.config.errors import fold
from dlsweep.data import DataFacts as Facts
from dlsweep.data import DataSettings, describe, known_facts
from dlsweep.parts import DATASETS
from dlsweep.sweep.file._distributions import Distribution
from dlsweep.sweep.file._variant import as_settings

_NAMES = tuple(DataSettings.__dataclass_fields__)
_PATHS = ("dataset", "features", "features_weights")
_MOST = 100


def data_configs(parameters: Mapping[str, Distribution]) -> list[RunConfig]:
    """A configuration for each data set that a sweep's points may use, all else by default."""
    parameters = as_settings(parameters)
    varied = {name: parameters[name].support() or () for name in _NAMES if name in parameters}
    if math.prod(map(len, varied.values())) > _MOST:
        varied = {name: values[:1] for name, values in varied.items()}
    found = []
    for values in product(*varied.values()):
        try:
            found.append(RunConfig(**dict(zip(varied, values, strict=True))))
        except ConfigError:
            continue
    return list(dict.fromkeys(found))


def datasets_of(parameters: Mapping[str, Distribution]) -> list[str]:
    """The data sets known by name that a sweep's points may use."""
    names = dict.fromkeys(config.dataset for config in data_configs(parameters))
    return [name for name in names if name in DATASETS]


def data_contents(parameters: Mapping[str, Distribution]) -> list[str]:
    """What one's own data consists of, a digest for each that a sweep's points may use.

    Of data that is not in the cache nothing is known.
    """
    found = (known_facts(config) for config in data_configs(parameters))
    return [facts.content for facts in found if facts is not None and facts.content]


class KnownData:
    """What is known of data sets, found out once for each.

    Args:
        read: whether one's own data that is not in the cache yet is read for it.
    """

    def __init__(self, read: bool) -> None:
        self._read = read
        self._found: dict[DataSettings, Facts | ConfigError | None] = {}

    def of(self, config: RunConfig) -> Facts | None:
        """What is known of the data set of a configuration; None where it is not to be read.

        Raises:
            ConfigError: with what is wrong with the data.
        """
        settings = DataSettings.of(config)
        if settings not in self._found:
            try:
                known = describe(config, again=True) if self._read else known_facts(config)
                self._found[settings] = known
            except ConfigError as error:
                self._found[settings] = error
        found = self._found[settings]
        if isinstance(found, ConfigError):
            raise found
        return found


def beside_the_file(parameters: Any, folder: Path) -> Any:
    """The ``parameters`` of a sweep file, in which data and networks beside the file are found too.

    A path is relative to the working directory, as W&B has it; where there is nothing of that
    name, to the file.
    """
    if not isinstance(parameters, Mapping):
        return parameters
    found = dict(parameters)
    for key, spec in parameters.items():
        name = setting_name(str(key))
        if isinstance(spec, Mapping) and name in _PATHS:
            found[key] = {k: _beside(name, v, folder) for k, v in spec.items()}
        elif isinstance(spec, Mapping) and fold(key) == VARIANT:
            found[key] = {k: _beside_in_variants(v, folder) for k, v in spec.items()}
    return found


def _beside_in_variants(value: Any, folder: Path) -> Any:
    """As ``_beside``, for the settings of a variant, or of each of several."""
    if isinstance(value, list):
        return [_beside_in_variants(item, folder) for item in value]
    if not isinstance(value, Mapping):
        return value
    names = {key: setting_name(str(key)) for key in value}
    return {k: _beside(n, value[k], folder) if n in _PATHS else value[k] for k, n in names.items()}


def _beside(name: str | None, value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_beside(name, item, folder) for item in value]
    if not isinstance(value, str) or not value:
        return value
    path = value.rpartition(":")[0] if ".py:" in value else value
    if name != "dataset" and not {".", "/"} & set(path):  # the name of a network
        return value
    if os.path.isabs(path) or os.path.exists(path) or not (folder / path).exists():
        return value
    return str(folder.absolute() / value)


def with_dataset(written: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    """A sweep, as a mapping, whose runs all train on one data set.

    Raises:
        ConfigError: the sweep names one itself.
    """
    found = dict(written)
    key = next((key for key in found if fold(key) == "parameters"), "parameters")
    parameters = found.get(key) or {}
    if named := [name for name in parameters if setting_name(str(name)) == "dataset"]:
        raise ConfigError([f"{named[0]}: given by the sweep, and by data; leave it out of one"])
    found[key] = {**parameters, "dataset": {"value": dataset}}
    return found
