"""What a study has stored, as its owner reads and writes it: stacks, epochs, rows."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.sweep.file import SweepFile, number
from dlsweep.sweep.study._database import Database, as_json, from_json
from dlsweep.sweep.study._reading import read_rows
from dlsweep.sweep.study._records import config_of, write_epochs, write_stacks
from dlsweep.sweep.study._rows import Row, StudyTable
from dlsweep.sweep.study._runs import PlannedStack, Run
from dlsweep.training import Layout

_WRITE_SECONDS = 2.0  # between writes of the epochs of runs in training
_STOP_SECONDS = 2.0  # between looks at whether the study was stopped
# Settings in which models do not differ; see ``Study.configs``.
_TRAINING_ONLY = {"seed", "epochs", "batch_size", "learning_rate", "weight_decay", "step_size"}
_TRAINING_ONLY |= {"momentum", "beta", "beta1", "beta2", "epsilon", "gamma", "dropout"}


class StudyContents:
    """The stacks, epochs and rows of a study; ``Study`` is one, and hands out runs besides.

    Args:
        database: the study file.
        study: the study's id there.
        sweep: what is searched.
    """

    def __init__(self, database: Database, study: int, sweep: SweepFile) -> None:
        self.name: str
        self.sweep = sweep
        self._database = database
        self._id = study
        self._live: dict[int, dict[int, str]] = {}  # epochs that are to be written, as JSON
        self._wrote = self._looked = time.monotonic()
        self._stopped = False
        with database.snapshot() as connection:
            [self.name] = connection.execute(
                "SELECT name FROM studies WHERE id = ?", (study,)
            ).fetchone()
            [self._last_stack] = connection.execute(
                "SELECT coalesce(max(id), 0) FROM stacks WHERE study = ?", (study,)
            ).fetchone()

    # Stacks

    def plan(self, stacks: Sequence[Sequence[Run]]) -> list[PlannedStack]:
        """Store which runs are to be trained together, in one transaction, before they are."""
        planned = [
            PlannedStack(i, tuple(run.number for run in runs))
            for i, runs in enumerate(stacks, start=self._last_stack + 1)
        ]
        with self._database.transaction() as connection:
            write_stacks(connection, self._id, planned)
        self._last_stack += len(planned)
        return planned

    def begin(self, stack: PlannedStack, compile_for: Layout | None) -> PlannedStack:
        """Store that a stack's training begins, and what it is compiled for."""
        begun = dataclasses.replace(stack, compile_for=compile_for, begun=True)
        with self._database.transaction() as connection:
            write_stacks(connection, self._id, [begun])
        return begun

    def store_deaths(self, runs: Sequence[Run]) -> None:
        """Store the ``deaths`` of runs, as the caller has counted them."""
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE runs SET deaths = ? WHERE study = ? AND number = ?",
                [(run.deaths, self._id, run.number) for run in runs],
            )

    @property
    def compiled(self) -> bool:
        """Whether any of the stacks so far was compiled."""
        with self._database.snapshot() as connection:
            query = "SELECT 1 FROM stacks WHERE study = ? AND compile_for IS NOT NULL LIMIT 1"
            return connection.execute(query, (self._id,)).fetchone() is not None

    @property
    def checkpoints(self) -> Path:
        """The folder of this study's checkpoints, beside the study file."""
        file = self._database.file.absolute()
        return file.with_name(f"{file.name}.checkpoints") / self.name

    def checkpoint(self, stack: PlannedStack) -> Path:
        """Where the checkpoint of a stack is kept while it is trained."""
        return self.checkpoints / f"{stack.id}.safetensors"

    def clear_checkpoints(self, keep: Collection[PlannedStack] = ()) -> None:
        """Remove all checkpoints but those of some stacks, and then the empty folders."""
        kept = {self.checkpoint(stack) for stack in keep}
        if self.checkpoints.is_dir():
            for file in self.checkpoints.iterdir():
                if file not in kept and ".safetensors" in file.suffixes:
                    file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something is left in them, or they are not there
            self.checkpoints.rmdir()
            self.checkpoints.parent.rmdir()

    # Epochs

    def epoch(self, run: Run, metrics: Mapping[str, Any]) -> None:
        """Keep an epoch of a run in training for whoever looks; written every few seconds.

        Args:
            run: the run.
            metrics: what it logged, by name; its ``epoch`` counts from 1. Later epochs of the run
                are from a process that has died, and are removed.
        """
        epoch = int(metrics["epoch"])
        kept = {e: m for e, m in self._live.get(run.number, {}).items() if e < epoch}
        self._live[run.number] = {**kept, epoch: as_json(metrics)}
        if time.monotonic() - self._wrote > _WRITE_SECONDS:
            self._write_epochs()

    # Reading

    def config(self, number: int) -> RunConfig:
        """The configuration of a run, whatever has become of it.

        Raises:
            ValueError: it has no valid one.
        """
        with self._database.snapshot() as connection:
            row = connection.execute(
                "SELECT number, config FROM runs WHERE study = ? AND number = ? "
                "AND run_id IS NOT NULL",
                (self._id, number),
            ).fetchone()
            config = None if row is None else config_of(row)
        if config is None:
            raise ValueError(f"run {number} has no valid configuration")
        return config

    def configs(self) -> list[RunConfig]:
        """The models of all runs so far: of runs that differ only in how they train, the first."""
        found = {}
        with self._database.snapshot() as connection:
            for row in connection.execute(
                "SELECT number, config FROM runs WHERE study = ? AND run_id IS NOT NULL",
                (self._id,),
            ):
                settings = from_json(row["config"], f"the config of run {row['number']}")
                model = {k: v for k, v in settings.items() if k not in _TRAINING_ONLY}
                key = as_json([model, settings.get("dropout") == 0])
                if key not in found:
                    found[key] = config_of(row)
        return [config for config in found.values() if config is not None]

    def epochs_logged(self, number: int) -> int:
        """How many epochs a run that has ended logged."""
        with self._database.snapshot() as connection:
            [count] = connection.execute(
                "SELECT count(*) FROM epochs WHERE study = ? AND run = ?", (self._id, number)
            ).fetchone()
        return int(count)

    def curves(self) -> dict[int, list[float | None]]:
        """The sweep's metric by epoch, of every run that has logged any, by its number."""
        self._write_epochs()
        found: dict[int, list[float | None]] = {}
        name = self.sweep.metric.name
        with self._database.snapshot() as connection:
            for run, text in connection.execute(
                "SELECT run, metrics FROM epochs WHERE study = ? ORDER BY run, epoch", (self._id,)
            ):
                metrics = from_json(text, f"an epoch of run {run}")
                found.setdefault(run, []).append(number(metrics.get(name)))
        return found

    def rows(self) -> list[Row]:
        """The runs so far, by number, with all of their epochs."""
        self._write_epochs()
        with self._database.snapshot() as connection:
            return list(read_rows(connection, self._id, owned=True, epochs="all"))

    def table(self) -> StudyTable:
        """The study so far."""
        rows = tuple(self.rows())
        return StudyTable(
            self.name, self.sweep.metric, rows, self.sweep, self._look(), self.folders
        )

    def stop_asked(self) -> bool:
        """Whether ``dlsweep stop`` has stopped the study; looked up every few seconds."""
        if time.monotonic() - self._looked > _STOP_SECONDS:
            self._looked = time.monotonic()
            self._stopped = self._look()
        return self._stopped

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of wandb runs beside those of the runs, such as the one that shows data."""
        with self._database.snapshot() as connection:
            [text] = connection.execute(
                "SELECT folders FROM studies WHERE id = ?", (self._id,)
            ).fetchone()
        return tuple(from_json(text, f"the folders of study {self.name}"))

    def keep_folders(self, folders: Sequence[Path | str]) -> None:
        """Store ``folders``."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE studies SET folders = ? WHERE id = ?",
                (as_json([str(folder) for folder in folders]), self._id),
            )

    # Inside

    def _look(self) -> bool:
        with self._database.snapshot() as connection:
            query = "SELECT stopped FROM studies WHERE id = ?"
            return bool(connection.execute(query, (self._id,)).fetchone()[0])

    def _write_epochs(self) -> None:
        self._wrote = time.monotonic()
        if self._live:
            live, self._live = self._live, {}
            with self._database.transaction() as connection:
                write_epochs(connection, self._id, live)
