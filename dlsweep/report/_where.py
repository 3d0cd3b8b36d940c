"""A choice of runs by their settings, for blocks that show some runs of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlsweep.report._runs import RunsTable, level
from dlsweep.report._words import listed
from dlsweep.sweep import Row


@dataclass(frozen=True)
class Where:
    """Runs whose settings have these values; made by ``where``.

    Attributes:
        values: for each setting the values that it may have, as text.
    """

    values: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of(self, table: RunsTable) -> list[Row]:
        """The runs of a table that are meant, in their order; those beside the sweep too."""
        return [run for run in table.runs if self.has(run)]

    def has(self, run: Row) -> bool:
        """Whether a run is meant."""
        config = together(run.config)
        return all(level(config.get(name)) in texts for name, texts in self.values)

    def words(self) -> str:
        """The choice as people read it; empty where all runs are meant."""
        return ", ".join(f"{name} = {listed(texts, 'or')}" for name, texts in self.values)


ALL = Where()
"""All runs."""


def where(**settings: Any) -> Where:
    """The runs whose settings have these values.

    Args:
        settings: by name; a set means any of its values, a list is one value. Without any, all
            runs are meant.
    """
    return Where(
        tuple(
            (name, tuple(sorted(map(level, value if _is_set(value) else [value]))))
            for name, value in settings.items()
        )
    )


def _is_set(value: Any) -> bool:
    return isinstance(value, set | frozenset)


def together(config: Mapping[str, Any]) -> dict[str, Any]:
    """A program's settings with those of its ``variant``, a dictionary, in their place."""
    found = dict(config)
    variant = found.get("variant")
    if isinstance(variant, Mapping):
        del found["variant"]
        found.update(variant)
    return found
