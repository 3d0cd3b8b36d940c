"""What a program logs, read while it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlsweep.tracking import TransactionLog, find_logs, forget_sweep, join_logs

_LOOK_REST = 20
"""How much longer than a search for logs the pause after it is: there may be 10,000 folders."""
_MOST_NAMES = 30


class ProgramLogs:
    """The logs of a program's run: several if it begins its run several times.

    Args:
        directory: see ``find_logs``.
        run_id: the same.

    Attributes:
        earlier: the rows of the logs that are there already, by name.
    """

    def __init__(self, directory: Path, run_id: str) -> None:
        self._directory = directory
        self._run_id = run_id
        self._logs: list[TransactionLog] = []
        self._look_at = 0.0
        self._numbers: set[str] = set()
        found = find_logs(directory, run_id)
        self.earlier = [row for path in found for row in self._rows(path)]
        self._following = False  # whether the last log is of the program that runs

    def read(self, *, last: bool) -> list[dict[str, Any]]:
        """The new rows, by name.

        Args:
            last: the program has ended, so that there will be no more.
        """
        rows = self._more() if self._following else []
        while last or not self._following or self._logs[-1].exit_code is not None:
            began = time.monotonic()
            if began < self._look_at and not last:
                break
            found = find_logs(self._directory, self._run_id)
            now = time.monotonic()
            self._look_at = now + _LOOK_REST * (now - began)
            seen = {log.path for log in self._logs}
            path = next((path for path in found if path not in seen), None)
            if path is None:
                break
            self._following = True
            rows += self._rows(path)
        return rows

    def _rows(self, path: Path) -> list[dict[str, Any]]:
        """The rows of a log that has not been read before."""
        self._logs.append(TransactionLog(path))
        return self._more()

    def _more(self) -> list[dict[str, Any]]:
        """The new rows of the last log."""
        rows = [row.values for row in self._logs[-1].read()]
        for row in rows:
            self._numbers.update(_numbers(row))
        return rows

    def summary(self) -> dict[str, Any]:
        """The summary of the last log."""
        return self._logs[-1].summary if self._logs else {}

    def info(self) -> dict[str, Any]:
        """Where the run is, as far as the logs that were read say so.

        Returns:
            ``logged``, the names of the numbers in the history and the summary, sorted, at most 30;
            and once a run has begun ``directory``, the folder of its last log; ``directories``,
            all, the oldest first, where there are several, see ``join``; ``entity`` and
            ``project``, empty where W&B chooses. A log that does not say which run it is of, as
            where the program was killed at once, is left out: `wandb sync` cannot read it.
        """
        names = self._numbers | _numbers(self.summary())
        info: dict[str, Any] = {"logged": sorted(names)[:_MOST_NAMES]}
        known = [log for log in self._logs if log.run is not None and log.path.exists()]
        directories = [str(log.path.parent) for log in known]
        if directories:
            info["directory"] = directories[-1]
        if len(directories) > 1:
            info["directories"] = directories
        for log in self._logs:
            if log.run is not None:
                info |= {"entity": log.run.entity, "project": log.run.project}
        return info

    def join(self) -> None:
        """Make one of the logs of the run, unless it is online; see ``join_logs``."""
        paths = find_logs(self._directory, self._run_id)
        if len(paths) > 1 and all(path.parent.name.startswith("offline-") for path in paths):
            join_logs(paths)

    def forget_sweep(self) -> None:
        """Take the sweep's id out of all logs of the run; see ``forget_sweep`` of ``tracking``."""
        for path in find_logs(self._directory, self._run_id):
            forget_sweep(path)


def _numbers(values: Mapping[str, Any]) -> set[str]:
    """The names of numbers, without wandb's own."""
    return {
        name
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name[:1] != "_"
    }
