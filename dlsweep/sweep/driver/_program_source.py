"""The source that is a study of a program, whose runs track themselves."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from dlsweep.config.errors import did_you_mean
from dlsweep.sweep.driver._adding import Adding
from dlsweep.sweep.driver._confirming import ConfirmOptions
from dlsweep.sweep.driver._study_runs import StudyRuns
from dlsweep.sweep.study import Row, Run, Study
from dlsweep.tracking import Outcome

_log = logging.getLogger("dlsweep.sweep")

MOST_INITIAL_FAILURES = 5
"""How many runs must fail, the first of a command and all alike, before it stops."""

_SHOWN = 10


class ProgramSource(StudyRuns):
    """Hands out runs of a program; the program itself makes its wandb runs. See ``Source``.

    If the first runs all fail alike, no more are handed out: the program, its command or this
    machine is wrong, rather than the points. These runs are then run again by the next command.

    Args:
        study: open and owned by this process.
        at_once: see ``Source``.
        on_ended: called with the row of each run that has ended.
        confirm, adding: see ``StudyRuns``.
        keep_going: hand out more, however many have failed.
        notify: called with each line for the user, once.
    """

    def __init__(
        self,
        study: Study,
        *,
        at_once: int,
        on_ended: Callable[[Row], None] = lambda row: None,
        confirm: ConfirmOptions | None = None,
        adding: Adding | None = None,
        keep_going: bool = False,
        notify: Callable[[str], None] = _log.warning,
    ) -> None:
        super().__init__(study, at_once=at_once, on_ended=on_ended, confirm=confirm, adding=adding)
        self._notify = functools.cache(notify)
        self._failures: list[tuple[Run, Row]] | None = None if keep_going else []
        self.gave_up: Row | None = None
        """The last of the failed runs for which the sweep stops; None as long as it goes on."""

    @property
    def leave_asked(self) -> bool:
        """Whether the driver is to leave: the whole sweep is to stop."""
        return self.gave_up is not None or super().leave_asked

    @property
    def exhausted(self) -> bool:
        """Whether there will never be another run to take."""
        return self.gave_up is not None or super().exhausted

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """A run has ended, after its last ``epoch``."""
        self._failures = None
        row = super().ended(run, outcome)
        name = self._study.sweep.metric.name
        if row.value is None and name:
            self._notify(not_logged(row, name))
        return row

    def failed(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """A run cannot be trained."""
        row = super().failed(run, reason, info)
        if self._failures is not None:
            self._failures.append((run, row))
            if len({_kind(row.reason) for _, row in self._failures}) > 1:
                self._failures = None
            elif len(self._failures) == MOST_INITIAL_FAILURES:
                self.gave_up = row
        return row

    def close(self) -> None:
        """The driver has ended; wait until everything is stored and sent."""
        if self.gave_up is not None and self._failures:
            self._study.reopen([run for run, _ in self._failures])
            self._unfinished = True
        super().close()


def _kind(reason: str) -> str:
    """A reason without the numbers in it, which differ from point to point."""
    return re.sub(r"[-+.\d]+(e[-+]?\d+)?", "#", reason)


def not_logged(row: Row, name: str) -> str:
    """A line for a program that ended well without logging the metric."""
    logged = row.info.get("logged", ())
    if not logged:
        return f"{row.name} ended without logging {name}; it logged no numbers"
    more = f" and {len(logged) - _SHOWN} more" if len(logged) > _SHOWN else ""
    what = f"it logged {', '.join(logged[:_SHOWN])}{more}"
    return f"{row.name} ended without logging {name}; {what}{did_you_mean(name, logged)}"
