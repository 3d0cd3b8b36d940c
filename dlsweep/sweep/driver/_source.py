"""Where a driver's runs come from and where their results go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from dlsweep.config import RunConfig
from dlsweep.sweep.search import EarlyTermination
from dlsweep.sweep.study import PlannedStack, Row, Run
from dlsweep.tracking import Outcome
from dlsweep.training import EpochMetrics, Layout


class Source(Protocol):
    """Hands out the runs of a sweep and keeps their results: a study, or a W&B sweep.

    A run is open from ``take`` until ``ended``, ``failed``, ``stopped`` or ``give_back``.
    """

    at_once: int
    """How many runs may be open at once."""

    # Runs

    def take(self, n: int) -> list[Run]:
        """Up to ``n`` runs to train; fewer or none if there are no more now."""

    @property
    def exhausted(self) -> bool:
        """Whether there will never be another run to take."""

    @property
    def remaining(self) -> int:
        """How many runs of the sweep were not taken yet; 0 if that is not known."""

    def config(self, number: int) -> RunConfig:
        """The configuration of a run, whether it is open or has ended."""

    def wait(self) -> None:
        """Wait a little for another run; called while nothing trains and nothing can be taken."""

    # Stacks

    def left_over(self) -> Sequence[tuple[PlannedStack | None, list[Run]]]:
        """What an earlier process left unfinished: stacks with the runs that had not ended.

        The stack is None for runs that were in no stack yet.
        """

    def history(self) -> tuple[list[RunConfig], bool]:
        """The configurations of all runs so far, and whether a stack of theirs was compiled."""

    def plan(self, stacks: Sequence[Sequence[Run]]) -> list[PlannedStack]:
        """Record which runs are to be trained together."""

    def begin(self, stack: PlannedStack, compile_for: Layout | None) -> PlannedStack:
        """Record that the training of a stack begins, and which layout it is compiled for."""

    def checkpoint(self, stack: PlannedStack) -> Path:
        """Where the checkpoint of a stack is kept."""

    # Results

    def started(self, runs: Sequence[Run]) -> None:
        """The training of these runs begins, or begins again."""

    def epoch(self, run: Run, metrics: EpochMetrics, outcome: Outcome | None) -> None:
        """A run has trained an epoch; with its last one comes what it came to."""

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """A run has ended, after its last ``epoch``."""

    def failed(self, run: Run, reason: str) -> Row:
        """A run cannot be trained."""

    def stopped(self, run: Run) -> Row:
        """A run was stopped before its training began, or began again."""

    def died(self, runs: Sequence[Run]) -> None:
        """Record ``Run.deaths``: a worker has died training these runs."""

    def give_back(self, run: Run) -> None:
        """The driver ends before this run has; it is trained again later."""

    # What is asked from outside

    @property
    def leave_asked(self) -> bool:
        """Whether the driver is to leave: somebody has stopped the whole sweep."""

    def stops_asked(self) -> Collection[str]:
        """The ids of the runs that somebody has asked to stop since the last call."""

    def early_termination(self) -> EarlyTermination | None:
        """The stopping rule that the driver applies, with what it knows of earlier runs."""

    # The end

    def abort(self, error: Exception) -> None:
        """The driver ends with an error; the open runs are given back after this."""

    def keep(self) -> None:
        """The driver is interrupted: put what was logged on the disk, wait for no server."""

    def close(self) -> None:
        """The driver has ended; wait until everything is stored and sent."""
