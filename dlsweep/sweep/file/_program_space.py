"""The space of a sweep of a program, whose parameters are what the sweep file says they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dlsweep.sweep.file._distributions import Distribution
from dlsweep.sweep.file._settings import Config, Settings
from dlsweep.sweep.file._space import Coordinates, Space


class ProgramSpace(Space):
    """Points whose configurations are ``Settings``; see ``Space``.

    Args:
        parameters, grid: see ``Space``.
        paths: see ``Settings``.
    """

    def __init__(
        self,
        parameters: Mapping[str, Distribution],
        paths: Mapping[str, tuple[str, ...]],
        *,
        grid: bool = False,
    ) -> None:
        super().__init__(parameters, grid=grid)
        self._order = list(parameters)
        self._paths = paths

    def config(self, coordinates: Coordinates) -> Settings:
        """The configuration of a point; for a program any point is valid."""
        settings = self.settings(coordinates)
        return Settings({name: settings[name] for name in self._order}, self._paths)

    def restore(self, stored: Mapping[str, Any]) -> Settings:
        """The configuration that a study has stored, by its ``as_dict``; None if it is not one."""
        return Settings(dict(stored), self._paths)

    def _settings_of(self, config: Config) -> Mapping[str, Any]:
        return config.as_dict()

    def _is(self, config: Config, settings: dict[str, Any]) -> bool:
        # As text, for 1, 1.0 and true are different values of a program.
        one, other = (json.dumps(s, sort_keys=True) for s in (config.as_dict(), settings))
        return one == other
