"""The configuration of a program's run: what the sweep file gives, whatever it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dlsweep.config import RunConfig


@dataclass(frozen=True)
class Settings:
    """The values of a program's parameters at one point of a sweep.

    Attributes:
        values: the value of each parameter, as JSON has it; the names of nested parameters are
            joined by dots.
        paths: of nested parameters, the names that make up the joined one.
    """

    values: Mapping[str, Any]
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The values by name, as a study keeps them; see ``values``."""
        return dict(self.values)

    def nested(self) -> dict[str, Any]:
        """The values as the program gets them: mappings for nested parameters."""
        found: dict[str, Any] = {}
        for name, value in self.values.items():
            *parents, last = self.paths.get(name, (name,))
            node = found
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
        return found


Config = RunConfig | Settings
"""The configuration of a run: of a built-in network, or of a program."""
