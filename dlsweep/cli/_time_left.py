"""How long the rest of a sweep takes, from how long its first runs took."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dlsweep.config import RunConfig

if TYPE_CHECKING:
    from dlsweep.sweep import Run

_CLOSING = 0.05
"""What a built-in run costs beside its training, in the units of ``cost``: its wandb run, above
all. In seconds of a core that the estimate of ``cost`` is made for."""


class TimeLeft:
    """Estimates the time left from the work that was done since the first run began.

    Runs are unequal: the work of a built-in run is what the planner expects it to cost, and the
    share of it that is done is that of its epochs. How long a program takes is not known before one
    has ended; runs are then taken to be equally long.

    Args:
        runs: how many runs of the sweep are to be trained; None if it has no end.
        role: of these runs; there may be others besides, which are not known before they are
            planned.
    """

    def __init__(self, runs: int | None, role: str = "search") -> None:
        self._role = role
        self._runs = runs
        self._work: dict[int, float] = {}  # of each run that is known, by number
        self._known = 0.0  # their sum
        self._share: dict[int, float] = {}  # of its work that a run has done
        self._done = 0.0  # the work that all have done
        self._extra = 0  # runs that are not among those
        self._programs = False
        self._began: float | None = None
        self._running: dict[int, float] = {}  # when each running one began
        self._took: list[float] = []  # seconds of the runs that have ended
        self._at_once = 1

    def planned(self, runs: Iterable[Run]) -> None:
        """These runs are going to be trained."""
        for run in runs:
            if run.number not in self._work:
                self._programs |= not isinstance(run.config, RunConfig)
                self._work[run.number] = work = _work(run)
                self._known += work
                self._extra += run.role not in (self._role, "repeat")

    def started(self, runs: Iterable[Run]) -> None:
        """The training of these runs begins."""
        runs = list(runs)
        self.planned(runs)
        now = time.monotonic()
        if self._began is None:
            self._began = now
        self._running |= {run.number: now for run in runs}
        self._at_once = max(self._at_once, len(self._running))

    def epoch(self, run: Run, epoch: int) -> None:
        """A run has trained so many epochs."""
        if isinstance(run.config, RunConfig):
            self._set_share(run.number, min(1.0, epoch / run.config.epochs))

    def ended(self, number: int) -> None:
        """A run has ended, perhaps early."""
        began = self._running.pop(number, None)
        if began is not None:
            self._took.append(time.monotonic() - began)
        self._work.setdefault(number, 0.0)  # it was never begun
        self._set_share(number, 1.0)

    def _set_share(self, number: int, share: float) -> None:
        self._done += self._work.get(number, 0.0) * (share - self._share.get(number, 0.0))
        self._share[number] = share

    def seconds(self) -> float | None:
        """The seconds that are left; None where that is not known yet."""
        if self._runs is None or self._began is None:
            return None
        unknown = max(0, self._runs + self._extra - len(self._work))
        if self._programs:
            return self._of_programs(unknown)
        if self._done <= 0:
            return None
        left = self._known - self._done + unknown * self._known / len(self._work)
        return max(0.0, (time.monotonic() - self._began) / self._done * left)

    def _of_programs(self, unknown: int) -> float | None:
        if not self._took:
            return None
        now = time.monotonic()
        mean = sum(self._took) / len(self._took)
        running = sum(max(0.0, mean - (now - began)) for began in self._running.values())
        waiting = sum(run not in self._share and run not in self._running for run in self._work)
        return (running + (waiting + unknown) * mean) / self._at_once


def _work(run: Run) -> float:
    """How much work a run is, compared with the others."""
    if not isinstance(run.config, RunConfig):
        return 1.0
    from dlsweep.training import cost  # torch, which is there once a run is

    return cost(run.config) + _CLOSING


def duration(seconds: float) -> str:
    """Seconds in words: 40 s, 12 min, 3.4 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
