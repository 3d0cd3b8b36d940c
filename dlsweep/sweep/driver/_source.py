"""Where a driver's runs come from and where their results go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.sweep.file import Config
from dlsweep.sweep.search import EarlyTermination
from dlsweep.sweep.study import Metrics, PlannedStack, Row, Run
from dlsweep.tracking import Outcome


class Source(ABC):
    """Hands out the runs of a sweep and keeps their results: a study, or a W&B sweep.

    A run is open from ``take`` until ``ended``, ``failed``, ``stopped`` or ``give_back``.

    Args:
        at_once: how many runs may be open at once.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._stops: deque[str] = deque()

    # Runs

    @property
    def patient(self) -> bool:
        """Whether what ``take`` hands out does not depend on ``ended``, which may come later."""
        return False

    @abstractmethod
    def take(self, n: int) -> list[Run]:
        """Up to ``n`` runs to train; fewer or none if there are no more now."""

    @property
    @abstractmethod
    def exhausted(self) -> bool:
        """Whether there will never be another run to take."""

    @abstractmethod
    def config(self, number: int) -> Config:
        """The configuration of a run, whether it is open or has ended."""

    def wait(self) -> None:
        """Wait a little for another run; called while nothing trains and nothing can be taken."""

    def marks(self, run: Run) -> dict[str, Any]:
        """The job type and tags of a run's wandb run; those that it has none of are left out."""
        return {}

    # Stacks

    def left_over(self) -> Sequence[tuple[PlannedStack | None, list[Run]]]:
        """What an earlier process left unfinished: stacks with the runs that had not ended.

        The stack is None for runs that were in no stack yet.
        """
        return []

    @abstractmethod
    def plan(self, stacks: Sequence[Sequence[Run]]) -> list[PlannedStack]:
        """Record which runs are to be trained together."""

    @abstractmethod
    def begin(self, stack: PlannedStack) -> PlannedStack:
        """Record that the training of a stack begins."""

    @abstractmethod
    def checkpoint(self, stack: PlannedStack) -> Path:
        """Where the checkpoint of a stack is kept."""

    # Results

    @abstractmethod
    def started(self, runs: Sequence[Run]) -> None:
        """The training of these runs begins, or begins again."""

    @abstractmethod
    def epoch(self, run: Run, metrics: Metrics, outcome: Outcome | None) -> None:
        """A run has trained an epoch; with its last one comes its outcome."""

    @abstractmethod
    def ended(self, run: Run, outcome: Outcome) -> Row:
        """A run has ended, after its last ``epoch``."""

    @abstractmethod
    def failed(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """A run cannot be trained.

        Args:
            run: the run.
            reason: why, in one line.
            info: what is known of it besides, such as where its output is.
        """

    @abstractmethod
    def stopped(self, run: Run) -> Row:
        """A run was stopped before its training began, or began again."""

    def died(self, runs: Sequence[Run]) -> None:
        """Record ``Run.deaths``: a worker has died training these runs."""

    @abstractmethod
    def give_back(self, run: Run) -> None:
        """The driver ends before this run has; it is trained again later."""

    # Requests of users and of the server

    @property
    def leave_asked(self) -> bool:
        """Whether the driver is to leave: the whole sweep is to stop."""
        return False

    def stops_asked(self) -> list[str]:
        """The ids of the runs that are to stop, since the last call."""
        return [self._stops.popleft() for _ in range(len(self._stops))]

    def early_termination(self) -> EarlyTermination | None:
        """The stopping rule that the driver applies, with the metrics of earlier runs."""
        return None

    def rungs(self, longest: int) -> list[int]:
        """The epochs, up to ``longest``, with which runs may pause; none where they never do."""
        return []

    def promoted(self) -> Sequence[tuple[PlannedStack, list[Run]]]:
        """Runs that have paused and go on now, with the stacks that they are to be trained in."""
        return []

    # The end

    def abort(self, error: Exception) -> None:
        """The driver ends with an error; the open runs are given back after this."""

    @abstractmethod
    def keep(self) -> None:
        """The driver is interrupted: write what was logged to the disk, wait for no server."""

    @abstractmethod
    def close(self) -> None:
        """The driver has ended; wait until everything is stored and sent."""
