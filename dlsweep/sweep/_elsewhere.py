"""What other machines do with the runs of a sweep that they share, and what that leaves to do here.

A run has one whole folder for `wandb sync` in the end, on the machine whose result counts: those
that other machines have of it go when they hear of it.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dlsweep.sweep._attempt import is_end_of, mark
from dlsweep.sweep._background import BackgroundRun
from dlsweep.sweep._hyperband import EarlyTermination
from dlsweep.sweep._mending import StackJob
from dlsweep.sweep._rows import Row
from dlsweep.sweep._study import Study
from dlsweep.tracking import TrackedRun

_log = logging.getLogger("dlsweep.sweep")

_OPEN = ("waiting", "running")

Told = Callable[[Sequence[Row], int], None]
"""Told of runs of which there is something new elsewhere, and of how many machines are at work."""


class Elsewhere:
    """Hears what becomes of runs on other machines.

    Args:
        study: the study.
        jobs: the stacks in training here, by number; what was lost leaves them.
        drop: called with the number of a stack of which nothing is left.
        rule: the sweep's ``early_terminate``, which learns from all runs.
        told: whom else to tell.
    """

    def __init__(
        self,
        study: Study,
        jobs: Mapping[int, StackJob],
        drop: Callable[[int], None],
        rule: EarlyTermination | None,
        told: Told,
    ) -> None:
        self._study = study
        self._jobs = jobs
        self._drop = drop
        self._rule = rule
        self._told = told
        self._machines = 1
        self._ended: dict[int, Path] = {}
        self._places = {(Path(os.environ.get("WANDB_DIR") or ".") / "wandb").absolute()}
        self.lost: set[int] = set()
        """Runs that were this process's and are not any more."""

    def opened(self, run: TrackedRun) -> None:
        """A run has begun here."""
        self._places.add(run.directory.parent)
        if run.offline and not self._study.owned:
            mark(run.directory)

    def ended(self, number: int, run: BackgroundRun) -> None:
        """A run has ended here; whether this is the end that counts, the study says later."""
        if run.offline and not self._study.owned:
            self._ended[number] = run.directory

    def listen(self) -> None:
        """Hear what is new; soon, for the study looks it up every few seconds."""
        rows = self._study.news()
        taken = [row.number for row in self._study.lost() if self._let_go(row)]
        if taken:
            runs = f"run {taken[0]}" if len(taken) == 1 else f"{len(taken)} runs"
            _log.warning("%s taken over by another machine: what was kept here is removed", runs)
        if self._rule is not None:
            for row in rows:
                self._rule.add(row.number, row.history)
        self._clear({row.run_id: row for row in rows if row.status not in _OPEN})
        if rows or self._machines != self._study.machines:
            self._machines = self._study.machines
            self._told(rows, self._machines)

    def _let_go(self, row: Row) -> bool:
        """Give up a run that is another machine's; False where it never was, but this one's."""
        own = self._ended.pop(row.number, None)
        if own is not None and is_end_of(row, own):
            return False
        self.lost.add(row.number)
        if own is not None:
            withdraw(own)
        for job, stack in self._jobs.items():
            for i in [i for i, point in stack.points.items() if point.number == row.number]:
                del stack.points[i]
                run = stack.runs.pop(i)
                if run.offline:
                    run.discard("taken over by another machine")
                    withdraw(run.directory)
                else:  # the same run goes on from elsewhere, whatever is said here
                    run.finish()
                if not stack.points:
                    self._drop(job)
        return True

    def _clear(self, ended: Mapping[str, Row]) -> None:
        """Withdraw what dead processes have left here of runs that have ended elsewhere."""
        for place in self._places if ended else ():
            for folder in place.glob("offline-run-*-*"):
                row = ended.get(folder.name.split("-")[3])
                if row and row.info.get("directory") and not is_end_of(row, folder):
                    withdraw(folder)


def withdraw(folder: Path) -> None:
    """Keep `wandb sync` from a run's folder: remove it, or else mark it as sent."""
    shutil.rmtree(folder, ignore_errors=True)
    for file in folder.glob("*.wandb"):
        try:
            file.with_name(f"{file.name}.synced").touch()
        except OSError:
            _log.warning("%s cannot be removed; do not sync it, its run is another's", folder)
