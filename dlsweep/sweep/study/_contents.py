"""What a study has stored, as its owner reads and writes it: stacks, epochs, rows."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.sweep.file import Config, SweepFile, number
from dlsweep.sweep.study._database import Database, as_json, from_json
from dlsweep.sweep.study._reading import read_table
from dlsweep.sweep.study._runs import PlannedStack, Row, Run
from dlsweep.sweep.study._storage import StorageError
from dlsweep.sweep.study._table import StudyTable

_WRITE_SECONDS = 2.0  # between writes of the epochs of runs in training
_STOP_SECONDS = 2.0  # between looks at whether the study was stopped
# Settings in which models do not differ; see ``Study.configs``.
_TRAINING_ONLY = {"seed", "epochs", "batch_size", "learning_rate", "weight_decay", "step_size"}
_TRAINING_ONLY |= {"momentum", "beta", "beta1", "beta2", "epsilon", "gamma", "dropout"}


class StudyContents:
    """The stacks, epochs and rows of a study; ``Study`` is one, and hands out runs besides."""

    def __init__(self, database: Database, study: sqlite3.Row, sweep: SweepFile) -> None:
        self.name: str = study["name"]
        self.sweep = sweep
        self.file = database.file
        self._database = database
        self._id: int = study["id"]
        # Epochs that are to be written, with their metrics as JSON, by run.
        self._unwritten: dict[int, list[tuple[int, str]]] = {}
        self._wrote = self._looked = time.monotonic()
        self._stopped = False
        query = "SELECT coalesce(max(id), 0) FROM stacks WHERE study = ?"
        [[self._last_stack]] = database.query(query, self._id)

    # Stacks

    def plan(self, stacks: Sequence[Sequence[Run]]) -> list[PlannedStack]:
        """Store which runs are to be trained together, in one transaction, before they are."""
        planned = [
            PlannedStack(i, tuple(run.number for run in runs))
            for i, runs in enumerate(stacks, start=self._last_stack + 1)
        ]
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO stacks (study, id, members) VALUES (?, ?, ?)",
                [(self._id, stack.id, as_json(stack.members)) for stack in planned],
            )
            connection.executemany(
                "UPDATE runs SET stack = ? WHERE study = ? AND number = ?",
                [(stack.id, self._id, run) for stack in planned for run in stack.members],
            )
        self._last_stack += len(planned)
        return planned

    def begin(self, stack: PlannedStack) -> PlannedStack:
        """Store that a stack's training begins."""
        self._database.write(
            "UPDATE stacks SET begun = 1 WHERE study = ? AND id = ?", [(self._id, stack.id)]
        )
        return dataclasses.replace(stack, begun=True)

    def paused_in(self, run: int) -> PlannedStack | None:
        """The stack that a run was in when it was stopped; None if it was not."""
        query = "SELECT stack FROM runs WHERE study = ? AND number = ? AND status = 'stopped'"
        for (stack,) in self._database.query(query, self._id, run):
            if stack is not None:
                return PlannedStack(stack, ())
        return None

    def store_deaths(self, runs: Sequence[Run]) -> None:
        """Store the ``deaths`` of runs, as the caller has counted them."""
        self._database.write(
            "UPDATE runs SET deaths = ? WHERE study = ? AND number = ?",
            [(run.deaths, self._id, run.number) for run in runs],
        )

    @property
    def checkpoints(self) -> Path:
        """The folder of this study's checkpoints, beside the study file."""
        file = self._database.file.absolute()
        return file.with_name(f"{file.name}.checkpoints") / self.name

    def checkpoint(self, stack: PlannedStack) -> Path:
        """Where the checkpoint of a stack is kept while it is trained."""
        return self.checkpoints / f"{stack.id}.safetensors"

    def clear_checkpoints(
        self, keep: Collection[PlannedStack] = (), *, rungs: bool = False
    ) -> None:
        """Remove all checkpoints but those of some stacks, and then the empty folders.

        Args:
            keep: the stacks.
            rungs: also what is kept of runs that have paused.
        """
        kept = {self.checkpoint(stack) for stack in keep}
        for pattern in ("*.safetensors*", *(["*.rung*"] if rungs else [])):
            for file in self.checkpoints.glob(pattern):
                if file not in kept:
                    file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # they are not empty, or not there
            self.checkpoints.rmdir()
            self.checkpoints.parent.rmdir()

    # Epochs

    def epoch(self, run: Run, epoch: int, metrics: Mapping[str, Any]) -> None:
        """Keep an epoch of a run in training for other processes; written every few seconds.

        Args:
            run: the run.
            epoch: its number, from 1. Later epochs of the run are from a process that has died,
                and are removed.
            metrics: what it logged, by name.
        """
        self._unwritten.setdefault(run.number, []).append((epoch, as_json(metrics)))
        if time.monotonic() - self._wrote > _WRITE_SECONDS:
            self._write_epochs()

    def _write_epochs(self) -> None:
        self._wrote = time.monotonic()
        unwritten, self._unwritten = self._unwritten, {}
        if not unwritten:
            return
        delete = "DELETE FROM epochs WHERE study = ? AND run = ? AND epoch >= ?"
        with self._database.transaction() as connection:
            for run, epochs in unwritten.items():
                for epoch, metrics in epochs:
                    key = self._id, run, epoch
                    connection.execute(delete, key)
                    connection.execute("INSERT INTO epochs VALUES (?, ?, ?, ?)", (*key, metrics))

    # Reading

    def config(self, number: int) -> Config:
        """The configuration of a run, in whatever state it is.

        Raises:
            ValueError: it has no valid one.
        """
        query = "SELECT config FROM runs WHERE study = ? AND number = ?"
        for (text,) in self._database.query(query, self._id, number):
            settings = from_json(text, f"the config of run {number}")
            if (config := self.sweep.space.restore(settings)) is not None:
                return config
        raise ValueError(f"run {number} has no valid configuration")

    def configs(self) -> list[RunConfig]:
        """The models of all runs so far: of runs that differ only in how they train, the first."""
        found: dict[str, Any] = {}
        query = "SELECT number, config FROM runs WHERE study = ? AND run_id IS NOT NULL"
        for run, text in self._database.query(query, self._id):
            settings = from_json(text, f"the config of run {run}")
            model = {k: v for k, v in settings.items() if k not in _TRAINING_ONLY}
            found.setdefault(as_json([model, settings.get("dropout") == 0]), settings)
        configs = map(self.sweep.space.restore, found.values())
        return [config for config in configs if isinstance(config, RunConfig)]

    def curves(self) -> dict[int, list[float | None]]:
        """The sweep's metric by epoch, of every run of the search with any, by its number.

        Of a program only the rows that have the metric.
        """
        self._write_epochs()
        found: dict[int, list[float | None]] = {}
        query = "SELECT run, metrics FROM epochs JOIN runs ON runs.study = epochs.study AND "
        query += "number = run WHERE epochs.study = ? AND role IN ('search', 'repeat') "
        query += "ORDER BY run, epoch"
        with self._database.snapshot() as connection:
            for run, text in connection.execute(query, (self._id,)):
                metrics = from_json(text, f"an epoch of run {run}")
                if self.sweep.command is None or self.sweep.metric.name in metrics:
                    value = number(metrics.get(self.sweep.metric.name))
                    found.setdefault(run, []).append(value)
        return found

    def point_numbers(self) -> dict[int, int]:
        """The number of its point, by the number of each run of the search."""
        query = "SELECT number, coalesce(repeat_of, number) FROM runs WHERE study = ? "
        query += "AND role IN ('search', 'repeat')"
        return dict(map(tuple, self._database.query(query, self._id)))

    @property
    def open_runs(self) -> int:
        """How many runs are handed out and have not ended."""
        query = "SELECT count(*) FROM runs WHERE study = ? AND status = 'running'"
        [[count]] = self._database.query(query, self._id)
        return int(count)

    def rows(self) -> list[Row]:
        """The runs so far, by number, with all of their epochs."""
        return list(self.table().rows)

    def table(self) -> StudyTable:
        """The study so far."""
        self._write_epochs()
        with self._database.snapshot() as connection:
            query = "SELECT * FROM studies WHERE id = ?"
            study = connection.execute(query, (self._id,)).fetchone()
            return read_table(self._database.file, connection, study, self.sweep, "all")

    def stop_asked(self) -> bool:
        """Whether ``dlsweep stop`` has stopped the study; looked up every few seconds.

        What was logged is written then too: a program may log nothing more for hours.
        """
        if time.monotonic() - self._looked > _STOP_SECONDS:
            self._looked = time.monotonic()
            if not self.file.exists():  # SQLite goes on writing where nobody finds it
                raise StorageError(f"study: {self.file} was removed while it was used")
            self._write_epochs()
            query = "SELECT stopped FROM studies WHERE id = ?"
            [[self._stopped]] = self._database.query(query, self._id)
        return bool(self._stopped)

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of wandb runs beside those of the runs, such as the one that shows data."""
        [[text]] = self._database.query("SELECT folders FROM studies WHERE id = ?", self._id)
        return tuple(from_json(text, f"the folders of study {self.name}"))

    def keep_folders(self, folders: Sequence[Path | str]) -> None:
        """Store ``folders``."""
        text = as_json([str(folder) for folder in folders])
        self._database.write("UPDATE studies SET folders = ? WHERE id = ?", [(text, self._id)])
