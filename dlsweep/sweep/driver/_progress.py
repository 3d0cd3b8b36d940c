"""The callbacks by which a driver shows what it does."""

from __future__ import annotations

from collections.abc import Sequence

from dlsweep.sweep.study import Metrics, Row, Run


class Progress:
    """Callbacks for what happens in a sweep. These do nothing; subclasses show it."""

    def planned(self, runs: Sequence[Run]) -> None:
        """These runs are going to be trained, now or later."""

    def started(self, runs: Sequence[Run]) -> None:
        """Training of these runs begins, or begins again."""

    def epoch(self, run: Run, metrics: Metrics) -> None:
        """A run has trained an epoch, or a program has logged a row."""

    def ended(self, row: Row) -> None:
        """A run has ended."""
