"""How a study's runs end, and which of them go on."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep._store import store
from dlsweep.sweep.file import objective
from dlsweep.sweep.study._contents import StudyContents
from dlsweep.sweep.study._database import as_json, from_json
from dlsweep.sweep.study._reading import row_of
from dlsweep.sweep.study._runs import ENDED, PlannedStack, Row, Run


class StudyResults(StudyContents):
    """Stores how the runs of a study end, and hands out again those that have not ended."""

    @abstractmethod
    def _ended(self, row: Row) -> None:
        """A run has ended; called once that is stored."""

    # Ends

    def finish(
        self,
        run: Run,
        status: str,
        history: Sequence[Mapping[str, Any]] = (),
        summary: Mapping[str, Any] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> Row:
        """Store a run's end, in one transaction.

        Args:
            run: what was trained.
            status: finished, early_stopped, stopped or diverged.
            history: what was logged every epoch, in order, numbers by name.
            summary: what was logged at the end, by name.
            info: what else is to be kept with the run, as JSON has it, such as its directory.

        Returns:
            The run's row. Its value is the metric's last logged one; a run that diverged or never
            logged the metric has none, and counts for bayes as one of the worst.

        Raises:
            ValueError: it has ended before.
        """
        if status not in ENDED:
            raise ValueError(f"status {status!r}; choose from {', '.join(ENDED)}")
        epochs, end = json.loads(as_json([list(history), dict(summary or {})]))  # plain numbers
        value = None if status == "diverged" else objective(self.sweep.metric, epochs, end)
        columns = {"status": status, "value": value, "summary": end, "info": info or {}}
        return self._end(run.number, columns, epochs)

    def fail(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """Store that a run has failed, and why, with what it had logged; it is not tried again."""
        history = json.loads(as_json([metrics.as_dict() for metrics in run.history]))
        columns = {"status": "failed", "reason": reason, "info": info or {}}
        return self._end(run.number, columns, history)

    def reopen(self, runs: Sequence[Run]) -> None:
        """Let runs that have failed wait, so that the next ``open`` of the study hands them out."""
        self._database.write(
            "UPDATE runs SET status = 'waiting', reason = '', finished = NULL "
            "WHERE study = ? AND number = ? AND status = 'failed' AND run_id IS NOT NULL",
            [(self._id, run.number) for run in runs],
        )

    def _end(
        self, number: int, columns: Mapping[str, Any], history: Sequence[Mapping[str, Any]] = ()
    ) -> Row:
        """Store the end of a run: columns of its row, and its epochs."""
        self._unwritten.pop(number, None)
        with self._database.transaction() as connection:
            row = row_of(end_run(connection, (self._id, number), columns, history), history)
        self._ended(row)
        return row

    # What goes on

    def left_over(
        self, only: Collection[int] | None = None
    ) -> list[tuple[PlannedStack | None, list[Run]]]:
        """What a dead process left unfinished: its stacks, each with the runs that are still open.

        Runs that were in no stack yet come last, with None. All of them count as handed out from
        now on, and their ``attempt`` is one more than before.

        Args:
            only: the numbers of the runs that are handed out; by default all.
        """
        left: dict[int | None, list[Run]] = {}
        columns = "number, config, run_id, name, attempt + 1, deaths, role, repeat_of, stack"
        waiting = "study = ? AND status = 'waiting'"
        if only is not None:
            waiting += f" AND number IN ({', '.join(str(int(n)) for n in only)})"
        rows = self._database.query(
            f"SELECT {columns} FROM runs WHERE {waiting} ORDER BY number", self._id
        )
        update = f"UPDATE runs SET status = 'running', attempt = attempt + 1 WHERE {waiting}"
        self._database.write(update, [(self._id,)])
        for number, text, *identity, role, repeat_of, stack in rows:
            settings = from_json(text, f"the config of run {number}")
            config = self.sweep.space.restore(settings)
            if config is None:
                reason = "its configuration is not valid in this version of dlsweep"
                self._end(number, {"status": "failed", "reason": reason})
            else:
                run = Run(number, config, *identity)
                run.role, run.repeat_of = role, repeat_of
                left.setdefault(stack, []).append(run)
        unstacked = left.pop(None, [])
        found: list[tuple[PlannedStack | None, list[Run]]] = [
            (self._stack(key), left[key]) for key in sorted(k for k in left if k is not None)
        ]
        return found + ([(None, unstacked)] if unstacked else [])

    def promote(self, numbers: Sequence[int], rung: Path) -> tuple[PlannedStack, list[Run]]:
        """Let runs of one stack that have paused go on, in a stack of their own.

        Args:
            numbers: of the runs.
            rung: the stack as it was when they paused, which becomes the new one's checkpoint.
        """
        marks = ", ".join("?" * len(numbers))
        where = f"study = ? AND number IN ({marks}) AND status = 'stopped'"
        rows = self._database.query(
            f"SELECT * FROM runs WHERE {where} ORDER BY number", self._id, *numbers
        )
        [old] = {row["stack"] for row in rows}
        before = self._stack(old)
        stack = dataclasses.replace(before, id=self._last_stack + 1, begun=True)
        store(self.checkpoint(stack), rung.read_bytes())
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO stacks (study, id, members, begun) VALUES (?, ?, ?, 1)",
                (self._id, stack.id, as_json(stack.members)),
            )
            connection.execute(
                "UPDATE runs SET status = 'running', stack = ?, attempt = attempt + 1, "
                f"finished = NULL, value = NULL WHERE {where}",
                (stack.id, self._id, *numbers),
            )
        self._last_stack += 1
        runs = []
        for row in rows:
            config = self.config(row["number"])
            run = Run(row["number"], config, row["run_id"], row["name"], row["attempt"] + 1)
            run.deaths, run.role, run.repeat_of = row["deaths"], row["role"], row["repeat_of"]
            runs.append(run)
        return stack, runs

    def _stack(self, key: int) -> PlannedStack:
        query = "SELECT * FROM stacks WHERE study = ? AND id = ?"
        [row] = self._database.query(query, self._id, key)
        members = from_json(row["members"], f"the members of stack {key}")
        return PlannedStack(key, tuple(members), bool(row["begun"]))


def end_run(
    connection: sqlite3.Connection, run: tuple[int, int], columns: Mapping[str, Any], history: Any
) -> sqlite3.Row:
    """Store a run's end, its epochs in place of those that were written while it was trained."""
    values = {k: as_json(v) if isinstance(v, Mapping) else v for k, v in columns.items()}
    changed = connection.execute(
        f"UPDATE runs SET finished = ?, {', '.join(f'{column} = ?' for column in values)} "
        "WHERE study = ? AND number = ? AND status = 'running'",
        (time.time(), *values.values(), *run),
    )
    if changed.rowcount != 1:
        raise ValueError(f"run {run[1]} is not running: it has ended before")
    connection.execute("DELETE FROM epochs WHERE study = ? AND run = ?", run)
    connection.executemany(
        "INSERT INTO epochs VALUES (?, ?, ?, ?)",
        [(*run, epoch, as_json(m)) for epoch, m in enumerate(history, start=1)],
    )
    query = "SELECT * FROM runs WHERE study = ? AND number = ?"
    row: sqlite3.Row = connection.execute(query, run).fetchone()
    return row
