"""Who is told of what happens in a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dlsweep.sweep._point import Point
from dlsweep.sweep._rows import Row
from dlsweep.training import EpochMetrics


class Watcher(Protocol):
    """Told of what happens in a sweep, to show it."""

    def started(self, points: Sequence[Point]) -> None:
        """These runs have begun."""

    def trained(self, point: Point, metrics: EpochMetrics) -> None:
        """A run has trained an epoch."""

    def ended(self, row: Row) -> None:
        """A run is over."""
